"""Training on the device: its arithmetic against float64 on the CPU, and ways of executing it against one another."""

import copy
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path

import torch
from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from torch import Tensor
from torch.nn import functional as F

from alrun.data.augmentation import CropFlip, Normalize
from alrun.loop.start import run
from alrun.models import MnistNet, ResNet18, SmallCnn
from alrun.models.classifier import Classifier
from alrun.models.infer import record
from alrun.models.outputs import Needs
from alrun.pool.pool import Pool
from alrun.runs import portable
from alrun.settings import schema
from alrun.settings.planned_runs import options_of
from alrun.system import device
from alrun.training import logistic
from alrun.training.cuda_graph import Passes
from alrun.training.optimizer import Optimization
from alrun.training.stop_rule import StopRule
from alrun.training.subsets.base import NoSubset
from alrun.training.trainer import Trainer
from benchmarks.gpu.check import Bench, Check, largest_error

BATCH, CLASSES = 20, 10
WARM = 40  # steps before gradients are compared: at first even float32's are several thousandths off


def examples(seed: int, where: torch.device, small: bool) -> Pool:
    """Random images, all labeled; the last batch is a smaller one."""
    draws, side = torch.Generator().manual_seed(seed), 8 if small else 32
    images = torch.randint(256, (3 * BATCH + 7, 3, side, side), dtype=torch.uint8, generator=draws)
    labels = torch.randint(CLASSES, (len(images),), generator=draws)
    pool = Pool(images.to(where), labels.to(where))
    pool.label(torch.arange(len(images)))
    return pool


def network(seed: int, small: bool) -> Classifier:
    """ResNet-18 with new weights; a small network for a trial."""
    torch.manual_seed(seed)
    return SmallCnn(3, (8, 8), CLASSES) if small else ResNet18(3, (32, 32), CLASSES)


def trained(seed: int, place: str, small: bool, capture: bool, precision: str, epochs: int = 4) -> tuple[Tensor, float]:
    """All weights after some epochs, and the last training accuracy; may run in a process of its own."""
    where = device.choose_device(place)
    device.set_precision(precision)
    pool, model = examples(seed, where, small), network(seed, small).to(where)
    trainer = Trainer(
        Optimization(lambda parameters: torch.optim.SGD(parameters, 0.01, momentum=0.9, fused=True)),
        CropFlip(2, True),
        Normalize([0.5], [0.3], where),
        NoSubset(),
        StopRule(epochs, None, None, 0.0),
        BATCH,
        100,
        capture,
    )
    result = trainer.fit(model, pool, seed, 1, lambda epoch, accuracy: None)
    weights = torch.cat([value.flatten().double().cpu() for value in model.state_dict().values()])
    return weights, result.accuracy


def captured(precision: str, bench: Bench) -> float:
    """Weights after training with a captured graph and without one."""
    found = [trained(bench.seed, str(bench.device), bench.small, capture, precision)[0] for capture in (True, False)]
    return largest_error(*found)


def repeated(bench: Bench) -> float:
    """Weights of the same training twice."""
    found = [trained(bench.seed, str(bench.device), bench.small, True, "tf32")[0] for _ in range(2)]
    return largest_error(*found)


def together(bench: Bench) -> float:
    """Weights of trainings in two processes at once and of each alone."""
    seeds = (bench.seed, bench.seed + 1)
    train = partial(trained, place=str(bench.device), small=bench.small, capture=True, precision="tf32")
    # With as many CPU threads as here: sums in another order differ in the last digit.
    with ProcessPoolExecutor(2, get_context("spawn"), torch.set_num_threads, (torch.get_num_threads(),)) as processes:
        both = list(processes.map(train, seeds))
    return max(largest_error(found[0], train(seed)[0]) for found, seed in zip(both, seeds, strict=True))


def redrawn(bench: Bench) -> float:
    """Share of logits that two replays of a captured pass with dropout have in common."""
    torch.manual_seed(bench.seed)
    passes = Passes(MnistNet(1, (28, 28), CLASSES).to(bench.device).train(), BATCH, True)
    images = bench.there(bench.normal(BATCH, 1, 28, 28))
    first, second = (passes(images).detach().clone() for _ in range(2))
    return float((first == second).double().mean())


@cache  # the steps take long in float64, and six checks begin with them
def warm(seed: int, small: bool) -> tuple[Classifier, Tensor, Tensor]:
    """A network after some steps on the CPU, a batch and its labels, all in float64; callers must not change them."""
    side, bench = 8 if small else 32, Bench(torch.device("cpu"), seed, small)
    model = network(seed, small).double().train()
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)

    def batch() -> tuple[Tensor, Tensor]:
        labels = torch.randint(CLASSES, (BATCH,), generator=bench.draws)
        images = bench.normal(BATCH, 3, side, side) + labels[:, None, None, None] / 5
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        return images, labels

    for _ in range(WARM):
        batch()
        optimizer.step()
    return model, *batch()


def gradients(precision: str, bench: Bench) -> float:
    """Length of the error of a step's gradient, over the gradient's length."""
    model, images, labels = warm(bench.seed, bench.small)
    there = copy.deepcopy(model).float().to(bench.device)
    there.zero_grad()
    device.set_precision(precision)
    with device.autocast(bench.device):
        logits = there(bench.there(images))
    F.cross_entropy(device.widened(logits), labels.to(bench.device)).backward()
    pairs = [(ours.grad, exact.grad) for ours, exact in zip(there.parameters(), model.parameters(), strict=True)]
    found, expected = (torch.cat([each.flatten().double().cpu() for each in side]) for side in zip(*pairs, strict=True))  # type: ignore[union-attr]
    return float((found - expected).norm() / expected.norm())


