"""conf/experiment against the paper: a test for every row of Tables 3 to 10, and the sweeps of its figures."""

import numpy as np
import pytest
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser

from alrun.settings import targets
from alrun.settings.identity import setting_id
from alrun.settings.schedule import labels_by_round

RESNET, SGD, ADAM = "ResNet18", "torch.optim.SGD", "torch.optim.Adam"

# Experiment, what picks the row among its runs; then model, max epochs, learning rate, optimizer's batch size,
# optimizer, AL batch size, seed set size of the paper, and the labels at the end of its public notebooks.
ROWS = {
    "Table 3, CIFAR-10 ResNet-18": ("baseline/cifar10", "", RESNET, 300, 0.01, 20, SGD, 3000, 1000, 25000),
    "Table 3, CIFAR-10 VGG-19": ("baseline/cifar10_vgg19", "", "Vgg", 300, 0.01, 128, SGD, 3000, 1000, 25000),
    "Table 3, CIFAR-10 DLA": ("baseline/cifar10_dla", "", "Dla", 300, 0.01, 20, SGD, 3000, 1000, 25000),
    "Table 3, CIFAR-100 ResNet-18": ("baseline/cifar100", "", RESNET, 300, 0.01, 20, SGD, 5000, 5000, 50000),
    "Table 3, MNIST": ("baseline/mnist", "", "MnistNet", 300, 0.01, 20, SGD, 1000, 300, 15300),
    "Table 3, MNIST low": ("baseline/mnist_low", "", "MnistNet", 3000, 0.01, 20, SGD, 10, 50, 150),
    "Table 3, FMNIST ResNet-18": ("baseline/fashion_mnist", "", RESNET, 150, 0.01, 64, SGD, 1000, 1000, 15000),
    "Table 3, SVHN ResNet-18": ("baseline/svhn", "", RESNET, 150, 0.01, 64, SGD, 1000, 1000, 18000),
    "Table 3, SVHN VGG-19": ("baseline/svhn_vgg19", "", "Vgg", 300, 0.001, 32, SGD, 1000, 1000, 18000),
    "Table 4, ResNet-18": ("augmentation/resnet18", "augmentation=none", RESNET, 300, 0.01, 20, SGD, 3000, 1000, 25000),
    "Table 4, VGG-11": ("augmentation/vgg11", "augmentation=none", "Vgg", 300, 0.001, 20, ADAM, 3000, 1000, 25000),
    "Table 5, SGD": ("optimizer/cifar10", "optimizer=sgd", RESNET, 300, 0.01, 20, SGD, 3000, 1000, 25000),
    "Table 5, Adam": ("optimizer/cifar10", "optimizer=adam", RESNET, 300, 0.01, 20, ADAM, 3000, 1000, 25000),
    "Table 5, SWA": ("generalization/cifar10", "optimizer=sgd_swa", RESNET, 300, 0.01, 20, SGD, 3000, 1000, 25000),
    "Table 5, SS": (
        *("generalization/cifar10", "model=shake_shake_resnet18", "ShakeShakeResNet18"),
        *(300, 0.01, 20, SGD, 3000, 1000, 25000),
    ),
    "Table 5, SWA_SS": (
        "generalization/cifar10",
        "model=shake_shake_resnet18 optimizer=sgd_swa",
        *("ShakeShakeResNet18", 300, 0.01, 20, SGD, 3000, 1000, 25000),
    ),
    "Table 6, Duplicate": ("redundancy/duplicate", "redundancy.factor=5", RESNET, 300, 0.01, 20, SGD, 500, 500, 5500),
    "Table 6, Augment": ("redundancy/augment", "redundancy.factor=20", RESNET, 300, 0.01, 20, SGD, 500, 500, 5500),
    "Table 7, CIFAR-10": ("per_class/cifar10", "per_class_cap=c1000", RESNET, 300, 0.01, 20, SGD, 1000, 1000, 10000),
    "Table 7, FMNIST": (
        *("per_class/fashion_mnist", "per_class_cap=c3000", RESNET, 150, 0.01, 64, SGD, 1000, 1000, 10000),
    ),
    "Table 8, Bud_1000": ("batch_size/cifar10", "batch_size=b1000", RESNET, 300, 0.01, 20, SGD, 1000, 1000, 25000),
    "Table 8, Bud_3000": ("batch_size/cifar10", "batch_size=b3000", RESNET, 300, 0.01, 20, SGD, 3000, 1000, 25000),
    "Table 8, Bud_6000": ("batch_size/cifar10", "batch_size=b6000", RESNET, 300, 0.01, 20, SGD, 6000, 1000, 25000),
    "Table 8, Rand_Seed": ("seed_set/cifar10", "seed_set=random", RESNET, 300, 0.01, 20, SGD, 3000, 1000, 25000),
    "Table 8, FL_Seed": (
        *("seed_set/cifar10", "seed_set=facility_location", RESNET, 300, 0.01, 20, SGD, 3000, 1000, 25000),
    ),
    "Table 9, CIFAR-10 Reset": (
        *("reset_update/cifar10", "model_update=reset", RESNET, 300, 0.01, 20, SGD, 3000, 1000, 25000),
    ),
    "Table 9, CIFAR-10 Update": (
        *("reset_update/cifar10", "model_update=update", RESNET, 300, 0.01, 20, SGD, 3000, 1000, 25000),
    ),
    "Table 9, CIFAR-10 N.A. Reset": (
        *("reset_update/cifar10_adam", "model_update=reset", RESNET, 300, 0.01, 20, ADAM, 3000, 1000, 25000),
    ),
    "Table 9, CIFAR-10 N.A. Update": (
        *("reset_update/cifar10_adam", "model_update=update", RESNET, 300, 0.01, 20, ADAM, 3000, 1000, 25000),
    ),
    "Table 9, SVHN Reset": ("reset_update/svhn", "model_update=reset", RESNET, 150, 0.01, 64, SGD, 1000, 1000, 18000),
    "Table 9, SVHN Update": ("reset_update/svhn", "model_update=update", RESNET, 150, 0.01, 64, SGD, 1000, 1000, 18000),
    "Table 9, SVHN N.A. Reset": (
        *("reset_update/svhn_adam", "model_update=reset", RESNET, 150, 0.01, 64, ADAM, 1000, 1000, 18000),
    ),
    "Table 9, SVHN N.A. Update": (
        *("reset_update/svhn_adam", "model_update=update", RESNET, 150, 0.01, 64, ADAM, 1000, 1000, 18000),
    ),
    "Table 10, DSS CIFAR-10": ("dss/cifar10", "dss=grad_match", RESNET, 300, 0.01, 20, SGD, 3000, 1000, 25000),
}


