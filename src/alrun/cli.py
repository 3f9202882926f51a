"""The command line. Imports Hydra alone, so that ``--help`` answers at once; torch comes with the first run."""

import logging
import os
import signal
import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from alrun import config, sweep
from alrun.errors import sentence
from alrun.run_folder import is_done
from alrun.validate import validate

log = logging.getLogger(__name__)

config.register()


@hydra.main(version_base="1.3", config_path="pkg://alrun.conf", config_name="config")
def job(cfg: DictConfig) -> None:
    """One run; Hydra's launchers call this in whatever process they choose."""
    hydra_cfg = HydraConfig.get()
    try:
        start(cfg, Path(hydra_cfg.runtime.output_dir), {str(k): str(v) for k, v in hydra_cfg.runtime.choices.items()})
    except Exception as error:
        message = sentence(error)
        if message is None:
            raise
        log.error("alrun: %s", message)
        if hydra_cfg.mode == RunMode.RUN:
            sys.exit(1)
        # The other runs of a sweep go on; its report says which are missing.


def start(cfg: DictConfig, run_dir: Path, choices: dict[str, str]) -> None:
    """Check the settings and run, unless the run is done."""
    validate(cfg)
    if is_done(run_dir):
        from alrun.analysis import efficiency

        efficiency.update(run_dir)  # the random run may have ended since
        log.info("%s is done; delete the folder to run it again", sweep.shown(run_dir))
        return
    from alrun.run import run

    run(cfg, run_dir, choices)


def main() -> None:
    """Entry point of ``alrun`` and ``python -m alrun``: a user's mistake is one sentence, a bug keeps its traceback."""
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # Hydra then lets errors through to us
    logging.raiseExceptions = False  # a run.log that cannot be written costs no traceback; saving results tells
    if (here := os.getcwd()) not in sys.path:
        sys.path.append(here)  # a user's own modules are found by the console script as by `python -m`
    complete = True
    try:
        try:
            job()
        finally:
            if not isinstance(sys.exc_info()[1], KeyboardInterrupt):
                complete = sweep.report()
    except KeyboardInterrupt:
        print("Interrupted. Nothing that was saved is lost: the same command goes on from there.", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)
    except Exception as error:
        message = sentence(error)
        if message is None:
            raise
        print(f"alrun: {message}", file=sys.stderr)
        sys.exit(1)
    if not complete:
        sys.exit(1)
