"""GLISTER: examples that teach the model what it gets wrong elsewhere."""

from typing import Annotated, Literal

import torch
from annotated_types import Ge
from torch import Tensor

from alrun.models.outputs import with_one
from alrun.selection.glister import Term, Validation, glister
from alrun.selection.glister_terms import Coverage, Distance
from alrun.selection.points import Dense, Outer
from alrun.selection.set_functions import FacilityLocation
from alrun.selection.similarity import Similarity, cosine
from alrun.strategies.base import Needs, Query, Strategy
from alrun.system.errors import SettingError

MEMORY = 2e9  # bytes of similarities that are kept


class Glister(Strategy):
    """GLISTER-ACTIVE: gradient steps at the predicted labels that lower the loss of ``validation``, greedily.

    The look-ahead begins with a step on the summed gradient of the labeled set, at its labels, as in the toolkit
    whose results the paper reports; Equation 2 of the source has no such step. ``lr`` is the length of every step, that
    of the optimizer in both. The default settings give the toolkit's picks.

    ``validation`` is the labeled set, and with ``all`` also the pool at its predicted labels, as in the paper
    (Section 3). ``regularizer`` adds to the gain in loss, which is per unit of ``lr``: ``random`` draws
    the share ``lam`` of the batch uniformly, ``diversity`` adds ``lam`` times the distance to the nearest gradient
    picked, and ``facility_location`` adds ``lam`` times the growth of the pool's mean similarity, from 0 to 1, to the
    nearest embedding picked. (The toolkit's last two are sums over gradients: of Gaussian similarities, which count
    against a pick, and of squared distances.)

    Source: Killamsetty et al., GLISTER: Generalization based Data Subset Selection for Efficient and Robust Learning,
    AAAI 2021, Equation 2; with the first step of the toolkit DISTIL, which the equation lacks.
    """

    def __init__(
        self,
        lr: Annotated[float, Ge(0)] = 0.01,
        refresh_every: Annotated[int, Ge(1)] = 1,
        validation: Literal["labeled", "all"] = "all",
        regularizer: Literal["none", "random", "diversity", "facility_location"] = "none",
        lam: Annotated[float, Ge(0)] = 0.1,
    ) -> None:
        if regularizer == "random" and lam > 1:
            raise SettingError(
                f"strategy.lam={lam} must be a share of the batch where strategy.regularizer=random: give 1 or less."
            )
        self.lr = lr
        self.refresh_every = refresh_every
        self.validation = validation
        self.regularizer = regularizer
        self.lam = lam
        self.needs = Needs(gradient=True, log_probs=True, labeled=True)

    def select(self, query: Query) -> Tensor:
        """Positions (size,) int64: greedy picks first, then those drawn at random."""
        unlabeled = query.unlabeled
        drawn = int(self.lam * query.size) if self.regularizer == "random" else 0
        chosen = torch.empty(0, dtype=torch.int64)
        if drawn < query.size:
            points = Outer(unlabeled.gradient.a, with_one(unlabeled.embedding))
            validation = [Validation(query.labeled.log_probs, with_one(query.labeled.embedding), query.labels)]
            if self.validation == "all":
                validation.append(Validation(unlabeled.log_probs, points.b, unlabeled.log_probs.argmax(1)))
            residual = query.labeled.gradient_at(query.labels).a
            before = residual.T @ validation[0].embedding
            term = self.term(points, unlabeled.embedding)
            chosen = glister(points, validation, query.size - drawn, self.lr, self.refresh_every, term, before)
        order = torch.randperm(len(unlabeled), generator=query.rng)
        return torch.cat([chosen, order[~torch.isin(order, chosen)][:drawn]])

    def term(self, points: Outer, embedding: Tensor) -> Term | None:
        """The term that ``regularizer`` adds to the gain; None for ``none`` and ``random``."""
        if self.regularizer == "diversity":
            return Distance(points, self.lam)
        if self.regularizer == "facility_location":
            rows = Dense(embedding).normalized()
            return Coverage(FacilityLocation(Similarity(rows, rows, cosine, MEMORY)), self.lam)
        return None
