"""Texts and numbers in rows of CSV and Parquet files."""

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import StandardScaler

from alrun.data import card, tables
from alrun.data.dataset import ImageData, fingerprint
from alrun.pool.joined import fitting
from alrun.system.errors import UserError

numbers = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "height": numbers.normal(170, 10, 60).round(2),
        "weight": numbers.normal(70, 12, 60).round(1),
        "label": numbers.choice(["a", "b", "c"], 60),
        "split": ["train"] * 40 + ["test"] * 20,
    }
)


@pytest.fixture(params=["csv", "parquet", "folder"])
def stored(request, tmp_path):
    if request.param == "csv":
        FRAME.to_csv(tmp_path / "t.csv", index=False)
        return tmp_path / "t.csv"
    if request.param == "parquet":
        pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install 'alrun[parquet]'")
        FRAME.to_parquet(tmp_path / "t.parquet")
        return tmp_path / "t.parquet"
    for name, part in FRAME.groupby("split"):
        columns = ["label", "weight", "height"] if name == "test" else ["height", "weight", "label"]
        part[columns].to_csv(tmp_path / f"{name}.csv", index=False)  # a test split in another order
    return tmp_path


def test_that_columns_of_numbers_become_vectors(stored):
    data = tables.table("", str(stored), standardize=False)
    assert data.class_names == ["a", "b", "c"]
    assert data.columns == ["height", "weight"]
    np.testing.assert_allclose(data.train_images, FRAME[["height", "weight"]].to_numpy()[:40], rtol=1e-6)
    assert [data.class_names[label] for label in data.test_labels] == FRAME["label"].tolist()[40:]


def test_that_they_are_standardized_as_by_scikit_learn(stored):
    data = tables.table("", str(stored))
    pool, test = np.split(FRAME[["height", "weight"]].to_numpy(), [40])
    np.testing.assert_allclose(data.test_images, StandardScaler().fit(pool).transform(test), atol=1e-4)


def test_that_large_numbers_keep_their_differences(tmp_path):
    """Seconds since 1970 are alike in float32."""
    FRAME.assign(height=1.7e9 + np.arange(60), weight=0.1).to_csv(tmp_path / "t.csv", index=False)
    pool = tables.table("", str(tmp_path / "t.csv")).train_images
    np.testing.assert_allclose(pool[:, 0], StandardScaler().fit_transform(np.arange(40.0)[:, None])[:, 0], atol=1e-6)
    assert not pool[:, 1].any()  # a constant column, whose mean has round-off


def test_that_other_columns_of_another_data_set_are_refused(tmp_path):
    for name, columns in (("one", ["height", "weight", "label"]), ("other", ["weight", "height", "label"])):
        FRAME[columns].to_csv(tmp_path / f"{name}.csv", index=False)
    one, other = (tables.table("", str(tmp_path / f"{name}.csv")) for name in ("one", "other"))
    with pytest.raises(UserError, match=r"shift.dataset has the columns weight, height, .*columns=\[height,weight\]"):
        fitting(one, other, "shift.dataset", "shift=pool")


def test_that_some_columns_can_be_chosen(stored):
    assert tables.table("", str(stored), columns=["weight"]).shape == {"features": 1}


def test_that_a_column_of_lists_is_vectors(tmp_path):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install 'alrun[parquet]'")
    rows = numbers.normal(size=(60, 5)).astype(np.float32)
    pd.DataFrame({"embedding": list(rows), "label": FRAME["label"], "split": FRAME["split"]}).to_parquet(
        tmp_path / "t.parquet"
    )
    data = tables.table("", str(tmp_path / "t.parquet"), standardize=False)
    np.testing.assert_array_equal(data.train_images, rows[:40])


def test_that_truth_values_of_a_csv_are_numbers(tmp_path):
    frame = FRAME.assign(tall=FRAME["height"] > FRAME["height"].median())
    frame.to_csv(tmp_path / "t.csv", index=False)
    data = tables.table("", str(tmp_path / "t.csv"), columns=["tall"], standardize=False)
    np.testing.assert_array_equal(data.train_images[:, 0], frame["tall"][:40])


