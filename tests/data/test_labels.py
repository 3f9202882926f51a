"""Labels as people and programs write them, through every source that has them."""

import json
import logging
import math
import os
import unicodedata
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from alrun.data import card, labels, own, sources
from alrun.data.divided import positions_by_share
from alrun.system.errors import UserError


def place(position: int) -> str:
    return f"row {position}"


def numbered(values: list, names: list[str] | None = None) -> tuple[list[int], list[str]]:
    made, classes = labels.number_labels(values, place, names)
    return made.tolist(), classes


@pytest.mark.parametrize(
    ("values", "numbers", "classes"),
    [
        (["dog", " cat", "dog ", "cat\t"], [1, 0, 1, 0], ["cat", "dog"]),
        (["\ufeffdog", "cat", "dog\u200b", "\u00a0cat"], [1, 0, 1, 0], ["cat", "dog"]),
        (["10", "9", "9"], [1, 0, 0], ["9", "10"]),
        (["1.5", "10.5", "2.5"], [0, 2, 1], ["1.5", "2.5", "10.5"]),
        ([2.0, 1.0, 2.0], [1, 0, 1], ["1", "2"]),  # a column of numbers with a gap
        ([1, -1, 1], [1, 0, 1], ["-1", "1"]),
        ([True, False], [1, 0], ["False", "True"]),
        ([np.int64(3), np.uint8(2)], [1, 0], ["2", "3"]),
        ([b"dog", "cat"], [1, 0], ["cat", "dog"]),
        (["none", "NA", "null"], [1, 0, 2], ["NA", "none", "null"]),  # no defect, Namibia: names like others
    ],
)
def test_labels_become_numbers_in_the_order_of_their_names(values, numbers, classes):
    assert numbered(values) == (numbers, classes)


def test_one_name_in_two_unicode_forms_is_one_class():
    forms = [unicodedata.normalize(form, "Käfer") for form in ("NFC", "NFD")]
    assert len(set(forms)) == 2
    assert numbered([*forms, "Ameise"]) == ([1, 1, 0], ["Ameise", unicodedata.normalize("NFC", "Käfer")])
    assert numbered([forms[1], "Ameise"], [forms[0], "Ameise"])[0] == [0, 1]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "row 1: its label is empty"),
        ("", "row 1: its label is empty"),
        (" \t", "row 1: its label is empty"),
        (math.nan, "row 1: its label is empty"),
        (np.float32("nan"), "row 1: its label is empty"),
        ("nan", "row 1: its label is 'nan', which stands for none"),
        ("NaN", "which stands for none"),
        ("<NA>", "which stands for none"),
        (["cat", "dog"], r"row 1: its label is \['cat', 'dog'\], several values: .*multi-label"),
        (np.array([0, 1]), "several values"),
        ({"a": 1}, "several values"),
        (-1, "row 1: its label -1 says that it has none"),
    ],
)
def test_a_label_that_is_none_is_refused_with_its_place(value, words):
    with pytest.raises(UserError, match=words):
        numbered(["cat", value, "dog"])


@pytest.mark.parametrize(
    ("values", "place"),
    [
        (["0", "1", "-1", "-1"], 2),
        (["-1", "0"], 0),
        (["-1.0", "0"], None),  # the class that somebody calls so
        (["1", "-1"], None),
        (["-2", "-1", "0"], None),
        (["cat", "-1"], None),
    ],
)
def test_a_label_of_minus_one_in_a_text_says_that_there_is_none_where_the_others_count(values, place):
    if place is None:
        assert len(numbered(values)[1]) == len(set(values))
        return
    with pytest.raises(UserError, match=f"row {place}: its label -1 .* as {values.count('-1')} of {len(values)} do"):
        numbered(values)


@pytest.mark.parametrize("pair", [("1", "1.0"), ("0.5", "0.50"), ("7", "007"), ("1000", "1e3")])
def test_two_classes_that_are_one_number_are_refused(pair):
    with pytest.raises(UserError, match=rf"classes .*{pair[0]} .*are one number: write it in one way"):
        numbered([*pair, "2"])


