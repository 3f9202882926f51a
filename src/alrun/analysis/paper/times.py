"""The times that the paper's text states, beside those of our runs."""

import math
from collections.abc import Callable
from typing import NamedTuple

import pandas as pd

from alrun.analysis.paper.collect import Collected
from alrun.analysis.paper.exhibits import MNIST_LOW, SUBSETS, UPDATES, WHOLE, Exhibit, Part

RESET, UPDATE = UPDATES
# The same as RESET, but until the whole pool is labeled.
LOW = MNIST_LOW.of("entropy", "vaal")
ALL_LABELS = Part("baseline/cifar10", ("budget.total=${examples:50000}",), ("entropy",))
TEXT = Exhibit("Times that the text states", "4.8, B.2 and F", parts=(RESET, UPDATE, SUBSETS, WHOLE, LOW, ALL_LABELS))


class Statement(NamedTuple):
    """A time that the paper's text states."""

    says: str
    section: str
    value: float
    unit: str
    measure: Callable[[Collected], float]


def total(table: pd.DataFrame, strategy: str, column: str, first: int = 1) -> float:
    """Seconds of a run in ``column`` from round ``first`` on, a mean over repeats; NaN without runs."""
    chosen = table[(table["strategy"] == strategy) & (table["round"] >= first)]
    return float(chosen.groupby("run")[column].sum().mean()) if len(chosen) else math.nan


def selection(there: Collected, strategy: str) -> float:
    """Seconds of all selections of a run."""
    return total(there.of(RESET), strategy, "select_seconds", 0)


def training(there: Collected, part: Part, strategy: str = "entropy") -> float:
    """Seconds of all trainings of a run but the first, shared one."""
    return total(there.of(part), strategy, "train_seconds")


def subset_speed(there: Collected) -> float:
    """How many times faster rounds with GRAD-MATCH train, means over strategies."""
    some, whole = there.of(SUBSETS), there.of(WHOLE)
    if some.empty or whole.empty:
        return math.nan
    last = some["round"].max()
    means = [
        table[(table["round"] % 3 != 0) & (table["round"] != last)]["train_seconds"].mean() for table in (whole, some)
    ]
    return ratio(*means)


def loop(there: Collected, part: Part) -> float:
    """Seconds of training and selection of a run with entropy."""
    return training(there, part) + total(there.of(part), "entropy", "select_seconds", 0)


def vaal(there: Collected) -> float:
    """Training time of VAAL, with its other networks, divided by that of entropy."""
    table = there.of(LOW)
    return ratio(*(total(table, strategy, "train_seconds") for strategy in ("vaal", "entropy")))


def whole_pool(there: Collected) -> float:
    """Training time until the whole pool is labeled, divided by that until half of it is."""
    table = there.of(ALL_LABELS)
    if table.empty:
        return math.nan
    half = table[table["labeled"] <= table["budget.total"].astype(float) / 2]
    return ratio(total(table, "entropy", "train_seconds"), total(half, "entropy", "train_seconds"))


def ratio(one: float, other: float) -> float:
    """``one`` / ``other``; NaN if ``other`` is 0."""
    return one / other if other else math.nan


STATEMENTS = (
    Statement("training, entropy, reset", "4.8", 8, "h", lambda there: training(there, RESET) / 3600),
    Statement("training, entropy, update", "F", 7.6, "h", lambda there: training(there, UPDATE) / 3600),
    Statement("selection, BADGE", "4.8", 1, "h", lambda there: selection(there, "badge") / 3600),
    Statement("selection, entropy", "4.8", 3, "min", lambda there: selection(there, "entropy") / 60),
    Statement(
        "selection of BADGE by that of entropy",
        "4.8",
        20,
        "times",
        lambda there: ratio(selection(there, "badge"), selection(there, "entropy")),
    ),
    Statement(
        "training with reset by that with update",
        "4.8",
        1.07,
        "times",
        lambda there: ratio(training(there, RESET), training(there, UPDATE)),
    ),
    Statement("training on all by that on GRAD-MATCH's choice, in its rounds", "4.8", 3, "times", subset_speed),
    Statement(
        "the whole loop without GRAD-MATCH by that with it, entropy",
        "F",
        1.6,
        "times",
        lambda there: ratio(loop(there, WHOLE), loop(there, SUBSETS)),
    ),
    Statement("training of VAAL by that of entropy", "B.2", 4, "times", vaal),
    Statement("training until all is labeled by that until half is", "4.8", 3, "times", whole_pool),
)


def of_text(there: Collected) -> pd.DataFrame:
    """A row for each statement: the paper's time and ours, empty without runs for it."""
    rows = []
    for each in STATEMENTS:
        ours = each.measure(there)
        shown = "" if math.isnan(ours) else f"{ours:.3g}"
        rows.append([each.says, each.section, f"{each.value:g} {each.unit}", f"{shown} {each.unit}" if shown else ""])
    return pd.DataFrame(rows, columns=["time", "section", "paper", "ours"])
