"""``alrun advise``: which strategy suits your data, by replays on what is labeled so far.

    alrun advise flowers/
    alrun advise outputs/runs/<setting>/<run> --strategies random,margin,badge,typiclust --repeats 20

It takes the folder of a run or of a labeling project. In each repeat it holds out a part of the labeled examples as a
test, and lets each strategy choose among the others, as if they were not labeled. It writes nothing.
"""

import argparse
import logging
from pathlib import Path
from typing import Any

from alrun.annotate import project as projects
from alrun.commands import console
from alrun.commands.ask import run_of
from alrun.commands.next_step import words_of_run
from alrun.runs.run_folder import display_path, find_run_folders, queries_file
from alrun.settings import planned_runs
from alrun.system.errors import SettingError

STRATEGIES = "random,margin,badge"
REPEATS = 10


def main() -> None:
    """Read the command line and print the advice."""
    parser = console.make_parser("advise", __doc__)
    parser.add_argument("folder", metavar="FOLDER", help="of a run or of a labeling project")
    parser.add_argument("--strategies", default=STRATEGIES, metavar="A,B", help=f"to compare (default: {STRATEGIES})")
    parser.add_argument("--repeats", type=int, default=REPEATS, metavar="N", help=f"of each (default: {REPEATS})")
    arguments = parser.parse_args()
    with console.reporting_mistakes():
        advise(arguments)


def advise(arguments: argparse.Namespace) -> None:
    """Replay and print a table, an answer, and what the replay cannot know.

    Raises:
        UserError: The folder does not hold one run with labels, or a strategy cannot be replayed.
    """
    if arguments.repeats < 3:
        raise SettingError(f"--repeats {arguments.repeats} says nothing about chance: give 3 or more.")
    folder, words = find_run(arguments.folder)
    names = list(dict.fromkeys(["random", *filter(None, arguments.strategies.split(","))]))
    if len(names) < 2:
        raise SettingError(f"--strategies {arguments.strategies} compares nothing: name one beside random.")
    own = next((word.partition("=")[2] for word in words if word.startswith("strategy=")), None)
    others = [word for word in words if not word.partition("=")[0].split("@")[-1].startswith("strategy")]
    settings = {}
    for name in names:
        chosen = words if name == own else [*others, f"strategy={name}"]
        settings[name] = planned_runs.runs_of_command([*chosen, "tracking=none"])[0].cfg
    areas, size, counts, test = replay_all(settings, folder, arguments.repeats)
    print_advice(areas, size, counts, test, own or "badge", folder)


def find_run(source: str) -> tuple[Path, list[str]]:
    """The run in the folder ``source``, and the words of its command line.

    Raises:
        UserError: There is no run, or there are several, or its command line is not known.
    """
    if (Path(source) / projects.NAME).exists():  # its paths are seen from its folder, wherever this is typed
        project = projects.open_project(source, [])
        if project.is_new:
            raise SettingError(f"{source} has asked for no labels yet: type alrun ask {source} first.")
        return run_of(project).folder, console.with_config_dir(project.overrides, project.config_dir)
    folders = find_run_folders([source])
    if len(folders) != 1:
        raise SettingError(f"{source} holds {len(folders)} runs: name the folder of one.")
    words = words_of_run(folders[0])
    if words is None or not queries_file(folders[0]).exists():
        raise SettingError(f"{display_path(folders[0])} is not a run that has begun: start it first, or name another.")
    own = words[1] if words[:1] == ["--config-dir"] else None
    return folders[0], console.with_config_dir(words[2:] if own else words, own)


def replay_all(
    settings: dict[str, Any], folder: Path, repeats: int
) -> tuple[dict[str, list[float]], int, list[int], int]:
    """The area of each repeat by strategy, the number of labeled examples, labels by round, and test examples."""
    from alrun.analysis.advice import area
    from alrun.loop import replay
    from alrun.system import device, gpus

    logging.getLogger("alrun").setLevel(logging.WARNING)
    first = next(iter(settings.values()))
    with gpus.take_gpu(first.runtime.device, first.runtime.runs_per_gpu) as where:
        device.prepare_process(first.training.precision, first.runtime.deterministic, first.runtime.threads)
        labeled = replay.labeled_part(first, folder, where)
        size = len(labeled.train_labels)
        counts = replay.label_counts(size)
        areas = {
            name: [area(counts, replay.replay(cfg, name, labeled, repeat, where)) for repeat in range(repeats)]
            for name, cfg in settings.items()
        }
    return areas, size, counts, replay.held_out(size)


def print_advice(
    areas: dict[str, list[float]], size: int, counts: list[int], test: int, own: str, folder: Path
) -> None:
    """Print the table, the answer and the bias."""
    from alrun.analysis import advice
    from alrun.runs.query_table import read_queries

    repeats = len(areas["random"])
    print(
        f"{repeats} replays on {size} labeled examples: {test} are held out as a test, and {counts[0]} to {counts[-1]} "
        "of the others labeled again."
    )
    found = advice.compare_with_random(areas, test / (size - test))
    rows = [
        {
            "strategy": name,
            "mean accuracy": f"{100 * sum(values) / repeats:.1f} %",
            "over random": advice.difference_in_words(found[name]) if name in found else "",
        }
        for name, values in areas.items()
    ]
    print("", *console.format_columns(rows), "", sep="\n")
    print(advice.advise(found))
    seed_set, *queries = map(len, read_queries(folder).values())
    chosen = sum(queries)
    if chosen and own != "random":
        print(
            f"The labels bias this: {chosen} of {seed_set + chosen} queried examples were chosen by {own}. The replay "
            f"cannot choose what {own} passed over, and its test resembles what {own} asks for, not your pool."
        )
    print("Intervals hold together in 95 % of such comparisons; more labels and --repeats make them narrower.")
