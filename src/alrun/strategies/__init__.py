"""Selection strategies: ``strategy=`` options. base.py says what a strategy is; every other file holds one idea."""

from alrun.strategies.badge import Badge
from alrun.strategies.base import Needs, Outputs, Query, ScoreStrategy, Strategy
from alrun.strategies.coreset import Coreset
from alrun.strategies.disagreement import Bald, VariationRatio, VoteEntropy
from alrun.strategies.partitioned import Partitioned
from alrun.strategies.random import Random
from alrun.strategies.uncertainty import Entropy, LeastConfidence, Margin

__all__ = [
    "Badge",
    "Bald",
    "Coreset",
    "Entropy",
    "LeastConfidence",
    "Margin",
    "Needs",
    "Outputs",
    "Partitioned",
    "Query",
    "Random",
    "ScoreStrategy",
    "Strategy",
    "VariationRatio",
    "VoteEntropy",
]
