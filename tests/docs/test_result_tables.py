"""The committed tables in results/ are what healthy runs leave."""

from pathlib import Path

import pandas as pd
import pytest

from alrun.analysis import result_files as results

RESULTS = Path(__file__).resolve().parents[2] / "results"
TABLES = sorted(path.parent for path in RESULTS.glob("*/*/runs.csv"))


def stuck(rounds: pd.DataFrame) -> pd.DataFrame:
    """The rounds whose linear head stayed where it was: new labels, hardly a step, and the same accuracy as before.

    A head that met a class for the first time did so before version 0.2 was finished.
    """
    heads = rounds[rounds["stopped_by"] == "optimum"].sort_values(["run", "round"])
    unchanged = heads.groupby("run")["test_accuracy"].diff().abs() < 1e-9
    return heads[unchanged & (heads["epochs"] <= 3)]


@pytest.mark.parametrize("folder", TABLES, ids=lambda path: path.relative_to(RESULTS).as_posix())
def test_no_linear_head_of_a_committed_table_stayed_where_it_was(folder):
    found = stuck(results.read_results(folder))
    assert found.empty, f"compute these runs again: {sorted(found['run'].unique())}"


def test_a_head_is_stuck_if_it_hardly_moves_and_nothing_changes():
    rows = [("a", 0, 0.5, 9), ("a", 1, 0.5, 2), ("a", 2, 0.6, 2), ("b", 0, 0.5, 9), ("b", 1, 0.5, 7)]
    table = pd.DataFrame(rows, columns=["run", "round", "test_accuracy", "epochs"]).assign(stopped_by="optimum")
    assert stuck(table)[["run", "round"]].to_numpy().tolist() == [["a", 1]]
    assert stuck(table.assign(stopped_by="accuracy")).empty
