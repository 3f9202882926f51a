"""docs/evidence/strategies.md from the tables in results/strategies: strategies, results, sources.

``make strategies`` computes the runs, writes the tables and then this page. Descriptions are the first comments in
conf/strategy/*.yaml.
"""

import inspect
import itertools
import re
from pathlib import Path
from pkgutil import resolve_name
from typing import NamedTuple

import pandas as pd
from omegaconf import OmegaConf

from alrun.analysis import result_files as results
from alrun.analysis.curves import REFERENCE, name_curves
from alrun.analysis.efficiency_table import common_level, efficiency_at
from alrun.analysis.metrics import ACCURACY
from alrun.analysis.scores import per_run
from alrun.strategies.base import Strategy
from docs.generate.compare_pools import LEVEL, compare, difference, penalties
from docs.generate.wrapped import wrapped

ROOT = Path(__file__).resolve().parents[2]
TABLES = ROOT / "results" / "strategies"
PAGE = ROOT / "docs" / "evidence" / "strategies.md"
LEAST, PLANNED = 5, 20  # repeats of a strategy
DATA = {"cifar10": "CIFAR-10", "banking77": "Banking77"}

HEAD = """# All strategies

How accurate is a classifier on the labels that each strategy chooses, and what does choosing cost? Written by `make
strategies` from results/strategies: {runs} runs on pretrained features with a linear head trained to its optimum.
CIFAR-10 (1,280 features of EfficientNet-Lite0, which was trained on ImageNet; the copy of the data set is
JPEG-compressed): {cifar10}. Banking77 (384 features of all-MiniLM-L6-v2, 77 classes of short texts): {banking77}. The
whole pool, the whole test set. Each repeat has its own seed set, which all strategies share. {hardware}

"Mean accuracy" is the area under the accuracy curve divided by its range of labels, the mean over repeats. "Over
random" is the mean difference to random sampling with the same seed set, in points, with its 95 % interval (Student's
t); **bold** where p < {level} after Holm's correction for the strategies of the table, which are in the order of this
difference. "Efficiency" is the labels that random sampling needs for the accuracy that it reaches in each repeat
({targets}), divided by those of the strategy, the mean over repeats; or in how many of them the strategy falls short of
it. "Selection" is seconds per run, including the pass over the pool: the median over repeats, as other work ran on the
machine and at times held a run up; training a network of a strategy's own counts as training. Strategies with an
asterisk read ten further heads, trained on bootstrap samples.
Strategies with fewer than {least} repeats are left out. Of a strategy around another one, the row names the one inside
that ran; the command beside it is an example with another one.{alike}
`smi`, `conditional_gain` and `conditional_mutual_information` look for some classes or avoid others; accuracy over all
classes does not reward this. `alrun strategy=<name> --cfg job --package strategy` lists the settings of a strategy.

"""

SOURCES = """
## Sources

From the docstrings. `make compare-authors` compares selections with published packages that implement the same form.

| strategy | source |
|---|---|"""


class Found(NamedTuple):
    """What one data set says of a strategy."""

    gain: float  # over random, a share
    text: str  # cells of the table


def main() -> None:
    """Write the page."""
    tables = {name: read(name) for name in DATA}
    found = {name: summarize(table) for name, table in tables.items()}
    every = pd.concat(tables.values())
    targets = ", ".join(f"{100 * level_of(table):.1f} % on {DATA[name]}" for name, table in tables.items())
    head = HEAD.format(
        runs=every["run"].nunique(),
        targets=targets,
        least=LEAST,
        level=LEVEL,
        alike=alike(tables),
        hardware=f"On {' and '.join(sorted(every['hardware'].unique()))}, one thread, torch {every['torch'].iloc[0]}.",
        **{name: protocol(table) for name, table in tables.items()},
    )
    paragraphs = [" ".join(each.splitlines()) for each in head.split("\n\n")]
    whole = {name: rounds(name) for name in DATA}
    left = unfinished(whole, {name: planned(name) for name in DATA})
    PAGE.write_text(
        wrapped("\n\n".join(paragraphs) + markdown(found, wrappers(every)) + absent(found) + left) + followed()
    )
    print(f"{len(set().union(*found.values()))} strategies in {PAGE.relative_to(ROOT)}")


