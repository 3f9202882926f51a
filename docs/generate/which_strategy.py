"""docs/guides/which_strategy.md: which strategy in which regime, from the tables in results/, beside other benchmarks.

    python -m docs.generate.which_strategy

A regime whose table is not committed is named as such; the advice is written by hand, its numbers are computed.
"""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from alrun.analysis import result_files as results
from alrun.analysis.curves import REFERENCE
from alrun.analysis.metrics import METRICS
from docs.generate import compare_pools as pools
from docs.generate.compare_strategies import LEAST
from docs.generate.findings_studies import RESULTS, ROOT
from docs.generate.wrapped import wrapped

PAGE = ROOT / "docs" / "guides" / "which_strategy.md"
TEXT = Path(__file__).with_name("which_strategy.txt")
FAMILY = pools.FAMILY.format(unit="regime", page="[strategies by pool](../evidence/pools.md)")
MOST = 4  # strategies that a cell names


class Regime(NamedTuple):
    """Runs of some strategies under one condition."""

    title: str
    folder: str  # under results/, or a pattern of several
    only: Callable[[pd.DataFrame], pd.Series] | None = None  # the rounds of the table that belong to it


def copies(rounds: pd.DataFrame) -> pd.Series:
    """The rounds of the most redundant pool."""
    factors = rounds["redundancy.factor"].astype(float)
    return factors == factors.max()


def a_fifth(rounds: pd.DataFrame) -> pd.Series:
    """The rounds with a fifth of wrong answers."""
    return rounds["annotator.rate"].astype(float) == pools.RATES["noisy_20"]


def two_fifths(rounds: pd.DataFrame) -> pd.Series:
    """The rounds with two fifths of wrong answers."""
    return rounds["annotator.rate"].astype(float) == pools.RATES["noisy_40"]


def no_oracle(rounds: pd.DataFrame) -> pd.Series:
    """The rounds of strategies, which do not know the test labels."""
    return rounds["strategy"] != pools.ORACLE


REGIMES = {
    "few": Regime("features, few labels: CIFAR-10", "strategies/cifar10*"),
    "fewer": Regime("features, fewer labels: CIFAR-10", "pools/best_found", no_oracle),
    "many": Regime("features, many labels: CIFAR-10", "features/baseline"),
    "classes": Regime("features, 77 classes: Banking77", "strategies/banking77*"),
    "fashion": Regime("from scratch: Fashion-MNIST, small network", "scratch/baseline"),
    "scratch": Regime("from scratch: CIFAR-10, ResNet-9", "scratch/cifar10"),
    "mnist": Regime("from scratch: MNIST, the paper's network", "scratch/mnist"),
    "redundant": Regime("features, each of many examples 20 times: CIFAR-10", "features/redundancy", copies),
    "copies": Regime("features, few labels, most images are there ten times: CIFAR-10", "pools/redundancy"),
    "rare_classes": Regime("features, rare classes: CIFAR-10", "pools/rare_classes"),
    "long_tail": Regime("features, long tail: CIFAR-10", "pools/long_tail"),
    "open_set": Regime("features, 40 % strangers: CIFAR-10", "pools/open_set"),
    "noisy_people": Regime("features, wrong answers of people: CIFAR-10", "pools/noisy_people"),
    "noisy_same_rate": Regime(
        "features, as many wrong answers as people give, at random: CIFAR-10", "pools/noisy_same_rate"
    ),
    "noisy_20": Regime("features, 20 % wrong answers at random: CIFAR-10", "pools/noisy", a_fifth),
    "noisy_40": Regime("features, 40 % wrong answers at random: CIFAR-10", "pools/noisy", two_fifths),
    "shift": Regime("features, half of the pool from another domain: CIFAR-10", "pools/shift"),
}
ADVISED = ("margin", "badge", "entropy", "coreset", "dropquery", "uncertainty_herding")
CLEAN = ("few", "fewer", "many", "classes", "fashion", "scratch", "mnist")
Gains = Mapping[str, pd.DataFrame]  # by regime, a row per strategy: gap, low, high (shares), p, holm, repeats


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--page", type=Path, default=PAGE)
    arguments = parser.parse_args()
    tables = {name: table for name in REGIMES if (table := read(REGIMES[name], arguments.results)) is not None}
    found = {name: gains(table) for name, table in tables.items()}
    text = TEXT.read_text().format(
        runs=sum(table["run"].nunique() for table in tables.values()),
        level=pools.LEVEL,
        family=wrapped(FAMILY),
        regimes=regimes(tables, found),
        benchmarks=benchmarks(found),
        **{f"of_{name}": record(name, found) for name in ADVISED},
    )
    arguments.page.write_text(text)
    print(f"{len(tables)} of {len(REGIMES)} regimes: {arguments.page}")


