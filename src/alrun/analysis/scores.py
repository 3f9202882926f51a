"""A few numbers for each run, and their means and intervals for each curve."""

import json
import math
from contextlib import suppress

import numpy as np
import pandas as pd

from alrun.analysis.intervals import bootstrap_interval, t_interval
from alrun.analysis.metrics import ACCURACY, CALIBRATION, PLAIN, Reading
from alrun.analysis.rounds import BY_ROUND, is_of_strategy, setting_columns
from alrun.settings.checks import POOL_SIZES

# The columns of seconds, and the phases of a round that they time.
SECONDS = {"train_seconds": "training", "select_seconds": "selection", "evaluate_seconds": "evaluation"}

# Columns with the shares of the data that are used; alrun 0.1.0 had the first two names.
SHARES = ("data.examples", "data.test", "share.examples", "share.test")

CURVE_COLUMNS = ["curve", "repeats", "missing", "mean", "std", "t_low", "t_high", "bootstrap_low", "bootstrap_high"]


def per_run(rounds: pd.DataFrame, reading: Reading = PLAIN) -> pd.DataFrame:
    """A row per run: ``aubc``, ``final`` and ``best`` value of the metric, class balance, seconds; shares of 1.

    ``low`` and ``high`` are the ends of the range below.

    ``aubc`` is the area under the curve over the range of answers, divided by this range: the mean of the metric along
    the budget (trapezoids). It is over the range of answers, or of costs, that all runs of a facet cover, and ``final``
    is the value at its end: a run that stopped early has not seen what raises the mean of others.
    ``class_balance`` is the entropy of the queried classes divided by its maximum; like the calibration error it is of
    the last round whose labels all runs of a facet have.
    """
    rows, metric, ranges = [], reading.metric, common_ranges(rounds, reading)
    known = [name for name in rounds if name in ("curve", "facet", "label", "strategy", "seed", "run", *BY_ROUND)]
    ends = {str(run): row for run, row in common_ends(rounds[known]).iterrows()}
    for run, frame in rounds[known].sort_values("round", kind="stable").groupby("run", sort=False):
        first = frame.iloc[0]
        last = ends.get(str(run), first)
        values = frame[metric.column]
        x, range = reading.x(frame).to_numpy(), ranges[str(first["facet"])]
        rows.append(
            {
                **{key: first[key] for key in ("curve", "facet", "label", "strategy", "seed")},
                "run": run,
                "labels": frame["labeled"].iloc[-1],
                "low": range[0],
                "high": range[1],
                "aubc": mean_value(x, values.to_numpy(), range),
                "final": float(np.interp(range[1], x, values)) if reading.by != "spent" else values.iloc[-1],
                "best": metric.best(values),
                "calibration_error": last.get(CALIBRATION.column, math.nan),
                "class_balance": class_balance(by_class(last, "class_labeled") - by_class(first, "class_labeled")),
                **{name: total(frame, name) for name in SECONDS},
            }
        )
    return pd.DataFrame(rows)


def common_ranges(rounds: pd.DataFrame, reading: Reading) -> dict[str, tuple[float, float]]:
    """For each facet the range of x that all of its runs cover."""
    ends = reading.x(rounds).groupby([rounds["facet"], rounds["run"]], sort=False).agg(["min", "max"])
    ends = ends.groupby(level=0).agg({"min": "max", "max": "min"})
    return {str(facet): (float(low), float(high)) for facet, low, high in ends.itertuples()}


def up_to_common_end(rounds: pd.DataFrame) -> pd.DataFrame:
    """The rows whose numbers of answers all runs of their facet reach."""
    ends = {facet: high for facet, (_, high) in common_ranges(rounds, PLAIN).items()}
    return rounds[PLAIN.x(rounds) <= rounds["facet"].map(ends)]


def common_ends(rounds: pd.DataFrame) -> pd.DataFrame:
    """The last of these rows of each run, by its name."""
    ordered = up_to_common_end(rounds).sort_values("round", kind="stable")
    return ordered.drop_duplicates("run", keep="last").set_index("run")


def mean_value(x: np.ndarray, values: np.ndarray, range: tuple[float, float] | None = None) -> float:
    """Mean height of the curve through points with rising ``x`` (trapezoids), by default from the first to the last.

    NaN if ``range`` is empty.
    """
    from scipy.integrate import trapezoid

    if range is not None:
        inside = (x > range[0]) & (x < range[1])
        places = np.r_[range[0], x[inside], range[1]]
        x, values = places, np.interp(places, x, values)
    span = x[-1] - x[0]
    if span < 0:
        return math.nan
    return float(trapezoid(values, x)) / span if span else float(values[-1])


def by_class(row: pd.Series, column: str) -> np.ndarray:
    """The numbers of a row by class, (C,); empty if it has none."""
    return np.array(str(row.get(column, "")).split(), float)


