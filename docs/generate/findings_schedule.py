"""May a shorter training stand for the paper's? The same runs with both, on docs/evidence/findings.md."""

from pathlib import Path

import pandas as pd

from alrun.analysis.curves import REFERENCE
from docs.generate import findings_studies as studies
from docs.generate.findings_measures import ACTIVE, mean_of
from docs.generate.findings_rules import estimate

LONG, SHORT = "scratch/baseline", "scratch/batch_size"
TEXT = """\
## {short} epochs instead of {long}

The experiments with redundancy and AL batch sizes train for {short} epochs a round, to save hours. Here are the runs
that were computed with both schedules: Fashion-MNIST from scratch, AL batches of {batch:,}, {repeats} repeats with the
same seed sets and first weights. Accuracies are means over all rounds in %, differences are in points, with 95 %
intervals over repeats.

"""
END = """\
So accuracies of the two schedules must not be compared, and {change} points of BADGE minus entropy with {short} epochs
come from the schedule: {short} epochs may not stand for {long} where a finding is about the size of that difference.
They stand for what is measured within one schedule: how the difference grows with redundancy, and what the AL batch
size changes. No choice was made by these test accuracies.
"""


def shorter(folder: Path = studies.RESULTS) -> str:
    """A section with accuracies, and differences between strategies, by schedule; empty if a table is missing."""
    long, short = studies.table_of(LONG, folder), studies.table_of(SHORT, folder)
    if long is None or short is None:
        return ""
    batch = long["budget.batch_size"].iloc[0]
    short = short[short["budget.batch_size"] == batch]
    whole, brief = (mean_of(frame).unstack("strategy").dropna() for frame in (long, short))
    repeats = whole.index.intersection(brief.index)
    whole, brief = whole.loc[repeats], brief.loc[repeats]
    epochs = [int(float(frame["training.max_epochs"].iloc[0])) for frame in (long, short)]
    pairs = [(name, REFERENCE) for name in ACTIVE] + [("badge", "entropy")]
    differences = {f"{one} minus {other}": [each[one] - each[other] for each in (whole, brief)] for one, other in pairs}
    lines = [f"| | {epochs[0]} epochs | {epochs[1]} epochs | {epochs[1]} minus {epochs[0]} |", "|---" * 4 + "|"]
    for name in (REFERENCE, *ACTIVE):
        lines.append(row(name, [f"{each[name].mean():.2f}" for each in (whole, brief)], brief[name] - whole[name]))
    for name, (before, after) in differences.items():
        lines.append(row(name, [estimate(each.to_numpy(float)) for each in (before, after)], after - before))
    text = TEXT.format(short=epochs[1], long=epochs[0], batch=int(float(batch)), repeats=len(repeats))
    before, after = differences["badge minus entropy"]
    end = END.format(change=estimate((after - before).to_numpy(float)), short=epochs[1], long=epochs[0])
    return text + "\n".join([*lines, "", end, ""])


def row(name: str, cells: list[str], change: pd.Series) -> str:
    """A row of the table: what the two schedules give, and what the shorter one changes."""
    return f"| {name} | {' | '.join(cells)} | {estimate(change.to_numpy(float))} |"
