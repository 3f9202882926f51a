"""GRAD-MATCH: examples whose gradients, weighted, add up to those of all."""

import logging
from typing import Annotated, Literal

import torch
from annotated_types import Ge
from torch import Tensor

from alrun.models.outputs import with_bias
from alrun.selection.fill import fill_uniformly
from alrun.selection.linear import weighted_sum
from alrun.selection.matching_pursuit import matching_pursuit
from alrun.strategies.base import Needs, Query, Strategy

log = logging.getLogger(__name__)


class GradMatch(Strategy):
    """Orthogonal matching pursuit of a sum of last-layer gradients, with those of single unlabeled examples.

    The gradients are those of the weights and the bias, at the predicted labels. ``target`` is the sum that is matched:
    ``pool``, over the unlabeled examples, or ``labeled``, over the labeled ones at their labels. The weights, none of
    them negative, only serve the selection. If fewer examples than asked for match the target within ``tolerance``, or
    no other example improves the match, the rest is drawn uniformly.

    Source: Killamsetty et al., GRAD-MATCH: Gradient Matching Based Data Subset Selection for Efficient Deep Model
    Training, ICML 2021.
    """

    def __init__(
        self,
        target: Literal["pool", "labeled"] = "pool",
        ridge: Annotated[float, Ge(0)] = 0.5,
        tolerance: Annotated[float, Ge(0)] = 1e-4,
    ) -> None:
        self.target = target
        self.ridge = ridge
        self.tolerance = tolerance
        self.needs = Needs(gradient=True, log_probs=target == "labeled", labeled=target == "labeled")

    def select(self, query: Query) -> Tensor:
        """Positions (size,) int64, in the order of the pursuit."""
        points = with_bias(query.unlabeled.gradient)
        matched = points if self.target == "pool" else with_bias(query.labeled.gradient_at(query.labels))
        target = weighted_sum(matched, torch.ones_like(matched.b[:, 0]))
        chosen, _ = matching_pursuit(points, target, query.size, self.ridge, self.tolerance)
        if len(chosen) < query.size:
            log.info("GRAD-MATCH: %d examples match the gradient; the rest is drawn uniformly", len(chosen))
        return fill_uniformly(chosen, len(points), query.size, query.rng)
