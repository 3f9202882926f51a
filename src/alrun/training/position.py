"""Where a round's training is, and the plain values in which a checkpoint holds that."""

import math
from dataclasses import dataclass, field
from typing import Any

from alrun.system.energy import Cost
from alrun.training.subsets.base import Choice


@dataclass
class Position:
    """Where a round's training is; with weights, optimizer and torch's random numbers all that the rest depends on."""

    history: list[float] = field(default_factory=list)  # training accuracy of every finished epoch
    steps: int = 0  # in them
    taken: int = 0  # steps in the epoch that is under way
    restarts: int = 0
    before: Cost = field(default_factory=Cost)  # in processes before this one
    choice: Choice | None = None  # of the epoch that is under way, or of the last one

    def content(self, spent: Cost) -> dict[str, Any]:
        """The position in the middle of an epoch, when the training has cost ``spent``: plain values and tensors."""
        assert self.choice is not None
        return {
            "history": list(self.history),
            "steps": self.steps,
            "taken": self.taken,
            "restarts": self.restarts,
            "seconds": spent.seconds,
            "joules": spent.joules,
            "choice": [self.choice.index, self.choice.weights],
        }

    @classmethod
    def from_content(cls, content: dict[str, Any]) -> "Position":
        """The position that ``content`` holds, for another process to go on from."""
        return cls(
            content["history"],
            content["steps"],
            content["taken"],
            content["restarts"],
            Cost(content["seconds"], content.get("joules", math.nan)),  # earlier versions measured time alone
            Choice(*content["choice"]),
        )
