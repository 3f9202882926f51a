"""What the tables in results/ took, what was dropped, and what each finding would take at the paper's size (make plan).

``results/pilots.csv`` has the runs of each experiment and the seconds that a run took in a pilot on one thread: what no
committed table has of them was dropped. The findings are those of docs/evidence/findings.md.
"""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from alrun.analysis.result_files import read_results
from alrun.commands.console import format_columns
from alrun.commands.plan import hours_of_paper
from alrun.settings import planned_runs
from docs.generate.findings_list import FINDINGS, Finding
from docs.generate.findings_studies import RESULTS, STUDIES

PHASES = ["train_seconds", "evaluate_seconds", "select_seconds"]
# The paper's experiments, by the facet that they vary or by the part of a finding that has more of them.
PAPER = {
    "labeling efficiency": tuple(
        f"baseline/{name}" for name in ("cifar10", "cifar100", "fashion_mnist", "svhn", "mnist")
    ),
    "baseline": ("baseline/cifar10",),
    "augmentation": ("augmentation/resnet18", "augmentation/vgg11"),
    "optimizer": ("optimizer/cifar10",),
    "redundancy": ("redundancy/duplicate", "redundancy/augment"),
    "per_class": ("per_class/cifar10", "per_class/fashion_mnist"),
    "batch_size": ("batch_size/cifar10",),
    "seed_set": ("seed_set/cifar10",),
    "reset_update": ("reset_update/cifar10",),
    "subsets": ("dss/cifar10",),
}


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
    """A line of the second table: the experiments behind a section of docs/evidence/findings.md, and the paper's."""
    behind = [study.facets.get(finding.facet) for study in STUDIES.values()]  # on other data each: they share no run
    own = [each for each in every if each.experiment in behind]
    runs, hours = at_paper_size(PAPER.get(finding.name, PAPER[finding.facet]))
    return {
        "finding": finding.title,
        "runs": sum(each.runs for each in own),
        "hours": f"{sum(each.hours for each in own):.1f}",
        "dropped": sum(each.dropped for each in own) or "",
        "their hours": f"{sum(each.hours_dropped for each in own):.1f}" if any(each.dropped for each in own) else "",
        "runs at scale=paper": runs,
        "their hours there": hours,
    }


@cache
def at_paper_size(experiments: tuple[str, ...]) -> tuple[int, str]:
    """How many runs the paper's ``experiments`` have, and their hours as text."""
    runs = planned_runs.runs_of_commands([f"experiment={','.join(experiments)}"])
    return len(runs), hours_of_paper(runs)


if __name__ == "__main__":
    main()
