"""Any strategy that reads the labeled set, without the labels that are probably wrong."""

from dataclasses import replace
from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from alrun.settings.option_names import named
from alrun.strategies.base import Query, Strategy
from alrun.strategies.embeddings import Embeddings
from alrun.system.errors import SettingError
from alrun.training import logistic


class NoiseAware(Strategy):
    """Lets ``inner`` see the labeled examples whose labels others confirm: what a wrong label covers is open again.

    The labeled set is split at random into ``folds``. A logistic regression on the embeddings of each part predicts all
    labeled examples; those whose label fewer than half of the models predict count as mislabeled. They stay labeled,
    and the run's model learns from them; the strategy alone does not see them. Where there are fewer labels than
    classes or folds, or all would be mislabeled, it sees all.

    Source: Shafir, Hacohen and Weinshall, Active Learning with a Noisy Annotator, 2025: the framework NAS with the
    filter CrossValidation of the authors' code (CrossValidation.py), in which each model learns one of three parts of
    the labeled set, not two as in the paper's words. They filter again within a batch, after every share of as many
    answers as there are classes; this filters once a round, which is the same for a batch of that size. They use it
    with k-center, ProbCover and MaxHerding.

    Raises:
        UserError: ``inner`` does not read the labeled set, so that nothing would change.
    """

    def __init__(self, inner: Strategy, folds: Annotated[int, Ge(2)] = 3, C: Annotated[float, Gt(0)] = 1.0) -> None:
        if not reads_labeled(inner):
            raise SettingError(
                f"{named(inner, 'strategy.inner', 'strategy')} does not read the labeled set, so that wrong labels in "
                "it do not change what it chooses; take one that does, such as strategy@strategy.inner=coreset, "
                "probcover or max_herding."
            )
        self.inner = inner
        self.folds = folds
        self.C = C
        self.needs = replace(inner.needs, embedding=True, labeled=True)

    def select(self, query: Query) -> Tensor:
        """Positions (size,) int64, in the order of ``inner``."""
        return self.choose(query)[0]

    def choose(self, query: Query) -> tuple[Tensor, Tensor | None]:
        """The positions of ``select``, and their scores by ``inner`` if it gives any."""
        labels = query.labels
        confirmed = torch.ones_like(labels, dtype=torch.bool)
        if len(labels) >= self.folds and len(labels) >= (classes := query.model.head.out_features):
            confirmed = self.confirmed(query.labeled.embedding, labels, classes, query.rng)
        if not confirmed.any():
            return self.inner.choose(query)
        kept = confirmed.nonzero().flatten().cpu()
        pool = replace(query.pool, labeled=query.labeled.index[kept])
        return self.inner.choose(replace(query, labeled=query.labeled.take(kept), pool=pool))

    def confirmed(self, embedding: Tensor, labels: Tensor, classes: int, rng: torch.Generator) -> Tensor:
        """Whether half of the models or more predict the label of each of the labeled examples: (m,) bool."""
        agreeing = torch.zeros_like(labels)
        for part in torch.randperm(len(labels), generator=rng).tensor_split(self.folds):
            part = part.to(labels.device)
            model = logistic.fit(embedding[part], labels[part], classes, self.C)
            agreeing += model.logits(embedding).argmax(1) == labels
        return 2 * agreeing >= self.folds


def reads_labeled(strategy: Strategy) -> bool:
    """Whether a strategy, or one in it, reads the labeled set: outputs of the model for it, or other embeddings."""
    parts = vars(strategy).values()
    return (
        strategy.needs.labeled
        or any(isinstance(part, Embeddings) for part in parts)
        or any(reads_labeled(part) for part in parts if isinstance(part, Strategy))
    )
