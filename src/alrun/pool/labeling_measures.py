"""What the labels are worth that a pool's queries cost: counted with the true labels, which training never sees."""

from dataclasses import dataclass

from torch import Tensor

from alrun.data.dataset import STRANGER
from alrun.pool.pool import Pool


@dataclass(frozen=True)
class LabelingMeasures:
    """Of a round, before its training."""

    purity: float  # share of the round's query that belongs to a class
    strangers: int  # examples queried so far that belong to no class
    wrong_labels: float  # share of the labeled set whose label is not the true one; NaN if it is empty


def measure_labeling(pool: Pool, query: Tensor) -> LabelingMeasures:
    """The measures of ``pool`` after ``query`` (k,), the indices of the last round, or of the seed set."""
    labels, truth, labeled = pool.labels, pool.truth, pool.labeled.to(pool.device)
    return LabelingMeasures(
        purity=float((truth[query.to(pool.device)] != STRANGER).double().mean()),
        strangers=int((truth[pool.queried.to(pool.device)] == STRANGER).sum()),
        wrong_labels=float((labels[labeled] != truth[labeled]).double().mean()),
    )
