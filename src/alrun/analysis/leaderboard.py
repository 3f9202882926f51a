"""Boards of comparable runs: which strategy wins where, with how many repeats, and whose runs these are.

A board is one setting, which the first part of a run's name says (data, model, budget, training: all but strategy and
seed), on one version of its data. On a board those strategies are ranked that have the same seeds and the same answers
after each round; a seed is one repeat. Ranks over data sets are a statement of their own.
"""

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from typing import NamedTuple

import pandas as pd

from alrun.analysis import ranks, scores, significance
from alrun.analysis.board_names import with_names
from alrun.analysis.comparability import join_words, with_counts
from alrun.analysis.curves import dataset_names
from alrun.analysis.formats import p_in_words
from alrun.analysis.intervals import spread, t_interval
from alrun.analysis.merging import SOURCE
from alrun.analysis.metrics import PLAIN, Reading

LEAST = 3  # strategies that ranks over data sets need


class Board(NamedTuple):
    """The comparable runs of one setting, and what they say."""

    dataset: str
    title: str
    setting: str  # the folder of its runs
    repeats: int
    table: pd.DataFrame  # a row per ranked strategy, the best mean rank first: see ``ranked``
    pairs: pd.DataFrame  # significance.compare of their areas
    matrix: pd.DataFrame  # the penalty matrix
    unranked: list[str]  # sentences
    runs: pd.DataFrame  # a row per ranked run, without measures


def boards(table: pd.DataFrame, reading: Reading = PLAIN, alpha: float = significance.ALPHA) -> list[Board]:
    """A board for each setting with two strategies or more, in the order of the table; see ``alone`` for the others."""
    named = with_names(table.assign(dataset=dataset_names(table)) if "dataset" in table else table)
    found = [board(frame, reading, alpha) for _, frame in named.groupby(["facet", "data"], sort=False)]
    return [each for each in found if len(each.table) > 1]


def alone(table: pd.DataFrame, shown: Iterable[Board]) -> list[str]:
    """The settings whose runs are on no board."""
    settings = table["run"].str.rpartition("/")[0].unique()
    return [str(name) for name in settings if name not in {board.setting for board in shown}]


def board(frame: pd.DataFrame, reading: Reading, alpha: float) -> Board:
    """The board of one setting; ``frame`` has the columns of ``with_names``."""
    head = frame.iloc[0]
    chosen, unranked = comparable(frame, reading)
    runs = scores.per_run(chosen, reading)
    pairs = significance.compare(runs, "aubc", alpha)
    tests = significance.round_tests(chosen, metric=reading.metric)
    labels = [str(label) for label in runs["curve"].unique()]
    matrix = significance.penalty_matrix(tests, labels, alpha, better=reading.metric.better)
    table = ranked(runs, pairs, sources_of(chosen), reading, alpha)
    matrix = matrix.loc[table["strategy"], table["strategy"]]
    dataset = str(head.get("dataset") or head["title"])
    repeats = runs["seed"].nunique()
    return Board(dataset, str(head["title"]), str(head["facet"]), repeats, table, pairs, matrix, unranked, runs)


def comparable(frame: pd.DataFrame, reading: Reading) -> tuple[pd.DataFrame, list[str]]:
    """The rows of runs with the same answers after each round and the same seeds, and why others are not ranked.

    Both are those that most runs, and then most strategies, have; of equally many the larger ones.
    """
    answers = PLAIN.x(frame).groupby(frame["run"], sort=False).agg(tuple)
    counted = Counter(answers)
    usual = max(counted, key=lambda each: (counted[each], len(each), each))
    kept = frame[frame["run"].map(answers) == usual]
    seeds = kept.groupby("label", sort=False)["seed"].agg(frozenset)
    held = Counter(seeds)
    common = max(held, key=lambda each: (held[each], len(each), sorted(each)))
    unranked = []
    for label, runs in frame.groupby("label", sort=False):
        lacking = common - seeds.get(label, frozenset())
        if label not in seeds:
            unranked.append(f"{label} is not ranked: its runs have other numbers of labels.")
        elif lacking:
            unranked.append(f"{label} is not ranked: {why_lacking(lacking, runs, usual)}.")
    complete = [label for label, values in seeds.items() if values >= common]
    return kept[kept["label"].isin(complete) & kept["seed"].isin(common)], unranked


def why_lacking(seeds: frozenset[int], rows: pd.DataFrame, usual: tuple[float, ...]) -> str:
    """Why a strategy with these ``rows`` has no run of some ``seeds`` with the ``usual`` answers, in words."""
    held = {seed: set(PLAIN.x(found)) for seed, found in rows.groupby("seed")}
    absent = [str(seed) for seed in sorted(seeds) if seed not in held]
    reasons = [f"it lacks seed {', '.join(absent)}"] if absent else []
    for seed in sorted(seeds & held.keys()):
        missing = [f"{each:,.0f}" for each in usual if each not in held[seed]]
        what = f"no round with {', '.join(missing)} labels" if missing else "more rounds than the others"
        reasons.append(f"its run with seed {seed} has {what}")
    return ", ".join(reasons)


def sources_of(rows: pd.DataFrame) -> dict[str, str]:
    """Whose runs those of each strategy are: ``alice (3), bob (2)``."""
    runs = rows.drop_duplicates("run")
    sources = runs[SOURCE] if SOURCE in runs else pd.Series("", runs.index)
    return {str(label): with_counts(names) for label, names in sources.groupby(runs["label"], sort=False)}


