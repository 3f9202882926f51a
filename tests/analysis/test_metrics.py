"""What results are read by: a hand-computed table of a metric where lower is better, and costs against slow walks."""

import math
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from alrun.analysis import (
    efficiency_table,
    figures,
    findings,
    metrics,
    ranks,
    report,
    rounds,
    scores,
    significance,
    sources,
)
from alrun.analysis.curves import name_curves
from alrun.analysis.metrics import METRICS, PLAIN, Reading, reading
from alrun.commands import results
from alrun.system.errors import UserError
from tests.analysis.made_runs import make_run

NLL = Reading(METRICS["nll"])
SPENT = Reading(by="spent")
RANDOM, BADGE = [2.0, 1.5, 1.0], [2.0, 1.0, 0.8]  # negative log-likelihood at 100, 200 and 300 labels


def table(*, seeds: int = 3, scatter: float = 0.0) -> pd.DataFrame:
    """Runs of random and badge, whose losses are those above, a bit more for higher seeds; accuracy says otherwise."""
    rows = [
        {
            **{"run": f"toy/{name}-x-seed{seed}", "strategy": name, "label": name, "curve": name, "facet": ""},
            **{"seed": seed, "round": number, "labeled": 100 * (number + 1), "test_accuracy": 0.9 - 0.1 * level / 2},
            "nll": level + scatter * seed * (1 if name == "random" else 2) * (number > 0),
        }
        for name, levels in (("random", RANDOM), ("badge", BADGE))
        for seed in range(seeds)
        for number, level in enumerate(levels)
    ]
    return pd.DataFrame(rows)


def test_efficiency_is_the_labels_to_come_down_to_a_loss():
    """Random needs 300 labels for 1.0 and 250 for 1.25, badge 200 and 175: between rounds on a line."""
    assert efficiency_table.common_level(table(), NLL) == 1.0
    for level, random, badge in ((1.0, 300, 200), (1.25, 250, 175)):
        found = efficiency_table.efficiency_at(table(seeds=1), level, NLL).set_index("curve")
        assert found["needed"].to_dict() == {"random": random, "badge": badge}
        assert found.loc["badge", "efficiency"] == pytest.approx(random / badge)
        assert not found["is_floor"].any()
    assert efficiency_table.efficiency_at(table(seeds=1), 2.0, NLL)["is_floor"].all()  # the first round has it
    assert efficiency_table.efficiency_at(table(seeds=1), 0.9, NLL)["efficiency"].isna().all()  # random never has it
    known = efficiency_table.efficiency_curves(table(seeds=1), NLL, points=3)
    assert known["level"].unique().tolist() == pytest.approx([2.0, 1.4, 0.8])
    at = known[(known["level"] - 1.4).abs() < 1e-9].set_index("curve")["mean"]
    assert at["badge"] == pytest.approx(220 / 160)


def test_area_final_and_best_of_a_loss():
    found = scores.per_run(table(seeds=1), NLL).set_index("curve")
    assert found["aubc"].to_dict() == pytest.approx({"random": (1.75 + 1.25) / 2, "badge": (1.5 + 0.9) / 2})
    assert found["final"].to_dict() == {"random": 1.0, "badge": 0.8}
    assert found["best"].to_dict() == {"random": 1.0, "badge": 0.8}


def test_the_lower_loss_wins_rounds_and_ranks():
    rows = table(scatter=0.01)
    tests = significance.round_tests(rows, metric=NLL.metric)
    assert tests["difference"].tolist() == pytest.approx([0.0, 0.5 - 0.01, 0.2 - 0.01])  # random minus badge
    matrix = significance.penalty_matrix(tests, ["random", "badge"], better=-1)
    assert (matrix.loc["badge", "random"], matrix.loc["random", "badge"]) == (pytest.approx(2 / 3), 0)
    losses = pd.DataFrame({"a": [0.3, 0.2], "b": [0.5, 0.4]}, ["mnist", "svhn"])
    assert ranks.mean_ranks(losses, -1).to_dict() == {"a": 1, "b": 2}
    assert ranks.mean_ranks(losses).to_dict() == {"a": 2, "b": 1}


