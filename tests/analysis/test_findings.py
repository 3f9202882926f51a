"""The page of the paper's findings, on results in which each finding is planted, or its opposite."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "scripts"))

import findings
import findings_claims as claims
import findings_measures as measures
from alrun.errors import UserError
from findings_table import Table

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
    "stopped_by": "max_epochs",
    "train_accuracy": 0.5,
    "dss": "none",
    "data.examples": "0.03",
    "scale": "small",
    "hardware": "a CPU",
    "torch": "2.13.0",
}


def runs(offset=0.0, growth=0.0, seconds=1.0, strategies=("random", "entropy", "badge"), **changed) -> pd.DataFrame:
    """Nine rounds of three repeats; accuracy in % is 20 + 2 a round + ``offset`` + ``growth`` a round + scatter."""
    settings = BASE | {key.replace("__", "."): value for key, value in changed.items()}
    draws = np.random.default_rng(0)
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
    assert verdict(claims.claim_5, runs(), early) == "agrees"
    assert verdict(claims.claim_5, runs(), runs(-3, training__reset="false")) == "disagrees"


def test_runs_with_more_epochs_are_told_apart_from_the_others():
    longer = runs(4, training__max_epochs="60", strategies=("random",))
    plain = runs(-4, augmentation="none", training__max_epochs="60", strategies=("random",))
    parts = runs(-5), runs(augmentation="none"), longer, plain
    assert verdict(measures.augmentation, *parts) == "disagrees"
    assert verdict(measures.augmentation_longer, *parts) == "agrees"


def test_subsets_must_be_faster_and_as_good():
    assert verdict(measures.subsets, runs(seconds=3), runs(seconds=1, dss="grad_match")) == "agrees"
    assert verdict(measures.subsets, runs(seconds=3), runs(seconds=2, dss="grad_match")) == "disagrees"
    assert verdict(measures.subsets, runs(seconds=3), runs(-3, seconds=1, dss="grad_match")) == "disagrees"


def test_a_smaller_batch_must_not_matter():
    others = [runs(offset, budget__batch_size=size) for offset, size in ((0.2, "30"), (-0.2, "180"))]
    assert verdict(measures.batch_size, runs(), *others) == "agrees"
    assert verdict(measures.batch_size, runs(), runs(3, budget__batch_size="30"), others[1]) == "disagrees"


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
