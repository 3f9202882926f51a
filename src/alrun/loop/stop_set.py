"""Measures that stopping criteria read (alrun.runs.stopping): what two successive models predict of a stop set.

The stop set is a sample of the pool, drawn by the seed. A process keeps what the model before predicted for it. One
that resumes the run, perhaps with a larger pool, computes it again from the weights, so that it measures the same.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from alrun.models import infer
from alrun.models.classifier import Classifier
from alrun.pool.pool import Pool
from alrun.system import rng

SIZE = 2000  # examples, as in Bloodgood and Vijay-Shanker 2009


@dataclass(frozen=True)
class StopMeasures:
    """Of a round's model and the one before it; NaN in the first round, or where no example decides one."""

    kappa: float = math.nan  # agreement of the predictions on the stop set, beyond chance
    changed: float = math.nan  # share of the unlabeled examples of the stop set whose prediction changed
    uncertainty: float = math.nan  # mean entropy of these predictions, as a share of the highest, log(classes)
    delta_f: float = math.nan  # 1 - macro-F1 of the predictions, were those of the model before right
    batch_accuracy: float = math.nan  # of the model before on the labels that were given since


def draw_stop_set(size: int, seed: int) -> Tensor:
    """Indices (k,) of up to SIZE examples of a pool of ``size``, ascending."""
    drawn = torch.randperm(size, generator=rng.generator(seed, "stop set"))[:SIZE]
    return drawn.sort().values


class StopSet:
    """Measures each model of a run beside the one before it.

    Args:
        pool: The pool.
        seed: Draws the stop set.
        normalize: Turns what the pool holds into floats.
        chunk: Images in a forward pass.
    """

    def __init__(self, pool: Pool, seed: int, normalize: Callable[[Tensor], Tensor], chunk: int) -> None:
        self.pool = pool
        self.index = draw_stop_set(len(pool.images), seed)
        self.normalize = normalize
        self.chunk = chunk
        self.known: tuple[int, np.ndarray] | None = None  # a round, and what its model predicts of the stop set

    def measure(
        self, round: int, model: Classifier, before: Mapping[str, Tensor] | None, query: Tensor
    ) -> StopMeasures:
        """The measures of ``model`` against one with the weights ``before``, whose ``query`` (k,) has been answered.

        ``before`` is None where those weights are lost. ``model`` has its own weights again afterwards.
        """
        if not round or before is None:
            return StopMeasures()
        now = self.log_probs(model, self.index)
        later, classes = now.argmax(1), now.shape[1]
        weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        model.load_state_dict(before)
        if self.known and self.known[0] == round - 1:
            earlier = self.known[1]
        else:
            earlier = self.log_probs(model, self.index).argmax(1)
        answers = self.pool.labels[query.to(self.pool.device)].cpu().numpy()
        foreseen = self.log_probs(model, query).argmax(1)[answers >= 0] == answers[answers >= 0]
        model.load_state_dict(weights)
        self.known = round, later
        is_open = ~np.isin(self.index.numpy(), self.pool.queried.numpy())
        return StopMeasures(
            kappa=kappa(earlier, later, classes),
            changed=mean((earlier != later)[is_open]),
            uncertainty=mean(-(np.exp(now) * now).sum(1)[is_open]) / math.log(classes),
            delta_f=predicted_change_of_f(earlier, later, classes),
            batch_accuracy=mean(foreseen),
        )

    def log_probs(self, model: Classifier, index: Tensor) -> np.ndarray:
        """The log probabilities (k, C) of ``model`` for examples of the pool (k,), float64."""
        found = infer.log_probs(model, self.pool.images, index, self.normalize, self.chunk)
        return found.double().cpu().numpy()


def mean(values: np.ndarray) -> float:
    """The mean; NaN without values."""
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
