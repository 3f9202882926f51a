"""CAL: examples with other predictions than their labeled neighbors."""

from typing import Annotated

import torch
import torch.nn.functional as F
from annotated_types import Ge
from torch import Tensor

from alrun.selection.neighbors import nearest_neighbors
from alrun.strategies.base import Needs, Query, ScoreStrategy
from alrun.strategies.uncertainty import entropy


class Cal(ScoreStrategy):
    """Mean Kullback-Leibler divergence from the predictions of the ``neighbors`` nearest labeled examples.

    Nearest by embeddings at length 1.

    Source: Margatina et al., Active Learning by Acquiring Contrastive Examples, EMNLP 2021, Algorithm 1, as in the
    authors' code (cal.py), followed to the letter; its embedding is that of BERT's first token, here the network's.
    """

    needs = Needs(log_probs=True, embedding=True, labeled=True)

    def __init__(self, neighbors: Annotated[int, Ge(1)] = 10) -> None:
        self.neighbors = neighbors

    def score(self, query: Query) -> Tensor:
        """Mean of KL(p_neighbor || p) over the neighbors, in nats: (n,)."""
        unlabeled, labeled = query.unlabeled, query.labeled
        count = min(self.neighbors, len(labeled))
        _, near = nearest_neighbors(F.normalize(unlabeled.embedding), F.normalize(labeled.embedding), count)
        probs, spread = labeled.probs, entropy(labeled.log_probs)
        expected = sum((probs[near[:, k]] for k in range(count)), torch.zeros_like(unlabeled.log_probs)) / count
        finite = unlabeled.log_probs.clamp_min(torch.finfo(probs.dtype).min)
        return -(expected * finite).sum(1) - spread[near].mean(1)