def read(regime: Regime, folder: Path) -> pd.DataFrame | None:
    """The rounds of a regime, with curves named by strategy; None if its table is not committed."""
    paths = sorted(path.parent for path in folder.glob(f"{regime.folder}/rounds.csv"))
    if not paths:
        return None
    table = pd.concat(map(results.read_results, paths), ignore_index=True)
    named = pools.named(table if regime.only is None else table[regime.only(table)], regime.title)
    repeats = named.groupby("curve")["seed"].transform("nunique")
    return named[repeats >= min(LEAST, repeats.max())]  # all, where the whole regime has fewer


def gains(table: pd.DataFrame) -> pd.DataFrame:
    """What each strategy gains over random, mean along the budget; with Holm's correction for the regime."""
    return pools.compare(table, METRICS["accuracy"]).drop(index=REFERENCE)


def regimes(tables: Mapping[str, pd.DataFrame], found: Gains) -> str:
    """A row per regime: the strategies that are better than random, those that are worse, and how many are neither."""
    lines = ["| regime | labels | repeats | better than random, points | worse | neither |", "|---" * 6 + "|"]
    for name, regime in REGIMES.items():
        if name not in tables:
            lines.append(f"| {regime.title} | not computed yet | | | | |")
            continue
        table, each = tables[name], found[name]
        labels = f"{table['answers'].min():,.0f} to {table['answers'].max():,.0f}"
        better, worse = better_of(each), worse_of(each)
        fewest, most = (f"{count:.0f}" for count in (each["repeats"].min(), each["repeats"].max()))
        repeats = most if fewest == most else f"{fewest} to {most}"
        cells = [regime.title, labels, repeats, listed(better), listed(worse)]
        cells.append(f"{len(each) - len(better) - len(worse)}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def better_of(each: pd.DataFrame) -> pd.DataFrame:
    """The strategies that are better than random, the best first."""
    return each[(each["holm"] < pools.LEVEL) & (each["gap"] > 0)].sort_values("gap", ascending=False)


def worse_of(each: pd.DataFrame) -> pd.DataFrame:
    """The strategies that are worse than random, the worst first."""
    return each[(each["holm"] < pools.LEVEL) & (each["gap"] < 0)].sort_values("gap")


def listed(each: pd.DataFrame) -> str:
    """The first strategies with their gains, and how many more there are."""
    texts = [f"`{name}` {gain(each, name)}" for name in map(str, each.index[:MOST])]
    return ", ".join([*texts, *([f"{len(each) - MOST} more"] if len(each) > MOST else [])])


def gain(each: pd.DataFrame, name: str) -> str:
    """A strategy's gain in points with its interval."""
    mean, low, high = (100 * float(each[column][name]) for column in ("gap", "low", "high"))
    return f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]"


def counted(strategy: str, found: Gains, of: tuple[str, ...] = tuple(REGIMES)) -> tuple[int, int, int]:
    """In how many regimes a strategy is better than random, worse, and how many have it."""
    having = [found[name] for name in of if name in found and strategy in found[name].index]
    better, worse = (sum(strategy in part(each).index for each in having) for part in (better_of, worse_of))
    return better, worse, len(having)


def record(strategy: str, found: Gains, of: tuple[str, ...] = tuple(REGIMES)) -> str:
    """``counted`` in words."""
    better, worse, count = counted(strategy, found, of)
    return (
        f"`{strategy}` better in {better} of {count}, worse in {worse or 'none'}"
        if count
        else f"`{strategy}` not computed"
    )


def benchmarks(found: Gains) -> str:
    """A row per statement of another benchmark: what ours say of it, and whether they agree."""
    lines = ["| benchmark | it found | here | |", "|---" * 4 + "|"]
    for source, says, ours in STATEMENTS:
        text, agrees = ours(found)
        word = {True: "agrees", False: "contradicts", None: "open"}[agrees]
        lines.append(f"| {source} | {says} | {text} | {word} |")
    return "\n".join(lines)


