"""The sections of a report on its metric: curves, areas and final values, labeling efficiency, classes."""

import math
from collections.abc import Sequence

import pandas as pd

from alrun.analysis import efficiency_table, figures, scores
from alrun.analysis.intervals import LEAST, bounds, spread
from alrun.analysis.metrics import ACCURACY, CALIBRATION, PLAIN, Metric, Reading
from alrun.analysis.page import Section


def accuracy_section(
    named: pd.DataFrame, runs: pd.DataFrame, reading: Reading, full_data: tuple[float, str] | None
) -> Section:
    """The section on the metric: curves, area, final value; ``full_data`` is a known accuracy and its source."""
    metric, settings = reading.metric, named["facet"].nunique()
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
    if full_data:
        known, source = full_data
        text += f" The full-data accuracy is {100 * known:g} % ({source}) if no run here labels everything."
    tables = {
        metric.short: score_table(named, runs, known, metric),
        f"{metric.short} by labels": by_labels(named, metric),
    }
    return Section(capitalized(metric.short), text, images, tables)


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


def efficiency_section(named: pd.DataFrame, reading: Reading, levels: Sequence[float]) -> Section:
    """The section on labeling efficiency at ``levels`` of the metric; without any, at the best that all runs reach."""
    metric = reading.metric
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
    known = efficiency_table.efficiency_curves(named, reading).dropna(subset="mean") if is_drawn else pd.DataFrame()
    images = {"labeling efficiency": figures.efficiency(known, metric)} if len(known) else {}
    parts, at = [], metric.heading(f"at {metric.short}")
    for level in levels or [efficiency_table.common_level(named, reading)]:
        found = efficiency_table.efficiencies(named, level, reading)
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


def classes_section(named: pd.DataFrame, runs: pd.DataFrame, by: str = "answers") -> Section:
    """The section on accuracy by class and calibration."""
    text = (
        "The accuracy of each class after the last round that all runs of a setting reach and its share of the "
        "labels queried until then, as means over repeats. "
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


def capitalized(text: str) -> str:
    """``text`` with a capital letter at its beginning."""
    return text[:1].upper() + text[1:]


def number_as_text(value: float, digits: int) -> str:
    """A number as text; empty for NaN."""
    return "" if math.isnan(value) else f"{value:.{digits}f}"
