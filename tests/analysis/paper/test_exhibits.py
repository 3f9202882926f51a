"""Figures and tables of the paper: what each asks for and shows, and that its values are those of the runs' files."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from alrun.analysis.efficiency import Curve, labeling_efficiency
from alrun.analysis.paper import claims, collect, draw, exhibits, make, points, printed, tabulate, times
from alrun.analysis.paper.collect import Asked
from alrun.commands import paper

REAL = ("runtime.device=cpu", "runtime.threads=1", "runtime.memory_format=contiguous", "runtime.progress=false")
THREE = exhibits.THREE


def test_all_28_are_declared():
    assert list(exhibits.FIGURES) == [f"figure-{number}" for number in range(1, 16)]
    assert sorted(exhibits.TABLES, key=lambda name: int(name[6:])) == [f"table-{number}" for number in range(1, 14)]


# The runs that the paper's own figure or table shows, with three repeats.
RUNS = {
    "figure-1": 4 * 8 * 3,
    "figure-2": 2 * 2 * 3 * 3,
    "figure-3": 2 * 3 * 3,
    "figure-4": 4 * 3 * 3,
    "figure-5": 2 * 3 * 3 * 3,
    "figure-6": 2 * 3 * 3,
    "figure-7": 8 * 3,
    "figure-8": 11 * 3,
    "figure-9": 3 * 8 * 3,
    "figure-10": 3 * 3 * 3,
    "figure-11": 4 * 3 * 3,
    "figure-12": 4 * 2 * 3 * 3,
    "figure-13": 2 * 3 * 3,  # claim 1's are those with SGD of claim 2
    "figure-14": 3 * 3 * 3 + 2 * 3 * 3,  # b3000 with a random seed set is in both
    "figure-15": 2 * 3 * 3,
    "table-1": 3 * 3 * 3,
    "table-2": 2 * 2 * 3,
    "table-11": 11 * 3,
    "table-12": 2 * 2 * 3,
    "table-13": 2 * 3 * 3,
    **{f"table-{number}": 0 for number in range(3, 11)},
}


@pytest.mark.parametrize("names", [("figure-13", "table-2", "table-12"), pytest.param(RUNS, marks=pytest.mark.heavy)])
def test_each_asks_for_the_runs_that_it_shows_and_no_others(names):
    asked = Asked(("scale=smoke",))
    counts = {
        name: len({run.folder for part in make.needed(name) for run in collect.planned(part, asked)}) for name in names
    }
    assert counts == {name: RUNS[name] for name in names}


def test_the_digitised_curves_are_those_of_the_reference(reference):
    ours, theirs = points.digitized(), pd.read_csv(reference / "figure_curves.csv")
    assert ours["y"].tolist() == theirs["y"].tolist()
    assert ours["figure"].str.removeprefix("figure-").tolist() == theirs["figure"].str.removeprefix("fig").tolist()
    assert ours["series"].tolist() == theirs["series"].tolist()
    assert np.allclose(ours["x"], theirs["x"])


def test_every_digitised_curve_has_its_place():
    """Panels and series are called as in curves.csv, or a curve of the paper would not be drawn."""
    placed = {
        (name, panel.title, panel.kind, series)
        for name, exhibit in exhibits.FIGURES.items()
        for row in exhibit.panels
        for panel in row
        for series in panel.shown
    }
    curves = set(points.digitized()[["figure", "panel", "kind", "series"]].itertuples(index=False, name=None))
    assert curves <= placed
    drawn = {figure for figure, *_ in curves}
    lacking = {
        each for each in placed - curves if each[0] in drawn and each[3] != "glister"
    }  # no CIFAR-100 curve of it
    assert lacking == set()


@pytest.mark.parametrize("panel", ["CIFAR-10 ResNet-18", "CIFAR-100 ResNet-18"])
def test_efficiency_of_the_papers_accuracies_is_its_own_efficiency(panel):
    """Its accuracy plot, put through our computation, gives its efficiency plot, to within what a pixel allows."""
    every = points.digitized()
    every = every[(every["figure"] == "figure-1") & (every["panel"] == panel)]
    curves = {
        name: Curve(frame["x"].to_numpy(), frame["y"].to_numpy())
        for name, frame in every[every["kind"] == "accuracy"].groupby("series")
    }
    theirs = every[(every["kind"] == "efficiency") & (every["series"] == "badge")]
    ours = np.array([labeling_efficiency(curves["badge"], curves["random"], accuracy) for accuracy in theirs["x"]])
    assert np.nanmean(np.abs(ours - theirs["y"])) < 0.02


ROW = re.compile(r"^[A-Z].* \d+ [\d.]+ \d+ 0\.99 \S+ \d+ \d+$", re.MULTILINE)


def test_settings_are_transcribed_right(reference):
    path = reference.parent / "paper.txt"
    if not path.exists():
        pytest.skip(f"the paper's text is not here ({path} does not exist)")
    rows = tabulate.rows_of_settings()
    ours = [" ".join([row["row"], *(row[key] for key in tabulate.SETTINGS)]) for row in rows.to_dict("records")]
    assert ours == ROW.findall(path.read_text())


@pytest.mark.parametrize("number", [5, 10])  # test_experiments has every row
def test_our_settings_are_the_papers(number):
    table = tabulate.settings(f"table-{number}", Asked())
    numbers = table.drop(columns=["Exp.", "of"]).map(lambda cell: cell.upper())
    theirs, ours = numbers[table["of"] == "paper"], numbers[table["of"] == "ours"]
    assert len(theirs) == len(ours) > 0
    assert theirs.to_numpy().tolist() == ours.to_numpy().tolist()


def test_no_two_strategies_have_one_color_and_dash():
    looks = [(style["color"], style["linestyle"]) for style in draw.COLORS.values()]
    assert set(draw.COLORS) == set(exhibits.LOW)  # all that the paper's figures have
    assert len(set(looks)) == len(looks)


def test_a_table_of_settings_says_at_which_scale_ours_are(tmp_path):
    for overrides, words in (((), "composed to. "), (("scale=small",), "composed to, with scale=small. ")):
        make.write_exhibit("table-10", Asked((*overrides, f"paths.outputs={tmp_path}")))
        assert words in (tmp_path / "paper" / "table-10.md").read_text()


def test_a_digitised_point_that_may_be_of_two_settings_is_drawn_as_of_either():
    """In Figures 2, 3, 6 and 12 both curves of a strategy have one marker, and the digitised ones have equal points."""
    found = {
        (name, panel.title): points.papers(name, panel)
        for name, exhibit in exhibits.FIGURES.items()
        for row in exhibit.panels
        for panel in row
        if panel.kind == "accuracy" and len(panel.parts) == 2
    }
    assert {name for name, _ in found} == {"figure-2", "figure-3", "figure-6", "figure-12"}
    every = points.digitized()
    for (name, title), drawn in found.items():
        theirs = every[(every["figure"] == name) & (every["panel"] == title) & (every["kind"] == "accuracy")]
        assert set(drawn["series"]) == set(THREE)
        assert set(zip(drawn["x"], drawn["mean"], strict=True)) == set(zip(theirs["x"], 100 * theirs["y"], strict=True))
        assert not drawn.duplicated().any()


@pytest.mark.parametrize("name", ["figure-4", "figure-6"])
def test_ours_share_the_papers_panels_at_its_size_and_have_their_own_beside_them_at_another(name):
    panels = [panel for row in exhibits.FIGURES[name].panels for panel in row]
    paper = pd.concat([points.papers(name, panel).assign(panel=panel.title, kind=panel.kind) for panel in panels])
    ours = pd.concat(
        [
            pd.DataFrame({"series": series, "x": [30.0, 60.0], "mean": [20.0 + place, 40.0]}).assign(
                panel=panel.title, kind=panel.kind, whose="ours", std=1.0, repeats=2
            )
            for panel in panels
            for place, series in enumerate(panel.shown)
        ]
    )
    table = pd.concat([ours, paper], ignore_index=True)
    together, apart = (draw.draw_figure(name, table, "", each) for each in (False, True))
    assert len(apart.axes) == 2 * len(together.axes) == 2 * len(panels)
    for place, panel in enumerate(panels):
        theirs = paper[(paper["panel"] == panel.title) & (paper["kind"] == panel.kind)]
        expected = {(x, y) for x, y in zip(theirs["x"], theirs["mean"], strict=True)}
        row, column = divmod(place, len(exhibits.FIGURES[name].panels[0]))
        above = 2 * row * len(exhibits.FIGURES[name].panels[0]) + column
        below = above + len(exhibits.FIGURES[name].panels[0])
        shown = [
            {tuple(point) for line in axes.lines for point in line.get_xydata()}
            for axes in (together.axes[place], apart.axes[above], apart.axes[below])
        ]
        assert shown[1] == expected
        assert shown[2] == {(30.0, 20.0 + at) for at in range(len(panel.shown))} | {(60.0, 40.0)}
        assert shown[0] == shown[1] | shown[2]
        titles = [axes.get_title() for axes in (together.axes[place], apart.axes[above], apart.axes[below])]
        assert titles == [panel.title, f"{panel.title}\nthe paper's", f"{panel.title}\nours"]


def test_the_caption_says_whether_numbers_compare_and_the_table_has_the_papers_own_numbers_of_labels(
    tmp_path, monkeypatch
):
    said = []
    draw_figure = make.draw.draw_figure
    monkeypatch.setattr(make.draw, "draw_figure", lambda *args: said.append(args[2]) or draw_figure(*args))
    for scale, is_apart in (("paper", False), ("smoke", True)):
        make.write_exhibit("figure-6", Asked((f"scale={scale}", "seed=0", f"paths.outputs={tmp_path / scale}")))
        assert (make.APART in (tmp_path / scale / "paper" / "figure-6.md").read_text()) == is_apart
        table = pd.read_csv(tmp_path / scale / "paper" / "figure-6.csv")
        assert table["x"].max() == 25000
        assert set(table["whose"]) == {"paper"}
        assert said[-1].endswith(", 1 % of the labels, 0.4 % of the epochs") == is_apart


def test_later_overrides_win_and_stand_ins_replace_what_is_downloaded():
    part = exhibits.SEED_SETS[1]
    words = collect.words(part, Asked(("strategy=badge", "seed=1"), stand_ins=True))
    assert words[0] == "experiment=seed_set/cifar10"
    assert sorted(words[1:]) == [
        "dataset.source=packed",
        "seed=1",
        "seed_set=facility_location_untrained",
        "strategy=badge",
    ]
    whole = collect.line_of("seed_set/cifar10", Asked((), stand_ins=True))
    assert "seed_set=random,facility_location_untrained,dispersion_min_untrained" in whole


# Of those that have the same runs: a figure with accuracies, one with matrices, a table of times, one of settings.
FAST = ("figure-6", "figure-15", "table-12", "table-10")
DIGITS = ("dataset=digits", "model=small_cnn", "scale.epochs=0.004")  # small, and there for everyone
DIGITS += ("budget.seed_size=20", "budget.batch_size=10", "budget.total=100")  # nine rounds, as the paper's


@pytest.mark.heavy
def test_some_commands(tmp_path):
    asked = Asked((*DIGITS, "seed=0,1", f"paths.outputs={tmp_path}", *REAL))
    assert (
        make.write_exhibit("figure-6", asked) == f"figure-6: nothing yet (0 of 12 runs): {tmp_path}/paper/figure-6.pdf"
    )
    for name in FAST:
        assert paper.compute_parts(make.needed(name), asked) == []
    check(FAST, asked)
    one = next(iter(collect.planned(make.needed("figure-6")[0], asked)))
    (one.folder / "done").unlink()
    assert "partial (11 of 12 runs)" in make.write_exhibit("figure-6", asked)
    caption = (tmp_path / "paper" / "figure-6.md").read_text()
    assert f"{one.folder.name}: unfinished" in caption
    assert "Repeats: 1 to 2" in caption


@pytest.mark.heavy
@pytest.mark.timeout(7200)
def test_all_28_commands(real_data, tmp_path, monkeypatch):
    """At the smallest scale, with stand-ins and two seeds, on one set of runs."""
    monkeypatch.setenv("ALRUN_DATA", str(real_data))
    words = paper.with_stand_ins(["scale=smoke", "seed=0,1", f"paths.outputs={tmp_path}", *REAL])
    asked = Asked(tuple(words), stand_ins=True)
    names = [*exhibits.ALL, "claims", "times"]
    for name in names:
        assert paper.compute_parts(make.needed(name), asked) == [], name
    check(names, asked)
    index = make.index(asked).splitlines()
    assert len(index) == 1 + 30  # a heading, 28 of the paper, times and claims
    assert not [line for line in index if "partial" in line or "nothing yet" in line or "not written" in line]


UNREPLACED = ("figure-7", "figure-8", "table-11")  # MNIST is there for everyone


def check(names, asked: Asked) -> None:
    """Each of ``names`` leaves its files, with every panel, series and row of the paper, and values of the runs."""
    for name in names:
        make.write_exhibit(name, asked)
        caption = (make.folder(asked) / f"{name}.md").read_text()
        path = make.folder(asked) / name
        if name in exhibits.FIGURES:
            assert path.with_suffix(".pdf").stat().st_size > 5000
            assert path.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
            check_figure(name, pd.read_csv(path.with_suffix(".csv")), asked)
        else:
            assert path.with_suffix(".tex").exists()
            check_table(name, pd.read_csv(path.with_suffix(".csv"), dtype=str, keep_default_na=False), asked)
        if make.needed(name):
            assert ("at 1 % of the paper's pool" in caption) == asked.stand_ins
            assert ", 0.4 % of its epochs" in caption
            assert "Repeats: 2" in caption
            assert ("Stand-ins: " in caption) == (asked.stand_ins and name not in UNREPLACED)


def check_figure(name: str, drawn: pd.DataFrame, asked: Asked) -> None:
    ours = drawn[drawn["whose"] == "ours"]
    for panel in (panel for row in exhibits.FIGURES[name].panels for panel in row):
        shown = ours[(ours["panel"] == panel.title) & (ours["kind"] == panel.kind)]
        assert list(dict.fromkeys(shown["series"])) == panel.shown or set(shown["series"]) == set(panel.shown)
        if panel.kind == "matrix":
            assert len(shown) == len(panel.shown) ** 2
        if panel.kind in ("accuracy", "relative"):
            for part in panel.parts:
                check_curves(panel.kind, part, shown, asked)


def check_curves(kind: str, part: exhibits.Part, shown: pd.DataFrame, asked: Asked) -> None:
    """Means of the accuracies in the run folders, which are read here by themselves."""
    means = {}
    for run in collect.planned(part, asked):
        strategy = next(word.partition("=")[2] for word in run.overrides if word.startswith("strategy="))
        means.setdefault(strategy, []).append(accuracies_in(run.folder))
    random = np.mean(means["random"], axis=0)
    for strategy, curves in means.items():
        if kind == "relative" and strategy == "random":
            continue
        expected = 100 * (np.mean(curves, axis=0) - (random if kind == "relative" else 0))
        values = shown[shown["series"] == part.series(strategy)]
        assert values["mean"].to_numpy() == pytest.approx(expected)
        assert set(values["repeats"]) == {2}


def accuracies_in(folder: Path) -> np.ndarray:
    return pd.read_csv(folder / "accuracy.csv")["test_accuracy"].to_numpy()


# Rows of the paper; each comes twice, but in Table 11 and that of claims.
LINES = {"table-1": 9, "table-2": 4, "table-11": 11, "table-12": 6, "table-13": 6, "claims": 5}
LINES |= {"table-3": 9, "table-4": 2, "table-5": 5, "table-6": 2, "table-7": 2, "table-8": 5, "table-9": 8}
LINES |= {"table-10": 1, "times": 10}
# A row of a table whose last cell is the accuracy with all labels.
LAST = {
    "table-1": ("ENT_3000", exhibits.BATCHES[1]),
    "table-2": ("ENT_FL", exhibits.SEED_SETS[1]),
    "table-13": ("ENTROPY (GM)", exhibits.SUBSETS),
}


def check_table(name: str, table: pd.DataFrame, asked: Asked) -> None:
    once = name in ("table-11", "claims", "times")
    assert len(table) == LINES[name] * (1 if once else 2)
    if name in ("table-1", "table-2", "table-11", "table-12", "table-13", "claims", "times"):
        assert (table != "").to_numpy().all()
    if name in LAST:
        row, part = LAST[name]
        last = [100 * accuracies_in(run.folder)[-1] for run in collect.planned(part.of("entropy"), asked)]
        ours = table[(table.iloc[:, 0] == row) & (table["of"] == "ours")].iloc[0, -1]
        assert ours == f"{np.mean(last):.1f} ± {np.std(last, ddof=1):.1f}"
    if name == "table-11":
        row = table[table["MNIST Low"] == "VAAL"].iloc[0, -1]
        runs = collect.planned(exhibits.MNIST_LOW.of("vaal"), asked)
        seconds = [pd.read_csv(run.folder / "timing.csv")["select_seconds"][:-1] for run in runs]
        assert float(row) == pytest.approx(np.mean(seconds), abs=0.001)
    if name == "times":
        sums = [
            pd.read_csv(run.folder / "timing.csv")["train_seconds"][1:].sum()
            for run in collect.planned(times.RESET.of("entropy"), asked)
        ]
        ours = table.set_index("time")["ours"]["training, entropy, reset"]
        assert float(ours.removesuffix(" h")) == pytest.approx(np.mean(sums) / 3600, rel=0.01)
    if name == "table-12":
        row = table[(table["Timing"] == "BADGE (Update)") & (table["of"] == "ours")].iloc[0]
        part = exhibits.UPDATES[1].of("badge")
        seconds = [pd.read_csv(run.folder / "timing.csv")["train_seconds"] for run in collect.planned(part, asked)]
        assert float(row["R3"]) == pytest.approx(np.mean(seconds, axis=0)[3], rel=0.01, abs=0.05)  # one decimal


def cells(values: dict[tuple[str, str], float], panel: str) -> pd.DataFrame:
    """The points of a matrix, 0 where ``values`` has no cell."""
    names = list(dict.fromkeys(name for pair in values for name in pair))
    rows = [{"series": one, "x": other, "mean": values.get((one, other), 0.0)} for one in names for other in names]
    return pd.DataFrame(rows).assign(panel=panel, kind="matrix", whose="ours")


def matrices(**changed: float) -> dict[str, pd.DataFrame]:
    """Cells as the paper has them, but for those that are ``changed``."""

    def all_of(panel: exhibits.Panel) -> pd.DataFrame:
        pairs = {(one, other): 0.0 for one in panel.shown for other in panel.shown}
        pairs |= {("entropy", "badge"): 0.11, ("entropy_sgd", "entropy_adam"): 0.89} if "claim" in panel.title else {}
        kept = {
            pair: changed.get("_over_".join(pair), value) for pair, value in pairs.items() if pair[0] in panel.shown
        }
        return cells({pair: value for pair, value in kept.items() if set(pair) <= set(panel.shown)}, panel.title)

    return {
        name: pd.concat([all_of(panel) for row in exhibits.FIGURES[name].panels for panel in row], ignore_index=True)
        for name in make.CLAIMS
    }


@pytest.mark.parametrize(
    ("changed", "failing"),
    [
        ({}, []),
        ({"badge_over_entropy": 0.11}, [1]),
        ({"entropy_sgd_over_entropy_adam": 0.78}, [2]),
        ({"random_b1000_over_random_b6000": 0.4}, [3]),
        ({"entropy_random_over_entropy_facility_location": 0.11}, []),
        ({"badge_random_over_badge_facility_location": 0.11}, [4]),
        ({"badge_reset_over_badge_update": 0.2}, [5]),
        ({"badge_reset_over_entropy_update": 0.2}, []),  # of another strategy: no matter
    ],
)
def test_claims_hold_where_the_cells_are_the_papers_and_fail_where_one_departs(changed, failing):
    table = claims.table(matrices(**changed)).set_index("claim")
    assert table.index[table["as claimed"] == "no"].tolist() == failing
    assert (table["as claimed"] != "not tested").all()


def test_a_claim_of_which_a_curve_is_missing_is_not_tested():
    points = matrices()
    seed_set = points["figure-14"]
    points["figure-14"] = seed_set[~(seed_set["series"].str.endswith("min") | seed_set["x"].str.endswith("min"))]
    assert claims.table(points).set_index("claim")["as claimed"].to_dict() == {
        **dict.fromkeys((1, 2, 3, 5), "yes"),
        4: "not tested",
    }


def test_times_of_the_text_are_those_of_the_papers_own_table():
    """Table 12 put in the place of our runs gives the hours and ratios that the text states."""
    published = printed.read_printed("table12").pivot_table(
        index=["strategy", "model_update", "round"], columns="phase", values="seconds"
    )
    frames = []
    for part in times.UPDATES:
        for strategy in part.strategies:
            rows = published.loc[(strategy, part.name)].reset_index()
            before = {"round": 0, "train_seconds": 99.0}  # the first, shared model is in no sum
            rows = pd.concat([pd.DataFrame([before]), rows], ignore_index=True)
            selections = rows["select_seconds"] if "select_seconds" in rows else pd.Series(0.0, rows.index)
            rows["select_seconds"] = selections.shift(-1).fillna(0)  # with the round that it follows
            frames.append(rows.assign(part=str(part), strategy=strategy, run=f"{strategy} {part.name}"))
    there = collect.Collected(pd.concat(frames, ignore_index=True), (), ())
    ours = times.of_text(there).set_index("time")["ours"].to_dict()
    assert ours["training, entropy, reset"] == "7.96 h"
    assert ours["training, entropy, update"] == "7.62 h"
    assert ours["selection, BADGE"] == "1.06 h"
    assert ours["selection, entropy"] == "3.39 min"
    assert ours["selection of BADGE by that of entropy"] == "18.8 times"
    assert ours["training with reset by that with update"] == "1.04 times"
    assert ours["training of VAAL by that of entropy"] == ""