@pytest.mark.parametrize("row", ROWS)
def test_a_row_of_the_paper(composed, row):
    experiment, choice, model, epochs, lr, batch, optimizer, al_batch, seed_size, total = ROWS[row]
    cfg = composed(f"experiment={experiment}", *choice.split(), hydra=True)
    assert set(choice.split()) <= {f"{key}={value}" for key, values in params(cfg) for value in values.split(",")}
    assert cfg.name == experiment
    assert cfg.model._target_ == f"alrun.models.{model}"
    assert (cfg.training.max_epochs, cfg.training.batch_size, cfg.training.stop_accuracy) == (epochs, batch, 0.99)
    assert (cfg.optimizer.build._target_, cfg.optimizer.build.lr) == (optimizer, lr)
    wanted = {"seed_size": seed_size, "batch_size": al_batch, "total": total, "until_accuracy": None}
    assert cfg.budget == wanted
    assert (cfg.optimizer.swa is not None) == ("SWA" in row)
    assert (cfg.augmentation._target_ == "alrun.data.augmentation.NoAugmentation") == (
        "N.A." in row or "Table 4" in row
    )
    assert cfg.training.reset == ("Update" not in row)


def params(cfg) -> list[tuple[str, str]]:
    return [(str(key), str(value)) for key, value in cfg.hydra.sweeper.params.items()]


