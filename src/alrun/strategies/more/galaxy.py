"""GALAXY: bisect between labeled examples of a class and of others, for every class in turn."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alrun.strategies.base import Needs, Query, Strategy

Ints = NDArray[np.int64]
ALMOST = 1e-8  # of the highest probability: orders the examples of which the class is the predicted one


class Galaxy(Strategy):
    """For each class in turn, a line of all examples by their margin to it, and the middle of its shortest open piece.

    The margin of an example to class k is its probability of k minus the highest one. A piece of unlabeled examples is
    open if the labeled ones at its ends disagree on whether they are of class k. Without an open piece the unlabeled
    example nearest to a cut is taken, where neighbors disagree; without a cut (one class labeled), a random one. Two
    classes have one line.

    The annotator answers a batch after all of it is chosen, so that within the batch a chosen example counts as of its
    predicted class; a batch of 1 has no such guess. It costs a sort for each class, and the labeled set for each pick.

    Source: Zhang, Katz-Samuels and Nowak, GALAXY: Graph-based Active Learning at the Extreme, ICML 2022, as in the
    first author's code in LabelBench (galaxy.py), where each label is known before the next pick. Differences: classes
    take turns, as in the authors' first code (multi_linear_graph.py), in an order that is drawn in each round; all cuts
    count, as in that code, whose lines run the other way: LabelBench's test for cuts was not turned with them.
    """

    needs = Needs(log_probs=True, labeled=True)

    def select(self, query: Query) -> Tensor:
        """Positions (size,) int64, in the order of choice."""
        outputs = torch.cat([query.unlabeled.log_probs, query.labeled.log_probs])
        probs = outputs.double().exp().cpu().numpy()
        count, classes = len(query.unlabeled), probs.shape[1]
        answers = np.concatenate([probs[:count].argmax(1), query.labels.cpu().numpy()])
        highest = probs.max(1, keepdims=True)
        margins = probs - highest + ALMOST * highest if classes > 2 else probs[:, :1]
        turns = torch.randperm(margins.shape[1], generator=query.rng).tolist()
        lines = {k: Line(margins[:, k], answers == k, count) for k in turns}
        chosen: list[int] = []
        for step in range(query.size):
            line = lines[turns[step % len(turns)]]
            line.label(chosen)
            pick = line.pick()
            if pick is None:
                free = np.setdiff1d(np.arange(count), chosen, assume_unique=True)
                pick = int(free[int(torch.randint(len(free), (1,), generator=query.rng))])
            chosen.append(pick)
        return torch.tensor(chosen)


class Line:
    """All examples by decreasing margin to one class, and which of them are labeled.

    Args:
        margins: Of each example (n + m,), the unlabeled ones first.
        member: Whether each is of the class, or would be (n + m,).
        unlabeled: n.
    """

    def __init__(self, margins: NDArray[np.float64], member: NDArray[np.bool_], unlabeled: int) -> None:
        self.order = np.argsort(-margins, kind="stable").astype(np.int32)
        self.place = np.empty_like(self.order)
        self.place[self.order] = np.arange(len(margins), dtype=np.int32)
        self.member = member
        self.known = np.sort(self.place[unlabeled:]).astype(np.int64)  # places of labeled examples
        self.seen = 0  # of the batch's choices

    def label(self, chosen: list[int]) -> None:
        """Count the examples ``chosen`` so far as labeled."""
        new = np.sort(self.place[chosen[self.seen :]]).astype(np.int64)
        self.known = np.insert(self.known, np.searchsorted(self.known, new), new)
        self.seen = len(chosen)

    def pick(self) -> int | None:
        """The example to query; None if no two labeled ones disagree."""
        member = self.member[self.order[self.known]]
        disagree = member[1:] != member[:-1]
        if not disagree.any():
            return None
        gaps = np.diff(self.known) - 1
        inside = np.flatnonzero(disagree & (gaps > 0))
        if len(inside):
            at = inside[np.argmin(gaps[inside])]
            return int(self.order[(self.known[at] + self.known[at + 1]) // 2])
        return int(self.order[self.beside_a_cut(np.flatnonzero(disagree), gaps)])

    def beside_a_cut(self, cuts: Ints, gaps: Ints) -> int:
        """The unlabeled place nearest to one of ``cuts``, positions in ``known`` whose next one is their neighbor."""
        after = np.flatnonzero(gaps > 0)  # a gap of unlabeled examples follows these
        lengths = np.diff(np.concatenate([[-1], after, [len(self.known) - 1]]))
        blocks = np.repeat(np.arange(len(lengths)), lengths)[cuts]  # of labeled neighbors, in which each cut lies
        left = self.known[np.concatenate([[0], after + 1])][blocks] - 1
        right = self.known[np.concatenate([after, [len(self.known) - 1]])][blocks] + 1
        places = np.concatenate([left, right])
        distances = np.concatenate([self.known[cuts] - left, right - self.known[cuts + 1]])
        possible = (places >= 0) & (places < len(self.order))
        return int(places[possible][np.lexsort((places[possible], distances[possible]))[0]])
