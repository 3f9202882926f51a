"""The machines that runs come from, by name; what runs of several machines differ in, and what no machine explains."""

from collections import Counter

import numpy as np
import pandas as pd

from alrun.analysis.comparability import join_words, with_counts
from alrun.analysis.repeated import ROUNDING
from alrun.analysis.significance import holm, t_test
from alrun.system.counts import counted, is_or_are
from alrun.system.errors import DataError
from alrun.system.safe_text import one_line

Machine = tuple[str, ...]  # the cells of MACHINE; an empty text where a table does not say

MACHINE = ("torch", "cuda", "hardware", "cpu_capability", "threads", "memory_format")  # columns that name a machine
LEVEL = 0.01  # of the tests whether accuracies differ in one direction
LEAST = 3  # runs of a strategy that such a test needs
FAR = 0.1  # the mean distance of final accuracies, above which no round-off explains it


def machines_of(runs: pd.DataFrame) -> list[Machine]:
    """The machine of each row."""
    columns = [runs[name].astype(str) if name in runs else [""] * len(runs) for name in MACHINE]
    return list(zip(*columns, strict=True))


def are_different(one: Machine, other: Machine) -> bool:
    """Whether something that both machines say differs."""
    return any(a and b and a != b for a, b in zip(one, other, strict=True))


def in_words(machine: Machine) -> str:
    """``torch 2.13.0+cpu, AMD EPYC, AVX512, 1 thread, contiguous``."""
    torch, cuda, hardware, capability, threads, layout = machine
    counted_threads = f"{threads} thread{'s' if threads != '1' else ''}" if threads else ""
    words = [f"torch {torch}" if torch else "", f"CUDA {cuda}" if cuda else ""]
    return ", ".join(filter(None, [*words, hardware, capability, counted_threads, layout]))


def copies_in_words(others: pd.DataFrame) -> str:
    """How many runs several machines computed, how far apart these end, and whose numbers count; empty without any.

    ``others`` has a row for each copy that does not count, with the columns ``merging.OTHERS``.
    """
    if others.empty:
        return ""
    count = others["run"].nunique()
    kept = with_counts(others.drop_duplicates("run")["counts instead"])
    gap = (others["final accuracy"] - others["its final accuracy"]).abs()
    apart = ""
    if gap.notna().any():
        largest = others.iloc[int(np.nanargmax(gap))]
        apart = (
            f" after the last round the two accuracies are {100 * gap.mean():.2f} points apart on average and at most "
            f"{100 * gap.max():.2f} ({largest['strategy']}, seed {largest['seed']});"
        )
    return one_line(
        f"{counted(count, 'run')} {is_or_are(count)} in several tables from other hardware or torch:{apart} the "
        f"numbers kept are those of {kept}."
    )


def refuse_one_direction(differences: pd.DataFrame) -> None:
    """Refuse copies by other machines that end higher, or lower, in all runs of a strategy: round-off has no direction.

    ``differences`` has a row per run and pair of copies: ``table``, ``other``, ``strategy``, and ``difference``, the
    last accuracy in ``other`` minus that in ``table``. Copies without an accuracy are left out.

    Raises:
        UserError: They are ``FAR`` apart on average; or those of a strategy have one sign, and their mean is not 0 by a
            paired t-test, after Holm's correction for all strategies.
    """
    for (table, other), values in differences.groupby(["table", "other"], sort=False)["difference"]:
        if (apart := float(values.abs().mean())) > FAR:
            raise DataError(
                f"{table} and {other} contradict each other: the runs that both hold end {100 * apart:.2f} points "
                "apart on average, and other hardware or torch changes results by round-off: leave one of them out."
            )
    groups = differences.dropna(subset=["difference"]).groupby(["table", "other", "strategy"], sort=False)["difference"]
    tested = {key: values.to_numpy(float) for key, values in groups if len(values) >= LEAST}
    corrected = holm(np.array([p_of(values) for values in tested.values()]))
    for ((table, other, strategy), values), p in zip(tested.items(), corrected, strict=True):
        if p < LEVEL and has_one_sign(values):
            mean = 100 * float(values.mean())
            raise DataError(
                f"{table} and {other} contradict each other: all {len(values)} runs of {strategy} that both hold end "
                f"{'higher' if mean > 0 else 'lower'} in {other}, by {abs(mean):.2f} points on average (p = {p:.2g}). "
                "Other hardware or torch changes results by round-off, which has no direction: leave one of them out."
            )


def p_of(differences: np.ndarray) -> float:
    """Two-sided p of the paired t-test that the mean of ``differences`` is 0; 0 if all are the same, but not 0."""
    mean, p = t_test(differences, np.zeros_like(differences))
    if np.isnan(p):
        return float(abs(mean) <= ROUNDING)
    return float(p)


def has_one_sign(differences: np.ndarray) -> bool:
    """Whether all differences are above 0, or all below."""
    return bool((differences > ROUNDING).all() or (differences < -ROUNDING).all())


def mixed(runs: pd.DataFrame) -> list[str]:
    """A sentence on strategies that do not run on the machine of most others with the same seed, if there are any.

    ``runs`` has a row per run: ``label`` (the strategy), ``seed``, and columns of ``MACHINE``.
    """
    found: dict[str, list[tuple[Machine, Machine]]] = {}
    for _, frame in runs.groupby("seed", sort=False):
        named = machines_of(frame)
        usual = Counter(filter(any, named)).most_common(1)
        for label, machine in zip(frame["label"], named, strict=True):
            if usual and are_different(machine, usual[0][0]):
                found.setdefault(str(label), []).append((machine, usual[0][0]))
    if not found:
        return []
    repeats = runs["seed"].nunique()
    texts = []
    for label, pairs in found.items():
        here, most = (join_words(list(dict.fromkeys(map(in_words, each)))) for each in zip(*pairs, strict=True))
        texts.append(f"{label} has {len(pairs)} of {counted(repeats, 'run')} from {here} instead of {most}")
    return [
        "The strategies are not compared on one machine, so their differences contain those of the machines: "
        f"{'; '.join(texts)}."
    ]