def sweep(composed, experiment: str) -> list[list[str]]:
    """The overrides of every run of an experiment."""
    cfg = composed(f"experiment={experiment}", hydra=True)
    overrides = OverridesParser.create().parse_overrides([f"{key}={value}" for key, value in params(cfg)])
    return [list(run) for run in BasicSweeper.split_arguments(overrides, max_batch_size=None)[0]]


# Runs that an experiment asks for: options × strategies × repeats.
SIZES = {
    "baseline/cifar10": 8 * 3,
    "baseline/cifar100": 8 * 3,
    "baseline/mnist_low": 12 * 3,
    "augmentation/resnet18": 2 * 3 * 3,
    "generalization/cifar10": 2 * 2 * 3 * 3,
    "redundancy/duplicate": 4 * 3 * 3,
    "redundancy/augment": 4 * 3 * 3,
    "per_class/cifar10": 3 * 3 * 3,
    "batch_size/cifar10": 3 * 3 * 3,
    "seed_set/cifar10": 3 * 3 * 3,
    "reset_update/svhn_adam": 2 * 3 * 3,
    "dss/cifar10": 2 * 3 * 3,
    "pools/rare_classes": 8 * 20,
    "pools/long_tail": 8 * 20,
    "pools/open_set": 6 * 20,
    "pools/redundancy": 5 * 20,
    "pools/noisy": 2 * 6 * 20,
    "pools/shift": 6 * 20,
    "pools/best_found": 6 * 20,
    "features/redundancy": 4 * 3 * 20,
    "scratch/mnist": 4 * 3,
    "scratch/mnist_low": 10 * 3,
    "scratch/mnist_low_part": 2,
    "scratch/baseline": 3 * 8,
    "scratch/optimizer": 3 * 3 * 8,
    "scratch/mnist_augmentation": 2 * 3 * 3,
    "scratch/reset_update": 2 * 3 * 12,
    "scratch/redundancy": 4 * 3 * 8,
    "scratch/batch_size": 3 * 3 * 12,
    "scratch/cifar10": 4 * 3,
    "scratch/epochs": 2 * 3 * 3,
    "scratch/schedule": 3 * 3 * 2,
    "features/baseline": 5 * 50,
    "features/per_class": 3 * 3 * 20,
    "features/batch_size": 3 * 3 * 20,
    "features/seed_set": 3 * 3 * 20,
    "features/candidates": 3 * 20,
    "features/banking77_redundancy": 4 * 3 * 20,
    "features/banking77_per_class": 3 * 3 * 20,
    "features/banking77_batch_size": 3 * 3 * 20,
    "features/banking77_seed_set": 3 * 3 * 20,
}
ON_TEXT = "features/banking77"
ON_A_PART = ("features/candidates", "scratch/mnist_low_part")


@pytest.mark.parametrize("experiment", SIZES)
def test_the_runs_of_an_experiment(composed, experiment):
    runs = sweep(composed, experiment)
    assert len(runs) == SIZES[experiment]
    one = "strategy=subsample" if experiment in ON_A_PART else "strategy=random"
    assert {one, "seed=0"} <= {override for run in runs for override in run}


@pytest.mark.parametrize(
    "experiment", [name for name in SIZES if name.startswith("features/") and not name.startswith(ON_TEXT)]
)
def test_experiments_on_features_call_no_code_but_the_allowed_encoder(composed, experiment, monkeypatch):
    monkeypatch.setattr(targets, "_listed", ("lite0",))
    targets.check_targets(composed(f"experiment={experiment}"))
    monkeypatch.setattr(targets, "_listed", ())
    with pytest.raises(targets.SettingError, match="lite0"):
        targets.check_targets(composed(f"experiment={experiment}"))


