"""The results in README.md: its figure and three sentences, from the tables in results/.

    python -m docs.generate.readme

They stand between two comments; a sentence whose table is not committed is left out.
"""

import argparse
from pathlib import Path

import matplotlib
import pandas as pd

from alrun.analysis import result_files as results
from alrun.analysis.curves import REFERENCE, name_curves
from alrun.analysis.efficiency_table import common_level, efficiency_at
from alrun.analysis.intervals import t_interval
from alrun.system.errors import UserError
from docs.generate import compare_pools as pools
from docs.generate import curves
from docs.generate.findings import judge, tally
from docs.generate.findings_measures import mean_of
from docs.generate.findings_studies import RESULTS, ROOT
from docs.generate.regimes import gain, gains
from docs.generate.wrapped import wrapped

PAGE = ROOT / "README.md"
FIGURE = ROOT / "docs" / "assets" / "results.svg"
USED = ("features/baseline", "features/redundancy", "pools/rare_classes", "pools/open_set")
TOLD = "smi"  # looks for the classes of its setting: in the pool of rare classes it is told which these are
BEGIN, END = "<!-- results: written by python -m docs.generate.readme -->", "<!-- end of the results -->"


def main() -> None:
    """Write the figure and the sentences."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--figure", type=Path, default=FIGURE)
    arguments = parser.parse_args()
    paragraphs = []
    if (table := table_of(arguments.results / "features" / "baseline")) is not None:
        draw(table, arguments.figure)
        paragraphs.append(f'<img src="docs/assets/results.svg" width="830" alt="{described(table)}">')
    sentences = [say(arguments.results) for say in (saved, redundant, realistic)]
    paragraphs.append(" ".join(filter(None, sentences)))
    paragraphs.append(
        f"Intervals are 95 %, over {repeats(arguments.results)} repeats on one data set: features of CIFAR-10 from a "
        "network pretrained on ImageNet, with a linear head. "
        "[Which strategy when](docs/guides/which_strategy.md) has results for other pools and data sets. "
        "On such features, and with small networks trained from scratch, of the paper's [thirteen findings and "
        f"claims](docs/evidence/findings.md) {tally(judge(arguments.results))}."
    )
    arguments.page.write_text(replaced(arguments.page.read_text(), wrapped("\n\n".join(filter(None, paragraphs)))))
    print(f"{sum(map(bool, sentences))} sentences in {arguments.page}")


def replaced(page: str, text: str) -> str:
    """The page with ``text`` between the two comments.

    Raises:
        UserError: The page has no such comments.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise UserError(f"the page has no place for the results: two lines, {BEGIN} and {END}.")
    return f"{before}{begin}\n\n{text}\n\n{end}{after}"


def table_of(folder: Path) -> pd.DataFrame | None:
    """The rounds of a table; None if it is not committed."""
    return results.read_results(folder) if (folder / "rounds.csv").exists() else None


def draw(table: pd.DataFrame, path: Path) -> None:
    """Accuracy against labels, and labeling efficiency against accuracy."""
    matplotlib.rcParams["svg.hashsalt"] = "alrun"  # the same names in the file each time
    curves.both(name_curves(table)).savefig(path, metadata={"Date": None}, facecolor="white")


def described(table: pd.DataFrame) -> str:
    """The figure in words, for those who do not see it."""
    last = 100 * table[table["labeled"] == table["labeled"].max()].groupby("strategy")["test_accuracy"].mean()
    ends = ", ".join(f"{name} {value:.1f} %" for name, value in last.sort_values(ascending=False).items())
    return (
        f"Two line charts. Left: accuracy against {table['labeled'].min():,} to {table['labeled'].max():,} labels; "
        f"it ends at {ends}. Right: labeling efficiency against test accuracy."
    )


def repeats(folder: Path) -> str:
    """How many repeats the tables of the sentences have."""
    tables = [table_of(folder / name) for name in USED]
    counts = [int(t.groupby("strategy")["seed"].nunique().min()) for t in tables if t is not None]
    return f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"


def saved(folder: Path) -> str:
    """How many fewer labels the best strategy needs."""
    if (table := table_of(folder / "features" / "baseline")) is None:
        return ""
    named = name_curves(table)
    level = common_level(named[named["strategy"] == REFERENCE])
    found = efficiency_at(named, level)
    others = found[found["strategy"] != REFERENCE].groupby("strategy")["efficiency"]
    whole = others.mean()[others.count() == others.size()]  # those that reach it in each repeat
    best = str(whole.idxmax())
    values = found.loc[found["strategy"] == best, "efficiency"].tolist()
    low, high = t_interval(values)
    return (
        f"For {100 * level:.1f} % accuracy, random sampling needs {whole[best]:.2f} times as many labels as `{best}` "
        f"({low:.2f} to {high:.2f})."
    )


def redundant(folder: Path) -> str:
    """What BADGE gains over entropy in a redundant pool."""
    if (table := table_of(folder / "features" / "redundancy")) is None:
        return ""
    texts = []
    factors = sorted(table["redundancy.factor"].unique(), key=lambda factor: float(str(factor)))
    for factor in (factors[0], factors[-1]):
        accuracy = mean_of(table[table["redundancy.factor"] == factor])
        gap = (accuracy["badge"] - accuracy["entropy"]).dropna()
        low, high = t_interval(gap.tolist())
        texts.append(f"{gap.mean():+.1f} points ({low:+.1f} to {high:+.1f}) with {factor} copies")
    gaps = " and ".join(texts)
    return (
        f"In a pool that repeats many examples, the mean accuracy of `badge` minus that of `entropy` is {gaps} of each."
    )


def realistic(folder: Path) -> str:
    """Rare classes and strangers."""
    tables = [table_of(folder / "pools" / name) for name in ("rare_classes", "open_set")]
    if tables[0] is None or tables[1] is None:
        return ""
    rare, strangers = (pools.named(table, "") for table in tables if table is not None)
    each = gains(strangers)
    texts = [f"`{name}` {gain(each, name)} points" for name in ("badge", "entropy")]
    return (
        f"{rare_examples(rare)} Where 40 % of the pool belongs to no class, the mean accuracy minus that of random "
        f"sampling is {' and '.join(texts)}. These pools are drawn anew in each repeat."
    )


def rare_examples(rare: pd.DataFrame) -> str:
    """The best finder of rare classes, beside the best one that is not told which they are: finds, and accuracy."""
    found, accuracy = pools.rare_found(rare), gains(rare)
    ranked = sorted(map(str, accuracy.index), key=lambda name: float(found[name].split()[0]), reverse=True)
    best, untold = ranked[0], [name for name in ranked if not name.startswith(TOLD)]
    number, _, interval = found[best].partition(" ")
    finds = f"finds {number} times as many of their examples as random sampling {interval}"
    if untold[:1] in ([], [best]):
        return f"With rare classes, `{best}` {finds}."
    other = untold[0]
    number, _, interval = found[other].partition(" ")
    p = pools.paired(pools.rare_counts(rare), best, other)[-1]
    points, fewer = (f"{100 * accuracy['gap'][name]:+.1f}" for name in (other, best))
    return (
        f"With rare classes, `{best}`, which is told which they are, {finds}, {'' if p < pools.LEVEL else 'not '}"
        f"significantly more than `{other}`, which is not told: {number} times as many {interval[:-1]}; p = {p:.1g}). "
        f"Over random, `{other}` gains {points} points of mean accuracy, `{best}` {fewer}."
    )


if __name__ == "__main__":
    main()
