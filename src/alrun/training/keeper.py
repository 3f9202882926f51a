"""The unfinished training of a round, in a file from which another process resumes it.

Its checkpoints replace one another: if they are lost, their content is computed again.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from alrun.system import files, interruption
from alrun.system.errors import UserError
from alrun.training.checkpoint import previous_path, read_checkpoint, write_checkpoint
from alrun.training.frozen import Frozen, frozen_beside

log = logging.getLogger(__name__)


class Keeper:
    """Keeps the unfinished training of a round in a file: every ``minutes``, and when a signal asks to stop.

    Args:
        path: Of the file.
        minutes: Between two checkpoints; 0: one after every step; None: only when a signal asks to stop.
        round: Of the run.
        labeled: Indices of the labeled set; a file with others belongs to another training.
        owned: Raises an error if the run now belongs to another process.
    """

    def __init__(
        self, path: Path, minutes: float | None, round: int, labeled: Tensor, owned: Callable[[], None] = lambda: None
    ) -> None:
        self.path = path
        self.frozen = Frozen(frozen_beside(path))
        self.owned = owned
        self.minutes = minutes
        self.about = {"round": round, "labeled": labeled.cpu()}
        self.saved = perf_counter()

    def load(self) -> dict[str, Any] | None:
        """The saved state of this training; None if there is none or it cannot be read."""
        try:
            content = read_checkpoint(self.path, "the round starts over")
        except UserError as error:
            log.warning("%s", error)
            return None
        if content is None or content["round"] != self.about["round"]:
            return None
        if not torch.equal(content["labeled"], self.about["labeled"]):
            return None
        try:
            return content | {"model": self.frozen.whole(content["model"], content["frozen"])}
        except UserError as error:
            log.warning("%s", error)
            return None

    @property
    def is_due(self) -> bool:
        """Whether it is time to save."""
        late = self.minutes is not None and perf_counter() - self.saved >= 60 * self.minutes
        return late or interruption.received() is not None

    def save(self, content: dict[str, Any]) -> None:
        """Write ``content``, whose ``model`` may leave out the tensors ``frozen``; stop if a signal has asked to."""
        self.owned()
        frozen = self.frozen.left_out(content["model"], content["frozen"])
        model = self.frozen.rest(content["model"], frozen)
        write_checkpoint(self.path, self.about | content | {"model": model, "frozen": frozen})
        self.saved = perf_counter()
        interruption.stop_if_signaled()

    @staticmethod
    def clear(path: Path) -> None:
        """Remove the files at ``path``, if any: the training is over and its result is saved elsewhere."""
        files.remove(path, previous_path(path))
