"""Pools of vectors: files that hold them, and runs on them."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import make_blobs
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from alrun.analysis.queried_images import draw_queried
from alrun.data import card, content, tables, vector_files, vectors
from alrun.data.augmentation import Cast
from alrun.data.dataset import ImageData, is_mapped
from alrun.data.kept_fingerprint import kept_fingerprint
from alrun.data.row_checks import row_numbers
from alrun.models.classifier import Classifier
from alrun.system.errors import UserError

MODEL = ("model=small_cnn", f"model._target_={__name__}.Head")


class Head(Classifier):
    """One linear layer on vectors, which takes the settings of the model that it stands for."""

    def __init__(self, features: int, classes: int, width: int, embedding: int, dropout: float) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Dropout(0.1))
        self.head = nn.Linear(features, classes)

    def embed(self, images: Tensor) -> Tensor:
        return self.features(images)


@pytest.fixture(scope="module")
def blobs():
    """Four classes of 12 numbers: 200 to label and 100 to test on."""
    made, classes = make_blobs(300, 12, centers=4, cluster_std=2.0, random_state=0)[:2]
    made = np.asarray(made, np.float32)
    return made[:200], classes[:200], made[200:], classes[200:]


NAMES = ("train_features", "train_labels", "test_features", "test_labels")


@pytest.fixture(params=["npz", "folder", "npy"])
def stored(request, blobs, tmp_path):
    """The blobs as a path, in each form in which a person may have them."""
    if request.param == "npz":
        np.savez(tmp_path / "f.npz", **dict(zip(NAMES, blobs, strict=True)))
        return tmp_path / "f.npz"
    if request.param == "folder":
        (tmp_path / "f").mkdir()
        for name, array in zip(NAMES, blobs, strict=True):
            np.save(tmp_path / "f" / f"{name}.npy", array)
        return tmp_path / "f"
    np.save(tmp_path / "f.npy", np.concatenate(blobs[::2]))
    splits = ["train"] * 200 + ["test"] * 100
    pd.DataFrame({"label": np.concatenate(blobs[1::2]), "split": splits}).to_csv(tmp_path / "labels.csv", index=False)
    return tmp_path / "f.npy"


def test_that_every_form_of_file_gives_the_same_pool(stored, blobs):
    data = vectors.features("", str(stored))
    for made, expected in zip(
        (data.train_images, data.train_labels, data.test_images, data.test_labels), blobs, strict=True
    ):
        np.testing.assert_array_equal(made, expected)
    assert data.is_vectors
    assert data.shape == {"features": 12}
    assert (data.classes, data.class_names) == (4, ["0", "1", "2", "3"])
    assert is_mapped(data.train_images) == (stored.suffix != ".npz")
    parts = vector_files.read(str(stored))
    assert [len(part.labels) for part in parts] == [len(data.train_images), len(data.test_images)]


def test_that_a_run_on_vectors_learns_and_selects(stored, complete):
    run_dir = complete(
        "dataset=features",
        f"dataset.path={stored}",
        "strategy=margin",
    )
    table = pd.read_csv(run_dir / "accuracy.csv")
    assert table.labeled.tolist() == [20, 40, 60]
    assert table.test_accuracy.iloc[-1] > 0.9
    told = json.loads((run_dir / "run.json").read_text())["dataset"]
    assert (told["features"], told["train"], told["test"]) == (12, 200, 100)
    rounds = pd.DataFrame([{"facet": "", "curve": "margin", "label": "margin", "run": str(run_dir)}])
    assert draw_queried(rounds) == "Not shown: the pool holds vectors, so there are no images."


def test_that_a_npy_may_have_its_labels_in_another(blobs, tmp_path, composed):
    np.save(tmp_path / "x.npy", blobs[0])
    np.save(tmp_path / "y.npy", blobs[1][:, None])
    data = vectors.features("", str(tmp_path / "x.npy"), labels_path=str(tmp_path / "y.npy"))
    rows = {bytes(row): label for row, label in zip(blobs[0], blobs[1], strict=True)}
    for images, found in ((data.train_images, data.train_labels), (data.test_images, data.test_labels)):
        assert [rows[bytes(row)] for row in images] == found.tolist()
    assert len(data.train_labels) + len(data.test_labels) == 200
    given = "dataset=features", f"dataset.path={tmp_path / 'x.npy'}", f"dataset.labels_path={tmp_path / 'y.npy'}"
    before = composed(*given, hydra=True).hydra.run.dir
    np.save(tmp_path / "y.npy", np.array(["ant", "bee", "cat", "dog"])[blobs[1]])
    assert composed(*given, hydra=True).hydra.run.dir != before
    data = vectors.features("", str(tmp_path / "x.npy"), labels_path=str(tmp_path / "y.npy"))
    assert data.class_names == ["ant", "bee", "cat", "dog"]


@pytest.mark.parametrize(
    ("labels", "settings", "words"),
    [
        (np.zeros(7, int), {}, r"x.npy has 200 rows, but .*y.npy 7: give a label to each"),
        (
            np.zeros((200, 4), int),
            {},
            r"dataset.labels_path: the array .*y.npy has shape \(200, 4\); it must be \(N,\)",
        ),
        (np.zeros(200, int), {"group": "patient"}, "dataset.group=patient has no effect on a .npy of labels"),
        (np.zeros(200, int), {"test_split": "val"}, "dataset.test_split=val has no effect on a .npy of labels"),
        (None, {}, r"dataset.labels_path=.*y.npy: there is no such file"),
    ],
)
def test_that_a_npy_of_labels_that_does_not_fit_is_refused(blobs, tmp_path, labels, settings, words):
    np.save(tmp_path / "x.npy", blobs[0])
    if labels is not None:
        np.save(tmp_path / "y.npy", labels)
    with pytest.raises(UserError, match=words):
        vectors.features("", str(tmp_path / "x.npy"), labels_path=str(tmp_path / "y.npy"), **settings)


@pytest.mark.parametrize("form", ["npz", "folder", "csv", "npy"])
@pytest.mark.parametrize("whole", [True, False])
def test_that_labels_which_are_not_whole_numbers_are_refused_and_whole_floats_are_classes(blobs, tmp_path, form, whole):
    labels, test_labels = (each + (0.0 if whole else 0.5) for each in (blobs[1], blobs[3]))
    path, labels_path, place = tmp_path / "f.npy", None, "y.npy"
    if form == "npz":
        path, place = tmp_path / "f.npz", "f.npz, array train_labels"
        np.savez(path, **dict(zip(NAMES, (blobs[0], labels, blobs[2], test_labels), strict=True)))
    elif form == "folder":
        path, place = tmp_path, "train_labels.npy"
        for name, array in zip(NAMES, (blobs[0], labels, blobs[2], test_labels), strict=True):
            np.save(tmp_path / f"{name}.npy", array)
    else:
        np.save(path, blobs[0])
        np.save(tmp_path / "y.npy", labels)
        labels_path = str(tmp_path / "y.npy")
    if form == "csv":
        pd.DataFrame({"label": labels}).to_csv(tmp_path / "labels.csv", index=False)
        labels_path, place = None, "labels.csv, column label"
    if whole:
        data = vectors.features("", str(path), labels_path)
        assert [float(name) for name in data.class_names or []] == [0, 1, 2, 3]
        return
    words = rf"{place}: the label \d\.5 is not a whole number \(4 of 4 .* write their names"
    with pytest.raises(UserError, match=words):
        vectors.features("", str(path), labels_path)


def test_that_float16_is_kept_and_computed_in_float32(blobs, tmp_path):
    half = [array.astype(np.float16) if array.ndim == 2 else array for array in blobs]
    np.savez(tmp_path / "f.npz", **dict(zip(NAMES, half, strict=True)))
    data = vectors.features("", str(tmp_path / "f.npz"))
    assert data.train_images.dtype == np.float16
    floats = Cast(torch.device("cpu"))(torch.from_numpy(data.train_images))
    assert floats.dtype == torch.float32
    np.testing.assert_array_equal(floats.numpy(), blobs[0].astype(np.float16).astype(np.float32))


def test_that_a_share_of_each_class_is_held_out_where_there_is_no_test_split(blobs, tmp_path):
    np.savez(tmp_path / "f.npz", features=blobs[0], labels=blobs[1])
    data = vectors.features("", str(tmp_path / "f.npz"), test_fraction=0.25)
    assert len(data.test_labels) == 50
    assert np.abs(np.bincount(data.test_labels) - 0.25 * np.bincount(blobs[1])).max() < 1
    both = np.concatenate([data.train_images, data.test_images])
    assert sorted(map(bytes, both)) == sorted(map(bytes, blobs[0]))


def test_standardizing_is_that_of_scikit_learn(blobs, tmp_path):
    np.savez(tmp_path / "f.npz", **dict(zip(NAMES, blobs, strict=True)))
    data = vectors.features("", str(tmp_path / "f.npz"), standardize=True)
    scaler = StandardScaler().fit(blobs[0].astype(np.float64))
    np.testing.assert_allclose(data.test_images, np.asarray(scaler.transform(blobs[2])), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda made: made | {"train_features": np.where(np.arange(12) == 3, np.nan, made["train_features"])},
            "200 of 200 rows are not finite",
        ),
        (lambda made: made | {"train_features": made["train_features"][:-1]}, "199 rows of features but 200 labels"),
        (lambda made: made | {"test_features": made["test_features"][:, :5]}, r"store both splits alike"),
        (lambda made: made | {"train_features": made["train_features"].astype("U8")}, "must be numbers of shape"),
        (lambda made: made | {"test_labels": made["test_labels"] + 1}, "no training example is of the class 4"),
        (
            lambda made: made | {"train_labels": np.where(np.arange(200) < 150, made["train_labels"], -1)},
            r"array train_labels, row 151: its label -1 says that it has none, as 50 of 300 do: take another split",
        ),
        (
            lambda made: {"x": made["train_features"], "y": made["train_labels"]},
            r"lacks the arrays features, labels; .* dataset.features_array=\.\.\. and one by dataset.labels_array=",
        ),
        (
            lambda made: made | {"train_labels": made["train_labels"].astype(str).astype(object)},
            r"train_labels holds Python objects, .* by .*astype\(str\)",
        ),
        (lambda made: made | {"test_features": made["test_features"][:0], "test_labels": []}, "test split has no rows"),
        (lambda made: made | {"train_features": made["train_features"].astype(float) * 1e300}, "above 3e38"),
    ],
)
def test_files_that_do_not_fit_are_refused_in_a_sentence(blobs, tmp_path, change, words):
    np.savez(tmp_path / "f.npz", **change(dict(zip(NAMES, blobs, strict=True))))
    with pytest.raises(UserError, match=words):
        vectors.features("", str(tmp_path / "f.npz"))


def test_that_arrays_of_other_names_are_found_by_the_settings_that_the_sentence_names(blobs, tmp_path):
    np.savez(tmp_path / "f.npz", x=blobs[0], y=blobs[1])
    data = vectors.features("", str(tmp_path / "f.npz"), features_array="x", labels_array="y")
    assert data.shape == {"features": 12}


@pytest.mark.parametrize("split", ["train", "test"])
def test_that_a_mapped_row_that_is_not_finite_is_named(blobs, tmp_path, split):
    for name, array in zip(NAMES, blobs, strict=True):
        np.save(tmp_path / f"{name}.npy", array)
    wrong = np.load(tmp_path / f"{split}_features.npy")
    wrong[17, 3] = np.inf
    np.save(tmp_path / f"{split}_features.npy", wrong)
    with pytest.raises(UserError, match=r"1 of \d00 rows are not finite .*, the first is row 17, counted from 0"):
        vectors.features("", str(tmp_path))


def test_that_a_large_map_is_looked_at_when_it_is_hashed(blobs, tmp_path, monkeypatch):
    monkeypatch.setattr(content, "MANY", 1000)
    wrong = blobs[0].copy()
    wrong[17, 3] = np.nan
    for name, array in zip(NAMES, (wrong, *blobs[1:]), strict=True):
        np.save(tmp_path / f"{name}.npy", array)
    data = vectors.features("", str(tmp_path))
    with pytest.raises(UserError, match=r"training split: 1 of 200 rows are not finite .* row 17"):
        kept_fingerprint(data, tmp_path / "cache")


@pytest.mark.parametrize("settings", [[], ["dataset.standardize=true"], ["limit=50"]])
@pytest.mark.parametrize("verify", [False, True])
def test_that_no_setting_hides_a_row_of_a_large_map(blobs, tmp_path, monkeypatch, complete, settings, verify):
    monkeypatch.setattr(content, "MANY", 1000)
    monkeypatch.setattr(content, "verify", verify)
    wrong = blobs[0].copy()
    wrong[0, 3] = np.nan
    for name, array in zip(NAMES, (wrong, *blobs[1:]), strict=True):
        np.save(tmp_path / f"{name}.npy", array)
    with pytest.raises(UserError, match=r"1 of \d+ rows are not finite .* row 0"):
        complete("dataset=features", f"dataset.path={tmp_path}", "model=linear", "strategy=random", *settings)


@pytest.mark.parametrize("form", ["npz", "npy", "table"])
def test_that_a_group_in_both_splits_is_refused(blobs, tmp_path, form):
    rows, numbers, others, of_others = blobs
    people = [f"p{number % 7}" for number in range(300)]
    splits = ["train"] * 200 + ["test"] * 100
    columns = pd.DataFrame({"label": [*numbers, *of_others], "patient": people, "split": splits})
    if form == "npz":
        arrays = dict(zip(NAMES, blobs, strict=True))
        np.savez(tmp_path / "f.npz", **arrays, train_patient=people[:200], test_patient=people[200:])
    elif form == "npy":
        np.save(tmp_path / "f.npy", np.concatenate([rows, others]))
        columns.to_csv(tmp_path / "labels.csv", index=False)
    else:
        columns.assign(x=[*rows[:, 0], *others[:, 0]]).to_csv(tmp_path / "f.csv", index=False)
    read = tables.table if form == "table" else vectors.features
    path = tmp_path / f"f.{'csv' if form == 'table' else form}"
    with pytest.raises(UserError, match=r"7 groups of dataset.group are in the training and in the test split, p0 the"):
        read("", str(path), group="patient")


def test_that_labels_in_another_order_are_refused(blobs, tmp_path):
    np.save(tmp_path / "f.npy", blobs[0])
    rows = pd.DataFrame({"row": np.arange(200), "label": blobs[1]})
    rows.to_csv(tmp_path / "labels.csv", index=False)
    vectors.features("", str(tmp_path / "f.npy"))
    rows[::-1].to_csv(tmp_path / "labels.csv", index=False)
    with pytest.raises(UserError, match="its column row numbers the rows in another order"):
        vectors.features("", str(tmp_path / "f.npy"))


@pytest.mark.parametrize("values", [[0, 1, 2], ["2", "0", "1"], [3, 1, 2], [3.0, 2.0, 1.0]])
def test_that_a_column_that_numbers_the_rows_is_known(values):
    np.testing.assert_array_equal(row_numbers(values), [float(each) for each in values])


@pytest.mark.parametrize(
    "values", [[], [0, 1], [0, 1, 1], [2, 3, 4], [0.5, 1, 2], ["a", "b", "c"], ["0", "1", ""], [[0], [1], [2]]]
)
def test_that_any_other_column_is_not(values):
    assert row_numbers(values) is None


def test_that_rows_without_a_split_are_counted(blobs, tmp_path, caplog):
    np.save(tmp_path / "f.npy", blobs[0])
    splits = ["train"] * 100 + ["test"] * 70 + [""] * 30
    pd.DataFrame({"label": blobs[1], "split": splits}).to_csv(tmp_path / "labels.csv", index=False)
    data = vectors.features("", str(tmp_path / "f.npy"))
    assert (len(data.train_labels), len(data.test_labels)) == (100, 70)
    assert "30 rows have no split and are passed over" in caplog.text


def test_that_a_table_is_sent_to_the_data_set_that_reads_it(tmp_path):
    (tmp_path / "f.parquet").write_bytes(b"PAR1")
    with pytest.raises(UserError, match="use dataset=table"):
        vectors.features("", str(tmp_path / "f.parquet"))


def test_that_labels_of_a_npy_are_asked_for(blobs, tmp_path):
    np.save(tmp_path / "f.npy", blobs[0])
    with pytest.raises(UserError, match=r"there is no .*labels.csv .* dataset.labels_path="):
        vectors.features("", str(tmp_path / "f.npy"))
    pd.DataFrame({"label": blobs[1][:-1]}).to_csv(tmp_path / "labels.csv")
    with pytest.raises(UserError, match=r"has 200 rows, but .* 199: give a label to each"):
        vectors.features("", str(tmp_path / "f.npy"))


@pytest.mark.parametrize(
    ("form", "unread"),
    [
        ("npz", ["labels_path", "label_column", "split_column"]),
        ("folder", ["labels_path", "features_array", "labels_array", "label_column", "split_column", "group"]),
        ("npy", ["features_array", "labels_array"]),
    ],
)
def test_that_a_setting_which_a_form_does_not_read_is_refused(blobs, tmp_path, form, unread):
    path = tmp_path / ("f" if form == "folder" else f"f.{form}")
    if form == "folder":
        path.mkdir()
    for name in unread:
        setting: dict[str, Any] = {name: "patient"}
        with pytest.raises(UserError, match=rf"dataset\.{name}=patient has no effect on .*: leave it out"):
            vectors.features("", str(path), **setting)


def test_that_a_missing_array_of_groups_names_its_own_setting(blobs, tmp_path):
    np.savez(tmp_path / "f.npz", **dict(zip(NAMES, blobs, strict=True)))
    with pytest.raises(
        UserError, match=r"lacks the arrays train_who, test_who; .*: name one by dataset.group=\.\.\. \("
    ):
        vectors.features("", str(tmp_path / "f.npz"), group="who")


def test_that_a_missing_column_names_the_setting_that_chooses_it(blobs, tmp_path):
    np.save(tmp_path / "f.npy", blobs[0])
    np.savetxt(tmp_path / "labels.csv", blobs[1], fmt="%d")
    with pytest.raises(UserError, match=r"has no column label; .* dataset\.label_column="):
        vectors.features("", str(tmp_path / "f.npy"))


def test_that_vectors_of_one_class_are_not_called_images(blobs, tmp_path):
    np.savez(tmp_path / "f.npz", features=blobs[0], labels=np.zeros(200, int))
    with pytest.raises(UserError, match="all examples are of one class, 0"):
        vectors.features("", str(tmp_path / "f.npz"))


def test_that_the_card_tells_rows_that_are_in_both_splits(blobs):
    train, train_y, test, test_y = blobs
    leaked = np.concatenate([train[:3], test[3:]])
    (told,) = card.card_problems(card.describe_data(ImageData(train, train_y, leaked, test_y)))
    assert told.startswith("3 of 100 test vectors are also in the pool")


@pytest.mark.parametrize("value", [-1e30, 1e30, 1e4, None])
def test_that_the_card_tells_rows_that_outweigh_all_others(blobs, value):
    train, train_y, test, test_y = blobs
    train = train / np.abs(train).max()
    if value is not None:
        train[17, 3] = value
    problems = card.card_problems(card.describe_data(ImageData(train, train_y, test, test_y)))
    words = "1 of 200 vectors of the pool has numbers more than 1,000 times as large as others (the first is vector 17 "
    assert [each.startswith(words) for each in problems] == [True] * (value is not None)


def test_that_the_name_of_a_run_follows_the_content_of_the_file(stored, blobs, composed):
    def name():
        made = composed("dataset=features", f"dataset.path={stored}", f"paths.outputs={stored.parent}/out", hydra=True)
        return made.hydra.run.dir

    before = name()
    assert before.split("/")[-2].startswith("f-")
    file = (
        stored / "train_labels.npy"
        if stored.is_dir()
        else stored.parent / "labels.csv"
        if stored.suffix == ".npy"
        else stored
    )
    if file.suffix == ".csv":
        file.write_text(file.read_text().replace("0,train", "1,train", 1))
    elif file.suffix == ".npy":
        np.save(file, 3 - blobs[1])
    else:
        np.savez(file, **dict(zip(NAMES, [-blobs[0], *blobs[1:]], strict=True)))
    assert name() != before


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            ["model=small_cnn"],
            "model=small_cnn takes images, and the pool holds vectors of 12 numbers: use model=linear or model=mlp, "
            "or a class of your own whose constructor takes features",
        ),
        (
            [*MODEL, "augmentation=crop_flip"],
            "augmentation=crop_flip alters images, and the pool holds vectors: use augmentation=none",
        ),
    ],
)
def test_that_parts_for_images_are_refused(blobs, tmp_path, complete, settings, words):
    np.savez(tmp_path / "f.npz", **dict(zip(NAMES, blobs, strict=True)))
    with pytest.raises(UserError, match=words):
        complete("dataset=features", f"dataset.path={tmp_path / 'f.npz'}", *settings)


def test_that_a_head_is_refused_for_images(complete):
    with pytest.raises(UserError, match=r"model: Head takes vectors, and the pool holds images: add encoder="):
        complete(*MODEL)


@pytest.mark.parametrize(
    "numbers",
    [
        np.array([7, -3, 7, 900_000, 0], np.int32),
        np.array([5, 2**40, 5, -(2**40)]),
        np.array([200, 3, 255, 3], np.uint8),
        np.array([-128, 127, 0], np.int8),
        np.array([2**63 + 5, 2**63, 2**63 + 5], np.uint64),
        np.array([], np.int64),
    ],
)
def test_distinct_labels_are_those_of_a_sort(numbers):
    distinct, place = vectors.distinct_of(numbers)
    expected, expected_place = np.unique(numbers, return_inverse=True)
    assert distinct.dtype == numbers.dtype
    assert distinct.tolist() == expected.tolist()
    assert place.tolist() == expected_place.tolist()
