"""The last line of a run and of a sweep: where the results are, and what to type next."""

from collections.abc import Sequence
from pathlib import Path

from alrun.runs.run_folder import display_path
from alrun.system.program import command_line

SWEEP = ("-m", "--multirun")
WITHOUT = "strategy"  # the group, its settings and what is packaged into it


def after_run(run_dir: Path, has_reference: bool, typed: Sequence[str]) -> str:
    """The command to type after a run: the random run of its setting, the reference of efficiency, or a report."""
    if has_reference:
        return report_command(run_dir.parent)
    kept = [argument for argument in typed if not is_of_strategy(argument)]
    # Hydra wants overrides together, so this one goes before the first of the others.
    place = next((i for i, argument in enumerate(kept) if "=" in argument and argument[0] != "-"), len(kept))
    return command_line([*kept[:place], "strategy=random", *kept[place:]])


def after_sweep(folders: Sequence[Path], typed: Sequence[str]) -> str:
    """The command to type after a sweep: a report of the experiment that was typed, or of the settings."""
    if any(argument.startswith("experiment=") for argument in typed):
        return command_line(["report", *(argument for argument in typed if argument not in SWEEP)])
    return report_command(*dict.fromkeys(folder.parent for folder in folders))


def report_command(*folders: Path) -> str:
    """The command that writes a report of all runs in ``folders``."""
    return command_line(["report", *map(display_path, folders)])


def is_of_strategy(argument: str) -> bool:
    """Whether an argument chooses the strategy or changes one of its settings."""
    key = argument.partition("=")[0].lstrip("+~")
    return key.split(".")[0] == WITHOUT or key.partition("@")[2].split(".")[0] == WITHOUT
