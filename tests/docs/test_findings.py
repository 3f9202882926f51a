"""The page of the paper's findings, on results in which each finding is planted, or its opposite."""

import itertools
import sys
import zlib

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.weightstats import DescrStatsW

from alrun.analysis.paper import printed
from alrun.system.errors import UserError
from docs.generate import findings, findings_figures
from docs.generate import findings_claims as claims
from docs.generate import findings_measures as measures
from docs.generate import findings_paper as paper
from docs.generate import findings_reasons as reasons
from docs.generate import findings_rules as rules
from docs.generate import findings_schedule as schedule
from docs.generate.findings_list import FINDINGS
from docs.generate.findings_measures import final

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
    return measure(pd.concat(parts, ignore_index=True)).verdict


@pytest.mark.parametrize(("offset", "expected"), [(-3, "confirmed"), (3, "refuted"), (0, "undecided")])
def test_adam_is_worse_better_or_alike(offset, expected):
    assert verdict(measures.optimizer, runs(), runs(offset, optimizer=measures.ADAM)) == expected


def test_augmentation_counts_when_accuracy_and_efficiency_are_higher():
    active = runs(2, strategies=("entropy", "badge")), runs(strategies=("random",))
    plain = runs(-5, augmentation="none")
    assert verdict(measures.augmentation, *active, plain) == "confirmed"
    assert verdict(measures.augmentation, runs(-5), runs(augmentation="none")) == "refuted"


def test_redundancy_must_favor_badge_and_more_so_the_more_there_is():
    def parts(slope: float) -> list[pd.DataFrame]:
        made = []
        for factor in (2, 5, 10, 20):
            setting = {"redundancy": "duplicate", "redundancy__factor": str(factor), "budget__batch_size": "15"}
            made += [runs(strategies=("random", "entropy"), **setting)]
            made += [runs(slope * np.log(factor), strategies=("badge",), **setting)]
        return made

    assert verdict(measures.redundancy, *parts(1)) == "confirmed"
    assert verdict(measures.redundancy, *parts(-1)) == "refuted"


def test_an_update_may_cost_accuracy_early_but_not_late():
    kept = runs(training__reset="false")
    early = kept.assign(test_accuracy=kept["test_accuracy"] - 0.03 * kept["round"].between(1, 3))
    assert verdict(measures.update, runs(), early) == "confirmed"
    assert verdict(measures.update, runs(), runs(-3, training__reset="false")) == "refuted"
    renewed, kept = repeats([0.2, 0, -0.2]), repeats([-0.2, 0.2, 0], training__reset="false")
    kept["test_accuracy"] -= 0.03 * kept["round"].between(1, 3)
    assert verdict(claims.claim_5, renewed, kept) == "confirmed"
    assert verdict(claims.claim_5, runs(), runs(-3, training__reset="false")) == "refuted"


def test_subsets_must_be_faster_and_as_good():
    assert verdict(measures.subsets, runs(seconds=3), runs(seconds=1, dss="grad_match")) == "confirmed"
    assert verdict(measures.subsets, runs(seconds=3), runs(seconds=2, dss="grad_match")) == "refuted"
    assert verdict(measures.subsets, runs(seconds=3), runs(-3, seconds=1, dss="grad_match")) == "refuted"


def test_a_smaller_batch_must_not_matter():
    others = [runs(offset, budget__batch_size=size) for offset, size in ((0.2, "30"), (-0.2, "180"))]
    assert verdict(measures.batch_size, runs(), *others) == "confirmed"
    assert verdict(measures.batch_size, runs(), runs(3, budget__batch_size="30"), others[1]) == "refuted"


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
        "confirmed",
        "refuted",
    ]


def test_a_claim_that_one_is_not_better_is_not_supported_by_scatter():
    entropy = repeats([0, 0, 0], strategies=("entropy",))
    found = [
        verdict(measures.diversity, entropy, repeats(values, strategies=("badge",)))
        for values in ([3, 0, -3], [0.1, 0, -0.1], [3.1, 3, 2.9])
    ]
    assert found == ["undecided", "confirmed", "refuted"]


