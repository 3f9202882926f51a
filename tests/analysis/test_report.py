"""The report: its words, what it says of bad input, and that the page needs nothing else."""

import json
import re
import sys
from pathlib import Path

import pandas as pd
import pytest

from alrun.analysis import (
    comparability,
    figures,
    findings,
    formats,
    rounds,
    scores,
    significance,
    sources,
    summary_text,
)
from alrun.analysis.curves import name_curves
from alrun.analysis.metrics import ACCURACY
from alrun.analysis.paper import printed
from alrun.analysis.significance_section import Comparisons, significance_section
from alrun.commands import report as command
from alrun.system.errors import UserError
from tests.analysis.made_runs import make_run

BUDGET = {"seed_size": 1000, "batch_size": 24000, "total": 25000}


@pytest.fixture
def runs(tmp_path) -> list[Path]:
    """Badge is better than random by about 0.1, noise stays near it."""
    setting = tmp_path / "runs" / "toy"
    made = []
    for seed in (0, 1, 2):
        wobble = 0.002 * seed
        made.append(make_run(setting, "random", seed, [0.5, 0.6 + wobble, 0.7]))
        made.append(make_run(setting, "badge", seed, [0.5, 0.7 + 2 * wobble, 0.81 - wobble]))
        made.append(make_run(setting, "noise", seed, [0.5, 0.6 + 0.05 * (seed - 1), 0.72]))
    return made


def named(runs) -> pd.DataFrame:
    return name_curves(rounds.gather(runs).rounds)


def said(runs) -> str:
    table = named(runs)
    per_run = scores.per_run(table)
    pairs, tests = significance.compare(per_run, "aubc"), significance.round_tests(table)
    return "\n".join(findings.findings(table, per_run, pairs, tests, 0.05))


def compared(runs) -> Comparisons:
    table = named(runs)
    pairs = significance.compare(scores.per_run(table), "aubc")
    return Comparisons(pairs, significance.round_tests(table), "all pairs")


def test_findings_follow_from_the_numbers(runs):
    text = said(runs)
    assert "Most accurate in the end is badge with 80.8 ± 0.2 %, least random with 70.0 ± 0.0 %" in text
    assert "Along the budget badge is better than random by 7.8 points on average (3 repeats," in text
    assert "With 3 repeats a small p can still be luck" in text
    assert "cannot give less than 0.25 here; they need 6 repeats to come below 0.05" in text
    assert "Whether noise differs from random along the budget, 3 repeats cannot tell" in text
    pair = significance.compare(scores.per_run(named(runs)), "aubc").set_index(["first", "second"])
    seen, point = pair.loc[("random", "noise"), ["repeats_seen", "repeats_needed"]]
    assert f"the one seen here, {seen:,.0f} repeats would find it" in text
    assert f"a true difference of 1 point needs {point:,.0f}." in text
    assert (
        "the highest accuracy that every run reaches is 70.0 %; there the labeling efficiency of badge"
        in text.replace("The highest", "the highest")
    )
    assert "Selection takes 14.3 % of the time of all runs" in text  # 0.5 of 3.5 s


def test_the_opposite_numbers_give_the_opposite_words(tmp_path):
    made = [make_run(tmp_path, "random", seed, [0.5, 0.7 + 0.001 * seed, 0.8]) for seed in (0, 1, 2)]
    made += [make_run(tmp_path, "badge", seed, [0.5, 0.6, 0.7]) for seed in (0, 1, 2)]
    text = said(made)
    assert "Most accurate in the end is random" in text
    assert "Along the budget badge is worse than random" in text
    assert "no labeling efficiency is above that of random itself, 1." in text


def test_what_to_know_before_comparing(tmp_path, runs):
    assert comparability.notes(named(runs)) == []
    single = make_run(tmp_path / "runs" / "toy", "single", 1, [0.5, 0.6, 0.7])
    assert comparability.notes(named([*runs, single])) == [
        "single has one repeat: there is no spread and no test; add repeats with seed=0,1,2."
    ]
    assert comparability.notes(named([run for run in runs if run.name.rsplit("-", 2)[0::2] != ["noise", "seed2"]])) == [
        "noise lacks seed 2: comparisons with it use the seeds that both have; add seed=2."
    ]
    without = [run for run in runs if not run.name.startswith("random")]
    assert comparability.notes(named(without)) == [
        "No run of strategy=random has seed 0, 1, 2: labeling efficiency is unknown there; "
        "add strategy=random seed=0,1,2."
    ]


def test_mixed_settings_are_told_and_named(tmp_path, runs):
    other = [
        make_run(tmp_path / "other", "badge", seed, [0.5, 0.6], config={"optimizer": {"lr": 1}}) for seed in (0, 1, 2)
    ]
    notes = "\n".join(comparability.notes(named([*runs, *other])))
    assert "The runs have 2 settings (" in notes
    assert "The curves have different numbers of labels" in notes
    assert "No run of strategy=random with" in notes


