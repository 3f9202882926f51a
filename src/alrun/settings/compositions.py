"""Keeps what Hydra composed for the words of a command line.

For each run of a sweep Hydra composes the same words twice, and repeats differ in their seed alone. Composing takes a
tenth of a second, which is longer than a round on vectors; a copy takes some milliseconds.
"""

import os
import re
from collections.abc import Callable, Hashable, Sequence
from copy import deepcopy

from omegaconf import DictConfig

SEED = re.compile(r"seed=(0|[1-9]\d*)")
MOST = 500  # that are kept, of 0.2 MB each: a search tries new words without end


class Compositions:
    """Compositions by the words that they were made of."""

    def __init__(self) -> None:
        self.kept: dict[Hashable, DictConfig] = {}

    def __getstate__(self) -> dict[str, object]:
        """None goes along to another process, which composes for its one run."""
        return {"kept": {}}

    def get(self, words: Sequence[str], mode: Hashable, compose: Callable[[], DictConfig]) -> DictConfig:
        """What ``compose()`` returns for ``words``, or a copy of it; ``mode`` is what else it depends on."""
        seed = seed_of(words)
        key = tuple("seed" if word == seed else word for word in words), mode, os.getcwd()
        if key not in self.kept:
            if len(self.kept) == MOST:
                del self.kept[next(iter(self.kept))]  # the oldest
            self.kept[key] = compose()
        composed = deepcopy(self.kept[key])
        return composed if seed is None else with_seed(composed, seed)


def seed_of(words: Sequence[str]) -> str | None:
    """The word that sets the seed to a number, if no other speaks of the seed."""
    found = [word for word in words if re.match(r"[+~]*seed\b", word)]
    return found[0] if len(found) == 1 and SEED.fullmatch(found[0]) else None


def with_seed(composed: DictConfig, word: str) -> DictConfig:
    """``composed`` as if ``word`` had stood in the place of its own ``seed=...``."""
    own = f"seed={composed.seed}"
    composed.seed = int(word.partition("=")[2])
    typed, job = composed.hydra.overrides.task, composed.hydra.job
    typed[typed.index(own)] = word
    job.override_dirname = re.sub(rf"(?<![^,]){own}(?![^,])", word, job.override_dirname)
    return composed
