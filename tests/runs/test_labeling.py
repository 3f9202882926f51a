"""Asking people for labels, and taking them back."""

import csv
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from alrun.analysis.rounds import Results
from alrun.analysis.sources import measured
from alrun.commands import tell as command
from alrun.commands.ask import find_run_to_label
from alrun.commands.status import status
from alrun.data import own
from alrun.data.dataset import STRANGER, ImageData
from alrun.data.labels import NONE_OF_THESE
from alrun.loop.start import run
from alrun.runs.label_files import read_labels
from alrun.runs.labeling import Labeling
from alrun.runs.sheets import read_answers
from alrun.settings.command_line import as_typed
from alrun.settings.planned_runs import options_of
from alrun.system.errors import UserError
from tests.conftest import QUIET

CLASSES = ["lying", "standing"]
BUDGET = ("budget.seed_size=8", "budget.batch_size=6", "budget.total=20", "dataset.size=8", *QUIET)
TRAINING = (*BUDGET, "training.max_epochs=3", "model=small_cnn", "model.width=4", "augmentation=none")


def photo(kind: str, seed: int) -> Image.Image:
    """A white bar on gray that lies or stands, in an image of some size and mode; one of them is very large."""
    rng = np.random.default_rng(seed)
    height = width = int(rng.integers(16, 40))
    if seed == 7:
        height = width = 4000
    image = np.full((height, width), 90, np.uint8)
    place = int(rng.integers(height // 2))
    image[place : place + height // 4] = 230
    made = Image.fromarray(image if kind == "lying" else image.T)
    mode = ("L", "RGB", "RGBA", "CMYK", "P")[seed % 5]
    return made.convert("RGB").quantize(8) if mode == "P" else made.convert(mode)


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    """``pool``: sixty images in folders of days; ``test``: twenty by class; truth.csv: the classes of the pool."""
    base = tmp_path_factory.mktemp("photos")
    lines = ["path,label,split"]
    for seed in range(80):
        kind = CLASSES[seed % 3 % 2]
        ending = "jpg" if seed % 5 == 3 or seed == 7 else "png"
        path = Path("test", kind) if seed >= 60 else Path("pool", f"day{seed % 4}")
        path /= f"{seed:02}.{ending}"
        (base / path).parent.mkdir(parents=True, exist_ok=True)
        made = photo(kind, seed)
        (made.convert("RGB") if ending == "jpg" and made.mode != "CMYK" else made).save(base / path)
        lines.append(f"{path},{kind},{'test' if seed >= 60 else 'train'}")
    lines[1:] = sorted(lines[1:])  # the order of dataset=unlabeled
    (base / "truth.csv").write_text("\n".join(lines) + "\n")
    return base


def truth(photos: Path) -> dict[str, str]:
    with (photos / "truth.csv").open() as file:
        return {str(photos / row["path"]): row["label"] for row in csv.DictReader(file)}


def people(photos: Path, asked: Path) -> Path:
    """What people make of a list: they look at each image and write down its class."""
    known, table = truth(photos), pd.read_csv(asked)
    assert table["label"].isna().all()
    table["label"] = [known[path] for path in table["file"]]
    table.to_csv(asked, index=False)
    return asked


class LabeledPhotos:
    """A run that people label."""

    def __init__(self, photos: Path, outputs: Path, *overrides: str, training: Sequence[str] = TRAINING) -> None:
        own = ("dataset=unlabeled", f"dataset.path={photos / 'pool'}", f"dataset.classes=[{','.join(CLASSES)}]")
        self.overrides = [*own, *training, f"paths.outputs={outputs}", *overrides]
        self.planned = find_run_to_label(self.overrides, None)
        self.folder = self.planned.folder

    def ask(self) -> Path | None:
        """The list that waits for labels."""
        choices = options_of(self.planned.cfg)
        run(self.planned.cfg, self.folder, choices)
        return max(self.folder.glob("ask_*.csv")) if not (self.folder / "done").exists() else None

    def tell(self, path: Path) -> list[str]:
        return command.keep_labels(self.folder, CLASSES, path)


@pytest.mark.parametrize("strategy", ["margin", "probcover"])
def test_people_who_label_and_a_simulation_of_them_buy_the_same_and_end_alike(photos, tmp_path, complete, strategy):
    labeled = LabeledPhotos(photos, tmp_path, f"strategy={strategy}", f"dataset.test={photos / 'test'}")
    rounds = 0
    while (asked := labeled.ask()) is not None:
        assert asked.name == f"ask_{rounds}.csv"
        assert labeled.tell(people(photos, asked)) == []
        rounds += 1
    assert rounds == 3
    simulated = complete("dataset=csv", f"dataset.path={photos / 'truth.csv'}", f"strategy={strategy}", *TRAINING)
    for name in ("queries.csv", "accuracy.csv", "per_class.csv"):
        assert (labeled.folder / name).read_bytes() == (simulated / name).read_bytes(), name
    asked = pd.read_csv(labeled.folder / "ask_1.csv")
    assert asked["score"].notna().all() == (strategy == "margin")
    if strategy == "margin":
        assert asked["score"].is_monotonic_decreasing


def test_people_who_find_none_of_the_classes_and_a_simulation_of_them_end_alike(photos, tmp_path, complete):
    """A fifth of the images show neither; the simulation answers from a file what people answer."""
    table = pd.read_csv(photos / "truth.csv")
    table["answer"] = [
        NONE_OF_THESE if path.startswith("pool") and int(Path(path).stem) % 5 == 0 else label
        for path, label in zip(table["path"], table["label"], strict=True)
    ]
    table.to_csv(tmp_path / "answers.csv", index=False)
    said = {str(photos / path): answer for path, answer in zip(table["path"], table["answer"], strict=True)}
    labeled = LabeledPhotos(photos, tmp_path, "strategy=margin", f"dataset.test={photos / 'test'}")
    while (asked := labeled.ask()) is not None:
        sheet = pd.read_csv(asked)
        sheet["label"] = [said[path].upper() for path in sheet["file"]]
        sheet.to_csv(asked, index=False)
        assert labeled.tell(asked) == []
    given = pd.read_csv(labeled.folder / "labels.csv")["label"].value_counts()
    assert set(given.index) == {NONE_OF_THESE, *CLASSES}
    simulated = complete(
        *("dataset=csv", f"dataset.path={photos / 'truth.csv'}", "strategy=margin", *TRAINING),
        *("annotator=file", f"annotator.path={tmp_path / 'answers.csv'}", "annotator.columns=[answer]"),
    )
    for name in ("queries.csv", "accuracy.csv", "per_class.csv"):
        assert (labeled.folder / name).read_bytes() == (simulated / name).read_bytes(), name
    accuracy = pd.read_csv(simulated / "accuracy.csv")
    assert accuracy["answers"].tolist() == [8, 14, 20]
    assert accuracy["labeled"].iloc[-1] == 20 - given[NONE_OF_THESE]


class Slopes(nn.Module):
    """How much an image changes from left to right, and from top to bottom, on a 2x2 grid: 8 numbers."""

    def forward(self, images: Tensor) -> Tensor:
        changes = [images.mean(1, keepdim=True).diff(dim=dim).abs() for dim in (2, 3)]
        return torch.cat([F.adaptive_avg_pool2d(each, 2).flatten(1) for each in changes], 1)


def test_people_label_images_whose_features_the_run_is_on(photos, tmp_path, complete):
    encoder = ("encoder=module", f"encoder.network._target_={__name__}.Slopes", "encoder.size=8", "strategy=margin")
    encoder = (*encoder, f"paths.features={tmp_path / 'features'}")
    test = f"dataset.test={photos / 'test'}"
    labeled = LabeledPhotos(photos, tmp_path, *encoder, test, training=BUDGET)
    while (asked := labeled.ask()) is not None:
        assert labeled.tell(people(photos, asked)) == []  # it finds each image by its file
    simulated = complete("dataset=csv", f"dataset.path={photos / 'truth.csv'}", *encoder, *BUDGET)
    for name in ("queries.csv", "accuracy.csv", "per_class.csv"):
        assert (labeled.folder / name).read_bytes() == (simulated / name).read_bytes(), name
    assert pd.read_csv(labeled.folder / "accuracy.csv")["test_accuracy"].iloc[-1] > 0.8


def test_nothing_is_lost_or_asked_anew_while_labels_are_missing(photos, tmp_path, capsys):
    labeled = LabeledPhotos(photos, tmp_path, "strategy=random")
    asked = labeled.ask()
    before = {path.name: path.read_bytes() for path in labeled.folder.glob("*.csv")}
    assert labeled.ask() == asked
    people(photos, asked)
    half = asked.read_text().splitlines(keepends=True)
    (tmp_path / "half.csv").write_text("".join(half[:5]))
    assert labeled.tell(tmp_path / "half.csv") == []
    assert "4 new labels are kept, 0 lines refused; 4 labels are still missing." in capsys.readouterr().out
    assert labeled.ask() == asked
    assert asked.read_text() == "".join(half)  # what somebody is filling in is left alone
    assert (labeled.folder / "queries.csv").read_bytes() == before["queries.csv"]
    assert not list(labeled.folder.glob("ask_1.csv"))
    labeled.tell(asked)
    assert "4 new labels are kept" in capsys.readouterr().out
    assert labeled.ask().name == "ask_1.csv"
    accuracy = pd.read_csv(labeled.folder / "accuracy.csv")
    assert accuracy["labeled"].tolist() == [8]
    assert accuracy["test_accuracy"].isna().all()  # there is no test set
    assert accuracy["train_accuracy"].notna().all()


def test_a_line_that_was_deleted_from_the_labels_is_not_trained_on(photos, tmp_path):
    labeled = LabeledPhotos(photos, tmp_path, "strategy=random")
    labeled.tell(people(photos, labeled.ask()))
    labeled.tell(people(photos, labeled.ask()))
    lines = (labeled.folder / "labels.csv").read_text().splitlines(keepends=True)
    seed = pd.read_csv(labeled.folder / "queries.csv")["index"].iloc[0]
    (labeled.folder / "labels.csv").write_text("".join(line for line in lines if not line.startswith(f"{seed},")))
    labeled.ask()
    assert pd.read_csv(labeled.folder / "accuracy.csv")["labeled"].tolist() == [8, 13]


def test_mistakes_are_refused_line_by_line_and_the_rest_is_kept(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text(
        "index,label\n"
        "1,cat\n"  # 2: good
        "2,catt\n"
        "99,cat\n"
        "3,cat\n"  # 5: contradicts 6
        "3,dog\n"
        "4,\n"
        "x,cat\n"
        "5,dog\n"  # 9: good
        "5,dog\n"  # 10: the same again
        "6,dog\n"  # 11: already labeled cat
        "7,cat\n"  # 12: already labeled cat
        "8\n"
    )
    answers, mistakes = read_answers(path, ["cat", "dog"], set(range(10)), labeled={6: 0, 7: 0}, names={})
    assert answers == {1: 0, 5: 1}
    assert mistakes == [
        "line 3: 'catt' is not a class; did you mean cat?",
        "line 4: 99 was not asked for",
        "line 5: 3 is cat in line 5, dog in line 6",
        "line 6: 3 is cat in line 5, dog in line 6",
        "line 7: 4 has no label",
        "line 8: index 'x' is not a whole number",
        "line 11: 6 was already labeled cat, and is dog here; if it is dog, fix labels.csv",
        "line 13: 8 has no label",
    ]


def test_files_of_spreadsheets_are_read_and_others_refused(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("index;note, if any;label\r\n1;;cat\r\n2;blurred;dog\r\n", encoding="utf-8-sig")
    assert read_answers(path, ["cat", "dog"], {1, 2}, {}, {}) == ({1: 0, 2: 1}, [])
    path.write_text("index,class\n1,cat\n")
    with pytest.raises(UserError, match=r"labels.csv has no column label"):
        read_answers(path, ["cat", "dog"], {1}, {}, {})
    path.write_bytes("index,label\n1,Käse\n".encode("latin-1"))
    with pytest.raises(UserError, match=r"labels.csv cannot be read as CSV .*UTF-8"):
        read_answers(path, ["cat", "dog"], {1}, {}, {})
    path.write_text("index,label,label\n1,cat,dog\n")
    with pytest.raises(UserError, match=r"labels.csv has 2 columns label \(label, label\): rename all but one"):
        read_answers(path, ["cat", "dog"], {1}, {}, {})
    path.write_bytes(b"")
    with pytest.raises(UserError, match=r"labels.csv has no column index"):
        read_answers(path, ["cat", "dog"], {1}, {}, {})


def test_a_report_names_the_runs_without_test_set_and_leaves_them_out():
    table = pd.DataFrame({"run": ["a", "a", "b"], "folder": ["a", "a", "b"], "test_accuracy": [0.5, 0.6, float("nan")]})
    results = measured(Results(table, []))
    assert results.rounds["folder"].tolist() == ["a", "a"]
    assert [str(problem) for problem in results.problems] == [
        "untested: b: its accuracies are empty, because it had no test set: there is nothing to report."
    ]


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (("seed_set=balanced",), "seed_set=balanced reads labels of the whole pool"),
        (("per_class_cap=c1000",), "reads labels of the whole pool"),
        (("redundancy=duplicate", "redundancy.factor=2"), "redundancy=duplicate reads labels of the whole pool"),
        (("annotator=uniform",), "annotator=uniform reads labels of the whole pool.*use annotator=perfect"),
        (("cost=class", "cost.by_class={lying: 2}"), "cost=class reads labels of the whole pool.*use cost=none"),
    ],
)
def test_settings_that_look_at_labels_of_the_pool_are_refused(photos, tmp_path, overrides, words):
    with pytest.raises(UserError, match=words):
        LabeledPhotos(photos, tmp_path, *overrides).ask()


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["dataset=digits"], "this data set has its labels, so there is nothing to ask"),
        (
            ["dataset=features", "dataset.path=x.npy", "dataset.classes=[cat,dog]"],
            "dataset=features holds numbers, which nobody can look at and label: name the images or texts .* "
            "dataset=unlabeled .* leave out the word ask, and labeling is simulated",
        ),
        (["dataset=table", "dataset.path=x.csv"], "dataset=table holds numbers, which nobody can look at and label"),
        (["dataset=digits", "hydra.mode=MULTIRUN", "seed=0,1"], "labels are asked for one run at a time"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(overrides, words):
    with pytest.raises(UserError, match=words):
        find_run_to_label(overrides, None)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"classes": ["lying"]}, "give the names of two or more classes"),
        ({"classes": ["lying", "lying"]}, "give the names of two or more classes, each once"),
        ({"classes": ["lying", "leaning"], "test": "test"}, "has the class standing, which is not in dataset.classes"),
        ({"classes": CLASSES, "path": "nowhere"}, "there is no image under it"),
        ({"classes": CLASSES, "test": "nowhere"}, "dataset.test=.*nowhere: there is no such file or folder"),
    ],
)
def test_images_that_cannot_be_labeled(photos, settings, words):
    made = {"path": "pool", **settings}
    for key in ("path", "test"):
        if key in made:
            made[key] = str(photos / made[key])
    with pytest.raises(UserError, match=words):
        own.unlabeled("", **made)


