"""The guide to strategies and the results of the README, on tables in which the gains are planted."""

import re
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from alrun.system.errors import UserError
from docs.generate import compare_pools as pools
from docs.generate import readme, regimes, which_strategy
from docs.generate import which_strategy_benchmarks as benchmarks
from docs.generate.findings_studies import RESULTS

ROUND = ["round", "labeled", "answers", "test_accuracy", "train_seconds", "evaluate_seconds", "select_seconds"]
ROUND += ["stopped_by", "train_accuracy"]


def table(gains: dict[str, float], repeats: int = 8, **changed: object) -> pd.DataFrame:
    """Three rounds; accuracy is 50 % and 10 points a round more, plus the gain (points) and scatter of 0.2 points."""
    draws = np.random.default_rng(0)
    return pd.DataFrame(
        [
            {"run": f"{changed}/{strategy}-{seed}", "strategy": strategy, "seed": seed, "round": number}
            | {"labeled": 100 * (1 + number), "answers": 100 * (1 + number), "dataset": "cifar10", "model": "linear"}
            | {"test_accuracy": 0.5 + 0.1 * number + (gain + draws.normal(0, 0.2)) / 100, "device": "cpu"}
            | {"train_seconds": 1.0, "evaluate_seconds": 0.1, "select_seconds": 0.1, "hardware": "a CPU"}
            | {"stopped_by": "optimum", "train_accuracy": 1.0, "optimizer.C": 0.003}
            | {name.replace("__", "."): value for name, value in changed.items()}
            for strategy, gain in {"random": 0.0, **gains}.items()
            for seed in range(repeats)
            for number in range(3)
        ]
    )


def named(gains: dict[str, float], repeats: int = 8) -> pd.DataFrame:
    rounds = table(gains, repeats)
    return rounds.assign(curve=rounds["strategy"], label="", facet="")


def commit(folder, name: str, rounds: pd.DataFrame) -> None:
    (folder / name).mkdir(parents=True)
    rounds.groupby("run").first().reset_index().drop(columns=ROUND).to_csv(folder / name / "runs.csv", index=False)
    rounds[["run", *ROUND]].to_csv(folder / name / "rounds.csv", index=False)


def written(monkeypatch, module, *words: str) -> None:
    monkeypatch.setattr(sys, "argv", [module.__name__, *words])
    module.main()


def test_a_strategy_is_named_by_its_gain_in_each_regime(tmp_path, monkeypatch):
    commit(tmp_path, "features/baseline", table({"margin": 2.0, "badge": 1.0, "entropy": -3.0, "coreset": 0.0}))
    commit(tmp_path, "pools/open_set", table({"entropy": 1.0, "badge": 2.0}))
    redundant = [table({"entropy": each}, redundancy__factor=factor) for factor, each in (("2", 3.0), ("20", -3.0))]
    commit(tmp_path, "features/redundancy", pd.concat(redundant))
    written(monkeypatch, which_strategy, "--results", str(tmp_path), "--page", str(tmp_path / "page.md"))
    page = (tmp_path / "page.md").read_text()
    (many,) = [line for line in page.splitlines() if line.startswith("| features, many labels, clean pool: CIFAR-10")]
    _, _, labels, repeats, better, worse, neither, _ = map(str.strip, many.split("|"))
    assert (labels, repeats, neither) == ("100 to 300", "8", "1")
    margin, badge = (float(better.partition(f"`{name}` ")[2].partition(" ")[0]) for name in ("margin", "badge"))
    assert (margin, badge) == (pytest.approx(2, abs=0.3), pytest.approx(1, abs=0.3))
    assert better.index("margin") < better.index("badge")
    assert "`entropy` -" in worse
    (copies,) = [line for line in page.splitlines() if line.startswith("| features, many labels, copies: CIFAR-10")]
    assert "`entropy` -" in copies  # those of 20 copies alone
    assert (
        "| from scratch, many labels, clean pool: MNIST, the paper's network | not computed, or with fewer than 3"
        in page
    )
    assert "| from scratch, many labels, clean pool | not computed, or with fewer than 3 repeats | | | |" in page
    assert "`entropy` better in 1 of 3, worse in 2 (" in page
    assert (
        "| margin 4.3 and BADGE 4.5 are above random (8.4), next to the oracle (1.0) | `margin` better in 1 of 1"
        in page
    )
    (uncertain,) = [line for line in page.splitlines() if "BALD 6.6 and entropy 7.1 are above random" in line]
    assert "`bald` not computed; `entropy` better in 0 of 1, worse in 1" in uncertain
    assert uncertain.endswith("| contradicts |")