def run_command(monkeypatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["report", *arguments])
    command.main()


def test_the_page_is_complete_and_the_rest_is_reported(tmp_path, runs, monkeypatch, capsys):
    path = runs[1] / "accuracy.csv"
    path.write_text(path.read_text()[:-20])
    run_command(monkeypatch, str(tmp_path / "runs"), "-o", str(tmp_path / "report"), "--accuracy", "0.65", "0.9")
    page = (tmp_path / "report" / "report.html").read_text()
    assert "accuracy.csv is damaged" in page
    assert "accuracy.csv is damaged" in capsys.readouterr().out
    assert "badge lacks seed 0" in page
    assert "<h1>results</h1>" in page
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)  # no request leaves the page
    assert "<script" not in page
    links = re.findall(r'href="([^"#]+)"', page)
    assert len(links) == 8
    assert all((tmp_path / "report" / link).is_dir() for link in links)
    for name in (
        "accuracy",
        "labeling_efficiency",
        "penalty_matrix",
        "difference_from_random",
        "time_per_round",
        "classes",
    ):
        assert (tmp_path / "report" / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (tmp_path / "report" / "figures" / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    efficiency = pd.read_csv(tmp_path / "report" / "tables" / "labeling_efficiency.csv").set_index("curve")
    assert efficiency.loc["badge", "not reached"].tolist() == [0, 2]  # 0.9 is never reached
    assert efficiency.loc["badge", "efficiency"].isna().tolist() == [False, True]
    # A table of results alone gives the same report.
    results = tmp_path / "report" / "results.csv"
    run_command(monkeypatch, str(results), "-o", str(tmp_path / "again"), "--accuracy", "0.65", "0.9", "--no-images")
    for name in ("comparisons", "accuracy", "penalty_matrix"):
        again = (tmp_path / "again" / "tables" / f"{name}.csv").read_text()
        assert again == (tmp_path / "report" / "tables" / f"{name}.csv").read_text()


def bare(*curves: tuple[str, int, list[float]]) -> pd.DataFrame:
    """A table with no columns but those that are required."""
    rows = [
        {
            "run": f"{name}-{seed}",
            "seed": seed,
            "round": r,
            "labeled": 100 * (r + 1),
            "test_accuracy": share,
            "strategy": name,
        }
        for name, seed, shares in curves
        for r, share in enumerate(shares)
    ]
    return pd.DataFrame(rows, columns=list(rounds.REQUIRED))


def reported(tmp_path, monkeypatch, *tables: pd.DataFrame) -> str:
    paths = [tmp_path / f"{number}.csv" for number in range(len(tables))]
    for path, table in zip(paths, tables, strict=True):
        table.to_csv(path, index=False)
    run_command(monkeypatch, *map(str, paths), "-o", str(tmp_path / "report"))
    return (tmp_path / "report" / "report.html").read_text()


THREE = [("random", seed, [0.5, 0.6 + seed / 100, 0.7]) for seed in range(3)]
OTHER = [("badge", seed, [0.5, 0.7 + seed / 50, 0.8]) for seed in range(3)]


def test_the_required_columns_suffice(tmp_path, monkeypatch):
    page = reported(tmp_path, monkeypatch, bare(*THREE, *OTHER))
    assert "Most accurate in the end is badge with 80.0 ± 0.0 %" in page
    assert "6 runs: 2 strategies on one data set, 100 to 300 labels in 3 rounds, 3 repeats." in page


def test_a_gap_costs_the_run_that_has_it_and_no_other(tmp_path, monkeypatch):
    table = bare(*THREE, *OTHER)
    table.loc[1, "test_accuracy"] = float("nan")  # of random with seed 0
    table.loc[4, "labeled"] = float("nan")  # of random with seed 1
    page = reported(tmp_path, monkeypatch, table)
    assert "0.csv: 1 run has rounds without an accuracy among others that have one: random-0." in page
    assert "0.csv: 1 run has a row without seed, round or labels: random-1." in page
    assert "4 runs: 2 strategies" in page


@pytest.mark.parametrize(
    ("row", "value", "reason"),
    [
        (0, -40, "labels that are not a positive whole number"),
        (0, 0, "labels that are not a positive whole number"),
        (0, 1e9, "labels that do not rise with the rounds"),
        (1, 1e9, "labels that do not rise with the rounds"),
        (1, 100, "labels that do not rise with the rounds"),
        (2, 1e9, "more labels than its budget or its data set has"),
    ],
)
@pytest.mark.parametrize("known", [{"budget.total": "300"}, {"dataset": "digits"}])
def test_labels_that_cannot_be_cost_the_run_that_has_them(tmp_path, row, value, reason, known):
    table = bare(*THREE, *OTHER).assign(**known)
    table.loc[row, "labeled"] = value  # of random with seed 0
    table = table.sample(frac=1, random_state=0)  # in no order
    table.to_csv(tmp_path / "0.csv", index=False)
    rows, problems = sources.load([str(tmp_path / "0.csv")])
    assert sorted(rows["run"].unique()) == ["badge-0", "badge-1", "badge-2", "random-1", "random-2"]
    assert [problem.reason for problem in problems] == [f"1 run has {reason}: random-0."]


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("strategy", "badge", "several values of strategy"),
        ("seed", 7, "several values of seed"),
        ("budget.total", "400", "several values of budget.total"),
    ],
)
def test_rounds_of_a_run_that_contradict_each_other_cost_the_run(tmp_path, column, value, reason):
    table = bare(*THREE, *OTHER).assign(**{"budget.total": "300"})
    table.loc[1, column] = value  # of random with seed 0
    table.to_csv(tmp_path / "0.csv", index=False)
    rows, problems = sources.load([str(tmp_path / "0.csv")])
    assert "random-0" not in set(rows["run"])
    assert [problem.reason for problem in problems] == [f"1 run has {reason}: random-0."]


