"""``alrun plan``: the runs of an experiment or a sweep before anything is computed, and the hours left.

    alrun plan experiment=quickstart
    alrun plan experiment=quickstart,recipe strategy=random --runs
    alrun plan -m strategy=random,badge seed=0,1,2 --measure

It takes what a run takes. Separate several experiments by commas; experiment=all means all of the paper's. Runs that
two experiments share are counted. Hours are estimated from finished runs of the same setting, or from a run's own
finished rounds. If there are none, --measure trains the model for a moment and gives an upper bound: all epochs of all
rounds. The paper's experiments also have the hours of training at scale=paper, by the paper's Table 12 (on its P100 or
V100; runs with ResNet-18 alone).
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from alrun.analysis.paper import hours
from alrun.commands import console
from alrun.runs.durations import Durations
from alrun.runs.run_folder import State, display_path, run_state
from alrun.settings import planned_runs, schedule

PAPER = "hours at scale=paper"


def main() -> None:
    """Print the plan."""
    parser = console.make_parser("plan", __doc__)
    parser.add_argument("overrides", nargs="*", metavar="group=option", help="as for a run")
    parser.add_argument("-m", "--multirun", action="store_true", help="a sweep, as for runs")
    parser.add_argument("--runs", action="store_true", help="list every run")
    parser.add_argument(
        "--measure", action="store_true", help="measure how fast a model trains if no run of its setting is done"
    )
    console.add_config_dir(parser)
    console.add_verify(parser)
    arguments = parser.parse_intermixed_args()
    with console.reporting_mistakes():
        overrides = console.with_config_dir(arguments.overrides, arguments.config_dir)
        print(plan(overrides, arguments.multirun, arguments.runs, arguments.measure))


def plan(overrides: Sequence[str], multirun: bool = False, each: bool = False, measured: bool = False) -> str:
    """The plan as text: a row per experiment, a total of distinct runs, and with ``each`` a row per run."""
    parts = [*overrides, *(["hydra.mode=MULTIRUN"] if multirun else [])]
    experiments, of_paper = planned_runs.experiments(parts), planned_runs.paper_experiments()
    rest = [part for part in parts if not part.startswith("experiment=")]
    seen: dict[Path, planned_runs.Planned] = {}
    paper: dict[Path, planned_runs.Planned] = {}  # of the paper's experiments
    rows, lines = [], []
    for name in experiments or [None]:
        runs = planned_runs.runs_of_command([*([f"experiment={name}"] if name else []), *rest], validated=True)
        its = {run.folder: run for run in runs if run.folder not in paper} if name in of_paper else {}
        rows.append(experiment_row(name or "these runs", runs, seen, measured) | {PAPER: hours_of_paper(its.values())})
        seen |= {run.folder: run for run in runs}
        paper |= its
        lines += [
            f"  {run_state(run.folder):8} {display_path(run.folder)}  {' '.join(run.overrides)}" for run in runs if each
        ]
    if len(rows) > 1:
        every = experiment_row("distinct runs", list(seen.values()), {}, measured)
        rows.append(every | {PAPER: hours_of_paper(paper.values())})
    return "\n".join([*console.format_columns(rows), *lines, *refusals(list(seen.values()))])


def refusals(runs: Sequence[planned_runs.Planned]) -> list[str]:
    """A line for each reason for which some of ``runs`` would be refused here."""
    counts = Counter(run.refusal for run in runs if run.refusal)
    return [f"{count} of {len(runs)} runs would be refused here: {reason}" for reason, count in counts.items()]


def experiment_row(
    name: str, runs: Sequence[planned_runs.Planned], seen: dict[Path, planned_runs.Planned], measured: bool
) -> dict[str, object]:
    """The row of an experiment: its runs by state, those ``seen`` in rows above, and the hours left."""
    states = [run_state(run.folder) for run in runs]
    own = [run for run in runs if run.folder not in seen]
    shared = f"{len(runs) - len(own)}" if len(own) < len(runs) else ""
    counts = {each: states.count(each) or "" for each in State.__args__}
    return {"experiment": name, "runs": len(runs), **counts, "shared": shared, "hours left": hours_left(own, measured)}


def hours_of_paper(runs: Collection[planned_runs.Planned]) -> str:
    """Hours of training at scale=paper as text, and the number of runs that are not estimated."""
    found = [at_paper_size(run) for run in runs]
    known = [each for each in found if each is not None]
    others = f"{len(found) - len(known)} runs of other networks" if len(known) < len(found) else ""
    return " + ".join(filter(None, [f"{sum(known):.0f}" if known else "", others]))


def at_paper_size(run: planned_runs.Planned) -> float | None:
    """Hours of training of a run of the paper's experiments at scale=paper, at whichever scale it is planned."""
    budget, scale = run.cfg.budget, run.cfg.scale
    labels = [size / scale.examples for size in schedule.labels_by_round(budget, run.cfg.validation)]
    epochs = run.cfg.training.max_epochs / scale.epochs
    return hours.hours_of_run(str(run.cfg.hydra.runtime.choices.model), labels, epochs)


@dataclass(frozen=True)
class Hours:
    """Hours of some runs, one after the other."""

    likely: float = 0.0  # of started runs, and of runs whose setting has finished runs
    most: float = 0.0  # upper bound for others: every round trains for all epochs
    unknown: int = 0  # number of runs without an estimate

    def __add__(self, other: "Hours") -> "Hours":
        return Hours(self.likely + other.likely, self.most + other.most, self.unknown + other.unknown)

    def __str__(self) -> str:
        """``1.2``, ``at most 3.4``, ``1.2 + 5 runs unmeasured``."""
        parts = [f"{self.likely:.1f}"] if self.likely or not (self.most or self.unknown) else []
        parts += [f"at most {self.most:.1f}"] if self.most else []
        parts += [f"{self.unknown} runs unmeasured"] if self.unknown else []
        return " + ".join(parts)


def hours_left(runs: Sequence[planned_runs.Planned], measured: bool) -> Hours:
    """Hours until all of ``runs`` are done."""
    durations = Durations()
    speeds: dict[Path, float] = {}  # by setting
    total = Hours()
    for run in runs:
        if run_state(run.folder) != "done":
            total += hours_of_run(run, durations, speeds if measured else None)
    return total


def hours_of_run(run: planned_runs.Planned, durations: Durations, speeds: dict[Path, float] | None) -> Hours:
    """Hours that a run still takes; ``speeds``, if given, caches the images per second measured for each setting."""
    seconds = durations.left(run.folder)
    if seconds is not None:
        return Hours(likely=seconds / 3600)
    if speeds is None or "_target_" in run.cfg.optimizer:  # an optimum takes no steps whose speed could be measured
        return Hours(unknown=1)
    setting = run.folder.parent
    if setting not in speeds:
        from alrun.commands.speed import images_per_second  # and with it torch

        speeds[setting] = images_per_second(run.cfg)
    held_out = run.cfg.validation or 0
    answers = sum(size - held_out for size in schedule.labels_by_round(run.cfg.budget, held_out))  # of all rounds
    labels = answers / schedule.opinions_of(run.cfg.annotator)  # to train on
    return Hours(most=labels * run.cfg.training.max_epochs / speeds[setting] / 3600)
