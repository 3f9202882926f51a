"""What a sweep asked for, and the table and figure at its end."""

import logging
import sys
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from alrun import closing, grid
from alrun.run_folder import failure, is_done, shown

log = logging.getLogger(__name__)

_folders: list[Path] = []  # of the sweep that this process started


class RememberSweep(Callback):
    """Notes, when a sweep starts, which run folders it will fill: launchers may run them in other processes."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Called by Hydra in the process that was typed. Sweepers that search decide as they go: no report then."""
        if config.hydra.sweeper._target_.endswith(".BasicSweeper"):
            _folders[:] = [run.folder for run in grid.of_sweep(config)]


def report() -> bool:
    """Print a sweep's outcome: tables, where the files are, and which runs are missing; True if none is."""
    if not _folders:
        return True  # no sweep
    from alrun.analysis.summary import summarize

    for setting in dict.fromkeys(folder.parent for folder in _folders):
        summarize(setting, [folder for folder in _folders if folder.parent == setting])
    missing = [folder for folder in _folders if not is_done(folder)]
    print(f"{len(_folders) - len(missing)} of {len(_folders)} runs are done.")
    failures = {folder: why for folder in missing if (why := failure(folder)) is not None}
    if waiting := [folder for folder in missing if folder not in failures]:
        print("Missing; the same command goes on with them:", *(f"  {shown(folder)}" for folder in waiting), sep="\n")
    if failures:
        print("Failed; the same command tries them again, from their last checkpoint:")
        print(*(f"  {shown(folder)}: {why}" for folder, why in failures.items()), sep="\n")
    if not missing:
        print(f"Next: {closing.after_sweep(_folders, sys.argv[1:])}")
    _folders.clear()
    return not missing