def test_what_no_setting_says_may_differ_between_the_rows_of_a_run(tmp_path):
    """Columns of a user's own, other spellings of a value, empty cells, and copies from other machines."""
    table = bare(*THREE, *OTHER).assign(**{"budget.total": "300", "training.reset": "true", "hardware": "a", "": "x"})
    table["my note"] = [str(row) for row in range(len(table))]
    table.loc[1, ["budget.total", "training.reset", ""]] = ["300.0", "TRUE", "y"]
    table.loc[4, "budget.total"] = ""
    copies = pd.concat([table, table[table["run"] == "random-2"].assign(hardware="b")])
    copies.to_csv(tmp_path / "0.csv", index=True, index_label="index")
    rows, problems = sources.load([str(tmp_path / "0.csv")])
    assert problems == []
    assert len(rows) == len(table)


def test_a_run_has_the_seed_of_its_name(tmp_path):
    table = bare(*THREE).assign(run=lambda rows: "toy/random-1a-seed" + rows["seed"].astype(str))
    table.loc[table["seed"] == 2, "seed"] = 5
    table.to_csv(tmp_path / "0.csv", index=False)
    rows, problems = sources.load([str(tmp_path / "0.csv")])
    assert rows["seed"].unique().tolist() == [0, 1]
    assert [problem.reason for problem in problems] == [
        "1 run has another seed than its name says: toy/random-1a-seed2."
    ]


def test_large_seeds_are_read_exactly_or_refused(tmp_path):
    seeds = [2**53 + 1, 2**62 + 1]
    table = bare(*(("random", seed, [0.5, 0.6, 0.7]) for seed in seeds))
    table.to_csv(tmp_path / "0.csv", index=False)
    assert sources.load([str(tmp_path / "0.csv")]).rounds["seed"].unique().tolist() == seeds
    for cell in ("1e30", str(2**63), "inf"):
        table.astype({"seed": object}).assign(seed=cell).to_csv(tmp_path / "0.csv", index=False)
        with pytest.raises(UserError, match=f"line 2, column seed: '{cell}' is too large"):
            sources.load([str(tmp_path / "0.csv")])
    table.assign(seed=0, schema_version="inf").to_csv(tmp_path / "0.csv", index=False)
    with pytest.raises(UserError, match="is not a table of results"):
        sources.load([str(tmp_path / "0.csv")])


def test_a_cell_that_is_no_number_is_named_with_its_line(tmp_path):
    table = bare(*THREE, *OTHER).astype({"test_accuracy": object})
    for cell, more in (("NaN", ""), ("much", ""), ("0,5", "; decimals have a point")):
        table.loc[3, "test_accuracy"] = cell
        table.to_csv(tmp_path / "0.csv", index=False, sep=";")
        with pytest.raises(UserError) as raised:
            sources.load([str(tmp_path / "0.csv")])
        assert f"(line 5, column test_accuracy: '{cell}' is not a number{more})" in str(raised.value)


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_a_table_from_a_spreadsheet_is_read(tmp_path, separator):
    table = bare(*THREE, *OTHER)
    text = table.to_csv(index=False, sep=separator).replace("\n", f"\n{separator * 5}\n", 1)
    (tmp_path / "0.csv").write_text(f"sep={separator}\n{text}", encoding="utf-8-sig")
    table.to_csv(tmp_path / "1.csv", index=False)
    read = [sources.load([str(tmp_path / name)]).rounds for name in ("0.csv", "1.csv")]
    pd.testing.assert_frame_equal(*read)
    assert read[0]["test_accuracy"].tolist() == table["test_accuracy"].tolist()


