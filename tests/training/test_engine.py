"""The engine's steps: what they read from the device, in which layout and precision they run, and as a graph."""

import copy

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from alrun.data.augmentation import CropFlip, Normalize
from alrun.models import ResNet18, SmallCnn
from alrun.models.classifier import Classifier
from alrun.pool.pool import Pool
from alrun.system import device
from alrun.training import cuda_graph
from alrun.training.cuda_graph import Passes
from alrun.training.optimizer import Optimization
from alrun.training.stop_rule import StopRule
from alrun.training.subsets.base import NoSubset
from alrun.training.trainer import Trainer

CPU = torch.device("cpu")
SIZE = 20


@pytest.fixture(autouse=True)
def default_precision():
    yield
    device.set_precision("tf32")


def pool(where: torch.device = CPU, n: int = 53) -> Pool:
    draws = torch.Generator().manual_seed(0)
    images = torch.randint(256, (n, 3, 8, 8), dtype=torch.uint8, generator=draws)
    labels = torch.randint(4, (n,), generator=draws)
    full = Pool(images.to(where), labels.to(where))
    full.label(torch.arange(n))
    return full


def trainer(normalize=None, capture: bool = False, epochs: int = 2, lr: float = 0.05) -> Trainer:
    return Trainer(
        Optimization(lambda parameters: torch.optim.SGD(parameters, lr, momentum=0.9, fused=True)),
        CropFlip(2, True),
        normalize or Normalize([0.5], [0.3], CPU),
        NoSubset(),
        StopRule(epochs, 1.1, 10, 0.0),
        batch_size=SIZE,
        chunk=100,
        capture=capture,
    )


def network(kind: type[Classifier] = SmallCnn) -> Classifier:
    torch.manual_seed(3)
    return kind(3, (8, 8), 4)  # type: ignore[call-arg]


def losses(fit: Trainer, model: Classifier, examples: Pool, epochs: int = 2) -> list[float]:
    """The loss of every step of some epochs."""
    _, engine = fit.begin(model.train(), examples)
    draws, found = torch.Generator().manual_seed(1), []
    step = engine.step

    def noted(images, labels, weights):
        step(images, labels, weights)
        found.append(engine.read()[1] / len(labels))

    engine.step = noted
    for _ in range(epochs):
        index = torch.randperm(len(examples.labels), generator=draws)
        engine.epoch(index.to(examples.images.device), fit.augmentation.draw(len(index), draws))
    return found


@pytest.mark.parametrize("weighted", [False, True])
def test_smoothed_labels_share_a_part_of_the_target_among_all_classes(weighted):
    examples, fit, model = pool(n=SIZE), trainer(), network().double()
    fit.optimization = Optimization(lambda parameters: torch.optim.SGD(parameters, 0.1), label_smoothing=0.3)
    fit.normalize = lambda images: images.double() / 255
    images, parameters = fit.normalize(examples.images), torch.tensor([[2, 2, 0]]).expand(SIZE, -1)  # as they are
    weights = torch.rand(SIZE, dtype=torch.float64) if weighted else torch.ones(SIZE, dtype=torch.float64)
    target = 0.3 / 4 + 0.7 * torch.nn.functional.one_hot(examples.labels, 4)
    expected = -(weights[:, None] * target * copy.deepcopy(model).train()(images).log_softmax(1)).sum() / SIZE
    _, engine = fit.begin(model.train(), examples)
    engine.epoch(torch.arange(SIZE), parameters, weights if weighted else None)
    assert engine.read()[1] / SIZE == pytest.approx(expected.item(), rel=1e-6)


class Reads(TorchDispatchMode):
    """Notes the operations that make the CPU wait for the device."""

    WAITING = ("aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select", "aten::equal", "aten::is_nonzero")

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function.name().partition(".")[0] in self.WAITING:
            self.found.append(function.name())
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("weighted", [False, True])
def test_nothing_is_read_from_the_device_within_an_epoch(weighted):
    examples, fit = pool(), trainer()
    _, engine = fit.begin(network().train(), examples)
    index, parameters = torch.randperm(53), fit.augmentation.draw(53, torch.Generator())
    with Reads() as reads:
        assert engine.epoch(index, parameters, torch.rand(53) if weighted else None) == 3
    assert reads.found == []
    with Reads() as reads:
        engine.totals.sum().item()
    assert len(reads.found) == 1  # the guard does see what waits


@pytest.mark.parametrize("kind", [SmallCnn, ResNet18])
def test_channels_last_takes_the_same_steps_in_float64(kind):
    found = []
    for memory_format in (torch.contiguous_format, torch.channels_last):
        model = network(kind).double().to(memory_format=memory_format)

        def normalize(images, memory_format=memory_format):
            return images.to(torch.float64, memory_format=memory_format) / 255

        found.append(torch.tensor(losses(trainer(normalize), model, pool())))
    assert len(found[0]) == 6
    assert torch.allclose(*found, rtol=1e-10, atol=0)


def test_bf16_rounds_the_passes_and_nothing_else():
    exact = losses(trainer(), network(), pool(), epochs=1)
    device.set_precision("bf16")
    model = network()
    rounded = losses(trainer(), model, pool(), epochs=1)
    assert exact != rounded
    assert rounded == pytest.approx(exact, rel=0.02)
    assert all(value.dtype in (torch.float32, torch.int64) for value in model.state_dict().values())


def pretended(calls: list[Classifier]):
    """Stands for torch's capture: warms up three times, as it does, and runs the pass thereafter."""

    def make_graphed_callables(captured, samples, allow_unused_input):
        assert allow_unused_input  # parameters that a network does not use are none to torch otherwise
        for _ in range(3):
            captured(*samples).sum().backward()
            torch.rand(())
        captured.model.zero_grad()
        calls.append(captured.model)
        return captured

    return make_graphed_callables


def test_a_pass_is_captured_once_for_all_rounds_and_its_warm_up_leaves_no_trace(monkeypatch):
    calls: list[Classifier] = []
    monkeypatch.setattr(cuda_graph.torch.cuda, "make_graphed_callables", pretended(calls))
    model, plain = network(), network()
    passes, images = Passes(model.train(), SIZE, capture=True), torch.rand(SIZE, 3, 8, 8)
    torch.manual_seed(1)
    for _ in range(2):
        assert passes(images).equal(plain.train()(images))
        assert passes(images[:13]).equal(plain(images[:13]))  # a smaller batch is not captured
    noise = torch.rand(())
    torch.manual_seed(1)
    assert noise == torch.rand(())
    assert calls == [model]
    for ours, expected in zip(model.state_dict().values(), plain.state_dict().values(), strict=True):
        assert ours.equal(expected)
    fit, examples = trainer(), pool()
    before = fit.begin(model, examples)[1].passes
    assert fit.begin(model, examples)[1].passes is before  # a new round: new optimizer, same graph
    assert fit.begin(plain, examples)[1].passes is not before


@pytest.mark.skipif(not torch.cuda.is_available(), reason="captures CUDA graphs, and torch sees no GPU here")
def test_the_captured_steps_equal_the_plain_ones():
    where, found = torch.device("cuda"), []
    for capture in (False, True):
        model = network(ResNet18).to(where)
        start = copy.deepcopy(model.state_dict())
        fit = trainer(Normalize([0.5], [0.3], where), capture)
        first = losses(fit, model, pool(where))
        model.load_state_dict(start)  # another round with the same graph
        assert losses(fit, model, pool(where)) == pytest.approx(first, rel=1e-4)
        found.append(first)
    assert found[1] == pytest.approx(found[0], rel=1e-4)
