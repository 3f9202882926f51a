"""Files of Label Studio: tasks and configuration out, exports of several annotators back."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from alrun.annotate.formats import read_answers_of
from alrun.annotate.keeping import keep_answers
from alrun.annotate.label_studio import clean_file, labeling_config, read, write
from alrun.annotate.request import Asked, Request, read_request
from alrun.runs.label_files import read_labels
from alrun.system.errors import UserError
from tests.annotate.test_server import CLASSES, NAMES, make_project

ANNA, BEN = {"id": 1, "email": "anna@example.org"}, 2


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return make_project(tmp_path, NAMES)


def annotation(choice: str | list[str] | None, by: object = ANNA, at: str = "2026-01-01T00:00:00Z", **more) -> dict:
    chosen = [choice] if isinstance(choice, str) else choice
    part = {"from_name": "label", "to_name": "image", "type": "choices", "value": {"choices": chosen}}
    return {"completed_by": by, "result": [] if choice is None else [part], "updated_at": at, **more}


def task(index: int | None, *annotations: dict, **data) -> dict:
    return {"id": 100 + (index or 0), "data": {"index": index, **data}, "annotations": [*annotations]}


def told(run_dir: Path, tasks: object, by: str | None = None):
    path = run_dir / "export.json"
    path.write_text(json.dumps(tasks), encoding="utf-8")
    return keep_answers(run_dir, CLASSES, read_answers_of("label-studio", path, run_dir, CLASSES, by))


def test_tasks_have_images_predictions_and_scores_and_the_configuration_the_classes(tmp_path):
    folder = tmp_path / "my photos"
    asked = [
        Asked(35, str(folder / "Ümläute" / 'a "b" & c.png'), 0.25, "Käse", 0.9),
        Asked(7, str(folder / "7.png")),
    ]
    sentences = write(Request(3, tmp_path / "ask_3.csv", folder, CLASSES, asked), tmp_path)
    assert f"DOCUMENT_ROOT={tmp_path}, and add {folder} as" in sentences[1]
    first, second = json.loads((tmp_path / "ask_3.label-studio.json").read_text(encoding="utf-8"))
    assert first["data"]["index"] == 35
    assert first["data"]["score"] == 0.25
    assert first["data"]["file"] == 'Ümläute/a "b" & c.png'
    assert first["data"]["image"] == "/data/local-files/?d=my%20photos/%C3%9Cml%C3%A4ute/a%20%22b%22%20%26%20c.png"
    assert clean_file(first["data"]["image"]) == f"my photos/{first['data']['file']}"
    (prediction,) = first["predictions"]
    assert prediction["score"] == 0.9
    assert prediction["result"][0]["value"] == {"choices": ["Käse"]}
    assert "predictions" not in second
    view = ElementTree.parse(tmp_path / "label-studio.xml").getroot()
    control = view.find("Choices")
    assert control is not None
    assert (control.get("name"), control.get("toName")) == (prediction["result"][0]["from_name"], "image")
    choices = [(each.get("value"), each.get("hotkey")) for each in control]
    assert choices == [*zip([*CLASSES, "none of these", "unsure"], "123456", strict=True)]
    many = ElementTree.fromstring(labeling_config([f"class {number}" for number in range(12)])).findall(".//Choice")
    assert [each.get("hotkey") for each in many] == [*"1234567890", None, None, None, None]
    assert "none of these" not in [
        each.get("value") for each in ElementTree.fromstring(labeling_config(["none of these", "b"]))[1][1:]
    ]


def test_what_the_request_holds_is_what_was_asked_for(run_dir, tmp_path):
    (run_dir / ".predicted_0.csv").write_text("index,label,share\n3,Käse,0.7500\n")
    request = read_request(run_dir, tmp_path / "pool.csv", tmp_path / "photos", CLASSES)
    assert [each.index for each in request.asked] == [*range(6)]
    assert request.asked[3].predicted == "Käse"
    assert request.asked[3].confidence == 0.75
    assert request.asked[0].predicted is None
    write(request, tmp_path)
    tasks = json.loads((tmp_path / "ask_0.label-studio.json").read_text(encoding="utf-8"))
    for number, each in enumerate(tasks):  # as people answer, and back
        each |= {"id": number, "annotations": [annotation(CLASSES[number % 4])]}
    kept = told(run_dir, tasks)
    assert (kept.new, kept.refused, kept.missing) == (6, [], 0)
    assert read_labels(run_dir, CLASSES) == {number: number % 4 for number in range(6)}


def test_several_annotators_skips_and_mistakes(run_dir):
    kept = told(
        run_dir,
        [
            task(0, annotation("Käse"), annotation(CLASSES[0], BEN), annotation("Käse", 3)),  # most say Käse
            task(1, annotation("Käse", at="2026-01-02T00:00:00Z"), annotation(CLASSES[0], BEN)),  # Anna was last
            task(2, annotation(None, was_cancelled=True)),  # a skip
            task(3, annotation(None)),  # submitted without a choice
            task(4, annotation(["Käse", CLASSES[0]])),  # two choices
            task(5, annotation("Kaese")),
            task(99, annotation("Käse")),
            task(5),  # nobody has answered
            {"id": 9, "annotations": [annotation("Käse")], "data": {"text": "no image"}},
            {"id": 10, "data": [], "annotations": 7},
            "no task",
        ],
    )
    assert read_labels(run_dir, CLASSES) == {0: 2, 1: 2, 2: -3}
    assert kept.new == 6
    assert kept.disagree == 2
    assert sorted(line.partition(":")[0] for line in kept.refused) == [
        *("task 10", "task 103", "task 104", "task 105, label-studio", "task 11", "task 199, label-studio", "task 9"),
    ]
    words = "\n".join(kept.refused)
    assert "label-studio:anna@example.org submitted it without a choice" in words
    assert '2 choices (Käse, a "quoted" cat); one is needed' in words
    assert "'Kaese' is not a class" in words
    assert "99 was not asked for" in words
    assert told(run_dir, [task(0, annotation("Käse"))]).new == 0  # the same again
    again = told(run_dir, [task(0, annotation(CLASSES[0], at="2027"))])
    assert again.corrected == ['0 was Käse, is a "quoted" cat']
    assert read_labels(run_dir, CLASSES)[0] == 0  # two of three now


def test_the_last_of_two_annotations_of_one_person_counts_and_is_known_the_next_time(run_dir):
    first, second = annotation(CLASSES[0]), annotation(CLASSES[1], at="2026-01-02T00:00:00Z")
    tasks = [task(0, second, first, annotation(CLASSES[0], by=BEN)), task(1, first, {**second, "was_cancelled": True})]
    kept = told(run_dir, tasks)
    assert (kept.new, kept.corrected, kept.disagree) == (3, [], 1)
    before = (run_dir / "answers.jsonl").read_bytes()
    kept = told(run_dir, tasks)
    assert (kept.new, kept.corrected) == (0, [])
    assert (run_dir / "answers.jsonl").read_bytes() == before


def test_none_of_these_and_unsure_are_answers(run_dir):
    told(run_dir, [task(0, annotation("none of these")), task(1, annotation("unsure"))])
    assert read_labels(run_dir, CLASSES) == {0: -2, 1: -4}


def test_tasks_without_an_index_are_found_by_their_files(run_dir):
    kept = told(
        run_dir,
        [
            task(None, annotation("Käse"), image="/data/upload/3/0a1b2c3d-plain.png"),
            task(None, annotation("Käse"), image="/data/local-files/?d=photos/%C3%9Cml%C3%A4ute%20%C3%9F.png"),
            task(None, annotation("Käse"), image="https://example.org/a/gone.png?size=3"),
            task(None, annotation("Käse"), image="elsewhere.png"),
            task(1, annotation("Käse"), file="plain.png"),
        ],
    )
    assert read_labels(run_dir, CLASSES) == {0: 2, 3: 2, 5: 2}
    assert "elsewhere.png was not asked for" in kept.refused[0]
    assert "index and file have come apart" in kept.refused[1]


def test_the_small_export_is_read_too(run_dir):
    small = [
        {"id": 1, "index": 0, "image": "x.png", "label": "Käse", "annotator": 1},
        {"id": 2, "index": 1, "image": "x.png", "label": {"choices": ["Käse", CLASSES[0]]}, "annotator": 1},
        {"id": 3, "index": 2, "image": "x.png", "annotator": 1},
    ]
    for each in small:
        del each["image"]
    kept = told(run_dir, small)
    assert read_labels(run_dir, CLASSES) == {0: 2}
    assert len(kept.refused) == 1


@pytest.mark.parametrize("content", ["{}", "index,label\n", "[", ""])
def test_what_is_no_export_is_one_sentence(tmp_path, content):
    (tmp_path / "export.json").write_text(content)
    with pytest.raises(UserError, match=r"export\.json .*export the project as JSON"):
        read(tmp_path / "export.json")
