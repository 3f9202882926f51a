"""Selection strategies: ``strategy=`` options. base.py says what a strategy is; every other file holds one idea."""

from alrun.strategies.base import Needs, Outputs, Query, ScoreStrategy, Strategy

__all__ = ["Needs", "Outputs", "Query", "ScoreStrategy", "Strategy"]
