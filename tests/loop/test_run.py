"""Whole runs on digits, in this process."""

from pathlib import Path

import pandas as pd
import pytest
import torch
from torch import nn

from alrun.loop.start import run
from alrun.models.mnist_net import MnistNet
from alrun.runs.state import RunState
from alrun.strategies import Query, Strategy
from alrun.system.energy import Cost
from alrun.system.errors import UserError
from alrun.system.lock import Lock
from tests.conftest import checkpoint_of, without_checkpoints


def weights(run_dir: Path) -> torch.Tensor:
    state = torch.load(checkpoint_of(run_dir), weights_only=True)
    return torch.cat([tensor.double().flatten() for tensor in state["weights"].values()])


def test_update_goes_on_from_the_weights_of_the_last_round_and_reset_does_not(complete):
    still = ("optimizer.lr=1e-12", "budget.total=40", "strategy=random")
    first = weights(complete(*still, "budget.total=20"))
    updated, reset = weights(complete(*still, "model_update=update")), weights(complete(*still))
    # Batch norm counts its batches, and its averages move; what SGD moves does not at this rate.
    assert (updated - first).abs().lt(1e-6).double().mean() > 0.95
    assert (reset - first).abs().lt(1e-6).double().mean() < 0.1


@pytest.mark.parametrize("initial", ["initial_seed=42", "initial_seed=null"])
def test_repeats_share_seed_set_and_first_model_where_the_initial_seed_is_fixed(complete, initial):
    rows = {}
    for overrides in (("seed=0",), ("seed=1",), ("strategy=random", "seed=0")):
        folder = complete(*overrides, initial)
        queries = pd.read_csv(folder / "queries.csv")
        bought = tuple(queries[queries["round"] == 1]["index"])
        start = tuple(queries[queries["round"] == 0]["index"])
        rows[overrides] = (start, pd.read_csv(folder / "accuracy.csv").test_accuracy.iloc[0], bought)
    starts, accuracies, bought = zip(*rows.values(), strict=True)
    assert len(set(starts)) == len(set(accuracies)) == (1 if initial == "initial_seed=42" else 2)
    assert starts[0] == starts[2], "strategies share them within a repeat"
    assert len(set(bought)) == 3


def test_labels_go_up_by_the_batch_size_as_far_as_the_total_allows(complete):
    accuracy = pd.read_csv(complete("budget.batch_size=15", "strategy=random") / "accuracy.csv")
    assert accuracy.labeled.tolist() == [20, 35, 50]


def test_the_whole_pool_can_be_bought(complete):
    folder = complete("budget.seed_size=1200", "budget.batch_size=97", "budget.total=1297", "training.max_epochs=1")
    assert sorted(pd.read_csv(folder / "queries.csv")["index"]) == list(range(1297))


class Returns(Strategy):
    """Returns what it was told to, from the second round on."""

    def __init__(self, positions: list) -> None:
        self.positions = positions

    def select(self, query: Query) -> torch.Tensor:
        return torch.tensor(self.positions) if len(query.pool.labeled) > 20 else torch.arange(20)


@pytest.mark.parametrize(
    ("positions", "words"),
    [
        ([1, 2, 3], "3 positions, 20 were asked for"),
        ([4] * 20, "only 1 distinct positions among 20"),
        ([*range(19), 1257], r"positions outside 0..1256"),
        ([-1, *range(19)], r"positions outside 0..1256"),
        ([0.5] * 20, "torch.float32"),
        ([[1, 2]], r"shape \(1, 2\)"),
    ],
)
def test_what_a_strategy_must_not_return_is_refused_and_earlier_rounds_are_kept(complete, tmp_path, positions, words):
    overrides = ("strategy=random", "strategy._target_=tests.loop.test_run.Returns", f"+strategy.positions={positions}")
    with pytest.raises(UserError, match=rf"strategy=random returned .*{words}.* in round 1"):
        complete(*overrides)
    (accuracy,) = tmp_path.glob("runs/*/*/accuracy.csv")
    assert pd.read_csv(accuracy).labeled.tolist() == [20, 40]


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (
            ("strategy=entropy", "strategy.dropout_samples=5"),
            "strategy.dropout_samples=5: model=small_cnn has no dropout",
        ),
        (("budget.total=1298",), "budget.total=1298 is more than the 1297 examples of the pool"),
        (("budget.seed_size=2000", "budget.total=2000"), "budget.seed_size=2000 is more than the 1297 examples"),
        (("model.width=0",), "model.width=0 is not possible: give a whole number of 1"),
        (("model.dropout=1.5",), "model.dropout=1.5 is not possible: give a number of 0 or more and below 1"),
        (
            ("augmentation=crop", "augmentation.padding=-1"),
            "augmentation.padding=-1 is not possible: give a whole number of 0 or more",
        ),
        (("model=mnist_net", "model._target_=torch.nn.Identity"), "model._target_=torch.nn.Identity"),
        (("optimizer.build.momentum=-1",), "optimizer.build with lr=0.01, momentum=-1.* Invalid momentum value: -1"),
        (("optimizer.build.momentum=x",), "optimizer.build with lr=0.01, momentum=x.* is not possible"),
        (("optimizer.schedule.T_max=0",), "optimizer.schedule with T_max=0 is not possible"),
        (("model=torchvision", "model.name=vit_b_16"), "VisionTransformer does not work on .*8, 8.*Wrong image height"),
        (("runtime.device=cuda:99",), "runtime.device=cuda:99: torch .* sees . GPUs"),
        (("runtime.device=tpu",), "runtime.device=tpu is not a device"),
        (
            ("strategy=random", "strategy._target_=alrun.models.Vgg"),
            "=alrun.models.Vgg cannot stand there: .* a subclass of alrun.strat",
        ),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
