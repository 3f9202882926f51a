"""Temperature scaling: calibrate a model's probabilities on labels that it was not trained on."""

import numpy as np
import torch
from torch import Tensor

from alrun.models import infer
from alrun.models.outputs import Needs
from alrun.strategies.query import Query
from alrun.training.evaluation import calibration_error

TEMPERATURES = np.arange(10, 200) / 10  # none below 1: probabilities are never sharpened
PART = 2**8  # rows that are scaled together: they fit the caches


def held_out_temperature(query: Query) -> float:
    """The temperature that calibrates a model, trained on 70 % of the labeled set, on the other 30 %.

    The other 30 % are those labeled last. If there are too few labels to hold one out, it is 1. The training is as long
    as the run's, and its time counts as training.

    Source: the public code of Bae et al. 2025.
    """
    index = query.labeled.index
    held_out = 3 * len(index) // 10
    if not held_out:
        return 1.0
    with query.training:
        model = query.fit(index[:-held_out])
    needs = Needs(log_probs=True)
    outputs = infer.record(model, query.pool.images, index[-held_out:], needs, query.normalize, query.chunk)
    return find_temperature(outputs.log_probs, query.labels_of(outputs.index))


def find_temperature(log_probs: Tensor, labels: Tensor) -> float:
    """The lowest of ``TEMPERATURES`` with the least calibration error of ``log_probs`` (n, C).

    The error takes as many bins as there are classes.
    """
    confidences = torch.cat([confidences_of(part.double()) for part in log_probs.cpu().split(PART)], 1).numpy()
    right = (log_probs.argmax(1).cpu() == labels.cpu()).numpy()
    errors = [calibration_error(each, right, bins=log_probs.shape[1]) for each in confidences]
    return float(TEMPERATURES[int(np.argmin(errors))])


def confidences_of(logits: Tensor) -> Tensor:
    """The highest probability of each row of ``logits`` (n, C) at each of ``TEMPERATURES`` (t,): (t, n)."""
    return torch.stack([(logits / temperature).softmax(1).amax(1) for temperature in TEMPERATURES])


def tempered(log_probs: Tensor, temperature: float) -> Tensor:
    """Log-probabilities at ``temperature``; above 1 they are closer to one another."""
    return (log_probs / temperature).log_softmax(-1)