def rounds(name: str) -> pd.DataFrame:
    """The rounds of all runs on a data set."""
    return pd.concat((results.read_results(path) for path in sorted(TABLES.glob(f"{name}*"))), ignore_index=True)


def planned(name: str) -> list[str]:
    """The strategies of the experiments on a data set."""
    folder = ROOT / "conf" / "experiment" / "strategies"
    every, some = (OmegaConf.load(folder / f"{each}.yaml").hydra.sweeper.params for each in (name, f"{name}_ensemble"))
    excluded = re.fullmatch(r"glob\(\*, exclude=\[(.*)\]\)", every.strategy)
    if excluded is None:
        raise ValueError(f"{name}.yaml names its strategies in another way: {every.strategy}")
    known = {path.stem for path in (ROOT / "conf" / "strategy").glob("*.yaml")}
    return sorted(known - set(excluded[1].split(",")) | set(some.strategy.split(",")))


def read(name: str) -> pd.DataFrame:
    """Those of strategies with enough repeats; curves by strategy alone: the ensemble changes what a strategy reads."""
    table = rounds(name)
    repeats = table.groupby("strategy")["seed"].transform("nunique")
    named = name_curves(table[repeats >= LEAST])  # in an order of its own
    return named.assign(curve=named["strategy"], facet="all")


def level_of(table: pd.DataFrame) -> float:
    """The highest accuracy that random sampling reaches in each repeat."""
    return common_level(table[table["strategy"] == REFERENCE])


def protocol(table: pd.DataFrame) -> str:
    """The numbers of labels and repeats, and the penalty of the head."""
    repeats = table.groupby("strategy")["seed"].nunique()
    most = f"{repeats.max()} repeats" if repeats.nunique() == 1 else f"{repeats.min()} to {repeats.max()} repeats"
    return f"{table['labeled'].min():,} to {table['labeled'].max():,} labels, {most}, penalty C = {penalties(table)}"


def summarize(table: pd.DataFrame) -> dict[str, Found]:
    """The cells of each strategy."""
    runs = per_run(table)
    ratios = efficiency_at(table, level_of(table)).query("is_paired").groupby("strategy")["efficiency"]
    rows = {str(name): row for name, row in compare(table, ACCURACY).iterrows()}
    found = {}
    for strategy in map(str, runs["strategy"].unique()):
        frame = runs[runs["strategy"] == strategy]
        area = 100 * frame.set_index("seed")["aubc"]
        row = rows[strategy]
        ratio = ratios.get_group(strategy)
        efficiency = f"not reached in {int(ratio.isna().sum())}" if ratio.isna().any() else f"{ratio.mean():.2f}"
        seconds = f"{frame['select_seconds'].median():.2f} s"
        cells = [f"{area.mean():.1f}", difference(row), efficiency, seconds, f"{len(area)}"]
        found[strategy] = Found(0.0 if strategy == REFERENCE else float(row["gap"]), " | ".join(cells))
    return found


def wrappers(every: pd.DataFrame) -> dict[str, str]:
    """What each strategy ran around, of those that wrap another one."""
    options = every.drop_duplicates("strategy").set_index("strategy")["strategy@strategy.inner"].dropna().astype(str)
    return {str(name): option for name, option in options.items() if option}


def alike(tables: dict[str, pd.DataFrame]) -> str:
    """Sentences on strategies that chose the same: they are equally accurate after every round of every repeat."""
    sentences = []
    for name, table in tables.items():
        curves = table.pivot_table("test_accuracy", ["seed", "labeled"], "strategy")
        names = [str(strategy) for strategy in curves]
        for one, other in itertools.combinations(names, 2):
            if curves[one].equals(curves[other]):
                sentences.append(f" On {DATA[name]} `{one}` and `{other}` chose the same in all rounds.")
    return "".join(sentences)


def markdown(found: dict[str, dict[str, Found]], around: dict[str, str]) -> str:
    """A table for each data set, by gain over random; ``around`` is what strategies wrap."""
    lines = []
    for name, strategies in found.items():
        lines += [
            f"## {DATA[name]}",
            "",
            "| strategy | what it labels | mean accuracy, % | over random, points | efficiency | selection | repeats |",
            "|---|---|---|---|---|---|---|",
        ]
        ranked = sorted(strategies.items(), key=lambda each: -each[1].gain)
        for option, each in ranked:
            lines.append(f"| {shown(option, around.get(option, ''))} | {description(option)} | {each.text} |")
        lines.append("")
    return "\n".join(lines)


