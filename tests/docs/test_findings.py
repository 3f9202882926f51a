"""The page of the paper's findings, on results in which each finding is planted, or its opposite."""

import itertools
import sys
import zlib

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from alrun.analysis.paper import printed
from alrun.system.errors import UserError
from docs.generate import findings
from docs.generate import findings_claims as claims
from docs.generate import findings_measures as measures
from docs.generate import findings_rules as rules
from docs.generate.findings_table import Table, final

BASE = {
    "dataset": "cifar10",
    "model": "small_cnn",
    "optimizer": "sgd",
    "augmentation": "crop_flip",
    "redundancy": "none",
    "redundancy.factor": "",
    "per_class_cap": "none",
    "per_class_cap.limit": "",
    "seed_set": "random",
    "budget.batch_size": "90",
    "training.reset": "true",
    "training.max_epochs": "15",
    "stopped_by": "accuracy",
    "train_accuracy": 0.99,
    "dss": "none",
    "share.examples": "0.03",
    "scale": "paper",
    "hardware": "a CPU",
    "torch": "2.13.0",
}


def runs(offset=0.0, growth=0.0, seconds=1.0, strategies=("random", "entropy", "badge"), **changed) -> pd.DataFrame:
    """Nine rounds of three repeats; accuracy in % is 20 + 2 a round + ``offset`` + ``growth`` a round + scatter."""
    settings = BASE | {key.replace("__", "."): value for key, value in changed.items()}
    draws = np.random.default_rng(zlib.crc32(repr((changed, strategies)).encode()))
    rows = [
        {
            **settings,
            "run": f"{sorted(changed.items())}/{strategy}-{seed}",
            "strategy": strategy,
            "seed": seed,
            "round": number,
            "labeled": 30 + 90 * number,
            "test_accuracy": (20 + 2 * number + (offset + growth * number + draws.normal(0, 0.1)) * (number > 0)) / 100,
            "train_seconds": seconds,
            "evaluate_seconds": 0.1,
            "select_seconds": 0.1,
        }
        for strategy in strategies
        for seed in range(3)
        for number in range(9)
    ]
    return pd.DataFrame(rows)


def verdict(measure, *parts: pd.DataFrame) -> str:
    return measure(Table(pd.concat(parts, ignore_index=True)))[1].split(" (")[0]


@pytest.mark.parametrize(("offset", "expected"), [(-3, "agrees"), (3, "disagrees"), (0, "undecided")])
def test_adam_is_worse_better_or_alike(offset, expected):
    assert verdict(measures.optimizer, runs(), runs(offset, optimizer="adam")) == expected


def test_augmentation_counts_when_accuracy_and_efficiency_are_higher():
    active = runs(2, strategies=("entropy", "badge")), runs(strategies=("random",))
    plain = runs(-5, augmentation="none")
    assert verdict(measures.augmentation, *active, plain) == "agrees"
    assert verdict(measures.augmentation, runs(-5), runs(augmentation="none")) == "disagrees"


def test_redundancy_must_favour_badge_and_more_so_the_more_there_is():
    def parts(slope: float) -> list[pd.DataFrame]:
        made = []
        for factor in (2, 5, 10, 20):
            setting = {"redundancy": "duplicate", "redundancy__factor": str(factor), "budget__batch_size": "15"}
            made += [runs(strategies=("random", "entropy"), **setting)]
            made += [runs(slope * np.log(factor), strategies=("badge",), **setting)]
        return made

    assert verdict(lambda table: measures.redundancy(table, "duplicate"), *parts(1)) == "agrees"
    assert verdict(lambda table: measures.redundancy(table, "duplicate"), *parts(-1)) == "disagrees"


def test_an_update_may_cost_accuracy_early_but_not_late():
    kept = runs(training__reset="false")
    early = kept.assign(test_accuracy=kept["test_accuracy"] - 0.03 * kept["round"].between(1, 3))
    assert verdict(measures.update, runs(), early) == "agrees"
    assert verdict(measures.update, runs(), runs(-3, training__reset="false")) == "disagrees"
    renewed, kept = repeats([0.2, 0, -0.2]), repeats([-0.2, 0.2, 0], training__reset="false")
    kept["test_accuracy"] -= 0.03 * kept["round"].between(1, 3)
    assert verdict(claims.claim_5, renewed, kept) == "agrees"
    assert verdict(claims.claim_5, runs(), runs(-3, training__reset="false")) == "disagrees"


def test_subsets_must_be_faster_and_as_good():
    assert verdict(measures.subsets, runs(seconds=3), runs(seconds=1, dss="grad_match")) == "agrees"
    assert verdict(measures.subsets, runs(seconds=3), runs(seconds=2, dss="grad_match")) == "disagrees"
    assert verdict(measures.subsets, runs(seconds=3), runs(-3, seconds=1, dss="grad_match")) == "disagrees"


