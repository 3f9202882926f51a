"""Every statistic against numbers worked out by hand, published ones, or another library."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import DescrStatsW

from alrun.analysis import efficiency_table, ranks, rounds, scores
from alrun.analysis.curves import name_curves
from alrun.analysis.intervals import LEAST, RESAMPLES, bootstrap_interval, t_interval
from alrun.analysis.paper import printed
from alrun.analysis.significance import (
    all_pairs,
    by_chance,
    compare,
    equivalence,
    holm,
    penalty_matrix,
    repeats_needed,
    round_tests,
    t_test,
    t_tests_by_round,
    wilcoxon,
)
from tests.analysis.made_runs import make_run


@pytest.fixture
def table(tmp_path) -> pd.DataFrame:
    """Three repeats of random and badge. Differences by round: none at first; 0.1 each; 0.1, 0.2, 0.3; 0.1, 0, -0.1."""
    random = [[0.5, 0.6, 0.6, 0.7], [0.5, 0.62, 0.6, 0.7], [0.5, 0.64, 0.6, 0.7]]
    badge = [[0.5, 0.7, 0.7, 0.8], [0.5, 0.72, 0.8, 0.7], [0.5, 0.74, 0.9, 0.6]]
    runs = [make_run(tmp_path, "random", seed, accuracy) for seed, accuracy in enumerate(random)]
    runs += [make_run(tmp_path, "badge", seed, accuracy) for seed, accuracy in enumerate(badge)]
    return name_curves(rounds.gather(runs).rounds)


def test_the_t_interval_of_three_numbers():
    # Mean 2, standard error 1 / √3, quantile 4.302653 of two degrees of freedom.
    assert t_interval([1, 2, 3]) == pytest.approx((2 - 4.302653 / math.sqrt(3), 2 + 4.302653 / math.sqrt(3)))
    assert np.isnan(t_interval([1.0])).all()


@pytest.mark.parametrize("count", [LEAST, 40, 200])
def test_the_bootstrap_interval_is_scipys(count):
    values = np.random.default_rng(0).normal(0.8, 0.1, count)
    settings = {"n_resamples": RESAMPLES, "method": "percentile", "rng": np.random.default_rng(0)}
    expected = stats.bootstrap((values,), np.mean, **settings).confidence_interval
    assert bootstrap_interval(values.tolist()) == pytest.approx((expected.low, expected.high))


def test_a_bootstrap_interval_is_given_where_it_nearly_covers_what_it_says(monkeypatch):
    assert np.isnan(bootstrap_interval([1.0, 2, 3])).all()
    assert np.isnan(bootstrap_interval([1.0] * (LEAST - 1))).all()
    monkeypatch.setattr("alrun.analysis.intervals.LEAST", 2)
    draws = np.random.default_rng(1).normal(size=(1500, LEAST))
    for count, share in ((3, 0.75), (5, 0.83), (LEAST, 0.90)):  # of three it is their range: 1 - 2 / 2³
        found = [bootstrap_interval(row[:count].tolist()) for row in draws]
        assert np.mean([low <= 0 <= high for low, high in found]) == pytest.approx(share, abs=0.03)


def test_the_paired_t_test():
    mean, p = t_test(np.array([[1.0], [2.0], [3.0]]), np.zeros((3, 1)))
    assert mean == [2]
    assert p == pytest.approx(1 - math.sqrt(12 / 14))  # t = 2 √3; in closed form for two degrees of freedom
    first, second = np.random.default_rng(1).normal(size=(2, 5, 7))
    assert t_test(first, second)[1] == pytest.approx(stats.ttest_1samp(first - second, 0).pvalue)


def test_what_is_equal_by_construction_is_not_tested():
    shared = np.full((3, 1), 0.578), np.full((3, 1), 0.537)  # one first model a setting, copied to all repeats
    assert np.isnan(t_test(*shared)[1]).all()
    own = np.array([[0.5], [0.6], [0.7]])  # a first model each, which both curves share
    assert np.isnan(t_test(own, own)[1]).all()
    assert np.isnan(t_test(own, own - 0.1)[1]).all()  # a scatter of 0 makes p = 0 of whatever difference
    assert t_test(own, own - 0.1)[0] == pytest.approx(0.1)
    assert np.isnan(t_test(own[:1], 2 * own[:1])[1]).all()
    assert not np.isnan(t_test(own, np.array([[0.5], [0.5], [0.5]]))[1]).any()  # one of both scatters


def test_equivalence_is_two_one_sided_tests():
    for seed, count in enumerate((3, 5, 20)):
        values = np.random.default_rng(seed).normal(0.002, 0.005, count)
        expected = DescrStatsW(values).ttost_mean(-0.01, 0.01)[0]
        assert equivalence(values, 0.01) == pytest.approx(expected)
        low, high = t_interval(values.tolist(), 0.9)
        assert (equivalence(values, 0.01) < 0.05) == (low > -0.01 and high < 0.01)
    # A mean within the margin whose interval is not: three repeats of a scatter of 1.6 points show nothing.
    assert equivalence(np.array([-0.015, 0.001, 0.017]), 0.01) > 0.05
    assert math.isnan(equivalence(np.zeros(3), 0.01))


def test_a_cell_by_chance_is_counted_over_all_ways_to_be_significant():
    def counted(count: int, tests: int, alpha: float) -> float:
        ways = itertools.product((0, 1), repeat=tests)
        return sum(math.prod(alpha / 2 if hit else 1 - alpha / 2 for hit in way) for way in ways if sum(way) >= count)

    for count, tests in ((0, 4), (1, 4), (2, 8), (8, 8)):
        assert by_chance(count, tests) == pytest.approx(counted(count, tests, 0.05))
    assert by_chance(1, 8, cells=2) == pytest.approx(1 - 0.975**16)  # 33 %: one or more of 8 rounds, either way


def test_holm_by_hand():
    # 3 x 0.01, 2 x 0.03, and 0.04, which may not be below the one before.
    assert holm(np.array([0.01, 0.04, math.nan, 0.03])) == pytest.approx([0.03, 0.06, math.nan, 0.06], nan_ok=True)


def test_the_penalty_matrix_by_hand(table):
    tests = round_tests(table)
    # Not tested in the shared first round and for 0.1 thrice; 0.074 for 0.1, 0.2, 0.3, and 1 for a mean of 0.
    p = 1 - math.sqrt(12 / 14)
    assert tests["p"].tolist() == pytest.approx([math.nan, math.nan, p, 1], nan_ok=True)
    assert tests["p_holm"].tolist() == pytest.approx([math.nan, math.nan, 2 * p, 1], nan_ok=True)
    assert tests["difference"].tolist() == pytest.approx([0, -0.1, -0.2, 0])
    matrix = penalty_matrix(tests, ["random", "badge"])
    assert matrix.to_numpy().tolist() == [[0, 0], [0, 0]]
    assert penalty_matrix(tests, ["random", "badge"], alpha=0.1).loc["badge", "random"] == 0.25
    assert penalty_matrix(tests, ["random", "badge"], alpha=0.1, p="p_holm").loc["badge", "random"] == 0


def test_known_differences_are_found_and_none_is_invented():
    rng = np.random.default_rng(0)
    levels = {"a": 0.5, "b": 0.5, "c": 0.7}
    rows = [
        {"curve": curve, "seed": seed, "labeled": r, "test_accuracy": level + rng.normal(0, 0.01)}
        for curve, level in levels.items()
        for seed in range(10)
        for r in range(9)
    ]
    matrix = penalty_matrix(round_tests(pd.DataFrame(rows)), list(levels))
    assert matrix.loc["c", ["a", "b"]].tolist() == [1, 1]
    assert matrix.loc[["a", "b"], "c"].tolist() == [0, 0]
    assert matrix.loc["a", "b"] + matrix.loc["b", "a"] <= 2 / 9


def test_pairs_are_bounded_and_those_that_matter_most_stay(monkeypatch):
    curves = pd.DataFrame(
        [{"curve": f"{s} {f}", "facet": f, "strategy": s} for f in "xyz" for s in ("random", "badge", "entropy")]
    )
    assert len(all_pairs(curves)[0]) == math.comb(9, 2)
    monkeypatch.setattr("alrun.analysis.significance.PAIRS", 35)
    pairs, words = all_pairs(curves)
    assert words == "the pairs of curves that have one setting"
    assert {(one[-1], other[-1]) for one, other in pairs} == {("x", "x"), ("y", "y"), ("z", "z")}
    assert len(pairs) == 3 * 3
    monkeypatch.setattr("alrun.analysis.significance.PAIRS", 8)
    pairs, words = all_pairs(curves)
    assert words == "the pairs with random sampling of the same setting"
    assert pairs == [(f"random {f}", f"{s} {f}") for f in "xyz" for s in ("badge", "entropy")]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_papers_table_2_gives_its_claim_4_whatever_the_pairs(order):
    """As repeats of mean - std, mean, mean + std: no seed set is better with BADGE, round 0 or later."""
    rows = [
        {
            "curve": f"{row['strategy']}, {row['seed_set']}",
            "seed": place if row["seed_set"] == "random" else order[place],
            "labeled": row["labeled"],
            "test_accuracy": (row["mean"] + (place - 1) * row["std"]) / 100,
        }
        for row in printed.read_printed("table2").to_dict("records")
        for place in range(3)
    ]
    tests = round_tests(pd.DataFrame(rows))
    curves = ["badge, random", "badge, facility_location", "entropy, random", "entropy, facility_location"]
    matrix = penalty_matrix(tests, curves)
    assert matrix.loc[curves[0], curves[1]] == matrix.loc[curves[1], curves[0]] == 0
    assert matrix.loc[curves[3], curves[2]] == 0  # with entropy, facility location is not better in any round
    assert tests.loc[tests["labeled"] == 1000, "p"].isna().all()


def test_with_one_repeat_in_common_the_cell_is_empty(table):
    rest = table[(table["curve"] == "random") | (table["seed"] == 1)]
    matrix = penalty_matrix(round_tests(rest), ["random", "badge"])
    assert np.isnan(matrix.loc["random", "badge"])


def test_rounds_that_a_repeat_lacks_are_tested_on_the_others():
    draws = np.random.default_rng(0)
    first, second = draws.normal(size=(2, 6, 3))
    first[1, 2] = np.nan
    difference, p = t_tests_by_round(first, second)
    there = [0, 2, 3, 4, 5]
    assert p[:2] == pytest.approx(stats.ttest_rel(first[:, :2], second[:, :2]).pvalue)
    assert p[2] == pytest.approx(stats.ttest_rel(first[there, 2], second[there, 2]).pvalue)
    assert difference[2] == pytest.approx((first - second)[there, 2].mean())
    first[:, 2] = np.nan
    assert np.isnan(t_tests_by_round(first, second)[1][2])


@pytest.mark.parametrize("seed", range(5))
def test_wilcoxon_is_exact_with_ties(seed):
    differences = np.random.default_rng(seed).integers(-3, 5, 9) / 10 + 0.1
    every = stats.PermutationMethod(n_resamples=np.inf)
    assert wilcoxon(differences) == pytest.approx(stats.wilcoxon(differences.round(9), method=every).pvalue)


def test_wilcoxon_by_counting_signs():
    assert wilcoxon(np.array([0.1, 0.2, 0.3])) == 0.25  # 2 of the 8 ways to give signs
    assert wilcoxon(np.array([1.0, 2, 3, 4, 5, 6])) == 2 / 64
    assert math.isnan(wilcoxon(np.zeros(3)))
    assert math.isnan(wilcoxon(np.array([0.1])))


@pytest.mark.parametrize(("effect", "pairs"), [(0.2, 199), (0.5, 34), (0.8, 15), (1.0, 10)])
def test_repeats_needed_are_those_of_published_power_tables(effect, pairs):
    """Cohen's effects at a level of 0.05 and a power of 0.8, as G*Power gives them."""
    assert repeats_needed(effect, 1.0) == pairs


