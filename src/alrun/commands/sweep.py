"""The runs of a sweep, and the table and figure at its end; after a search, the number of labels it used."""

import logging
import os
import sys
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from alrun.commands import next_step, search
from alrun.runs.run_folder import display_path, is_done, read_failure, remove_refused_run
from alrun.settings import planned_runs
from alrun.system.errors import SettingError
from alrun.system.safe_text import one_line

log = logging.getLogger(__name__)

NAME, PATH = 255, 3500  # bytes of a name and of a path; files below need the rest of the 4,096 that systems allow

_folders: list[Path] = []  # of the sweep that this process started


class Unplanned(BaseException):
    """Carries an error (its cause) out of a callback: Hydra would warn of an Exception, and compute the sweep."""


class RememberSweep(Callback):
    """Remembers the run folders of a sweep when it starts: launchers may compute the runs in other processes."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Called by Hydra in the user's own process. The folders of a search are not known in advance."""
        if search.compares(config.hydra):
            return
        try:
            _folders[:] = [run.folder for run in planned_runs.runs_of_sweep(config)]
            if not _folders:
                raise SettingError("the sweep has no runs: a setting has an empty range, such as seed=range(3,0).")
        except Exception as error:
            raise Unplanned from error

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Called by Hydra in the same process, when all jobs have ended."""
        if search.compares(config.hydra):
            print(search.report_labels(Path(config.hydra.sweep.dir), config.validation))


def check_outputs(cfg: DictConfig) -> None:
    """Refuse an outputs folder that cannot be created, before anything is written there.

    Raises:
        UserError: Its name is empty or too long, or it would be another folder on each worker of a Ray cluster.
    """
    outputs = str(cfg.paths.outputs)
    if not outputs.strip():
        raise SettingError("paths.outputs= is empty: name a folder, such as paths.outputs=outputs.")
    whole = Path(outputs).absolute()
    if len(os.fsencode(whole)) > PATH or max(len(os.fsencode(part)) for part in whole.parts) > NAME:
        raise SettingError(
            f"paths.outputs={outputs[:20]}... is too long for a file system: name a folder of up to {NAME} bytes, "
            f"{PATH} with its parent folders."
        )
    ray = cfg.hydra.launcher.get("ray")
    if ray is not None and ray.init.get("address") and not Path(cfg.paths.outputs).is_absolute():
        raise SettingError(
            f"paths.outputs={cfg.paths.outputs} is relative, but the workers of a Ray cluster start in other folders: "
            f"give it in full, paths.outputs={Path(cfg.paths.outputs).absolute()}."
        )


def report_sweep() -> bool:
    """Print a sweep's tables, its files and the runs that are missing; True if none is missing."""
    if not _folders:
        return True  # not a sweep
    from alrun.analysis.summary import summarize

    for setting in dict.fromkeys(folder.parent for folder in _folders):
        summarize(setting, [folder for folder in _folders if folder.parent == setting])
    missing = [folder for folder in _folders if not is_done(folder)]
    print(f"{len(_folders) - len(missing)} of {len(_folders)} runs are done.")
    failures = {folder: why for folder in missing if (why := read_failure(folder)) is not None}
    if waiting := [folder for folder in missing if folder not in failures]:
        print("Not finished; the same command continues with them:")
        print(*(f"  {one_line(display_path(folder))}" for folder in waiting), sep="\n")
    if failures:
        print("Failed; the same command tries them again, from their last checkpoint:")
        print(*(f"  {one_line(display_path(folder))}: {why}" for folder, why in failures.items()), sep="\n")
        for folder in failures:
            remove_refused_run(folder)  # if the run was refused before anything was computed
    if not missing:
        print(f"Next: {next_step.after_sweep(_folders, sys.argv[1:])}")
    _folders.clear()
    return not missing
