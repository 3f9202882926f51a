"""Temperature scaling: calibrate a model's probabilities on labels that it was not trained on."""

import numpy as np
from torch import Tensor

from alrun.models import infer
from alrun.models.outputs import Needs
from alrun.strategies.query import Query
from alrun.training.evaluation import calibration_error

TEMPERATURES = np.arange(10, 200) / 10  # none below 1: probabilities are never sharpened


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
    logits = log_probs.double().cpu()
    right = (logits.argmax(1) == labels.cpu()).numpy()

    def error(temperature: float) -> float:
        confidences = (logits / temperature).softmax(1).amax(1)
        return calibration_error(confidences.numpy(), right, bins=logits.shape[1])

    return float(TEMPERATURES[int(np.argmin([error(temperature) for temperature in TEMPERATURES]))])


def tempered(log_probs: Tensor, temperature: float) -> Tensor:
    """Log-probabilities at ``temperature``; above 1 they are closer to one another."""
    return (log_probs / temperature).log_softmax(-1)
