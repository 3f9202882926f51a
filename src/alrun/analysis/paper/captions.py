"""The caption of a figure or table: what was run for it."""

import pandas as pd

from alrun.analysis.comparability import join_words
from alrun.analysis.costs import seconds_in_words
from alrun.analysis.paper.collect import STAND_INS, WITHOUT_WEIGHTS, Asked, Collected, dataset
from alrun.analysis.paper.exhibits import Exhibit, Part
from alrun.analysis.scores import SECONDS
from alrun.runs.run_folder import display_path

MOST = 12  # missing runs that are listed
INSTEAD = {
    "cifar10": "JPEG copies of CIFAR-10 for CIFAR-10",
    "cifar100": "100 classes of Tiny ImageNet for CIFAR-100",
    "svhn": "the digits of MNIST for SVHN",
}


def caption(name: str, exhibit: Exhibit, there: Collected, asked: Asked, published: str) -> str:
    """Markdown: title, what was run, what is missing; ``published`` says how the paper's numbers are shown."""
    title = f"# {name.replace('-', ' ').capitalize()} ({exhibit.place}): {exhibit.title}"
    parts = [title, " ".join(filter(None, [exhibit.says, published]))]
    if there.asked:
        parts += [describe_runs(there), *stood_in(exhibit.needed, asked), *missing(there)]
    return "\n\n".join(filter(None, parts)) + "\n"


def describe_runs(there: Collected) -> str:
    """A text on scale, data, networks, repeats and hours."""
    scales = {f"{run.cfg.scale.examples:g}" for run in there.asked}
    epochs = {f"{run.cfg.scale.epochs:g}" for run in there.asked}
    full = scales == epochs == {"1"}
    size = (
        "the paper's size"
        if full
        else f"{shares(scales)} of the paper's pool and numbers of labels, {shares(epochs)} of its epochs"
    )
    of_config = {
        "Data": {str(run.cfg.hydra.runtime.choices.dataset) for run in there.asked},
        "networks": {str(run.cfg.hydra.runtime.choices.model) for run in there.asked},
    }
    words = [f"Ours: {there.state}, at {size}."]
    words.append("; ".join(f"{key}: {join_words(sorted(values))}" for key, values in of_config.items()) + ".")
    if there.table.empty:
        return " ".join(words)
    runs = there.table.drop_duplicates("run")
    repeats = there.table.groupby("series")["seed"].nunique()
    words.append(f"Repeats: {span(repeats.min(), repeats.max())} of each curve.")
    seconds = there.table.drop_duplicates(["run", "round"])[[*SECONDS]].to_numpy().sum()
    words.append(
        f"Training, selection and evaluation took {seconds_in_words(float(seconds))} in all, on {hardware_of(runs)}."
    )
    cut = (there.table["stopped_by"] == "max_epochs").mean() if "stopped_by" in there.table else 0
    words.append(f"{100 * cut:.0f} % of the rounds were cut short by the limit on epochs." if cut else "")
    if not full:
        words.append("At this size the numbers do not compare with the paper's: they show that everything runs.")
    return " ".join(filter(None, words))


def shares(values: set[str]) -> str:
    """Shares as percentages."""
    return join_words([f"{100 * float(value):g} %" for value in sorted(values, key=float)])


def span(least: int, most: int) -> str:
    """One number, or from one to another."""
    return f"{least}" if least == most else f"{least} to {most}"


def hardware_of(runs: pd.DataFrame) -> str:
    """The hardware of the runs."""
    return join_words(sorted(set(runs["hardware"]))) if "hardware" in runs else "unknown hardware"


def stood_in(parts: tuple[Part, ...], asked: Asked) -> list[str]:
    """A sentence on the data and features that stand in for the paper's; empty without stand-ins."""
    if not asked.stand_ins:
        return []
    sets = {dataset(part.experiment) for part in parts}
    words = [INSTEAD[each] for each in STAND_INS if each in sets]
    if any(f"seed_set={option}" in part.choices for part in parts for option in WITHOUT_WEIGHTS):
        words.append("the network before its training, which chose the seed sets, for a pretrained one")
    return [f"Stand-ins: {join_words(words)}."] if words else []


def missing(there: Collected) -> list[str]:
    """The missing runs, as a list in Markdown."""
    if not there.problems:
        return []
    lines = [f"- {display_path(problem.run)}: {problem.status}" for problem in there.problems[:MOST]]
    rest = len(there.problems) - MOST
    return ["Missing:", "\n".join([*lines, *([f"- and {rest} more"] if rest > 0 else [])])]
