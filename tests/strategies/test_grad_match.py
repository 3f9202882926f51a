import logging

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from queries import make_query
from scipy.optimize import nnls

from alrun.strategies.more.grad_match import GradMatch
from alrun.system.errors import UserError


def formed_gradients(model, embedding: torch.Tensor, labels: torch.Tensor) -> np.ndarray:
    """Gradients by the last layer's weights and bias, by autograd, one example at a time: (n, C (H + 1))."""
    rows = []
    for one, label in zip(embedding.double(), labels, strict=True):
        weight, bias = (p.detach().double().requires_grad_() for p in (model.head.weight, model.head.bias))
        loss = F.cross_entropy(F.linear(one, weight, bias)[None], label[None])
        rows.append(torch.cat([g.flatten() for g in torch.autograd.grad(loss, (weight, bias))]))
    return torch.stack(rows).numpy()


@pytest.mark.parametrize("target", ["pool", "labeled"])
def test_the_pursuit_is_that_of_autograd_gradients_and_nonnegative_least_squares(target):
    strategy = GradMatch(target=target, ridge=0.05)
    query = make_query(GradMatch("labeled"), size=6)
    model = query.model.eval()
    predicted = query.unlabeled.log_probs.argmax(1)
    x = formed_gradients(model, query.unlabeled.embedding, predicted)
    total = x.sum(0) if target == "pool" else formed_gradients(model, query.labeled.embedding, query.labels).sum(0)
    chosen, weight = [], np.zeros(0)
    while len(chosen) < 6:
        gains = x @ (total - weight @ x[chosen])
        gains[chosen] = -np.inf
        chosen.append(int(gains.argmax()))
        stacked = np.vstack([x[chosen].T, np.sqrt(0.05) * np.eye(len(chosen))])
        weight = nnls(stacked, np.append(total, np.zeros(len(chosen))))[0]
        chosen = [position for position, w in zip(chosen, weight, strict=True) if w > 0]
        weight = weight[weight > 0]
    assert sorted(strategy.select(query).tolist()) == sorted(chosen)


def test_what_is_matched_early_is_filled_at_random_with_a_word_in_the_log(caplog):
    strategy = GradMatch(tolerance=0.9)
    with caplog.at_level(logging.INFO):
        chosen = strategy.select(make_query(strategy))
    assert "the rest is drawn uniformly" in caplog.text
    assert len(chosen.unique()) == 20
    matched = int(caplog.messages[0].split()[1])
    other = strategy.select(make_query(strategy, seed=1))
    assert chosen[:matched].equal(other[:matched])
    assert not chosen.equal(other)


def test_settings_out_of_range_are_refused():
    with pytest.raises(UserError, match="ridge"):
        GradMatch(ridge=-1)
    with pytest.raises(UserError, match="tolerance"):
        GradMatch(tolerance=-1)
