"""The promises of an annotator, for tests of your own: ``check_annotator(MyAnnotator())``."""

import random
from dataclasses import replace

import numpy as np

from alrun.data.dataset import STRANGER
from alrun.pool.annotator import Annotator, Asked, annotate
from alrun.testing.contract import Broken

CLASSES = 3


def check_annotator(annotator: Annotator) -> None:
    """Look whether answers are classes, depend on seed and example alone, and leave the examples as they are.

    Raises:
        Broken: The annotator breaks a promise; the message says how.
        UserError: An opinion is not a class, or STRANGER, for each example.
    """
    pools = {
        "a pool of three classes and strangers": pool_of([0, 1, 2, 1, STRANGER] * 20),
        "a pool of one class": pool_of([1] * 10),
        "a pool of strangers": pool_of([STRANGER] * 10),
        "a pool of one example": pool_of([2]),
    }
    for name, asked in pools.items():
        before = asked.truth.copy(), asked.examples.copy()
        answers = []
        for global_seed in (1, 2):
            random.seed(global_seed)
            np.random.seed(global_seed)
            answers.append(annotate(annotator, replace(asked), seed=0))
        if not np.array_equal(*answers):
            raise Broken(f"the answers about {name} differ when it is asked again: draw from `draws` alone")
        if not (np.array_equal(before[0], asked.truth) and np.array_equal(before[1], asked.examples)):
            raise Broken(f"opinion() changes what it is asked about, in {name}: copy it first")


def pool_of(labels: list[int]) -> Asked:
    """Examples with true ``labels``, as vectors that depend on them."""
    truth = np.array(labels)
    vectors = np.random.default_rng(0).normal(size=(len(labels), 6)) + truth[:, None]
    return Asked(truth, vectors.astype(np.float32), CLASSES)
