"""What a file says of each example, in every form, found by row or by the file of the example."""

import numpy as np
import pandas as pd
import pytest

from alrun.data.columns import columns_by_example, read_matrix
from alrun.system.errors import UserError

VALUES = {"first": [3, 1, 4, 1, 5, 9], "second": [2, 7, 1, 8, 2, 8]}
ROWS = np.array([5, 0, 2, -1])


def written(folder, kind: str) -> str:
    """The values in a file of a kind."""
    path = folder / f"table{kind}"
    if kind == ".npy":
        np.save(path, np.array(list(VALUES.values())).T)
    elif kind == ".npz":
        np.savez(path, **{name: np.array(values, np.uint8) for name, values in VALUES.items()})
    elif kind == ".csv":
        pd.DataFrame(VALUES).to_csv(path, index=False)
    else:
        pytest.importorskip("pyarrow")
        pd.DataFrame(VALUES).to_parquet(path, index=False)
    return str(path)


@pytest.mark.parametrize("kind", [".npy", ".npz", ".csv", ".parquet"])
def test_columns_are_found_by_the_row_of_an_example_in_every_kind_of_file(tmp_path, kind):
    path = written(tmp_path, kind)
    read = columns_by_example(path, None, ROWS, None, "cost.path")
    for values, expected in zip(read.values(), VALUES.values(), strict=True):
        assert [None if value is None else float(value) for value in values] == [
            expected[5],
            expected[0],
            expected[2],
            None,
        ]
    second = "1" if kind == ".npy" else "second"
    (only,) = columns_by_example(path, [second], ROWS, None, "cost.path").values()
    assert [float(value) for value in only[:3]] == [8, 2, 1]


def test_examples_with_files_are_found_by_the_ends_of_their_paths(tmp_path):
    """Whatever the order of the table, and although it was written on a machine with other folders."""
    table = {"path": [r"C:\photos\b\1.png", r"C:\photos\a\1.png", "other/2.png"], "seconds": [7.5, 2, 1]}
    pd.DataFrame(table).to_csv(tmp_path / "t.csv", index=False)
    files = ["/data/photos/a/1.png", "/data/photos/b/1.png"]
    read = columns_by_example(str(tmp_path / "t.csv"), None, np.array([8, 9]), files, "cost.path")
    assert read == {"seconds": ["2.0", "7.5"]}
    with pytest.raises(UserError, match=r"has 0 rows for /data/photos/3.png"):
        columns_by_example(str(tmp_path / "t.csv"), None, np.array([8]), ["/data/photos/3.png"], "cost.path")
    with pytest.raises(UserError, match=r"has 2 rows for 1.png: give one for each file"):
        columns_by_example(str(tmp_path / "t.csv"), None, np.array([8]), ["1.png"], "cost.path")


@pytest.mark.parametrize(
    ("rows", "names", "words"),
    [
        (7, None, "column first: there are 6 values for the 7 examples of the training split"),
        (5, None, "column first: there are 6 values for the 5 examples of the training split"),
        (np.array([2, 6]), ["second"], "column second: there are 6 values for the 7 examples"),
        (ROWS, ["third"], "has no column third: it has first, second"),
    ],
)
def test_a_file_of_another_length_or_without_a_column_is_refused(tmp_path, rows, names, words):
    with pytest.raises(UserError, match=words):
        columns_by_example(written(tmp_path, ".csv"), names, rows, None, "cost.path")


def test_what_is_no_such_file_is_one_sentence(tmp_path):
    (tmp_path / "broken.npy").write_bytes(b"\x93NUMPY broken")
    (tmp_path / "t.xlsx").write_bytes(b"PK\x03\x04")
    np.save(tmp_path / "objects.npy", np.array([{}, 1], object), allow_pickle=True)
    for name, words in (
        ("nowhere.npy", "there is no such file"),
        ("broken.npy", "cannot be read as .npy"),
        ("objects.npy", "store plain arrays"),
        ("t.xlsx", "is of an unknown kind"),
    ):
        with pytest.raises(UserError, match=words):
            columns_by_example(str(tmp_path / name), None, ROWS, None, "annotator.path")


def test_a_matrix_holds_numbers_alone(tmp_path):
    (tmp_path / "m.csv").write_text("0.5,0.5\n1,0\n")
    assert read_matrix(tmp_path / "m.csv", "annotator.matrix").tolist() == [[0.5, 0.5], [1, 0]]
    (tmp_path / "m.csv").write_text("cat,dog\n1,0\n")
    with pytest.raises(UserError, match="must hold rows of numbers alone"):
        read_matrix(tmp_path / "m.csv", "annotator.matrix")