@pytest.mark.parametrize(
    "pair",
    [
        *(("Ants", "ants"), ("ice cream", "ice_cream"), ("ice  cream", "ice-cream"), ("A", "a")),
        *(("cat", "c\u0430t"), ("file", "\ufb01le"), ("so\u200bft", "soft")),
    ],
)
def test_two_classes_whose_names_are_alike_are_told_and_a_person_sees_how_they_differ(pair, caplog):
    numbered([*pair, "other"])
    assert "are alike, and are learned as different ones" in caplog.text
    shown = {
        word for word in (pair[0], pair[1], ascii(pair[0]), ascii(pair[1])) if f"{word} (1, first row" in caplog.text
    }
    assert len(shown) == 2
    assert all(word.isascii() for word in shown)


@pytest.mark.parametrize("names", [("c", "c++"), ("1", "-1"), ("cat", "cats"), ("a b", "c d"), ("Käfer", "Kafer")])
def test_names_that_differ_are_not_warned_of(names, caplog):
    numbered(list(names))
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([0, 5], r"row 1: its label 5 is not one of the 2 classes \(cat, dog\)"),
        ([0, -1], r"row 1: its label -1 says that it has none"),
        (["cat", "dgo"], r"row 1: its label 'dgo' is not a class; did you mean dog\?"),
        ([0, None], "row 1: its label is empty"),
        ([[0, 1], [1]], "row 0: its label is .* several values"),
    ],
)
def test_labels_outside_the_declared_names_are_refused(values, words):
    with pytest.raises(UserError, match=words):
        numbered(values, ["cat", "dog"])


@pytest.mark.parametrize(
    ("values", "refused"),
    [
        (["0.5", "1", "2"], "0.5"),
        ([0.0, 1.0, 1.5], "1.5"),
        (np.array([1, 2.25], np.float32), "2.25"),
        (["0.5", "cat"], None),  # a name like others
        (["1.0", "2", "1e3"], None),
        ([None, 0.5], None),  # which is said to be missing instead
        ([[0.5], [1.5]], None),
        (np.array([0, 1]), None),
        (["nan", "inf"], None),
    ],
)
def test_amounts_are_no_classes(values, refused):
    if refused is None:
        labels.refuse_fractions(values, "t.csv, column y")
        return
    with pytest.raises(UserError, match=rf"t.csv, column y: the label {refused} is not a whole number"):
        labels.refuse_fractions(values, "t.csv, column y")


def write_image(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(256, size=(4, 4, 3), dtype=np.uint8)).save(path)
    return path


@pytest.fixture
def photos(tmp_path) -> Path:
    for seed in range(24):
        write_image(tmp_path / "p" / f"{seed}.png", seed)
    return tmp_path


def csv(base: Path, lines: list[str], encoding: str = "utf-8", **settings):
    (base / "list.csv").write_bytes("\n".join(lines).encode(encoding))
    return own.csv("", str(base / "list.csv"), size=4, **settings)


def rows(kinds: list[str], extra: str = "") -> list[str]:
    return [f"p/{number}.png,{kind}{extra}" for number, kind in enumerate(kinds)]


def test_a_class_of_the_test_split_alone_is_refused_and_one_of_the_training_split_told(photos, caplog):
    train, test = rows(["ants", "bees"] * 4, ",train"), rows(["ants", "bees"] * 2 + ["wasps"] * 2, ",test")
    test = [line.replace(f"p/{number}.", f"p/{number + 8}.") for number, line in enumerate(test)]
    with pytest.raises(UserError, match="no training example is of the class wasps, but 2 of 6 test examples are"):
        csv(photos, ["path,label,split", *train, *test])
    swapped = [line.replace("train", "x").replace("test", "train").replace("x", "test") for line in (*train, *test)]
    assert csv(photos, ["path,label,split", *swapped]).class_names == ["ants", "bees", "wasps"]
    assert "the test split has no example of 1 of the classes (wasps)" in caplog.text