def test_the_repeats_needed_have_the_power_and_one_less_has_not():
    for effect in (0.003, 0.03, 0.3, 1.5, 2.0, 4.0):
        count = repeats_needed(effect, 1.0)

        def power(n: float, effect: float = effect) -> float:
            return float(np.nan_to_num(TTestPower().power(effect, n, 0.05, alternative="two-sided"), nan=1.0))

        assert power(count) >= 0.8
        assert count == 2 or power(count - 1) < 0.8


def test_area_final_accuracy_and_their_comparison_by_hand(table):
    runs = scores.per_run(table)
    # Trapezoids of width 1/3: random 0 (0.5/2 + 0.6 + 0.6 + 0.7/2) / 3.
    assert runs["aubc"].iloc[0] == pytest.approx((0.25 + 0.6 + 0.6 + 0.35) / 3)
    assert runs["final"].tolist() == [0.7, 0.7, 0.7, 0.8, 0.7, 0.6]
    final = scores.per_curve(runs, "final")
    assert final.loc["badge", ["repeats", "mean", "std"]].tolist() == pytest.approx([3, 0.7, 0.1])
    pair = compare(runs, "final").iloc[0]
    assert pair[["first", "second", "repeats"]].tolist() == ["random", "badge", 3]
    assert pair["difference"] == pytest.approx(0)
    assert (pair["t_low"], pair["t_high"]) == pytest.approx(t_interval([-0.1, 0, 0.1]))
    assert pair["p"] == pytest.approx(1)
    assert pair["repeats_needed"] == repeats_needed(0.01, 0.1)