def ranked(
    runs: pd.DataFrame, pairs: pd.DataFrame, sources: dict[str, str], reading: Reading, alpha: float
) -> pd.DataFrame:
    """A row per strategy: mean rank by the area over the seeds with its interval, area, final value, wins, losses.

    In each seed the strategies are ranked, ties share their ranks. A win is a pair whose areas differ after Holm's
    correction over the board's pairs.
    """
    metric = reading.metric
    areas = runs.pivot_table("aubc", "seed", "label", sort=False)
    places = areas.rank(axis="columns", ascending=metric.better < 0)
    mean = ranks.mean_ranks(areas, metric.better)
    area, final = (scores.per_curve(runs, name).to_dict("index") for name in ("aubc", "final"))
    wins, losses = differing(pairs, metric.better, alpha)
    rows = []
    for label in map(str, areas):
        low, high = t_interval(places[label].tolist())
        rows.append(
            {
                "strategy": label,
                "mean rank": round(float(mean[label]), 2),
                "its interval": "" if math.isnan(low) else f"[{max(low, 1):.2f}, {min(high, len(mean)):.2f}]",
                metric.heading("AUBC"): in_words(area[label], reading),
                metric.heading(f"final {metric.short}"): in_words(final[label], reading),
                "wins": wins[label],
                "losses": losses[label],
                "repeats": len(areas),
                "source": sources[label],
            }
        )
    return pd.DataFrame(rows).sort_values("mean rank", kind="stable").reset_index(drop=True)


def in_words(row: Mapping[Hashable, float], reading: Reading) -> str:
    """Mean and standard deviation in the unit of the metric."""
    metric = reading.metric
    return spread(metric.scale * row["mean"], metric.scale * row["std"], metric.digits + 1)


def differing(pairs: pd.DataFrame, better: int, alpha: float) -> tuple[Counter[str], Counter[str]]:
    """How many pairs that differ each strategy wins, and loses."""
    found = pairs[pairs["p_holm"] < alpha]
    is_first = better * found["difference"] > 0
    winners, losers = found["first"].where(is_first, found["second"]), found["second"].where(is_first, found["first"])
    return Counter(winners), Counter(losers)


def overall(
    shown: list[Board], reading: Reading = PLAIN, alpha: float = significance.ALPHA
) -> tuple[pd.DataFrame, str]:
    """A row per strategy over all boards, and a sentence on ranks over data sets.

    A mean rank is over data sets, of the strategies that are ranked on all boards of all data sets that have boards of
    ``LEAST`` strategies: the areas of a data set's boards are averaged first, so that each data set counts once.
    """
    areas = over_datasets(shown)
    mean = ranks.mean_ranks(areas, reading.metric.better) if is_enough(areas) else pd.Series(dtype=float)
    rows = {}
    for each in shown:
        for row in each.table.to_dict("records"):
            found = rows.setdefault(row["strategy"], {"boards": 0, "wins": 0, "losses": 0, "runs": 0, "source": []})
            for name in ("wins", "losses"):
                found[name] += row[name]
            found["boards"] += 1
            found["runs"] += row["repeats"]
            found["source"] += [word.rpartition(" (")[0] or word for word in row["source"].split(", ")]
    table = pd.DataFrame(
        {
            "strategy": name,
            "mean rank over data sets": f"{mean[name]:.2f}" if name in mean else "",
            **{key: row[key] for key in ("boards", "wins", "losses", "runs")},
            "source": ", ".join(dict.fromkeys(row["source"])),
        }
        for name, row in rows.items()
    )
    order = [float(mean.get(name, math.inf)) for name in rows]
    return table.iloc[pd.Series(order).argsort(kind="stable")].reset_index(drop=True), rank_sentence(areas, alpha)


def over_datasets(shown: list[Board]) -> pd.DataFrame:
    """The mean area of each strategy (column) on each data set (row); strategies that a board lacks are left out."""
    large = [each for each in shown if len(each.table) >= LEAST]
    common = set.intersection(*(set(each.table["strategy"]) for each in large)) if large else set()
    runs = pd.concat(
        [each.runs.assign(dataset=each.dataset, board=place) for place, each in enumerate(large)]
        or [pd.DataFrame(columns=["label"])]
    )
    chosen = runs[runs["label"].isin(common)]
    if chosen.empty:
        return pd.DataFrame()
    by_board = chosen.groupby(["dataset", "board", "label"], sort=False)["aubc"].mean()
    return by_board.groupby(level=["dataset", "label"], sort=False).mean().unstack("label")


def is_enough(areas: pd.DataFrame) -> bool:
    """Whether ranks over data sets mean anything."""
    return len(areas) > 1 and len(areas.columns) >= LEAST


def rank_sentence(areas: pd.DataFrame, alpha: float) -> str:
    """What ranks over data sets show, or why there are none."""
    if not is_enough(areas):
        return (
            f"Ranks over data sets need {LEAST} strategies that are ranked on every board of two data sets or more; "
            f"there are {len(areas.columns)} on {len(areas)}."
        )
    count = len(areas.columns)
    distance = ranks.critical_difference(count, len(areas), alpha)
    return (
        f"Over {len(areas)} data sets ({join_words([str(name) for name in areas.index])}), Friedman's test that the "
        f"{count} strategies ranked on all of their boards are alike gives {p_in_words(ranks.friedman(areas))}; "
        f"Nemenyi's test distinguishes those whose mean ranks differ by {distance:.2f} or more at {alpha:g}."
    )
