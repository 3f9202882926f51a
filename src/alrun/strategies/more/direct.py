"""DIRECT: for every class, examples around the threshold that best separates its labeled ones from the others."""

import torch
from torch import Tensor

from alrun.strategies.base import Needs, Query, Strategy
from alrun.strategies.more.galaxy import ALMOST


class Direct(Strategy):
    """Half of a query lies where the labels of a class are mixed with others, half around the best threshold to them.

    For each class there is a line of all examples by their margin: the probability of the class minus the highest one.
    Labels are mixed from the last labeled example of the class before all others to the first of another class after
    all of it; each class draws as many examples from there. A threshold has the class before it and all others after
    it; the best has the most labeled examples on their right side, so that a few wrong labels do not move it. What is
    left of the query is divided among the classes, in an order that is drawn in each round: each takes the examples
    next to its threshold, before and after it in turns.

    It costs three sorts of the pool for each class, one after the other, and memory for one line.

    Source: Nuggehalli, Zhang, Jain and Nowak, Improved Algorithm for Deep Active Learning under Imbalance via Optimal
    Separation, ICML 2025, as in the authors' code in LabelBench (direct.py). There a batch is answered pick by pick,
    and the mixed part shrinks after each turn of B1 annotators who work at once. Here a batch is answered after all of
    it is chosen, as if B1 were its size: the mixed part shrinks from round to round, and thresholds go by the labels of
    earlier rounds. Their code draws no more than ``min_budget_per_class`` for each class. Of their two lines for two
    classes the first is the same; the second mirrors it here, while theirs begins with uncertain examples.
    """

    needs = Needs(log_probs=True, labeled=True)

    def select(self, query: Query) -> Tensor:
        """Positions (size,) int64, in the order of choice."""
        outputs = torch.cat([query.unlabeled.log_probs, query.labeled.log_probs])
        highest = outputs.amax(1).double().exp()
        count, classes = len(query.unlabeled), outputs.shape[1]
        labels = query.labels.to(outputs.device)
        free = torch.arange(len(outputs), device=outputs.device) < count
        chosen: list[Tensor] = []

        def line(label: int) -> tuple[Tensor, Tensor]:
            """Examples (n + m,) by decreasing margin; for each 1 if labeled as of the class, -1 as of another, or 0."""
            margins = outputs[:, label].double().exp() - highest + ALMOST * highest
            side = torch.zeros(len(outputs), dtype=torch.int64, device=outputs.device)
            side[count:] = torch.where(labels == label, 1, -1)
            order = margins.argsort(descending=True, stable=True)
            return order, side[order]

        def take(examples: Tensor) -> None:
            chosen.append(examples)
            free[examples] = False

        for label in range(classes):
            order, side = line(label)
            first, last = mixed(side)
            among = order[first : last + 1]
            among = among[free[among]]
            drawn = torch.randperm(len(among), generator=query.rng)[: query.size // classes // 2]
            take(among[drawn.to(among.device)])
        left = query.size - sum(map(len, chosen))
        for turn, label in enumerate(torch.randperm(classes, generator=query.rng).tolist()):
            order, side = line(label)
            nearest = order[around(threshold(side), len(order), order.device)]
            take(nearest[free[nearest]][: left * (turn + 1) // classes - left * turn // classes])
        return torch.cat(chosen)


def mixed(side: Tensor) -> tuple[int, int]:
    """First and last place of the part of a line in which labels are mixed; ``side`` (n,) is 1, -1, or 0 if unlabeled.

    It begins at the last labeled one of the class before all others, or at 0, and ends at the first other one after all
    of the class, or at n - 1.
    """
    places = side.nonzero().flatten().tolist()
    members = side[places].gt(0).tolist()
    first, last = 0, len(side) - 1
    for place, member in zip(places, members, strict=True):
        if not member:
            break
        first = place
    for place, member in zip(reversed(places), reversed(members), strict=True):
        if member:
            break
        last = place
    return first, last


def threshold(side: Tensor) -> int:
    """How many places come before the threshold with the most labeled examples on their right side; the first such."""
    before = torch.cat([side.new_zeros(1), side.cumsum(0)])  # those of the class minus the others
    return int((before == before.max()).nonzero()[0])


def around(threshold: int, count: int, device: torch.device | None = None) -> Tensor:
    """The places 0 to ``count`` - 1 by their distance to a threshold, before and after it in turns: (count,)."""
    places = torch.arange(count, device=device)
    return torch.where(places < threshold, 2 * (threshold - 1 - places), 2 * (places - threshold) + 1).argsort()
