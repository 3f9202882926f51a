"""What is refused before torch is imported and data are read."""

import pytest

from alrun import models
from alrun.data import sources
from alrun.models.classifier import Classifier
from alrun.models.classifier import has_dropout as really_has_dropout
from alrun.settings.checks import POOL_SIZES, check_budget, has_dropout, pool_size, validate
from alrun.settings.factory import build
from alrun.system.errors import UserError


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("budget.seed_size=1", "budget.seed_size=1 is not possible: give a whole number of 2 or more."),
        ("budget.batch_size=0", "budget.batch_size=0 is not possible: give a whole number of 1 or more"),
        ("budget.total=19", "budget.total=19 is less than budget.seed_size=20"),
        ("training.max_epochs=0", "training.max_epochs=0 is not possible: give a whole number of 1 or more"),
        ("training.batch_size=1", "training.batch_size=1 is not possible: give a whole number of 2 or more"),
        (
            "training.stop_accuracy=0",
            "training.stop_accuracy=0.0 is not possible: give a number above 0 and up to 1 or null",
        ),
        ("training.patience=1", "training.patience=1 is not possible: give a whole number of 2 or more, or null"),
        ("runtime.threads=0", "runtime.threads=0 is not possible: give a whole number of 1 or more"),
        (
            "runtime.memory_format=nhwc",
            "runtime.memory_format=nhwc is not possible: give contiguous, channels_last or null",
        ),
        ("training.precision=fp16", "training.precision=fp16 is not possible: give float32, tf32 or bf16"),
        (
            "+optimizer.label_smoothing=1",
            "optimizer.label_smoothing=1 is not possible: give a number of 0 or more and below 1",
        ),
        ("runtime.chunk=0", "runtime.chunk=0 is not possible: give a whole number of 1 or more, or null"),
        ("seed=-1", "seed=-1 is not possible: give a whole number of 0 or more"),
        ("training.min_gain=nan", "training.min_gain=nan is not possible: give a finite number"),
        ("strategy=bait strategy.ridge=nan", "strategy.ridge=nan is not possible: give a finite number"),
        ("dataset=cifar10 dataset.mean=[0.5,nan,0.5]", r"dataset.mean\[1\]=nan is not possible: give a finite number"),
        ("optimizer.lr=0", "optimizer.lr=0 is not possible: give a number above 0"),
        ("optimizer.lr=fast", "optimizer.lr=fast is not possible: give a number above 0"),
        ("budget.total=1298", "budget.total=1298 is more than the 1297 examples of the pool"),
        ("strategy=entropy strategy.dropout_samples=5", "strategy.dropout_samples=5: model=small_cnn has no dropout"),
        ("dataset=cifar10 strategy=margin strategy.dropout_samples=5", "model=resnet18 has no dropout"),
        ("dataset=svhn budget.seed_size=80000 budget.total=90000", "budget.seed_size=80000 is more than the 73257"),
        ("limit=150", "budget.total=200 is more than the 150 examples of the pool"),
        ("limit=1", "limit=1 is not possible: give a whole number of 2 or more, or null"),
        (
            "budget.batch_size=181",
            "budget.batch_size=181 does not fit between budget.seed_size=20 and budget.total=200",
        ),
        ("redundancy=duplicate", "redundancy.unique=5500 is more than the 1297 examples of the pool"),
        (
            "shift=test dataset@shift.dataset=csv shift.dataset.path=no/such.csv",
            "shift.dataset.path=no/such.csv: there is no such file or folder",
        ),
        ("shift=test shift.dataset=svhn", "names an option: choose it by dataset@shift.dataset=svhn"),
        (
            "open_set=dataset dataset@open_set.dataset=features",
            "open_set.dataset.path has no value: add open_set.dataset.path=",
        ),
        ("dataset=image_folder dataset.path=nowhere", "dataset.path=nowhere: there is no such file or folder"),
        ("dataset=features dataset.path=nowhere", "there is no such file or folder; give the path of your data"),
        (
            "strategy=partitioned strategy@strategy.inner=power strategy@strategy.inner.inner=bald",
            "strategy.inner.inner.dropout_samples=10: model=small_cnn has no dropout",
        ),
        ("strategy=tcm strategy.embeddings=features", "choose it by embeddings@strategy.embeddings=features"),
        ("strategy=subsample strategy.inner=margin", "choose it by strategy@strategy.inner=margin"),
        ("seed_set=facility_location seed_set.embeddings=classifier", "embeddings@seed_set.embeddings=classifier"),
        ("dataset=npz", "dataset.path has no value: add dataset.path=..."),
        ("model=timm", "model.name has no value"),
    ],
)
def test_values_that_no_data_set_could_make_right(composed, override, words):
    with pytest.raises(UserError, match=words.replace(".", r"\.")):
        validate(composed(*override.split()))