def test_percentages_are_named_and_cost_no_other_table(tmp_path, monkeypatch):
    badge = bare(*OTHER)
    badge["test_accuracy"] *= 100
    page = reported(tmp_path, monkeypatch, bare(*THREE), badge)
    assert (
        "1.csv: 3 runs have accuracies from 50 to 80, which must be shares from 0 to 1 (divide percentages by 100): "
        "badge-0, badge-1 and 1 more."
    ) in page
    assert "3 runs: 1 strategy" in page


def test_a_missing_reference_costs_its_own_repeat_alone(tmp_path, monkeypatch):
    reported(tmp_path, monkeypatch, bare(*THREE[:2], *OTHER))
    row = pd.read_csv(tmp_path / "report" / "tables" / "labeling_efficiency.csv").set_index("curve").loc["badge"]
    assert row[["not reached", "no random run"]].tolist() == [0, 1]
    # At 70 % random needs 300 labels twice, badge 200 and 100 + 100 * 0.2 / 0.22.
    needed = [200, 100 + 100 * 0.2 / 0.22]
    assert row["efficiency"].startswith(f"{(300 / needed[0] + 300 / needed[1]) / 2:.2f} ±")


def test_an_efficiency_at_what_the_first_round_has_is_a_floor(tmp_path, monkeypatch):
    late = [("late", seed, [0.7, 0.71 + seed / 100, 0.72]) for seed in range(3)]
    page = reported(tmp_path, monkeypatch, bare(*THREE, *OTHER, *late))
    table = pd.read_csv(tmp_path / "report" / "tables" / "labeling_efficiency.csv").set_index("curve")
    assert table.loc["late", "efficiency"] == "3.00 ± 0.00 (floor)"  # at 70 %, which it has from the beginning
    assert "floor" not in table.loc["badge", "efficiency"]
    assert "Every run reaches 70.0 %, and one in its first round already" in page


@pytest.mark.parametrize("turned", [False, True])
def test_tables_that_contradict_each_other_are_refused_in_either_order(tmp_path, monkeypatch, turned):
    tables = [bare(*THREE, *OTHER), bare(("random", 1, [0.5, 0.61, 0.69]))]
    with pytest.raises(SystemExit) as stopped:
        reported(tmp_path, monkeypatch, *(tables[::-1] if turned else tables))
    text = str(stopped.value)
    assert "0.csv and " in text
    assert "1.csv contradict each other: both hold the run random-1, after round 2 with accuracies" in text
    assert not (tmp_path / "report").exists()


def test_tables_that_agree_count_once(tmp_path, monkeypatch):
    table = bare(*THREE, *OTHER)
    page = reported(tmp_path, monkeypatch, table, table, pd.concat([table, table]))
    assert "6 runs: 2 strategies on one data set, 100 to 300 labels in 3 rounds, 3 repeats." in page


def test_one_setting_in_two_spellings_is_one_repeat(tmp_path, monkeypatch):
    """`optimizer.C=1` names another run than the default 1.0, whose numbers are the same."""
    first, again = bare(*THREE, *OTHER), bare(*THREE, *OTHER)
    again["run"] = again["run"] + "-again"
    reported(tmp_path, monkeypatch, first.assign(**{"optimizer.C": "1.0"}), again.assign(**{"optimizer.C": "1"}))
    rows = pd.read_csv(tmp_path / "report" / "tables" / "accuracy.csv")
    assert set(rows["repeats"]) == {3}


def test_two_runs_of_one_setting_and_seed_are_not_two_repeats(tmp_path, monkeypatch):
    again = bare(*OTHER).assign(run=[f"again-{row}" for row in bare(*OTHER)["run"]])
    assert "6 runs: 2 strategies" in reported(tmp_path, monkeypatch, bare(*THREE, *OTHER), again)  # the same numbers
    again.loc[0, "test_accuracy"] += 0.01
    with pytest.raises(SystemExit, match=r"have one setting and seed, after round 0 with accuracies 0\.5 and 0\.51"):
        reported(tmp_path, monkeypatch, bare(*THREE, *OTHER), again)


def test_folders_of_one_name_with_other_results_are_refused(tmp_path):
    folders = [
        make_run(tmp_path / place / "toy", "random", 0, [0.5, share]) for place, share in (("a", 0.6), ("b", 0.7))
    ]
    for order in (folders, folders[::-1]):
        with pytest.raises(UserError, match="contradict each other: the same run with different numbers"):
            rounds.gather(order)


