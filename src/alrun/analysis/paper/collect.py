"""The runs of a figure or table: their command lines, and the results that exist."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from alrun.analysis import rounds
from alrun.analysis.paper.exhibits import SHOWN, Part
from alrun.analysis.rounds import Problem
from alrun.settings import planned_runs

# Stand-ins for data that cannot be downloaded, by the data set of an experiment. All are real images: CIFAR-10 as JPEG
# files, 100 classes of Tiny ImageNet for CIFAR-100, the digits of MNIST for those of SVHN.
STAND_INS = {
    "cifar10": ["dataset.source=packed"],
    "cifar100": ["dataset=tinyimagenet100"],
    "svhn": ["dataset=mnist_for_svhn"],
}
# Without downloads there are no weights of the pretrained network that chooses a seed set.
WITHOUT_WEIGHTS = {"facility_location": "facility_location_untrained", "dispersion_min": "dispersion_min_untrained"}


class Asked(NamedTuple):
    """How to compute the runs of the paper's experiments."""

    overrides: tuple[str, ...] = ()  # of the command line
    stand_ins: bool = False  # other data and features where a download is needed

    @property
    def outputs(self) -> Path:
        """The folder of the results."""
        given = [word.partition("=")[2] for word in self.overrides if word.startswith("paths.outputs=")]
        return Path(given[-1] if given else "outputs")


@dataclass(frozen=True)
class Collected:
    """Some runs: their results, and what is missing."""

    table: pd.DataFrame  # of analysis.rounds, with ``part``, ``series``, and ``strategy`` by the paper's name
    asked: tuple[planned_runs.Planned, ...]
    problems: tuple[Problem, ...]  # missing runs

    @property
    def done(self) -> int:
        """The number of runs that are done."""
        return len(self.asked) - len(self.problems)

    @property
    def state(self) -> str:
        """``complete (3 of 3 runs)``, ``partial (1 of 3 runs)``."""
        word = "complete" if not self.problems else "partial" if self.done else "nothing yet"
        return f"{word} ({self.done} of {len(self.asked)} runs)" if self.asked else "no runs needed"

    def of(self, part: Part) -> pd.DataFrame:
        """The rows of one part."""
        return self.table[self.table["part"] == str(part)]


def words(part: Part, asked: Asked) -> list[str]:
    """The command line that asks for the runs of ``part``, without the program's name."""
    return line_of(part.experiment, asked, *part.choices, f"strategy={','.join(part.strategies)}")


def line_of(experiment: str, asked: Asked, *own: str) -> list[str]:
    """The command line of an experiment, with overrides of its ``own`` where the user gives no others."""
    if asked.stand_ins:
        seed_sets = sweep_of(experiment).get("seed_set")
        swept = [f"seed_set={seed_sets}"] if seed_sets else []
        own = (*STAND_INS.get(dataset(experiment), []), *map(without_weights, [*swept, *own]))
    return [f"experiment={experiment}", *merged([*own, *asked.overrides])]


@cache
def dataset(experiment: str) -> str:
    """The data set that an experiment asks for."""
    return planned_runs.chosen_options([f"experiment={experiment}"])["dataset"]


@cache
def sweep_of(experiment: str) -> dict[str, str]:
    """The sweep of an experiment: its options by key."""
    with planned_runs.configuration():
        cfg = planned_runs.compose_settings([f"experiment={experiment}"])
    return {str(key): str(value) for key, value in (cfg.hydra.sweeper.params or {}).items()}


def without_weights(word: str) -> str:
    """``word``, with seed sets that need a pretrained network replaced by those that do not."""
    key, _, value = word.partition("=")
    if key != "seed_set":
        return word
    return f"{key}={','.join(WITHOUT_WEIGHTS.get(each, each) for each in value.split(','))}"


def merged(overrides: Iterable[str]) -> list[str]:
    """Each key once, with its last value."""
    return list({word.partition("=")[0].lstrip("+"): word for word in overrides}.values())


@cache
def planned(part: Part, asked: Asked) -> tuple[planned_runs.Planned, ...]:
    """The runs of ``part``."""
    return tuple(planned_runs.runs_of_command([*words(part, asked), "hydra.mode=MULTIRUN"]))


def collect(parts: Iterable[Part], asked: Asked) -> Collected:
    """Gather the results of the runs of ``parts``."""
    frames, runs, problems = [], {}, {}
    for part in parts:
        of_part = planned(part, asked)
        gathered = rounds.gather([each.folder for each in of_part])
        names = {rounds.run_name(each.folder): strategy_of(each) for each in of_part}
        if len(gathered.rounds):
            strategies = gathered.rounds["run"].map(names)
            series = [part.series(each) for each in strategies]
            renamed = strategies.replace(SHOWN)
            frames.append(gathered.rounds.assign(part=str(part), series=series, strategy=renamed))
        runs |= {each.folder: each for each in of_part}
        problems |= {problem.run: problem for problem in gathered.problems}
    table = (
        pd.concat(frames, ignore_index=True) if frames else rounds.arrange(pd.DataFrame()).assign(part="", series="")
    )
    return Collected(table, tuple(runs.values()), tuple(problems.values()))


def strategy_of(run: planned_runs.Planned) -> str:
    """The option of a run's strategy."""
    return next(word.partition("=")[2] for word in run.overrides if word.startswith("strategy="))