def test_efficiency_over_repeats_by_hand(table):
    # 0.65 is reached by random between 300 and 400 labels, at 350; by badge at 175, 168.2 and 162.5.
    found = efficiency_table.efficiency_at(table, 0.65)
    expected = [350 / (100 + 100 * 0.15 / (share - 0.5)) for share in (0.7, 0.72, 0.74)]
    assert found["efficiency"].tolist() == pytest.approx([1, 1, 1, *expected])
    mean = scores.per_curve(found, "efficiency").loc["badge"]
    assert mean["mean"] == pytest.approx(np.mean(expected))
    assert (mean["t_low"], mean["t_high"]) == pytest.approx(t_interval(expected))


def test_where_a_repeat_never_arrives_there_is_no_mean_and_it_is_counted(table):
    found = scores.per_curve(efficiency_table.efficiency_at(table, 0.75), "needed")
    assert found.loc["badge", ["repeats", "missing"]].tolist() == [2, 1] or found.loc["badge", "missing"] == 0
    assert found.loc["random", "missing"] == 3
    assert math.isnan(found.loc["random", "mean"])


def test_class_balance_by_hand():
    assert scores.class_balance(np.array([5.0, 5, 5, 5])) == pytest.approx(1)
    assert scores.class_balance(np.array([7.0, 0])) == 0
    assert scores.class_balance(np.array([1.0, 3])) == pytest.approx(stats.entropy([0.25, 0.75], base=2))
    assert math.isnan(scores.class_balance(np.zeros(3)))


