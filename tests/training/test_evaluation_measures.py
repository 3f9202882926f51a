"""Measures of the test set against those of scikit-learn, on outputs with absent classes, one class and ties."""

import math
import warnings

import numpy as np
import pytest
import torch
from sklearn import metrics
from torch import Tensor

from alrun.models.linear import Linear
from alrun.training.evaluation import evaluate

CLASSES = 5
CASES = {
    "all classes": [0, 1, 2, 3, 4],
    "classes absent from the test set": [1, 4],
    "one class": [3],
}


def evaluated(logits: Tensor, labels: Tensor, rare: tuple[int, ...] = (), chunk: int = 7, classes: int = CLASSES):
    """What is measured of a model that has these ``logits`` for examples with these ``labels``."""
    model = Linear(features=classes, classes=classes)
    with torch.no_grad():
        model.head.weight.copy_(torch.eye(classes))
        model.head.bias.zero_()
    return evaluate(model, logits, labels, lambda each: each, chunk, classes, rare)


def outputs(present: list[int], ties: bool = False, count: int = 60) -> tuple[Tensor, Tensor]:
    draws = torch.Generator().manual_seed(len(present))
    logits = 2 * torch.randn(count, CLASSES, generator=draws)
    labels = torch.tensor(present)[torch.randint(len(present), (count,), generator=draws)]
    return (logits.round() if ties else logits), labels


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("present", CASES.values(), ids=CASES.keys())
def test_measures_are_those_of_scikit_learn(present, ties):
    logits, labels = outputs(present, ties)
    found = evaluated(logits, labels, rare=(0, 4))
    truth, predicted = labels.numpy(), logits.numpy().argmax(1)  # the first of the largest
    probs = logits.double().softmax(1).numpy()
    assert not ties or (np.sort(logits, 1)[:, -1] == np.sort(logits, 1)[:, -2]).any()
    with warnings.catch_warnings():  # that classes are predicted that the test set lacks
        warnings.simplefilter("ignore", UserWarning)
        assert found.balanced_accuracy == pytest.approx(metrics.balanced_accuracy_score(truth, predicted), rel=1e-12)
    there = np.unique(truth)
    assert found.macro_f1 == pytest.approx(
        metrics.f1_score(truth, predicted, labels=there, average="macro", zero_division=0), rel=1e-12
    )
    recalls = metrics.recall_score(truth, predicted, labels=there, average=None)
    assert found.worst_recall == pytest.approx(recalls.min(), rel=1e-12)
    rare = [float(recall) for label, recall in zip(there, recalls, strict=True) if label in (0, 4)]
    assert found.rare_recall == pytest.approx(np.mean(rare) if rare else math.nan, rel=1e-12, nan_ok=True)
    assert found.nll == pytest.approx(metrics.log_loss(truth, probs, labels=range(CLASSES)), rel=1e-6)
    brier = metrics.brier_score_loss(truth, probs, labels=range(CLASSES), scale_by_half=False)
    assert found.brier == pytest.approx(brier, rel=1e-5)
    assert found.accuracy == metrics.accuracy_score(truth, predicted)


def test_a_model_that_is_always_right_or_always_wrong_has_the_ends_of_each_range():
    labels = torch.arange(CLASSES).repeat(3)
    right = evaluated(200.0 * torch.eye(CLASSES)[labels], labels, rare=(2,))
    assert (right.balanced_accuracy, right.macro_f1, right.worst_recall, right.rare_recall) == (1, 1, 1, 1)
    assert (right.nll, right.brier) == (0, 0)
    wrong = evaluated(200.0 * torch.eye(CLASSES)[(labels + 1) % CLASSES], labels, rare=(2,))
    assert (wrong.balanced_accuracy, wrong.macro_f1, wrong.worst_recall, wrong.rare_recall) == (0, 0, 0, 0)
    assert wrong.nll == pytest.approx(200)  # finite where a probability is 0
    assert wrong.brier == 2


def test_measures_do_not_depend_on_the_chunk():
    logits, labels = outputs([0, 1, 2, 3, 4])
    assert evaluated(logits, labels, (1,), chunk=1) == evaluated(logits, labels, (1,), chunk=100)


def test_two_classes_have_the_brier_score_of_both():
    """Its range is 0 to 2 for any number of classes; scikit-learn halves that of two unless asked not to."""
    logits, labels = torch.tensor([[0.0, 1.0], [2.0, 0.0], [0.5, 0.0]]), torch.tensor([1, 1, 0])
    first = logits.double().softmax(1)[:, 1].numpy()
    expected = 2 * metrics.brier_score_loss(labels.numpy(), first)
    assert evaluated(logits, labels, classes=2).brier == pytest.approx(expected, rel=1e-6)


def test_without_a_test_set_all_measures_are_nan():
    found = evaluated(torch.empty(0, CLASSES), torch.empty(0, dtype=torch.int64))
    names = ("accuracy", "balanced_accuracy", "macro_f1", "worst_recall", "rare_recall", "nll", "brier")
    assert all(math.isnan(getattr(found, name)) for name in names)


def test_no_rare_class_has_no_recall():
    assert math.isnan(evaluated(*outputs([0, 1])).rare_recall)
