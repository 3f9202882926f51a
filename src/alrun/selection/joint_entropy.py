"""BatchBALD: select the examples whose labels together say most about the weights."""

from functools import partial

import torch
from torch import Tensor

from alrun.selection.kmeans import cluster_means, lloyd, nearest_centers
from alrun.selection.points import Dense

BLOCK = {"cpu": 2**21, "cuda": 2**26}  # floats in a block of joint probabilities
GROUPS = 32  # of sampled configurations, whose means bound the gains
CHECKED = 256  # examples whose gains are computed together, those of the highest bounds first
SLACK = 1e-5  # nats of round-off between a gain and its bound


def batch_bald(
    log_probs: Tensor, size: int, rng: torch.Generator, exact_configurations: int = 1000, samples: int = 1000
) -> Tensor:
    """Positions (size,) int64 that greedily maximize the mutual information of their labels and the weights.

    I(y_1 .. y_b; w) = H(y_1 .. y_b) - Σ_i E_w H(y_i | w). The joint entropy is summed over all configurations of the
    chosen labels while these are few, and then estimated from sampled configurations; the second term is exact.

    Args:
        log_probs: Log-probabilities of every pass (T, n, C).
        size: Number of examples, at most n.
        rng: On the CPU.
        exact_configurations: Largest number of label configurations that are summed exactly.
        samples: Number of sampled configurations beyond that.

    Source: Kirsch et al., BatchBALD, NeurIPS 2019, Section 3 and Algorithm 1 (sampling: Equation 14 of its appendix).
    """
    passes, n, classes = log_probs.shape
    if not 0 < size <= n:
        raise ValueError(f"cannot choose {size} of {n} examples")
    probs = log_probs.exp()
    conditional = -(probs * log_probs.clamp_min(torch.finfo(log_probs.dtype).min)).sum(-1).mean(0)
    joint = Joint(passes, probs.device)
    taken = torch.zeros(n, dtype=torch.bool, device=probs.device)
    chosen: list[int] = []
    while len(chosen) < size:
        best = most_informative(joint, probs, conditional, taken)
        taken[best] = True
        chosen.append(best)
        if len(joint.given) * classes > exact_configurations and joint.exact:
            joint = Joint.sampled(probs[:, chosen], samples, rng)
        else:
            joint.add(probs[:, best], rng)
    return torch.tensor(chosen)


def most_informative(joint: "Joint", probs: Tensor, conditional: Tensor, taken: Tensor) -> int:
    """The first example, not ``taken``, with the highest ``joint.entropies`` - ``conditional``.

    Where configurations are sampled, it is searched for among the highest bounds alone, and is the same.
    """
    if joint.exact or len(joint.given) <= GROUPS:
        return int((joint.entropies(probs) - conditional).masked_fill_(taken, -torch.inf).argmax())
    bounds = (joint.entropy_bounds(probs) - conditional).masked_fill_(taken, -torch.inf)
    highest, order = bounds.sort(descending=True, stable=True)
    best, score = len(order), -torch.inf
    for bound, some in zip(highest.split(CHECKED), order.split(CHECKED), strict=True):
        if float(bound[0]) + SLACK < score:
            break
        found = (joint.entropies(probs[:, some]) - conditional[some]).masked_fill_(taken[some], -torch.inf)
        top = found.max()
        first = int(some[found == top].min())
        if (float(top), -first) > (score, -best):
            best, score = first, float(top)
    return best


class Joint:
    """Probabilities of label configurations of the chosen examples, given each pass.

    ``given`` (K, T) holds them up to a factor for each configuration, so that long products do not underflow;
    ``log_factor`` (K,) is the log of that factor.
    """

    def __init__(self, passes: int, device: torch.device) -> None:
        self.given = torch.ones(1, passes, device=device)
        self.log_factor = torch.zeros(1, device=device)
        self.pass_of: Tensor | None = None  # (K,): the pass that a sampled configuration was drawn from

    @property
    def exact(self) -> bool:
        """Whether all configurations are held, not a sample."""
        return self.pass_of is None

    @classmethod
    def sampled(cls, probs: Tensor, samples: int, rng: torch.Generator) -> "Joint":
        """``samples`` configurations of the labels of the examples in ``probs`` (T, k, C), drawn from their joint."""
        joint = cls(len(probs), probs.device)
        joint.given = joint.given.expand(samples, -1)
        joint.log_factor = joint.log_factor.expand(samples)
        joint.pass_of = torch.arange(samples) % len(probs)  # every pass equally often
        for position in range(probs.shape[1]):
            joint.add(probs[:, position], rng)
        return joint

    def add(self, probs: Tensor, rng: torch.Generator) -> None:
        """Extend the configurations by the label of an example with ``probs`` (T, C)."""
        if self.pass_of is None:
            self.given = (self.given[:, None] * probs.T).flatten(0, 1)
            self.log_factor = self.log_factor.repeat_interleave(probs.shape[1])
        else:
            labels = torch.multinomial(probs.cpu()[self.pass_of], 1, generator=rng)[:, 0]
            self.given = self.given * probs.T[labels.to(probs.device)]
        largest = self.given.amax(1).clamp_min(torch.finfo(probs.dtype).tiny)
        self.given = self.given / largest[:, None]
        self.log_factor = self.log_factor + largest.log()

    def entropies(self, probs: Tensor) -> Tensor:
        """Entropy of the chosen labels together with that of each example of ``probs`` (T, n, C): (n,), in nats."""
        passes, _, classes = probs.shape
        mean = self.given / passes
        # A sampled configuration stands for 1 / (K p(configuration)) of all; the factors cancel.
        weight = self.log_factor.exp() if self.exact else 1 / (len(mean) * mean.sum(1))
        rows = max(1, BLOCK[probs.device.type] // (len(mean) * classes))
        parts = []
        for block in probs.split(rows, dim=1):
            p = (mean @ block.flatten(1)).clamp_min_(torch.finfo(probs.dtype).tiny)  # (K, rows C)
            information = p.log().add_(self.log_factor[:, None]).mul_(p)
            parts.append(-(weight @ information).view(-1, classes).sum(1))
        return torch.cat(parts)

    def entropy_bounds(self, probs: Tensor) -> Tensor:
        """Upper bounds of ``entropies`` (n,), where configurations are sampled.

        A configuration reweights the passes, and the entropy is the mean of those of the labels under each reweighting.
        It is concave: the entropy under the mean of several reweightings is no less than their mean entropy.
        """
        mean = self.given / len(probs)
        total = mean.sum(1, keepdim=True)
        posterior = mean / total  # of the passes, given each configuration
        ones = torch.ones_like(total[:, 0])
        first = posterior[:: len(posterior) // GROUPS][:GROUPS].clone()
        centers, labels = lloyd(posterior, first, partial(nearest_centers, Dense(posterior)), ones, iterations=3)
        share = labels.bincount(minlength=len(centers)) / len(posterior)
        groups = cluster_means(posterior, labels, ones, centers)
        offset = (total[:, 0].log() + self.log_factor).mean()
        rows = max(1, BLOCK[probs.device.type] // (len(groups) * probs.shape[2]))
        parts = []
        for block in probs.split(rows, dim=1):
            p = (groups @ block.flatten(1)).clamp_min_(torch.finfo(probs.dtype).tiny)
            parts.append(-(share @ p.log().mul_(p)).view(-1, probs.shape[2]).sum(1))
        return torch.cat(parts) - offset