def test_the_seed_is_the_unit_however_many_strategies_there_are():
    """Three seeds by three strategies: t of nine pairs would be significant, that of the three seeds is not."""
    sgd, adam = repeats([0, 0, 0]), repeats([-8, -4, 0.4], optimizer=measures.ADAM)
    gap = np.array([8, 4, -0.4])
    assert stats.ttest_1samp(np.tile(gap, 3), 0).pvalue < 0.05 < stats.ttest_1samp(gap, 0).pvalue
    assert rules.gaps(final(sgd), final(adam)) == pytest.approx(gap)
    assert verdict(measures.optimizer, sgd, adam) == "undecided"


def test_a_cell_counts_against_a_claim_beyond_chance_alone():
    def cell(count: int) -> claims.Cell:
        return claims.Cell("a", "b", count, tested=8, rounds=9)

    # 1 of 8 by chance in 1 - 0.975^8 = 18 % of experiments, 2 in 1.6 %; of four cells one has 2 in 6.3 %.
    assert claims.judged([cell(0)], 0) == "confirmed"
    assert claims.judged([cell(1)], 0) == "undecided"
    assert claims.judged([cell(2)], 0) == "refuted"
    assert claims.judged([cell(2), cell(0), cell(0), cell(0)], 0) == "undecided"
    assert claims.judged([cell(1)], 0.2) == "confirmed"
    one_of_two = claims.Cell("a", "b", 1, 2, 2)  # 4.9 % by chance, and twice as likely of two such cells
    assert claims.judged([one_of_two], 0) == "refuted"
    assert claims.judged([one_of_two], 0, chances=2) == "undecided"


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_papers_table_2_gives_the_papers_claim_4(monkeypatch, order):
    """As repeats of mean - std, mean, mean + std; whichever are pairs. Three cannot show that curves are alike."""
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
    assert verdict(claims.claim_4, pd.DataFrame(rows)) != "refuted"
    monkeypatch.setattr(claims, "if_alike", lambda found, groups: found)
    assert verdict(claims.claim_4, pd.DataFrame(rows)) == "confirmed"


def test_the_round_of_the_seed_set_itself_decides_nothing_on_seed_sets():
    flat, found = repeats([0, 0.01, -0.01]), []
    for last in (0, 8):  # the rounds in which another seed set is far better
        better = repeats([0.01, -0.01, 0], seed_set="facility_location")
        better["test_accuracy"] += 0.05 * (better["round"] <= last)
        both = [each.assign(**{"seed_set._target_": each["seed_set"]}) for each in (flat, better)]
        found.append(verdict(claims.claim_4, *both))
    assert found == ["confirmed", "refuted"]


def test_what_the_paper_says_of_augmentation_is_not_judged_without_it(tmp_path):
    finding = next(each for each in FINDINGS if each.of == "3")
    ahead = [runs(strategies=("random", "entropy")), runs(2, strategies=("badge",))]
    for augmentation, expected in (("crop_flip", "refuted"), ("none", "condition not met")):
        table = pd.concat(ahead, ignore_index=True).assign(augmentation=augmentation)
        committed(tmp_path / augmentation, "scratch/baseline", table)
        answer = findings.judged(finding, "fashion_mnist", tmp_path / augmentation)
        assert answer.verdict == expected
        assert answer.measured.startswith("mean accuracy of BADGE minus that of entropy +")


def test_no_effect_is_confirmed_where_curves_are_alike_and_not_where_tests_find_nothing():
    draws = np.random.default_rng(0)
    for spread, expected in ((0.001, "confirmed"), (0.2, "undecided")):
        curves = {name: pd.DataFrame(0.8 + spread * draws.normal(size=(5, 4))) for name in ("one", "other")}
        assert claims.if_alike("confirmed", {"": curves}) == expected
        assert claims.if_alike("refuted", {"": curves}) == "refuted"


def committed(folder, experiment: str, table: pd.DataFrame) -> None:
    (folder / experiment).mkdir(parents=True)
    results = table.assign(schema_version=4)
    results.groupby("run").first().reset_index().drop(columns=ROUND).to_csv(
        folder / experiment / "runs.csv", index=False
    )
    results[["run", *ROUND]].to_csv(folder / experiment / "rounds.csv", index=False)


ROUND = ["round", "labeled", "test_accuracy", "train_seconds", "evaluate_seconds", "select_seconds"]
ROUND += ["stopped_by", "train_accuracy"]