@pytest.mark.parametrize(
    ("experiment", "beside", "strategies"),
    [
        ("pools/rare_classes", "pools/rare_classes_smi", {"flqmi", "gcmi", "com"}),
        ("pools/open_set", "pools/open_set_scmi", {"flcmi", "logdetcmi"}),
        ("pools/redundancy", "pools/redundancy_scg", {"flcg", "gccg", "logdetcg"}),
    ],
)
def test_targeted_strategies_are_compared_on_the_same_pools(composed, tmp_path, experiment, beside, strategies):
    np.savez(tmp_path / "f.npz", features=np.zeros((40, 3), np.float32), labels=np.arange(40) % 10)
    names = {
        setting_id(_root_=composed(f"experiment={each}", f"dataset.path={tmp_path / 'f.npz'}", hydra=True))
        for each in (experiment, beside)
    }
    assert len(names) == 1
    runs = sweep(composed, beside)
    assert len(runs) == len(strategies) * 20
    functions = {word.partition("=")[2] for run in runs for word in run if "function=" in word}
    assert functions == strategies
    assert {word for run in sweep(composed, experiment) for word in run if word.startswith("seed=")} == {
        f"seed={seed}" for seed in range(20)
    }


def test_sections_share_their_runs(composed):
    """What is asked for twice is computed once: Figures 1, 2, 3 and 6 have the same runs of SGD on CIFAR-10."""
    folders = set()
    for experiment, choice in (
        ("baseline/cifar10", ()),
        ("augmentation/resnet18", ("augmentation=crop_flip",)),
        ("optimizer/cifar10", ("optimizer=sgd",)),
        ("batch_size/cifar10", ("batch_size=b3000",)),
        ("seed_set/cifar10", ("seed_set=random",)),
        ("reset_update/cifar10", ("model_update=reset",)),
        ("dss/cifar10", ("dss=none",)),
    ):
        cfg = composed(f"experiment={experiment}", *choice, hydra=True)
        folders.add(setting_id(_root_=cfg))
    assert len(folders) == 1


def test_sections_from_scratch_share_the_runs_of_their_baseline(composed):
    """The baseline's are asked for by each section, so they are computed once; MNIST's are those of Figure 7."""
    sections = [("baseline", ()), ("augmentation", ("augmentation=crop_flip",)), ("optimizer", ("optimizer=sgd",))]
    sections += [("reset_update", ("model_update=reset",)), ("subsets", ("dss=none",))]
    names = {
        setting_id(_root_=composed(f"experiment=scratch/{name}", *choice, hydra=True)) for name, choice in sections
    }
    assert len(names) == 1
    figure_7 = composed("experiment=baseline/mnist", "budget.total=3300", hydra=True)
    assert setting_id(_root_=composed("experiment=scratch/mnist", hydra=True)) == setting_id(_root_=figure_7)
    figure_8 = setting_id(_root_=composed("experiment=baseline/mnist_low", hydra=True))
    for name in ("mnist_low", "mnist_low_part"):
        assert setting_id(_root_=composed(f"experiment=scratch/{name}", hydra=True)) == figure_8


def test_schedules_are_compared_by_labels_that_are_held_out_of_the_pool(composed):
    for name, rounds in (("epochs", [5500, 6500, 7500, 8500, 9500]), ("schedule", [9000])):
        cfg = composed(f"experiment=scratch/{name}", hydra=True)
        assert cfg.validation == 5000
        assert labels_by_round(cfg.budget, cfg.validation) == rounds


def test_cifar10_from_scratch_trains_by_one_cycle_to_its_end(composed):
    cfg = composed("experiment=scratch/cifar10", hydra=True)
    assert (cfg.model._target_, cfg.model.width) == ("alrun.models.ResNet9", 16)
    assert (cfg.training.max_epochs, cfg.training.batch_size, cfg.optimizer.build.lr) == (30, 64, 0.1)
    assert (cfg.optimizer.schedule.max_lr, cfg.optimizer.schedule.total_steps) == (0.1, 30)
    assert cfg.training.stop_accuracy is cfg.training.patience is None
    assert cfg.augmentation._target_ == "alrun.data.augmentation.CropFlip"
    assert list(cfg.budget.values())[:3] == [1000, 3000, 7000]
