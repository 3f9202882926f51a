"""Expected gradient length."""

from torch import Tensor

from alrun.strategies.base import Needs, Query, ScoreStrategy


class ExpectedGradient(ScoreStrategy):
    """Length of the last layer's gradient, averaged over the labels by their predicted probabilities.

    Source: Settles, Craven and Ray, Multiple-Instance Active Learning, NeurIPS 2007; Huang et al. 2016 for networks.
    """

    each_alone = True
    needs = Needs(log_probs=True, embedding=True)

    def score(self, query: Query) -> Tensor:
        """Σ_c p_c |p - e_c| |h| (n,), without the bias: the gradient for label c is (p - e_c) ⊗ h."""
        probs = query.unlabeled.probs
        residual = (probs.square().sum(1, keepdim=True) + 1 - 2 * probs).clamp_min(0).sqrt()
        return (probs * residual).sum(1) * query.unlabeled.embedding.norm(dim=1)
