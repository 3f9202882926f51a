"""Classes are called by their names in tables and figures, where runs know them."""

import json
from pathlib import Path

import numpy as np
import pytest

from alrun.analysis import figures, scores
from alrun.analysis.curves import name_curves
from alrun.analysis.rounds import gather, setting_columns
from tests.analysis.made_runs import make_run


def run(folder: Path, option: str, names: list[str] | None) -> Path:
    made = make_run(folder, option, 0, [0.5, 0.75])
    if names is not None:
        meta = json.loads((made / "run.json").read_text())
        (made / "run.json").write_text(json.dumps(meta | {"dataset": {"class_names": names}}))
    return made


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (["ants, black", 'be"es'], ["ants, black", 'be"es'], ["ants, black", 'be"es']),
        (["ants", "bees"], ["bees", "ants"], ["ants", "bees"]),  # in another order
        (["ants", "bees"], None, [0, 1]),
        (["ants", "bees", "wasps"], ["ants", "bees", "wasps"], [0, 1]),
        (None, None, [0, 1]),
        (["0", "1"], ["0", "1"], [0, 1]),
        (["3", "0"], ["0", "1"], ["0", "1", "3"]),  # some classes are not known, and others elsewhere
    ],
)
def test_classes_are_told_apart_by_name_where_all_runs_have_names(tmp_path, first, second, expected):
    table = gather([run(tmp_path / "a", "random", first), run(tmp_path / "a", "badge", second)]).rounds
    assert "class_names" not in setting_columns(table)
    named = name_curves(table)
    accuracy, bought = scores.class_tables(named)
    assert accuracy.columns.tolist() == bought.columns.tolist() == expected
    assert np.nansum(accuracy.to_numpy(), axis=1).tolist() == [1.5, 1.5]
    assert np.nanmax(accuracy.to_numpy()) == np.nanmin(accuracy.to_numpy()) == 0.75
    ticks = [label.get_text() for label in figures.classes(named).axes[0].get_xticklabels()]
    assert ticks == [str(each) for each in expected]


def test_names_of_many_classes_are_not_kept_with_every_row(tmp_path):
    table = gather([run(tmp_path, "random", [f"class {number}" for number in range(101)])]).rounds
    assert "class_names" not in table


def test_the_classes_that_a_run_had_few_of_are_in_its_table(tmp_path):
    made = make_run(tmp_path, "random", 0, [0.5, 0.75])
    meta = json.loads((made / "run.json").read_text())
    meta |= {"dataset": {"class_names": ["ants", "bees"], "pool": {"rare": ["bees"]}}}
    (made / "run.json").write_text(json.dumps(meta))
    table = gather([made]).rounds
    assert [json.loads(each) for each in table["rare_classes"]] == [["bees"]] * 2
    assert "rare_classes" not in setting_columns(table)
