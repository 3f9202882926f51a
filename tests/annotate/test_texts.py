"""Projects that label texts: a pool that grows, the page, the sheet, Label Studio, and a run that learns from them."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from alrun.annotate import project as projects
from alrun.annotate.cvat import write as write_cvat
from alrun.annotate.keeping import keep_answers
from alrun.annotate.label_studio import labeling_config, task_of, write
from alrun.annotate.project import open_project
from alrun.annotate.request import read_request
from alrun.annotate.session import Session
from alrun.annotate.shown import Texts
from alrun.commands import ask, tell
from alrun.data import unlabeled_texts
from alrun.data.manifest import read_manifest
from alrun.features import encoders
from alrun.loop.start import run
from alrun.runs.answers import Answer, append_answers
from alrun.runs.labeling import in_sheet
from alrun.settings import planned_runs
from alrun.settings.planned_runs import options_of
from alrun.system.errors import UserError
from tests.annotate.projects import Labeled, main_of
from tests.annotate.test_server import Browser, served
from tests.conftest import QUIET

CLASSES = ["ham", "spam"]
STRANGE = ['<script>alert("1")</script>', "Käse\nmit zwei Zeilen", "=1+1", "a " * 4000, 'say "no", twice']


def write_table(path: Path, texts: list[str]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["number", "text"])
        writer.writerows(enumerate(texts))
    return path


def pool(folder: Path, texts: list[str], round: int = 0):
    table = write_table(folder / "mails.csv", texts)
    return unlabeled_texts.update(folder / "project" / "pool.csv", table, "text", round)


def test_each_distinct_text_is_in_the_pool_once_and_a_removed_one_is_kept(tmp_path):
    path = tmp_path / "project" / "pool.csv"
    assert len(pool(tmp_path, ["one", "two", "one ", "", *STRANGE]).joined) == 7
    expected = ["one", "two", *(text.strip() for text in STRANGE)]
    assert unlabeled_texts.texts_of(read_manifest(path)) == expected
    before = path.read_bytes()
    assert pool(tmp_path, ["new", *STRANGE, "two"], 2) == unlabeled_texts.Changes(joined=["new"], removed=["one"])
    assert path.read_bytes().startswith(before)
    known = read_manifest(path)
    assert unlabeled_texts.texts_of(known) == [*expected, "new"]
    assert [entry.round for entry in known.entries] == [0] * 7 + [2]
    assert known.absent == [True, *[False] * 7]
    assert pool(tmp_path, ["new", "one", *STRANGE, "two"], 3).returned == ["one"]
    assert not any(read_manifest(path).absent)
    with pytest.raises(UserError, match="none of the 8 texts"):
        pool(tmp_path, ["something else"], 3)
    with pytest.raises(UserError, match="no row has a text in the column text"):
        pool(tmp_path, ["", " "], 3)
    (path.parent / "texts.json").write_text('["one"]')
    with pytest.raises(UserError, match="restore it from a copy"):
        unlabeled_texts.texts_of(known)


def test_the_pool_of_a_project_is_that_of_its_first_texts_by_name_whatever_joins(tmp_path):
    def data():
        return unlabeled_texts.unlabeled_text("", "", [*CLASSES], manifest=str(tmp_path / "project" / "pool.csv"))

    pool(tmp_path, ["one", "two", "three"])
    first = data()
    pool(tmp_path, ["two", "three", "four"], 1)
    second = data()
    assert second.train_images.tolist() == ["one", "two", "three", "four"]
    assert second.absent is not None
    assert second.absent.tolist() == [True, False, False, False]
    # With vectors that an encoder computed in other batches, too.
    for each, rows in ((first, 3), (second, 4)):
        each.train_images = np.random.default_rng(rows).random((rows, 2), np.float32)
    assert first.fingerprint() == second.fingerprint()


def test_labeled_texts_are_a_test(tmp_path):
    table = write_table(tmp_path / "pool.csv", ["one", "two"])
    test = tmp_path / "test.csv"
    test.write_text("text,label\nthree,ham\nfour,Spam\n")
    data = unlabeled_texts.unlabeled_text("", str(table), [*CLASSES], test=str(test))
    assert (data.test_images.tolist(), data.test_labels.tolist()) == (["three", "four"], [0, 1])
    test.write_text("text,label\nthree,eggs\n")
    with pytest.raises(UserError, match="row 1 has the label 'eggs'"):
        unlabeled_texts.unlabeled_text("", str(table), [*CLASSES], test=str(test))


def test_a_cell_of_a_sheet_computes_nothing_and_is_not_endless():
    assert in_sheet("=1+1") == " =1+1"
    assert in_sheet("1+1") == "1+1"
    assert len(in_sheet("a" * 40_000)) == 5001


class Letters:
    """Vectors of letters' frequencies, instead of those of a network."""

    def stated(self) -> dict:
        return {"network": "letters", "precision": "float32"}

    def key(self) -> None:
        return None

    def encode(self, examples: np.ndarray, device: torch.device) -> torch.Tensor:
        return torch.tensor([[text.count(letter) / len(text) for letter in "abcdefghilmnoprst"] for text in examples])


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The settings of an encoder of letters."""
    for name in ("stated", "key", "encode"):
        monkeypatch.setattr(encoders.SentenceTransformers, name, getattr(Letters, name))
    return ["encoder=sentence_transformers", "encoder.name=letters"]


def mail(number: int) -> str:
    """A text that begins as its class does."""
    words = ("cheap", "pills", "prize", "click") if kind(number) == "spam" else ("dear", "meeting", "agenda", "notes")
    return " ".join(np.random.default_rng(number).choice(words, 4)) + f" {number}"


def kind(number: int) -> str:
    return CLASSES[number // 2 % 2]


def annotate(sheet: Path) -> Path:
    """What a person does who reads the texts of a sheet."""
    with sheet.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [*rows[0]] == ["index", "text", "score", "label"]
    for row in rows:
        row["label"] = kind(int(row["text"].split()[-1]))
    with sheet.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return sheet


def hand_in(project: Labeled, sheet: Path) -> None:
    """Fill in a sheet and give it back."""
    found = tell.read_answers_of("csv", annotate(sheet), project.run_dir, CLASSES, None)
    kept = keep_answers(project.run_dir, CLASSES, found)
    assert (kept.missing, kept.refused) == (0, [])


def test_texts_that_people_label_give_the_bytes_of_a_simulation(tmp_path, letters):
    (tmp_path / "known").mkdir()
    for split, numbers in (("train", range(60)), ("test", range(60, 100))):
        lines = [f"{mail(number)},{kind(number)}\n" for number in numbers]
        (tmp_path / "known" / f"{split}.csv").write_text("text,label\n" + "".join(lines))
    write_table(tmp_path / "mails.csv", [mail(number) for number in range(60)])
    common = [*letters, "strategy=margin", "budget.seed_size=6", "budget.batch_size=4", "budget.total=14", *QUIET]
    common.append(f"paths.features={tmp_path / 'features'}")
    project = Labeled(tmp_path)
    project.words = ["dataset=unlabeled_text", f"dataset.path={tmp_path / 'mails.csv'}", "dataset.classes=[ham,spam]"]
    project.words += [f"dataset.test={tmp_path / 'known' / 'test.csv'}", *common]
    while (sheet := project.ask()) is not None:
        hand_in(project, sheet)
    words = ["dataset=text", f"dataset.path={tmp_path / 'known'}", *common, f"paths.outputs={tmp_path / 'simulated'}"]
    (planned,) = planned_runs.runs_of_command(words)
    run(planned.cfg, planned.folder, options_of(planned.cfg))
    for name in ("accuracy.csv", "queries.csv", "stopping.csv"):
        assert (project.run_dir / name).read_bytes() == (planned.folder / name).read_bytes(), name


def sorted_by_text(sheet: Path) -> Path:
    """The sheet with text and label sorted, and the index as it was."""
    with sheet.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    others = sorted(row[1:] for row in rows)
    with sheet.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *([row[0], *other] for row, other in zip(rows, others, strict=True))])
    return sheet


def test_texts_that_join_are_asked_for_in_the_same_run(tmp_path, letters):
    write_table(tmp_path / "mails.csv", [mail(number) for number in range(18)])
    project = Labeled(tmp_path)
    project.words = ["dataset=unlabeled_text", f"dataset.path={tmp_path / 'mails.csv'}", "dataset.classes=[ham,spam]"]
    project.words += [
        *letters,
        "strategy=random",
        "budget.seed_size=6",
        "budget.batch_size=6",
        "budget.total=18",
        *QUIET,
    ]
    project.words.append(f"paths.features={tmp_path / 'features'}")
    sheet = project.ask()
    assert sheet is not None
    hand_in(project, sheet)
    write_table(tmp_path / "mails.csv", [mail(number) for number in range(4, 30)])
    sheet = project.ask()
    assert sheet is not None
    with sheet.open(newline="", encoding="utf-8") as file:
        asked = {int(row["text"].split()[-1]) for row in csv.DictReader(file)}
    assert asked <= set(range(4, 30))
    assert asked & set(range(18, 30))
    whole = annotate(sheet).read_bytes()
    with sheet.open(newline="", encoding="utf-8") as file:
        right = {int(row["index"]): row["label"] for row in csv.DictReader(file)}
    found = tell.read_answers_of("csv", sorted_by_text(sheet), project.run_dir, CLASSES, None)
    assert found.refused
    assert all("index and text have come apart" in sentence for sentence in found.refused)
    assert all(said.label == right[said.index or 0] for said in found.said)
    sheet.write_bytes(whole)
    hand_in(project, sheet)
    assert project.ask() is not None


def make_text_project(base: Path, texts: list[str]) -> Path:
    """A project that asks for all of its texts, without a run; its folder."""
    pool(base, texts)
    folder = base / "project"
    run_dir = folder / "run"
    run_dir.mkdir()
    rows = [f"0,{index},{index}\n" for index in range(len(texts))]
    (run_dir / "queries.csv").write_text("round,position,index\n" + "".join(rows))
    for name, column in ((".ask_0.csv", "file"), ("ask_0.csv", "text")):
        lines = [f"{index},,,\n" for index in range(len(texts))]
        (run_dir / name).write_text(f"index,{column},score,label\n" + "".join(lines))
    return folder


def text_session(folder: Path, by: str) -> Session:
    return Session("mails", folder / "run", folder / "pool.csv", Texts(), CLASSES, by)


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    return make_text_project(tmp_path, ["one", "two", *STRANGE])


def test_the_page_gets_whole_texts_as_text(asked):
    with served(text_session(asked, "anna")) as server:
        browser = Browser(server)
        browser.enter()
        state = browser.state()
        assert state["kind"] == "text"
        texts = ["one", "two", *(text.strip() for text in STRANGE)]
        for item, text in zip(state["items"], texts, strict=True):
            status, headers, content = browser.ask(f"/text/{item['id']}")
            assert (status, headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
            assert content.decode() == text
            assert len(item["name"]) <= 161
        assert browser.ask(f"/image/{state['items'][0]['id']}")[0] == 404
        assert browser.answer([state["items"][1]["id"]], label="ham")[0] == 200


def test_tasks_of_label_studio_have_the_text_and_the_export_comes_back(asked, tmp_path):
    (asked / "run" / ".predicted_0.csv").write_text("index,label,share\n0,ham,0.75\n")
    request = read_request(asked / "run", asked / "pool.csv", tmp_path / "mails.csv", CLASSES, is_text=True)
    write(request, tmp_path)
    tasks = json.loads((tmp_path / "ask_0.label-studio.json").read_text(encoding="utf-8"))
    assert [task["data"] for task in tasks][:3] == [
        {"text": text, "index": index} for index, text in enumerate(["one", "two", STRANGE[0]])
    ]
    assert tasks[0]["predictions"][0]["result"][0]["to_name"] == "text"
    assert '<Text name="text" value="$text"/>' in labeling_config(CLASSES, is_text=True)
    assert task_of(request.asked[1], request, "")["data"] == {"text": "two", "index": 1}
    result = [{"type": "choices", "value": {"choices": ["spam"]}}]
    done = [{**tasks[1], "annotations": [{"result": result, "completed_by": 3}]}]
    (tmp_path / "export.json").write_text(json.dumps(done))
    found = tell.read_answers_of("label-studio", tmp_path / "export.json", asked / "run", CLASSES, None)
    assert keep_answers(asked / "run", CLASSES, found).new == 1
    with pytest.raises(UserError, match="CVAT shows images"):
        write_cvat(request, tmp_path)


def test_somebody_else_is_asked_for_a_second_opinion(asked):
    def session(by: str) -> dict:
        return {item["name"]: item for item in text_session(asked, by).state()["items"]}

    append_answers(
        asked / "run",
        [
            Answer(0, "label", "ham", "anna"),
            Answer(0, "second", None, "anna"),
            Answer(1, "unsure", None, "anna"),
            Answer(2, "label", "ham", "anna"),
        ],
    )
    anna, ben = session("anna"), session("ben")
    assert (anna["one"]["wanted"], anna["one"]["asks"], anna["one"]["label"]) == (True, False, "ham")
    assert [ben[name]["asks"] for name in ("one", "two", STRANGE[0])] == [True, True, False]
    append_answers(asked / "run", [Answer(0, "label", "spam", "ben"), Answer(1, "none", None, "ben")])
    assert not any(each["asks"] for by in ("anna", "ben", "cleo") for each in session(by).values())
    assert session("cleo")["one"]["disagree"]
    append_answers(asked / "run", [Answer(2, "second", None, "anna"), Answer(2, "second", None, "anna")])
    assert not session("ben")[STRANGE[0]]["asks"]  # it was taken back


def test_a_project_of_texts_needs_an_encoder_before_anything_is_fixed(tmp_path, monkeypatch):
    table = write_table(tmp_path / "mails.csv", ["one", "two", "three"])
    words = ("dataset=unlabeled_text", f"dataset.path={table}", "dataset.classes=[spam,ham]")
    assert "encoder=sentence_transformers" in str(main_of(ask, monkeypatch, str(tmp_path / "p"), *words))
    assert open_project(str(tmp_path / "p"), words).is_new
    assert projects.noun_of({"_target_": "alrun.data.unlabeled_texts.unlabeled_text"}) == "text"