def shown(option: str, around: str = "") -> str:
    """An option as the table writes it, with what it is ``around``, and an asterisk where it needs an ensemble."""
    ensembles = OmegaConf.load(ROOT / "conf" / "experiment" / "strategies" / "cifar10_ensemble.yaml")
    needs = str(ensembles.hydra.sweeper.params.strategy).split(",")
    return f"`{f'{option} {around}'.strip()}`{'*' if option in needs else ''}"


def absent(found: dict[str, dict[str, Found]]) -> str:
    """Sentences on the strategies that a table lacks, and why."""
    known = {path.stem for path in (ROOT / "conf" / "strategy").glob("*.yaml")}
    places: dict[str, list[str]] = {}
    for name, strategies in found.items():
        if lacking := known - set(strategies):
            places.setdefault(reasons(lacking), []).append(DATA[name])
    sentences = [f"Not in the table of {' and of '.join(names)}: {text}." for text, names in places.items()]
    return "\n".join(["", *sentences, ""])


def reasons(lacking: set[str]) -> str:
    """Why a table lacks strategies, in words."""
    images = {name for name in lacking if class_of(name).on_vectors is not None}
    oracles = {name for name in lacking if class_of(name).is_oracle}
    groups = {
        "which work on images alone": images,
        "an oracle that knows the test labels, which is on the page of [pools](pools.md)": oracles,
        f"with fewer than {LEAST} repeats": lacking - images - oracles,
    }
    return "; ".join(
        f"{', '.join(f'`{each}`' for each in sorted(names))}, {why}" for why, names in groups.items() if names
    )


def class_of(option: str) -> type[Strategy]:
    """The class of an option of ``strategy``."""
    return resolve_name(OmegaConf.load(ROOT / "conf" / "strategy" / f"{option}.yaml")._target_)


def unfinished(tables: dict[str, pd.DataFrame], plan: dict[str, list[str]]) -> str:
    """Sentences on the repeats that are planned and were not computed, with the hours that they would take.

    Args:
        tables: The rounds of all runs, also of strategies with few repeats.
        plan: The strategies that are to run.
    """
    sentences = []
    for name, table in tables.items():
        phases = table[["train_seconds", "evaluate_seconds", "select_seconds"]].sum(axis=1) / 3600
        runs = phases.groupby([table["strategy"], table["seed"]]).sum()
        known = runs.groupby("strategy").agg(["median", "size"])
        hours = (known["median"] * (PLANNED - known["size"]))[known["size"] < PLANNED]
        sentences.append(f"The {len(runs):,} runs on {DATA[name]} took {runs.sum():.1f} hours of one thread in all.")
        if len(hours):
            each = [f"`{strategy}` {time:.1f}" for strategy, time in hours.sort_values(ascending=False).items()]
            sentences.append(
                f"{PLANNED} repeats are planned; those that {DATA[name]} lacks of strategies with a run would take "
                f"{hours.sum():.1f} hours, by the median run of each: {', '.join(each)}."
            )
        if never := [f"`{strategy}`" for strategy in plan[name] if strategy not in known.index]:
            sentences.append(f"Planned on {DATA[name]} and not run, so their hours are unknown: {', '.join(never)}.")
    return "\n".join([*sentences, ""])


def followed() -> str:
    """A table of the sources of each strategy, and where it differs from them, by the docstrings of the classes."""
    rows = []
    for path in sorted((ROOT / "conf" / "strategy").glob("*.yaml")):
        text = inspect.getdoc(class_of(path.stem)) or ""
        if source := " ".join(text.partition("Source:")[2].split()):
            rows.append(f"| `{path.stem}` | {source.replace('``', '`').replace('|', '/')} |")
    return "\n".join([SOURCES, *rows]) + "\n"


def description(option: str) -> str:
    """The first comment of a strategy's YAML file, in one line."""
    lines = []
    for line in (ROOT / "conf" / "strategy" / f"{option}.yaml").read_text().splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# "))
    return " ".join(lines)


if __name__ == "__main__":
    main()
