"""Files of CVAT: "CVAT for images 1.1", by its format description, with the traps of public reports."""

import json
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from alrun.annotate.cvat import write
from alrun.annotate.formats import read_answers_of
from alrun.annotate.keeping import Kept, keep_answers
from alrun.annotate.request import Asked, Request, read_request
from alrun.runs.label_files import read_labels
from alrun.system.errors import UserError
from tests.annotate.test_server import CLASSES, NAMES, make_project

META = "<version>1.1</version><meta><task><name>Katzen &amp; Käse</name><size>6</size></task></meta>"


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return make_project(tmp_path, NAMES)


def told(run_dir: Path, images: str, name: str = "annotations.xml", by: str | None = None) -> Kept:
    path = run_dir / name
    content = f'<?xml version="1.0" encoding="utf-8"?>\n<annotations>{META}{images}</annotations>'
    if name.endswith(".zip"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("annotations.xml", content)
            archive.writestr("images/plain.png", b"")
    else:
        path.write_text(content, encoding="utf-8")
    return keep_answers(run_dir, CLASSES, read_answers_of("cvat", path, run_dir, CLASSES, by))


def image(name: str, *tags: str, number: int = 0) -> str:
    return f'<image id="{number}" name="{name}" width="40" height="20">{"".join(tags)}</image>'


def tag(label: str, *attributes: str) -> str:
    return f'<tag label="{label}" source="manual">{"".join(attributes)}</tag>'


def attribute(name: str, value: str) -> str:
    return f'<attribute name="{name}">{value}</attribute>'


def test_tags_are_classes_and_frames_are_found_by_name(run_dir):
    kept = told(
        run_dir,
        image("plain.png", tag("Käse"))
        + image("photos/Ümläute ß.png", tag("Käse"))  # decomposed umlauts, as of a Mac
        + image("with &quot;quotes&quot;.png", tag("dog &amp; &lt;b&gt;"))
        + image("gone.png"),  # a frame without label: nobody has answered
    )
    assert read_labels(run_dir, CLASSES) == {0: 2, 1: 3, 3: 2}
    assert (kept.new, kept.refused, kept.missing) == (3, [], 3)
    assert told(run_dir, image("plain.png", tag("Käse")), "export.zip").new == 0


def test_attributes_are_passed_over_unless_they_hold_the_class(run_dir):
    kept = told(
        run_dir,
        image("plain.png", tag("Käse", attribute("quality", "bad"), attribute("note", "a b, ü")))
        + image("gone.png", tag("image", attribute("kind", "Käse"), attribute("quality", "bad")))
        + image("Ümläute ß.png", tag("image", attribute("kind", "Käse"), attribute("other", CLASSES[0]))),
    )
    assert read_labels(run_dir, CLASSES) == {0: 2, 5: 2}
    assert len(kept.refused) == 1
    assert "'image' is not a class" in kept.refused[0]


def test_mistakes_are_refused_by_image_and_the_good_ones_stay(run_dir):
    kept = told(
        run_dir,
        image("plain.png", tag("Käse"), tag("dog &amp; &lt;b&gt;"), number=4)
        + image("gone.png", tag("Käse"), tag("Käse"))  # the same twice
        + image("other.png", tag("Käse"))
        + image("Ümläute ß.png", '<box label="Käse" xtl="0" ytl="0" xbr="1" ybr="1"></box>', number=7),
    )
    assert read_labels(run_dir, CLASSES) == {5: 2}
    words = "\n".join(kept.refused)
    assert "image 4 (plain.png): 2 tags (Käse, dog & <b>); one is needed" in words
    assert "image 7 (Ümläute ß.png): it has box and no tag" in words
    assert "other.png was not asked for" in words
    assert len(kept.refused) == 3


def test_several_annotators_are_told_apart_by_their_names(run_dir):
    told(run_dir, image("plain.png", tag("Käse")), by="anna")
    told(run_dir, image("plain.png", tag("unsure")), by="ben")
    kept = told(run_dir, image("plain.png", tag(CLASSES[3].replace("&", "&amp;").replace("<", "&lt;"))), by="cleo")
    assert kept.disagree == 1
    assert read_labels(run_dir, CLASSES) == {0: 3}  # one each: the last
    told(run_dir, image("plain.png", tag("none of these")), by="anna")
    told(run_dir, image("plain.png", tag("none of these")), by="ben")
    assert read_labels(run_dir, CLASSES) == {0: -2}


def imagenet(run_dir: Path, *entries: tuple[str, str]) -> Kept:
    path = run_dir / "task.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return keep_answers(run_dir, CLASSES, read_answers_of("cvat", path, run_dir, CLASSES, "anna"))


def test_imagenet_has_a_folder_for_each_class(run_dir):
    kept = imagenet(
        run_dir,
        ("Käse/plain.png", ""),
        ("Käse/Käse_Ümläute ß.png", ""),  # with the class before the name, as CVAT's description has it
        ("no_label/gone.png", ""),
        ('dog & <b>/with "quotes".png', ""),
        ("Käse/other.png", ""),
        ("README", ""),
    )
    assert read_labels(run_dir, CLASSES) == {0: 2, 1: 3, 3: 2}
    assert kept.refused == ["other.png: other.png was not asked for"]


def test_imagenet_without_images_is_lists(run_dir):
    kept = imagenet(
        run_dir,
        ("synsets.txt", "\n".join(CLASSES)),
        ("default.txt", 'plain 2\n"Ümläute ß" 3\n"with "quotes".png" 0\ngone\n\nline.png 1 2\n'),
    )
    assert read_labels(run_dir, CLASSES) == {0: 2, 1: 0, 3: 3}
    assert kept.refused == [f"line.png: 2 tags ({CLASSES[1]}, Käse); one is needed"]
    with pytest.raises(UserError, match=r"line 1 names class 7, and synsets\.txt has 4"):
        imagenet(run_dir, ("synsets.txt", "\n".join(CLASSES)), ("default.txt", "plain 7"))
    with pytest.raises(UserError, match=r"neither annotations\.xml nor a folder of images"):
        imagenet(run_dir, ("data/labels.json", "{}"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no xml", "cannot be read as an export of CVAT"),
        (b"PK\x03\x04 broken", "cannot be read as an export of CVAT"),
        (b"<data></data>", "has the root data, not annotations"),
        (b"<annotations></annotations>", "it has no images"),
        (b"<annotations><track id='0' label='cat'></track></annotations>", "it is a video"),
        (
            b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotations><image name="&x;"/></annotations>',
            "it defines entities",
        ),
    ],
)
def test_what_is_no_export_is_one_sentence(run_dir, tmp_path, content, words):
    (tmp_path / "export").write_bytes(content)
    with pytest.raises(UserError, match=words):
        read_answers_of("cvat", tmp_path / "export", run_dir, CLASSES, None)


def test_a_task_of_cvat_is_an_archive_of_images_its_labels_and_what_the_model_says(run_dir, tmp_path):
    (run_dir / ".predicted_0.csv").write_text("index,label,share\n0,Käse,0.7500\n3,dog & <b>,0.6\n")
    request = read_request(run_dir, tmp_path / "pool.csv", tmp_path / "photos", CLASSES)
    sentences = write(request, tmp_path)
    assert len(sentences) == 3
    with zipfile.ZipFile(tmp_path / "ask_0.cvat.zip") as archive:
        assert archive.namelist() == NAMES[:5]  # one file is gone
        assert archive.read("plain.png") == (tmp_path / "photos" / "plain.png").read_bytes()
    labels = json.loads((tmp_path / "cvat-labels.json").read_text(encoding="utf-8"))
    assert [each["name"] for each in labels] == [*CLASSES, "none of these", "unsure"]
    assert {each["type"] for each in labels} == {"tag"}
    root = ElementTree.parse(tmp_path / "ask_0.cvat.xml").getroot()
    tags = {each.get("name"): [tag.get("label") for tag in each] for each in root.findall("image")}
    assert tags["plain.png"] == ["Käse"]
    assert tags["Ümläute ß.png"] == ["dog & <b>"]
    assert [*tags] == sorted(NAMES[:5])  # CVAT refuses all of them if one is of an image that it has not
    kept = keep_answers(run_dir, CLASSES, read_answers_of("cvat", tmp_path / "ask_0.cvat.xml", run_dir, CLASSES, None))
    assert kept.refused == []
    assert read_labels(run_dir, CLASSES) == {0: 2, 3: 3}
    bare = Request(1, run_dir / "ask_1.csv", tmp_path / "photos", CLASSES, [Asked(0, request.asked[0].file)])
    assert len(write(bare, tmp_path)) == 2
