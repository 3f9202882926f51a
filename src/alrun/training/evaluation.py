"""Evaluate a trained model on the test set: accuracy, accuracy of each class, and calibration."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from alrun.models.classifier import Classifier, evaluation
from alrun.models.infer import refuse_diverged
from alrun.system.chunks import in_chunks
from alrun.system.device import autocast, widened

BINS = 15  # of the calibration error, as in its source


@dataclass(frozen=True)
class Evaluation:
    """The results of one pass over the test set."""

    accuracy: float  # share of right predictions
    calibration_error: float  # see calibration_error()
    class_accuracy: list[float]  # the same share for each class; NaN for one without test examples


def evaluate(
    model: Classifier, images: Tensor, labels: Tensor, normalize: Callable, chunk: int, classes: int
) -> Evaluation:
    """Compare predictions for ``images`` (N, C, H, W) uint8 with ``labels`` (N,), ``chunk`` images at a time.

    All results are NaN if there are no images.

    Raises:
        UserError: A logit is not finite.
    """
    if not len(labels):
        return Evaluation(math.nan, math.nan, [math.nan] * classes)
    confidences, predictions = [], []
    finite = torch.ones((), dtype=torch.bool, device=labels.device)

    def predict(part: slice) -> None:
        logits = widened(model(normalize(images[part])))
        probs, predicted = logits.softmax(1).max(1)
        finite.logical_and_(logits.isfinite().all())
        confidences.append(probs)
        predictions.append(predicted)

    with evaluation(model), autocast(labels.device):
        in_chunks(len(images), chunk, predict)
    refuse_diverged(finite)
    right = (torch.cat(predictions) == labels).cpu().numpy()
    of_class = labels.cpu().numpy()
    with np.errstate(invalid="ignore"):
        shares = np.bincount(of_class, right, classes) / np.bincount(of_class, minlength=classes)
    error = calibration_error(torch.cat(confidences).cpu().numpy(), right)
    return Evaluation(int(right.sum()) / len(right), error, shares.tolist())


def calibration_error(confidences: np.ndarray, right: np.ndarray, bins: int = BINS) -> float:
    """The expected calibration error: how far confidence and accuracy are apart, on average over examples.

    Args:
        confidences: Probability of the predicted class (N,), 0 to 1.
        right: Whether the prediction is right (N,).
        bins: Of equal width, into which confidences fall.

    Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017, Equation 3.
    """
    edges = np.linspace(0, 1, bins + 1)[1:-1]
    bin = np.digitize(confidences, edges, right=True)  # a bin holds its upper edge
    gaps = np.bincount(bin, right - confidences.astype(np.float64), bins)
    return float(np.abs(gaps).sum() / len(right))