def test_a_gain_is_the_mean_of_pairs_with_student_s_interval():
    rounds = named({"margin": 2.0})
    row = regimes.gains(rounds).loc["margin"]
    area = rounds.groupby(["strategy", "seed"])["test_accuracy"].apply(lambda y: np.trapezoid(y) / 2)
    gap = (area["margin"] - area["random"]).to_numpy()
    interval = stats.t.interval(0.95, len(gap) - 1, gap.mean(), stats.sem(gap))
    assert (row["gap"], row["low"], row["high"]) == pytest.approx((gap.mean(), *interval))
    assert row["p"] == pytest.approx(stats.ttest_1samp(gap, 0).pvalue)


def test_the_guide_and_the_page_of_pools_name_the_same_strategies():
    """They show the same runs, so a strategy that one of them calls better or worse is that on the other."""
    guide, page = (path.read_text() for path in (which_strategy.PAGE, pools.PAGE))
    for key, regime in regimes.REGIMES.items():
        name = key if key in pools.RATES else regime.folder.removeprefix("pools/")
        if name in pools.POOLS:
            (of_pool,) = re.findall(f"^\\| {pools.POOLS[name].title} \\| (.*) \\| (.*) \\|$", page, re.MULTILINE)
            (of_regime,) = re.findall(
                f"^\\| {regime.title} \\|(?:[^|]*\\|){{2}}(.*)\\|(.*)\\|.*\\|$", guide, re.MULTILINE
            )
            for all_of, first in zip(of_pool, of_regime, strict=True):
                more = int(found[1]) if (found := re.search(r"(\d+) more", first)) else 0
                names, listed = (re.findall("`(.*?)`", each) for each in (all_of, first))
                assert set(listed) <= set(names)
                assert len(listed) + more == len(names)


def test_what_to_try_and_what_not_follows_from_the_regimes_of_a_situation():
    """Entropy is worse in one of three and better in another, as from scratch: it is on neither side."""
    found = {
        "fashion": regimes.gains(named({"badge": 2.0, "entropy": -2.0, "coreset": -3.0})),
        "scratch": regimes.gains(named({"badge": 0.0, "margin": 1.0})),
        "mnist": regimes.gains(named({"badge": 1.0, "entropy": 1.0, "coreset": -1.0})),
    }
    of = list(found)
    assert re.fullmatch(
        r"`badge` 2 of 3 \(.* to \+2\.\d\)", which_strategy.advised(found, of, 1)
    )  # margin: 1 of 3 has it
    assert re.fullmatch(r"`coreset` 2 of 2 \(-.* to -.*\)", which_strategy.advised(found, of, -1))
    page = which_strategy.in_short(found)
    (row,) = [line for line in page.splitlines() if line.startswith("| from scratch, many labels, clean pool |")]
    assert row.endswith("| 3 | 8 |")
    assert which_strategy.advised({"fashion": regimes.gains(named({"badge": 0.0}))}, ["fashion"], 1) == "none"


def test_few_labels_are_few_for_each_class():
    """The kinds of the regimes against their committed tables."""
    for regime in regimes.REGIMES.values():
        classes = 77 if "Banking77" in regime.data else 10
        for path in RESULTS.glob(f"{regime.folder}/rounds.csv"):
            most = pd.read_csv(path, usecols=["labeled"])["labeled"].max() / classes
            assert (regime.labels == regimes.FEW) == (most <= regimes.FEW_LABELS)


@pytest.mark.parametrize(
    ("sign", "counts", "word"),
    [
        (1, (4, 0, 5), "agrees"),
        (1, (2, 0, 5), "open"),
        (1, (1, 1, 2), "in part"),
        (1, (1, 4, 7), "contradicts"),
        (-1, (1, 0, 2), "contradicts"),
        (-1, (0, 3, 4), "agrees"),
        (0, (0, 3, 4), "contradicts"),
        (0, (1, 0, 2), "in part"),
        (0, (0, 0, 2), "agrees"),
    ],
)
def test_a_benchmark_agrees_or_contradicts_by_the_numbers_of_regimes(sign, counts, word):
    assert benchmarks.judged(sign, *counts) == word


def test_a_contradiction_is_named_beside_an_agreement():
    found = {"few": regimes.gains(named({"coreset": 3.0, "margin": -2.0, "badge": 2.0}))}
    text, word = benchmarks.than_random(found, ["margin", "typiclust"], 1, ["few"])
    assert (text.partition(" (")[0], word) == ("`margin` better in 0 of 1, worse in 1", "contradicts")
    assert benchmarks.than_random(found, ["margin", "badge"], 1, ["few"])[1] == "in part"
    assert benchmarks.than_random(found, ["typiclust"], 1, ["few"]) == ("`typiclust` not computed", "open")
    assert benchmarks.domains({"shift": found["few"]})[1] == "contradicts"  # two of three are better
    assert all(ours({})[1] == "open" for _, _, ours in benchmarks.statements({}))


