"""What the tests of strategies share."""

from alrun.strategies import Strategy
from alrun.testing.made_queries import (
    CLASSES,
    NORMALIZE,
    identical_images,
    images_in_fives,
    make_query,
    noise,
    query_about,
)

__all__ = ["CLASSES", "NORMALIZE", "identical_images", "images_in_fives", "make_query", "names", "noise", "query_about"]


def names(strategy: Strategy) -> str:
    return type(strategy).__name__ + (" with dropout" if strategy.needs.dropout_samples else "")
