"""``optimizer=convex``: the optimum of a linear model, instead of epochs toward it."""

import logging
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Literal

import torch
from annotated_types import Gt, Lt
from torch import Tensor

from alrun.models.classifier import Classifier
from alrun.models.linear import Linear
from alrun.pool.pool import Pool
from alrun.settings.option_names import named
from alrun.system import rng
from alrun.system.device import synchronize
from alrun.system.energy import meter
from alrun.system.errors import UserError
from alrun.training import logistic
from alrun.training.balance import ABSENT, class_factors, log_shares
from alrun.training.keeper import Keeper
from alrun.training.logistic_members import fit_members
from alrun.training.regularization import select_penalty
from alrun.training.stop_rule import TrainResult

log = logging.getLogger(__name__)


class Convex:
    """Fits the head of a linear model, and the heads of its ensemble, by logistic regression.

    There is one optimum, so the initial weights and the order of the examples only change the time, and seeds only the
    ensemble. A fit takes seconds; an interrupted one starts over.

    Args:
        normalize: Examples of the pool to floats.
        chunk: Examples in a forward pass.
        C: Weight of the loss against the penalty, as in scikit-learn; null: selected in each round by cross-validation
            on the labeled set.
        tolerance: A fit stops when a step would lower the objective by less than this share.
        balance: How rare classes are trained on, see alrun.training.balance. The optimum of the balanced softmax is
            that of the plain one with other biases, since biases are not penalized.
    """

    def __init__(
        self,
        normalize: Callable[[Tensor], Tensor],
        chunk: int,
        C: Annotated[float, Gt(0)] | None = 1.0,
        tolerance: Annotated[float, Gt(0), Lt(1)] = logistic.TOLERANCE,
        balance: Literal["none", "weights", "softmax"] = "none",
    ) -> None:
        self.normalize = normalize
        self.chunk = chunk
        self.C = C
        self.tolerance = tolerance
        self.balance = balance

    def fit(
        self,
        model: Classifier,
        pool: Pool,
        seed: int,
        round: int,
        progress: Callable[[int, float], None],
        fresh: Callable[[], Classifier] | None = None,
        is_last_round: bool = False,
        keeper: Keeper | None = None,
    ) -> TrainResult:
        """Fit ``model`` to its optimum; an epoch is a step of Newton's method.

        Raises:
            UserError: The model is not linear.
        """
        if not isinstance(model, Linear):
            raise UserError(f"optimizer=convex trains model=linear alone, not {named(model, 'model')}.")
        watch = meter(pool.device)
        started = watch.now()
        features = self.normalize(pool.take(pool.labeled))
        labels = pool.labels[pool.labeled.to(pool.device)]
        classes = model.head.out_features
        factors = class_factors(labels) if self.balance == "weights" else None
        shift = torch.zeros(classes, dtype=torch.float64, device=labels.device)
        if self.balance == "softmax":
            shift = log_shares(labels, classes)
            shift[shift <= math.log(ABSENT)] = 0.0  # almost no probability, with or without a prior
        C = self.C
        if C is None:
            C = select_penalty(features, labels, classes, factors)
            log.info("optimizer.C=%g by cross-validation in round %d", C, round)
        head = model.head.weight.detach(), model.head.bias.detach()
        found = logistic.fit(features, labels, classes, C, factors, head, self.tolerance)
        found = replace(found, bias=found.bias - shift)
        with torch.no_grad():
            model.head.weight.copy_(found.weight)
            model.head.bias.copy_(found.bias)
            if model.ensemble:
                times = bootstrap_counts(len(labels), model.ensemble, seed, round).to(labels.device)
                times = times if factors is None else times * factors
                start = found.weight, found.bias
                weight, bias = fit_members(features, labels, classes, C, times, start, self.tolerance)
                model.get_buffer("member_weight").copy_(weight)
                model.get_buffer("member_bias").copy_(bias - shift)
        accuracy = float((found.logits(features).argmax(1) == labels).double().mean())
        progress(found.steps, accuracy)
        synchronize(pool.device)
        spent = watch.now() - started
        is_there = 0 <= found.excess <= self.tolerance
        if not is_there:
            left = f"the objective could still fall by a share of {found.excess:.1e}"
            reason = "no further step was found" if math.isnan(found.excess) else left
            log.warning("round %d: the fit stopped before its optimum: %s", round, reason)
        end = "optimum" if is_there else "max_epochs"
        return TrainResult(accuracy, found.steps, found.steps, end, spent.seconds, joules=spent.joules)


def bootstrap_counts(size: int, members: int, seed: int, round: int) -> Tensor:
    """How often each of ``size`` examples is drawn for each of the ``members``: (members, size) float64."""
    draws = [rng.generator(seed, "bootstrap", round, member) for member in range(members)]
    drawn = [torch.randint(size, (size,), generator=each) for each in draws]
    return torch.stack([each.bincount(minlength=size) for each in drawn]).double()
