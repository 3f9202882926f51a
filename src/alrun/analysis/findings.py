"""Findings in words. Each sentence is computed from the results at hand."""

import itertools
import math

import pandas as pd

from alrun.analysis import costs, efficiency_table, scores
from alrun.analysis.comparability import join_words
from alrun.analysis.curves import REFERENCE
from alrun.analysis.formats import p_in_words
from alrun.analysis.intervals import spread
from alrun.analysis.metrics import ACCURACY, PLAIN, Metric, Reading
from alrun.analysis.significance import POWER, holm, least_wilcoxon
from alrun.system.counts import counted

MOST = 6  # sentences of a kind
AFFORDABLE = 1000  # repeats: more are reported as more than this


def findings(
    rounds: pd.DataFrame,
    runs: pd.DataFrame,
    pairs: pd.DataFrame,
    tests: pd.DataFrame,
    alpha: float,
    difference: float = 0.01,
    reading: Reading = PLAIN,
) -> list[str]:
    """Sentences on the metric, efficiency, significance, time, energy and classes; ``difference`` as in ``compare``."""
    return [
        *final(runs, reading),
        *along_the_budget(runs, pairs, alpha, difference, reading.metric),
        *efficiency(rounds, reading),
        *significant(tests, alpha),
        *time(runs),
        *costs.energy_sentence(rounds),
        *(uneven(rounds, runs) if reading.metric == ACCURACY else []),
    ]


def final(runs: pd.DataFrame, reading: Reading = PLAIN) -> list[str]:
    """The best and the worst curve at the end; if settings end at several numbers of labels, at each of these."""
    ends = runs["high"].nunique()
    if ends == 1 or reading.by == "spent":
        return best_and_worst(runs, reading.metric, "in the end")
    parts = [(f"after {high:,.0f} answers", part) for high, part in runs.groupby("high")]
    found = [sentence for when, part in parts for sentence in best_and_worst(part, reading.metric, when)]
    return [*found[-MOST:], *([f"Settings end after {ends} numbers of answers: see the table."] if ends > MOST else [])]


def best_and_worst(runs: pd.DataFrame, metric: Metric, when: str) -> list[str]:
    """The best and the worst curve, over the seeds that all curves have, as a sentence."""
    is_accuracy = metric == ACCURACY
    if runs["curve"].nunique() < 2:
        return []
    seeds = runs.groupby("curve", sort=False)["seed"].agg(set)
    common = set.intersection(*seeds)
    is_even = all(each == common for each in seeds)
    if not common:
        best = "most accurate" if is_accuracy else f"best by {metric.label}"
        return [f"No seed is common to all curves: their means do not show which is {best} {when}."]
    compared = runs[runs["seed"].isin(common)]
    means = (metric.scale * compared.set_index("curve")["final"]).groupby(level=0, sort=False).agg(["mean", "std"])
    means = means.sort_values("mean", ascending=metric.better < 0, kind="stable")
    which = f"the {len(common)} seeds" if len(common) > 1 else f"seed {next(iter(common))}"
    over = "over repeats" if is_even and len(common) > 1 else f"over {which} common to all"
    if len(common) > 1:
        over = f"mean ± standard deviation {over}"
    unit = f" {metric.unit}" if metric.unit else ""
    texts = [
        f"{curve} with {spread(float(mean), float(std), metric.digits)}{unit}"
        for curve, mean, std in means.itertuples()
    ]
    if are_tied(means["mean"]):
        alike = "equally accurate" if is_accuracy else f"equal by {metric.label}"
        return [f"All curves are {alike} {when}, {texts[0].partition(' with ')[2]} ({over})."]
    best, worst = ("Most accurate", "least") if is_accuracy else (f"Best by {metric.label}", "worst")
    return [f"{best} {when} is {texts[0]}, {worst} {texts[-1]} ({over})."]


def are_tied(values: pd.Series) -> bool:
    """Whether all of several values are equal, so that none is the highest; tiny gaps come from the order of sums."""
    return len(values) > 1 and bool(values.max() - values.min() < 1e-9)


