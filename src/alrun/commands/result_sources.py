"""What the commands that read results share: their arguments, and how a mistake is told."""

import argparse
from collections.abc import Callable, Sequence

from alrun.commands.console import add_config_dir, telling, with_config_dir

SOURCES = (
    "an experiment, as for python -m alrun (experiment=baseline/cifar10 scale=small), run folders, folders of them "
    "(outputs, outputs/runs/<setting>), patterns in quotes, or tables written by python -m alrun results (.csv or a "
    "folder); default: outputs"
)


def parser(name: str, description: str) -> argparse.ArgumentParser:
    """A parser that knows the sources."""
    result = argparse.ArgumentParser(prog=f"alrun {name}", description=description)
    result.add_argument("sources", nargs="*", metavar="SOURCE", default=["outputs"], help=SOURCES)
    add_config_dir(result)
    return result


def answer(command: Callable[[argparse.Namespace], None], arguments: argparse.ArgumentParser) -> None:
    """Run ``command`` with the arguments of the command line; a user's mistake is one sentence and exit status 1."""
    chosen = arguments.parse_intermixed_args()
    with telling():
        chosen.sources = with_config_dir(chosen.sources, chosen.config_dir)
        command(chosen)


def print_problems(problems: Sequence[object]) -> None:
    """Name the runs that are left out."""
    if problems:
        print(f"\nLeft out are {len(problems)} runs:" if len(problems) > 1 else "\nLeft out is 1 run:")
        print(*(f"  {problem}" for problem in problems), sep="\n")
