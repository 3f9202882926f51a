"""DeepFool and BIM through the paper's network for MNIST. The reference takes one image and one class at a time."""

import torch
from torch import Tensor
from torch.nn import functional as F

from alrun.models import MnistNet
from alrun.strategies.more.adversarial import Adversarial, Bim, DeepFool
from benchmarks.selection_cases.case import Case, Job, seconds

CONVOLUTIONS = 9 * 26 * 26 * 32 + 9 * 32 * 24 * 24 * 64 + 9216 * 128
REFERENCE_IMAGES = 5


def attack(strategy: Adversarial, backward: int):
    """Prepare a case with at least one forward and ``backward`` backward passes for every image."""

    def prepare(case: Case) -> Job:
        torch.manual_seed(0)
        model, images = MnistNet(1, (28, 28), 10).eval(), torch.randn(case.n, 1, 28, 28)
        with torch.no_grad():
            model.head.weight.mul_(20)

        def run() -> Tensor:
            with torch.no_grad():
                return torch.cat([strategy.distance(model, part) for part in images.split(100)])

        def plain() -> float:
            return seconds(
                lambda: [slow(model, image[None], strategy) for image in images[:REFERENCE_IMAGES]],
                case.n / REFERENCE_IMAGES,
            )

        return Job(run, plain, 2.0 * case.n * CONVOLUTIONS * (1 + 2 * backward))

    return prepare


def slow(model: MnistNet, image: Tensor, strategy: Adversarial) -> None:
    """Backward passes for one image, class by class."""
    own, x = model(image).argmax(1), image.clone()
    for _ in range(strategy.max_iterations):
        x = x.detach().requires_grad_()
        logits = model(x)
        if logits.argmax(1) != own:
            return
        if isinstance(strategy, Bim):
            (gradient,) = torch.autograd.grad(F.cross_entropy(logits, own), x)
            x = x + strategy.step_size * gradient.sign()
            continue
        moves = []
        for rival in range(10):
            gap = logits[0, int(own)] - logits[0, rival]
            (normal,) = torch.autograd.grad(gap, x, retain_graph=True)
            moves.append(((gap.detach().abs() + 1e-4) / normal.square().sum().clamp_min(1e-12)) * normal)
        lengths = torch.stack([move.norm() for move in moves])
        lengths[int(own)] = torch.inf
        x = x - moves[int(lengths.argmin())]


CASES = [
    Case(name, n, 10, 100, prepare)
    for name, prepare in (("DeepFool", attack(DeepFool(), 9)), ("BIM", attack(Bim(), 1)))
    for n in (500, 2_000)
]
