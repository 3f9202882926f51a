"""Evaluation against predictions image by image, and the calibration error bin by bin."""

import math

import numpy as np
import pytest
import torch

from alrun.data.augmentation import Normalize
from alrun.models import SmallCnn
from alrun.training.evaluation import BINS, calibration_error, evaluate

NORMALIZE = Normalize([0.5], [0.3], torch.device("cpu"))
DRAWS = torch.Generator().manual_seed(0)
IMAGES = torch.randint(256, (23, 1, 8, 8), dtype=torch.uint8, generator=DRAWS)
LABELS = torch.randint(3, (23,), generator=DRAWS)  # none of class 3


@pytest.mark.parametrize("chunk", [1, 5, 23, 100])
def test_shares_count_what_is_right_in_chunks_of_any_size(chunk):
    torch.manual_seed(1)
    model = SmallCnn(1, (8, 8), 4, width=4, embedding=6, dropout=0.5)
    model(NORMALIZE(IMAGES))  # batch norm has seen something
    result = evaluate(model.train(), IMAGES, LABELS, NORMALIZE, chunk, classes=4)
    assert all(module.training for module in model.modules())
    model.eval()
    with torch.no_grad():
        rows = [model(NORMALIZE(image[None]))[0] for image in IMAGES]
    right = [int(row.argmax()) == int(label) for row, label in zip(rows, LABELS, strict=True)]
    assert result.accuracy == sum(right) / 23
    for label in range(3):
        of_class = [hit for hit, truth in zip(right, LABELS.tolist(), strict=True) if truth == label]
        assert result.class_accuracy[label] == pytest.approx(sum(of_class) / len(of_class))
    assert math.isnan(result.class_accuracy[3])
    confidences = np.array([float(row.softmax(0).max()) for row in rows])
    assert result.calibration_error == pytest.approx(calibration_error(confidences, np.array(right)), abs=1e-5)


def test_the_calibration_error_is_that_of_bins_filled_one_by_one():
    draws = np.random.default_rng(0)
    confidences = np.r_[draws.uniform(0.1, 1, 200), 1.0, 1 / BINS, 0.0]
    right = draws.uniform(size=203) < confidences**2
    expected = 0.0
    for number in range(BINS):
        low, high = number / BINS, (number + 1) / BINS
        members = [i for i, c in enumerate(confidences) if low < c <= high or (number == 0 and c == 0)]
        if members:
            accuracy = sum(bool(right[i]) for i in members) / len(members)
            confidence = sum(confidences[i] for i in members) / len(members)
            expected += len(members) / 203 * abs(accuracy - confidence)
    assert calibration_error(confidences, right) == pytest.approx(expected, rel=1e-12)


def test_a_model_that_knows_how_often_it_is_right_has_no_calibration_error():
    assert calibration_error(np.full(10, 0.7), np.arange(10) < 7) == pytest.approx(0, abs=1e-12)
    assert calibration_error(np.ones(10), np.zeros(10)) == 1