def against_random(runs: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """The pairs of each strategy with random of its facet; differences are the strategy's minus random's."""
    info = runs.drop_duplicates("curve").set_index("curve")[["facet", "strategy"]]
    turned = pairs.rename(columns={"first": "second", "second": "first", "t_low": "t_high", "t_high": "t_low"})
    turned = turned.rename(columns={"bootstrap_low": "bootstrap_high", "bootstrap_high": "bootstrap_low"})
    signed = ["difference", "t_low", "t_high", "bootstrap_low", "bootstrap_high"]
    both = pd.concat([pairs, turned.assign(**{column: -turned[column] for column in signed})], ignore_index=True)
    first, second = info.loc[both["first"]].reset_index(), info.loc[both["second"]].reset_index()
    chosen = (first["facet"] == second["facet"]) & (second["strategy"] == REFERENCE) & (first["strategy"] != REFERENCE)
    return both[chosen.to_numpy()].reset_index(drop=True)


def along_the_budget(
    runs: pd.DataFrame, pairs: pd.DataFrame, alpha: float, difference: float, metric: Metric = ACCURACY
) -> list[str]:
    """Sentences on strategies against random, by the mean of the metric along the budget."""
    compared = against_random(runs, pairs).sort_values("difference", ascending=metric.better < 0)
    tested = int(pairs["p"].notna().sum())
    clear = compared["p_holm"] < alpha
    found = []
    for row in compared[clear].head(MOST).to_dict("records"):
        word = "better" if metric.better * row["difference"] > 0 else "worse"
        size = f"{abs(metric.scale * row['difference']):.{metric.digits}f} {metric.points}".strip()
        what = "" if metric == ACCURACY else f" of {metric.label}"
        found.append(
            f"Along the budget {row['first']} is {word} than {row['second']} by {size}{what} "
            f"on average ({row['repeats']} repeats, {100 * (1 - alpha):.0f} % interval {interval(row, metric)}; "
            f"{p_in_words(row['p_holm'])}{corrected(tested)})."
        )
    if clear.sum() > MOST:
        found.append(f"{clear.sum() - MOST} more differ from random after correction: see the table of comparisons.")
    if clear.any():
        found += luck(compared[clear], alpha)
    alike = ~clear & (holm(compared["p_equivalence"].to_numpy(float)) < alpha)
    margin = metric.difference_in_words(difference)
    found += same(compared[alike], margin)
    unclear = compared[~clear & ~alike]
    is_equal = unclear["p"].isna() & (unclear["difference"].abs() < 1e-12)  # no scatter, and no difference
    if is_equal.any():
        found.append(
            f"{strategy_names(unclear[is_equal])} cannot be distinguished from random: the areas under the curves are "
            "equal."
        )
    for _, group in unclear[~is_equal].groupby("repeats"):
        found += undecided(group, tested, margin)
    return found


def corrected(tests: int) -> str:
    """The words that p was corrected; empty if one difference was tested."""
    return f" after correction for {tests} comparisons" if tests > 1 else ""


def strategy_names(compared: pd.DataFrame) -> str:
    """The names of the compared strategies; of many, the first few."""
    names = compared["first"].tolist()
    return join_words([*names[:MOST], *([f"{len(names) - MOST} more"] if len(names) > MOST else [])])


def repeats_in_words(count: float) -> str:
    """A number of repeats; above ``AFFORDABLE`` only that it is more: the exact number would not help."""
    return f"more than {AFFORDABLE:,}" if count > AFFORDABLE else f"{count:,.0f}"


def same(alike: pd.DataFrame, margin: str) -> list[str]:
    """A sentence on strategies that are shown to be equivalent to random."""
    if alike.empty:
        return []
    return [
        f"{strategy_names(alike)} {'is' if len(alike) == 1 else 'are'} like random along the budget, to within "
        f"{margin} (two one-sided tests, corrected)."
    ]


def luck(clear: pd.DataFrame, alpha: float) -> list[str]:
    """A warning that a small p of the t-test proves little with few repeats."""
    repeats = int(clear["repeats"].min())
    if least_wilcoxon(repeats) < alpha:
        return []
    enough = next(count for count in itertools.count(repeats) if least_wilcoxon(count) < alpha)
    return [
        f"With {repeats} repeats a small p can still be luck: the t-test assumes that their differences are normal. "
        f"Wilcoxon's signed ranks, which do not, cannot give less than {least_wilcoxon(repeats):g} here; they "
        f"need {enough} repeats to come below {alpha:g}, and more after a correction."
    ]


def undecided(unclear: pd.DataFrame, tested: int, margin: str) -> list[str]:
    """Sentences on strategies that these repeats cannot distinguish from random, and the repeats that could."""
    if unclear.empty:
        return []
    repeats = int(unclear["repeats"].min())
    correction = corrected(tested) if unclear["p"].notna().any() else ""
    text = (
        f"Whether {strategy_names(unclear)} differ{'s' if len(unclear) == 1 else ''} from random along the budget, "
        f"{counted(repeats, 'repeat')} cannot tell{correction}."
    )
    seen, needed = unclear["repeats_seen"].dropna(), unclear["repeats_needed"].dropna()  # empty with one repeat
    if len(seen):
        low, high = repeats_in_words(seen.min()), repeats_in_words(seen.max())
        text += (
            f" If the true difference{'s are those' if len(seen) > 1 else ' is the one'} seen here, "
            f"{low if low == high else f'{low} to {high}'} repeats would find {'them' if len(seen) > 1 else 'it'} with "
            f"a power of {POWER:g} at this scatter"
        )
        text += f"; a true difference of {margin} needs {repeats_in_words(needed.max())}."
    return [text]


def interval(row: dict, metric: Metric = ACCURACY) -> str:
    """``0.4 to 1.6``, the lower end first."""
    low, high = sorted((metric.scale * row["t_low"], metric.scale * row["t_high"]))
    return f"{low:.{metric.digits}f} to {high:.{metric.digits}f}"


def efficiency(rounds: pd.DataFrame, reading: Reading = PLAIN) -> list[str]:
    """Sentences on labeling efficiency at the value of the metric that all runs of a facet reach."""
    found: list[str] = []
    metric, known = reading.metric, [name for name in (reading.by, reading.metric.column) if name in rounds]
    highest = "highest" if metric.better > 0 else "lowest"
    named, efficient = metric.short, "labeling efficiency" if reading.by == "answers" else "efficiency by cost"
    narrow = rounds[[*efficiency_table.KEYS, "label", "run", "round", "labeled", *known]]
    for facet, frame in narrow.groupby("facet", sort=False):
        is_reference = frame["strategy"] == REFERENCE
        if len(found) == MOST or is_reference.all() or not is_reference.any():
            continue
        level = efficiency_table.common_level(frame, reading)
        shown, table = metric.in_words(level), efficiency_table.efficiencies(frame, level, reading)
        others = table[~table.index.isin(frame.loc[frame["strategy"] == REFERENCE, "curve"])].dropna(subset="mean")
        if others["is_floor"].any():
            where = f" of {facet}" if facet else ""
            reached = shown if metric == ACCURACY else f"a {named} of {shown}"
            found.append(
                f"Every run{where} reaches {reached}, and one in its first round already: {efficient} is not measured "
                f"there; read it at a {'higher' if metric.better > 0 else 'lower'} one with --at."
            )
            continue
        if others.empty:
            continue
        best = str(others["mean"].idxmax())
        row = others.loc[best].to_dict()
        name = frame.loc[frame["curve"] == best, "label"].iloc[0]
        bounds = (
            "" if math.isnan(row["t_low"]) else f" (95 % interval {max(row['t_low'], 0):.2f} to {row['t_high']:.2f})"
        )
        where = f" With {facet}," if facet else ""
        subject = "the" if facet else "The"
        reached = f"{where} {subject} {highest} {named} that every run reaches is {shown}; there".strip()
        if are_tied(others["mean"]):
            found.append(f"{reached} the {efficient} of all strategies but random is {row['mean']:.2f}.")
            continue
        if row["mean"] < 1 + 1e-9:
            found.append(f"{reached} no {efficient} is above that of random itself, 1.")
            continue
        found.append(f"{reached} the {efficient} of {name} is the highest, {row['mean']:.2f}{bounds}.")
    return found


def significant(tests: pd.DataFrame, alpha: float) -> list[str]:
    """A sentence on how many rounds differ, and how many would by chance."""
    tested = tests[tests["p"].notna()]
    if tested.empty:
        return []
    raw, corrected = int((tested["p"] < alpha).sum()), int((tested["p_holm"] < alpha).sum())
    return [
        f"Of {len(tested)} comparisons of two curves after the same number of labels, {raw} are significant at "
        f"{alpha:g}; about {alpha * len(tested):.0f} would be by chance alone. After Holm's correction {corrected} "
        f"{'remains' if corrected == 1 else 'remain'}."
    ]


def time(runs: pd.DataFrame) -> list[str]:
    """A sentence on the time that selection takes."""
    table = runs.groupby("curve", sort=False)[[*scores.SECONDS]].mean()
    total = float(table.to_numpy().sum())
    if not total > 0:  # NaN where a table has no times
        return []
    if are_tied(table["select_seconds"]):
        return [f"Selection takes {100 * table['select_seconds'].sum() / total:.1f} % of the time of all runs."]
    slowest = str(table["select_seconds"].idxmax())
    share = 100 * table["select_seconds"].sum() / total
    selection, training = (
        costs.seconds_in_words(table[column][slowest]) for column in ("select_seconds", "train_seconds")
    )
    return [
        f"Selection takes {share:.1f} % of the time of all runs; the slowest, {slowest}, takes "
        f"{selection} per run beside {training} of training."
    ]


def uneven(rounds: pd.DataFrame, runs: pd.DataFrame) -> list[str]:
    """A sentence on the curve with the worst class and the one with the least even queries."""
    worst = scores.worst_classes(rounds)
    if worst.empty or runs["high"].nunique() > 1:  # more labels alone make the gap smaller
        return []
    balance = runs.groupby("curve", sort=False)["class_balance"].mean()
    ends = scores.common_ends(rounds)
    gap = ends.groupby("curve")[ACCURACY.column].mean().loc[worst.index] - worst["accuracy"]
    curve = str(gap.idxmax())
    if are_tied(gap):
        return []
    text = (
        f"The largest gap between the accuracy over all classes and that of the worst class is that of {curve}: "
        f"{100 * gap.max():.1f} points (class {worst.loc[curve, 'class']}, means over repeats)."
    )
    if balance.notna().any() and not are_tied(balance):
        least = str(balance.idxmin())
        text += f" {least} queries the classes least evenly (balance {balance[least]:.2f} of 1)."
    return [text]