@pytest.mark.parametrize(
    ("change", "settings", "words"),
    [
        ({"height": "tall"}, {}, r"height is 'tall' in row 1, which is not a number"),
        ({"label": ""}, {}, "its label is empty"),
        ({"label": ["a"] * 50 + [""] + ["b"] * 9}, {}, r"t.csv, column label, row 51: its label is empty"),
        (
            {"label": ["", *["a"] * 59], "split": ["test", *["train"] * 59]},
            {},
            r"column label, row 1: its label is empty",
        ),
        (
            {},
            {"columns": ["width"]},
            r"no column width: name one of height, weight, label, split, by dataset.columns",
        ),
        ({}, {"label_column": "kind"}, r"has no column kind: .*, by dataset.label_column\."),
        ({"split": "train"}, {"test_split": "mine"}, "no such split"),
        ({"height": [1.0] * 8 + [np.inf] * 52}, {}, r"height is 'inf' in row 9, which is not finite"),
        ({"label": 1}, {"columns": ["height", "label"]}, "dataset.columns names label, which is the label"),
        ({"row": range(60)}, {}, r"the column row numbers the rows, .* by dataset.columns=\[height, weight\]"),
        ({"row": range(60, 0, -1)}, {}, "the column row numbers the rows"),
        ({"": range(7, 307, 5)}, {}, "the column without a name numbers the rows"),
        ({"Unnamed: 0": range(7, 307, 5)}, {}, "the column Unnamed: 0 numbers the rows"),
        ({}, {"columns": ["height", "height"]}, "dataset.columns names height twice: leave one out"),
        (
            {},
            {"test_fraction": 0.5},
            r"dataset.test_fraction=0.5 has no effect: .*t.csv has a test split",
        ),
    ],
)
def test_that_a_row_that_cannot_be_used_is_named(tmp_path, change, settings, words):
    FRAME.assign(**change).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(UserError, match=words):
        tables.table("", str(tmp_path / "t.csv"), **settings)


@pytest.mark.parametrize("end", ["csv", "parquet"])
def test_that_the_index_of_a_part_of_a_table_is_not_a_feature(tmp_path, end):
    part = FRAME.sample(40, random_state=0)  # pandas writes the numbers that its rows had
    if end == "parquet":
        pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install 'alrun[parquet]'")
        part.to_parquet(tmp_path / "t.parquet")
    else:
        part.to_csv(tmp_path / "t.csv")
    with pytest.raises(UserError, match=r"numbers the rows, .*index=False.* dataset.columns=\[height, weight\]"):
        tables.table("", str(tmp_path / f"t.{end}"))


def test_that_arrays_are_left_to_the_data_set_that_reads_them(tmp_path):
    np.savez(tmp_path / "t.npz", features=np.zeros((4, 2)), labels=np.arange(4))
    with pytest.raises(UserError, match=r"t.npz must be a CSV or Parquet file: use dataset=features"):
        tables.table("", str(tmp_path / "t.npz"))


def test_that_a_file_without_rows_is_named(tmp_path):
    FRAME[:0].to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(UserError, match=r"t.csv has no rows below the names of its columns"):
        tables.table("", str(tmp_path / "t.csv"))


def test_that_two_columns_of_one_name_are_refused(tmp_path):
    FRAME.rename(columns={"weight": "height"}).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(UserError, match="has 2 columns height: rename all but one"):
        tables.table("", str(tmp_path / "t.csv"))