def test_the_commands_hand_a_run_to_and_fro(photos, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def ask() -> subprocess.CompletedProcess[str]:
        given = [sys.executable, "-m", "alrun", "ask", *overrides]
        return subprocess.run(given, capture_output=True, text=True)

    def tell(path: str) -> tuple[object, str]:
        monkeypatch.setattr(sys, "argv", ["tell", *overrides, path])
        with pytest.raises(SystemExit) as ended:
            command.main()
        return ended.value.code, capsys.readouterr().out

    overrides = ["dataset=unlabeled", f"dataset.path={photos / 'pool'}", "dataset.classes=[lying,standing]"]
    overrides += [*TRAINING, "budget.total=14", "strategy=entropy"]
    code, _ = tell("budget.total=14")  # the file is forgotten, a setting stands in its place
    assert "the file with the labels is missing" in str(code)
    code, _ = tell("labels.csv")
    assert "has asked for no labels yet" in str(code)
    first = ask()
    assert first.returncode == 0, first.stderr
    assert "8 of 8 labels are missing: fill in the column label of outputs/runs/" in first.stderr
    asked = Path(first.stdout.split()[-1])
    assert f"Next, with the labels filled in: {sys.executable} -m alrun tell dataset=unlabeled" in first.stdout
    lines = people(photos, tmp_path / asked).read_text().splitlines()
    (tmp_path / "wrong.csv").write_text("\n".join([lines[0], lines[1].rpartition(",")[0] + ",lieing", *lines[2:]]))
    code, printed = tell("wrong.csv")
    assert code == 1
    assert "7 new labels are kept, 1 line refused; 1 label is still missing." in printed
    assert "wrong.csv, line 2: 'lieing' is not a class; did you mean lying?" in printed
    code, printed = tell(f"./{asked}")
    assert code == 0
    assert ".csv" not in printed.partition("Next: ")[2]  # ask takes no file, however its path was typed
    assert "1 new label is kept, 0 lines refused; 0 labels are still missing." in printed
    assert "Next: python -m alrun ask dataset=unlabeled" in printed
    second = ask()
    assert "round 0/1  8 labels  no test set" in second.stderr
    assert second.stdout.split()[-1].endswith("ask_1.csv")
    assert f"  python -m alrun ask dataset=unlabeled dataset.path={photos / 'pool'} " in status(
        [str(tmp_path / "outputs")]
    )


def test_a_line_whose_file_is_another_example_s_is_refused(tmp_path):
    path = tmp_path / "sheet.csv"
    path.write_text("index,file,label\n1,a.png,cat\n2,c.png,dog\n3,,dog\n")
    answers, mistakes = read_answers(path, ["cat", "dog"], {1, 2, 3}, labeled={}, names={"1": "a.png", "2": "b.png"})
    assert answers == {1: 0, 3: 1}
    assert mistakes == ["line 3: 2 is b.png, not c.png: index and file have come apart, as by sorting one column"]


def test_a_line_whose_text_is_another_example_s_is_refused(tmp_path):
    """As where text and label were sorted without the index; what a spreadsheet or a person made of a text fits."""
    texts = {"1": "buy now", "2": " =1+1", "3": "see\nyou", "4": "long", "5": "long"}
    path = tmp_path / "sheet.csv"
    good = 'index,text,label\n1,buy now,spam\n2,=1+1,ham\n3,"see\r\nyou ",ham\n4,lo,ham\n5,long,ham\n'
    path.write_text(good, newline="")
    classes, asked_for = ["ham", "spam"], {1, 2, 3, 4, 5}
    right = {1: 1, 2: 0, 3: 0, 4: 0, 5: 0}
    assert read_answers(path, classes, asked_for, {}, {}, texts) == (right, [])
    path.write_text(good.replace("4,lo,", "4,long,"), newline="")
    assert read_answers(path, classes, asked_for, {}, {}, texts) == (right, [])
    path.write_text("index,text,label\n1,=1+1,ham\n2,buy now,spam\n3,,ham\n")
    assert read_answers(path, classes, asked_for, {}, {}, texts) == (
        {3: 0},
        [
            "line 2: 1 has the text of 2: index and text have come apart, as by sorting some columns",
            "line 3: 2 has the text of 1: index and text have come apart, as by sorting some columns",
        ],
    )


def test_a_sheet_that_was_sorted_by_one_column_where_it_lies_is_refused(photos, tmp_path):
    labeled = LabeledPhotos(photos, tmp_path, "strategy=random")
    asked = people(photos, labeled.ask())
    table = pd.read_csv(asked)
    table["file"] = table["file"].iloc[[1, 0, *range(2, len(table))]].to_numpy()
    table.to_csv(asked, index=False)
    mistakes = labeled.tell(asked)
    assert [mistake.partition(":")[0] for mistake in mistakes] == ["line 2", "line 3"]
    assert all("have come apart" in mistake for mistake in mistakes)
    assert len(read_labels(labeled.folder, CLASSES)) == len(table) - 2


def test_a_slip_in_the_labels_that_are_kept_is_named_and_nothing_is_to_be_deleted(tmp_path):
    (tmp_path / "labels.csv").write_text("index,label\n1,cat\n2,dgo\n")
    with pytest.raises(UserError, match=r"labels.csv, line 3: 'dgo' is not a class; did you mean dog\?") as found:
        read_labels(tmp_path, ["cat", "dog"])
    assert "delete" not in str(found.value)
    (tmp_path / "labels.csv").write_text("index,label\n1,cat\nx,dog\n")
    with pytest.raises(UserError, match=r"line 3: index 'x' is not a whole number\. Fix that line"):
        read_labels(tmp_path, ["cat", "dog"])


def told(tmp_path: Path, content: bytes, classes: list[str], names: dict[str, str] | None = None):
    path = tmp_path / "sheet.csv"
    path.write_bytes(content)
    return read_answers(path, classes, {1, 2, 35}, {}, names or {})


SHEET = "index,file,score,label\n1,a.png,,cat\n2,b.png,,dog\n35,c.png,,dog\n"


@pytest.mark.parametrize(
    ("change", "encoding"),
    [
        (lambda text: text.replace(",", "\t"), "utf-8"),
        (lambda text: text.replace(",", "\t"), "utf-16"),
        (lambda text: "sep=;\n" + text.replace(",", ";"), "utf-8-sig"),
        (lambda text: "sep=\n" + text.replace(",", ";"), "utf-8"),
        (lambda text: text.replace("35,", "35.0,").replace("\n1,", "\n1.0,"), "utf-8"),
        (lambda text: text.replace(",", ";").replace("35;", "35,0;"), "utf-8"),
        (lambda text: text.replace("\n1,", "\n001,"), "utf-8"),
        (lambda text: text.replace("cat", "CAT").replace("dog", "Dog"), "utf-8"),
        (lambda text: text.replace("index", "Index").replace("label", " LABEL "), "utf-8"),
        (lambda text: text + ",,,\n,,,\n\n", "utf-8"),
        (lambda text: text.replace("\n", ",,\n"), "utf-8"),
        (lambda text: text.replace("a.png", "C:\\photos\\a.png"), "utf-8"),
        (
            lambda text: text.replace("index,", "").replace("\n1,", "\n").replace("\n2,", "\n").replace("\n35,", "\n"),
            "utf-8",
        ),
    ],
    ids=[
        "tabs",
        "UTF-16",
        "sep=;",
        "sep=",
        "35.0",
        "35,0",
        "001",
        "case",
        "names",
        "empty",
        "commas",
        "backslashes",
        "no index",
    ],
)
def test_what_spreadsheets_do_to_a_sheet_is_undone(tmp_path, change, encoding):
    names = {"1": "/home/me/photos/a.png", "2": "/home/me/photos/b.png", "35": "/home/me/photos/c.png"}
    assert told(tmp_path, change(SHEET).encode(encoding), ["cat", "dog"], names) == ({1: 0, 2: 1, 35: 1}, [])


@pytest.mark.parametrize(
    ("classes", "written", "number"),
    [
        (["true", "false"], "TRUE", 0),
        (["true", "false"], "FALSCH", 1),
        (["True", "False"], "vrai", 0),
        (["007", "008"], "7", 0),
        (["7", "8"], "8.0", 1),
        (["0.50", "0.25"], "0,5", 0),
        (["1", "10"], "10,0", 1),
        (["Käfer", "Ameise"], "Ka\u0308fer", 0),
        (["a", "A"], "A", 1),
        (["cat", "dog"], "None of These", STRANGER),
        (["cat", "none of these"], "none of these", 1),
    ],
)
def test_what_spreadsheets_do_to_a_label_is_undone(tmp_path, classes, written, number):
    content = f'index,label\n1,"{written}"\n'.encode()
    assert told(tmp_path, content, classes) == ({1: number}, [])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("1,b.png,cat", r"1 is x/a.png, not b.png: index and file have come apart"),
        ("1,z.png,cat", r"1 is x/a.png, not z.png: index and file have come apart"),
        (",z.png,cat", "z.png was not asked for"),
        (",same.png,cat", "2 examples end in same.png: add the index"),
        ("1.000,a.png,cat", "index '1.000' is not a whole number"),  # a thousand, or one?
        ("1.5,a.png,cat", "index '1.5' is not a whole number"),
        (
            "2,b.png,04. Mrz",
            "'04. Mrz' is not a class .a spreadsheet may have made a date of it: format the column as te",
        ),
        ("2,b.png,3/4/2026", "may have made a date of it"),
        ("2,b.png,CAT", "'CAT' is not a class; did you mean"),  # Cat or cat?
    ],
)
def test_what_cannot_be_undone_is_named(tmp_path, line, words):
    names = {"1": "x/a.png", "2": "x/b.png", "35": "x/1/same.png", "36": "x/2/same.png"}
    answers, mistakes = told(tmp_path, f"index,file,label\n{line}\n".encode(), ["Cat", "cat", "3-4", "CaT"], names)
    assert answers == {}
    assert len(mistakes) == 1
    assert re.match(f"line 2: .*{words}", mistakes[0])


