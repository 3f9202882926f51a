"""A report of runs: one HTML file that needs nothing else, and its figures and tables as files."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from alrun.analysis import comparability, costs, figures, findings, page, queried_images, rounds, scores, significance
from alrun.analysis.curves import name_curves
from alrun.analysis.groups import group_sections
from alrun.analysis.intervals import LEAST, spread
from alrun.analysis.metrics import ACCURACY, CALIBRATION, PLAIN, Metric, Reading
from alrun.analysis.outlook import outlook_section
from alrun.analysis.page import Section
from alrun.analysis.paper import printed
from alrun.analysis.stop_points import stopping_sections
from alrun.analysis.summary_text import across_datasets, datasets, overview

UNITS = {"%": "percentage points", "": "its own unit"}  # of differences; others have their names
MANY = 12  # curves; with more, the table lists only pairs with random


class Choices(NamedTuple):
    """The user's choices for a report."""

    levels: Sequence[float] = ()  # of the metric, to read labeling efficiency at; empty: the best that all runs reach
    alpha: float = significance.ALPHA
    difference: float = 0.01  # of the metric, for the number of repeats needed
    full_data: tuple[float, str] | None = None  # a known accuracy with all labels, and its source
    experiments: Sequence[str] = ()  # on the command line; they say which tables of the paper the runs compute
    images: bool = True  # show queried images
    reading: Reading = PLAIN


class Comparisons(NamedTuple):
    """Comparisons of curves."""

    pairs: pd.DataFrame  # of their areas, from significance.compare
    tests: pd.DataFrame  # of their rounds, from significance.round_tests
    which: str  # the compared pairs, in words


def write_report(results: rounds.Results, folder: Path, title: str, choices: Choices) -> Path:
    """Write the report of ``results`` to ``folder``; returns the path of report.html."""
    parts, sentences, notes = [], [], [str(problem) for problem in results.problems]
    frames = datasets(results.rounds)
    for name, frame in frames.items():
        mark = f"{name}: " if len(frames) > 1 else ""
        named = name_curves(frame)
        runs = scores.per_run(named, choices.reading)
        chosen, words = significance.all_pairs(named)
        pairs = significance.compare(runs, "aubc", choices.alpha, choices.difference, chosen)
        tests = significance.round_tests(named, chosen, choices.reading.metric)
        sections = dataset_sections(named, runs, Comparisons(pairs, tests, words), choices)
        parts += [marked(section, mark) for section in sections]
        found = findings.findings(named, runs, pairs, tests, choices.alpha, choices.difference, choices.reading)
        sentences += [mark + sentence for sentence in found]
        notes += [mark + note for note in comparability.notes(named)]
    parts += [*across_datasets(frames, choices.alpha, choices.reading), runs_section(results.rounds)]
    rounds.write_results(results.rounds, folder / "results.csv")
    return page.write_page(folder, title, overview(results.rounds), sentences, notes, parts)


def marked(section: Section, mark: str) -> Section:
    """The section with its data set in front of each name."""
    return Section(
        mark + section.title,
        section.text,
        {mark + name: figure for name, figure in section.figures.items()},
        {mark + name: table for name, table in section.tables.items()},
        {mark + name: table for name, table in section.unshown.items()},
    )


def dataset_sections(named: pd.DataFrame, runs: pd.DataFrame, compared: Comparisons, choices: Choices) -> list[Section]:
    """The sections on one data set; ``runs`` comes from scores.per_run."""
    sections = [
        accuracy_section(named, runs, choices),
        efficiency_section(named, choices),
        significance_section(named, runs, compared, choices),
    ]
    if choices.reading == PLAIN:
        sections += [outlook_section(named), *stopping_sections(named)]
    if "train_seconds" in named:
        sections.append(costs.time_section(named, runs))
        sections.append(costs.energy_section(named))
    if len(scores.class_tables(named)[0]):
        sections.append(classes_section(named, runs, choices.reading.by))
    sections += group_sections(named)
    if choices.images:
        sections.append(queried_section(named))
    for name in printed.fitting(named, choices.experiments) if choices.reading == PLAIN else ():
        if len(table := printed.compare_with_paper(name, named)):
            title = f"Beside the paper: {printed.TABLES[name].title}"
            sections.append(
                Section(title, printed.explain_comparison(name, named), {}, {name: printed.with_two_decimals(table)})
            )
    return sections


