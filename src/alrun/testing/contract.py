"""The promises of a strategy, with a check for each; ``alrun check`` and the tests of templates run them all."""

import copy
import random
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from inspect import getfile
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alrun.models.outputs import Outputs
from alrun.strategies.base import NoScores, Strategy
from alrun.strategies.query import Query, selection_problem
from alrun.system.errors import UserError, first_line
from alrun.testing.made_queries import (
    CLASSES,
    identical_images,
    images_in_fives,
    make_query,
    random_labels,
    single_class_labels,
)


class Broken(Exception):
    """A strategy breaks a promise; the message says how."""


@dataclass(frozen=True)
class Verdict:
    """The result of one check."""

    promise: str
    problem: str | None = None  # None: the strategy keeps the promise
    refused: bool = False  # the strategy refuses such a pool in a sentence of its own, which is allowed


def verdicts(strategy: Strategy) -> list[Verdict]:
    """The result of every check of ``strategy``."""
    return [verdict(promise, check, strategy) for promise, check in CHECKS.items()]


def problems(strategy: Strategy) -> list[str]:
    """The promises that ``strategy`` does not keep, in words; empty if it keeps all."""
    return [f"{each.promise}: {each.problem}" for each in verdicts(strategy) if each.problem and not each.refused]


def verdict(promise: str, check: Callable[[Strategy], None], strategy: Strategy) -> Verdict:
    """The result of ``check``, which raises an error if ``strategy`` breaks ``promise``."""
    try:
        with torch.enable_grad():  # restores the mode, whatever a strategy leaves behind
            check(copy.deepcopy(strategy))
    except (Broken, NoScores) as problem:
        return Verdict(promise, str(problem))
    except UserError as refusal:
        return Verdict(promise, str(refusal), refused=check in ON_POOLS)
    except Exception as error:  # whatever a user's code raises
        return Verdict(promise, f"{type(error).__name__}: {first_line(error)}{error_place(error, strategy)}")
    return Verdict(promise)


def error_place(error: Exception, strategy: Strategy) -> str:
    """Where in the strategy's own file an error arose, in words."""
    own = getfile(type(strategy))
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == own]
    return f" ({own}, line {lines[-1]})" if lines else ""


def checked_choice(strategy: Strategy, query: Query) -> Tensor:
    """The positions that ``strategy`` selects, after a check that they are valid: (size,) int64 on the CPU."""
    positions = strategy.select(query)
    if problem := selection_problem(positions, query.size, len(query.unlabeled)):
        raise Broken(f"asked for {query.size} of {len(query.unlabeled)} examples, it returned {problem}")
    return positions.cpu()


def require_equal(first: Tensor, second: Tensor, when: str) -> None:
    """Raise an error if two selections differ; ``when`` says under which condition."""
    if not first.equal(second):
        same = len(np.intersect1d(first.numpy(), second.numpy()))
        raise Broken(f"{when}, it chose other examples ({same} of {len(first)} are the same)")


def check_choice(strategy: Strategy) -> None:
    """Selections are distinct positions, as many as asked for, whatever the size of chunks."""
    cases: list[dict[str, Any]] = [{"size": 1}, {}, {"chunk": 7}, {"size": 50, "n": 400, "labeled": 30}]
    for settings in cases:
        checked_choice(strategy, make_query(strategy, **settings))


def check_repeated(strategy: Strategy) -> None:
    """The same query has the same answer: again, after another query, and from another instance."""
    other = copy.deepcopy(strategy)
    first = checked_choice(strategy, make_query(strategy))
    require_equal(first, checked_choice(strategy, make_query(strategy)), "asked the same twice")
    checked_choice(strategy, make_query(strategy, n=90, seed=1))
    require_equal(first, checked_choice(strategy, make_query(strategy)), "asked the same after another query")
    require_equal(first, checked_choice(other, make_query(strategy)), "asked the same in a new process")


def check_own_randomness(strategy: Strategy) -> None:
    """Random numbers of numpy and of Python do not matter: a resumed run does not restore them."""
    made = []
    state, numpy_state = random.getstate(), np.random.get_state()
    try:
        for seed in (1, 2):
            random.seed(seed)
            np.random.seed(seed)
            made.append(checked_choice(strategy, make_query(strategy)))
    finally:
        random.setstate(state)
        np.random.set_state(numpy_state)
    require_equal(made[0], made[1], "with other states of numpy.random and random (draw from query.rng instead)")


