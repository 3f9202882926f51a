"""The section of docs/guides/which_strategy.md on other benchmarks: what they found, and whether ours agree.

Their numbers are cited, from the papers and from the tables in their repositories; ours are computed.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import pandas as pd

from alrun.analysis import significance
from alrun.analysis.metrics import METRICS
from docs.generate import compare_pools as pools
from docs.generate.regimes import (
    CLEAN,
    FEATURES,
    REGIMES,
    Gains,
    alike,
    better_of,
    counted,
    gain,
    spread,
    worse_of,
)

AGREES, CONTRADICTS, PARTLY, OPEN = "agrees", "contradicts", "in part", "open"
MISSING = "not computed", OPEN
MOST = 4  # strategies that a cell names
Ours = tuple[str, str]  # our numbers, and one of the four words


class Statement(NamedTuple):
    """What a benchmark found, and what ours say of it."""

    source: str
    says: str
    ours: Callable[[Gains], Ours]


def benchmarks(tables: Mapping[str, pd.DataFrame], found: Gains) -> str:
    """A row per statement of another benchmark."""
    lines = ["| benchmark | it found | here | |", "|---" * 4 + "|"]
    for source, says, ours in statements(tables):
        text, word = ours(found)
        lines.append(f"| {source} | {says} | {text} | {word} |")
    return "\n".join(lines)


def listed(each: pd.DataFrame) -> str:
    """The first strategies with their gains, and how many more there are."""
    texts = [f"`{name}` {gain(each, name)}" for name in map(str, each.index[:MOST])]
    return ", ".join([*texts, *([f"{len(each) - MOST} more"] if len(each) > MOST else [])])


def record(strategy: str, found: Gains, of: Sequence[str] = tuple(REGIMES)) -> str:
    """In how many regimes a strategy is better than random and worse, with its lowest and highest gain."""
    better, worse, count = counted(strategy, found, of)
    if not count:
        return f"`{strategy}` not computed"
    return f"`{strategy}` better in {better} of {count}, worse in {worse or 'none'} ({spread(strategy, found, of)})"


def than_random(found: Gains, strategies: Sequence[str], sign: int, of: Sequence[str]) -> Ours:
    """Whether each of some strategies differs from random as ``sign`` says: 1 better, -1 worse, 0 not at all."""
    counts = [counted(each, found, of) for each in strategies]
    words = {judged(sign, *each) for each in counts if each[-1]}
    text = "; ".join(record(each, found, of) for each in strategies)
    return text, words.pop() if len(words) == 1 else PARTLY if words else OPEN


def judged(sign: int, better: int, worse: int, count: int) -> str:
    """One of the four words, from the numbers of regimes."""
    neither = count - better - worse
    same, opposite = {1: (better, worse), -1: (worse, better), 0: (neither, better + worse)}[sign]
    if not opposite:
        return AGREES if 2 * same > count else OPEN
    return CONTRADICTS if not same or 2 * opposite > count else PARTLY


def leads(
    found: Gains, tables: Mapping[str, pd.DataFrame], first: str, others: Sequence[str], of: Sequence[str]
) -> Ours:
    """Whether a strategy has a higher mean accuracy than others, in paired t-tests with Holm's correction."""
    having = [name for name in of if name in found and {first, *others} <= set(found[name].index)]
    if not having:
        return MISSING
    values = {name: pools.by_seed(tables[name], METRICS["accuracy"]) for name in having}
    pairs = [(name, other, *pools.paired(values[name], first, other)) for name in having for other in others]
    tests = pd.DataFrame(pairs, columns=["regime", "other", "gap", "low", "high", "p"])
    tests["holm"] = significance.holm(tests["p"].to_numpy(float))
    texts = []
    for name in having:
        each = tests[tests["regime"] == name].set_index("other")
        gaps = ", ".join(f"`{other}` {gain(each, other)} (p = {each['holm'][other]:.1g})" for other in others)
        texts.append(f"{REGIMES[name].data}: `{first}` minus {gaps}")
    ahead, behind = better_of(tests), worse_of(tests)
    return "; ".join(texts), judged(1, len(ahead), len(behind), len(tests))


def order_changes(found: Gains) -> Ours:
    """Whether a strategy is better than random in some regimes and worse in others."""
    better, worse, count = counted("entropy", found)
    text = f"{record('entropy', found)}; {record('badge', found)}"
    return (text, AGREES if better and worse else OPEN) if count else MISSING


def room_with_strangers(found: Gains) -> Ours:
    """Whether even the strategy that is made for strangers gains nothing from them."""
    if "open_set" not in found or "lfosa" not in found["open_set"].index:
        return MISSING
    each = found["open_set"]
    best = listed(better_of(each)) or "none"
    text = f"with strangers, better than random: {best}; made for them: `lfosa` {gain(each, 'lfosa')}"
    return text, CONTRADICTS if "lfosa" in better_of(each).index else AGREES


def room_with_rare_classes(found: Gains) -> Ours:
    """The highest gains where classes are rare; no oracle ran there, so the room above them is unknown."""
    having = [name for name in alike("rare classes") if name in found]
    if not having:
        return MISSING
    texts = [f"{REGIMES[name].data}: {listed(better_of(found[name]).head(1)) or 'none'}" for name in having]
    return f"highest gains, {'; '.join(texts)}; no oracle ran there", OPEN


