"""Where our runs refute a finding: the reason looked for, in numbers of the same runs."""

import numpy as np
import pandas as pd

from alrun.analysis.curves import REFERENCE, name_curves
from alrun.analysis.scores import per_run
from docs.generate.findings_measures import ACTIVE
from docs.generate.findings_rules import estimate


def gap_by_labels(rounds: pd.DataFrame) -> str:
    """BADGE minus entropy after each round: where the difference of finding 3 is."""
    accuracy = 100 * rounds.groupby(["labeled", "strategy", "seed"])["test_accuracy"].mean()
    texts = []
    for labels, frame in accuracy.groupby("labeled"):
        each = frame.droplevel("labeled")
        texts.append(f"{estimate((each['badge'] - each['entropy']).dropna().to_numpy(float))} at {labels:,}")
    shown = [texts[place] for place in sorted({1, len(texts) // 2, len(texts) - 1})]
    found = [f"BADGE minus entropy by number of labels: {', '.join(shown)}"]
    if "class_labeled" in rounds:
        balance = per_run(name_curves(rounds)).groupby("strategy")["class_balance"].mean()
        even = ", ".join(f"{name} {balance[name]:.3f}" for name in ACTIVE)
        found.append(f"evenness of the queried classes (entropy of their shares, at most 1): {even}")
    if set(rounds.get("augmentation", ())) == {"none"}:
        found.append("there is no augmentation here, and without it the paper finds BADGE ahead as well (Section 4.2)")
    return "; ".join(found)


def why_no_more(rounds: pd.DataFrame) -> str:
    """What random sampling gains by its labels, and what a strategy could gain at most: finding 1."""
    accuracy = 100 * rounds.groupby(["strategy", "labeled"])["test_accuracy"].mean()
    random = accuracy[REFERENCE]
    best = str(accuracy.groupby("strategy").last().idxmax())
    return (
        f"random sampling itself rises from {random.iloc[0]:.1f} to {random.iloc[-1]:.1f} % between {random.index[0]:,}"
        f" and {random.index[-1]:,} labels, {best} to {accuracy[best].iloc[-1]:.1f} %. An efficiency of 2 would be "
        f"{random.iloc[-1]:.1f} % with {random.index[-1] // 2:,} labels, where {best} has "
        f"{np.interp(random.index[-1] / 2, accuracy[best].index, accuracy[best]):.1f} %"
    )


def losses_by_redundancy(rounds: pd.DataFrame) -> str:
    """What redundancy costs each strategy: finding 4."""
    accuracy = 100 * rounds.groupby(["strategy", "redundancy.factor"])["test_accuracy"].mean()
    factors = sorted(rounds["redundancy.factor"].unique(), key=lambda factor: float(str(factor)))
    texts = [f"{name} {accuracy[name, factors[-1]] - accuracy[name, factors[0]]:+.2f}" for name in (REFERENCE, *ACTIVE)]
    return f"mean accuracy at ×{factors[-1]} minus that at ×{factors[0]}: {', '.join(texts)} points"


def seconds(rounds: pd.DataFrame) -> str:
    """Mean seconds of a run: finding 8."""
    parts = ["train_seconds", "select_seconds", "evaluate_seconds"]
    runs = rounds.groupby(["strategy", "run"])[parts].sum().groupby("strategy").mean()
    texts = [
        f"{name} {row['train_seconds']:.1f} s, {row['select_seconds']:.1f} s, {row['evaluate_seconds']:.1f} s"
        for name, row in runs.iterrows()
    ]
    return f"training, selection and evaluation of a run: {'; '.join(texts)}"