def test_the_known_size_of_digits_is_right(composed):
    cfg = composed("dataset=digits")
    assert pool_size(cfg) == len(sources.digits("").train_labels)


@pytest.mark.parametrize("model", ["linear", "mlp"])
def test_digits_through_an_encoder_have_a_budget_that_they_can_pay(composed, model):
    cfg = composed("dataset=digits", "encoder=torchvision", f"model={model}")
    validate(cfg)
    check_budget(cfg, pool_size(cfg) or 0)
    assert cfg.budget.total == 200


@pytest.mark.parametrize("dataset", ["mnist", "fashion_mnist"])
def test_the_known_size_of_real_data_is_right(composed, real_data, dataset):
    cfg = composed(f"dataset={dataset}")
    if not (real_data / dataset).is_dir():
        pytest.skip(f"{real_data} has no {dataset}")
    assert pool_size(cfg) == len(build(cfg.dataset, "dataset", root=str(real_data)).train_labels)


def test_every_bundled_data_set_has_a_size_and_others_have_none(composed):
    for dataset in ("digits", "mnist", "fashion_mnist", "cifar10", "cifar100", "svhn"):
        assert pool_size(composed(f"dataset={dataset}")) in POOL_SIZES.values()
    assert pool_size(composed("dataset=npz", "dataset.path=x.npz")) is None


@pytest.mark.parametrize(
    "overrides",
    [("model=resnet18",), ("model=small_cnn",), ("model=small_cnn", "model.dropout=0.2"), ("model=mnist_net",)],
    ids=" ".join,
)
def test_what_is_known_of_dropout_is_true(composed, overrides):
    cfg = composed(*overrides)
    model = build(cfg.model, "model", channels=1, image_size=(28, 28), classes=10)
    assert isinstance(model, (models.ResNet18, models.SmallCnn, models.MnistNet))
    assert has_dropout(cfg) in (None, really_has_dropout(model))


@pytest.mark.parametrize("overrides", [("model=linear",), ("model=linear", "model.ensemble=3"), ("model=mlp",)])
def test_what_is_known_of_heads_is_true(composed, overrides):
    cfg = composed(*overrides)
    model = build(cfg.model, "model", features=5, classes=10)
    assert isinstance(model, Classifier)
    assert has_dropout(cfg) == (really_has_dropout(model) or model.ensemble > 0)


@pytest.mark.parametrize(
    "own",
    [
        ["+optimizer.decay=0.1", "optimizer.build.weight_decay=${optimizer.decay}"],
        ["+optimizer.decay=0.1", "optimizer.build.weight_decay=${..decay}"],
        ["+optimizer.decay=0.1", "optimizer.build.weight_decay=${oc.select:optimizer.decay,0}"],
        ["+optimizer.decay=0.1", "optimizer.build.weight_decay=${optimizer[decay]}"],
        ["+optimizer._convert_=all"],
        ["+training.warm=3", "optimizer.schedule.T_max=${training.warm}"],
    ],
)
def test_a_setting_of_ones_own_is_one_if_another_takes_its_value(composed, own):
    validate(composed(*own))
    if len(own) > 1:
        with pytest.raises(UserError, match="there is no such setting"):
            validate(composed(own[0]))
