"""The tables in results/, which people send by pull request: sound, small, agreeing, described, nobody's secrets."""

import re
from pathlib import Path

import pandas as pd
import pytest

from alrun.analysis import merging, result_files, rounds
from alrun.analysis.run_reader import NUMBERS
from alrun.system.errors import UserError
from tests.analysis.made_tables import make_table, save

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "results"
PAGE = ROOT / "docs" / "reference" / "results.md"
SENT = sorted(path.parent for path in RESULTS.rglob("runs.csv"))  # as alrun results -o writes them
OTHERS = {
    "heads.csv",
    "pilots.csv",
    "forecast/tuning.csv",
    "forecast/left_out.csv",
    "stopping/rounds.csv",
}  # what our pages read
MOST = 1_000_000  # bytes of a file
TABLES = ("runs.csv", "rounds.csv")
README = "README.md"  # of the folder, or of the one above for all in it
# A path from the root of a machine, or of a person; the counter of energy is the same on all machines.
ABSOLUTE = re.compile(r"""(?:^|[\s"'=,(\[:])(?:/\w|~\w*/|[A-Za-z]:[\\/]|\\\\\w|file:)""")
COUNTER = "/sys/class/powercap"
BY_CLASS = ("class_accuracy", "class_labeled")
FEW = 12  # numbers in another cell: more may be labels of examples


def described() -> set[str]:
    """The columns that the page of results names."""
    text = PAGE.read_text(encoding="utf-8")
    section = text[text.index("## The table") : text.index("## Measures")]
    return set(re.findall(r"`([^`]+)`", section))


def undescribed(columns) -> list[str]:
    """The columns that the page does not describe; those of settings by what is before their first dot or @."""
    known = described()
    return [name for name in columns if name not in known and f"{re.split('[.@]', name)[0]}.*" not in known]


def faults(folder: Path) -> list[str]:
    """What is wrong with a folder of results that somebody sends."""
    found = [f"{path.name} does not belong here" for path in folder.iterdir() if path.name not in (*TABLES, README)]
    found += [f"{name} is missing" for name in TABLES if not (folder / name).exists()]
    found += [] if any((each / README).exists() for each in (folder, folder.parent)) else ["README.md is missing"]
    found += [f"{path.name} is too large" for path in folder.iterdir() if path.stat().st_size >= MOST]
    if found:
        return found
    try:
        merged = merging.merge([(folder.name, folder)])
    except UserError as error:
        return [str(error)]
    return [*map(str, merged.problems), *faults_of(merged.rounds)]


def faults_of(table: pd.DataFrame) -> list[str]:
    """What is wrong with the cells of a table."""
    found = [f"{name} is not described in docs/reference/results.md" for name in undescribed(table)]
    for name in table:
        cells = pd.Series(table[name].unique())
        if name in NUMBERS:
            known = pd.to_numeric(cells).dropna()
            if (known < 0).any() or (known == float("inf")).any():
                found.append(f"{name} has numbers out of range")
        elif cells.dtype != int:
            text = cells.astype(str)
            if text.str.replace(COUNTER, "").str.contains(ABSOLUTE).any():
                found.append(f"{name} has a path of a machine")
            if name not in BY_CLASS and (text.str.count(r"\d+") > FEW).any():
                found.append(f"{name} has lists of numbers: labels of examples are not for publishing")
    if set(BY_CLASS) <= set(table):
        accuracy, labeled = (table[name].str.split() for name in BY_CLASS)
        if not accuracy.explode().dropna().astype(float).between(0, 1).all():
            return [*found, "class_accuracy has numbers out of range"]
        if (accuracy.str.len() != labeled.str.len()).any():
            return [*found, "class_accuracy and class_labeled have other numbers of classes"]
        known = labeled[labeled.str.len() > 0]
        held_out = pd.to_numeric(table["validation"], errors="coerce").fillna(0) if "validation" in table else 0
        trained_on = (table["labeled"] - held_out).loc[known.index]  # what is held out counts as labeled
        if (known.map(lambda cells: sum(map(int, cells))) != trained_on).any():
            found.append("class_labeled does not add up to labeled")
    return found


@pytest.mark.parametrize("folder", SENT, ids=lambda folder: str(folder.relative_to(RESULTS)))
def test_what_was_sent_is_sound(folder):
    assert faults(folder) == []


