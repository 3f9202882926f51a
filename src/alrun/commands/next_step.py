"""The last line of a run and of a sweep: where the results are, and what to type next."""

from collections.abc import Sequence
from pathlib import Path

from alrun.runs.run_folder import display_path, is_done
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


def after_labels(run_dir: Path, words: Sequence[str]) -> str:
    """The line that follows labels of people: to ask again, with ``words``, or what is left to do with a done run."""
    return when_labels_are_spent(run_dir) if is_done(run_dir) else f"Next: {command_line(['ask', *words])}"


def when_labels_are_spent(run_dir: Path) -> str:
    """What a run that people label says once it is done, when no round is left to train on what they correct."""
    return (
        f"{display_path(run_dir)} is done, and no round is left to train on other labels. To train all rounds again "
        "with the labels as they are now, delete done, labels_used.csv and *.pt there, nothing else, and ask again."
    )


def report_command(*folders: Path) -> str:
    """The command that writes a report of all runs in ``folders``."""
    return command_line(["report", *map(display_path, folders)])


def export_command(run_dir: Path) -> str:
    """The command that writes the classifier of a run."""
    return command_line(["export", display_path(run_dir), "to=classifier"])


def is_of_strategy(argument: str) -> bool:
    """Whether an argument chooses the strategy or changes one of its settings."""
    key = argument.partition("=")[0].lstrip("+~")
    return key.split(".")[0] == WITHOUT or key.partition("@")[2].split(".")[0] == WITHOUT


def words_of_project(project: Path, run_dir: Path) -> list[str]:
    """The words by which a labeling project asks again: its folder, and the modules that it cannot list itself."""
    typed = words_of_run(run_dir) or []
    return [display_path(project), *(word for word in typed if word.lstrip("+").startswith("allow="))]


def words_of_run(folder: Path) -> list[str] | None:
    """The words that started a run, from Hydra's record; None if there is no record."""
    import yaml  # as plain text: no interpolation, and no tag creates an object

    try:
        typed, composed = (
            yaml.safe_load((folder / ".hydra" / name).read_text()) for name in ("overrides.yaml", "hydra.yaml")
        )
        sources = composed["hydra"]["runtime"]["config_sources"]
        own = [source["path"] for source in sources if source["provider"] == "command-line"]
        if not isinstance(typed, list):
            return None
        return [word for folder in own for word in ("--config-dir", display_path(Path(folder)))] + [*map(str, typed)]
    except (OSError, ValueError, LookupError, TypeError, yaml.YAMLError):
        return None
