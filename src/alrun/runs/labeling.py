"""Labels that people give: a run asks for them in each round, and trains with those that it has."""

import logging
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from alrun.data.dataset import ImageData
from alrun.data.labels import NONE_OF_THESE
from alrun.pool.pool import Pool, none_yet
from alrun.runs.label_files import (
    USED_FILE,
    labels_of_round,
    prediction_path,
    read_labels,
    read_requested,
    read_used,
    request_path,
    requested_path,
)
from alrun.runs.round_record import RoundRecord
from alrun.runs.run_folder import display_path
from alrun.runs.sheets import NO_LABEL, NO_OPINION, word_of
from alrun.system import files
from alrun.system.counts import counted
from alrun.system.errors import DataError

log = logging.getLogger(__name__)

REQUEST_COLUMNS = ["index", "file", "score", "label"]
TEXT_COLUMNS = ["index", "text", "score", "label"]  # of what people see of texts
LONGEST = 5000  # letters of a text in a sheet: spreadsheets cut what is far longer


class Labeling:
    """The part of a run that people do: ``ask_<round>.csv`` says what to label, labels.csv holds their labels."""

    def __init__(self, run_dir: Path, data: ImageData) -> None:
        assert data.class_names is not None
        self.run_dir = run_dir
        self.classes = data.class_names
        self.names = data.files
        self.texts = data.texts
        self.tested = np.bincount(data.test_labels, minlength=1)
        self.answers = read_labels(run_dir, self.classes)
        self.given: dict[int, int] = {}  # what the current round is trained with
        self.is_fixed = False  # whether that is recorded

    def fill(self, pool: Pool, queries: Sequence[Tensor]) -> None:
        """Give ``pool`` the labels of the current round, and move what was queried out of its unlabeled examples.

        The labels are those that people gave so far; once the round is being trained, those that it began with, so
        that a correction takes effect from the next round on. What has no label is not queried again, whether its
        answer is not a label or was withdrawn.
        """
        round = len(queries) - 1
        used = read_used(self.run_dir, self.classes)
        recorded = labels_of_round(used, round)
        self.is_fixed = round in used and all(example in recorded for example in queries[-1].tolist())
        asked = {example for query in queries for example in query.tolist()}
        given = {example: number for example, number in self.answers.items() if example in asked}
        self.given = recorded if self.is_fixed else given
        known = {example: number for example, number in self.given.items() if number not in NO_OPINION}
        pool.labels = torch.full_like(pool.labels, NO_LABEL)
        if known:
            index = torch.tensor(list(known), device=pool.device)
            pool.labels[index] = torch.tensor(list(known.values()), device=pool.device)
        pool.truth = pool.labels
        pool.labeled = pool.strangers = none_yet()
        for query in queries:
            has_label = torch.tensor([example in known for example in query.tolist()])
            pool.set_aside(query[~has_label])
            pool.label(query[has_label])

    def fix(self, round: int) -> None:
        """Record the labels that ``round`` is trained with: those that are new or differ from the round before."""
        if self.is_fixed:
            return
        if not any(number >= 0 for number in self.given.values()):
            raise DataError(
                "no example has a label yet, so there is nothing to train on: label some that are asked for."
            )
        recorded = read_used(self.run_dir, self.classes)
        used = {each: labels for each, labels in recorded.items() if each < round}
        before = labels_of_round(used, round)
        now = dict.fromkeys(before, NO_LABEL) | self.given
        used[round] = {index: now[index] for index in sorted(now) if before.get(index, NO_LABEL) != now[index]}
        rows = [
            {"round": each, "index": index, "label": word_of(number, self.classes)}
            for each, labels in used.items()
            for index, number in labels.items()
        ]
        files.write_csv(self.run_dir / USED_FILE, ["round", "index", "label"], rows)
        self.is_fixed = True
        withdrawn = [index for index, number in used[round].items() if number == NO_LABEL]
        if withdrawn:
            log.info("round %d is trained without %s that people withdrew", round, counted(len(withdrawn), "answer"))
        changed = [index for index in used[round] if before.get(index, NO_LABEL) >= 0 and index not in withdrawn]
        if changed:
            log.info("%d labels were corrected: round %d is the first that is trained with them", len(changed), round)

    def ask(self, round: int, index: Tensor, scores: Tensor | None = None) -> None:
        """Write ``ask_<round>.csv``: a line for each example at ``index`` (k,), with an empty label.

        People fill it in where it is, so it stays if it is there; a hidden copy of the request is kept beside it.
        """
        rows = [
            {"index": example, "file": self.names[example] if self.names else "", "score": "", "label": ""}
            for example in index.tolist()
        ]
        if scores is not None:
            for row, score in zip(rows, scores.tolist(), strict=True):
                row["score"] = score
        columns = copied = REQUEST_COLUMNS
        if self.texts is not None:
            columns, copied = TEXT_COLUMNS, [*REQUEST_COLUMNS, "text"]
            for row in rows:
                row["text"] = in_sheet(str(self.texts[row["index"]]))
        files.write_csv(requested_path(self.run_dir, round), copied, rows)
        if not request_path(self.run_dir, round).exists():
            files.write_csv(request_path(self.run_dir, round), columns, rows)

    def asked_before(self, round: int) -> tuple[Tensor, Tensor | None] | None:
        """What ``round`` asked for, with scores, if its request was written.

        A run whose checkpoints are lost repeats it. Chosen anew it might be other examples, as where images have
        joined, and what people labeled would be lost.
        """
        if not requested_path(self.run_dir, round).exists():
            return None
        index, _, scores = zip(*read_requested(self.run_dir, round), strict=True)
        return torch.tensor(index), None if None in scores else torch.tensor(scores, dtype=torch.float64)

    def predict(self, round: int, index: Tensor, log_probs: Tensor) -> None:
        """Keep what the model says of the examples at ``index`` (k,): log probabilities (k, C)."""
        shares, numbers = log_probs.exp().max(1)
        rows = [
            {"index": example, "label": self.classes[number], "share": f"{share:.4f}"}
            for example, number, share in zip(index.tolist(), numbers.tolist(), shares.tolist(), strict=True)
        ]
        files.write_csv(prediction_path(self.run_dir, round), ["index", "label", "share"], rows)

    def warn_of_chance(self, record: RoundRecord, strategy: str) -> None:
        """Warn if the model of a round knows only which class is the most frequent.

        Its next query is then as good as random, but costs labels that people give.
        """
        measured = (
            ("training", record.train_accuracy, np.array(record.class_labeled)),
            ("test", record.test_accuracy, self.tested),
        )
        for name, accuracy, counts in measured:
            if accuracy <= chance_accuracy(counts):  # no test set: NaN
                log.warning(
                    "the model is at chance: its %s accuracy is %.0f %%, the most frequent class alone gives %.0f %%. "
                    "What %s chooses with it is as good as random: before people label it, train longer "
                    "(training.max_epochs, training.patience), or try another optimizer.lr or model",
                    name,
                    100 * accuracy,
                    100 * counts.max() / counts.sum(),
                    strategy,
                )
                return

    def is_waiting(self, round: int, index: Tensor) -> bool:
        """Whether labels of the examples at ``index`` (k,), queried before ``round``, are missing; if so, log it."""
        missing = [example for example in index.tolist() if example not in self.given]
        if not missing:
            return False
        path = request_path(self.run_dir, round)
        if not path.exists():
            self.ask(round, index)
        log.info(
            "%d of %d labels are missing: fill in the column label of %s with %s, or %s, and hand it to alrun tell",
            len(missing),
            len(index),
            display_path(path),
            ", ".join(self.classes),
            NONE_OF_THESE,
        )
        return True


def in_sheet(text: str) -> str:
    """A text as a cell: shortened, and with a space before what a spreadsheet would take for a formula."""
    shown = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    return f" {shown}" if shown[0] in "=+-@" else shown


def chance_accuracy(counts: np.ndarray) -> float:
    """The highest accuracy that the most frequent class alone might give: its share and two standard deviations.

    With few examples it is at most halfway between the share and 1; NaN without any.
    """
    total = counts.sum()
    if not total:
        return math.nan
    share = float(counts.max() / total)
    return share + min(2 * math.sqrt(share * (1 - share) / total), (1 - share) / 2)
