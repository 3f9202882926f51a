"""DIRECT against its lines walked example by example in Python's floats."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from alrun.models.outputs import Outputs
from alrun.strategies.more.direct import Direct, around, mixed, threshold
from tests.strategies.queries import make_query


def line_of(probs: np.ndarray, k: int) -> list[int]:
    """All examples by decreasing margin to class k, ties by their number."""
    margins = [float(row[k]) - max(map(float, row)) + 1e-8 * max(map(float, row)) for row in probs]
    return sorted(range(len(probs)), key=lambda example: (-margins[example], example))


def walked(probs: np.ndarray, labels: dict[int, int], size: int, draws: torch.Generator) -> list[int]:
    """The query by its definition: lists, loops, and every threshold tried."""
    classes, chosen = probs.shape[1], []

    def is_free(example: int) -> bool:
        return example not in labels and example not in chosen

    for k in range(classes):
        line = line_of(probs, k)
        known = [place for place, example in enumerate(line) if example in labels]
        members = [place for place in known if labels[line[place]] == k]
        others = [place for place in known if labels[line[place]] != k]
        first = max([place for place in members if all(place < other for other in others)], default=0)
        last = min([place for place in others if all(place > member for member in members)], default=len(line) - 1)
        among = [line[place] for place in range(first, last + 1) if is_free(line[place])]
        drawn = torch.randperm(len(among), generator=draws)[: size // classes // 2].tolist()
        chosen += [among[place] for place in drawn]
    left = size - len(chosen)
    for turn, k in enumerate(torch.randperm(classes, generator=draws).tolist()):
        line = line_of(probs, k)

        def right(cut: int, line: list[int] = line, k: int = k) -> int:
            """Labeled examples on their right side if the class is all that lies before ``cut``."""
            return sum((labels[each] == k) == (place < cut) for place, each in enumerate(line) if each in labels)

        cut = max(range(len(line) + 1), key=lambda each: (right(each), -each))
        share = left * (turn + 1) // classes - left * turn // classes
        before, after = cut - 1, cut
        while share:
            for place in (before, after):
                if share and 0 <= place < len(line) and is_free(line[place]):
                    chosen.append(line[place])
                    share -= 1
            before, after = before - 1, after + 1
    return chosen


@pytest.mark.parametrize("size", [3, 57])
@pytest.mark.parametrize("labeled", [1, 25])
def test_a_query_is_that_of_walking_over_every_line(size, labeled):
    query = make_query(Direct(), size=size, labeled=labeled)
    probs = torch.cat([query.unlabeled.log_probs, query.labeled.log_probs]).double().exp().numpy()
    count = len(query.unlabeled)
    labels = {count + place: label for place, label in enumerate(query.labels.tolist())}
    expected = walked(probs, labels, size, torch.Generator().manual_seed(0))
    assert Direct().select(query).tolist() == expected
    assert len(set(expected)) == size


@pytest.mark.parametrize("seed", range(5))
def test_lines_with_many_equal_margins_and_two_classes_too(seed):
    numbers = np.random.default_rng(seed)
    known, classes = int(numbers.integers(1, 12)), int(numbers.integers(2, 4))
    probs = numbers.integers(1, 5, (40, classes)).astype(float)
    probs /= probs.sum(1, keepdims=True)
    labels = numbers.integers(0, classes, known)
    query = make_query(Direct(), size=12, n=40, labeled=known)
    query.pool.labels[query.labeled.index] = torch.from_numpy(labels)
    logs = torch.from_numpy(np.log(probs))
    query = replace(
        query,
        unlabeled=Outputs(query.unlabeled.index, log_probs=logs[: 40 - known]),
        labeled=Outputs(query.labeled.index, log_probs=logs[40 - known :]),
        rng=torch.Generator().manual_seed(seed),
    )
    expected = walked(
        logs.exp().numpy(),
        {40 - known + place: int(label) for place, label in enumerate(labels)},
        12,
        torch.Generator().manual_seed(seed),
    )
    assert Direct().select(query).tolist() == expected


def side(text: str) -> torch.Tensor:
    return torch.tensor([{"+": 1, "-": -1, ".": 0}[mark] for mark in text])


@pytest.mark.parametrize(
    ("line", "part", "cut"),
    [
        (".+..+...-..-.", (4, 8), 5),  # no label is wrong: between the last + and the first -
        ("++.-.+.-.--..", (1, 7), 2),  # mixed from the second + to the - behind the last +; the first of two thresholds
        (".-.-.", (0, 1), 0),  # none is of the class
        (".+.+.", (3, 4), 4),  # all are
        ("-..+", (0, 3), 0),  # the other way round
        ("+.-.+.+.+.-.-", (0, 10), 9),  # one wrong label does not move the threshold
    ],
)
def test_where_labels_are_mixed_and_the_threshold_by_hand(line, part, cut):
    assert mixed(side(line)) == part
    assert threshold(side(line)) == cut


def test_places_around_a_threshold_come_in_turns_and_then_from_the_longer_side():
    assert around(2, 6).tolist() == [1, 2, 0, 3, 4, 5]
    assert around(0, 3).tolist() == [0, 1, 2]
    assert around(3, 3).tolist() == [2, 1, 0]