def test_repeats_that_share_their_start_are_told_and_others_are_one_curve(tmp_path):
    def runs_of(start) -> pd.DataFrame:
        made = [
            make_run(tmp_path / f"start{start(seed)}", option, seed, [0.5, 0.6, 0.7], config=settings(start(seed)))
            for option in ("random", "badge")
            for seed in (0, 1)
        ]
        return named(made)

    def settings(start: int | None) -> dict:
        return {} if start is None else {"initial_seed": start}  # the neutral value is not a part of a run's settings

    shared, own, neutral = (runs_of(start) for start in (lambda seed: 42, lambda seed: seed, lambda seed: None))
    assert comparability.one_start(shared.drop_duplicates("run"))[0].startswith("Repeats share initial_seed=42, and so")
    assert comparability.one_start(own.drop_duplicates("run")) == []
    assert own["curve"].unique().tolist() == ["random", "badge"]
    both = name_curves(pd.concat([shared, own], ignore_index=True).drop(columns=["facet", "label", "curve"]))
    assert both["facet"].unique().tolist() == ["initial_seed=42", "initial_seed=seed"]
    mixed = name_curves(
        rounds.arrange(pd.concat([shared, neutral], ignore_index=True)).drop(columns=["facet", "label", "curve"])
    )
    assert mixed["facet"].unique().tolist() == ["initial_seed=42", "initial_seed=seed"]
    assert comparability.one_start(mixed.drop_duplicates("run"))[0].startswith("Repeats share initial_seed=42, and so")


def test_the_worst_class_is_that_of_the_lowest_mean_everywhere(tmp_path):
    made = []
    for seed, shares in enumerate(([0.1, 0.9], [0.9, 0.2], [0.8, 0.8])):  # every repeat's lowest: 0.1, 0.2, 0.8
        run = make_run(tmp_path / "toy", "random", seed, [0.5, 0.6])
        table = pd.read_csv(run / "per_class.csv")
        table.loc[table["round"] == 1, "test_accuracy"] = shares
        table.to_csv(run / "per_class.csv", index=False)
        made.append(run)
    worst = scores.worst_classes(named(made)).loc["random"]
    assert (worst["class"], worst["accuracy"]) == (0, pytest.approx(0.6))
    assert worst["accuracy"] == scores.class_tables(named(made))[0].loc["random"].min()  # the heat map's lowest cell
    assert "points (class 0, means over repeats)" in findings.uneven(named(made), scores.per_run(named(made)))[0]


def test_what_is_shown_to_be_alike_is_told_apart_from_what_is_unknown(tmp_path):
    made = [make_run(tmp_path, "random", seed, [0.5, 0.6 + seed / 500, 0.7]) for seed in range(5)]
    made += [make_run(tmp_path, "alike", seed, [0.5, 0.6 + seed / 500 + (-1) ** seed / 1000, 0.7]) for seed in range(5)]
    made += [make_run(tmp_path, "unknown", seed, [0.5, 0.6 + (seed - 2) / 20, 0.7]) for seed in range(5)]
    text = said(made)
    assert "alike is like random along the budget, to within 1 point (two one-sided tests, corrected)." in text
    assert "Whether unknown differs from random along the budget, 5 repeats cannot tell" in text


def test_equal_numbers_are_not_ranked(tmp_path):
    made = [make_run(tmp_path, name, seed, [0.1, 0.2, 0.261]) for name in ("random", "a", "b") for seed in (0, 1)]
    text = said(made)
    assert "All curves are equally accurate in the end, 26.1 ± 0.0 %" in text
    assert "there the labeling efficiency of all strategies but random is 1.00." in text
    assert "a and b cannot be distinguished from random: the areas under the curves are equal." in text
    assert not any(word in text for word in ("Most accurate", "highest, ", "slowest", "largest", "least"))
    table = significance_section(
        named(made), scores.per_run(named(made)), compared(made), ACCURACY, significance.ALPHA, 0.01
    ).tables
    assert set(table["comparisons"]["repeats for 1 point"]) == {""}


def test_curves_are_ranked_over_the_seeds_that_all_have(tmp_path):
    made = [make_run(tmp_path, "random", seed, [0.1, 0.2, last]) for seed, last in ((0, 0.30), (1, 0.34))]
    made += [make_run(tmp_path, "margin", seed, [0.1, 0.2 + seed / 10, last]) for seed, last in ((0, 0.29), (1, 0.35))]
    made += [make_run(tmp_path, "entropy", 1, [0.1, 0.2, 0.332])]  # above the means of the others, below their seed 1
    text = said(made)
    assert "Most accurate in the end is margin with 35.0 %, least entropy with 33.2 % (over seed 1 common" in text
    assert "Whether entropy differs from random along the budget, 1 repeat cannot tell." in text
    assert "Whether margin differs from random along the budget, 2 repeats cannot tell." in text
    text = said([made[0], made[3]])
    assert "No seed is common to all curves" in text


