"""Selection strategies: ``strategy=`` options. base.py defines a strategy; every other file holds one idea.

Twelve are the core, which README, help and the evidence present: what the paper compares throughout (``random``,
``entropy``, ``margin``, ``least_confidence``, ``badge``, ``coreset``, ``glister``, ``fass``), and the most cited one of
each kind that its figures leave out: Bayesian disagreement (``bald``), Fisher information (``bait``), typicality
(``typiclust``) and covering (``probcover``). All others are in ``more``, held to the same contract and tests.
"""

from alrun.strategies.base import Needs, Outputs, Query, ScoreStrategy, Strategy

__all__ = ["Needs", "Outputs", "Query", "ScoreStrategy", "Strategy"]