def test_sentences_name_the_metric_and_call_the_lower_loss_better():
    rows = table(scatter=0.01, seeds=4)
    runs = scores.per_run(rows, NLL)
    pairs = significance.compare(runs, "aubc")
    tests = significance.round_tests(rows, metric=NLL.metric)
    found = findings.findings(rows, runs, pairs, tests, 0.05, 0.01, NLL)
    assert found[0] == (
        "Best by negative log-likelihood in the end is badge with 0.830 ± 0.026 nats, worst random with 1.015 ± 0.013 "
        "nats (mean ± standard deviation over repeats)."
    )
    assert (
        "Along the budget badge is better than random by 0.289 nats of negative log-likelihood on average" in found[1]
    )
    efficient = next(sentence for sentence in found if "lowest" in sentence)
    assert "The lowest negative log-likelihood that every run reaches is 1.030 nats; there the labeling" in efficient
    assert not [sentence for sentence in found if "accura" in sentence]


def test_figures_say_what_they_show_and_better_is_on_the_right():
    rows = table()
    drawn = figures.measure(rows, NLL)
    assert (drawn.get_supxlabel(), drawn.get_supylabel()) == ("labeled examples", "negative log-likelihood (nats)")
    assert drawn.axes[0].get_lines()[0].get_ydata().tolist() == RANDOM
    shown = figures.efficiency(efficiency_table.efficiency_curves(rows, NLL), NLL.metric)
    left, right = shown.axes[0].get_xlim()
    assert left > right
    assert shown.get_supxlabel() == "negative log-likelihood (nats)"


def test_a_band_stays_in_the_range_of_its_metric():
    rows = table(seeds=2).assign(test_accuracy=[0.1, 0.5, 1.0, 0.9, 0.5, 0.2] * 2)
    (band, _) = figures.measure(rows).axes[0].collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert heights.min() >= 0
    assert heights.max() == 100


def priced(seed: int) -> pd.DataFrame:
    """Runs whose answers cost what chance says, so that each has its own costs."""
    draws = np.random.default_rng(seed)
    parts = []
    for name in ("random", "badge"):
        for repeat in range(3):
            rounds = range(6)
            accuracy = np.sort(draws.uniform(0.2, 0.9, 6))
            spent = np.cumsum(draws.uniform(5, 20, 6))
            keys = {"run": f"toy/{name}-x-seed{repeat}", "strategy": name, "label": name, "curve": name, "facet": ""}
            more = {"answers": [10 * (r + 1) for r in rounds], "labeled": [9 * (r + 1) for r in rounds]}
            parts.append(
                pd.DataFrame({"round": rounds, **more, "spent": spent, "test_accuracy": accuracy}).assign(
                    **keys, seed=repeat
                )
            )
    return pd.concat(parts, ignore_index=True)


def walked(frame: pd.DataFrame, column: str, level: float, steps: int = 20000) -> float:
    """Where a run first has ``level``, by small steps along its broken line."""
    x, y = frame[column].to_numpy(float), frame["test_accuracy"].to_numpy()
    for place in np.linspace(x[0], x[-1], steps):
        after = min(int(np.searchsorted(x, place)), len(x) - 1)
        before = max(after - 1, 0)
        share = 0.0 if after == before else (place - x[before]) / (x[after] - x[before])
        if y[before] + share * (y[after] - y[before]) >= level:
            return place
    return math.nan


@pytest.mark.parametrize("by", ["answers", "spent"])
@pytest.mark.parametrize("seed", range(3))
def test_efficiency_by_answers_or_cost_is_that_of_a_slow_walk(seed, by):
    rows, chosen = priced(seed), Reading(by=by)
    level = 0.5 * (efficiency_table.common_level(rows, chosen) + rows.loc[rows["round"] == 0, "test_accuracy"].max())
    found = efficiency_table.efficiency_at(rows, level, chosen).set_index("run")
    needed = {str(run): walked(frame, by, level) for run, frame in rows.groupby("run")}
    for run, row in found.iterrows():
        assert row["needed"] == pytest.approx(needed[str(run)], rel=1e-3, nan_ok=True)
        reference = needed[str(run).replace("badge", "random")]
        assert row["efficiency"] == pytest.approx(reference / needed[str(run)], rel=1e-3, nan_ok=True)