def class_tables(rounds: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A row per curve, a column per class, means over repeats: accuracy at the common end, share of the queries.

    The end is the last round whose labels all runs of a facet have.

    Repeats need not have the same classes, since ``open_set`` may draw which are known: a mean is over the repeats that
    have the class. Empty if the curves have no results by class.
    """
    accuracy, queried = {}, {}
    known = [name for name in ("curve", "run", "round", "class_accuracy", "class_labeled") if name in rounds]
    names = class_names(rounds)
    reached = up_to_common_end(rounds)[known].sort_values("round", kind="stable")
    for curve, frame in reached.groupby("curve", sort=False):
        runs = {str(run): frame for run, frame in frame.groupby("run", sort=False)}
        last = {run: by_class(frame.iloc[-1], "class_accuracy") for run, frame in runs.items()}
        if not all(map(len, last.values())):
            continue
        counts = {run: by_class(frame.iloc[-1], "class_labeled") for run, frame in runs.items()}
        asked = {run: counts[run] - by_class(frame.iloc[0], "class_labeled") for run, frame in runs.items()}
        shares, table = (
            pd.DataFrame([pd.Series(values, names.get(run)) for run, values in each.items()]) for each in (last, asked)
        )
        accuracy[curve] = shares.mean()
        queried[curve] = table.mean() / max(table.sum(axis="columns").mean(), 1)
    return pd.DataFrame(accuracy).T, pd.DataFrame(queried).T


def class_names(rounds: pd.DataFrame) -> dict[str, list[str]]:
    """The names of the classes of each run, where they are known; empty if classes must be told apart by number.

    A run without names gets numbers. So do all runs if one has no names and others have names that are not numbers.
    """
    if "class_names" not in rounds or "class_accuracy" not in rounds:
        return {}
    runs, found, without = rounds.drop_duplicates("run"), {}, {}
    for _, row in runs.iterrows():
        count, names = len(by_class(row, "class_accuracy")), []
        with suppress(TypeError, ValueError):
            names = json.loads(row["class_names"] or "[]")
        if isinstance(names, list) and len(names) == count:
            found[row["run"]] = [str(name) for name in names]
        else:
            without[row["run"]] = [str(number) for number in range(count)]
    if without and not all(name.isdigit() for names in found.values() for name in names):
        return {}
    return found | without if found else {}


def worst_classes(rounds: pd.DataFrame) -> pd.DataFrame:
    """A row per curve: its worst ``class``, with the lowest mean accuracy over repeats, and this ``accuracy``.

    The mean over repeats of the lowest accuracy would be lower, because each repeat would pick its unluckiest class.
    """
    accuracy = class_tables(rounds)[0].dropna(axis="columns", how="all").dropna(how="all")
    if accuracy.empty:
        return pd.DataFrame({"class": [], "accuracy": []})
    return pd.DataFrame({"class": accuracy.idxmin(axis="columns"), "accuracy": accuracy.min(axis="columns")})


def class_balance(counts: np.ndarray) -> float:
    """Entropy of the shares of the classes, divided by its maximum: 1 for equal numbers, 0 for a single class."""
    if len(counts) < 2 or counts.sum() == 0:
        return math.nan
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum() / math.log(len(counts))) + 0.0


def total(frame: pd.DataFrame, column: str) -> float:
    """Sum of a column; NaN if the table does not have it, or lacks one of its cells."""
    return float(frame[column].sum(skipna=False)) if column in frame else math.nan


def per_curve(runs: pd.DataFrame, measure: str) -> pd.DataFrame:
    """A row per curve: repeats, mean, standard deviation and both intervals of ``measure`` (a column of per_run).

    Only repeats with a value count; ``repeats`` says how many have one, ``missing`` how many do not. If one is missing,
    the mean is NaN: the mean of the others would favor the better ones.
    """
    rows = []
    for curve, frame in runs.groupby("curve", sort=False):
        values = frame[measure].dropna().tolist()
        missing = len(frame) - len(values)
        usable = values if not missing else []
        low, high = t_interval(usable)
        bootstrap_low, bootstrap_high = bootstrap_interval(usable)
        rows.append(
            {
                "curve": curve,
                "repeats": len(values),
                "missing": missing,
                "mean": np.mean(usable) if usable else math.nan,
                "std": np.std(usable, ddof=1) if len(usable) > 1 else math.nan,
                "t_low": low,
                "t_high": high,
                "bootstrap_low": bootstrap_low,
                "bootstrap_high": bootstrap_high,
            }
        )
    return pd.DataFrame(rows, columns=CURVE_COLUMNS).set_index("curve")


def full_data(rounds: pd.DataFrame) -> pd.Series:
    """For each run the mean accuracy of runs of its setting that label the whole data set; NaN if none does.

    Budget and strategy do not matter once everything is labeled. Runs with a ``limit`` or a small scale are left out.
    """
    settings = [c for c in setting_columns(rounds) if not is_of_strategy(c) and not c.startswith("budget.")]
    settings = [c for c in settings if c != "batch_size"]
    keys = rounds.groupby(settings, sort=False).ngroup() if settings else pd.Series(0, rounds.index)
    pool = rounds["dataset"].map(POOL_SIZES) if "dataset" in rounds else pd.Series(math.nan, rounds.index)
    unlimited = rounds["limit"].isin(["null", ""]) if "limit" in rounds else pd.Series(True, rounds.index)
    for share in SHARES:
        unlimited &= rounds[share].isin(["1", "1.0", ""]) if share in rounds else True
    known = rounds[(rounds["labeled"] == pool) & unlimited].groupby(keys)[ACCURACY.column].mean()
    return keys.map(known).astype(float).groupby(rounds["run"], sort=False).first()