def test_all_tables_agree():
    """A run that two of them hold has the same numbers, or another machine explains why not."""
    merged = merging.merge([(str(folder.relative_to(RESULTS)), folder) for folder in SENT])
    assert merged.problems == []
    assert set(merged.rounds["run"]) == {run for folder in SENT for run in pd.read_csv(folder / "runs.csv")["run"]}


def test_other_tables_are_known_and_each_of_their_columns_is_described():
    others = {str(path.relative_to(RESULTS)) for path in RESULTS.rglob("*.csv") if path.parent not in SENT}
    assert others <= OTHERS
    for name in others:
        assert (RESULTS / name).stat().st_size < MOST
        assert undescribed(pd.read_csv(RESULTS / name, nrows=0)) == [], name


def test_every_column_that_alrun_may_write_is_described():
    assert (
        undescribed([*rounds.KEYS, *NUMBERS, *rounds.WORDS, *rounds.BY_PART, *rounds.PROVENANCE, *rounds.NAMES]) == []
    )


CURVES = {("random", 0): (0.5, 0.6, 0.7), ("badge", 0): (0.5, 0.65, 0.8)}
CLASSES = {"class_accuracy": "0.5 0.5", "class_labeled": "50 50"}


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({}, None),
        ({"folder": "outputs/runs/x", "energy": f"none; {COUNTER} has no counter"}, None),
        ({"training.max_epochs": "3", "class_names": '["1", "2"]'}, None),
        ({"folder": "/home/me/outputs/runs/x"}, "folder has a path of a machine"),
        ({"dataset.root": "D:/photos"}, "dataset.root has a path of a machine"),
        ({"dataset.root": r"\\server\photos"}, "dataset.root has a path of a machine"),
        ({"dataset.root": "~me/photos"}, "dataset.root has a path of a machine"),
        ({"dataset.root": "file:photos"}, "dataset.root has a path of a machine"),
        ({"encoder.path": "~/network.pt"}, "encoder.path has a path of a machine"),
        ({"dataset.root": "C:\\photos"}, "dataset.root has a path of a machine"),
        ({"class_names": '["/tmp/a", "b"]'}, "class_names has a path of a machine"),
        ({"mine": "1"}, "mine is not described in docs/reference/results.md"),
        ({"own.lr": "1"}, "own.lr is not described in docs/reference/results.md"),
        ({"annotator.labels": " ".join("0123456789" * 10)}, "annotator.labels has lists of numbers"),
        ({"train_seconds": -1.0}, "train_seconds below 0"),
        ({"macro_f1": 1.5}, "a macro-F1 out of its range"),
        ({"test_accuracy": 65.0}, "must be shares from 0 to 1"),
        ({"schema_version": "99"}, "was written by a later alrun"),
        ({"class_accuracy": "0.5 1.5", "class_labeled": ""}, "class_accuracy has numbers out of range"),
        (CLASSES | {"class_accuracy": "0.5 0.5 0.5"}, "other numbers of classes"),
        (CLASSES, "class_labeled does not add up to labeled"),  # after the second round
    ],
)
def test_what_is_wrong_is_found(tmp_path, columns, why):
    folder = save(make_table(CURVES).assign(**columns), tmp_path / "sent")
    (folder / "README.md").write_text("What was computed.")
    found = faults(folder)
    assert len(found) == (why is not None), found
    assert why is None or why in found[0]


def test_other_files_and_large_ones_are_found(tmp_path):
    folder = save(make_table(CURVES), tmp_path / "sent")
    assert faults(folder) == ["README.md is missing"]
    (folder / "README.md").write_text(" " * MOST)
    (folder / "CIFAR-N.pt").write_bytes(b"labels")
    assert sorted(faults(folder)) == ["CIFAR-N.pt does not belong here", "README.md is too large"]


def test_a_contradiction_with_what_is_here_is_found(tmp_path):
    here = RESULTS / "quickstart"
    table = result_files.read_results(here)
    table.loc[table["round"] == 3, "test_accuracy"] += 0.001
    with pytest.raises(UserError, match=r"both hold the run digits-small_cnn-2b847755/.*after round 3 with accuracies"):
        merging.merge([("here", here), ("sent", save(table, tmp_path / "sent"))])