@pytest.mark.parametrize(
    ("header", "change", "encoding"),
    [
        ("Path , Label", lambda text: text, "utf-8"),
        ("path,label", lambda text: f"sep=,\n{text}", "utf-8"),
        ("path,label", lambda text: "sep=;\n" + text.replace(",", ";"), "utf-8-sig"),
        ("path,label", lambda text: text.replace(",", "\t"), "utf-16"),
        ("path,label", lambda text: text.replace(",", "|"), "utf-8"),
        ("path,label", lambda text: text.replace("/", "\\"), "utf-8"),
        ("path,label", lambda text: text.replace("\n", ",,\n") + ",,\n,,\n\n", "utf-8"),
        ("path,label", lambda text: text.replace("\n", "\r\n"), "utf-32"),
    ],
    ids=["case", "sep=,", "sep=;", "UTF-16", "bars", "backslashes", "trailing commas", "UTF-32"],
)
def test_what_programs_do_to_a_csv_is_undone(photos, header, change, encoding):
    lines = rows(["ants", "bees"] * 5)
    expected = csv(photos, ["path,label", *lines]).fingerprint()
    text = change("\n".join([header, *lines]))
    assert csv(photos, [text], encoding).fingerprint() == expected


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("path,label\np/0.png,Käfer\n".encode("cp1252"), r"line 2 is not encoded as UTF-8\): save it as CSV, UTF-8"),
        (b"PK\x03\x04xxxx", "it is a workbook or archive; save it as CSV, UTF-8"),
        (b'[{"path": "a"}]', "it is JSON; save it as CSV"),
        ("path,label\np/0.png,a\n".encode("utf-16-le"), "holds zero bytes.: save it as CSV, UTF-8"),
        (b"path,label\np/0.png,ants,large\n", "line 2: it has more cells than the first line has names: put quotes"),
    ],
)
def test_what_is_no_csv_is_named_with_the_remedy(photos, content, words):
    (photos / "list.csv").write_bytes(content)
    with pytest.raises(UserError, match=words):
        own.csv("", str(photos / "list.csv"), size=4)


def test_a_path_listed_twice_is_taken_once_and_in_both_splits_refused(photos):
    lines = rows(["ants", "bees"] * 5)
    data = csv(photos, ["path,label", *lines, "./p/3.png,bees", lines[0]])
    assert len(data.train_labels) + len(data.test_labels) == 10
    assert data.passed == {"second line for an image (line 12 as line 5)": 2}
    split = [f"{line},train" for line in lines]
    with pytest.raises(UserError, match=r"line 12: p/1.png is in the split test here, but train in line 3"):
        csv(photos, ["path,label,split", *split, "p/1.png,bees,test"])


def test_the_column_of_splits_may_name_a_third_one_or_another(photos, caplog):
    lines = rows(["ants", "bees"] * 12)
    splits = ["train"] * 12 + ["validation"] * 8 + ["Test"] * 4
    table = ["path,label,split", *(f"{line},{split}" for line, split in zip(lines, splits, strict=True))]
    assert len(csv(photos, table).test_labels) == 4
    assert "the split validation is passed over; dataset.test_split=..." in caplog.text
    assert len(csv(photos, table, test_split="val").test_labels) == 8
    assert len(csv(photos, [line.replace("Test", "fold 1") for line in table], test_split="fold 1").test_labels) == 4
    alone = csv(photos, [line.replace("validation", "train").replace("Test", "train") for line in table])
    assert len(alone.test_labels) == 5  # a fifth of all
    with pytest.raises(UserError, match="no line has the split train; there are: test"):
        csv(photos, ["path,label,split", *rows(["a", "b"], ",test")])


def test_a_class_of_a_split_that_is_passed_over_is_none(photos):
    table = ["path,label,split", *rows(["ants", "bees"] * 3, ",train")]
    table += ["p/10.png,ants,test", "p/11.png,bees,test", "p/12.png,wasps,val"]
    assert csv(photos, table).class_names == ["ants", "bees"]


