"""A labeling project of tiny images, for tests."""

import csv
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alrun.annotate import project as projects
from alrun.annotate.formats import read_answers_of
from alrun.annotate.keeping import keep_answers
from alrun.commands import ask
from alrun.loop.start import run
from alrun.runs.run_folder import check_other_data, is_done, latest_request
from alrun.settings.planned_runs import options_of
from tests.conftest import QUIET

CLASSES = ["dark", "bright"]
SETTINGS = ("budget.seed_size=6", "budget.batch_size=4", "budget.total=14", "training.max_epochs=2", *QUIET)
SETTINGS += ("model=small_cnn", "model.width=4", "augmentation=none", "dataset.size=8", "dataset.channels=1")


def image(number: int) -> Image.Image:
    """Noise that is dark or bright, by the parity of its number divided by 3."""
    noise = np.random.default_rng(number).integers(0, 100, (10, 10))
    return Image.fromarray((noise + 150 * (class_of(number) == "bright")).astype(np.uint8))


def class_of(number: int) -> str:
    return CLASSES[number // 3 % 2]


def add_images(folder: Path, numbers: range) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        image(number).save(folder / f"{number:03}.png")


def label_of(file: str) -> str:
    """What a person says who looks at the image."""
    return class_of(int(Path(file).stem))


class Labeled:
    """A project that is asked and told in this process, as the commands do."""

    def __init__(self, base: Path, *words: str) -> None:
        self.base, self.folder = base, base / "project"
        self.words = ["dataset=unlabeled", f"dataset.path={base / 'photos'}", f"dataset.classes=[{','.join(CLASSES)}]"]
        self.words += [*SETTINGS, *words]

    @property
    def run_dir(self) -> Path:
        """The run's folder: there is one."""
        (found,) = self.folder.glob("runs/*/*-seed0")
        return found

    def ask(self, *words: str) -> Path | None:
        """The list that waits for labels; None if the run is done."""
        typed = words or (self.words if not (self.folder / "project.json").exists() else ())
        project = projects.open_project(str(self.folder), typed)
        with project.locked():
            planned = ask.prepare(project)
            choices = options_of(planned.cfg)
            check_other_data(planned.folder)
            run(planned.cfg, planned.folder, choices)
        return None if is_done(planned.folder) else latest_request(planned.folder)

    def tell(self, path: Path | None = None, source: str | None = None, by: str | None = None):
        sheet = path or latest_request(self.run_dir)
        assert sheet is not None
        return keep_answers(self.run_dir, CLASSES, read_answers_of(source or "csv", sheet, self.run_dir, CLASSES, by))


def fill_in(sheet: Path, **others: str) -> Path:
    """A list with the label of each image, but for ``others`` by the number in the name of the file: n012="skip"."""
    header, *rows = csv.reader(sheet.read_text().splitlines())
    for row in rows:
        row[-1] = others.get(f"n{Path(row[1]).stem}", label_of(row[1]))
    with sheet.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
    return sheet


def asked(sheet: Path) -> list[str]:
    """The numbers of the images of a list."""
    return [Path(row[1]).stem for row in csv.reader(sheet.read_text().splitlines()[1:])]


def main_of(module, monkeypatch: pytest.MonkeyPatch, *words: str) -> object:
    """The exit status of a command."""
    monkeypatch.setattr(sys, "argv", ["alrun", *words])
    try:
        module.main()
    except SystemExit as ended:
        return ended.code
    return 0
