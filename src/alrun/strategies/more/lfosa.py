"""LfOSA: examples that a detector of strangers takes for known ones."""

import warnings
from typing import Annotated

import numpy as np
import torch
from annotated_types import Gt
from numpy.typing import NDArray
from torch import Tensor

from alrun.models.classifier import Classifier, evaluation
from alrun.strategies.base import Query, ScoreStrategy

# Of the mixtures, as in the authors' code.
MOST_STEPS, TOLERANCE, LEAST_VARIANCE = 10, 1e-2, 5e-4


class LfOsa(ScoreStrategy):
    """The probability that an example belongs to a known class, whichever: for pools with strangers.

    A detector with an output more than the run's model learns the labeled examples and the strangers found so far, at
    the ``temperature``. Its highest outputs are split into two Gaussians among the examples of each predicted class;
    the score is the probability of the Gaussian with the higher mean. Examples predicted as strangers, and a class that
    only one example is predicted as, have a score of 0. Before the first stranger the last output has learned nothing.

    Source: Ning et al., Active Learning for Open-set Annotation, CVPR 2022, as in the authors' code
    (AV_sampling_temperature): the same mixtures, and their temperature of 0.5 for all examples. Their code leaves out
    a class that only one example is predicted as, and takes equal scores in no defined order.
    """

    def __init__(self, temperature: Annotated[float, Gt(0)] = 0.5) -> None:
        self.temperature = temperature

    def score(self, query: Query) -> Tensor:
        """Probability of a known class (n,), float64."""
        with query.training:
            detector = query.detector(self.temperature)
        highest, predicted = activations(detector, query)
        seed = int(torch.randint(2**31, (1,), generator=query.rng))
        scores = known(highest, predicted, detector.head.out_features - 1, seed)
        return torch.from_numpy(scores).to(query.pool.device)


def activations(detector: Classifier, query: Query) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The highest output for each example of ``query.unlabeled``, and which it is: (n,) each."""
    parts = []
    with evaluation(detector):
        for images in query.batches():
            parts.append(detector(images).float().max(1))
    highest, predicted = (torch.cat(each).cpu().numpy() for each in zip(*parts, strict=True))
    return highest.astype(np.float64), predicted


def known(highest: NDArray[np.float64], predicted: NDArray[np.int64], classes: int, seed: int) -> NDArray[np.float64]:
    """The probability of the Gaussian with the higher mean, of two for each class: (n,); 0 beyond ``classes``."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    scores = np.zeros(len(highest))
    for label in range(classes):
        members = predicted == label
        values = highest[members][:, None]
        if len(values) < 2:
            continue
        mixture = GaussianMixture(2, max_iter=MOST_STEPS, tol=TOLERANCE, reg_covar=LEAST_VARIANCE, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # ten steps are all; equal values are one cluster
            mixture.fit(values)
        means = mixture.means_
        assert means is not None
        scores[members] = mixture.predict_proba(values)[:, means.argmax()]
    return scores
