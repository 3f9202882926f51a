"""What a run is called: what decides its results, and nothing else."""

import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

import alrun
from alrun.data import content
from alrun.settings import identity, revisions
from alrun.system import moved


def moved_strategies() -> list[str]:
    """The options of ``strategy`` with a setting that had another name."""
    folder = Path(alrun.__file__).parents[2] / "conf" / "strategy"
    classes = tuple(f".{name}" for name in moved.SETTINGS["strategy"] if name != "FromFeatures")
    targets = {path.stem: OmegaConf.load(path)._target_ for path in folder.glob("*.yaml")}
    return sorted(name for name, target in targets.items() if target.endswith(classes))


def names(composed, *overrides: str) -> tuple[str, str]:
    folder = composed(*overrides, hydra=True).hydra.run.dir
    _, setting, run = folder.rsplit("/", 2)
    return setting, run


@pytest.mark.parametrize(
    ("override", "setting_changes", "run_changes"),
    [
        ("runtime.threads=3", False, False),
        ("runtime.device=cpu", False, False),
        ("paths.outputs=elsewhere", False, False),
        ("paths.data=elsewhere", False, False),
        ("name=mine", False, False),
        ("seed=7", False, True),
        ("strategy=entropy", False, True),
        ("initial_seed=1", True, False),
        ("initial_seed=null", False, False),
        ("redundancy=none", False, False),
        ("imbalance=none", False, False),
        ("open_set=none", False, False),
        ("shift=none", False, False),
        ("imbalance=step", True, False),
        ("open_set=held_out", True, False),
        ("annotator=perfect", False, False),
        ("annotator=uniform", True, False),
        ("cost=none", False, False),
        ("cost.price=2", True, False),
        ("model.width=8", True, False),
        ("model_update=update", True, False),
        ("budget.total=180", True, False),
        ("optimizer.lr=0.02", True, False),
        ("training.stop_accuracy=0.9", True, False),
        ("dataset.mean=[0.5]", True, False),
    ],
)
def test_a_folder_is_named_by_what_is_computed(composed, override, setting_changes, run_changes):
    before, after = names(composed), names(composed, override)
    assert (before[0] != after[0], before[1] != after[1]) == (setting_changes, run_changes)