def test_the_folders_of_two_files_of_one_name_tell_them_apart(tmp_path):
    names = {"1": "/data/day1/0.png", "2": "/data/day2/0.png"}
    content = b"file,label\nD:\\copy\\day2\\0.png,dog\nday1/0.png,cat\n"
    assert told(tmp_path, content, ["cat", "dog"], names) == ({1: 0, 2: 1}, [])
    swapped = b"index,file,label\n1,day2/0.png,cat\n"
    assert "have come apart" in told(tmp_path, swapped, ["cat", "dog"], names)[1][0]


def test_names_on_a_command_line_stay_as_they_are_typed(tmp_path):
    given = ["true", "null", "007", "0.50", "1e3", "été", "cat"]
    (tmp_path / "x.png").write_bytes(b"")
    words = ["dataset=unlabeled", f"dataset.path={tmp_path}", f"dataset.classes=[{','.join(given)}]"]
    assert own.class_names(find_run_to_label(words, None).cfg.dataset.classes) == given
    plain = ["dataset.classes=[cat,dog]", "dataset.classes=['a,b',7]", "seed=0", "x=[true]"]
    assert as_typed(plain) == plain
    assert as_typed(["dataset.path=nan", "dataset.group=2024"]) == ['dataset.path="nan"', 'dataset.group="2024"']
    plain = ["dataset.test=null", "dataset.path=a1", "dataset.path=1,2", "dataset.size=16"]
    assert as_typed(plain) == plain
    assert as_typed(["dataset.classes=[ False , 1.0]"]) == ['dataset.classes=["False","1.0"]']


