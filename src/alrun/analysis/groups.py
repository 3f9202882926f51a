"""Results by group of test examples, such as hospitals or two data sets, where runs have them."""

import pandas as pd

from alrun.analysis.intervals import spread
from alrun.analysis.metrics import WORST_GROUP
from alrun.analysis.page import Section
from alrun.analysis.rounds import groups_of

MOST = 8  # groups in the table: those with the lowest accuracy


def group_sections(named: pd.DataFrame) -> list[Section]:
    """The section on groups; none where no run has any."""
    curves, accuracy = last_accuracies(named)
    if accuracy.empty:
        return []
    shown = f" Of {accuracy.shape[1]} groups, the {MOST} with the lowest mean are shown." * (accuracy.shape[1] > MOST)
    text = (
        "The test accuracy of each group of test examples after the last round: mean and standard deviation over "
        f"repeats.{shown} The worst group is that of each repeat, whichever it is; "
        f"--metric {WORST_GROUP.name} reads everything by its accuracy."
    )
    return [Section("Groups of test examples", text, {}, {"groups": group_table(curves, accuracy)})]


def last_accuracies(named: pd.DataFrame) -> tuple[pd.Series, pd.DataFrame]:
    """The curve of each run that has groups, and the accuracy of each group after the last round, as columns."""
    last = named.sort_values("round", kind="stable").drop_duplicates("run", keep="last")
    cells = last.get("group_accuracy", pd.Series("", last.index)).fillna("").map(groups_of)
    last, cells = last[cells.map(len) > 0], cells[cells.map(len) > 0]
    return last["curve"], pd.DataFrame(cells.tolist(), index=last.index)


def group_table(curves: pd.Series, accuracy: pd.DataFrame) -> pd.DataFrame:
    """A row per curve, as text: each group, or those with the lowest mean, and the worst of each repeat."""
    lowest = accuracy.mean().sort_values(kind="stable").index[:MOST]
    shown = accuracy[[group for group in accuracy if group in lowest]].rename(columns=lambda group: f"{group} (%)")
    shown = WORST_GROUP.scale * shown.assign(**{"worst group (%)": accuracy.min(axis="columns")})
    by_curve = shown.groupby(curves, sort=False)
    mean, std = by_curve.mean(), by_curve.std()
    cells = {
        column: [spread(a, b, WORST_GROUP.digits) for a, b in zip(mean[column], std[column], strict=True)]
        for column in mean
    }
    return pd.DataFrame({"curve": mean.index, **cells})
