"""Which runs form a curve: those that differ only in their seed. It is named by what distinguishes it from others."""

import math

import pandas as pd

from alrun.analysis.metrics import PLAIN
from alrun.analysis.rounds import is_of_strategy, setting_columns

# Groups in the order in which they are tried as names, before settings: the paper's facets.
GROUPS = ("dataset", "model", "optimizer", "augmentation", "redundancy", "per_class_cap", "batch_size", "seed_set")
GROUPS += ("model_update", "dss", "shift", "open_set", "imbalance", "annotator", "cost")
UNDOTTED = ("limit", "initial_seed", "validation", "first_model")  # settings that are in no group
SPELT = 2  # columns that the name of a setting gives in full
USUAL = "usual setting"  # the setting that has the most common value everywhere
REFERENCE = "random"  # option of the strategy with which labeling efficiency compares


def name_curves(rounds: pd.DataFrame) -> pd.DataFrame:
    """The table with two more columns, and random sampling first.

    ``facet`` names what distinguishes the settings, strategies aside (``redundancy.factor=10``; empty for one alone).
    ``curve`` adds the strategy: its variant or option, and its settings that differ from those of others of that name.
    """
    runs = rounds.drop_duplicates("run")
    runs = runs.assign(**{name: spelt_alike(runs[name]) for name in setting_columns(runs) if "." in name})
    runs = runs.assign(facet=facets(runs), label=strategy_labels(runs))
    # Sorted by facet first, so that curves of one setting stand side by side.
    runs["curve"] = [
        f"{label}, {facet}" if facet else label for label, facet in zip(runs["label"], runs["facet"], strict=True)
    ]
    named = rounds.merge(runs[["run", "facet", "label", "curve"]], on="run")
    places = {facet: place for place, facet in enumerate(named["facet"].unique())}
    order = named["facet"].map(places) * 2 + (named["strategy"] != REFERENCE)
    return named.iloc[order.argsort(kind="stable")].reset_index(drop=True)


def dataset_names(rounds: pd.DataFrame) -> pd.Series:
    """The data set of each row: its option, and the name and hash of a user's own data where an option has several."""
    options = rounds["dataset"]
    if "dataset.path" not in rounds:
        return options
    paths = rounds["dataset.path"]
    is_ambiguous = paths.where(paths != "").groupby(options).transform("nunique") > 1
    return options.where(~is_ambiguous, (options + " " + paths).str.strip())


def spelt_alike(settings: pd.Series) -> pd.Series:
    """The values of a setting, each as it is spelt first: a spreadsheet writes TRUE for true, and 0 for 0.0."""
    spelt = {}
    for text in settings.unique():
        spelt.setdefault(meaning(str(text)), text)
    return settings.map(lambda text: spelt[meaning(str(text))])


def meaning(text: str) -> str | float:
    """A setting as a number where it is one, else in small letters."""
    try:
        number = float(text)
    except ValueError:
        return text.casefold()
    return text if math.isnan(number) else number  # NaN is not equal to itself


def facets(runs: pd.DataFrame) -> list[str]:
    """A text for the setting of each run: the fewest options and settings that distinguish all settings.

    If these are many, a text gives only what differs from the value that most settings have.
    """
    columns = [column for column in setting_columns(runs) if not is_of_strategy(column)]
    settings = sorted((c for c in columns if "." in c or c in UNDOTTED), key=lambda c: "_target_" in c)
    if "initial_seed" in runs:
        runs = runs.assign(initial_seed=initial_seeds(runs))
    setting = runs.groupby(settings, sort=False).ngroup() if settings else pd.Series(0, runs.index)
    options = {c: options_of(runs[c], setting) for c in columns if c in GROUPS}
    named = {c: options[c] for c in GROUPS if c in options and options[c].all()} | {c: runs[c] for c in settings}
    chosen: list[str] = []
    number = pd.Series(0, runs.index)
    for column, values in named.items():
        finer = runs.groupby([number, values], sort=False).ngroup()
        if finer.nunique() > number.nunique():
            chosen, number = [*chosen, column], finer
    values = pd.DataFrame({column: named[column] for column in chosen}, index=runs.index)
    usual = values.groupby(number).first().mode().iloc[0].to_dict() if len(chosen) > SPELT else {}
    rows = zip(values.index, values.to_dict("records"), strict=True)
    texts = {index: ", ".join(f"{c}={v}" for c, v in row.items() if v != usual.get(c, "")) for index, row in rows}
    return [texts[index] or (USUAL if usual else "") for index in runs.index]


def initial_seeds(runs: pd.DataFrame) -> pd.Series:
    """The initial seed of each run; the text ``seed`` if each repeat draws its own, which makes them one setting."""
    seed = runs["seed"].astype(str)
    initial = runs["initial_seed"].where(~runs["initial_seed"].isin(["", "null"]), seed)  # the neutral value
    shared = set(initial[initial != seed])
    return initial.where((initial != seed) | initial.isin(shared), "seed")


def options_of(options: pd.Series, setting: pd.Series) -> pd.Series:
    """The option of each run's setting: empty where its runs name several or none.

    A run that two experiments share has the options of the one that computed it; the setting is the same.
    """
    named = options.where(options != "").groupby(setting)
    return setting.map(named.first().where(named.nunique() == 1, ""))


def strategy_labels(runs: pd.DataFrame) -> list[str]:
    """A text for the strategy of each run: two texts are equal only if the strategies have equal settings."""
    settings = [str(column) for column in runs if str(column).startswith(("strategy.", "revisions.strategy."))]
    variant = runs["variant"].replace("null", "") if "variant" in runs else pd.Series("", runs.index)
    names = variant.where(variant != "", runs["strategy"])
    texts = dict.fromkeys(runs.index, "")
    for name, namesakes in runs.groupby(names, sort=False):
        differing = [column for column in settings if namesakes[column].nunique() > 1]
        for index, row in zip(namesakes.index, namesakes.to_dict("records"), strict=True):
            described = ", ".join(f"{c.removeprefix('strategy.')}={row[c]}" for c in differing if row[c] != "")
            texts[index] = f"{name} ({described})" if described else str(name)
    return list(texts.values())


def wide(rounds: pd.DataFrame, measure: str, curves: list[str] | None = None) -> dict[str, pd.DataFrame]:
    """For each curve a table of ``measure``: a row per seed, a column per number of labels, or of answers if known."""
    chosen = rounds if curves is None else rounds[rounds["curve"].isin(curves)]
    chosen = chosen.assign(labeled=PLAIN.x(chosen))
    means = chosen.groupby(["curve", "seed", "labeled"], sort=False)[measure].mean().sort_index()
    return {str(curve): means.loc[curve].unstack("labeled") for curve in chosen["curve"].unique()}


def paired(first: pd.DataFrame, second: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both tables of ``wide``, at the seeds and numbers of labels that both have."""
    seeds, labels = first.index.intersection(second.index), first.columns.intersection(second.columns)
    return first.loc[seeds, labels], second.loc[seeds, labels]
