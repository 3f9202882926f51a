"""docs/guides/which_strategy.md: which strategy in which regime, from the tables in results/, beside other benchmarks.

    python -m docs.generate.which_strategy

A regime whose table is not committed is named as such; what to try and what not follows from the tables by a rule.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from docs.generate import compare_pools as pools
from docs.generate.findings_studies import RESULTS, ROOT
from docs.generate.regimes import (
    CLEAN,
    FEATURES,
    FEW_LABELS,
    FEWEST,
    REGIMES,
    Gains,
    alike,
    better_of,
    counted,
    gains,
    read,
    spread,
    worse_of,
)
from docs.generate.which_strategy_benchmarks import MOST, benchmarks, listed
from docs.generate.wrapped import wrapped

UNKNOWN = f"not computed, or with fewer than {FEWEST} repeats"
PAGE = ROOT / "docs" / "guides" / "which_strategy.md"
TEXT = Path(__file__).with_name("which_strategy.txt")
FAMILY = pools.FAMILY.format(unit="regime", page="[strategies by pool](../evidence/pools.md)")
SECTIONS = {  # of docs/evidence/pools.md, by kind of pool
    "rare classes": "rare-classes",
    "strangers": "strangers",
    "wrong answers": "wrong-answers-of-people",
    "copies": "copies",
    "two domains": "two-domains",
}


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
        few=FEW_LABELS,
        penalty=pools.penalties(pd.concat(tables[name] for name in alike(FEATURES) if name in tables)),
        short=in_short(found),
        level=pools.LEVEL,
        family=wrapped(FAMILY),
        regimes=regimes(tables, found),
        benchmarks=benchmarks(tables, found),
    )
    arguments.page.write_text(text)
    print(f"{len(tables)} of {len(REGIMES)} regimes: {arguments.page}")


def in_short(found: Gains) -> str:
    """A row for all regimes and one for each situation: what to try, what not, and how many regimes say so."""
    lines = ["| situation | try | not | regimes | repeats |", "|---" * 5 + "|"]
    rows = {"you know nothing yet: all rows below": list(REGIMES)}
    for name, regime in REGIMES.items():
        rows.setdefault(linked(regime.situation, regime.pool), []).append(name)
    for situation, names in rows.items():
        computed = [name for name in names if name in found]
        if computed:
            cells = [advised(found, computed, 1), advised(found, computed, -1), f"{len(computed)}"]
            lines.append(f"| {situation} | {' | '.join([*cells, repeats(found, computed)])} |")
        else:
            lines.append(f"| {situation} | {UNKNOWN} | | | |")
    return "\n".join(lines)


def linked(situation: str, pool: str) -> str:
    """The situation with a link from its pool to the page of pools."""
    return situation if pool == CLEAN else situation.replace(pool, f"[{pool}](../evidence/pools.md#{SECTIONS[pool]})")


def advised(found: Gains, of: Sequence[str], sign: int) -> str:
    """The strategies that differ from random as ``sign`` says in most of the regimes that have them, in none otherwise.

    At least half of the regimes have them. They stand in the order of how many say so, and then of their mean gain.
    """
    rows = []
    for strategy in {str(name) for regime in of for name in found[regime].index}:
        better, worse, count = counted(strategy, found, of)
        for_it, against = (better, worse) if sign > 0 else (worse, better)
        if 2 * count >= len(of) and 2 * for_it > count and not against:
            mean = pd.Series([found[name]["gap"].get(strategy) for name in of], dtype=float).mean()
            rows.append((-for_it, -sign * mean, f"`{strategy}` {for_it} of {count} ({spread(strategy, found, of)})"))
    texts = [text for *_, text in sorted(rows)]
    return ", ".join([*texts[:MOST], *([f"{len(texts) - MOST} more"] if len(texts) > MOST else [])]) or "none"


def repeats(found: Gains, of: Sequence[str]) -> str:
    """The fewest and the most repeats of a strategy."""
    counts = pd.concat([found[name]["repeats"] for name in of]).astype(int)
    return " to ".join(map(str, sorted({counts.min(), counts.max()})))


def regimes(tables: Mapping[str, pd.DataFrame], found: Gains) -> str:
    """A row per regime: the strategies that are better than random, those that are worse, and how many are neither."""
    lines = ["| regime | labels | repeats | better than random, points | worse | neither |", "|---" * 6 + "|"]
    for name, regime in REGIMES.items():
        if name not in tables:
            lines.append(f"| {regime.title} | {UNKNOWN} | | | | |")
            continue
        table, each = tables[name], found[name]
        labels = f"{table['answers'].min():,.0f} to {table['answers'].max():,.0f}"
        better, worse = better_of(each), worse_of(each)
        cells = [regime.title, labels, repeats(found, [name]), listed(better), listed(worse)]
        cells.append(f"{len(each) - len(better) - len(worse)}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