def accuracy_section(named: pd.DataFrame, runs: pd.DataFrame, choices: Choices) -> Section:
    """The section on the metric: curves, area, final value."""
    reading, metric, settings = choices.reading, choices.reading.metric, named["facet"].nunique()
    images = {metric.short: figures.measure(named, reading)} if settings <= figures.PANELS else {}
    if 1 < settings <= figures.LEGIBLE:
        images[f"{metric.short} by strategy"] = figures.measure(named, reading, by="label")
    of_labels = "labels" if reading.by == "answers" else "costs that all runs of the setting cover"
    text = (
        f"{capitalized(metric.label)} after each round: the mean over repeats and a band of one standard deviation. "
        f"AUBC is the area under this curve divided by the range of {of_labels}, a mean {metric.short} along the "
        f"budget. Brackets hold 95 % intervals by Student's t and, from {LEAST} repeats on, by bootstrap."
    )
    if metric.better < 0:
        text += " Lower is better."
    if not images:
        text += f" {settings} settings are too many to draw: report some of them, by their folders."
    known = math.nan
    if choices.full_data:
        known, source = choices.full_data
        text += f" The full-data accuracy is {100 * known:g} % ({source}) if no run here labels everything."
    tables = {
        metric.short: score_table(named, runs, known, metric),
        f"{metric.short} by labels": by_labels(named, metric),
    }
    return Section(capitalized(metric.short), text, images, tables)


def capitalized(text: str) -> str:
    """``text`` with a capital letter at its beginning."""
    return text[:1].upper() + text[1:]


