"""Evaluate a trained model on the test set: shares of right predictions, losses of probabilities, and calibration."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

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
    """The results of one pass over the test set; NaN where no test example decides one.

    A class without test examples has no recall and no F1: means and minima are over the others.
    """

    accuracy: float  # share of right predictions
    calibration_error: float  # see calibration_error()
    class_accuracy: list[float]  # the recall of each class: the same share among its test examples
    balanced_accuracy: float  # mean recall
    macro_f1: float  # mean over classes of the harmonic mean of precision and recall
    worst_recall: float  # the lowest recall
    rare_recall: float  # mean recall of the rare classes
    nll: float  # negative log-likelihood: mean of -log(probability of the true class)
    brier: float  # mean squared distance, summed over classes, of probabilities to those of a certain right prediction
    group_accuracy: dict[str, float] = field(default_factory=dict)  # share of right predictions in each group


def evaluate(
    model: Classifier,
    images: Tensor,
    labels: Tensor,
    normalize: Callable,
    chunk: int,
    classes: int,
    rare: Sequence[int] = (),
    groups: np.ndarray | None = None,
) -> Evaluation:
    """Compare predictions for ``images`` (N, C, H, W) uint8 with ``labels`` (N,), ``chunk`` images at a time.

    ``rare`` are the numbers of the rare classes, ``groups`` (N,) the names of groups of examples. All results are NaN
    if there are no images.

    Raises:
        UserError: A logit is not finite.

    Source: of the Brier score, Brier, Verification of Forecasts Expressed in Terms of Probability, 1950, Equation 2.
    """
    if not len(labels):
        nan = math.nan
        return Evaluation(nan, nan, [nan] * classes, nan, nan, nan, nan, nan, nan)
    found: list[tuple[Tensor, ...]] = []  # of each chunk: confidences, predictions, losses, distances
    finite = torch.ones((), dtype=torch.bool, device=labels.device)

    def predict(part: slice) -> None:
        logits, truth = widened(model(normalize(images[part]))), labels[part][:, None]
        probs = logits.softmax(1)
        confidences, predictions = probs.max(1)
        # By the confidence, which is never near 0, the loss costs no second sum of exponentials.
        gaps = logits.gather(1, predictions[:, None]) - logits.gather(1, truth)
        losses = gaps.flatten() - confidences.log()
        distances = torch.linalg.vector_norm(probs, dim=1).square() + 1 - 2 * probs.gather(1, truth).flatten()
        finite.logical_and_(logits.isfinite().all())
        found.append((confidences, predictions, losses, distances.clamp(min=0)))

    with evaluation(model), autocast(labels.device):
        in_chunks(len(images), chunk, predict)
    refuse_diverged(finite)
    confidences, predicted, losses, distances = (torch.cat(parts).cpu().numpy() for parts in zip(*found, strict=True))
    truth = labels.cpu().numpy()
    right = predicted == truth
    recall, f1 = recall_and_f1(predicted, truth, classes)
    rare_recalls = recall[list(rare)]
    rare_recalls = rare_recalls[~np.isnan(rare_recalls)]
    return Evaluation(
        accuracy=int(right.sum()) / len(right),
        calibration_error=calibration_error(confidences, right),
        class_accuracy=recall.tolist(),
        balanced_accuracy=float(np.nanmean(recall)),
        macro_f1=float(np.nanmean(f1)),
        worst_recall=float(np.nanmin(recall)),
        rare_recall=float(rare_recalls.mean()) if len(rare_recalls) else math.nan,
        nll=float(losses.mean(dtype=np.float64)),
        brier=float(distances.mean(dtype=np.float64)),
        group_accuracy={} if groups is None else accuracy_by_group(right, groups),
    )


def accuracy_by_group(right: np.ndarray, groups: np.ndarray) -> dict[str, float]:
    """The share of ``right`` (N,) bool in each of ``groups`` (N,), which are names; sorted by these."""
    names, number = np.unique(groups, return_inverse=True)
    shares = np.bincount(number, right) / np.bincount(number)
    return dict(zip(names.tolist(), shares.tolist(), strict=True))


def recall_and_f1(predicted: np.ndarray, truth: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Recall and F1 of each class (classes,), NaN for one that is not in ``truth`` (N,)."""
    right = np.bincount(truth, predicted == truth, classes)
    actual = np.bincount(truth, minlength=classes)
    with np.errstate(invalid="ignore"):
        recall = right / actual
    both = actual + np.bincount(predicted, minlength=classes)
    return recall, np.divide(2 * right, both, out=np.full(classes, math.nan), where=actual > 0)


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
