"""What a run has computed so far: a checkpoint that resuming reads, and CSV views of it for people."""

import math
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

import torch
from torch import Tensor

from alrun import checkpoint, files
from alrun.energy import Cost
from alrun.errors import UserError
from alrun.train import TrainResult

FORMAT = 3  # of state.pt; raise it when its content changes


@dataclass(frozen=True)
class RoundRecord:
    """One row of accuracy.csv and timing.csv, and one of per_class.csv for every class.

    Accuracies are shares; seconds are wall time, device included; joules are the device's, NaN where it tells none.
    """

    round: int
    labeled: int
    test_accuracy: float
    calibration_error: float
    train_accuracy: float
    epochs: int
    steps: int
    stopped_by: str
    restarts: int
    device: str
    class_accuracy: list[float]  # test accuracy of each class; NaN for one without test examples
    class_labeled: list[int]  # labeled examples of each class
    train_seconds: float  # with what the strategy trained of its own after this round
    evaluate_seconds: float
    select_seconds: float = 0.0  # pass over the pool and selection that followed this round
    train_joules: float = math.nan
    evaluate_joules: float = math.nan
    select_joules: float = math.nan
    energy_source: str = "none"  # see alrun.energy

    @property
    def trained(self) -> TrainResult:
        """How the round's model was trained."""
        return TrainResult(
            self.train_accuracy,
            self.epochs,
            self.steps,
            self.stopped_by,
            self.train_seconds,
            self.restarts,
            self.train_joules,
        )


COSTS = ("train_seconds", "evaluate_seconds", "select_seconds")
COSTS += ("train_joules", "evaluate_joules", "select_joules", "energy_source")
BY_CLASS = ("class_accuracy", "class_labeled")
ACCURACY_COLUMNS = [f.name for f in fields(RoundRecord) if f.name not in COSTS + BY_CLASS]
TIMING_COLUMNS = ["round", "labeled", *COSTS]


@dataclass
class RunState:
    """Rounds and queries of a run.

    ``queries[0]`` is the seed set and ``queries[r]`` what was bought before round r; ``weights`` are those of the
    last trained round. Equal lengths of rounds and queries mean that the next step is a selection.
    """

    data: str  # fingerprint of the data set
    queries: list[Tensor] = field(default_factory=list)
    rounds: list[RoundRecord] = field(default_factory=list)
    weights: dict[str, Tensor] | None = None

    @property
    def labeled(self) -> Tensor:
        """All labeled indices in order of purchase."""
        return torch.cat(self.queries)

    @property
    def is_trained(self) -> bool:
        """Whether the current round's model is trained, so that a selection is next."""
        return len(self.rounds) == len(self.queries)

    def add_round(self, record: RoundRecord, weights: dict[str, Tensor]) -> None:
        """Note that the current round was trained and evaluated."""
        self.rounds.append(record)
        self.weights = {name: tensor.detach().cpu().clone() for name, tensor in weights.items()}

    def add_query(self, index: Tensor, selection: Cost, training: Cost) -> None:
        """Note what was bought after the current round, and what choosing and the strategy's own training cost."""
        last = self.rounds[-1]
        self.rounds[-1] = replace(
            last,
            train_seconds=last.train_seconds + training.seconds,
            train_joules=last.train_joules + training.joules,
            select_seconds=selection.seconds,
            select_joules=selection.joules,
        )
        self.queries.append(index.cpu())

    def save(self, run_dir: Path) -> None:
        """Write state.pt, then the CSV views; each replaces its predecessor in one step, and state.pt keeps it."""
        content = {
            "format": FORMAT,
            "data": self.data,
            "queries": self.queries,
            "rounds": [asdict(record) for record in self.rounds],
            "weights": self.weights,
        }
        checkpoint.write(run_dir / "state.pt", content)
        self.write_views(run_dir)

    def write_views(self, run_dir: Path) -> None:
        """Write accuracy.csv, timing.csv, per_class.csv and queries.csv."""
        rows = [asdict(record) for record in self.rounds]
        files.write_csv(run_dir / "accuracy.csv", ACCURACY_COLUMNS, rows)
        files.write_csv(run_dir / "timing.csv", TIMING_COLUMNS, rows)
        by_class = [
            {"round": record.round, "class": label, "test_accuracy": accuracy, "labeled": labeled}
            for record in self.rounds
            for label, (accuracy, labeled) in enumerate(zip(record.class_accuracy, record.class_labeled, strict=True))
        ]
        files.write_csv(run_dir / "per_class.csv", ["round", "class", "test_accuracy", "labeled"], by_class)
        bought = [
            {"round": round, "position": position, "index": index}
            for round, query in enumerate(self.queries)
            for position, index in enumerate(query.tolist())
        ]
        files.write_csv(run_dir / "queries.csv", ["round", "position", "index"], bought)

    @classmethod
    def load(cls, run_dir: Path, data: str | None = None) -> "RunState":
        """The state in ``run_dir``, or an empty one on the first start; ``data``: the fingerprint it must have.

        Raises:
            UserError: The checkpoint cannot be read, is of another version, or belongs to other data.
        """
        path = run_dir / "state.pt"
        content = checkpoint.read(path, f"delete {run_dir} to begin this run anew")
        if content is None:
            return cls(data or "")
        if content.get("format") != FORMAT:
            raise UserError(
                f"{path} has format {content.get('format')}, this version of alrun reads {FORMAT}: "
                "use the version that wrote it, or delete the folder to begin anew."
            )
        if data is not None and content["data"] != data:
            raise UserError(
                f"{path} was computed on other data than dataset holds now: restore the data set, "
                "or delete the folder to begin anew."
            )
        rounds = [RoundRecord(**record) for record in content["rounds"]]
        return cls(content["data"], content["queries"], rounds, content["weights"])
