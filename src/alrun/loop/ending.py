"""Why a run ends before its budget is spent, and what is written to its folder at the end."""

import logging
from pathlib import Path

import numpy as np
from torch import Tensor

from alrun.analysis import efficiency
from alrun.data.dataset import ImageData
from alrun.loop import provenance
from alrun.pool.pool import Pool
from alrun.runs import finished, query_table, thumbnails
from alrun.runs.label_files import USED_FILE
from alrun.runs.sheets import word_of
from alrun.runs.state import RunState
from alrun.runs.stopping import Stopping
from alrun.system import files

log = logging.getLogger(__name__)


def reason_to_end(state: RunState, until_accuracy: float | None, stopping: Stopping) -> str | None:
    """Why the run ends before its budget is spent, by its rounds so far; None: it goes on."""
    if until_accuracy is not None and state.rounds[-1].test_accuracy >= until_accuracy:
        return f"budget.until_accuracy={until_accuracy:g} is reached"
    return stopping.reason([record.row for record in state.rounds])


def complete_folder(run_dir: Path, state: RunState, pool: Pool, data: ImageData, reason: str | None) -> None:
    """Write what follows the last round, and mark the run as done.

    Args:
        run_dir: The folder of the run.
        state: Its rounds.
        pool: Its pool, which was made of ``data``.
        data: Its data set.
        reason: Why it ends before its budget is spent; None: the budget is spent.
    """
    if reason:
        provenance.note_end(run_dir, len(state.rounds), reason)
        log.info("the run ends before its budget is spent, after round %d: %s", len(state.rounds) - 1, reason)
    keep_thumbnails(run_dir, state, pool, data)
    keep_labels(run_dir, state, pool, data)
    efficiency.update_efficiency(run_dir, ends=True)  # before the seal, after which nothing may fail
    finished.seal_results(run_dir)


def keep_labels(run_dir: Path, state: RunState, pool: Pool, data: ImageData) -> None:
    """Write the answer to each queried example, and its row in the training split; a labeling project has its own file.

    The pool's index says neither where redundancy, imbalance or strangers made the pool, nor an annotator that errs.
    """
    if (run_dir / USED_FILE).exists() or query_table.are_many(state.queries):
        return
    classes = data.class_names or [str(number) for number in range(data.classes)]
    rows = []
    for round, index in enumerate(state.queries):
        source = index if pool.source is None else pool.source[index]
        answers = pool.labels[index.to(pool.device)].tolist()
        for example, row, answer in zip(index.tolist(), data.rows_read[source.numpy()].tolist(), answers, strict=True):
            rows.append((round, example, row if row >= 0 else "", word_of(answer, classes)))
    files.write_csv(run_dir / USED_FILE, ["round", "index", "row", "label"], rows)


def keep_thumbnails(run_dir: Path, state: RunState, pool: Pool, data: ImageData) -> None:
    """Write thumbnails of the queried images for reports, if there are images."""
    if data.is_vectors and data.originals is None:
        return
    queries = [state.queries[round] for round in thumbnails.rounds_shown(len(state.queries) - 1)]
    rows = [list(shown_images(query[: thumbnails.COLUMNS], pool, data)) for query in queries]
    thumbnails.write_thumbnails(run_dir, rows)


def shown_images(index: Tensor, pool: Pool, data: ImageData) -> np.ndarray:
    """What a person sees of examples of the pool (k,): images (k, C, H, W), those that vectors were made from."""
    if data.originals is None:
        return pool.take(index).cpu().numpy()
    source = index if pool.source is None else pool.source[index]
    return data.originals[source.numpy()]