def check_unseen_labels(strategy: Strategy) -> None:
    """Labels of unlabeled examples do not matter: a run replaces them by -1."""
    hidden = checked_choice(strategy, make_query(strategy))
    query = make_query(strategy)  # after the first choice: it seeds torch's global generator, which some draw from
    pool = replace(query.pool, labels=random_labels(len(query.pool.labels)))
    when = "with the labels of unlabeled examples in sight, which a run hides"
    require_equal(hidden, checked_choice(strategy, replace(query, pool=pool)), when)


def check_nothing_changed(strategy: Strategy) -> None:
    """Model, modes, gradients, pool and outputs are as they were before the selection."""
    query = make_query(strategy)
    before = state_of(query)
    checked_choice(strategy, query)
    after = state_of(query)
    if changed := [name for name in before if not is_equal(before[name], after.get(name))]:
        raise Broken(f"it changed {', '.join(changed[:3])} (work on copies)")
    if not torch.is_grad_enabled():
        raise Broken("it left torch's gradients switched off (use a with-block)")


def is_equal(one: Any, other: Any) -> bool:
    """Whether two things are equal, tensors in every element."""
    return torch.equal(one, other) if isinstance(one, Tensor) and isinstance(other, Tensor) else one == other


def state_of(query: Query) -> dict[str, Any]:
    """Copies of everything that a strategy could change, by name."""
    model, pool = query.model, query.pool
    state: dict[str, Any] = {f"the model's {name}": value.clone() for name, value in model.state_dict().items()}
    for name, parameter in model.named_parameters():
        state[f"requires_grad of the model's {name}"] = parameter.requires_grad
        state[f"the gradient of the model's {name}"] = parameter.grad is None
    state["the model's train/eval modes"] = [module.training for module in model.modules()]
    for name, value in (("images", pool.images), ("labels", pool.labels), ("labeled", pool.labeled)):
        state[f"pool.{name}"] = value.clone()
    for part in ("unlabeled", "labeled"):
        outputs: Outputs = getattr(query, part)
        state[f"query.{part}.index"] = outputs.index.clone()
        state |= {f"query.{part}.{name}": value.clone() for name, value in outputs._fields.items()}
    return state


def check_whole_pool(strategy: Strategy) -> None:
    """A budget as large as the pool works."""
    checked_choice(strategy, make_query(strategy, size=110))


def check_one_left(strategy: Strategy) -> None:
    """A pool with one unlabeled example works, and one with two labels."""
    checked_choice(strategy, make_query(strategy, size=1, n=11))
    checked_choice(strategy, make_query(strategy, size=2, n=6, labeled=2))


def check_duplicates(strategy: Strategy) -> None:
    """A pool with every image five times works: positions are still distinct."""
    checked_choice(strategy, make_query(strategy, size=30, n=60, images=images_in_fives))


def check_constant(strategy: Strategy) -> None:
    """A pool of equal embeddings and probabilities works, although nothing distinguishes the examples."""
    query = make_query(strategy, size=30, n=60, images=identical_images)
    checked_choice(strategy, query)
    # Equal images in chunks of other sizes differ by round-off; here nothing does.
    fields = {
        name: (value[:, :1] if name == "dropout_log_probs" else value[:1]).expand_as(value).clone()
        for name, value in query.unlabeled._fields.items()
    }
    checked_choice(strategy, replace(query, unlabeled=Outputs(query.unlabeled.index, **fields)))


def check_one_class(strategy: Strategy) -> None:
    """A labeled set of one class works, also if the model is sure of it everywhere."""
    checked_choice(strategy, make_query(strategy, labels=single_class_labels))
    query = make_query(strategy, labels=single_class_labels)
    fields = {name: value.clone() for name, value in query.unlabeled._fields.items()}
    for name, value in fields.items():
        if name.endswith("log_probs"):
            value.copy_(torch.full((CLASSES,), -200.0).index_fill(0, torch.tensor([0]), 0.0))
        elif name == "residual":
            value.zero_()
    checked_choice(strategy, replace(query, unlabeled=Outputs(query.unlabeled.index, **fields)))


CHECKS: dict[str, Callable[[Strategy], None]] = {
    "distinct positions, as many as asked for": check_choice,
    "the same query, the same choice": check_repeated,
    "no random numbers but query.rng and torch's": check_own_randomness,
    "no labels of unlabeled examples": check_unseen_labels,
    "model, pool and query stay as they were": check_nothing_changed,
    "a budget as large as the pool": check_whole_pool,
    "one example left": check_one_left,
    "every image five times": check_duplicates,
    "all images the same": check_constant,
    "one class": check_one_class,
}
ON_POOLS = (check_whole_pool, check_one_left, check_duplicates, check_constant, check_one_class)
