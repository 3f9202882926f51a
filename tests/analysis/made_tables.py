"""Tables of results made by hand, as several people would send them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from alrun.analysis import result_files, rounds
from alrun.runs import schema

MACHINE = {"torch": "2.13.0", "hardware": "a CPU", "cpu_capability": "AVX512", "threads": "1"}
SETTING = "toy-small-0a"


def make_table(
    curves: Mapping[tuple[str, int], Sequence[float]],
    setting: str = SETTING,
    labels: Sequence[int] = (100, 200, 300),
    data: str = "d1",
    **columns: str,
) -> pd.DataFrame:
    """Accuracies after each round, by strategy and seed; ``columns`` are those of the machine, or any other."""
    dataset, model, _ = setting.split("-")
    rows = [
        {
            "run": f"{setting}/{strategy}-{strategy[0]}1-seed{seed}",
            "strategy": strategy,
            "seed": seed,
            "round": number,
            "labeled": labels[number],
            "test_accuracy": accuracy,
            "dataset": dataset,
            "model": model,
            "data": data,
            **MACHINE,
            **columns,
            schema.KEY: str(schema.SCHEMA_VERSION),
        }
        for (strategy, seed), accuracies in curves.items()
        for number, accuracy in enumerate(accuracies)
    ]
    return rounds.arrange(pd.DataFrame(rows))


def save(table: pd.DataFrame, folder: Path) -> Path:
    """The folder with the table, as ``alrun results -o`` writes it."""
    result_files.write_results(table, folder)
    return folder
