"""A round's selection in parts, each of which leaves what it proposes as a file in the run's folder.

A part that is there is not computed again, whoever computed it: this process, a task on Ray, ``alrun select part=3/16``
under any scheduler, or an earlier attempt that was killed. What decides among the proposals is always the run itself.
"""

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from alrun.models.outputs import Outputs
from alrun.strategies.in_parts import ByScore
from alrun.strategies.more.partitioned import Partitioned
from alrun.strategies.query import Query, check_selection, naming_strategy
from alrun.system import files
from alrun.system.errors import writing
from alrun.system.lock import Lock
from alrun.training.checkpoint import load_checkpoint, serialize

log = logging.getLogger(__name__)

FOLDER = "selection"  # in a run's folder, while parts propose


@dataclass(frozen=True)
class Division:
    """The selection after a round, in parts that are numbered from 1."""

    way: ByScore | Partitioned
    name: str  # of the strategy
    round: int
    size: int  # labels to ask for
    unlabeled: Tensor  # (n,) indices into the pool, ascending
    chunk: int  # examples in a forward pass
    run_dir: Path
    query: Callable[[Tensor | Outputs], Query]  # about some of the unlabeled examples

    @property
    def folder(self) -> Path:
        """Where parts leave their proposals."""
        return self.run_dir / FOLDER / str(self.round)

    @cached_property
    def ranges(self) -> dict[int, tuple[int, int]]:
        """The positions of each part that has any, from the first to before the last, by its number."""
        ranges = enumerate(self.way.ranges(len(self.unlabeled), self.chunk), 1)
        return {number: (start, stop) for number, (start, stop) in ranges if start < stop}

    def path(self, number: int) -> Path:
        """The file of a part."""
        return self.folder / f"{number}-of-{self.way.parts}.pt"

    def read(self, number: int) -> dict[str, Any] | None:
        """What a part has proposed; None if nothing yet, if for another division, or if its file is damaged."""
        path = self.path(number)
        if not path.exists():
            return None
        try:
            proposed = load_checkpoint(path)
        except ValueError as error:
            log.warning("%s is damaged (%s): this part is computed again", path, error)
            return None
        return proposed if proposed.get("of") == self.of(number) else None

    def of(self, number: int) -> list[int]:
        """What a part depends on beside the state of the run: its range, and how many examples there are to query."""
        return [*self.ranges[number], len(self.unlabeled), self.size]

    def missing(self) -> list[int]:
        """Numbers of the parts that have not proposed anything yet."""
        return [number for number in self.ranges if self.read(number) is None]

    def compute(self, number: int) -> None:
        """Let a part propose, unless it has; of several processes one computes it, and the others wait."""
        if number not in self.ranges:
            return  # fewer examples than parts
        with writing():
            self.folder.mkdir(parents=True, exist_ok=True)
        with Lock(self.path(number).with_suffix(".lock")):
            if self.read(number) is None:
                started = perf_counter()
                files.write(self.path(number), serialize(self.proposed(number)))
                log.info("part %d of %d is selected in %.1f s", number, self.way.parts, perf_counter() - started)

    def proposed(self, number: int) -> dict[str, Any]:
        """What a part proposes, as a file holds it: indices, scores if there are any, and outputs to compare by."""
        start, stop = self.ranges[number]
        with naming_strategy(self.name, self.round):
            query = self.query(self.unlabeled[start:stop])
            positions, scores = self.way.propose(query, number)
        check_selection(positions, len(positions), stop - start, self.name, self.round)
        chosen = query.unlabeled.take(positions)
        fields = chosen.fields if self.way.keeps_outputs else {}
        return {
            "of": self.of(number),
            "index": chosen.index.cpu(),
            "scores": None if scores is None else scores.cpu(),
            "outputs": {name: tensor.cpu() for name, tensor in fields.items()},
        }

    def choose(self, where: torch.device) -> tuple[Tensor, Tensor | None]:
        """Indices (size,) into the pool that are queried, and their scores if there are any; all parts have proposed.

        Args:
            where: The device of the run.

        Raises:
            UserError: The strategy fails, or does not return ``size`` distinct positions.
        """
        parts = [part for part in map(self.read, self.ranges) if part is not None]
        assert len(parts) == len(self.ranges)
        outputs = Outputs.joined(
            [
                Outputs(part["index"], **{name: tensor.to(where) for name, tensor in part["outputs"].items()})
                for part in parts
            ]
        )
        known = [part["scores"] for part in parts if part["scores"] is not None]
        with naming_strategy(self.name, self.round):
            chosen, scores = self.way.decide(
                self.query(outputs), torch.cat(known) if len(known) == len(parts) else None
            )
        return outputs.index[check_selection(chosen, self.size, len(outputs), self.name, self.round)], scores


def clear(run_dir: Path) -> None:
    """Remove the files of parts: their query is saved."""
    shutil.rmtree(run_dir / FOLDER, ignore_errors=True)