def test_groups_are_held_out_whole(photos):
    kinds, people = ["ants", "bees"] * 12, [f"person {number // 4}" for number in range(24)]
    lines = [f"{line},{person}" for line, person in zip(rows(kinds), people, strict=True)]
    data = csv(photos, ["path,label,who", *lines], group="who", test_fraction=0.34)
    held = {str(photos / f"p/{number}.png"): person for number, person in enumerate(people)}
    trained = {held[file] for file in data.files or []}
    assert len(trained) == 4
    assert (len(data.test_labels), np.bincount(data.test_labels).tolist()) == (8, [4, 4])
    tested = set(people) - trained
    assert data.test_groups is not None
    assert sorted(data.test_groups) == sorted(person for person in people if person in tested)
    given = [f"{line},{'test' if number % 2 else 'train'}" for number, line in enumerate(lines)]
    with pytest.raises(
        UserError, match=r"6 groups of dataset.group are in the training and in the test split, person 0"
    ):
        csv(photos, ["path,label,who,split", *given], group="who")
    with pytest.raises(UserError, match="has no column patient"):
        csv(photos, ["path,label,who", *lines], group="patient")


@pytest.mark.parametrize("seed", range(8))
def test_a_split_by_groups_is_near_the_share_of_every_class(seed):
    draws = np.random.default_rng(seed)
    groups = draws.integers(60, size=600)
    numbers = (draws.random(600) < 0.3).astype(np.int64)
    train, test = positions_by_share(numbers, 0.2, ["a", "b"], groups)
    assert not set(groups[train]) & set(groups[test])
    assert sorted([*train, *test]) == list(range(600))
    shares = np.bincount(numbers[test]) / np.bincount(numbers)
    assert np.abs(shares - 0.2).max() < 0.05
    assert np.array_equal(positions_by_share(numbers, 0.2, ["a", "b"], groups)[1], test)


def test_the_last_group_of_a_class_stays_to_be_trained_on():
    numbers, groups = np.array([0] * 9 + [1] * 3), np.array([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3])
    train, test = positions_by_share(numbers, 0.4, ["a", "b"], groups)
    assert set(numbers[train]) == {0, 1}
    assert len(test) == 3
    with pytest.raises(UserError, match="all examples are of one group"):
        positions_by_share(numbers, 0.4, ["a", "b"], np.zeros(12))


