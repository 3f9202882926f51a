"""Budget and training that own data get where nobody sets them."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alrun.data import own, sources
from alrun.settings import data_size, fitted, planned_runs
from alrun.settings.checks import validate
from alrun.settings.data_size import Counted
from alrun.settings.fitted import Fitted, fit_to_data
from alrun.settings.identity import identity
from alrun.system.errors import UserError
from tests.conftest import QUIET


@pytest.mark.parametrize(
    ("known", "given", "expected"),
    [
        # 482 images of 10 classes: 4 a class (a tenth would be 4.8), tenths, five rounds; 4000 steps of 20 on 280.
        (Counted(482, 10), {}, Fitted(40, 48, 280, 286, 100)),
        (Counted(60, 2), {}, Fitted(6, 6, 36, 300, 200)),
        (Counted(30, 10), {}, Fitted(15, 3, 30, 300, 200)),  # 2 a class would be two thirds of the pool
        (Counted(50_000, 10), {}, Fitted(50, 1000, 5050, 30, 30)),
        (Counted(50_000, 10, by_people=True), {}, Fitted(50, 100, 550, 146, 67)),
        (Counted(482, 10), {"total": 100}, Fitted(40, 12, 100, 300, 100)),
        (Counted(482, 10), {"seed_size": 100}, Fitted(100, 48, 340, 236, 40)),
        (Counted(482, 10), {"batch_size": 10}, Fitted(40, 10, 90, 300, 100)),
        (Counted(3, 2), {}, Fitted(2, 1, 3, 300, 200)),
    ],
)
def test_numbers_follow_the_pool_and_what_is_given(known, given, expected):
    assert fit_to_data(known, given) == expected


@pytest.mark.parametrize("pool", [7, 20, 33, 150, 999, 12_345])
@pytest.mark.parametrize("classes", [2, 3, 10, 200])
@pytest.mark.parametrize("validation", [0, 2])
def test_a_pool_of_any_size_can_serve_them(pool, classes, validation, composed):
    made = fit_to_data(Counted(pool, classes), {}, validation)
    assert 2 <= made.seed_size < made.total <= pool
    assert made.seed_size + made.batch_size + validation <= made.total
    budget = {key: value for key, value in made._asdict().items() if key in ("seed_size", "batch_size", "total")}
    words = [f"budget.{key}={value}" for key, value in budget.items()]
    cfg = composed("dataset=csv", f"dataset.path={__file__}", *words, f"validation={validation or 'null'}")
    validate(cfg)


def write_images(base: Path, count: int = 60) -> None:
    for number in range(count):
        path = base / "p" / ("ant", "bee", "wasp")[number % 3] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(number).integers(256, size=(4, 4, 3), dtype=np.uint8)).save(path)


def listed(base: Path, name: str, split: bool) -> Path:
    with (base / name).open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", *(["split"] if split else [])])
        for number, path in enumerate(sorted((base / "p").rglob("*.png"))):
            extra = [("test" if number % 4 == 0 else "train")] if split else []
            writer.writerow([path.relative_to(base), path.parent.name, *extra])
    return base / name


def test_what_is_counted_is_what_is_read(tmp_path, composed):
    write_images(tmp_path)
    images, kinds = np.random.default_rng(0).integers(256, size=(50, 4, 4), dtype=np.uint8), np.arange(50) % 5
    np.savez(tmp_path / "one.npz", images=images, labels=kinds)
    np.savez(
        tmp_path / "two.npz", train_images=images, train_labels=kinds, test_images=images[:9], test_labels=kinds[:9]
    )
    for name in ("one", "two"):
        cfg = composed("dataset=npz", f"dataset.path={tmp_path / name}.npz")
        data = sources.npz("", str(tmp_path / f"{name}.npz"))
        assert data_size.count_data(cfg) == Counted(len(data.train_labels), data.classes)
    for split in (True, False):
        path = listed(tmp_path, f"{split}.csv", split)
        data = own.csv("", str(path), size=4)
        cfg = composed("dataset=csv", f"dataset.path={path}")
        assert data_size.count_data(cfg) == Counted(len(data.train_labels), data.classes)
    cfg = composed("dataset=image_folder", f"dataset.path={tmp_path / 'p'}", "dataset.test_fraction=0.33")
    data = own.image_folder("", str(tmp_path / "p"), size=4, test_fraction=0.33)
    assert data_size.count_data(cfg) == Counted(len(data.train_labels), 3)
    cfg = composed("dataset=unlabeled", f"dataset.path={tmp_path / 'p'}", "dataset.classes=[a,b]", "limit=20")
    assert data_size.count_data(cfg) == Counted(20, 2, by_people=True)


def test_what_is_counted_in_parquet_is_what_is_read(tmp_path, composed):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    write_images(tmp_path, 3)
    content = [path.read_bytes() for path in sorted(tmp_path.rglob("*.png"))] * 5
    parquet.write_table(arrow.table({"image": content, "label": ["a", "b", "c"] * 5}), tmp_path / "all.parquet")
    cfg = composed("dataset=parquet", f"dataset.path={tmp_path / 'all.parquet'}")
    data = own.parquet("", str(tmp_path / "all.parquet"), size=4)
    assert data_size.count_data(cfg) == Counted(len(data.train_labels), 3)


def test_an_image_that_a_csv_lists_twice_and_rows_without_a_split_are_counted_as_they_are_read(tmp_path, composed):
    write_images(tmp_path, 80)
    names = [path.relative_to(tmp_path) for path in sorted(tmp_path.rglob("*.png"))]
    twice = [f"{start}{name},{name.parent.name}" for start in ("", "./") for name in names]
    splits = [f"{name},{name.parent.name},{'train' if number < 60 else ''}" for number, name in enumerate(names)]
    patients = [f"{name},{name.parent.name},{number // 7}" for number, name in enumerate(names)]
    for header, lines, pool, more in (
        ("path,label", twice, 64, []),  # 80 less a fifth
        ("path,label,split", splits, 48, []),  # 60 less a fifth; sorted by class, they have all three
        ("path,label,group", patients, None, ["dataset.group=group"]),
    ):
        path = tmp_path / f"{len(lines)}{header.replace(',', '')}.csv"
        path.write_text("\n".join([header, *lines]) + "\n")
        data = own.csv("", str(path), size=4, group="group" if more else None)
        cfg = composed("dataset=csv", f"dataset.path={path}", *more)
        assert data_size.count_data(cfg) == Counted(len(data.train_labels), 3)
        assert pool in (None, len(data.train_labels))
        validate(cfg)


def test_the_classes_that_only_the_test_split_or_a_declaration_has_are_counted(tmp_path, composed):
    images, kinds = np.zeros((12, 4, 4), np.uint8), np.arange(12) % 3
    np.savez(tmp_path / "a.npz", images_train=images, labels_train=kinds, labels_other=kinds, images_val=images[:6])
    assert (
        data_size.count_data(composed("dataset=npz", f"dataset.path={tmp_path}/a.npz")) is None
    )  # labels_val is not there
    np.savez(tmp_path / "b.npz", train_images=images, train_labels=kinds, extra_labels=kinds)
    data = sources.npz("", str(tmp_path / "b.npz"))
    assert data_size.count_data(composed("dataset=npz", f"dataset.path={tmp_path}/b.npz")) == Counted(9, 3)
    assert len(data.train_labels) == 9


def test_nothing_that_is_counted_or_given_divides_by_zero(tmp_path, composed):
    write_images(tmp_path)
    path = listed(tmp_path, "folds.csv", split=True)
    path.write_text(path.read_text().replace(",train", ",0").replace(",test", ",1"))
    cfg = composed("dataset=csv", f"dataset.path={path}")
    assert data_size.count_data(cfg) is None
    assert cfg.training.patience == 10
    with pytest.raises(UserError, match=r"the column split holds 0 and 1, which name no split; known are train, test"):
        own.csv("", str(path))
    words = ("dataset=image_folder", f"dataset.path={tmp_path / 'p'}")
    for key in ("budget.seed_size", "budget.batch_size", "budget.total", "training.batch_size"):
        cfg = composed(*words, f"{key}=0")
        assert min(cfg.training.patience, cfg.training.max_epochs) > 0
        with pytest.raises(UserError, match=f"{key}=0"):
            validate(cfg)
    np.savez(tmp_path / "none.npz", images=np.zeros((0, 4, 4), np.uint8), labels=np.zeros(0, int))
    assert data_size.count_data(composed("dataset=npz", f"dataset.path={tmp_path}/none.npz")) is None
    cfg = composed("dataset=unlabeled", f"dataset.path={tmp_path / 'p'}", "dataset.classes=[]")
    assert data_size.count_data(cfg) is None


def test_the_command_line_wins_and_the_name_of_a_run_has_the_numbers(tmp_path, composed):
    write_images(tmp_path)
    words = ("dataset=image_folder", f"dataset.path={tmp_path / 'p'}")
    cfg = composed(*words)
    assert (cfg.budget.seed_size, cfg.budget.batch_size, cfg.budget.total) == (6, 4, 26)  # 48 images, 3 classes
    assert identity(cfg)["budget"] == {"seed_size": 6, "batch_size": 4, "total": 26}
    assert "chosen for 48 examples and 3 classes: budget.seed_size=6 budget.batch_size=4" in fitted.sentence_on_choice(
        cfg
    )
    cfg = composed(*words, "budget.total=30", "training.max_epochs=7")
    assert (cfg.budget.seed_size, cfg.budget.batch_size, cfg.training.max_epochs) == (6, 4, 7)
    assert "budget.total" not in fitted.sentence_on_choice(cfg)
    typed = ["budget.seed_size=6", "budget.batch_size=4", "budget.total=26", "training.max_epochs=300"]
    alike = [
        planned_runs.runs_of_command([*words, *more])[0].folder for more in ([], [*typed, "training.patience=200"])
    ]
    assert alike[0] == alike[1]


def test_settings_of_epochs_have_no_effect_where_there_are_none(tmp_path, composed):
    rows = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    np.savez(tmp_path / "f.npz", features=rows, labels=np.arange(60) % 3)
    words = ("dataset=features", f"dataset.path={tmp_path / 'f.npz'}", "training.max_epochs=7", "training.batch_size=4")
    cfg = composed(*words)
    assert "training" not in fitted.sentence_on_choice(cfg)
    assert fitted.sentence_on_unused(cfg, words).startswith(
        "training.max_epochs=7 training.batch_size=4 have no effect: optimizer=convex "
    )
    assert fitted.sentence_on_unused(cfg, ["training.balance=weights", "budget.total=30"]) is None
    with_epochs = composed(*words, "model=mlp")
    assert "training.patience" in fitted.sentence_on_choice(with_epochs)
    assert fitted.sentence_on_unused(with_epochs, words) is None


def test_data_that_cannot_be_listed_are_left_to_what_reads_them(tmp_path, composed):
    assert data_size.count_data(composed("dataset=digits")) is None
    assert fitted.sentence_on_choice(composed("dataset=digits")) is None
    for words in (["dataset.path=nowhere"], [], [f"dataset.path={tmp_path}"]):
        cfg = composed("dataset=image_folder", *words)
        assert (cfg.budget.seed_size, cfg.training.patience) == (1000, 10)


def test_the_advice_in_a_refusal_leads_to_a_run(tmp_path, composed, complete):
    write_images(tmp_path)
    words = ("dataset=image_folder", f"dataset.path={tmp_path / 'p'}", "dataset.size=4", "model.width=2", *QUIET)
    with pytest.raises(
        UserError, match=r"budget.seed_size=1000 is more than the 48 examples of the pool: try "
    ) as caught:
        validate(composed(*words, "budget.seed_size=1000", "budget.total=2000"))
    advice = str(caught.value).partition("try ")[2].rstrip(".").split()
    assert [word.partition("=")[0] for word in advice] == ["budget.seed_size", "budget.batch_size", "budget.total"]
    folder = complete(*words, "strategy=random", *advice, "training.max_epochs=1")
    rounds = list(csv.DictReader((folder / "accuracy.csv").read_text().splitlines()))
    assert [int(row["labeled"]) for row in rounds] == [6, 10, 14, 18, 22, 26]
    record = json.loads((folder / "run.json").read_text())["dataset"]
    assert (record["class_names"], record["train"], record["test"]) == (["ant", "bee", "wasp"], 48, 12)
    by_class = list(csv.DictReader((folder / "per_class.csv").read_text().splitlines()))
    assert [row["class"] for row in by_class[:3]] == ["ant", "bee", "wasp"]


def test_counting_imports_no_torch():
    code = "import sys, alrun.settings.fitted, alrun.data.own, alrun.data.sources; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
