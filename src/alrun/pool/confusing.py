"""``annotator=confusing``: some classes are mistaken for certain others, as classes that look alike are by people."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from annotated_types import Gt

from alrun.data.columns import read_matrix
from alrun.data.dataset import counts_of
from alrun.pool.annotator import Asked, ByMatrix, Opinions, Rate
from alrun.system.errors import SettingError

PART = 4096  # examples whose mean is taken at a time
Shares = Sequence[Sequence[float]]


class Confusing(ByMatrix):
    """Mistakes a class for another by a matrix that is given, or made from how alike classes are.

    Without a matrix, class i is mistaken for class j with a probability proportional to exp(s / temperature), where s
    is the cosine of their mean examples, after the mean of these is subtracted. Examples are the vectors of the
    pool, or pixels if it holds images. Classes that have similar ones are therefore mistaken more often than others.

    Args:
        rate: The share of wrong opinions on the pool as a whole, to which the matrix is scaled; None: as it is given.
        matrix: Probability of each answer (column) for each true class (row); or a .csv or .npy file that holds it.
        temperature: How evenly errors spread without a matrix: over the most similar classes alone at 0, evenly at
            infinity. At 0.4 to 0.5, on features of CIFAR-10, they are most like those of the people of CIFAR-10N.
        opinions: Opinions on each example, which err independently of one another.
    """

    def __init__(
        self,
        rate: Rate | None = None,
        matrix: Shares | str | None = None,
        temperature: Annotated[float, Gt(0)] = 0.5,
        opinions: Opinions = 1,
    ) -> None:
        super().__init__(opinions)
        if rate is None and matrix is None:
            raise SettingError(
                "annotator=confusing must know how often it errs: give annotator.rate, or annotator.matrix."
            )
        self.rate = rate
        self.given = read_matrix(Path(matrix), "annotator.matrix") if isinstance(matrix, str) else matrix
        self.temperature = temperature

    def matrix(self, asked: Asked) -> np.ndarray:
        """The matrix (classes, classes).

        Raises:
            UserError: The given one does not fit, or cannot have the rate.
        """
        weights = self.likeness(asked) if self.given is None else checked_matrix(self.given, asked.classes)
        if self.rate is None:
            return weights
        counts = counts_of(asked.truth, asked.classes)
        if not counts.any():  # nobody is asked about a class
            counts += 1
        return scaled(weights, counts / counts.sum(), self.rate)

    def likeness(self, asked: Asked) -> np.ndarray:
        """exp(s / temperature), up to a factor, for each pair of classes (classes, classes), 0 on the diagonal.

        A class without examples has s = 0.
        """
        centers = np.zeros((asked.classes, int(np.prod(asked.examples.shape[1:]))))
        present = np.unique(asked.truth[asked.truth >= 0])
        for label in present:
            centers[label] = mean_of(asked.examples, np.flatnonzero(asked.truth == label))
        centers[present] -= centers[present].sum(0) / max(1, len(present))
        lengths = np.linalg.norm(centers, axis=1, keepdims=True)
        unit = np.divide(centers, lengths, out=np.zeros_like(centers), where=lengths > 0)
        cosines = unit @ unit.T
        others = ~np.eye(asked.classes, dtype=bool)
        return np.exp((cosines - cosines[others].max()) / self.temperature, where=others, out=np.zeros_like(cosines))


def mean_of(examples: np.ndarray, index: np.ndarray) -> np.ndarray:
    """The mean of ``examples`` (N, ...) at ``index`` (k,), flattened; in float64, part by part."""
    parts = (examples[index[start : start + PART]] for start in range(0, len(index), PART))
    return np.sum([part.reshape(len(part), -1).sum(0, dtype=np.float64) for part in parts], axis=0) / len(index)


def scaled(weights: np.ndarray, shares: np.ndarray, rate: float) -> np.ndarray:
    """The matrix with the error rate ``rate`` overall whose errors are proportional to ``weights``, if they can be.

    All errors are multiplied by one factor; a class whose errors would exceed 1 then always errs, and the factor of the
    others is as much larger.

    Args:
        weights: Beside the diagonal, how likely one class (row) is mistaken for another (column); (C, C), not negative.
        shares: Of the classes in the pool (C,).
        rate: From 0 to 1.

    Raises:
        UserError: So many classes are never mistaken that no factor gives the rate.
    """
    weights = weights * ~np.eye(len(weights), dtype=bool)
    errors = weights.sum(1)
    always = np.zeros(len(errors), bool)
    factor = 0.0
    while True:
        free = float(shares[~always] @ errors[~always])
        left = rate - float(shares[always].sum())
        if left > 1e-12 and not free:
            most = float(shares[always].sum())
            raise SettingError(
                f"annotator.rate={rate:g}, but the matrix never mistakes some classes, so at most {most:.3g} of the "
                "answers can be wrong: lower the rate."
            )
        factor = left / free if free else 0.0
        exceed = ~always & (factor * errors > 1)
        if not exceed.any():
            break
        always |= exceed
    rates = np.where(always, 1.0, np.minimum(factor * errors, 1))
    matrix = np.divide(weights, errors[:, None], out=np.zeros_like(weights), where=errors[:, None] > 0)
    matrix *= rates[:, None]
    np.fill_diagonal(matrix, 1 - rates)
    return matrix


def checked_matrix(given: Shares | np.ndarray, classes: int) -> np.ndarray:
    """``given`` as an array (classes, classes), after a check that its rows are probabilities.

    Raises:
        UserError: They are not.
    """
    try:
        matrix = np.array(given, np.float64)
    except (TypeError, ValueError):
        matrix = np.empty(0)
    if matrix.shape != (classes, classes):
        raise SettingError(
            f"annotator.matrix must have a row and a column for each of the {classes} classes; its shape is "
            f"{matrix.shape}."
        )
    wrong = np.flatnonzero(~((matrix >= 0).all(1) & (np.abs(matrix.sum(1) - 1) < 1e-6)))
    if len(wrong):
        raise SettingError(
            f"annotator.matrix: row {wrong[0]} must hold probabilities that add up to 1; it adds up to "
            f"{matrix[wrong[0]].sum():g}."
        )
    return matrix
