"""The command line. Imports Hydra alone, so that ``--help`` answers at once; torch comes with the first run."""

import logging
import os
import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from alrun import config, sweep
from alrun.analysis import efficiency
from alrun.errors import sentence

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
        raise  # the launcher goes on with the other runs of the sweep


def start(cfg: DictConfig, run_dir: Path, choices: dict[str, str]) -> None:
    """Check the settings and run, unless the run is done."""
    config.validate(cfg)
    if (run_dir / "done").exists():
        efficiency.update(run_dir)  # the random run may have ended since
        log.info("%s is done; delete the folder to run it again", sweep.shown(run_dir))
        return
    from alrun.run import run

    run(cfg, run_dir, choices)


def main() -> None:
    """Entry point of ``alrun`` and ``python -m alrun``: a user's mistake is one sentence, a bug keeps its traceback."""
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # Hydra then lets errors through to us
    failed = False
    try:
        job()
    except KeyboardInterrupt:
        sys.exit("Interrupted. Nothing that was saved is lost: the same command goes on from there.")
    except Exception as error:
        message = sentence(error)
        if message is None:
            raise
        failed = True
        print(f"alrun: {message}", file=sys.stderr)
    finally:
        sweep.report()
    if failed:
        sys.exit(1)
