"""Measures that stopping criteria read (alrun.runs.stopping): what two successive models predict of a stop set.

The stop set is a sample of the pool, drawn by the seed. The model before is asked again in each round instead of its
predictions being kept: so a resumed run measures the same, and so does a pool that has grown.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from alrun.models import infer
from alrun.models.classifier import Classifier
from alrun.models.outputs import Needs
from alrun.pool.pool import Pool
from alrun.system import rng

SIZE = 2000  # examples, as in Bloodgood and Vijay-Shanker 2009


@dataclass(frozen=True)
class StopMeasures:
    """Of a round's model and the one before it; NaN in the first round, or where no example decides one."""

    kappa: float = math.nan  # agreement of the predictions on the stop set, beyond chance
    changed: float = math.nan  # share of the unlabeled examples of the stop set whose prediction changed
    uncertainty: float = (
        math.nan
    )  # mean entropy of these examples' predictions, as a share of the highest, log(classes)
    delta_f: float = math.nan  # 1 - macro-F1 of the predictions, were those of the model before right
    batch_accuracy: float = math.nan  # of the model before on the labels that were given since


def draw_stop_set(size: int, seed: int) -> Tensor:
    """Indices (k,) of up to SIZE examples of a pool of ``size``, ascending."""
    drawn = torch.randperm(size, generator=rng.generator(seed, "stop set"))[:SIZE]
    return drawn.sort().values


def measure_stopping(
    model: Classifier,
    before: Mapping[str, Tensor],
    pool: Pool,
    query: Tensor,
    seed: int,
    normalize: Callable,
    chunk: int,
) -> StopMeasures:
    """The measures of ``model`` against one with the weights ``before``, whose ``query`` (k,) has been answered.

    ``model`` has its own weights again in the end.
    """

    def log_probs(index: Tensor) -> np.ndarray:
        found = infer.record(model, pool.images, index, Needs(log_probs=True), normalize, chunk).log_probs
        return found.double().cpu().numpy()

    stop_set = draw_stop_set(len(pool.images), seed)
    now = log_probs(stop_set)
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.load_state_dict(before)
    earlier = log_probs(stop_set).argmax(1)
    answers = pool.labels[query.to(pool.device)].cpu().numpy()
    foreseen = log_probs(query).argmax(1)[answers >= 0] == answers[answers >= 0]
    model.load_state_dict(weights)
    is_open = ~np.isin(stop_set.numpy(), pool.queried.numpy())
    later = now.argmax(1)
    return StopMeasures(
        kappa=kappa(earlier, later, now.shape[1]),
        changed=mean((earlier != later)[is_open]),
        uncertainty=mean(-(np.exp(now) * now).sum(1)[is_open]) / math.log(now.shape[1]),
        delta_f=predicted_change_of_f(earlier, later, now.shape[1]),
        batch_accuracy=mean(foreseen),
    )


def mean(values: np.ndarray) -> float:
    """The mean; NaN of nothing."""
    return float(values.mean()) if len(values) else math.nan


def kappa(earlier: np.ndarray, later: np.ndarray, classes: int) -> float:
    """Cohen's kappa of two lists of predictions (k,); 1 if all of both are one class.

    Source: Cohen, A Coefficient of Agreement for Nominal Scales, 1960.
    """
    first, second = (np.bincount(each, minlength=classes) / len(each) for each in (earlier, later))
    chance = float(first @ second)
    return 1.0 if chance == 1 else (float((earlier == later).mean()) - chance) / (1 - chance)


def predicted_change_of_f(earlier: np.ndarray, later: np.ndarray, classes: int) -> float:
    """1 - 2a / (2a + b + c), the mean over classes that are predicted: a by both models, b and c by one alone.

    Source: Altschuler and Bloodgood 2019, for one positive class; the mean over classes is ours.
    """
    both = np.bincount(later[earlier == later], minlength=classes)
    either = np.bincount(earlier, minlength=classes) + np.bincount(later, minlength=classes)  # 2a + b + c
    predicted = either > 0
    return float((1 - 2 * both[predicted] / either[predicted]).mean())