@pytest.mark.parametrize("wrong", [[1.0], None])
def test_that_the_row_whose_list_is_of_another_length_is_named(tmp_path, wrong):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install 'alrun[parquet]'")
    rows = [[1.0, 2.0]] * 60
    rows[7] = wrong
    pd.DataFrame({"v": rows, "label": FRAME["label"]}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(UserError, match=r"v is (\[1.0\]|None) in row 8, where most rows hold 2 numbers"):
        tables.table("", str(tmp_path / "t.parquet"))


def test_that_a_long_text_is_read_whole(tmp_path):
    long = "x" * 200_000
    pd.DataFrame({"text": [long, *"abcdefghi"], "label": list("ab") * 5}).to_csv(tmp_path / "t.csv", index=False)
    data = tables.text("", str(tmp_path / "t.csv"))
    assert long in [*data.train_images, *data.test_images]


@pytest.mark.parametrize("given", [True, False])
def test_that_the_group_of_each_test_row_is_known(tmp_path, given):
    rows = FRAME.assign(height=np.arange(60), who=np.arange(60) // 5)
    (rows if given else rows.drop(columns="split")).to_csv(tmp_path / "t.csv", index=False)
    data = tables.table("", str(tmp_path / "t.csv"), columns=["height"], group="who", standardize=False)
    assert data.test_groups is not None
    assert data.test_groups.tolist() == [str(int(height) // 5) for height in data.test_images[:, 0]]
    assert given == (data.test_groups.tolist() == [str(row // 5) for row in range(40, 60)])


TEXTS = pd.DataFrame({"text": [f"word {i % 7}, and\nmore {i}" for i in range(30)], "label": ["x", "y", "z"] * 10})


def test_that_texts_keep_their_line_breaks_and_a_share_is_held_out(tmp_path):
    TEXTS.to_csv(tmp_path / "t.csv", index=False)
    data = tables.text("", str(tmp_path / "t.csv"))
    assert sorted([*data.train_images, *data.test_images]) == sorted(TEXTS["text"])
    assert np.bincount(data.test_labels).tolist() == [2, 2, 2]
    assert "texts to label" in card.card_sentence(card.describe_data(data))


def test_that_a_row_without_a_text_is_refused(tmp_path):
    TEXTS.assign(text=[" ", *TEXTS["text"][1:]]).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(UserError, match="row 1 has no text in text"):
        tables.text("", str(tmp_path / "t.csv"))


def test_that_the_setting_that_names_the_texts_is_told_with_a_column_of_the_file(tmp_path):
    renamed = TEXTS.rename(columns={"text": "sentence"})[["label", "sentence"]]
    renamed.to_csv(tmp_path / "t.csv", index=False)
    words = "no column text: name one of label, sentence, by dataset.text_column=sentence"
    with pytest.raises(UserError, match=words):
        tables.text("", str(tmp_path / "t.csv"))
    assert len(tables.text("", str(tmp_path / "t.csv"), text_column="sentence").train_images) == 24


def test_that_texts_of_both_splits_are_told(tmp_path):
    TEXTS.assign(split=["train"] * 20 + ["test"] * 10, text=[*TEXTS["text"][:29], TEXTS["text"][0]]).to_csv(
        tmp_path / "t.csv", index=False
    )
    (told,) = card.card_problems(card.describe_data(tables.text("", str(tmp_path / "t.csv"))))
    assert told.startswith("1 of 10 test texts are also in the pool, letter for letter")


def test_that_the_fingerprint_of_texts_follows_their_content():
    first, same, other = (np.array(words, object) for words in (["a", "bc"], ["a", "bc"], ["ab", "c"]))
    assert fingerprint([first]) == fingerprint([same]) != fingerprint([other])


def test_that_texts_without_an_encoder_are_refused(complete, tmp_path):
    TEXTS.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(
        UserError, match="holds texts: name a network that reads them, by encoder=sentence_transformers"
    ):
        complete(
            "dataset=text",
            f"dataset.path={tmp_path / 't.csv'}",
            "budget.seed_size=5",
            "budget.batch_size=5",
            "budget.total=10",
        )


def test_that_a_run_on_a_table_learns(complete, tmp_path):
    made = FRAME.assign(label=np.where(FRAME["height"] > 170, "tall", "short"))
    made.to_csv(tmp_path / "t.csv", index=False)
    run_dir = complete(
        "dataset=table",
        f"dataset.path={tmp_path / 't.csv'}",
        "budget.seed_size=10",
        "budget.batch_size=10",
        "budget.total=30",
    )
    assert pd.read_csv(run_dir / "accuracy.csv").test_accuracy.iloc[-1] > 0.85


def test_that_a_data_set_is_of_one_kind():
    with pytest.raises(UserError, match=r"training examples are images .* test examples vectors"):
        ImageData(np.zeros((2, 1, 3, 3), np.uint8), np.arange(2), np.zeros((2, 9), np.float32), np.arange(2))
