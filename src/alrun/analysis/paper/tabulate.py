"""The paper's tables in its layout: each of its rows as printed, and ours below it."""

import math
from functools import cache
from importlib import resources
from typing import Any

import pandas as pd

from alrun.analysis.intervals import spread
from alrun.analysis.paper import printed
from alrun.analysis.paper.collect import Asked, Collected, planned
from alrun.analysis.paper.exhibits import Part
from alrun.settings.planned_runs import Planned
from alrun.system.errors import DataError

# The names of rows in the paper: by strategy, and by the option that the table varies.
ROWS = {
    "table-1": ("Alg_Budget", "{0}_{1}", {"random": "RAND", "entropy": "ENT", "badge": "BADGE"}),
    "table-2": ("Alg_Init", "{0}_{1}", {"entropy": "ENT", "badge": "BADGE"}),
    "table-13": ("DSS", "{0} ({1})", {"random": "RANDOM", "entropy": "ENTROPY", "badge": "BADGE"}),
}
OPTIONS = {"b1000": "1000", "b3000": "3000", "b6000": "6000", "facility_location": "FL", "random": "Rand"}
OPTIONS |= {"grad_match": "GM", "none": "F"}
LOW_NAMES = {"least_confidence": "LEAST CONF", "deepfool": "A. DEEPFOOL"}
PHASES = {"train_seconds": "", "select_seconds": "Sel."}
SETTINGS = {
    "max_epochs": "Max Epoch",
    "lr": "LR",
    "batch_size": "Opt. B. Size",
    "cut": "Train Cut",
    "optimizer": "Opt.",
    "al_batch": "AL B. Size",
    "seed_size": "Seed Size",
}


def of_table(name: str, there: Collected, asked: Asked) -> pd.DataFrame:
    """The table ``name``: the paper's columns, and ``of``, which is ``paper`` or ``ours``."""
    if name in ROWS:
        return accuracies(name, there)
    if name == "table-11":
        return selections(there)
    if name == "table-12":
        return rounds(there)
    return settings(name, asked)


def accuracies(name: str, there: Collected) -> pd.DataFrame:
    """Tables 1, 2 and 13: mean and standard deviation (%) at the paper's numbers of labels, or their share of ours."""
    head, pattern, strategies = ROWS[name]
    facet = printed.TABLES[short(name)].facet
    assert facet is not None
    # A run that sections share has the options of the first one, so its series says which row it belongs to.
    varied = options_of(there.table)
    found = pd.DataFrame(printed.accuracies(short(name), there.table.assign(**{facet: varied})))
    lines = []
    for keys, frame in found.groupby(["strategy", facet], sort=False):
        strategy, option = map(str, keys)  # type: ignore[arg-type]
        label = pattern.format(strategies[strategy], OPTIONS[option])
        points = [f"{number} points" for number in frame["labels (paper)"]]
        for whose, mean, std in (("paper", "paper", "paper_std"), ("ours", "ours", "ours_std")):
            pairs = zip(frame[mean], frame[std], strict=True)
            cells = ["" if math.isnan(m) else spread(m, s, 1) for m, s in pairs]
            lines.append({head: label, "of": whose, **dict(zip(points, cells, strict=True))})
    return pd.DataFrame(lines)


def options_of(table: pd.DataFrame) -> list[str]:
    """The option in the name of each row's series."""
    return [series.partition("_")[2] for series in table["series"]]


def short(name: str) -> str:
    """The name of the file with the paper's numbers."""
    return name.replace("-", "")


def selections(there: Collected) -> pd.DataFrame:
    """Table 11: mean seconds of a selection."""
    has = pd.DataFrame(printed.selection_times("table11", there.table)) if len(there.table) else printed_alone()
    names = [LOW_NAMES.get(each, each.upper()) for each in has["strategy"]]
    ours = [number(value, 3) for value in has["ours"]]
    return pd.DataFrame(
        {"MNIST Low": names, "Average Selection Time (paper)": has["paper"], "Average Selection Time (ours)": ours}
    )


def printed_alone() -> pd.DataFrame:
    """Table 11 without numbers of ours."""
    return printed.read_printed("table11").rename(columns={"seconds": "paper"}).assign(ours=math.nan)


def rounds(there: Collected) -> pd.DataFrame:
    """Table 12: seconds of each round, and their sum in hours, which the paper's text states."""
    table = there.table.assign(model_update=options_of(there.table))
    if table.empty:
        found = printed.read_printed("table12").rename(columns={"seconds": "paper"}).assign(ours=math.nan)
    else:
        found = pd.DataFrame(printed.times("table12", table))
    lines = []
    for keys, frame in found.groupby(["phase", "strategy", "model_update"], sort=False):
        phase, strategy, update = map(str, keys)  # type: ignore[arg-type]
        label = f"{named(strategy)} ({PHASES[phase] or update.title()})"
        for whose in ("paper", "ours"):
            values = frame.set_index("round")[whose].astype(float)
            cells = {f"R{round}": number(seconds, 1) for round, seconds in values.items()}
            hours = number(values.sum(skipna=False) / 3600, 2)
            lines.append({"Timing": label, "of": whose, **cells, "sum (h)": hours})
    return pd.DataFrame(lines)


def named(strategy: str) -> str:
    """A strategy as the paper writes it."""
    return "BADGE" if strategy == "badge" else strategy.title()


def number(value: float, digits: int) -> str:
    """A number as text; empty for NaN, three digits if it is small."""
    if math.isnan(value):
        return ""
    return f"{value:.3g}" if 0 < abs(value) < 10**-digits else f"{value:.{digits}f}"


@cache
def rows_of_settings() -> pd.DataFrame:
    """Tables 3 to 10: the paper's rows, and which of our runs has them."""
    with resources.files("alrun.analysis.paper").joinpath("settings.csv").open() as file:
        return pd.read_csv(file, dtype=str, keep_default_na=False)


def settings(name: str, asked: Asked) -> pd.DataFrame:
    """Tables 3 to 10: the composed configurations of our experiments beside the paper's. Nothing is run."""
    every = rows_of_settings()
    lines = []
    for row in every[every["table"] == name].to_dict("records"):
        theirs = {title: row[key] for key, title in SETTINGS.items()}
        part = Part(row["experiment"], tuple(row["choices"].split()), ("random",))
        runs = planned(part, asked)
        if not runs:
            raise DataError(f"{part.experiment} has no run with {' '.join(asked.overrides)}: leave some out.")
        lines.append({"Exp.": row["row"], "of": "paper", **theirs})
        lines.append({"Exp.": row["row"], "of": "ours", **composed(runs[0])})
    return pd.DataFrame(lines)


def composed(run: Planned) -> dict[str, Any]:
    """The columns of Tables 3 to 10 of a run."""
    settings = run.cfg
    optimizer = str(settings.optimizer.build._target_).rpartition(".")[2] + ("/SWA" if settings.optimizer.swa else "")
    training, budget = settings.training, settings.budget
    values = [training.max_epochs, settings.optimizer.lr, training.batch_size, training.stop_accuracy]
    values += [optimizer, budget.batch_size, budget.seed_size]
    return dict(zip(SETTINGS.values(), map(str, values), strict=True))