def by_labels(named: pd.DataFrame, metric: Metric = ACCURACY) -> pd.DataFrame:
    """The metric as text, a row per curve, a column for at most nine numbers of labels."""
    table = named[["curve"]].assign(labeled=PLAIN.x(named), value=metric.scale * named[metric.column])
    stats = table.groupby(["curve", "labeled"], sort=False)["value"]
    text = stats.agg(["mean", "std"]).apply(lambda row: spread(row["mean"], row["std"], metric.digits), axis=1)
    table = text.unstack("labeled", fill_value="").loc[named["curve"].unique()].sort_index(axis="columns")
    counted = "labels" if bool((PLAIN.x(named) == named["labeled"]).all()) else "answers"
    step = -(-len(table.columns) // 9)
    kept = [*table.columns[:-1:step], table.columns[-1]]
    return table[kept].rename_axis(columns=None).reset_index().rename(columns={"curve": f"after {counted}:"})


def score_table(
    named: pd.DataFrame, runs: pd.DataFrame, full_data: float = math.nan, metric: Metric = ACCURACY
) -> pd.DataFrame:
    """Final value, area and calibration of each curve as text."""
    known = runs["run"].map(scores.full_data(named))
    runs = runs.assign(ratio=runs["final"] / known.fillna(full_data) if metric == ACCURACY else math.nan)
    table = pd.DataFrame({"curve": runs["curve"].unique()}).set_index("curve", drop=False)
    for measure, heading in (("final", f"final {metric.short}"), ("aubc", "AUBC")):
        found = scores.per_curve(runs, measure)
        table[metric.heading(heading)] = [
            spread(metric.scale * row["mean"], metric.scale * row["std"], metric.digits)
            for row in found.to_dict("records")
        ]
        for kind, label in (("t", "t interval"), ("bootstrap", "bootstrap")):
            if found[f"{kind}_low"].notna().any():
                table[f"{heading}, {label}"] = bounds(found, kind, metric.scale, metric.digits)
    if runs["ratio"].notna().any():
        table["of full-data accuracy (%)"] = [f"{100 * value:.1f}" for value in scores.per_curve(runs, "ratio")["mean"]]
    found = scores.per_curve(runs, "calibration_error")
    if found["mean"].notna().any() and metric != CALIBRATION:
        table["calibration error"] = [spread(row["mean"], row["std"], 3) for row in found.to_dict("records")]
    table["repeats"] = scores.per_curve(runs, "final")["repeats"]
    return table.reset_index(drop=True)


def bounds(found: pd.DataFrame, kind: str, scale: float, digits: int) -> list[str]:
    """Intervals as text; empty for NaN."""
    pairs = zip(scale * found[f"{kind}_low"], scale * found[f"{kind}_high"], strict=True)
    return ["" if math.isnan(low) else f"[{low:.{digits}f}, {high:.{digits}f}]" for low, high in pairs]


def efficiency_section(named: pd.DataFrame, choices: Choices) -> Section:
    """The section on labeling efficiency."""
    reading, metric = choices.reading, choices.reading.metric
    value = "accuracy" if metric == ACCURACY else f"value of the {metric.short}"
    spent = "labels" if reading.by == "answers" else "cost"
    article = "an" if metric == ACCURACY else "a"
    text = (
        f"The {spent} that random sampling needs to reach {article} {value}, divided by the {spent} that the strategy "
        f"needs: 2 means half the {spent}. Computed for pairs of runs with the same seed, where the curves first cross "
        f'the {value}, up to the {value} that all repeats reach. "Not reached" counts the repeats that do not reach '
        f'it, "no random run" those without a random run of their seed. "(floor)": a first round has this {value} '
        f"already, so {'fewer labels' if spent == 'labels' else 'less'} might be enough and the number is not a "
        "measurement."
    )
    is_drawn = named["facet"].nunique() <= figures.PANELS
    known = scores.efficiency_curves(named, reading).dropna(subset="mean") if is_drawn else pd.DataFrame()
    images = {"labeling efficiency": figures.efficiency(known, metric)} if len(known) else {}
    parts, at = [], metric.heading(f"at {metric.short}")
    for level in choices.levels or [scores.common_level(named, reading)]:
        found = scores.efficiencies(named, level, reading)
        values = [
            spread(row["mean"], row["std"], 2) + " (floor)" * (row["is_floor"] and row["repeats"] > 0)
            for row in found.to_dict("records")
        ]
        part = pd.DataFrame({"curve": found.index, at: metric.in_words(level).split()[0], "efficiency": values})
        for kind, heading in (("t", "t interval"), ("bootstrap", "bootstrap")):
            part[heading] = bounds(found, kind, 1, 2)
        part["not reached"], part["no random run"] = found["missing"].tolist(), found["unpaired"].tolist()
        parts.append(part)
    table = pd.concat(parts, ignore_index=True)
    table = table.drop(columns=[name for name in ("t interval", "bootstrap") if (table[name] == "").all()])
    return Section("Labeling efficiency", text, images, {"labeling efficiency": table})


def significance_section(named: pd.DataFrame, runs: pd.DataFrame, compared: Comparisons, choices: Choices) -> Section:
    """The section on significance: the penalty matrix and comparisons of pairs."""
    pairs, tests, which = compared
    metric = choices.reading.metric
    margin = metric.difference_in_words(choices.difference)
    curves = list(named["curve"].unique())
    images, unshown = {}, {}
    if math.comb(len(curves), 2) <= significance.PAIRS:
        matrix = significance.penalty_matrix(tests, curves, choices.alpha, better=metric.better)
        unshown["penalty matrix"] = matrix.reset_index(names="better").round(3)
        if len(curves) <= figures.LEGIBLE:
            title = "share of rounds in which\nthe row beats the column"
            images["penalty matrix"] = figures.matrix(matrix, title)
    against = findings.against_random(runs, pairs)
    if against["t_low"].notna().any() and len(against) <= figures.ROWS:
        xlabel = f"AUBC difference ({metric.points})" if metric.points else "AUBC difference"
        images["difference from random"] = figures.differences(against, "random", xlabel, metric.scale)
    if len(curves) > MANY:
        pairs = against
    text = (
        "The penalty matrix gives the share of rounds in which a paired t-test over the repeats is significant at "
        f"{choices.alpha:g}, without correction. Rounds without scatter, such as a shared first round, are not tested. "
        f"Compared are {which}. The table compares the AUBC of two curves over the seeds that both have: the "
        f"difference in {UNITS.get(metric.unit, metric.unit)} with its intervals by Student's t and by bootstrap; p of "
        "the t-test, and "
        "p_holm after Holm's correction for all pairs; p_wilcoxon of the signed ranks; p_equivalence of two one-sided "
        f"t-tests for a difference within {margin}. The last columns are the repeats "
        f"needed, with a power of {significance.POWER:g} at this scatter, to find a true difference of "
        f"{margin}, and one as large as the observed one. With few repeats, p values and "
        "bootstrap intervals are unreliable: see the findings."
    )
    text = " ".join([text, *comparability.one_start(named.drop_duplicates("run"))])
    table = pd.DataFrame(
        {
            "first": pairs["first"],
            "second": pairs["second"],
            "repeats": pairs["repeats"],
            "difference": [f"{metric.scale * value:+.{metric.digits + 1}f}" for value in pairs["difference"]],
            "t interval": bounds(pairs, "t", metric.scale, metric.digits + 1),
            "bootstrap": bounds(pairs, "bootstrap", metric.scale, metric.digits + 1),
            **{
                name: [probability(value) for value in pairs[name]]
                for name in ("p", "p_holm", "p_wilcoxon", "p_equivalence")
            },
            f"repeats for {margin}": [repeats_as_text(value) for value in pairs["repeats_needed"]],
            "for this": [repeats_as_text(value) for value in pairs["repeats_seen"]],
        }
    )
    if pairs["bootstrap_low"].isna().all():
        table = table.drop(columns="bootstrap")
    return Section("Significance", text, images, {"comparisons": table}, unshown)


def repeats_as_text(value: float) -> str:
    """A number of repeats as text; empty for NaN."""
    return "" if math.isnan(value) else findings.repeats_in_words(value)


def number_as_text(value: float, digits: int) -> str:
    """A number as text; empty for NaN."""
    return "" if math.isnan(value) else f"{value:.{digits}f}"


def probability(value: float) -> str:
    """A p value as text, never 0; empty for NaN."""
    return "< 0.001" if value < 0.001 else number_as_text(value, 3)


def classes_section(named: pd.DataFrame, runs: pd.DataFrame, by: str = "answers") -> Section:
    """The section on accuracy by class and calibration."""
    text = (
        "The accuracy of each class after the last round and its share of the queried labels, as means over repeats. "
        "The worst class has the lowest mean accuracy. Balance is the entropy of the queried classes, 1 for equal "
        "numbers. The calibration error measures the gap between confidence and accuracy."
    )
    images = {"classes": figures.classes(named)} if named["curve"].nunique() <= figures.ROWS else {}
    has_calibration = named.get(CALIBRATION.column, pd.Series(dtype=float)).notna().any()
    if has_calibration and named["facet"].nunique() <= figures.PANELS:
        images["calibration"] = figures.measure(named, Reading(CALIBRATION, by))
    balance = runs.groupby("curve", sort=False)["class_balance"].mean()
    worst = scores.worst_classes(named)
    table = pd.DataFrame(
        {
            "curve": worst.index,
            "worst class": worst["class"].tolist(),
            "its accuracy (%)": [number_as_text(100 * value, 1) for value in worst["accuracy"]],
            "balance of the queried labels": [number_as_text(value, 3) for value in balance.loc[worst.index]],
        }
    )
    return Section("Classes and calibration", text, images, {"classes": table})


def queried_section(named: pd.DataFrame) -> Section:
    """The section on queried images: the first and last query, and a map of all queries."""
    shown = queried_images.draw_queried(named)
    if isinstance(shown, str):
        return Section("Queried images", shown)
    text = (
        "The first examples of the first and the last query of each strategy (first repeat), and the first examples of "
        "all its queries on a map of those of all strategies (t-SNE of the pixels; gray: queried by another strategy, "
        "color: the round). Each run keeps these thumbnails."
    )
    return Section("Queried images", text, shown)


def runs_section(table: pd.DataFrame) -> Section:
    """The section on runs: each with its provenance and a link to its folder."""
    columns = ["run", "hardware", "threads", "alrun", "commit", "torch", "data", "folder"]
    runs = table.drop_duplicates("run")[[column for column in columns if column in table]]
    return Section("Runs", "Links lead to the run folders, if they are on this machine.", {}, {"runs": runs})