def mostly_better(*strategies: str) -> Callable[[Gains], tuple[str, bool | None]]:
    """Whether strategies are better than random in most clean regimes and worse in none."""

    def ours(found: Gains) -> tuple[str, bool | None]:
        counts = [counted(strategy, found, CLEAN) for strategy in strategies]
        if not all(count for *_, count in counts):
            return "not computed", None
        agrees = all(2 * better > count and not worse for better, worse, count in counts)
        return "; ".join(record(each, found, CLEAN) for each in strategies) + " (clean pools)", agrees

    return ours


def not_better(strategy: str) -> Callable[[Gains], tuple[str, bool | None]]:
    """Whether a strategy is better than random in at most half of the clean regimes."""

    def ours(found: Gains) -> tuple[str, bool | None]:
        better, _, count = counted(strategy, found, CLEAN)
        return record(strategy, found, CLEAN) + " (clean pools)", (2 * better <= count) if count else None

    return ours


def below(strategy: str) -> Callable[[Gains], tuple[str, bool | None]]:
    """Whether a strategy is worse than random in most clean regimes; no if it is better in some and worse in none."""

    def ours(found: Gains) -> tuple[str, bool | None]:
        better, worse, count = counted(strategy, found, CLEAN)
        agrees = True if 2 * worse > count else False if better and not worse else None
        return record(strategy, found, CLEAN) + " (clean pools)", agrees

    return ours


def order_changes(found: Gains) -> tuple[str, bool | None]:
    """Whether entropy is better than random in some regimes and worse in others."""
    better = [REGIMES[name].title for name, each in found.items() if "entropy" in better_of(each).index]
    worse = [name for name, each in found.items() if "entropy" in worse_of(each).index]
    text = (
        f"`entropy` is better than random in {len(better)} regimes ({'; '.join(better)}), worse in {len(worse)} others"
    )
    return text, bool(better and worse)


def drops_first(found: Gains) -> tuple[str, bool | None]:
    """Whether DropQuery gains more than margin and BADGE on features."""
    having = [found[name] for name in ("few", "classes") if name in found and "dropquery" in found[name].index]
    if not having:
        return "not computed", None
    texts = [", ".join(f"`{s}` {gain(each, s)}" for s in ("dropquery", "margin", "badge")) for each in having]
    ahead = [each["gap"]["dropquery"] > max(each["gap"]["margin"], each["gap"]["badge"]) for each in having]
    return "; ".join(texts) + " (mean accuracy)", all(ahead) if all(ahead) or not any(ahead) else None


def domains(found: Gains) -> tuple[str, bool | None]:
    """Whether most strategies are worse than random in a pool of two domains."""
    if "shift" not in found:
        return "not computed", None
    each = found["shift"]
    worse = worse_of(each)
    return f"worse: {listed(worse)}; better: {listed(better_of(each)) or 'none'}", 2 * len(worse) >= len(each)


CDAL = "[CDALBench](https://arxiv.org/abs/2408.00426) (2024), 7 real data sets, 50 repeats"
STATEMENTS = [
    (
        CDAL,
        "margin and BADGE have the best mean ranks of twelve (4.3 and 4.5; random 8.4)",
        mostly_better("margin", "badge"),
    ),
    (CDAL, "CORESET is no better than random (8.5 and 8.4)", not_better("coreset")),
    (CDAL, "TypiClust is below random (10.5)", below("typiclust")),
    (
        "[ALScope](https://arxiv.org/abs/2508.04937) (2025), 10 data sets, 21 strategies",
        "the order depends on domain and task; imbalanced and open-set pools leave room for improvement",
        order_changes,
    ),
    (
        "[Multi-domain benchmark](https://arxiv.org/abs/2312.00364) (2023)",
        "strategies for one domain are often worse than random in pools of several",
        domains,
    ),
    (
        "[BoSS](https://arxiv.org/abs/2603.13109) (2026), features of DINOv2",
        "of ten strategies the best batch is most often DropQuery's, seldom margin's or BADGE's",
        drops_first,
    ),
]


if __name__ == "__main__":
    main()
