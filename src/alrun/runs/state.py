"""The state of a run: a checkpoint to resume from, and CSV views of it for people."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, count, repeat
from pathlib import Path
from typing import Any

from torch import Tensor

from alrun.runs import query_table, run_folder, schema, stopping
from alrun.runs.generations import Generations
from alrun.runs.round_record import ACCURACY_COLUMNS, MEASURES_COLUMNS, TIMING_COLUMNS, RoundRecord
from alrun.runs.schema import SCHEMA_VERSION
from alrun.system import files
from alrun.system.energy import Cost
from alrun.system.errors import StorageError
from alrun.system.lock import TakenOver
from alrun.training.frozen import Frozen

READABLE = 4  # the oldest schema version whose checkpoints can be read
NAME = "state.pt"  # which alrun 0.1.0 wrote without a number


@dataclass
class RunState:
    """Rounds and queries of a run.

    ``queries[0]`` is the seed set, ``queries[r]`` the query before round r; ``weights`` are those of the last trained
    round, ``frozen`` the names of weights that training does not change. If there are as many rounds as queries, the
    next step is a selection.
    """

    data: str  # fingerprint of the data set
    queries: list[Tensor] = field(default_factory=list)
    rounds: list[RoundRecord] = field(default_factory=list)
    weights: dict[str, Tensor] | None = None
    frozen: list[str] = field(default_factory=list)
    saved: Generations | None = field(default=None, repr=False, compare=False)  # its checkpoints, once it has a folder
    class_names: list[str] | None = None  # None: classes are called by their numbers
    shown: tuple[int, int] = field(default=(-1, -1), repr=False, compare=False)  # rounds and queries in the views

    @property
    def is_trained(self) -> bool:
        """Whether the current round's model is trained, so that a selection is next."""
        return len(self.rounds) == len(self.queries)

    def add_round(self, record: RoundRecord, weights: dict[str, Tensor], frozen: Iterable[str] = ()) -> None:
        """Record that the current round was trained and evaluated; ``frozen`` are names of weights that stay."""
        self.rounds.append(record)
        self.frozen = sorted(frozen)
        self.weights = {name: tensor.detach().cpu().clone() for name, tensor in weights.items()}

    def add_query(self, index: Tensor, selection: Cost, training: Cost) -> None:
        """Record the query after the current round, and what the selection and the strategy's own training cost."""
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
        """Write the next checkpoint, then the CSV views, each in one step; frozen weights are written once.

        Raises:
            TakenOver: Another process has saved since this state was loaded or saved; its files stay.
            UserError: The disk is full or the folder cannot be written to; the checkpoint before is kept.
        """
        if self.saved is None:
            self.saved = Generations(run_dir / NAME)
        self.saved.check()  # before frozen weights are written, too
        store, weights = Frozen(run_dir / "frozen.pt"), self.weights or {}
        frozen = store.left_out(weights, self.frozen)
        self.saved.write(
            {
                schema.KEY: SCHEMA_VERSION,
                "data": self.data,
                "queries": self.queries,
                "rounds": [dict(vars(record)) for record in self.rounds],
                "weights": None if self.weights is None else store.rest(weights, frozen),
                "frozen": frozen,
                "class_names": self.class_names,
            }
        )
        self.write_views(run_dir)

    def check(self) -> None:
        """Make sure that no other process has saved since this state was loaded or saved.

        Raises:
            TakenOver: One has.
        """
        if self.saved is not None:
            self.saved.check()

    def write_views(self, run_dir: Path) -> None:
        """Write the CSV views, as far as this process has not yet.

        They may not survive a power cut until the run is done; a resumed run writes them again.

        Raises:
            TakenOver: Another process has saved meanwhile; the views are those of its newest checkpoint.
        """
        self.check()
        counts = len(self.rounds), len(self.queries)
        is_new = [now != before for now, before in zip(counts, self.shown, strict=True)]
        try:
            for name, columns, rows in self.views(*is_new):
                files.write_csv(run_dir / name, columns, rows, lasts=False)
                self.check()
            if is_new[1] and query_table.are_many(self.queries):
                query_table.write_large(run_dir, self.queries)
        except TakenOver:  # while this process slept: the view that it wrote may be older than the one that was there
            RunState.load(run_dir, self.data).write_views(run_dir)
            raise
        self.shown = counts

    def views(self, trained: bool, chosen: bool) -> Iterator[tuple[str, Sequence[str], Iterable[files.Row]]]:
        """Name, columns and rows of the CSV views that change when a round was ``trained``, or a query ``chosen``."""
        rows = [record.row for record in self.rounds]
        if trained:
            yield "accuracy.csv", ACCURACY_COLUMNS, rows
            yield "measures.csv", MEASURES_COLUMNS, rows
            yield "stopping.csv", stopping.COLUMNS, stopping.table(rows)
            yield "per_class.csv", ["round", "class", "test_accuracy", "labeled"], self.by_class()
            if by_group := self.by_group():
                yield run_folder.PER_GROUP, ["round", "group", "test_accuracy"], by_group
        if trained or chosen:
            yield "timing.csv", TIMING_COLUMNS, rows
        if chosen and not query_table.are_many(self.queries):
            queried = chain.from_iterable(  # tens of thousands of rows: tuples, as dictionaries take many times as long
                zip(repeat(round), count(), query.tolist()) for round, query in enumerate(self.queries)
            )
            yield "queries.csv", ["round", "position", "index"], queried

    def by_class(self) -> list[dict[str, Any]]:
        """The rows of per_class.csv."""
        names = self.class_names
        return [
            {
                "round": record.round,
                "class": names[label] if names else label,
                "test_accuracy": accuracy,
                "labeled": labeled,
            }
            for record in self.rounds
            for label, (accuracy, labeled) in enumerate(zip(record.class_accuracy, record.class_labeled, strict=True))
        ]

    def by_group(self) -> list[dict[str, Any]]:
        """The rows of per_group.csv; none where test examples have no groups."""
        return [
            {"round": record.round, "group": group, "test_accuracy": accuracy}
            for record in self.rounds
            for group, accuracy in record.group_accuracy.items()
        ]

    @classmethod
    def load(cls, run_dir: Path, data: str | None = None, class_names: list[str] | None = None) -> "RunState":
        """The state in ``run_dir``, or an empty one on the first start.

        ``data`` is the fingerprint it must have; ``class_names`` are for the tables of a new one.

        Raises:
            UserError: The checkpoint cannot be read, is of another version, or belongs to other data.
        """
        saved = Generations(run_dir / NAME)
        content = saved.read(f"delete {run_dir}/*.pt to start this run over")
        if content is None and not saved.path.exists():
            return cls(data or "", class_names=class_names, saved=saved)
        found = 3 if content is None else content.get(schema.KEY, content.get("format"))  # its name before 0.3
        if content is None or not isinstance(found, int) or found < READABLE:
            raise StorageError(
                f"{run_dir} has a checkpoint of schema version {found}, this version of alrun reads {READABLE} or "
                "later: use the version that wrote it, or delete *.pt there to start over."
            )
        schema.check_version(found, f"The checkpoint in {run_dir}")
        if data is not None and content["data"] != data:
            raise StorageError(
                f"{saved.at(saved.whole)} was computed on other data than dataset holds now: restore the data set, "
                f"or the encoder that made vectors of it, or delete {run_dir}/*.pt to start over."
            )
        rounds = [RoundRecord(**record) for record in content["rounds"]]
        weights, frozen = content["weights"], content["frozen"]
        if frozen:
            weights = Frozen(run_dir / "frozen.pt").whole(weights, frozen)
        return cls(content["data"], content["queries"], rounds, weights, frozen, saved, content["class_names"])
