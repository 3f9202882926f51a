"""The names of settings and strategies on a leaderboard, whose tables may come from different versions of alrun."""

from collections import Counter

import pandas as pd

from alrun.analysis.curves import GROUPS, facets, strategy_labels

POOL = {  # groups that make the pool of a data set, with the option of conf/config.yaml that leaves it as it is
    "redundancy": "none",
    "per_class_cap": "none",
    "seed_set": "random",
    "shift": "none",
    "open_set": "none",
    "imbalance": "none",
    "annotator": "perfect",
}


def with_names(table: pd.DataFrame) -> pd.DataFrame:
    """The table with ``facet`` (the setting's folder), ``label`` and ``curve`` (the strategy), and ``title``.

    The names of runs decide what is the same, as tables of different versions differ in their columns.
    """
    parts = table["run"].str.rpartition("/")
    setting, strategy = parts[0], parts[2].str.rpartition("-seed")[0]
    runs = table.assign(_setting=setting, _strategy=strategy).drop_duplicates("run")
    labels = labels_of(first_known(runs, "_strategy"))
    titles = {}
    for _, frame in runs.groupby(runs.get("dataset", pd.Series("", runs.index)), sort=False):
        titles |= titles_of(first_known(frame, "_setting"))
    label = strategy.map(labels)
    ids = strategy.groupby([setting, label]).transform("nunique")
    label = label.where(ids == 1, label + " (" + strategy + ")")  # alike, but one was renamed between versions
    data = table["data"] if "data" in table else pd.Series("", table.index)
    return table.assign(facet=setting, label=label, curve=label, title=setting.map(titles), data=data)


def first_known(runs: pd.DataFrame, key: str) -> pd.DataFrame:
    """A row for each value of ``key``: the first cell of each column that is not empty; empty where all are."""
    return runs.replace("", None).groupby(key, sort=False).first().fillna("")


def labels_of(strategies: pd.DataFrame) -> dict[str, str]:
    """A name for each strategy, by the part of its runs' names; a class counts by its name, not by its module."""
    classes = [column for column in strategies if str(column).endswith("._target_")]
    short = strategies.assign(**{str(name): strategies[name].str.rpartition(".")[2] for name in classes})
    return dict(zip(map(str, strategies.index), strategy_labels(short), strict=True))


def titles_of(settings: pd.DataFrame) -> dict[str, str]:
    """A name for each setting of a data set, by its folder: data, model, pool, and what distinguishes it from others.

    The pool is named by the options that make it another than the data set itself, even if all settings have them.
    What distinguishes settings are other options, where they differ from what most have, and the fewest settings if
    options do not suffice.
    """
    usual = {name: default for name, default in POOL.items() if name in settings}
    for name in GROUPS[2:]:
        known = settings[name][settings[name] != ""] if name in settings else pd.Series(dtype=str)
        if name not in POOL and known.nunique() > 1:
            usual[name] = known.mode().iloc[0]
    titles = {}
    for folder, row in settings.iterrows():
        options = [f"{name}={row[name]}" for name, value in usual.items() if row[name] not in ("", "none", value)]
        titles[folder] = ", ".join([*(str(row[name]) for name in GROUPS[:2] if row.get(name)), *options])
    found = {}
    for title, frame in settings.groupby(settings.index.map(titles), sort=False):
        for folder, text in zip(frame.index, facets(frame) if len(frame) > 1 else [""], strict=True):
            found[str(folder)] = ", ".join(filter(None, [str(title), text]))
    counts = Counter(found.values())
    return {folder: title if title and counts[title] == 1 else f"{title} {folder}" for folder, title in found.items()}
