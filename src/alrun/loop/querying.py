"""Which examples the strategy of a run queries."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from alrun.data.dataset import STRANGER
from alrun.loop.components import Parts
from alrun.loop.evaluator import Evaluator
from alrun.pool.pool import Pool
from alrun.strategies.base import strategies_within
from alrun.strategies.query import Query, build_query, check_selection, naming_strategy
from alrun.system.device import Stopwatch
from alrun.training.stop_rule import TrainResult


def choose_query(
    parts: Parts,
    name: str,
    pool: Pool,
    size: int,
    trained: TrainResult,
    evaluator: Evaluator,
    *,
    seed: int,
    round: int,
    training: Stopwatch,
    passed: Callable[[int], object] = lambda examples: None,
) -> tuple[Tensor, Tensor | None]:
    """Indices (size,) into ``pool`` that the strategy queries after ``round``, and its scores (size,) if it gives any.

    Args:
        parts: Has the strategy, the model of the round and its trainer.
        name: Of the strategy's option.
        pool: Must have ``size`` unlabeled examples.
        size: How many to query.
        trained: How the model was trained.
        evaluator: Tests models, for oracles.
        seed: For all draws.
        round: The last one.
        training: Times networks that the strategy trains itself.
        passed: Called with the size of every chunk after its pass.

    Raises:
        UserError: The strategy fails, or does not return ``size`` distinct positions.
    """
    strategy, unlabeled = parts.strategy, pool.unlabeled
    with naming_strategy(name, round):
        query = build_query(
            strategy.needs,
            size,
            pool,
            parts.model,
            trained,
            parts.trainer,
            parts.fresh,
            seed,
            round,
            training,
            passed,
        )
        if any(each.is_oracle for each in strategies_within(strategy)):
            query = replace(query, accuracy_with=lambda index: accuracy_with(query, pool, evaluator, index))
        chosen, scores = strategy.choose(query)
    return unlabeled[check_selection(chosen, size, len(unlabeled), name, round)], scores


def accuracy_with(query: Query, pool: Pool, evaluator: Evaluator, index: Tensor) -> float:
    """Test accuracy of a model that is trained on the labeled set of ``pool`` and on the answers to ``index`` (k,)."""
    known = index[pool.labels[index.to(pool.device)].cpu() != STRANGER]
    return evaluator.evaluate(query.fit(torch.cat([pool.labeled, known]))).accuracy