def test_a_number_of_repeats_that_nobody_makes_is_not_given(tmp_path):
    made = [make_run(tmp_path, "random", seed, [0.1, 0.3, 0.4]) for seed in (0, 1)]
    made += [make_run(tmp_path, "a", seed, [0.1, 0.3 + gap, 0.4]) for seed, gap in ((0, 0.1001), (1, -0.1))]
    assert "more than 1,000 repeats would find it" in said(made)


def test_a_log_axis_has_bands_above_0_and_two_labels():
    rows = [
        {"curve": name, "round": r, "labeled": 10 + r, "train_seconds": seconds, "select_seconds": 0.001 + r / 1e4}
        for name in ("random", "a")
        for r, pair in enumerate([(1, 9), (0.1, 2), (3, 3.1)])
        for seconds in pair
    ]
    figure = figures.seconds(pd.DataFrame(rows))
    figure.canvas.draw()
    for axes in figure.axes:
        assert axes.get_yscale() == "log"
        low, high = axes.get_ylim()
        ticks = zip(axes.get_yticks(), axes.get_yticklabels(), strict=True)
        assert sum(low <= tick <= high and bool(label.get_text()) for tick, label in ticks) >= 2
        for band in axes.collections:
            assert band.get_paths()[0].vertices[:, 1].min() > 0
    mean, std = 5, 32**0.5  # of 1 and 9: mean - std is below 0
    edges = figure.axes[0].collections[0].get_paths()[0].vertices
    assert sorted(set(edges[edges[:, 0] == 10][:, 1])) == pytest.approx([mean**2 / (mean + std), mean + std])


def test_what_is_too_much_to_draw_or_to_compare_is_tabled(tmp_path, monkeypatch):
    for name in ("figures.PANELS", "figures.LEGIBLE", "figures.ROWS", "comparability.MOST"):
        monkeypatch.setattr(f"alrun.analysis.{name}", 1)
    monkeypatch.setattr("alrun.analysis.significance.PAIRS", 5)
    made = [
        make_run(
            tmp_path / f"runs/{rate}", option, seed, [0.5, 0.6 + rate / 10 + seed / 100], config={"a": {"b": rate}}
        )
        for rate in (0, 1, 2)
        for option in ("random", "badge")
        for seed in (0, 1)
        if seed == 0 or rate == 0
    ]
    run_command(monkeypatch, str(tmp_path / "runs"), "-o", str(tmp_path / "report"), "--no-images")
    page = (tmp_path / "report" / "report.html").read_text()
    assert "3 settings are too many to draw" in page
    assert "Compared are the pairs of curves that have one setting." in page
    assert len(pd.read_csv(tmp_path / "report" / "tables" / "comparisons.csv")) == 3
    assert "random, a.b=1, badge, a.b=1, 2 more have one repeat" in page
    assert not (tmp_path / "report" / "figures").exists()
    assert len(made) == 8


def test_two_data_sets_have_their_own_parts_and_common_ranks(tmp_path, monkeypatch):
    for dataset in ("x", "y"):
        for rank, option in enumerate(("random", "badge", "entropy")):
            for seed in (0, 1):
                accuracy = [0.5, 0.6 + rank / 10 + seed / 100]
                make_run(tmp_path / "runs" / dataset, option, seed, accuracy, options={"dataset": dataset})
    run_command(monkeypatch, str(tmp_path / "runs"), "-o", str(tmp_path / "report"), "--no-images")
    page = (tmp_path / "report" / "report.html").read_text()
    assert "x: Accuracy" in page
    assert "Over data sets" in page
    assert "Friedman&#39;s test that all are alike: p = 0.135" in page  # two agreeing rankings of three: exp(-2)
    assert (tmp_path / "report" / "figures" / "ranks.png").exists()


def test_two_own_data_sets_of_one_option_are_two(tmp_path):
    made = []
    for path in ("birds.npz-1", "fish.npz-2"):
        for rank, option in enumerate(("random", "badge", "entropy")):
            config = {"dataset": {"_target_": "Features", "path": path}}
            options = {"dataset": "features"}
            made += [
                make_run(
                    tmp_path / path, option, seed, [0.5, 0.6 + rank / 10 + seed / 100], options=options, config=config
                )
                for seed in (0, 1)
            ]
    table = rounds.gather(made).rounds
    found = summary_text.datasets(table)
    assert {name: frame["dataset.path"].unique().tolist() for name, frame in found.items()} == {
        "features birds.npz-1": ["birds.npz-1"],
        "features fish.npz-2": ["fish.npz-2"],
    }
    assert "on features birds.npz-1 and features fish.npz-2 (small)" in summary_text.overview(table)
    (section,) = summary_text.across_datasets(found, 0.05)
    assert "over 2 data sets" in section.text
    assert set(summary_text.datasets(table[table["dataset.path"] == "fish.npz-2"])) == {"features"}