def test_what_does_not_go_together_is_refused_before_training(complete, tmp_path, overrides, words):
    with pytest.raises(UserError, match=words):
        complete(*overrides)
    assert not list(tmp_path.glob("runs/*/*/state-*.pt"))


class DeepHead(MnistNet):
    def __init__(self, channels, image_size, classes, width):
        super().__init__(channels, image_size, classes, width)
        self.head = nn.Sequential(self.head)


class Frozen(MnistNet):
    def __init__(self, channels, image_size, classes, width):
        super().__init__(channels, image_size, classes, width)
        self.requires_grad_(False)


class NeedsWords(Returns):
    needs = ("log_probs",)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("DeepHead", "DeepHead has no torch.nn.Linear as its head"),
        ("Frozen", "Frozen has no weight that is trained"),
        ("NeedsWords", r"has needs = \('log_probs',\): write them as Needs"),
    ],
)
def test_a_part_of_ones_own_that_cannot_work_is_refused_before_training(complete, name, words):
    target = f"_target_={__name__}.{name}"
    own = ["strategy=random", f"strategy.{target}", "+strategy.positions=[]"]
    with pytest.raises(UserError, match=words):
        complete(*own if name == "NeedsWords" else ("model=mnist_net", f"model.{target}"))


@pytest.mark.parametrize(
    "strategy",
    [
        "vaal strategy.iterations=2 strategy.width=4",
        "glister",
        "typiclust",
        "batch_bald model.dropout=0.3",
        "power strategy@strategy.inner=margin",
        "partitioned strategy@strategy.inner=fass strategy.parts=2",
    ],
)
def test_strategies_of_every_kind_run_to_the_end(complete, strategy):
    folder = complete(*f"strategy={strategy}".split())
    queries = pd.read_csv(folder / "queries.csv")
    assert len(queries) == queries["index"].nunique() == 60


class Trained(Strategy):
    def select(self, query: Query) -> torch.Tensor:
        query.training.cost += Cost(1000)
        return torch.arange(query.size)


def test_what_a_strategy_trains_is_counted_as_training(complete):
    timing = pd.read_csv(complete("strategy=random", "strategy._target_=tests.loop.test_run.Trained") / "timing.csv")
    assert (timing.train_seconds >= 1000).tolist() == [True, True, False]
    assert (timing.select_seconds < 0).tolist() == [True, True, False]  # taken off the clock's time


class FirstThirty:
    def queryable(self, labels: torch.Tensor, seed_set: torch.Tensor) -> torch.Tensor:
        return torch.arange(len(labels)) < 30


CAPPED = "per_class_cap._target_=tests.loop.test_run.FirstThirty"


def test_a_cap_that_leaves_too_few_to_query_is_refused_before_training(complete, tmp_path):
    with pytest.raises(UserError, match=r"leaves 30 examples to query .*, and the budget asks for 40: lower .* to 50"):
        complete(CAPPED)
    assert not list(tmp_path.glob("runs/*/*/accuracy.csv"))
    complete(CAPPED, "budget.total=50", "budget.batch_size=15")


@pytest.mark.parametrize("strategy", ["random", "badge"])
def test_a_run_that_might_have_ended_before_its_cap_ends_with_one_sentence(complete, strategy, tmp_path):
    with pytest.raises(
        UserError, match=r"budget\.batch_size=20, but only \d+ examples may still be labeled after round"
    ):
        complete(CAPPED, f"strategy={strategy}", "budget.until_accuracy=0.999")
    assert list(tmp_path.glob("runs/*/*/accuracy.csv"))


@pytest.mark.parametrize("strategy", ["random", "badge", "entropy"])
def test_a_model_that_diverged_is_not_evaluated(complete, strategy):
    with pytest.raises(UserError, match=r"round 0, optimizer\.lr=1000000000\.0: .*\(lower optimizer\.lr\)"):
        complete("optimizer.lr=1e9", f"strategy={strategy}")


def test_a_run_that_another_process_computes_is_left_alone(complete, tmp_path, caplog):
    folder = complete("budget.total=40")
    (folder / "done").unlink()
    without_checkpoints(folder)
    with Lock(folder / ".lock"):
        complete("budget.total=40")
    assert "is being computed by another process; left to it" in caplog.text
    assert not list(folder.glob("state-*.pt"))


def test_a_finished_run_is_not_trained_again(complete):
    folder = complete()
    before = RunState.load(folder, torch.load(checkpoint_of(folder), weights_only=True)["data"])
    (folder / "done").unlink()  # killed just before its end
    complete()
    after = RunState.load(folder, before.data)
    assert repr(after.rounds) == repr(before.rounds)  # with their seconds; unknown joules are equal as text alone


def test_a_folder_of_another_name_is_refused_before_training(composed, tmp_path):
    cfg = composed(f"paths.outputs={tmp_path}", hydra=True)
    for name in ("here", "here-seed0"):
        with pytest.raises(UserError, match=rf"hydra.run.dir=.*{name}: runs name their folders themselves.*outputs"):
            run(cfg, tmp_path / name, {})
        assert not (tmp_path / name).exists()


def test_what_a_process_that_lost_the_run_leaves_of_a_training_goes_with_its_end(complete, monkeypatch):
    written = RunState.write_views

    def disturbed(self, run_dir):
        written(self, run_dir)
        (run_dir / "training.pt").write_bytes(b"of a process that slept")

    monkeypatch.setattr(RunState, "write_views", disturbed)
    assert not (complete("strategy=random") / "training.pt").exists()
