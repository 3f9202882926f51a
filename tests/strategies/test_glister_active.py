import pytest
import torch
import torch.nn.functional as F
from queries import make_query

from alrun.settings import factory
from alrun.strategies import Query
from alrun.strategies.glister import Glister
from alrun.system.errors import UserError


def brute_force(query: Query, validation: str, lr: float) -> list[int]:
    """Autograd through the last layer, weights and bias, in float64; every example's gradient apart.

    The first step is on the summed loss of the labeled set, as in the toolkit.
    """
    model = query.model.double().eval()
    layer = model.head
    parameters = [layer.weight.detach().clone(), layer.bias.detach().clone()]
    with torch.no_grad():
        pool = model.embed(query.images(torch.arange(len(query.unlabeled))).double())
        labeled = model.embed(query.normalize(query.pool.images[query.labeled.index]).double())
    predicted = layer(pool).argmax(1)

    def gradient(embedding, labels, reduction="mean"):
        for parameter in parameters:
            parameter.requires_grad_()
        loss = F.cross_entropy(F.linear(embedding, *parameters), labels, reduction=reduction)
        grads = torch.autograd.grad(loss, parameters)
        return torch.cat([grads[0].flatten(), grads[1]])

    formed = torch.stack([gradient(pool[i : i + 1], predicted[i : i + 1]) for i in range(len(pool))])
    embedding, labels = labeled, query.labels
    if validation == "all":
        embedding, labels = torch.cat([labeled, pool]), torch.cat([query.labels, predicted])
    split = parameters[0].numel()

    def moved(step):
        weight, bias = (parameter.detach() for parameter in parameters)
        return [weight - step[:split].view_as(weight), bias - step[split:]]

    parameters = moved(lr * gradient(labeled, query.labels, "sum"))
    chosen = []
    for _ in range(query.size):
        gains = formed @ gradient(embedding, labels)
        gains[chosen] = -torch.inf
        chosen.append(int(gains.argmax()))
        parameters = moved(lr * formed[chosen[-1]])
    return chosen


@pytest.mark.parametrize("validation", ["labeled", "all"])
def test_picks_are_those_of_autograd_through_weights_and_bias(validation):
    strategy = Glister(lr=0.5, validation=validation)
    query = make_query(strategy)
    assert strategy.select(query).tolist() == brute_force(query, validation, 0.5)


def test_the_steps_are_as_long_as_the_optimizers(composed):
    for lr in (0.01, 0.3):
        cfg = composed("strategy=glister", f"optimizer.lr={lr}")
        assert factory.build(cfg.strategy, "strategy").lr == lr


@pytest.mark.parametrize(("lam", "greedy"), [(0.0, 20), (0.25, 15), (1.0, 0)])
def test_the_random_regularizer_draws_its_share_at_the_end(lam, greedy):
    strategy, query = Glister(regularizer="random", lam=lam), make_query(Glister())
    chosen, plain = strategy.select(query), Glister().select(query)
    assert chosen[:greedy].equal(plain[:greedy])
    assert len(chosen.unique()) == 20
    other = strategy.select(make_query(strategy, seed=1))
    assert chosen.equal(other) == (lam == 0)


@pytest.mark.parametrize("regularizer", ["diversity", "facility_location"])
def test_variety_changes_the_picks_and_none_comes_twice(regularizer):
    strategy = Glister(regularizer=regularizer, lam=10.0)
    for given in ({}, {"size": 110}, {"images": lambda n: torch.zeros(n, 1, 8, 8, dtype=torch.uint8)}):
        chosen = strategy.select(make_query(strategy, **given))
        assert len(chosen.unique()) == given.get("size", 20)
    assert not strategy.select(make_query(strategy)).equal(Glister().select(make_query(strategy)))


def test_an_unknown_regularizer_is_refused_with_those_there_are(composed):
    node = composed("strategy=glister", "strategy.regularizer=rand").strategy
    with pytest.raises(UserError, match=r"regularizer=.?rand.*random"):
        factory.build(node, "strategy")


@pytest.mark.parametrize("given", [{"lr": -1}, {"refresh_every": 0}, {"lam": -1}, {"regularizer": "random", "lam": 2}])
def test_settings_out_of_range_are_refused(given):
    with pytest.raises(UserError, match=next(key for key in given if key != "regularizer")):
        Glister(**given)
