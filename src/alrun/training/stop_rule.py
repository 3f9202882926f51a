"""The rule by which a round's training stops, and the result of a training."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class StopRule:
    """The paper's three reasons to stop (Section 4, and the public notebooks for the third)."""

    max_epochs: int
    accuracy: float | None  # running training accuracy at which training stops, 0 to 1; None: never
    patience: int | None  # epochs without gain after which training stops; None: never
    min_gain: float  # accuracy

    def reason(self, history: Sequence[float], is_annealed: bool = False) -> str | None:
        """Why training stops after ``history`` (training accuracy of every epoch), or None to go on.

        After ``max_epochs`` it is ``schedule_end`` if the learning rate ``is_annealed`` by then, so that training ends
        as planned, and ``max_epochs`` if it is cut short.
        ``no_gain`` holds when, of the last ``patience`` accuracies, no later one exceeds an earlier one by
        ``min_gain`` or more. A steady fall also counts as no gain.
        """
        if self.accuracy is not None and history[-1] >= self.accuracy:
            return "accuracy"
        if len(history) >= self.max_epochs:
            return "schedule_end" if is_annealed else "max_epochs"
        if self.patience is not None and len(history) >= self.patience:
            lowest = math.inf
            for value in history[-self.patience :]:
                # Accuracies are shares of a count: the sum of two may miss min_gain by round-off alone.
                if value - lowest >= self.min_gain - 1e-12:
                    return None
                lowest = min(lowest, value)
            return "no_gain"
        return None


@dataclass(frozen=True)
class TrainResult:
    """How a model was trained."""

    accuracy: float  # running training accuracy of the last epoch: augmented batches, train mode; NaN without epochs
    epochs: int
    steps: int
    stopped_by: str  # accuracy, no_gain, schedule_end, max_epochs, optimum; given: trained elsewhere (first_model)
    seconds: float
    restarts: int = 0
    joules: float = math.nan  # NaN if the hardware does not report it