def images(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(256, size=(count, 4, 4), dtype=np.uint8)


@pytest.mark.parametrize(
    ("names", "settings", "tested"),
    [
        (("train_images", "train_labels", "val_images", "val_labels", "test_images", "test_labels"), {}, 4),
        (("train_images", "train_labels", "val_images", "val_labels"), {}, 4),
        (("x_train", "y_train", "x_test", "y_test"), {"images_array": "x", "labels_array": "y"}, 4),
        (("images", "labels"), {}, 2),
        (("data", "target"), {"images_array": "data", "labels_array": "target", "test_fraction": 0.4}, 4),
        (("train_images", "train_labels"), {}, 2),
    ],
)
def test_an_npz_may_call_its_arrays_otherwise_and_have_no_test_split(tmp_path, names, settings, tested):
    made: dict[str, Any] = {
        name: images(10 if number < 2 else 4) for number, name in enumerate(names) if number % 2 == 0
    }
    made |= {name: (np.arange(10 if number < 2 else 4) % 2)[:, None] for number, name in enumerate(names) if number % 2}
    np.savez(tmp_path / "a.npz", **made)
    data = sources.npz("", str(tmp_path / "a.npz"), **settings)
    assert (data.classes, len(data.test_labels)) == (2, tested)
    assert len(data.train_labels) + tested == (14 if len(names) > 2 else 10)


def test_amounts_are_refused_in_each_kind_of_file_of_images(photos):
    with pytest.raises(UserError, match=r"list.csv, column label: the label 0\.5 is not a whole number \(1 of 2"):
        csv(photos, ["path,label", "p/1.png,0.5", "p/2.png,2.0"])
    np.savez(photos / "a.npz", images=images(4), labels=np.array([0.5, 1, 1, 0.5]))
    with pytest.raises(UserError, match=r"a.npz, array labels: the label 0\.5 is not a whole number"):
        sources.npz("", str(photos / "a.npz"))
    parquet(photos / "all.parquet", [0.5, 1.0, 0.5, 1.0])
    with pytest.raises(UserError, match=r"all.parquet, column label: the label 0\.5 is not a whole number"):
        own.parquet("", str(photos / "all.parquet"), size=4)


def test_a_test_split_of_an_npz_that_names_none_says_what_to_do(tmp_path):
    np.savez(tmp_path / "a.npz", images=images(4), labels=np.arange(4) % 2)
    words = (
        r"dataset.test_split=val: .* has no arrays train_images and val_images \(it has images, labels\): add what is "
        r"missing, or leave dataset.test_split out, and dataset.test_fraction of every class is held out"
    )
    with pytest.raises(UserError, match=words):
        sources.npz("", str(tmp_path / "a.npz"), test_split="val")


def test_an_npz_of_video_frames_is_split_by_video(tmp_path):
    video = np.repeat(np.arange(10), 4)
    np.savez(tmp_path / "a.npz", images=images(40), labels=np.tile(["cat", "dog"], 20), video=video)
    data = sources.npz("", str(tmp_path / "a.npz"), group="video")
    trained = {
        int(video[at]) for at in range(40) if any(np.array_equal(images(40)[at], x[0]) for x in data.train_images)
    }
    assert data.class_names == ["cat", "dog"]
    assert len(trained) == 8
    assert data.test_groups is not None
    for image, group in zip(data.test_images, data.test_groups, strict=True):
        assert any(np.array_equal(images(40)[at], image[0]) for at in np.flatnonzero(video == int(group)))


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        (
            {"pixels": images(4), "y": np.arange(4)},
            r"lacks the arrays images, labels; it holds pixels uint8 \(4, 4, 4\), y",
        ),
        ({"images": images(4), "labels": np.eye(4)}, r"labels has shape \(4, 4\); .* one-hot: store their argmax"),
        ({"images": images(4), "labels": np.ones((4, 3))}, r"several labels an example \(multi-label\)"),
        ({"images": images(4), "labels": np.arange(3)}, "4 images but 3 labels"),
        ({"images": images(4), "labels": np.array([0, 1, 0, -1])}, "example 3: its label -1 says that it has none"),
        ({"images": images(4), "labels": np.array([0, 1, 0, np.nan])}, "example 3: its label is empty"),
    ],
)
def test_an_npz_that_cannot_be_used_says_what_is_in_it(tmp_path, arrays, words):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(UserError, match=words):
        sources.npz("", str(tmp_path / "a.npz"))


def test_an_npz_that_declares_more_than_it_holds_is_refused_before_it_is_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "huge.npz", "w") as archive:
        for name in ("images", "labels"):
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": (2**50,)})
    with pytest.raises(UserError, match=r"images.npy claims 1125899906842624 bytes, but holds 0"):
        sources.npz("", str(tmp_path / "huge.npz"))


def parquet(path: Path, kinds: list, names: list[str] | None = None, **columns: list) -> None:
    arrow, writer = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path.parent.mkdir(parents=True, exist_ok=True)
    content = [write_image(path.parent / "scratch.png", seed).read_bytes() for seed in range(len(kinds))]
    table = arrow.table({"image": content, "label": kinds, **columns})
    if names:
        features = {"label": {"names": names, "_type": "ClassLabel"}}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    writer.write_table(table, path)


@pytest.mark.parametrize(
    ("kinds", "names", "words"),
    [
        (["cat", "", "dog"], None, "all.parquet, row 1: its label is empty"),
        ([1.0, math.nan, 2.0], None, "row 1: its label is empty"),
        ([["a"], ["b"], ["a", "b"]], None, r"row 0: its label is \['a'\], several values"),
        ([0, 1, 5], ["cat", "dog"], r"row 2: its label 5 is not one of the 2 classes"),
        ([0, 1, -1], ["cat", "dog"], r"row 2: its label -1 says that it has none"),
    ],
)
def test_labels_in_parquet_follow_the_same_rule(tmp_path, kinds, names, words):
    parquet(tmp_path / "all.parquet", kinds, names)
    with pytest.raises(UserError, match=words):
        own.parquet("", str(tmp_path / "all.parquet"), size=4)


