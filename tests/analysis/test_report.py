"""The report: its words, what it says of bad input, and that the page needs nothing else."""

import re
import sys
from pathlib import Path

import pandas as pd
import pytest
from made_runs import make_run

from alrun import report as command
from alrun.analysis import checks, findings, paper, rounds, scores, significance, tables
from alrun.analysis.curves import name_curves

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


def test_findings_follow_from_the_numbers(runs):
    text = said(runs)
    assert "Most accurate in the end is badge with 80.8 ± 0.2 %, least random with 70.0 ± 0.0 %" in text
    assert "Along the budget badge is better than random by 7.8 points on average (3 repeats," in text
    assert "With 3 repeats a small p can still be luck" in text
    assert "cannot give less than 0.25 here; they need 6 repeats to come below 0.05" in text
    assert "Whether noise differs from random along the budget, 3 repeats cannot tell" in text
    pair = significance.compare(scores.per_run(named(runs)), "aubc").set_index(["first", "second"])
    seen, point = pair.loc[("random", "noise"), ["repeats_seen", "repeats_needed"]]
    assert f"that seen here, {seen:,.0f} repeats would find it" in text
    assert f"a true difference of 1 points needs {point:,.0f}." in text
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


def test_what_to_know_before_comparing(tmp_path, runs):
    assert checks.notes(named(runs)) == []
    single = make_run(tmp_path / "runs" / "toy", "single", 1, [0.5, 0.6, 0.7])
    assert checks.notes(named([*runs, single])) == [
        "single has one repeat: no spread and no test can be given; add repeats with seed=0,1,2."
    ]
    assert checks.notes(named([run for run in runs if run.name.rsplit("-", 2)[0::2] != ["noise", "seed2"]])) == [
        "noise lacks seed 2: comparisons with it rest on the seeds that both have; add seed=2."
    ]
    without = [run for run in runs if not run.name.startswith("random")]
    assert checks.notes(named(without)) == [
        "No run of strategy=random has seed 0, 1, 2: labeling efficiency is unknown there; "
        "add strategy=random seed=0,1,2."
    ]


def test_mixed_settings_are_told_and_named(tmp_path, runs):
    other = [
        make_run(tmp_path / "other", "badge", seed, [0.5, 0.6], config={"optimizer": {"lr": 1}}) for seed in (0, 1, 2)
    ]
    notes = "\n".join(checks.notes(named([*runs, *other])))
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


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--accuracy", "90"], "--accuracy 90.0 is no share"),
        (["--alpha", "0"], "--alpha 0.0 is no share"),
        (["--full-data", "much", "me"], "--full-data much is no number"),
        (["nowhere"], "nowhere does not exist"),
    ],
)
def test_a_mistake_is_one_sentence(monkeypatch, arguments, sentence):
    with pytest.raises(SystemExit) as stopped:
        run_command(monkeypatch, *arguments)
    assert sentence in str(stopped.value)


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
    table = paper.beside("table1", named(made)).set_index(["strategy", "batch_size", "labels (paper)"])
    row = table.loc[("entropy", "b3000", 25000)]
    assert row[["paper", "paper_std", "ours", "repeats"]].tolist() == pytest.approx([92.5, 0.8, 93.0, 2])
    assert row["difference"] == pytest.approx(0.5)
    assert row["within"] == "yes"
    assert table.loc[("entropy", "b1000", 1000), "within"] == "yes"
    assert table.loc[("entropy", "b1000", 7000), "within"] == "unknown"
    assert paper.within(2.0, 0.8, 0.7) == "no"


def test_times_beside_the_papers(tmp_path):
    runs = [
        make_run(tmp_path, "badge", seed, [0.5] * 9, options={"model_update": "reset"}, seconds=(10 + seed, 1, 2))
        for seed in (0, 2)
    ]
    table = paper.beside("table12", named(runs))
    third = table[(table["strategy"] == "badge") & (table["model_update"] == "reset") & (table["round"] == 3)]
    assert third["ours"].tolist() == [33, 2]  # three trainings of 11 s on average; one selection
    assert third["ratio"].tolist() == pytest.approx([2120 / 33, 535.9 / 2])
    assert paper.beside("table11", named(runs)).set_index("strategy").loc["badge", "ratio"] == pytest.approx(23.277 / 2)


def test_a_table_in_markdown_and_latex():
    table = pd.DataFrame({"a_b": ["1 ± 2", "x|y"], "c": [1, 2]})
    assert tables.markdown(table) == "| a_b | c |\n| --- | --- |\n| 1 ± 2 | 1 |\n| x\\|y | 2 |\n"
    assert "1 $\\pm$ 2 & 1 \\\\" in tables.latex(table)
    assert "a\\_b" in tables.latex(table)
