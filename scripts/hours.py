"""What the tables in results/ took, what was dropped, and what each finding would take at the paper's size (make plan).

``results/pilots.csv`` has the runs of each experiment and the seconds that a run took in a pilot on one thread: what no
committed table has of them was dropped.
"""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from alrun.analysis.result_files import read_results
from alrun.commands.console import format_columns
from alrun.commands.plan import hours_of_paper
from alrun.settings import planned_runs

RESULTS = Path(__file__).resolve().parents[1] / "results"
PHASES = ["train_seconds", "evaluate_seconds", "select_seconds"]


class Finding(NamedTuple):
    """What decides a finding or claim: a facet, the last part of experiments here, and the paper's experiments."""

    name: str
    facet: str
    paper: tuple[str, ...]


FINDINGS = (
    Finding("1, augmentation", "augmentation", ("augmentation/resnet18", "augmentation/vgg11")),
    Finding("2, optimizer; claim 2", "optimizer", ("optimizer/cifar10",)),
    Finding("3, diversity; claim 1", "baseline", ("baseline/cifar10",)),
    Finding("4, redundancy", "redundancy", ("redundancy/duplicate", "redundancy/augment")),
    Finding("5, examples per class", "per_class", ("per_class/cifar10", "per_class/fashion_mnist")),
    Finding("6, AL batch size; claim 3", "batch_size", ("batch_size/cifar10",)),
    Finding("6, seed set; claim 4", "seed_set", ("seed_set/cifar10",)),
    Finding("7, update; claim 5; 8, time", "reset_update", ("reset_update/cifar10",)),
    Finding("8, subsets", "subsets", ("dss/cifar10",)),
)


class Hours(NamedTuple):
    """Runs of an experiment: in its committed table, with their hours, and dropped ones."""

    experiment: str
    runs: int
    hours: float
    dropped: int
    hours_dropped: float


def main() -> None:
    """Print both tables."""
    every = spent(RESULTS)
    print("\nBehind results/: hours of one thread, as measured there; dropped by pilots")
    print(*format_columns([row(each) for each in every]), sep="\n")
    print("\nBy finding; at scale=paper by Table 12: hours of training on its P100 or V100")
    print(*format_columns([row_of(finding, every) for finding in FINDINGS]), sep="\n")


def spent(results: Path) -> list[Hours]:
    """The experiments that have a table below ``results``, or a pilot."""
    tables = {str(path.parent.relative_to(results)): path.parent for path in sorted(results.rglob("runs.csv"))}
    path = results / "pilots.csv"
    pilots = pd.read_csv(path).set_index("experiment") if path.exists() else pd.DataFrame()
    found = []
    for name in dict.fromkeys([*tables, *map(str, pilots.index)]):
        table = read_results(tables[name]) if name in tables else pd.DataFrame()
        runs = table["run"].nunique() if len(table) else 0
        known = [phase for phase in PHASES if phase in table]
        seconds = float(table[known].to_numpy(float).sum()) if known else 0.0
        dropped, each = 0, 0.0
        if name in pilots.index:
            planned, each = (float(pilots[column].to_dict()[name]) for column in ("runs", "seconds"))
            dropped = max(0, int(planned) - runs)
        found.append(Hours(name, runs, seconds / 3600, dropped, dropped * each / 3600))
    return found


def row(each: Hours) -> dict[str, object]:
    """A line of the first table."""
    return {
        "experiment": each.experiment,
        "runs": each.runs,
        "hours": f"{each.hours:.1f}",
        "dropped": each.dropped or "",
        "their hours": f"{each.hours_dropped:.1f}" if each.dropped else "",
    }


def row_of(finding: Finding, every: list[Hours]) -> dict[str, object]:
    """A line of the second table: all experiments here that vary its facet, and the paper's."""
    own = [each for each in every if each.experiment.rpartition("/")[2] == finding.facet]
    runs = planned_runs.runs_of_commands([f"experiment={','.join(finding.paper)}"])
    return {
        "finding": finding.name,
        "runs": sum(each.runs for each in own),
        "hours": f"{sum(each.hours for each in own):.1f}",
        "dropped": sum(each.dropped for each in own) or "",
        "their hours": f"{sum(each.hours_dropped for each in own):.1f}" if any(each.dropped for each in own) else "",
        "runs at scale=paper": len(runs),
        "their hours there": hours_of_paper(runs),
    }


if __name__ == "__main__":
    main()