def test_means_are_over_the_range_that_all_runs_cover():
    """Random spends 1 to 5, badge 2 to 4: from 2 to 4 random's line goes from 0.3 to 0.7. Both have 10 to 20 labels."""
    rows = [
        {"run": name, "strategy": name, "label": name, "curve": name, "facet": "", "seed": 0, "round": number}
        | {"labeled": 10 * number + 10, "answers": 10 * number + 10, "spent": spent, "test_accuracy": accuracy}
        for name, points in (("random", [(1, 0.1), (5, 0.9)]), ("badge", [(2, 0.4), (3, 0.8), (4, 0.8)]))
        for number, (spent, accuracy) in enumerate(points)
    ]
    found = scores.per_run(pd.DataFrame(rows), SPENT).set_index("curve")["aubc"]
    assert found.to_dict() == pytest.approx({"random": 0.5, "badge": (0.6 + 0.8) / 2})
    plain = scores.per_run(pd.DataFrame(rows)).set_index("curve")
    assert plain["aubc"].to_dict() == pytest.approx({"random": 0.5, "badge": 0.6})
    assert plain["final"].to_dict() == pytest.approx({"random": 0.9, "badge": 0.8})
    drawn = figures.measure(pd.DataFrame(rows), SPENT)
    assert drawn.get_supxlabel() == "cost of the answers"
    assert drawn.axes[0].get_lines()[1].get_xdata().tolist() == [2, 3, 4]


def test_rounds_are_compared_after_as_many_answers_however_many_of_them_were_labels():
    rows = priced(0)
    rows["labeled"] -= rows["seed"] * (rows["strategy"] == "badge")  # strangers were among them
    tests = significance.round_tests(rows)
    assert tests["labeled"].tolist() == [10, 20, 30, 40, 50, 60]
    assert figures.measure(rows).get_supxlabel() == "answers"


def test_tables_of_before_are_read_with_an_answer_for_each_label(tmp_path):
    new, old = (make_run(tmp_path / "toy", "random", seed, [0.5, 0.6]) for seed in (0, 1))
    accuracy = pd.read_csv(new / "accuracy.csv")
    accuracy.assign(answers=3 * accuracy["labeled"], spent=4.5 * accuracy["labeled"]).to_csv(
        new / "accuracy.csv", index=False
    )
    found = rounds.gather([new, old]).rounds
    assert found["answers"].tolist() == [300, 600, 100, 200]
    assert found["spent"].tolist() == [450, 900, 100, 200]
    alone = rounds.gather([old]).rounds
    assert PLAIN.x(alone).tolist() == SPENT.x(alone).tolist() == [100, 200]


def test_a_metric_that_a_table_lacks_is_one_sentence(tmp_path):
    runs = [make_run(tmp_path / "toy", "random", seed, [0.5, 0.6]) for seed in (0, 1)]
    found = rounds.gather(runs)
    with pytest.raises(
        UserError,
        match=r"^metric=brier: these results were written before alrun measured it; choose one of accuracy, "
        r"macro_f1, nll, calibration_error\.$",
    ):
        sources.measured(found, METRICS["brier"])
    (runs[1] / "measures.csv").unlink()
    (problem,) = sources.measured(rounds.gather(runs), METRICS["nll"]).problems
    assert "it has no negative log-likelihood: the version that computed it did not measure that" in str(problem)
    for name, words in (
        ("macro-f1", "there is no such metric; did you mean macro_f1?"),
        ("loss", "there is no such metric; choose from: accuracy, "),
    ):
        with pytest.raises(UserError, match=re.escape(f"metric={name}: {words}")):
            reading(name)
    with pytest.raises(UserError, match=r"by=labels: results are read by answers or by spent"):
        reading(by="labels")