@pytest.mark.parametrize(
    ("group", "setting"),
    [("annotator=file", "annotator.path"), ("annotator=confusing", "annotator.matrix"), ("cost=column", "cost.path")],
)
def test_answers_and_prices_are_named_by_the_content_of_their_files(composed, tmp_path, group, setting):
    for name, text in (("a", "0\n1\n"), ("b", "0\n1\n"), ("c", "1\n1\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "t.csv").write_text(text)
    same, moved, other = (names(composed, group, f"{setting}={tmp_path / name / 't.csv'}") for name in "abc")
    assert same == moved
    assert same[0] != other[0]


def test_settings_of_a_strategy_tell_its_runs_apart(composed):
    assert (
        names(composed, "strategy=entropy")[1] != names(composed, "strategy=entropy", "strategy.dropout_samples=5")[1]
    )


@pytest.mark.parametrize(
    ("override", "changes"),
    [
        ("strategy=random", False),
        ("seed=3", True),  # which has a seed set of its own
        ("budget.total=100", False),
        ("budget.batch_size=7", False),
        ("model_update=update", False),
        ("budget.seed_size=30", True),
        ("initial_seed=3", True),
        ("model.dropout=0.1", True),
        ("optimizer=adam", True),
        ("augmentation=crop", True),
        ("training.max_epochs=59", True),
    ],
)
def test_the_first_model_is_shared_by_all_it_does_not_depend_on(composed, override, changes):
    before, after = (identity.first_model_id(composed(*overrides)) for overrides in ((), (override,)))
    assert (before != after) == changes


def test_repeats_of_the_paper_share_their_first_model(composed):
    both = [composed("initial_seed=42", f"seed={seed}") for seed in (0, 1)]
    assert identity.first_model_id(both[0]) == identity.first_model_id(both[1])
    own = [composed(f"seed={seed}") for seed in (0, 1)]
    assert identity.first_model_id(own[0]) != identity.first_model_id(own[1])


# Names that must never change: a change here renames runs that people have. A new setting gets its neutral value in
# identity.NEUTRAL instead; changed results get a revision in alrun.settings.revisions.
FROZEN = {
    "": "digits-small_cnn-2b847755/badge-d0b8cc-seed0",
    "strategy=entropy seed=3": "digits-small_cnn-2b847755/entropy-ad3d94-seed3",
    "strategy=badge dataset=cifar10": "cifar10-resnet18-9ee5fd97/badge-d0b8cc-seed0",
    "strategy=random dataset=cifar10 experiment=baseline/cifar10": "cifar10-resnet18-aa780fe4/random-1933a6-seed0",
    "dataset=mnist strategy=margin": "mnist-mnist_net-8154a1f2/margin-5499d5-seed0",
    "dataset=fashion_mnist model=vgg11 augmentation=crop": "fashion_mnist-vgg11-dc84466e/badge-d0b8cc-seed0",
    "dataset=svhn optimizer=adam model_update=update": "svhn-resnet18-d9625e16/badge-d0b8cc-seed0",
    "dataset=cifar100 strategy=partitioned": "cifar100-resnet18-ea1fda7b/partitioned-7837e9-seed0",
    "dataset=cifar10 redundancy=duplicate redundancy.factor=5": "cifar10-resnet18-50ec5cbe/badge-d0b8cc-seed0",
    "dataset=cifar10 per_class_cap=c1000": "cifar10-resnet18-511b660e/badge-d0b8cc-seed0",
    "dataset=cifar10 dss=grad_match": "cifar10-resnet18-26491a87/badge-d0b8cc-seed0",
    "dataset=cifar10 optimizer=adam_swa limit=1000 validation=100": "cifar10-resnet18-14b6c412/badge-d0b8cc-seed0",
    "dataset=cifar10 experiment=redundancy/duplicate scale=small": "cifar10-small_cnn-46aaae15/badge-d0b8cc-seed0",
    "strategy=power strategy@strategy.inner=margin": "digits-small_cnn-2b847755/power-fe186a-seed0",
}


@pytest.mark.parametrize("command", FROZEN)
def test_names_are_frozen(composed, command):
    assert "/".join(names(composed, *command.split())) == FROZEN[command]


def test_a_new_setting_at_its_neutral_value_renames_nothing(composed, monkeypatch):
    cfg, before = composed("strategy=badge"), identity.identity(composed("strategy=badge"))
    cfg.training.restart_below = 0.25
    assert identity.identity(cfg)["training"]["restart_below"] == 0.25
    cfg.training.restart_below = 0.0
    assert identity.identity(cfg) == before


def test_a_new_setting_of_a_data_set_beside_that_of_the_run_renames_nothing(composed, tmp_path):
    path = stored(tmp_path / "pool.npz", 0)
    words = ("shift=test", "dataset@shift.dataset=npz", f"shift.dataset.path={path}", f"paths.outputs={tmp_path}")
    known = identity.identity(composed(*words))["shift"]["dataset"]
    assert known["path"].startswith("pool-")
    assert "group" not in known
    assert identity.identity(composed(*words, "shift.dataset.group=video"))["shift"]["dataset"]["group"] == "video"


def test_a_revision_renames_the_runs_that_it_concerns_and_no_others(composed, monkeypatch):
    commands = [("strategy=badge",), ("strategy=entropy",), ("strategy=entropy", "model=mnist_net", "dataset=mnist")]
    before = [names(composed, *command) for command in commands]
    monkeypatch.setitem(revisions.COMPONENTS, "strategy.Badge", 2)
    monkeypatch.setitem(revisions.COMPONENTS, "model.MnistNet", 3)
    after = [names(composed, *command) for command in commands]
    changed = [(new[0] != old[0], new[1] != old[1]) for old, new in zip(before, after, strict=True)]
    assert changed == [(False, True), (False, False), (True, False)]
    monkeypatch.setitem(revisions.GENERAL, "trainer", 2)
    assert names(composed, "strategy=entropy")[0] != after[1][0]


def test_a_strategy_within_another_counts(composed, monkeypatch):
    before = names(composed, "strategy=power", "strategy@strategy.inner=margin")
    monkeypatch.setitem(revisions.COMPONENTS, "strategy.Margin", 2)
    assert names(composed, "strategy=power", "strategy@strategy.inner=margin") != before


def test_where_a_class_of_alrun_is_defined_is_no_part_of_a_name():
    node = {"_target_": "alrun.strategies.badge.Badge", "inner": {"_target_": "mine.Thing"}, "list": [1, None]}
    assert identity.with_short_names(node) == {
        "_target_": "Badge",
        "inner": {"_target_": "mine.Thing"},
        "list": [1, None],
    }


def stored(path: Path, seed: int) -> Path:
    draws = np.random.default_rng(seed)
    arrays = {f"{split}_images": draws.integers(0, 256, (8, 6, 6), dtype=np.uint8) for split in ("train", "test")}
    np.savez(path, **arrays, train_labels=np.arange(8) % 2, test_labels=np.arange(8) % 2)
    return path


def test_the_same_data_in_another_place_are_the_same_runs(composed, tmp_path):
    first = stored(tmp_path / "pool.npz", 0)
    (tmp_path / "moved").mkdir()
    second = Path(shutil.copy(first, tmp_path / "moved" / "pool.npz"))
    outputs = f"paths.outputs={tmp_path / 'outputs'}"
    found = [names(composed, "dataset=npz", f"dataset.path={path}", outputs) for path in (first, second)]
    assert found[0] == found[1]
    assert found[0][0].startswith("pool-")
    stored(first, 1)
    replaced = names(composed, "dataset=npz", f"dataset.path={first}", outputs)
    assert replaced != found[0]
    assert replaced[0].rpartition("-")[2] == found[0][0].rpartition("-")[2]  # the same settings, on other data


def test_a_path_may_refer_to_the_folder_of_data(composed, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((3, 2)))
    given = names(composed, "dataset=features", f"dataset.path={tmp_path}/x.npy")
    assert names(composed, "dataset=features", "dataset.path=${paths.data}/x.npy", f"paths.data={tmp_path}") == given


def test_names_of_files_and_folders_do_not_decide(tmp_path):
    cache = tmp_path / "cache"
    for folder in ("one", "two"):
        (tmp_path / folder / "cats").mkdir(parents=True)
        (tmp_path / folder / "cats" / "a.png").write_bytes(b"a cat")
        (tmp_path / folder / ".hidden").write_bytes(folder.encode())
    (tmp_path / "two" / "cats" / "above").symlink_to(tmp_path / "two")
    one, two = (content.name_of([tmp_path / folder], cache) for folder in ("one", "two"))
    assert one.partition("-")[2] == two.partition("-")[2]
    (tmp_path / "two" / "cats" / "a.png").rename(tmp_path / "two" / "cats" / "b.png")
    assert content.name_of([tmp_path / "two"], cache) != two


def test_a_hash_is_kept_until_the_file_changes(tmp_path, monkeypatch):
    path, cache = tmp_path / "pool.npz", tmp_path / "cache"
    path.write_bytes(b"first")
    reads = []
    monkeypatch.setattr(content, "sha256", lambda path, real=content.sha256: reads.append(path) or real(path))
    first = content.name_of([path], cache)
    assert content.name_of([path], cache) == first
    assert len(reads) == 1
    path.write_bytes(b"other")  # of the same size
    assert content.name_of([path], cache) != first
    assert len(reads) == 2
    monkeypatch.setattr(content, "verify", True)
    content.name_of([path], cache)
    content.name_of([path], cache)  # once in a process: a sweep names each of its runs
    assert len(reads) == 3


@pytest.mark.parametrize("command", ["", "status"])
def test_a_file_that_changed_behind_its_time_is_noticed_by_verify_alone(tmp_path, command):
    path = tmp_path / "pool.npz"
    images, labels = np.arange(100 * 64).astype(np.uint8).reshape(100, 8, 8, 1), np.arange(100) % 2
    splits = {"test_images": images[:10], "test_labels": labels[:10]}
    np.savez(path, train_images=images, train_labels=labels, **splits)
    words = ["dataset=npz", f"dataset.path={path}", "model=small_cnn"]
    words = [command, *words, "--runs"] if command else [*words, "debug=fast"]

    def name(*more: str) -> str:
        answer = subprocess.run(
            [sys.executable, "-m", "alrun", *words, *more], cwd=tmp_path, capture_output=True, text=True
        )
        found = re.search(r"runs/npz-pool-(\w{8})|pool-(\w{8})", answer.stdout + answer.stderr)
        assert found, answer.stdout + answer.stderr
        return found[0]

    first, before = name(), path.stat()
    content = path.read_bytes()
    with path.open("r+b") as file:  # the same inode and size
        np.savez(file, train_images=images[::-1], train_labels=labels, **splits)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert content != path.read_bytes()
    assert (after.st_size, after.st_mtime_ns, after.st_ino) == (before.st_size, before.st_mtime_ns, before.st_ino)
    assert name() == first
    assert name("--verify") != first


@pytest.mark.parametrize(("many", "terminal", "shows"), [(2**28, True, False), (0, False, False), (0, True, True)])
def test_a_bar_of_hashes_shows_on_a_terminal_and_for_many_bytes_alone(tmp_path, monkeypatch, many, terminal, shows):
    written = io.StringIO()
    written.isatty = lambda: terminal
    monkeypatch.setattr(content, "MANY", many)
    monkeypatch.setattr(sys, "stderr", written)
    (tmp_path / "a.npz").write_bytes(b"1234")
    content.name_of([tmp_path / "a.npz"], tmp_path / "cache")
    assert ("hashing" in written.getvalue()) is shows


def test_a_csv_has_the_content_of_its_images(tmp_path):
    (tmp_path / "a.png").write_bytes(b"a")
    (tmp_path / "unrelated.png").write_bytes(b"u")
    listing = tmp_path / "pool.csv"
    listing.write_text("path,label\na.png,cat\n")
    node = {"dataset": {"_target_": "alrun.data.own.csv", "path": str(listing), "images": None}}

    def name() -> str:
        return content.with_content_hashes(node, "data", str(tmp_path / "outputs"))["dataset"]["path"]

    before = name()
    (tmp_path / "unrelated.png").write_bytes(b"changed")
    assert name() == before
    (tmp_path / "a.png").write_bytes(b"b")
    assert name() != before


def test_what_is_not_there_stays_as_it_was_typed(composed, tmp_path):
    assert identity.identity(composed("dataset=npz", "dataset.path=/no/such.npz"))["dataset"]["path"] == "/no/such.npz"


@pytest.mark.parametrize("choice", [*(f"strategy={name}" for name in moved_strategies()), "dss=glister"])
def test_results_name_settings_as_the_command_line_does(composed, choice):
    group = choice.partition("=")[0]
    cfg = composed(choice, hydra=True)
    kept = identity.identity(cfg)[group]
    assert not kept.keys() <= cfg[group].keys()  # under first names, so that the run keeps its name
    found = identity.with_new_settings({group: kept})[group]
    assert found.keys() <= cfg[group].keys()
    assert {key: value for key, value in found.items() if key in kept.keys() ^ found.keys()} == {
        key: cfg[group][key] for key in found.keys() - kept.keys()
    }