def below_oracle(found: Gains) -> Ours:
    """Whether each strategy stays below the best of many batches."""
    each = found["fewer"].dropna(subset=["below"]) if "fewer" in found else pd.DataFrame()
    if each.empty:
        return MISSING
    nearest = each.sort_values("below").head(MOST)
    gaps = [
        f"`{name}` {100 * row['below']:.1f} [{100 * row['below_low']:.1f}, {100 * row['below_high']:.1f}]"
        for name, row in nearest.iterrows()
    ]
    text = f"points below the best of the batches that `{pools.ORACLE}` tries: {', '.join(gaps)}"
    return text, AGREES if (each["below_low"] > 0).all() else OPEN


def domains(found: Gains) -> Ours:
    """Whether most strategies are worse than random in a pool of two domains."""
    if "shift" not in found:
        return MISSING
    each = found["shift"]
    better, worse = better_of(each), worse_of(each)
    text = f"worse: {listed(worse) or 'none'}; better: {listed(better) or 'none'}"
    return text, AGREES if 2 * len(worse) > len(each) else judged(-1, len(better), len(worse), len(each))


def highest(found: Gains) -> Ours:
    """The highest gains on features; another way of training has no like here."""
    having = [name for name in alike(FEATURES, CLEAN) if name in found]
    if not having:
        return MISSING
    texts = [f"{REGIMES[name].data}: {listed(better_of(found[name]).head(1)) or 'none'}" for name in having]
    return f"highest gains, {'; '.join(texts)}; not comparable: alrun does neither with features", OPEN


def statements(tables: Mapping[str, pd.DataFrame]) -> list[Statement]:
    """What the benchmarks found; of ours those regimes that are most like theirs."""
    clean, features = alike(CLEAN), alike(FEATURES, CLEAN)

    def versus(sign: int, of: Sequence[str], *strategies: str) -> Callable[[Gains], Ours]:
        return partial(than_random, strategies=strategies, sign=sign, of=of)

    cdal = "[CDALBench](https://arxiv.org/abs/2408.00426) (2024), 7 real data sets, 50 repeats, mean ranks"
    coded = "CDALBench, encoded versions of 5 of them: features, as here"
    alscope = "[ALScope](https://arxiv.org/abs/2508.04937) (2025), 10 data sets, 21 strategies"
    boss = "[BoSS](https://arxiv.org/abs/2603.13109) (2026), features of DINOv2; how often its oracle takes whose batch"
    return [
        Statement(
            cdal,
            "margin 4.3 and BADGE 4.5 are above random (8.4), next to the oracle (1.0)",
            versus(1, clean, "margin", "badge"),
        ),
        Statement(
            cdal,
            "least confidence 6.4, BALD 6.6 and entropy 7.1 are above random (8.4)",
            versus(1, clean, "least_confidence", "bald", "entropy"),
        ),
        Statement(cdal, "CORESET 8.5 is like random (8.4)", versus(0, clean, "coreset")),
        Statement(cdal, "TypiClust 10.5 is below random (8.4)", versus(-1, clean, "typiclust")),
        Statement(coded, "margin 4.2 and BADGE 5.4 are above random (6.9)", versus(1, features, "margin", "badge")),
        Statement(
            coded,
            "least confidence 6.5 and entropy 6.5 are above random (6.9)",
            versus(1, features, "least_confidence", "entropy"),
        ),
        Statement(coded, "CORESET 7.2 and BALD 7.6 are below random (6.9)", versus(-1, features, "coreset", "bald")),
        Statement(coded, "TypiClust 9.2 is below random (6.9)", versus(-1, features, "typiclust")),
        Statement(
            boss,
            "DropQuery most often (23.5 %), margin and BADGE seldom (4.5 %, 3 %)",
            partial(leads, tables=tables, first="dropquery", others=("margin", "badge"), of=features),
        ),
        Statement(boss, "margin and BADGE less often than random (7.5 %)", versus(-1, features, "margin", "badge")),
        Statement(boss, "ALFA-Mix (12.5 %) more often than random (7.5 %)", versus(1, features, "alfa_mix")),
        Statement(boss, "BAIT (9.5 %, the fourth) more often than random (7.5 %)", versus(1, features, "bait")),
        Statement(boss, "CORESET as often as random (7.5 %)", versus(0, features, "coreset")),
        Statement(boss, "TypiClust as often as random (7.5 %)", versus(0, features, "typiclust")),
        Statement(boss.partition(";")[0], "strategies fall noticeably short of its oracle", below_oracle),
        Statement(alscope, "the order depends on domain and task", order_changes),
        Statement(alscope, "open-set pools leave room for improvement", room_with_strangers),
        Statement(alscope, "imbalanced pools leave room for improvement", room_with_rare_classes),
        Statement(
            "[Multi-domain benchmark](https://arxiv.org/abs/2312.00364) (2023)",
            "strategies for one domain are often worse than random in pools of several",
            domains,
        ),
        Statement(
            "[LabelBench](https://arxiv.org/abs/2306.09910) (2024), transformers that are fine-tuned, and trained on "
            "unlabeled images too",
            "larger savings than reported before",
            highest,
        ),
    ]
