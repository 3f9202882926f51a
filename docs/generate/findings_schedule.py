"""How long to train from scratch, and at which rate, by labels held out of the pool: on docs/evidence/findings.md."""

from pathlib import Path

import pandas as pd

from alrun.analysis.curves import REFERENCE
from docs.generate import findings_studies as studies
from docs.generate.findings_measures import ACTIVE, mean_of
from docs.generate.findings_rules import estimate

EPOCHS, RATES = "training.max_epochs", "optimizer.lr"
SHORTER = """\
## {short} epochs instead of {long}

The experiments with redundancy and AL batch sizes train for {short} epochs a round, to save hours. Here are {repeats}
repeats with both schedules and the same seed sets and first weights: Fashion-MNIST from scratch, AL batches of
{batch:,}. Accuracies are means along the budget in %, of {held_out:,} labels that a repeat holds out of its pool: the
test set is not used. Differences are in points, with 95 % intervals over repeats.

"""
SHORTER_END = (
    "So accuracies of the two schedules must not be compared, and {change} points of BADGE minus entropy with {short} "
    "epochs come from the schedule: {short} epochs may not stand for {long} where a finding is about the size of that "
    "difference. They stand for what is measured within one schedule: how the difference grows with redundancy, and "
    "what the AL batch size changes.\n"
)
CYCLES = """\
## One cycle for CIFAR-10

CIFAR-10 from scratch, ResNet-9: accuracy in % after one training on {labeled:,} labels drawn at random, by the number
of epochs of the cycle and its highest learning rate; of {held_out:,} labels that a repeat holds out of its pool, so
that the test set is not used; mean ± standard deviation of {repeats} repeats.

"""


def shorter(folder: Path = studies.RESULTS) -> str:
    """A section with accuracies, and differences between strategies, by schedule; empty if there is no table."""
    rounds = studies.table_of("scratch/epochs", folder)
    if rounds is None:
        return ""
    epochs = rounds[EPOCHS].astype(float).astype(int)
    short, long = sorted(set(epochs))
    whole, brief = (mean_of(rounds[epochs == each]).unstack("strategy").dropna() for each in (long, short))
    repeats = whole.index.intersection(brief.index)
    whole, brief = whole.loc[repeats], brief.loc[repeats]
    pairs = [(name, REFERENCE) for name in ACTIVE] + [("badge", "entropy")]
    differences = {f"{one} minus {other}": [each[one] - each[other] for each in (whole, brief)] for one, other in pairs}
    lines = [f"| | {long} epochs | {short} epochs | {short} minus {long} |", "|---" * 4 + "|"]
    for name in (REFERENCE, *ACTIVE):
        lines.append(row(name, [f"{each[name].mean():.2f}" for each in (whole, brief)], brief[name] - whole[name]))
    for name, (before, after) in differences.items():
        lines.append(row(name, [estimate(each.to_numpy(float)) for each in (before, after)], after - before))
    batch, held_out = map(int, rounds[["budget.batch_size", "validation"]].to_numpy(float)[0])
    text = SHORTER.format(short=short, long=long, batch=batch, held_out=held_out, repeats=len(repeats))
    before, after = differences["badge minus entropy"]
    end = SHORTER_END.format(change=estimate((after - before).to_numpy(float)), short=short, long=long)
    return text + "\n".join([*lines, "", end, ""])


def row(name: str, cells: list[str], change: pd.Series) -> str:
    """A row of the table: what the two schedules give, and what the shorter one changes."""
    return f"| {name} | {' | '.join(cells)} | {estimate(change.to_numpy(float))} |"


def cycles(folder: Path = studies.RESULTS) -> str:
    """A section with the accuracy of each schedule on CIFAR-10; empty if there is no table."""
    rounds = studies.table_of("scratch/schedule", folder)
    if rounds is None:
        return ""
    rounds = rounds.assign(**{name: rounds[name].astype(float) for name in (EPOCHS, RATES)})
    found = 100 * rounds.groupby([EPOCHS, RATES])["test_accuracy"].agg(["mean", "std"])
    rates = sorted(set(rounds[RATES]))
    lines = [f"| epochs | {' | '.join(f'rate {rate:g}' for rate in rates)} |", "|---" * (1 + len(rates)) + "|"]
    for epochs in sorted(set(rounds[EPOCHS])):
        cells = [f"{found['mean'][epochs, rate]:.2f} ± {found['std'][epochs, rate]:.2f}" for rate in rates]
        lines.append(f"| {epochs:.0f} | {' | '.join(cells)} |")
    labeled, held_out = map(int, rounds[["labeled", "validation"]].to_numpy(float)[0])
    text = CYCLES.format(labeled=labeled - held_out, held_out=held_out, repeats=rounds["seed"].nunique())
    return text + "\n".join([*lines, "", beside_used(rounds, folder), ""])


def beside_used(rounds: pd.DataFrame, folder: Path) -> str:
    """The cycle of the study on CIFAR-10 from scratch, beside the best of the table."""
    study = studies.table_of(studies.STUDIES["cifar10"].facets["baseline"], folder)
    if study is None:
        return ""
    used = tuple(map(float, study[[EPOCHS, RATES]].to_numpy(float)[0]))
    accuracy = 100 * rounds.groupby([EPOCHS, RATES, "seed"])["test_accuracy"].mean()
    best = accuracy.groupby([EPOCHS, RATES]).mean().idxmax()
    text = f"The study above has {used[0]:.0f} epochs and a rate of {used[1]:g}, which a first trial chose"
    if best == used:
        return f"{text}: the best of the table.\n"
    gap = (accuracy[best] - accuracy[used]).dropna().to_numpy(float)
    return (
        f"{text}; the best of the table, {best[0]:.0f} epochs and {best[1]:g}, has {estimate(gap)} points more (95 % "
        "interval over repeats).\n"
    )
