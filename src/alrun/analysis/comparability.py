"""What a reader must know before comparing curves: sentences that name the runs and the remedy."""

import itertools

import pandas as pd

from alrun.analysis.curves import REFERENCE, USUAL, initial_seeds
from alrun.analysis.metrics import PLAIN

MOST = 6  # sentences of a kind


def notes(rounds: pd.DataFrame) -> list[str]:
    """Sentences on mixed settings, missing repeats and reference runs in the table of results with named curves."""
    runs = rounds.drop_duplicates("run")
    return [*mixed(runs), *repeats(runs), *one_start(runs), *references(runs), *labels(rounds), *hardware(runs)]


def mixed(runs: pd.DataFrame) -> list[str]:
    """A sentence if there is more than one setting."""
    count = runs["facet"].nunique()
    if count < 2:
        return []
    names = "curves are named by them"
    if USUAL in runs["facet"].to_numpy():
        names = f"curves are named by what they change of the usual setting, the most common value of each ({USUAL})"
    return [
        f"The runs have {count} settings ({some(list(runs['facet'].unique()), '; ')}): {names}, and labeling "
        "efficiency compares within a setting alone."
    ]


def repeats(runs: pd.DataFrame) -> list[str]:
    """Sentences on curves with a single repeat or with fewer repeats than others."""
    seeds = runs.groupby("curve", sort=False)["seed"].apply(lambda values: tuple(sorted(values)))
    single = [str(curve) for curve, values in seeds.items() if len(values) == 1]
    found = []
    if single:
        found.append(
            f"{some(single)} {'has' if len(single) == 1 else 'have'} one repeat: there is no spread and no test; "
            "add repeats with seed=0,1,2."
        )
    every = sorted(set(itertools.chain(*seeds)))
    lacking = 0
    for curve, values in seeds.items():
        absent = [str(seed) for seed in every if seed not in values]
        if absent and len(values) > 1:
            lacking += 1
            if lacking > MOST:
                continue
            found.append(
                f"{curve} lacks seed {', '.join(absent)}: comparisons with it use the seeds that both have; "
                f"add seed={','.join(absent)}."
            )
    if lacking > MOST:
        found.append(f"{lacking - MOST} more curves lack repeats that other curves have.")
    return found


def one_start(runs: pd.DataFrame) -> list[str]:
    """A sentence on repeats that share their initial seed, and so the seed set and the first model."""
    if "initial_seed" not in runs:
        return []
    seeds = runs.groupby(["curve", initial_seeds(runs)], sort=False)["seed"].nunique()
    shared = sorted({initial for (_, initial), count in seeds.items() if count > 1 and initial != "seed"})  # type: ignore[misc]
    if not shared:
        return []
    return [
        f"Repeats share initial_seed={', '.join(shared)}, and so one seed set and one first model: intervals and "
        "tests describe the scatter after this one start, not over other starts, and the first round is not tested. "
        "initial_seed=null gives every repeat its own."
    ]


def references(runs: pd.DataFrame) -> list[str]:
    """Sentences on strategies without a random run of the same setting and seed."""
    known = {(row["facet"], row["seed"]) for row in runs.to_dict("records") if row["strategy"] == REFERENCE}
    found: list[str] = []
    for facet, frame in runs.groupby("facet", sort=False):
        absent = sorted({seed for seed in frame["seed"] if (facet, seed) not in known})
        if absent:
            where = f" with {facet}" if facet else ""
            text = ",".join(map(str, absent))
            found.append(
                f"No run of strategy=random{where} has seed {text.replace(',', ', ')}: labeling efficiency is unknown "
                f"there; add strategy=random seed={text}."
            )
    more = len(found) - MOST
    return [*found[:MOST], f"{more} more settings have seeds without a random run."] if more > 0 else found


def labels(rounds: pd.DataFrame) -> list[str]:
    """Sentences on runs that end before others of their setting, on runs with gaps, and on curves with other rounds."""
    x = PLAIN.x(rounds)
    points = x.groupby(rounds["curve"], sort=False).apply(lambda values: tuple(sorted(set(values))))
    common = set.intersection(*(set(values) for values in points))
    found = [
        f"The curves have different numbers of labels: tests of rounds use those that two curves share "
        f"({len(common)} are common to all)."
    ]
    return [*early(rounds.assign(x=x)), *gaps(rounds.assign(x=x)), *(found if points.nunique() > 1 else [])]


def early(rounds: pd.DataFrame) -> list[str]:
    """A sentence for each setting in which runs end before others (column ``x``: labels)."""
    found = []
    for facet, frame in rounds.groupby("facet", sort=False):
        ends = frame.groupby(["curve", "seed"], sort=False)["x"].max()
        short = ends[ends < ends.max()]
        if len(short):
            names = [f"{curve} seed {seed} at {end:,.0f}" for (curve, seed), end in short.items()]  # type: ignore[misc]
            where = f" with {facet}" if facet else ""
            found.append(
                f"Runs{where} end before {ends.max():,.0f} labels, where others do ({some(names)}): mean and final "
                f"accuracies are compared up to {ends.min():,.0f} labels, which all reach. Compute the others to their "
                "end, or leave them out."
            )
    return found[:MOST]


def gaps(rounds: pd.DataFrame) -> list[str]:
    """A sentence on runs that lack rounds in the middle that other repeats have (column ``x``: labels)."""
    lacking = []
    for curve, frame in rounds.groupby("curve", sort=False):
        for seed, run in frame.groupby("seed", sort=False):
            inside = frame["x"][(frame["x"] > run["x"].min()) & (frame["x"] < run["x"].max())]
            if count := len(set(inside) - set(run["x"])):
                lacking.append(f"{curve} seed {seed}: {count}")
    if not lacking:
        return []
    return [
        f"Runs lack rounds that other repeats have ({some(lacking)}): their curves are straight there, and tests of a "
        "round use the repeats that have it."
    ]


def hardware(runs: pd.DataFrame) -> list[str]:
    """Sentences on times that do not compare, and on different data under one name."""
    found = []
    for column, what in (("hardware", "different hardware"), ("threads", "different numbers of threads")):
        values = sorted(set(runs[column]) - {""}) if column in runs else []
        if len(values) > 1:
            found.append(f"The runs come from {what} ({', '.join(values)}): their times do not compare.")
    values = sorted(set(runs["data"]) - {""}) if "data" in runs else []
    if "dataset" in runs and runs["dataset"].nunique() == 1 and len(values) > 1 and runs["facet"].nunique() == 1:
        found.append(f"The runs saw different data under one name (fingerprints {', '.join(values)}).")
    return found


def some(names: list[str], separator: str = ", ") -> str:
    """The first names, and how many more there are."""
    if len(names) <= 2 * MOST:
        return join_words(names) if separator == ", " else separator.join(names)
    return f"{separator.join(names[: 2 * MOST])}{separator}{len(names) - 2 * MOST} more"


def join_words(names: list[str]) -> str:
    """``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def with_counts(names: pd.Series) -> str:
    """The names and how often each occurs, the most frequent first: ``alice (3), bob (2)``; ``alice`` if alone."""
    counts = names.value_counts()
    return ", ".join(f"{name} ({count})" if len(counts) > 1 else str(name) for name, count in counts.items())