def page_of(folder, monkeypatch) -> str:
    """The page of the tables in ``folder``."""
    (folder / "pilots.csv").write_text("experiment,runs,seconds\nscratch/redundancy,96,150\n")
    monkeypatch.setattr(
        sys, "argv", ["findings", "--results", str(folder), "--page", str(folder / "p.md"), "--assets", str(folder)]
    )
    findings.main()
    return (folder / "p.md").read_text()


def test_there_is_no_verdict_where_training_was_cut_short(tmp_path):
    finding = next(each for each in FINDINGS if each.of == "2")
    adam = runs(-3, optimizer=measures.ADAM)
    enough = adam.assign(stopped_by="max_epochs", **{"training.max_epochs": "150"})  # as many as in the paper
    assert rules.trained(pd.concat([enough, adam.assign(stopped_by="max_epochs")])) == 0.5
    for cut, expected in ((0, "confirmed"), (8, "confirmed"), (9, "no verdict: 6 % of the rounds were cut short")):
        cut_short = adam.assign(stopped_by=["max_epochs"] * cut + ["no_gain"] * 40 + ["schedule_end"] * (41 - cut))
        committed(tmp_path / str(cut), "scratch/optimizer", pd.concat([runs(), cut_short], ignore_index=True))
        found = findings.judged(finding, "fashion_mnist", tmp_path / str(cut))  # 162 rounds
        assert (found if isinstance(found, str) else found.verdict) == expected


def test_what_was_not_run_is_on_the_page_with_its_hours_and_the_rest_is_reported(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="fewer than two of them were run"):
        measures.optimizer(runs())
    few, many = runs(strategies=("random", "entropy")), runs(2, strategies=("badge",))
    committed(tmp_path, "features/baseline", pd.concat([few, many], ignore_index=True))
    page = page_of(tmp_path, monkeypatch)
    assert "not computed: 96 runs, about 4.0 hours of one thread" in page
    assert "not testable here: the head is trained to its optimum" in page
    assert "| 3, diversity | **refuted** |" in page
    assert "| 8, time | **confirmed** |" in page
    assert "2 are decided" in page.replace("\n", " ")  # 3 and claim 1; 1 and 8 have parts without runs
    assert "why: BADGE minus entropy by number of labels: " in page


def test_our_accuracies_stand_beside_the_paper_s_where_both_have_them(tmp_path, monkeypatch):
    theirs = paper.curves("figure-1", "CIFAR-10 ResNet-18")
    rows = runs(strategies=("random", "badge", "bald"))
    rows = rows[rows["round"] < 2].assign(labeled=lambda t: 1000 + 3000 * t["round"])
    accuracy = [theirs["random"][labels] + 0.01 for labels in rows["labeled"]]
    committed(tmp_path, "scratch/cifar10", rows.assign(test_accuracy=accuracy))
    page = page_of(tmp_path, monkeypatch)
    _, second = (line for line in page.splitlines() if line.startswith(("| 1,000 |", "| 4,000 |")))
    at_4000 = 100 * theirs["random"][4000]
    assert f"| {at_4000 + 1:.2f} ± 0.00 (3) | {at_4000:.2f} | +1.00 |" in second
    assert "bald" not in page.partition("## CIFAR-10, Figure 1")[2]  # the paper's panel lacks it
    badge = 100 * (theirs["random"] + 0.01 - theirs["badge"])[[1000, 4000]]
    gaps = [1.0, *badge]
    said = f"Of 3 points {sum(gap == 0 for gap in gaps)} are within two of our standard deviations"
    assert said in page.replace("\n", " ")
    assert f"ours lie {min(gaps):+.2f} to {max(gaps):+.2f} points from it." in page.replace("\n", " ")
    assert (tmp_path / "cifar10.svg").exists()


