"""Keeps what Hydra composed for the words of a command line.

For each run of a sweep Hydra composes the same words twice, and repeats differ in their seed alone. Composing takes a
tenth of a second, which is longer than a round on vectors; a copy takes some milliseconds.
"""

import os
import re
from collections.abc import Callable, Hashable, Sequence
from copy import deepcopy
from typing import Any

from omegaconf import DictConfig, OmegaConf

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
    """The word that sets the seed to a number, if no other one speaks of the seed or of how Hydra writes words down."""
    found = [word for word in words if re.search(r"(?<!\w)seed\b", word)]
    is_plain = len(found) == 1 and SEED.fullmatch(found[0]) and not any("hydra.job" in word for word in words)
    return found[0] if is_plain else None


def with_seed(composed: DictConfig, word: str) -> DictConfig:
    """``composed`` as if ``word`` had stood in the place of its own ``seed=...``."""
    own = f"seed={composed.seed}"
    composed.seed = int(word.partition("=")[2])
    hydra: Any = OmegaConf.to_container(composed.hydra, resolve=False)  # words stay as they were typed
    typed, name = hydra["overrides"]["task"], hydra["job"]["override_dirname"]
    composed.hydra.overrides.task[typed.index(own)] = word
    composed.hydra.job.override_dirname = re.sub(rf"(?<![^,]){own}(?![^,])", word, name)
    return composed
