"""docs/evidence/strategies.md from the finished runs of ``experiment=strategies``: strategies, results, sources.

``make strategies`` runs the experiment and then this. Descriptions are the first comments in conf/strategy/*.yaml.
"""

import argparse
import inspect
from pathlib import Path
from pkgutil import resolve_name

import pandas as pd
from omegaconf import OmegaConf

from alrun.analysis import sources
from alrun.analysis.curves import name_curves
from alrun.analysis.intervals import spread
from alrun.analysis.summary import by_strategy
from alrun.system.errors import UserError

ROOT = Path(__file__).resolve().parents[2]

HEAD = """# All strategies

Written by `make strategies`: {runs} runs of `python -m alrun experiment=strategies` on scikit-learn's digits, with the
small network and dropout 0.3, 20 to {labels} labels, {repeats} repeats, on {device} ({threads}, torch {torch}).

A problem this small shows that each strategy works and what its selection costs, not which one is best: differences
within the spread (± one standard deviation) mean nothing. "Mean accuracy" is the average over all rounds.
"Efficiency" is the labels that random sampling needs for {target:.1f} %, which every run reaches, divided by the
labels that the strategy needs. "Selection" is seconds per run, including the pass over the pool; "training" includes
the networks that a strategy trains for itself. `smi`, `conditional_gain` and `conditional_mutual_information` look
for some classes or avoid others; accuracy over all classes does not reward this. `python -m alrun strategy=<name>
--cfg job --package strategy` lists the settings of a strategy.

"""

SOURCES = """
## Sources

From the docstrings. `make compare-authors` compares selections with published packages that implement the same form.

| strategy | source |
|---|---|"""


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--outputs", type=Path, default=Path("outputs"), help="paths.outputs of the experiment")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "evidence" / "strategies.md")
    arguments = parser.parse_args()
    rounds = sources.load(["experiment=strategies", f"paths.outputs={arguments.outputs}"]).rounds
    if rounds.empty:
        raise UserError(f"{arguments.outputs} has no finished run of experiment=strategies: run it first.")
    rounds = name_curves(rounds)
    table, target = by_strategy(rounds)
    arguments.page.parent.mkdir(exist_ok=True)
    first = rounds.iloc[0]
    head = HEAD.format(
        runs=rounds["run"].nunique(),
        labels=rounds["labeled"].max(),
        repeats=rounds["seed"].nunique(),
        device=first["hardware"],
        threads="one thread" if first["threads"] == "1" else f"{first['threads']} threads",
        torch=first["torch"],
        target=100 * target,
    )
    arguments.page.write_text(head + markdown(rounds, table) + followed())
    print(f"{len(table)} strategies in {arguments.page}")


def markdown(rounds: pd.DataFrame, table: pd.DataFrame) -> str:
    """A row per strategy, by mean accuracy."""
    per_run = rounds.groupby(["curve", "strategy", "run"]).agg(
        mean=("test_accuracy", "mean"), final=("test_accuracy", "last")
    )
    per_strategy = (100 * per_run).groupby(["curve", "strategy"]).agg(["mean", "std"])
    per_strategy.columns = ["mean", "mean_std", "final", "final_std"]
    lines = [
        "| strategy | what it labels | mean accuracy, % | final accuracy, % | efficiency | training | selection |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in per_strategy.sort_values("mean", ascending=False).reset_index().to_dict("records"):
        accuracies = [spread(row[key], row[f"{key}_std"], 1) for key in ("mean", "final")]
        rest = table.loc[row["curve"]].tolist()
        lines.append(f"| `{row['curve']}` | {' | '.join([description(row['strategy']), *accuracies, *rest])} |")
    return "\n".join(lines) + "\n"


def followed() -> str:
    """A table of the sources of each strategy, and where it differs from them, by the docstrings of the classes."""
    rows = []
    for path in sorted((ROOT / "conf" / "strategy").glob("*.yaml")):
        text = inspect.getdoc(resolve_name(OmegaConf.load(path)._target_)) or ""
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
