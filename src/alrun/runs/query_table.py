"""The table of a run's queries: ``queries.csv`` or, of millions, ``queries.parquet`` without an object per example.

Imports no torch.
"""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import ArrayLike

from alrun.runs.run_folder import LARGE_QUERIES, QUERIES, queries_file, reading_run_file
from alrun.system import files
from alrun.system.errors import StorageError

MANY = 1_000_000  # queried examples from which on a CSV takes seconds to write and to read


def are_many(queries: Sequence[ArrayLike]) -> bool:
    """Whether the queries of a run belong in Parquet."""
    return sum(map(np.size, map(np.asarray, queries))) > MANY


def write_large(run_dir: Path, queries: Sequence[ArrayLike]) -> None:
    """Write the columns of queries.csv into queries.parquet, which takes its place.

    Raises:
        UserError: pyarrow is not installed, or the disk is full.
    """
    arrow, parquet = arrow_for(run_dir / LARGE_QUERIES)
    indices = [np.asarray(query, np.int64) for query in queries]
    sizes = [len(index) for index in indices]
    columns = {
        "round": np.repeat(np.arange(len(sizes), dtype=np.int32), sizes),
        "position": np.concatenate([np.arange(size, dtype=np.int32) for size in sizes]),
        "index": np.concatenate(indices),
    }
    buffer = io.BytesIO()
    parquet.write_table(arrow.table(columns), buffer)
    files.write(run_dir / LARGE_QUERIES, buffer.getvalue(), lasts=False)
    files.remove(run_dir / QUERIES)


def read_queries(run_dir: Path) -> dict[int, np.ndarray]:
    """The query before each round: indices (k,), int64, in order.

    Raises:
        FileNotFoundError: There is no table.
        UserError: It is damaged, or needs pyarrow.
    """
    path = queries_file(run_dir)
    if path.name == LARGE_QUERIES:
        return read_large(path)
    queried: dict[int, list[int]] = {}
    with reading_run_file(path), path.open(newline="") as file:
        for row in csv.DictReader(file):
            queried.setdefault(int(row["round"]), []).append(int(row["index"]))
    return {round: np.array(index) for round, index in queried.items()}


def read_large(path: Path) -> dict[int, np.ndarray]:
    """The query before each round in a Parquet file: indices (k,), in order.

    Raises:
        UserError: pyarrow is not installed, or the file is damaged.
    """
    arrow, parquet = arrow_for(path)
    with reading_run_file(path):
        try:
            table = parquet.read_table(path)
        except arrow.ArrowException as error:
            raise ValueError(str(error)) from error
        rounds, index = (table[name].to_numpy() for name in ("round", "index"))
        found, starts = np.unique(rounds, return_index=True)  # a query stands together, and they stand in order
    return dict(zip(found.tolist(), np.split(index.astype(np.int64), starts[1:]), strict=True))


def arrow_for(path: Path) -> tuple[ModuleType, ModuleType]:
    """The package pyarrow and its Parquet, to write or read ``path``."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise StorageError(
            f"{path} needs the pyarrow package, since the run has more than {MANY:,} labels: "
            "pip install 'alrun[parquet]', and the same command continues."
        ) from None
    return pyarrow, pyarrow.parquet