def test_values_out_of_the_range_of_their_metric_are_left_out(tmp_path):
    runs = [make_run(tmp_path / "toy", "random", seed, [0.5, 0.6]) for seed in (0, 1)]
    found = rounds.gather(runs).rounds
    found.loc[0, "macro_f1"] = 50
    kept, (problem,) = sources.keep_sound_runs(found, Path("table.csv"))
    assert kept["seed"].unique().tolist() == [1]
    assert "1 run has a macro-F1 out of its range" in str(problem)


def test_costs_below_zero_are_left_out(tmp_path):
    found = rounds.gather([make_run(tmp_path / "toy", "random", seed, [0.5, 0.6]) for seed in (0, 1)]).rounds
    for cost in ("train_seconds", "train_joules"):
        kept, (problem,) = sources.keep_sound_runs(found.assign(**{cost: [1.0, 1.0, 1.0, -1.0]}), Path("table.csv"))
        assert kept["seed"].unique().tolist() == [0]
        assert f"1 run has {cost} below 0" in str(problem)


def test_a_report_by_a_loss_speaks_of_it(tmp_path):
    runs = [
        make_run(tmp_path / "toy", name, seed, [0.5, 0.6 + gain + 0.01 * seed, 0.7 + gain + 0.02 * seed])
        for name, gain in (("random", 0.0), ("entropy", 0.1))
        for seed in (0, 1)
    ]
    choices = report.Choices(images=False, reading=NLL)
    page = report.write_report(rounds.gather(runs), tmp_path / "report", "losses", choices).read_text()
    assert "Negative log-likelihood after each round: the mean over repeats" in page
    assert "Lower is better." in page
    assert "Best by negative log-likelihood in the end is entropy" in page
    table = pd.read_csv(tmp_path / "report" / "tables" / "negative_log-likelihood.csv").set_index("curve")
    final = [-math.log(0.8), -math.log(0.82)]
    shown = f"{np.mean(final):.3f} ± {np.std(final, ddof=1):.3f}"
    assert table.loc["entropy", "final negative log-likelihood (nats)"] == shown
    assert (tmp_path / "report" / "figures" / "negative_log-likelihood.png").exists()


@pytest.mark.parametrize("words", [["--metric", "nll"], ["metric=nll"]])
def test_the_command_prints_the_metric(words, tmp_path, monkeypatch, capsys):
    make_run(tmp_path / "toy", "random", 0, [0.5, 0.6])
    monkeypatch.setattr(sys, "argv", ["alrun results", str(tmp_path), *words])
    results.main()
    assert f"seeds 0  negative log-likelihood {-math.log(0.6):.3f} nats in the end" in capsys.readouterr().out


def test_only_the_readers_of_files_and_the_table_of_metrics_name_the_column_of_accuracy():
    folder = Path(metrics.__file__).parent
    naming = [path.name for path in sorted(folder.rglob("*.py")) if '"test_accuracy"' in path.read_text()]
    assert naming == ["metrics.py", "rounds.py", "run_reader.py"]


def test_a_shown_value_has_its_unit():
    accuracy, nll = METRICS["accuracy"], METRICS["nll"]
    assert (accuracy.in_words(0.9012), nll.in_words(0.3)) == ("90.1 %", "0.300 nats")
    assert [accuracy.difference_in_words(value) for value in (0.01, 0.005)] == ["1 point", "0.5 points"]
    assert nll.difference_in_words(0.01) == "0.01 nats"
    assert METRICS["brier"].difference_in_words(0.01) == "0.01"
    assert (accuracy.axis, METRICS["brier"].axis) == ("test accuracy (%)", "Brier score")


def test_named_curves_are_read_by_any_metric(tmp_path):
    """From run folders to a number, on the way that a report takes."""
    runs = [make_run(tmp_path / "toy", name, 0, [0.5, share]) for name, share in (("random", 0.6), ("entropy", 0.8))]
    named = name_curves(rounds.gather(runs).rounds)
    found = scores.per_run(named, NLL).set_index("curve")["final"]
    assert found.to_dict() == pytest.approx({"random": -math.log(0.6), "entropy": -math.log(0.8)})
