import itertools

import pytest
import torch
from scipy import stats

from alrun.selection.kmeans_plus_plus import kmeans_plus_plus
from alrun.selection.points import Dense, Outer


def factors(n: int, classes: int = 4, width: int = 6, seed: int = 0) -> Outer:
    rng = torch.Generator().manual_seed(seed)
    return Outer(torch.randn(n, classes, generator=rng), torch.randn(n, width, generator=rng))


def formed(points: Outer) -> torch.Tensor:
    return (points.a[:, :, None] * points.b[:, None, :]).flatten(1)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_factors_choose_what_the_formed_points_choose():
    points = factors(300)
    on_matrix = kmeans_plus_plus(Dense(formed(points).double()), 40, seeded())
    assert kmeans_plus_plus(points, 40, seeded()).equal(on_matrix)


def test_draws_follow_the_exact_distribution():
    """All ordered outcomes of 3 of 7 points, their probabilities worked out by brute force, against 8,000 draws."""
    points = factors(7, classes=2, width=2, seed=4)
    matrix = formed(points).double()
    sqdist = torch.cdist(matrix, matrix).square()
    first = int(matrix.square().sum(1).argmax())
    probability = {}
    for second, third in itertools.permutations([i for i in range(7) if i != first], 2):
        p_second = sqdist[first, second] / sqdist[first].sum()
        nearest = torch.minimum(sqdist[first], sqdist[second])
        probability[first, second, third] = float(p_second * nearest[third] / nearest.sum())
    rng, counts, draws = seeded(), dict.fromkeys(probability, 0), 8_000
    for _ in range(draws):
        counts[tuple(kmeans_plus_plus(points, 3, rng).tolist())] += 1
    expected = [draws * p for p in probability.values()]
    assert stats.chisquare(list(counts.values()), expected).pvalue > 1e-3


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_duplicates_are_chosen_only_when_no_distinct_point_is_left_with_a_word_in_the_log(dtype, caplog):
    caplog.set_level("INFO")
    distinct = factors(20, seed=2)
    points = Outer(distinct.a.repeat(5, 1).to(dtype), distinct.b.repeat(5, 1).to(dtype))
    chosen = kmeans_plus_plus(points, 40, seeded())
    assert len(chosen.unique()) == 40
    assert sorted((chosen[:20] % 20).tolist()) == list(range(20))
    assert "only 20 distinct points; the rest is drawn uniformly" in caplog.text


def test_points_of_length_zero_are_still_distinct_choices():
    chosen = kmeans_plus_plus(Dense(torch.zeros(10, 3)), 10, seeded())
    assert sorted(chosen.tolist()) == list(range(10))


def test_all_points_can_be_chosen():
    assert sorted(kmeans_plus_plus(factors(30), 30, seeded()).tolist()) == list(range(30))
    with pytest.raises(ValueError, match="31 of 30"):
        kmeans_plus_plus(factors(30), 31, seeded())