def test_efficiencies_are_those_of_mean_curves_at_the_last_accuracy_of_random_sampling():
    labels = [100, 200, 300]
    theirs = pd.DataFrame({"random": [70.0, 80, 90], "badge": [70.0, 90, 95], "margin": [70.0, 75, 85]}, index=labels)
    ours = {"random": [0.5, 0.6, 0.6], "badge": [0.5, 0.7, 0.8], "margin": [0.5, 0.6, 0.65]}
    rows = [
        {"labeled": count, "strategy": name, "test_accuracy": value + shift}
        for name, values in ours.items()
        for count, value in zip(labels, values, strict=True)
        for shift in (-0.01, 0.01)  # two repeats
    ]
    text = findings_figures.efficiencies(pd.DataFrame(rows), theirs)
    assert "with 300 labels" in text
    assert text.endswith("badge 1.33, paper 1.50; margin 1.00, paper falls short.")  # 200 / 150, 300 / 200


def test_what_a_shorter_schedule_changes_stands_on_the_page(tmp_path):
    assert schedule.shorter(tmp_path / "without") == ""
    both = {"validation": "300", "budget.batch_size": "90"}
    long, short = (
        runs(shift, training__max_epochs=epochs).assign(**both) for shift, epochs in ((0, "150"), (-4, "40"))
    )
    short.loc[(short["strategy"] == "badge") & (short["round"] > 0), "test_accuracy"] += 0.02
    committed(tmp_path, "scratch/epochs", pd.concat([long, short]))
    page = schedule.shorter(tmp_path)
    assert "## 40 epochs instead of 150" in page
    assert "Here are 3\nrepeats with both" in page
    assert "AL batches of\n90." in page
    assert "of 300 labels that a repeat holds out" in page
    rows = {cells[1].strip(): cells for line in page.splitlines() if len(cells := line.split("|")) > 4}
    changes = {name: float(cells[-2].split()[0]) for name, cells in rows.items() if "[" in cells[-2]}
    expected = {"random": -4, "entropy": -4, "badge": -2, "badge minus random": 2, "badge minus entropy": 2}
    for name, change in expected.items():
        assert changes[name] == pytest.approx(change * 7.5 / 8, abs=0.15)  # all of nine rounds but the first


def test_schedules_stand_on_the_page_by_held_out_labels(tmp_path):
    assert schedule.cycles(tmp_path / "without") == ""
    made = itertools.product((9, 30), (0.1, 0.05), (0, 1))
    table = pd.DataFrame(made, columns=["training.max_epochs", "optimizer.lr", "seed"])
    accuracy = (table["training.max_epochs"] + 100 * table["optimizer.lr"] + table["seed"]) / 100
    runs_of_one_round = runs().iloc[: len(table)].assign(round=0, labeled=90, validation=50, **table)
    runs_of_one_round = runs_of_one_round.assign(run=table.index.astype(str), test_accuracy=accuracy)
    committed(tmp_path, "scratch/schedule", runs_of_one_round)
    page = schedule.cycles(tmp_path)
    assert "on 40 labels drawn at random" in page
    assert "of 50 labels that a repeat holds out" in page
    lines = page.splitlines()
    assert lines[lines.index("| epochs | rate 0.05 | rate 0.1 |") + 2 :][:2] == [
        "| 9 | 14.50 ± 0.71 | 19.50 ± 0.71 |",
        "| 30 | 35.50 ± 0.71 | 40.50 ± 0.71 |",
    ]


def test_a_finding_is_decided_when_each_of_its_parts_is():
    yes, no = rules.Answer("", "refuted", "", 3), rules.Answer("", "undecided", "", 3)
    confirmed = rules.Answer("", "confirmed", "", 20)
    answers = {("6", "a"): {"x": yes}, ("6", "b"): {"x": no, "y": yes}, ("7", "c"): {"x": no}}
    assert findings.verdicts(answers) == {"6": {"refuted"}}
    assert findings.verdicts({("6", "a"): {"x": yes}, ("6", "b"): {"x": no, "y": "not run"}}) == {}
    answers |= {("7", "c"): {"x": confirmed}, ("8", "d"): {"x": confirmed, "y": yes, "z": None}}
    said = findings.tally(answers)
    assert said.startswith("3 are decided with 3 to 20 repeats, each of their parts in at least one study. ")
    assert said.endswith(
        " Confirmed by each study that decides it: finding 7 (1 study). Refuted by each: finding 6 (2 studies). The "
        "other 1 are confirmed in some studies or parts and refuted in others"
    )
    answers = {
        ("5", "a"): {"features": yes, "mnist": no},
        ("Claim 4", "b"): {"banking77": yes},
        ("7", ""): {"mnist": yes},
    }
    assert "(1 study); finding 5 and claim 4 on pretrained features alone, where" in findings.tally(answers)