@pytest.mark.parametrize(
    ("counts", "accuracy", "is_told"),
    [
        ([10, 10], 0.55, True),  # two standard deviations above one half: 0.72
        ([10, 10], 0.75, False),
        ([90, 10], 0.9, True),
        ([90, 10], 0.96, False),
        ([4] * 10, 0.18, True),
        ([4] * 10, 0.24, False),
        ([2, 1], 1.0, False),
    ],
)
def test_a_model_at_chance_is_told_to_those_whose_labels_it_would_spend(tmp_path, caplog, counts, accuracy, is_told):
    images = np.zeros((4, 1, 4, 4), np.uint8)
    classes = [str(number) for number in range(len(counts))]
    data = ImageData(images, np.full(4, -1), images[:0], np.empty(0, np.int64), class_names=classes)
    record = SimpleNamespace(train_accuracy=accuracy, test_accuracy=float("nan"), class_labeled=counts)
    Labeling(tmp_path, data).warn_of_chance(record, "margin")  # type: ignore[arg-type]
    assert ("the model is at chance: its training accuracy is" in caplog.text) == is_told
    assert ("What margin chooses with it is as good as random" in caplog.text) == is_told


@pytest.mark.parametrize("strategy", ["entropy", "cal", "vaal strategy.iterations=3"])
def test_what_is_asked_for_stands_with_the_scores_that_it_was_chosen_by(photos, tmp_path, strategy):
    own = (*f"strategy={strategy}".split(), f"dataset.test={photos / 'test'}", "training.max_epochs=1")
    labeled = LabeledPhotos(photos, tmp_path, *own)
    first = labeled.ask()
    assert first is not None
    assert pd.read_csv(first)["score"].isna().all()  # the seed set
    labeled.tell(people(photos, first))
    asked = labeled.ask()
    assert asked is not None
    scores = pd.read_csv(asked)["score"]
    assert scores.nunique() > 1
    assert scores.is_monotonic_decreasing
