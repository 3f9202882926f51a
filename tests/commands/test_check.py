"""``alrun check`` finds what a strategy does wrong, and nothing in strategies that are right."""

import random
import re
import sys

import numpy as np
import pytest
import torch

from alrun.commands import check
from alrun.strategies import Needs, ScoreStrategy, Strategy
from alrun.strategies.badge import Badge
from alrun.system.errors import UserError
from alrun.testing.contract import problems, verdicts


class Right(ScoreStrategy):
    needs = Needs(log_probs=True)

    def __init__(self, power: float = 1.0) -> None:
        self.power = power

    def score(self, query):
        return -(query.unlabeled.probs.amax(1) ** self.power)


class TooFew(Strategy):
    def select(self, query):
        return torch.arange(query.size - 1)


class PoolIndices(Strategy):
    def select(self, query):
        return query.unlabeled.index[-query.size :]


class Numpy(Strategy):
    def select(self, query):
        return np.arange(query.size)


class NumpyDraws(Strategy):
    def select(self, query):
        return torch.from_numpy(np.random.permutation(len(query.unlabeled))[: query.size])


class TorchDraws(Strategy):
    def select(self, query):
        return torch.randperm(len(query.unlabeled))[: query.size]


class PythonDraws(Strategy):
    def select(self, query):
        return torch.tensor(random.sample(range(len(query.unlabeled)), query.size))


class Counts(Strategy):
    calls = 0

    def select(self, query):
        self.calls += 1
        return (torch.arange(query.size) + self.calls) % len(query.unlabeled)


class Peeks(Strategy):
    def select(self, query):
        return query.pool.labels[query.unlabeled.index].argsort(stable=True)[: query.size]


class Trains(Strategy):
    def select(self, query):
        query.model.head.weight.data.add_(1)
        return torch.arange(query.size)


class Alters(ScoreStrategy):
    needs = Needs(embedding=True)

    def score(self, query):
        embedding = query.unlabeled.embedding
        embedding.sub_(embedding.mean(0))
        return embedding.square().sum(1)


class NoGradients(Strategy):
    def select(self, query):
        torch.set_grad_enabled(False)
        return torch.arange(query.size)


class DividesByTheSpread(ScoreStrategy):
    needs = Needs(embedding=True)

    def score(self, query):
        low, high = query.unlabeled.embedding.aminmax(dim=0)
        return ((query.unlabeled.embedding - low) / (high - low)).nansum(1) / (high - low).sum()


class NearestLabeled(Strategy):
    needs = Needs(embedding=True, labeled=True)

    def select(self, query):
        distances = torch.cdist(query.unlabeled.embedding, query.labeled.embedding)
        return distances.amin(1).unique(return_inverse=True)[1].topk(query.size).indices


class SecondClass(ScoreStrategy):
    needs = Needs(log_probs=True)

    def score(self, query):
        return query.unlabeled.probs[:, 99]


class Declines(Strategy):
    def select(self, query):
        if len(query.unlabeled) == query.size:
            raise UserError("strategy.size: nothing to choose from.")
        return torch.arange(query.size)


@pytest.mark.parametrize(
    "strategy", [Right(), Badge(), NearestLabeled(), Declines(), TorchDraws()], ids=lambda each: type(each).__name__
)
def test_a_strategy_that_is_right_has_no_problems(strategy):
    assert problems(strategy) == []


@pytest.mark.parametrize(
    ("strategy", "promise", "words"),
    [
        (TooFew(), "distinct positions", "asked for 1 of 110 examples, it returned 0 positions, 1 were asked for"),
        (PoolIndices(), "distinct positions", "positions outside 0..109 .*indices into the pool are another thing"),
        (Numpy(), "distinct positions", "a ndarray, not a torch tensor"),
        (NumpyDraws(), "no random numbers", "other states of numpy.random .*draw from query.rng"),
        (PythonDraws(), "no random numbers", "other states of numpy.random and random"),
        (Counts(), "the same query", "asked the same twice, it chose other examples"),
        (Peeks(), "no labels", "with the labels of unlabeled examples in sight"),
        (Trains(), "stay as they were", "it changed the model's head.weight"),
        (Alters(), "stay as they were", "it changed query.unlabeled.embedding"),
        (NoGradients(), "stay as they were", "gradients switched off"),
        (DividesByTheSpread(), "all images the same", r"DividesByTheSpread.score\(\) returned 50 scores that are NaN"),
        (SecondClass(), "distinct positions", r"IndexError: .* \(.*test_check.py, line \d+\)"),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Strategy) else "",
)
def test_what_is_wrong_is_named(strategy, promise, words):
    found = [each for each in problems(strategy) if promise in each.partition(": ")[0]]
    assert torch.is_grad_enabled()
    assert len(found) == 1
    assert re.search(words, found[0]), found[0]


def test_a_pool_that_is_declined_in_a_sentence_is_no_mistake():
    refused = [each.promise for each in verdicts(Declines()) if each.refused]
    assert refused == ["a budget as large as the pool", "one example left"]


def test_the_command_prints_a_verdict_and_what_a_selection_costs(capsys):
    assert check.check_one("tests.commands.test_check.Right", ["power=2"], timed=True)
    printed = capsys.readouterr().out
    assert "All 10 promises are kept." in printed
    assert "with the pass over them, on one thread: " in printed
    assert not check.check_one("tests.commands.test_check.Peeks", [], timed=True)
    printed = capsys.readouterr().out
    assert "  FAIL    no labels of unlabeled examples: with the labels" in printed
    assert "BADGE" not in printed  # what is wrong is not timed


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        (
            "tests.commands.test_check.Right",
            ["powr=2"],
            r"strategy.powr: tests.commands.test_check.Right has no such setting; did you mean power",
        ),
        ("tests.commands.test_check.Right", ["power=much"], r"strategy.power=much is not possible: give a number"),
        ("tests.commands.test_check.Right", ["power"], r"power has no value: give settings"),
        (
            "tests.commands.test_check.Wrong",
            [],
            r"strategy._target_=tests.commands.test_check.Wrong cannot be imported",
        ),
        ("collections.Counter", [], r"collections.Counter is not a subclass of alrun.strategies.Strategy"),
    ],
)
def test_what_cannot_be_checked_is_one_sentence(name, settings, words):
    with pytest.raises(UserError, match=words):
        check.build_strategy(name, settings)


def test_options_of_alrun_are_checked_by_name():
    assert isinstance(check.build_strategy("power", ["strategy@strategy.inner=margin", "beta=2"]), Strategy)
    assert {"badge", "entropy", "vaal"} <= set(check.strategy_options())
    for name in ("random", "coreset"):
        assert problems(check.build_strategy(name, check.SHORT.get(name, ()))) == []


def test_without_a_name_the_example_begins_as_this_program_was_started(monkeypatch):
    monkeypatch.setattr("sys.orig_argv", [".venv/bin/python", "-m", "alrun", "check"])
    with pytest.raises(UserError, match=r"^name a strategy: .venv/bin/python -m alrun check my_al.ratio.Ratio, or"):
        check.check_one(None, [], timed=False)


class Leaves(Strategy):
    def select(self, query):
        sys.exit(0)


def test_a_strategy_that_leaves_the_program_keeps_no_promise(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["alrun check", f"{__name__}.Leaves"])
    with pytest.raises(SystemExit, match=r"this was left by sys.exit\(0\) in a part of the run"):
        check.main()