def test_the_full_data_accuracy_is_that_of_a_run_that_labels_everything(tmp_path, monkeypatch):
    monkeypatch.setitem(scores.POOL_SIZES, "toy", 300)
    runs = [make_run(tmp_path / "a", "random", 0, [0.5, 0.6]), make_run(tmp_path / "b", "badge", 0, [0.5, 0.7, 0.8])]
    runs.append(make_run(tmp_path / "c", "badge", 0, [0.5], options={"model": "other"}))
    known = scores.full_data(rounds.gather(runs).rounds)
    assert known.tolist()[:2] == [0.8, 0.8]
    assert math.isnan(known.iloc[2])


def test_the_critical_difference_is_that_of_its_source():
    """Demšar compares 4 classifiers on 14 data sets: 1.25; Table 5 there has 2.343, 2.569 and 2.728 for 3, 4 and 5."""
    assert ranks.critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)
    for strategies, quantile in ((3, 2.343), (4, 2.569), (5, 2.728)):
        scale = math.sqrt(strategies * (strategies + 1) / 6)
        assert ranks.critical_difference(strategies, 1) / scale == pytest.approx(quantile, abs=0.001)


def test_ranks_over_data_sets():
    runs = pd.DataFrame(
        [
            {"dataset": dataset, "facet": "", "label": label, "aubc": value, "seed": seed}
            for dataset, values in (("x", [1, 2, 3]), ("y", [1, 3, 2]), ("z", [2, 2, 5]))
            for label, value in zip("abc", values, strict=True)
            for seed in (0, 1)
        ]
    )
    runs = pd.concat([runs, pd.DataFrame([{"dataset": "x", "facet": "", "label": "only here", "aubc": 9, "seed": 0}])])
    table = ranks.score_table(runs, "aubc")
    assert table.columns.tolist() == ["a", "b", "c"]
    assert ranks.mean_ranks(table).tolist() == pytest.approx([(3 + 3 + 2.5) / 3, (2 + 1 + 2.5) / 3, (1 + 2 + 1) / 3])
    assert ranks.friedman(table) == pytest.approx(stats.friedmanchisquare(*table.to_numpy().T).pvalue)
    p = ranks.nemenyi(table)
    distance = abs(ranks.mean_ranks(table)["a"] - ranks.mean_ranks(table)["c"])
    expected = stats.studentized_range.sf(distance / math.sqrt(3 * 4 / (6 * 3)) * math.sqrt(2), 3, np.inf)
    assert p.loc["a", "c"] == pytest.approx(expected, abs=1e-6)
    assert math.isnan(ranks.friedman(table[["a", "b"]]))


