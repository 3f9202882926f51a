"""``alrun select``: one part of the selection that a run waits for, under any scheduler.

    alrun strategy=margin dataset=features dataset.path=vectors runtime.engine=parts runtime.parts=16
    alrun select strategy=margin dataset=features dataset.path=vectors part=3/16

The first command trains, and stops before each selection until all parts have proposed what to label; then it decides
among their proposals and goes on. The second one computes one part: it takes what a run takes, and part=<number>/<of>.
Parts can run in several processes, or on several machines that share paths.outputs and the data; one that is done is
not computed again. Scores have as many parts as runtime.parts says; other strategies are divided by
strategy=partitioned strategy.candidates=4, and have strategy.parts.
"""

import logging
import sys

from omegaconf import OmegaConf

from alrun.commands import console
from alrun.commands.embed import arguments_of, without_part
from alrun.runs.run_folder import display_path
from alrun.settings import planned_runs
from alrun.settings.planned_runs import options_of
from alrun.system.errors import SettingError, StorageError


def main() -> None:
    """Compute a part, and print what is missing."""
    arguments = arguments_of("select", __doc__)
    with console.reporting_mistakes():
        logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
        words, (number, of) = without_part(arguments.overrides)
        words = [*words, "runtime.engine=parts", f"runtime.parts={of}"]
        runs = planned_runs.runs_of_command(console.with_config_dir(words, arguments.config_dir), validated=True)
        if len(runs) != 1:
            raise SettingError("a part is computed for one run at a time: give one value for each setting.")
        if runs[0].refusal:
            raise SettingError(runs[0].refusal)
        with console.refusing_exits():
            print(select(runs[0], number, of))


def select(run: planned_runs.Planned, number: int, of: int) -> str:
    """Compute a part of the selection that ``run`` waits for; returns a sentence on what is missing now.

    Raises:
        UserError: It waits for none, or has other parts.
    """
    from alrun.loop.dividing import as_json, compute_part, opened_for_parts
    from alrun.runs.state import RunState

    cfg = OmegaConf.masked_copy(run.cfg, [str(key) for key in run.cfg if key != "hydra"])
    choices = options_of(run.cfg)
    state = RunState.load(run.folder)
    if not state.rounds or not state.is_trained:
        raise StorageError(
            f"{display_path(run.folder)} does not wait for a selection: start the run with runtime.engine=parts first."
        )
    asked = (as_json(cfg), str(run.folder), tuple(choices.items()), len(state.rounds) - 1)
    division = opened_for_parts(*asked)
    if of != division.way.parts:
        raise SettingError(f"part={number}/{of}: this selection has {division.way.parts} parts (strategy.parts).")
    compute_part(*asked, number)
    left = ", ".join(map(str, division.missing()))
    return f"{division.folder}: part {number} of {of} is done; missing: {left or 'none: start the run again'}"