def test_what_three_repeats_could_detect_is_not_known():
    assert np.isnan(rules.detectable(np.array([0.1, 0.2, 0.4])))


@pytest.mark.parametrize("count", [5, 8, 20])
def test_what_repeats_find_is_what_a_simulation_finds(count):
    draws = np.random.default_rng(count)
    seen = draws.normal(0, 1, count)
    size = rules.detectable(seen)
    many = draws.normal(size, seen.std(ddof=1), (4000, count))
    assert (stats.ttest_1samp(many, 0, axis=1).pvalue < 0.05).mean() == pytest.approx(0.8, abs=0.03)


def test_at_most_is_the_least_margin_of_two_one_sided_tests():
    values = np.random.default_rng(0).normal(0.3, 1, 12)
    margin = rules.bound(values)
    for factor, expected in ((0.999, False), (1.001, True)):
        p = DescrStatsW(values).ttost_mean(-factor * margin, factor * margin)[0]
        assert (p < 0.05) == expected


def test_efficiency_is_judged_at_twice_for_the_best_strategy():
    """Accuracy rises by a point per 45 labels; the strategy needs half, or all, of random's labels."""
    random = repeats([0.0, 0.1, -0.1], strategies=("random",))
    for factor, expected in ((2.6, "confirmed"), (1.2, "refuted")):
        fast = random.assign(
            strategy="badge",
            run="b" + random["run"],
            test_accuracy=(20 + 2 * factor * random["round"] + 0.1 * random["seed"]) / 100,
        )
        assert verdict(measures.labeling_efficiency, random, fast) == expected


def test_fewer_examples_of_a_class_leave_less_to_gain():
    def capped(gain: float, limit: str) -> pd.DataFrame:
        cap = {"per_class_cap": f"c{limit}" if limit else "none", "per_class_cap__limit": limit}
        random, active = (runs(strategies=each, **cap) for each in (("random",), ("entropy", "badge")))
        active["test_accuracy"] += gain / 100 * (active["round"] > 0)
        return pd.concat([random, active], ignore_index=True)

    assert verdict(measures.per_class, capped(0.5, "1000"), capped(3, "")) == "confirmed"
    assert verdict(measures.per_class, capped(3, "1000"), capped(0.5, "")) == "refuted"


def test_a_claim_that_twenty_repeats_refute_is_tried_with_three():
    """A difference of half its scatter: three repeats cannot find it in two of eight rounds, twenty do."""
    draws = np.random.default_rng(0)
    rows = [
        {**BASE, "run": f"{name}-{seed}", "strategy": name, "seed": seed, "round": number, "labeled": 90 * number}
        | {"test_accuracy": 0.5 + (0.008 if name == "badge" else 0) + draws.normal(0, 0.01)}
        for name in ("entropy", "badge")
        for seed in range(20)
        for number in range(1, 10)
    ]
    table = pd.DataFrame(rows)
    assert claims.claim_1(table).verdict == "refuted"
    share = float(claims.claim_1.of_three(table).partition("paper, ")[2].partition(" %")[0])
    assert share < 40


def test_redundancy_costs_each_strategy_what_was_planted():
    parts = [repeats([0, 0, 0], redundancy__factor="2"), repeats([-1, -1, -1], redundancy__factor="20")]
    text = reasons.losses_by_redundancy(pd.concat(parts, ignore_index=True))
    assert text == "mean accuracy at ×20 minus that at ×2: random -1.00, entropy -1.00, badge -1.00 points"


def test_a_seed_set_is_felt_as_long_as_was_planted():
    parts = [
        repeats([gap] * 3, seed_set=kind).assign(labeled=labels)
        for kind, labels, gap in (
            ("random", 100, 0),
            ("random", 200, 0),
            ("facility_location", 100, 2),
            ("facility_location", 200, -1),
        )
    ]
    text = reasons.seed_sets_by_labels(pd.concat(parts, ignore_index=True))
    assert "facility_location +2.00 [+2.00, +2.00] at 100, -1.00 [-1.00, -1.00] at 200" in text
    assert "; " not in text  # nothing of random beside itself