def test_one_strategy_leads_another_by_a_paired_test():
    rounds = named({"dropquery": 2.0, "margin": 1.0, "badge": 3.0})
    found, tables = {"few": regimes.gains(rounds)}, {"few": rounds}
    text, word = benchmarks.leads(found, tables, "dropquery", ["margin"], ["few"])
    areas = rounds.groupby(["strategy", "seed"])["test_accuracy"].apply(lambda y: np.trapezoid(y) / 2)
    p = stats.ttest_rel(areas["dropquery"], areas["margin"]).pvalue
    assert "`dropquery` minus `margin` +1.0" in text
    assert f"(p = {p:.1g})" in text
    assert word == "agrees"
    assert benchmarks.leads(found, tables, "dropquery", ["margin", "badge"], ["few"])[1] == "in part"
    assert benchmarks.leads(found, tables, "dropquery", ["badge"], ["few"])[1] == "contradicts"


def test_the_oracle_is_no_strategy_and_others_are_below_it():
    each = regimes.gains(named({"best_found": 5.0, "badge": 1.0}))
    assert list(each.index) == ["badge"]
    text, word = benchmarks.below_oracle({"fewer": each})
    assert re.search(r"`badge` (3\.9|4\.[01]) \[", text)
    assert word == "agrees"


def test_the_best_finder_of_rare_classes_stands_beside_one_that_is_not_told_them():
    """Two rare examples of random, twelve and eleven (with a scatter that hides the difference) of the others."""
    counts = {"random": [2, 2, 2, 2], "smi flqmi": [8, 16, 9, 15], "balanced entropy": [11, 12, 11, 12]}
    rounds = named({"smi flqmi": 4.0, "balanced entropy": 8.0}, 4)
    found = [f"9 {counts[row.strategy][row.seed] * (row.round > 0)}" for row in rounds.itertuples()]
    rounds = rounds.assign(class_labeled=found, class_names='["ants", "bees"]', rare_classes='["bees"]')
    text = readme.rare_examples(rounds)
    assert text.startswith("With rare classes, `smi flqmi`, which is told which they are, finds 6.00 times as many")
    assert "not significantly more than `balanced entropy`, which is not told: 5.75 times as many (" in text
    assert re.search(r"`balanced entropy` gains \+8\.\d points of mean accuracy, `smi flqmi` \+[34]\.\d\.$", text)
    alone = readme.rare_examples(rounds[rounds["strategy"] != "smi flqmi"])
    assert alone.startswith("With rare classes, `balanced entropy` finds 5.75 times")


def test_the_readme_says_what_the_tables_say_and_leaves_out_what_they_lack(tmp_path, monkeypatch):
    """Accuracy rises by 10 points per 100 labels; 5 points more are 50 labels fewer, so 300 are 1.2 times 250."""
    rounds = table({"margin": 5.0, "badge": -20.0})
    rounds["test_accuracy"] = rounds["test_accuracy"].round(2) + rounds["seed"] / 10_000
    commit(tmp_path, "features/baseline", rounds)
    (tmp_path / "pilots.csv").write_text("experiment,runs,seconds\n")
    page = tmp_path / "README.md"
    page.write_text(f"before\n{readme.BEGIN}\nearlier words\n{readme.END}\nafter\n")
    words = ["--results", str(tmp_path), "--page", str(page), "--figure", str(tmp_path / "figure.svg")]
    written(monkeypatch, readme, *words)
    text = page.read_text()
    assert "earlier words" not in text
    assert text.startswith("before")
    assert text.endswith("after\n")
    sentence = text.partition("accuracy, random sampling needs ")[2]
    assert float(sentence.partition(" times")[0]) == pytest.approx(1.2, abs=0.01)
    assert "`margin`" in sentence.partition("(")[0]
    assert "rare classes" not in text
    assert (tmp_path / "figure.svg").exists()
    written(monkeypatch, readme, *words)
    assert page.read_text() == text
    page.write_text("no place")
    with pytest.raises(UserError, match="no place for the results"):
        written(monkeypatch, readme, *words)


def test_a_regime_reads_all_tables_of_its_data_but_no_strategy_with_few_repeats(tmp_path):
    smi = table({"smi": -1.0}, strategy__function="flqmi").query("strategy == 'smi'")
    commit(tmp_path, "strategies/cifar10", pd.concat([table({}), smi]))
    commit(tmp_path, "strategies/cifar10_others_1", table({"dropquery": 2.0}).query("strategy != 'random'"))
    few = table({"typiclust": 2.0}, repeats=3).query("strategy != 'random'")
    commit(tmp_path, "strategies/cifar10_others_2", few)
    rounds = regimes.read(regimes.REGIMES["few"], tmp_path)
    assert set(rounds["curve"]) == {"random", "smi flqmi", "dropquery"}
    commit(tmp_path, "scratch/baseline", table({"badge": 2.0}, repeats=3))
    rounds = regimes.read(regimes.REGIMES["fashion"], tmp_path)
    assert set(rounds["curve"]) == {"random", "badge"}  # all have as few
    commit(tmp_path, "scratch/mnist_low", table({"badge": 2.0}, repeats=2))
    assert regimes.read(regimes.REGIMES["mnist_low"], tmp_path) is None
