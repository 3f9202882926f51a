"""Cases of scores of single examples, and of strategies by MC-dropout passes.

References: a Python list of scores that is sorted; passes through the whole network, 20 images at a time; BatchBALD
over the full table of configurations in float64; every label of every example by itself.
"""

import torch
from torch import Tensor

from alrun.models import MnistNet
from alrun.models.infer import record
from alrun.selection.joint_entropy import batch_bald
from alrun.strategies import Needs, ScoreStrategy
from alrun.strategies.bald import Bald
from alrun.strategies.more.bemps import Bemps
from alrun.strategies.more.density import Density
from alrun.strategies.more.disagreement import VariationRatio, VoteEntropy
from alrun.strategies.more.dropquery import DropQuery
from alrun.strategies.more.expected_gradient import ExpectedGradient
from alrun.strategies.more.power import Power
from alrun.strategies.uncertainty import Entropy, LeastConfidence, Margin
from benchmarks.selection_cases.case import WIDTH, Case, Job, query, seconds

SORTED = 2000  # scores that the reference sorts
PASSES = 10
IMAGES = 500  # through the network


def score(strategy: ScoreStrategy, passes: int = 0):
    """Prepare a strategy on log-probabilities, of ``passes`` passes if not 0; they are read once."""

    def prepare(case: Case) -> Job:
        asked = query(case, passes)
        return Job(
            run=lambda: strategy.select(asked),
            reference=lambda: seconds(lambda: sorted(strategy.score(asked)[:SORTED]), case.n / SORTED),
            bytes=4.0 * case.n * case.classes * max(1, passes),
        )

    return prepare


def density(case: Case) -> Job:
    """Entropy and a mean of cosines; embeddings are read as well."""
    return score(Density())(case)._replace(bytes=4.0 * case.n * (case.classes + WIDTH))


def network() -> tuple[MnistNet, Tensor]:
    """The paper's network for MNIST and images."""
    torch.manual_seed(0)
    return MnistNet(1, (28, 28), 10).eval(), torch.randint(256, (IMAGES, 1, 28, 28), dtype=torch.uint8)


def passes(case: Case) -> Job:
    """Ten passes, the layers before the first dropout once; FLOPs of the convolutions, and of ten linear layers."""
    model, images = network()

    def plain() -> None:
        model.train()
        with torch.no_grad():
            for part in images.split(20):
                for _ in range(PASSES):
                    model(part.float()).log_softmax(1)
        model.eval()

    needs = Needs(dropout_samples=PASSES)
    convolutions = 9 * 26 * 26 * 32 + 9 * 32 * 24 * 24 * 64
    return Job(
        run=lambda: record(model, images, torch.arange(IMAGES), needs, torch.Tensor.float, 100),
        reference=lambda: seconds(plain),
        flops=2.0 * IMAGES * (convolutions + PASSES * 9216 * 128),
    )


def joint(case: Case) -> Job:
    """BatchBALD's products of sampled configurations with all examples, of which bounds leave most out.

    From the fourth pick on there are 1,000 configurations.
    """
    log_probs = query(case, passes=40).unlabeled.dropout_log_probs
    return Job(
        run=lambda: batch_bald(log_probs, case.size, torch.Generator().manual_seed(0)),
        reference=lambda: plain_joint(log_probs.double().exp(), case.size),
        flops=2.0 * case.size * 1000 * 40 * case.n * case.classes,
    )


def plain_joint(probs: Tensor, size: int) -> float:
    """One pick: 1,000 configurations, example by example; a hundred examples are timed."""
    given = torch.rand(1000, len(probs), dtype=torch.float64)

    def one(position: int) -> Tensor:
        p = given @ probs[:, position] / len(probs)
        return -(p / given.mean(1, keepdim=True) * p.log()).sum(1).mean()

    return seconds(lambda: [one(position) for position in range(100)], probs.shape[1] / 100 * size)


def bemps(case: Case) -> Job:
    """Updated predictions of every label of every example at 100 others."""
    asked = query(case, PASSES)
    return Job(
        run=lambda: Bemps().select(asked),
        flops=2.0 * case.n * case.classes * PASSES * 100 * case.classes,
    )


def dropquery(case: Case) -> Job:
    """Three passes through the last layer, and k-means among the examples that changed."""
    asked = query(case)
    return Job(run=lambda: DropQuery().select(asked), bytes=4.0 * case.n * (3 * WIDTH + case.classes))


def power(case: Case) -> Job:
    """Draws by entropy."""
    asked = query(case)
    return Job(run=lambda: Power(Entropy()).select(asked), bytes=4.0 * case.n * case.classes)


CASES = [
    *(
        Case(name, n, classes, 3000, score(strategy))
        for name, strategy in (
            ("entropy", Entropy()),
            ("margin", Margin()),
            ("least confidence", LeastConfidence()),
        )
        for n, classes in ((50_000, 10), (50_000, 100), (200_000, 10))
    ),
    Case("expected gradient", 50_000, 10, 3000, score(ExpectedGradient())),
    Case("density", 50_000, 10, 3000, density),
    *(
        Case(name, n, classes, 3000, score(strategy, PASSES))
        for name, strategy in (("BALD", Bald()), ("variation ratio", VariationRatio()), ("vote entropy", VoteEntropy()))
        for n, classes in ((50_000, 10), (50_000, 100))
    ),
    Case("power", 50_000, 10, 3000, power),
    Case("10 dropout passes", IMAGES, 10, 10, passes),
    Case("BatchBALD", 5_000, 10, 10, joint),
    *(Case("BEMPS", n, 10, size, bemps) for n, size in ((2_000, 100), (10_000, 1000), (47_000, 3000))),
    *(Case("DropQuery", n, 10, size, dropquery) for n, size in ((2_000, 100), (10_000, 1000), (47_000, 3000))),
]