def test_the_strategy_that_depends_on_the_batch_size_is_named():
    parts = [
        repeats([loss if name == "entropy" else 0] * 3, strategies=(name,), budget__batch_size=size).assign(
            labeled=labels
        )
        for name in ("random", "entropy", "badge")
        for size, loss in (("77", 0), ("308", -6))
        for labels in (154, 462)
    ]
    text = reasons.batch_sizes_by_strategy(pd.concat(parts, ignore_index=True))
    assert "batches of 308 minus that with 77" in text
    assert "badge +0.00 [+0.00, +0.00], entropy -6.00 [-6.00, -6.00], random +0.00 [+0.00, +0.00]" in text


def test_that_kept_weights_have_learned_more_is_found():
    parts = [
        repeats([0] * 3, strategies=("random",), training__reset=reset).assign(train_accuracy=share)
        for reset, share in (("true", 0.75), ("false", 0.9))
    ]
    text = reasons.learned_by_update(pd.concat(parts, ignore_index=True))
    assert "75 % with new weights, 90 % with those of the last round" in text


def test_adam_may_lose_by_its_constant_rate_alone():
    adam = repeats([-1, -1.2, -0.8], optimizer=measures.ADAM).assign(train_accuracy=0.5)
    falling = repeats([2, 1.8, 2.2], optimizer=measures.ANNEALED).assign(train_accuracy=0.9)
    rounds = pd.concat([repeats([0] * 3).assign(train_accuracy=0.75), adam, falling], ignore_index=True)
    assert [measures.optimizer(rounds).verdict, measures.schedule(rounds).verdict] == ["confirmed", "refuted"]
    assert "75 % with SGD, 50 % with Adam" in reasons.learned_by_optimizer(rounds)
    text = reasons.learned_by_schedule(rounds)
    assert text.startswith("the schedule is worth +3.00")
    assert "75 % with SGD, 90 % with Adam" in text


def test_a_claim_counts_the_seeds_that_its_curves_share():
    kinds = {"sgd": [0, 0, 0], measures.ADAM: [-8, -8.1, -7.9], measures.ANNEALED: [5, 5, 5]}
    parts = [
        repeats(values, optimizer=kind, optimizer__build=kind, strategies=("entropy",))
        for kind, values in kinds.items()
    ]
    more = parts[0].assign(seed=parts[0]["seed"] + 3, run=parts[0]["run"] + "more")
    found = claims.claim_2(pd.concat([*parts, more], ignore_index=True))
    assert (found.repeats, found.verdict) == (3, "confirmed")  # the annealed Adam is not the paper's


def test_subsets_are_judged_by_strategies_that_they_can_change():
    """What random sampling queries does not depend on the training, so that it dilutes each difference."""
    whole = runs()
    some = runs(dss="grad_match").assign(train_seconds=0.1)
    same = some["strategy"] == "random"
    some.loc[same, "test_accuracy"] = whole.loc[whole["strategy"] == "random", "test_accuracy"].to_numpy()
    some.loc[~same, "test_accuracy"] = whole.loc[whole["strategy"] != "random", "test_accuracy"].to_numpy() - 0.015
    assert verdict(measures.subsets, whole, some) == "refuted"  # 1.5 points of two strategies, 1.0 of all three


def test_of_three_repeats_none_can_be_drawn():
    assert claims.claim_1.of_three(repeats([0] * 3, strategies=("entropy", "badge"))) == ""


def test_a_cap_that_helps_entropy_alone_is_found():
    """Caps of 40 and of all: entropy gains 3 points by the cap, and was right about half of what it queried."""
    parts = []
    for limit, gain, right in (("40", 3, 0.5), ("200", 0, 0.25)):
        for name in ("random", "entropy", "badge"):
            table = repeats([gain if name == "entropy" else 0] * 3, strategies=(name,), per_class_cap__limit=limit)
            parts.append(table.assign(batch_accuracy=right if name == "entropy" else 0.75))
    text = reasons.extremes(pd.concat(parts, ignore_index=True).assign(labeled=7, data="other"))
    assert "with 40 examples of a class entropy +3.00 [+3.00, +3.00], badge +0.00" in text
    assert "right about 50 % with the cap and 25 % without (BADGE 75 % and 75 %)" in text
    assert "candidates" not in text  # those are of another data set