def test_settings_that_end_at_other_labels_are_not_compared_in_the_end_nor_by_their_areas(tmp_path):
    made = []
    for seed in (0, 1, 2):
        for option, gain in (("random", 0.0), ("badge", 0.05)):
            made.append(make_run(tmp_path, option, seed, [0.5 + seed / 100, 0.6 + gain, 0.7 + gain]))
            made.append(make_run(tmp_path / "short", option, seed, [0.5 + seed / 100, 0.62 + gain]))
    pairs = compared(made).pairs
    assert {(row["first"], row["second"]) for row in pairs.to_dict("records")} == {
        ("random, budget.total=300", "badge, budget.total=300"),
        ("random, budget.total=200", "badge, budget.total=200"),
    }
    text = said(made)
    assert "Most accurate after 200 answers is badge, budget.total=200 with 67.0" in text
    assert "Most accurate after 300 answers is badge, budget.total=300 with 75.0" in text
    assert "in the end" not in text
    assert "largest gap" not in text
    assert compared(made).pairs["repeats"].tolist() == [3, 3]


def test_classes_are_compared_where_all_runs_of_a_setting_are(runs):
    table = named(runs)
    shift = table["strategy"].map({"random": 0.3, "badge": 0.2, "noise": 0.1})
    worst = table["test_accuracy"] - shift
    table["class_accuracy"] = [
        f"{low} {2 * mean - low}" for low, mean in zip(worst, table["test_accuracy"], strict=True)
    ]
    ended_early = table[(table["strategy"] != "random") | (table["round"] < 2)]
    (sentence,) = findings.uneven(ended_early, scores.per_run(ended_early))
    assert "that of random: 30.0 points (class 0" in sentence
    found = scores.worst_classes(ended_early)["accuracy"]
    last = ended_early[ended_early["round"] == 1].groupby("curve")["test_accuracy"].mean()
    shifts = {"random": 0.3, "badge": 0.2, "noise": 0.1}
    assert found.to_dict() == pytest.approx({name: last[name] - shifts[name] for name in found.index})


def test_one_repeat_has_no_deviation(tmp_path):
    text = said([make_run(tmp_path, option, 0, [0.5, last]) for option, last in (("random", 0.6), ("badge", 0.7))])
    assert (
        "Most accurate in the end is badge with 70.0 %, least random with 60.0 % (over seed 0 common to all)." in text
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--accuracy", "90"], "--at 90.0 must be above 0 and at most 1"),
        (["--alpha", "0"], "--alpha 0.0 must be between 0 and 1"),
        (["--full-data", "much", "me"], "--full-data much must be a number"),
        (["--difference", "1"], "--difference 1.0 must be above 0 and below 1"),
        (["--difference", "-1", "--metric", "nll"], "--difference -1.0 must be above 0."),
        (["--full-data", "95", "me"], "--full-data 95 must be above 0 and at most 1: 0.95 says 95 %"),
        (["--full-data", "nan", "me"], "--full-data nan must be above 0 and at most 1"),
        (["nowhere"], "nowhere does not exist"),
    ],
)
def test_a_mistake_is_one_sentence(monkeypatch, arguments, sentence):
    with pytest.raises(SystemExit) as stopped:
        run_command(monkeypatch, *arguments)
    assert sentence in str(stopped.value)


def test_a_name_that_no_system_takes_is_one_sentence(tmp_path, runs, monkeypatch):
    with pytest.raises(SystemExit, match=r"cannot be written \(File name too long\)"):
        run_command(monkeypatch, str(tmp_path / "runs"), "-o", str(tmp_path / ("x" * 300)), "--no-images")


def test_a_known_full_data_accuracy_is_used_and_its_source_named(tmp_path, runs, monkeypatch):
    run_command(
        monkeypatch,
        str(tmp_path / "runs"),
        "-o",
        str(tmp_path / "report"),
        "--full-data",
        "0.875",
        "a paper",
        "--no-images",
    )
    assert "The full-data accuracy is 87.5 % (a paper)" in (tmp_path / "report" / "report.html").read_text()
    table = pd.read_csv(tmp_path / "report" / "tables" / "accuracy.csv").set_index("curve")
    assert table.loc["random", "of full-data accuracy (%)"] == 80  # 0.7 / 0.875