@pytest.mark.parametrize("header", ["path,label,label", "path,Label,LABEL", "path,label,split,split"])
def test_two_columns_of_one_name_are_refused(photos, header):
    again = header.rpartition(",")[2]
    lines = rows(["ants", "bees"] * 6, ",train" * (header.count(",") - 1))
    with pytest.raises(UserError, match=rf"has 2 columns {again.lower()} \(.*{again}\): rename all but one"):
        csv(photos, [header, *lines])
    assert len(csv(photos, ["path,label,note,note", *rows(["ants", "bees"] * 6, ",a,b")]).train_labels) == 9


def test_a_line_break_in_a_label_does_not_break_the_log(photos, caplog):
    caplog.set_level(logging.INFO)
    lines = rows(['"an\nt"', '"An\nt"', "bee"] * 6)
    card.log_card(card.describe_data(csv(photos, ["path,label", *lines])))
    messages = [record.getMessage() for record in caplog.records if "an" in record.getMessage()]
    assert len(messages) >= 2
    assert all(message.isprintable() for message in messages)
    assert any(r"An\nt, an\nt, bee" in message for message in messages)


def test_rows_without_a_split_are_told_by_their_number(photos, caplog):
    lines = [f"{line},{'train' if at % 4 else ''}" for at, line in enumerate(rows(["ants", "bees", "bees"] * 8))]
    assert len(csv(photos, ["path,label,split", *lines]).train_labels) == 14  # 18 less a fifth
    assert "rows without a split (6 of 24) are passed over" in caplog.text
    assert "the split  is" not in caplog.text


def test_parquet_files_of_a_validation_split_are_tested_on(tmp_path, caplog):
    parquet(tmp_path / "data" / "train-0.parquet", ["cat ", "dog"] * 5)
    parquet(tmp_path / "data" / "Valid-0.parquet", ["cat", "dog"] * 2)
    with caplog.at_level(logging.INFO):
        data = own.parquet("", str(tmp_path), size=4)
    assert (data.class_names, len(data.train_labels), len(data.test_labels)) == (["cat", "dog"], 10, 4)
    parquet(tmp_path / "data" / "test-0.parquet", ["cat", "emu"])
    with pytest.raises(UserError, match="no training example is of the class emu"):
        own.parquet("", str(tmp_path), size=4)
    assert len(own.parquet("", str(tmp_path), size=4, test_split="valid").test_labels) == 4
    assert "the split test is passed over" in caplog.text


def test_parquet_rows_of_a_patient_stay_together(tmp_path):
    parquet(tmp_path / "all.parquet", ["cat", "dog"] * 10, patient=[number // 2 for number in range(20)])
    data = own.parquet("", str(tmp_path / "all.parquet"), size=4, group="patient")
    trained = [int(file.rpartition(" ")[2]) // 2 for file in data.files or []]
    assert all(trained.count(patient) == 2 for patient in trained)
    assert len(trained) == 16
    assert data.test_groups is not None
    assert sorted(map(int, data.test_groups)) == sorted(2 * list({*range(10)} - {*trained}))


@pytest.mark.parametrize("source", [own.csv, own.parquet, sources.npz])
def test_a_pipe_in_the_place_of_a_file_is_refused_and_not_waited_for(tmp_path, source):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match=r"pipe( cannot be read as CSV: it)? is not a file|pipe: there is no such file"):
        source("", str(tmp_path / "pipe"))


@pytest.mark.parametrize("name", [True, None, 0.5])
def test_a_name_that_yaml_read_as_a_value_is_asked_for_in_quotes(tmp_path, name):
    with pytest.raises(UserError, match="is not text as it was written: put quotes"):
        own.unlabeled("", str(tmp_path), ["cat", name])


def test_names_keep_one_unicode_form():
    forms = [unicodedata.normalize(form, "été") for form in ("NFC", "NFD")]
    assert own.class_names([forms[1], "hiver "]) == [forms[0], "hiver"]
    with pytest.raises(UserError, match="each once"):
        own.class_names(forms)
