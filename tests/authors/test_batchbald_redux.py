"""BALD and BatchBALD against the authors' second implementation, with exact joint entropies."""

from types import ModuleType

import pytest
import torch
from published import foreign

from alrun.models.outputs import Outputs
from alrun.selection.joint_entropy import batch_bald
from alrun.strategies.bald import Bald
from alrun.testing.made_queries import query_about


@pytest.fixture(scope="session")
def batchbald() -> ModuleType:
    return foreign("batchbald_redux.batchbald")


pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]

POOLS = [(60, 8, 3, 0.5), (60, 8, 3, 3.0), (40, 20, 2, 2.0), (25, 5, 10, 4.0)]  # examples, passes, classes, spread


def passes(n: int, count: int, classes: int, spread: float) -> torch.Tensor:
    """Log-probabilities (T, n, C) in float64 of passes that agree on some examples and not on others."""
    draws = torch.Generator().manual_seed(n + classes)
    mean = spread * torch.randn(1, n, classes, generator=draws, dtype=torch.float64)
    differing = torch.rand(1, n, 1, generator=draws, dtype=torch.float64)
    return (mean + 2 * differing * torch.randn(count, n, classes, generator=draws).double()).log_softmax(2)


@pytest.mark.parametrize("pool", POOLS)
def test_bald_gives_the_same_scores_and_order(batchbald, pool):
    log_probs = passes(*pool)
    scores = Bald().score(query_about(Outputs(torch.arange(pool[0]), dropout_log_probs=log_probs)))
    theirs = batchbald.get_bald_batch(log_probs.transpose(0, 1).contiguous(), 15, dtype=torch.double)
    order = scores.argsort(descending=True, stable=True)[:15]
    assert order.tolist() == theirs.indices
    assert scores[order].tolist() == pytest.approx(theirs.scores, rel=1e-9)


@pytest.mark.parametrize("pool", POOLS)
def test_batch_bald_gives_the_same_order_while_joint_entropies_are_exact(batchbald, pool):
    log_probs = passes(*pool)
    size = 4 if pool[2] > 3 else 7
    theirs = batchbald.get_batchbald_batch(
        log_probs.transpose(0, 1).contiguous(), size, num_samples=10**6, dtype=torch.double
    )
    got = batch_bald(log_probs.float(), size, torch.Generator().manual_seed(0), exact_configurations=10**6)
    assert got.tolist() == theirs.indices
