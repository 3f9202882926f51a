"""GALAXY against its lines walked example by example, and against annotators who answer between picks."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from alrun.models.outputs import Outputs
from alrun.strategies.more.galaxy import Galaxy, Line
from tests.strategies.queries import make_query


def walked(margins, labels: dict[int, bool]) -> int | None:
    """The pick on one line by walking over every example: the definition, with loops and Python's floats."""
    line = sorted(range(len(margins)), key=lambda example: (-float(margins[example]), example))
    pieces, cuts = [], []
    for start, first in enumerate(line):
        if first not in labels:
            continue
        end = next((place for place in range(start + 1, len(line)) if line[place] in labels), None)
        if end is not None and labels[line[end]] != labels[first]:
            (cuts if end == start + 1 else pieces).append((start, end))
    if pieces:
        start, end = min(pieces, key=lambda piece: piece[1] - piece[0])
        return line[(start + end) // 2]
    free = [place for place, example in enumerate(line) if example not in labels]
    if not cuts or not free:
        return None
    steps = {place: min(a - place if place < a else place - b for a, b in cuts) for place in free}
    return line[min(free, key=lambda place: (steps[place], place))]


@pytest.mark.parametrize("seed", range(30))
def test_a_line_is_searched_as_by_walking_over_it(seed):
    numbers = np.random.default_rng(seed)
    count, known = 40, int(numbers.integers(2, 12))
    margins = numbers.integers(-15, 1, count) / 16  # many are equal
    truth = (margins + numbers.normal(size=count) * numbers.choice([0.05, 0.5])) > -0.4
    line = Line(margins, truth, count - known)
    labels = {example: bool(truth[example]) for example in range(count - known, count)}
    chosen: list[int] = []
    while len(labels) < count:
        line.label(chosen)
        pick = line.pick()
        assert pick == walked(margins, labels)
        if pick is None:
            break
        labels[pick] = bool(truth[pick])
        chosen.append(pick)
    assert len(set(chosen)) == len(chosen)


def probabilities(query) -> np.ndarray:
    both = torch.cat([query.unlabeled.log_probs, query.labeled.log_probs])
    return both.double().exp().numpy()


@pytest.mark.parametrize("labeled", [5, 25])
def test_a_batch_takes_the_classes_in_turns_and_its_own_predictions_for_labels(labeled):
    query = make_query(Galaxy(), size=30, labeled=labeled)
    chosen = Galaxy().select(query).tolist()
    probs = probabilities(query)
    margins = probs - probs.max(1, keepdims=True) + 1e-8 * probs.max(1, keepdims=True)
    classes = np.concatenate([probs[: len(query.unlabeled)].argmax(1), query.labels.numpy()])
    draws = torch.Generator().manual_seed(0)
    turns = torch.randperm(5, generator=draws).tolist()
    known = list(range(len(query.unlabeled), len(probs)))
    for step, pick in enumerate(chosen):
        k = turns[step % 5]
        expected = walked(margins[:, k], {example: bool(classes[example] == k) for example in known})
        if expected is None:
            free = [example for example in range(len(query.unlabeled)) if example not in known]
            expected = free[int(torch.randint(len(free), (1,), generator=draws))]
        assert pick == expected
        known.append(pick)


def one_line(probs: list[float], labeled: list[float], labels: list[int]):
    """A query of two classes, by the probability of class 0."""
    both = torch.tensor([*probs, *labeled], dtype=torch.float64)
    logs = torch.stack([both, 1 - both], 1).log()
    query = make_query(Galaxy(), size=1, n=len(both), labeled=len(labeled))
    index = query.labeled.index
    query.pool.labels[index] = torch.tensor(labels)
    return replace(
        query,
        unlabeled=Outputs(query.unlabeled.index, log_probs=logs[: len(probs)]),
        labeled=Outputs(index, log_probs=logs[len(probs) :]),
    )


def test_two_classes_have_one_line_whose_shortest_open_piece_is_halved():
    # By decreasing probability of class 0: labeled 0 | .8 .7 .6 .5 .4 | labeled 1, then | .1 .05 | labeled 0.
    query = one_line([0.8, 0.7, 0.6, 0.5, 0.4, 0.1, 0.05], [0.9, 0.3, 0.02], [0, 1, 0])
    assert Galaxy().select(query).tolist() == [5]  # the first of the shorter piece
    query = one_line([0.8, 0.7, 0.6, 0.5, 0.4], [0.9, 0.3], [0, 1])
    assert Galaxy().select(query).tolist() == [2]


@pytest.mark.parametrize(("labels", "expected"), [([0, 1], 1), ([1, 0], 1)])
def test_a_cut_that_is_found_is_widened_on_its_nearer_side_whichever_way_it_turns(labels, expected):
    query = one_line([0.9, 0.65, 0.2], [0.6, 0.5], labels)
    assert Galaxy().select(query).tolist() == [expected]


def test_one_labeled_class_leaves_a_random_choice_that_the_seed_decides():
    query = one_line([0.9, 0.65, 0.2, 0.1], [0.6, 0.5], [1, 1])
    made = {int(Galaxy().select(replace(query, rng=torch.Generator().manual_seed(seed)))) for seed in range(20)}
    assert made == {0, 1, 2, 3}


def test_that_an_annotator_who_answers_between_picks_is_led_to_the_threshold():
    """The authors' setting on one line: a threshold among 1,000 is found in about log2 of them."""
    margins = -np.arange(1000) / 1000
    truth = np.arange(1000) < 367
    ends_last = [*range(1, 999), 0, 999]
    line, chosen = Line(margins[ends_last], truth[ends_last], 998), []
    while not {365, 366} <= set(chosen):  # on both sides of the threshold
        line.label(chosen)
        chosen.append(line.pick())
        assert len(chosen) <= 12