def test_a_smaller_batch_must_not_matter():
    others = [runs(offset, budget__batch_size=size) for offset, size in ((0.2, "30"), (-0.2, "180"))]
    assert verdict(measures.batch_size, runs(), *others) == "agrees"
    assert verdict(measures.batch_size, runs(), runs(3, budget__batch_size="30"), others[1]) == "disagrees"


def repeats(values: list[float], **changed) -> pd.DataFrame:
    """Runs whose accuracies are ``values`` (points, a seed each) above those of ``runs``, without other scatter."""
    table = runs(**changed)
    return table.assign(test_accuracy=(20 + 2 * table["round"] + table["seed"].map(dict(enumerate(values)))) / 100)


def test_no_effect_needs_the_interval_within_the_margin_and_not_the_mean():
    flat = repeats([0, 0, 0])
    wide = repeats([2, 0, -2], seed_set="facility_location")  # a mean of 0, an interval of ±5
    narrow = repeats([0.1, 0, -0.1], seed_set="facility_location")
    far = repeats([3.1, 3, 2.9], seed_set="facility_location")
    assert [verdict(measures.seed_set, flat, each) for each in (wide, narrow, far)] == [
        "undecided",
        "agrees",
        "disagrees",
    ]


def test_a_claim_that_one_is_not_better_is_not_supported_by_scatter():
    entropy = repeats([0, 0, 0], strategies=("entropy",))
    found = [
        verdict(measures.diversity, entropy, repeats(values, strategies=("badge",)))
        for values in ([3, 0, -3], [0.1, 0, -0.1], [3.1, 3, 2.9])
    ]
    assert found == ["undecided", "agrees", "disagrees"]


def test_the_seed_is_the_unit_however_many_strategies_there_are():
    """Three seeds by three strategies: t of nine pairs would be significant, that of the three seeds is not."""
    sgd, adam = repeats([0, 0, 0]), repeats([-8, -4, 0.4], optimizer="adam")
    gap = np.array([8, 4, -0.4])
    assert stats.ttest_1samp(np.tile(gap, 3), 0).pvalue < 0.05 < stats.ttest_1samp(gap, 0).pvalue
    assert rules.gaps(final(sgd), final(adam)) == pytest.approx(gap)
    assert verdict(measures.optimizer, sgd, adam) == "undecided"


def test_a_cell_counts_against_a_claim_beyond_chance_alone():
    def cell(count: int) -> claims.Cell:
        return claims.Cell("a", "b", count, tested=8, rounds=9)

    # 1 of 8 by chance in 1 - 0.975^8 = 18 % of experiments, 2 in 1.6 %; of four cells one has 2 in 6.3 %.
    assert claims.judged([cell(0)], 0) == "agrees"
    assert claims.judged([cell(1)], 0) == "undecided"
    assert claims.judged([cell(2)], 0) == "disagrees"
    assert claims.judged([cell(2), cell(0), cell(0), cell(0)], 0) == "undecided"
    assert claims.judged([cell(1)], 0.2) == "agrees"


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_papers_table_2_gives_the_papers_claim_4(order):
    """As repeats of mean - std, mean, mean + std; whichever are pairs."""
    rows = [
        {
            **BASE,
            "run": f"{row['strategy']}-{row['seed_set']}-{place}",
            "strategy": row["strategy"],
            "seed_set": row["seed_set"],
            "seed_set._target_": row["seed_set"],  # what the option stands for
            "seed": place if row["seed_set"] == "random" else order[place],
            "round": number,
            "labeled": row["labeled"],
            "test_accuracy": (row["mean"] + (place - 1) * row["std"]) / 100,
        }
        for _, frame in printed.read_printed("table2").groupby(["strategy", "seed_set"])
        for number, row in enumerate(frame.to_dict("records"))
        for place in range(3)
    ]
    assert verdict(claims.claim_4, pd.DataFrame(rows)) == "agrees"


def test_there_is_no_verdict_where_training_was_cut_short():
    finding = next(each for each in findings.FINDINGS if each.name == "2, optimizer")
    adam = runs(-3, optimizer="adam")
    for cut, expected in ((0, "agrees"), (8, "agrees"), (9, "no verdict: 6 % of its rounds were cut short")):
        cut_short = adam.assign(stopped_by=["max_epochs"] * cut + ["no_gain"] * 40 + ["schedule_end"] * (41 - cut))
        table = Table(pd.concat([runs(), cut_short], ignore_index=True))  # 162 rounds
        assert findings.judged(finding, table)[1].startswith(expected)


def test_what_was_not_run_is_said_and_the_rest_is_reported(tmp_path, monkeypatch, capsys):
    with pytest.raises(UserError, match="not run"):
        measures.optimizer(Table(runs()))
    runs().to_csv(tmp_path / "rounds.csv", index=False)
    monkeypatch.setattr(sys, "argv", ["findings", str(tmp_path / "rounds.csv"), "--page", str(tmp_path / "page.md")])
    findings.main()
    page = (tmp_path / "page.md").read_text()
    assert "these experiments were not run | not measured" in page
    assert "| 8, time | Training takes most of the time. | share of training:" in page
    assert "| cifar10 | small_cnn | 90 | 15 |" in page