def test_the_papers_tables_beside_ours(tmp_path):
    budget = {"b1000": 1000, "b3000": 3000, "b6000": 6000}
    made = []
    for option, size in budget.items():
        for seed in (0, 1):
            run = make_run(
                tmp_path / option,
                "entropy",
                seed,
                [0.556, 0.925 + seed / 100],
                options={"batch_size": option},
                config={"budget": BUDGET, "trial": {"size": size}},
            )
            for name in ("accuracy.csv", "timing.csv"):
                table = pd.read_csv(run / name)
                table.assign(labeled=[1000, 25000]).to_csv(run / name, index=False)
            made.append(run)
    table = printed.compare_with_paper("table1", named(made)).set_index(["strategy", "batch_size", "labels (paper)"])
    row = table.loc[("entropy", "b3000", 25000)]
    assert row[["paper", "paper_std", "ours", "repeats"]].tolist() == pytest.approx([92.5, 0.8, 93.0, 2])
    assert row["difference"] == pytest.approx(0.5)
    assert row["within"] == "yes"
    assert table.loc[("entropy", "b1000", 1000), "within"] == "yes"
    assert table.loc[("entropy", "b1000", 7000), "within"] == "unknown"
    assert printed.within(2.0, 0.8, 0.7) == "no"


def test_times_beside_the_papers(tmp_path):
    runs = [
        make_run(tmp_path, "badge", seed, [0.5] * 9, options={"model_update": "reset"}, seconds=(10 + seed, 1, 2))
        for seed in (0, 2)
    ]
    table = printed.compare_with_paper("table12", named(runs))
    third = table[(table["strategy"] == "badge") & (table["model_update"] == "reset") & (table["round"] == 3)]
    assert third["ours"].tolist() == [11, 2]  # of this round alone: 10 and 12 s of training; a selection of 2 s
    assert third["ratio"].tolist() == pytest.approx([2120 / 11, 535.9 / 2])
    assert printed.compare_with_paper("table11", named(runs)).set_index("strategy").loc[
        "badge", "ratio"
    ] == pytest.approx(23.277 / 2)


def test_table_12_is_per_round_as_its_sums_in_the_text():
    """Section 4.8 and Appendix F: 8 hours of training with reset, 7.6 with update, of BADGE's selection one."""
    hours = printed.read_printed("table12").groupby(["phase", "model_update", "strategy"])["seconds"].sum() / 3600
    assert hours["train_seconds", "reset", "entropy"] == pytest.approx(8, abs=0.05)
    assert hours["train_seconds", "update", "entropy"] == pytest.approx(7.6, abs=0.05)
    assert hours.filter(like="badge")["select_seconds"].sum() == pytest.approx(1.06, abs=0.01)


def test_selection_of_a_round_is_the_one_before_it(tmp_path):
    run = make_run(tmp_path, "badge", 0, [0.5] * 4, options={"model_update": "reset"})
    timing = pd.read_csv(run / "timing.csv")
    timing.assign(select_seconds=[7.0, 6.0, 5.0, 0.0]).to_csv(run / "timing.csv", index=False)
    table = printed.compare_with_paper("table12", named([run]))
    selections = table[(table["strategy"] == "badge") & (table["phase"] == "select_seconds")].set_index("round")
    assert selections["ours"].dropna().to_dict() == {1: 7.0, 2: 6.0, 3: 5.0}


def test_a_table_in_markdown_and_latex():
    table = pd.DataFrame({"a_b": ["1 ± 2", "x|y"], "c": [1, 2]})
    assert formats.markdown(table) == "| a_b | c |\n| --- | --- |\n| 1 ± 2 | 1 |\n| x\\|y | 2 |\n"
    assert "1 $\\pm$ 2 & 1 \\\\" in formats.latex(table)
    assert "a\\_b" in formats.latex(table)


def test_repeats_of_which_each_knows_other_classes_are_averaged_by_class(tmp_path):
    """By hand: ants 0.1 and 0.3, bees 0.5 alone, wasps 0.7 alone; queried: 20 and 80, 70 and 30."""
    made = []
    for seed, (names, shares, counts) in enumerate(
        ((["ants", "bees"], [0.1, 0.5], [20, 80]), (["wasps", "ants"], [0.7, 0.3], [70, 30]))
    ):
        run = make_run(tmp_path / "toy", "random", seed, [0.5, 0.6])
        table = pd.read_csv(run / "per_class.csv")
        table.loc[table["round"] == 1, "test_accuracy"] = shares
        table.loc[table["round"] == 1, "labeled"] += [count - 50 for count in counts]
        table.to_csv(run / "per_class.csv", index=False)
        meta = json.loads((run / "run.json").read_text())
        (run / "run.json").write_text(json.dumps({**meta, "dataset": {"class_names": names}}))
        made.append(run)
    accuracy, queried = scores.class_tables(named(made))
    assert accuracy.loc["random"].to_dict() == pytest.approx({"ants": 0.2, "bees": 0.5, "wasps": 0.7})
    assert queried.loc["random"].to_dict() == pytest.approx({"ants": 0.25, "bees": 0.8, "wasps": 0.7})
    assert scores.worst_classes(named(made)).loc["random", "class"] == "ants"