def test_ranks_over_data_sets_compare_within_settings():
    """Strategies that are alike at 200 and at 300 labels: one that ran with 300 alone is not the best of them."""
    runs = pd.DataFrame(
        [
            {"dataset": dataset, "facet": facet, "label": label, "aubc": value, "seed": 0}
            for dataset in "xy"
            for facet, value in (("total=200", 0.5), ("total=300", 0.6))
            for label in ("a", "b", "late")
            if (facet, label) != ("total=200", "late")
        ]
    )
    table = ranks.score_table(runs, "aubc")
    assert table.columns.tolist() == ["a", "b"]
    assert table.to_numpy().ravel().tolist() == pytest.approx([0.55] * 4)


def test_a_penalty_matrix_of_some_rounds():
    """One curve is clearly better in the first two rounds, the other in the last one."""
    rows = [
        {"curve": curve, "seed": seed, "labeled": 100 * (round + 1), "test_accuracy": 0.5 + gap + 0.001 * seed * sign}
        for curve, sign in (("a", 1), ("b", -1))
        for round, gap in enumerate([0.2 * sign, 0.2 * sign, 0.0, -0.2 * sign])
        for seed in (0, 1, 2)
    ]
    tests = round_tests(pd.DataFrame(rows))
    cells = {
        rounds: penalty_matrix(tests, ["a", "b"], rounds=slice(*rounds)).loc[["a", "b"], ["b", "a"]]
        for rounds in ((0, 2), (2, None), (None, None))
    }
    assert (cells[0, 2].at["a", "b"], cells[0, 2].at["b", "a"]) == (1.0, 0.0)
    assert (cells[2, None].at["a", "b"], cells[2, None].at["b", "a"]) == (0.0, 0.5)
    assert (cells[None, None].at["a", "b"], cells[None, None].at["b", "a"]) == (0.5, 0.25)