def outputs(precision: str, bench: Bench) -> float:
    """Embeddings and log-probabilities of a pass over the pool."""
    model, images, _ = warm(bench.seed, bench.small)
    needs, index = Needs(log_probs=True, embedding=True), torch.arange(BATCH)
    device.set_precision("float32")
    exact = record(model, images, index, needs, lambda batch: batch, 7)
    device.set_precision(precision)
    there = copy.deepcopy(model).float().to(bench.device)
    ours = record(there, bench.there(images), index, needs, lambda batch: batch, 7)
    return max(largest_error(ours.log_probs, exact.log_probs), largest_error(ours.embedding, exact.embedding))


def resumed(bench: Bench) -> float:
    """Lines of accuracy.csv that differ between an uninterrupted run and one that resumes from its tables."""
    with tempfile.TemporaryDirectory() as folder:
        whole = complete(Path(folder, "whole"), bench)
        portable.pack_runs([whole], Path(folder, "runs.zip"))
        portable.unpack_runs(Path(folder, "runs.zip"), Path(folder, "moved", "runs"))
        moved = Path(folder, "moved", "runs", whole.parent.name, whole.name)
        for name in ("accuracy", "timing", "per_class", "queries"):  # as if it had been stopped after round 1
            head, *rows = (moved / f"{name}.csv").read_text().splitlines(keepends=True)
            kept = [row for row in rows if int(row.partition(",")[0]) < 2 + (name == "queries")]
            (moved / f"{name}.csv").write_text("".join([head, *kept]))
        (moved / "done").unlink()
        if portable.rebuild_checkpoint(moved) != 2:
            return float("inf")
        complete(Path(folder, "moved"), bench)
        lines = [path.joinpath("accuracy.csv").read_text().splitlines() for path in (whole, moved)]
    return sum(ours != theirs for ours, theirs in zip(*lines, strict=True))


def complete(place: Path, bench: Bench) -> Path:
    """The folder of a tiny run on handwritten digits."""
    schema.register()
    GlobalHydra.instance().clear()
    settings = [f"paths.outputs={place}", "runtime.progress=false", f"runtime.device={bench.device}", "strategy=badge"]
    with initialize_config_module("alrun.conf", version_base="1.3"):
        cfg = compose("config", ["debug=fast", *settings], return_hydra_config=True)
    run_dir = Path(cfg.hydra.run.dir)
    run(cfg, run_dir, options_of(cfg))
    return run_dir


def optimum(bench: Bench) -> float:
    """Logistic regression on the device, against the gradient of its objective written out in float64 on the CPU."""
    n, d, C = bench.size(5000, 300), bench.size(256, 20), 1.0
    features, labels = bench.normal(n, d), torch.arange(n) % CLASSES
    features[:, 0] += labels  # something to learn
    found = logistic.fit(bench.there(features), labels.to(bench.device), CLASSES, C)
    weight, bias = (part.detach().double().cpu().requires_grad_() for part in (found.weight, found.bias))
    loss = weight.square().sum() / 2 + C * F.cross_entropy(features @ weight.T + bias, labels, reduction="sum")
    slopes = torch.autograd.grad(loss, (weight, bias))
    start = torch.zeros(CLASSES, d, dtype=torch.float64, requires_grad=True)
    steepest = torch.autograd.grad(C * F.cross_entropy(features @ start.T, labels, reduction="sum"), start)[0]
    return float(max(slope.abs().max() for slope in slopes) / steepest.abs().max())


# Allowed errors: ten times those that float32 (1.7e-4), a mantissa of 10 bits (0.010) and bfloat16 (0.030) showed for
# this network on a CPU after 150 steps; here it takes fewer.
CHECKS = [
    *(
        Check(f"graph against eager, {name}", "difference of weights, relative", partial(captured, name), allowed, True)
        for name, allowed in (("float32", 1e-5), ("tf32", 1e-4), ("bf16", 1e-3))
    ),
    Check("dropout in a graph", "share of logits that two replays have in common", redrawn, 0.05, True),
    Check("the same training twice", "difference of weights, relative", repeated, 0.0),
    Check("two at once against one", "difference of weights, relative", together, 0.0),
    Check("gradients, float32", "error against float64, relative", partial(gradients, "float32"), 2e-3),
    Check("gradients, tf32", "error against float64, relative", partial(gradients, "tf32"), 0.1, True),
    Check("gradients, bf16", "error against float64, relative", partial(gradients, "bf16"), 0.3),
    Check("outputs, float32", "error against float64, relative", partial(outputs, "float32"), 1e-4),
    Check("outputs, tf32", "error against float64, relative", partial(outputs, "tf32"), 0.02, True),
    Check("outputs, bf16", "error against float64, relative", partial(outputs, "bf16"), 0.1),
    Check("head at its optimum", "gradient in float64, as a share of the first", optimum, 1e-4),
    Check("going on from tables", "differing lines of accuracy.csv", resumed, 0.0),
]
