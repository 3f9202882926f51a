"""What a sweep asked for, and the table and figure at its end."""

import itertools
import logging
import os
from pathlib import Path
from typing import Any

from hydra import compose
from hydra.core.global_hydra import GlobalHydra
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from alrun.run_folder import failure, is_done

log = logging.getLogger(__name__)

_folders: list[Path] = []  # of the sweep that this process started


class RememberSweep(Callback):
    """Notes, when a sweep starts, which run folders it will fill: launchers may run them in other processes."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Called by Hydra in the process that was typed. Sweepers that search decide as they go: no report then."""
        if config.hydra.sweeper._target_.endswith(".BasicSweeper"):
            _folders[:] = run_folders(config)


def run_folders(config: DictConfig) -> list[Path]:
    """The folders of all runs of a sweep, in the sweeper's order."""
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
    from hydra.core.override_parser.overrides_parser import OverridesParser

    arguments = list(config.hydra.overrides.task)
    params = config.hydra.sweeper.get("params") or {}
    arguments = [f"{key}={value}" for key, value in params.items()] + arguments
    overrides = OverridesParser.create(GlobalHydra.instance().config_loader()).parse_overrides(arguments)
    last = {override.get_key_element(): override for override in overrides}
    batches = BasicSweeper.split_arguments(list(last.values()), max_batch_size=None)
    folders = []
    for overrides_of_run in itertools.chain.from_iterable(batches):
        cfg = compose("config", list(overrides_of_run), return_hydra_config=True)
        folders.append(Path(cfg.hydra.sweep.dir) / cfg.hydra.sweep.subdir)
    return list(dict.fromkeys(folders))


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
    _folders.clear()
    return not missing


def shown(path: Path) -> str:
    """``path`` as a user would type it here."""
    relative = os.path.relpath(path)
    return relative if not relative.startswith("..") else str(path)
