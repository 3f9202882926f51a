"""The command line of runs, in order of time. Imports Hydra alone: torch comes with the first run.

``main`` hands the command line to Hydra, which composes the settings and calls ``job`` for every run. Then it reports
on the sweep and exits with the status. ``job`` computes a run and logs its outcome.
"""

import logging
import math
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from alrun.commands import completion, console, next_step, search, sweep
from alrun.runs import finished, own_code
from alrun.runs.run_folder import (
    check_other_data,
    display_path,
    is_done,
    latest_request,
    other_version,
    remove_refused_run,
)
from alrun.settings import groups, guard, identity, targets
from alrun.settings.checks import validate
from alrun.settings.command_line import as_typed
from alrun.settings.hydra_errors import mistake_sentence
from alrun.system import early, files, interruption
from alrun.system.errors import SettingError, UserError, first_line, traceback_of_users_code, unusable
from alrun.system.moved import SUBCOMMANDS
from alrun.system.program import start_in
from alrun.system.words import closest

log = logging.getLogger(__name__)

OURS = "This was raised by the run in"  # a note on an error that is not a user's mistake


def main() -> None:
    """Entry point of ``alrun`` and ``python -m alrun``.

    Exit status: 0 if all is done, 1 if a run is missing or a setting was refused, 75 after a signal, 130 after Ctrl-C.
    """
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # Hydra then lets errors through to us
    logging.raiseExceptions = False  # no traceback if run.log cannot be written: saving results says so
    start_in(os.getcwd())  # a user's own modules are found by the console script as by `python -m`
    interruption.install_handlers()
    is_complete, is_stopped = False, False
    with console.reporting_mistakes(early.SAYS), usable_outputs():
        try:
            is_complete = run_and_report()
        except (interruption.Interrupted, interruption.Preempted):
            is_stopped = True
    if is_stopped or interruption.received():
        print("Stopped by a signal, after a checkpoint: the same command continues from there.", file=sys.stderr)
        sys.exit(interruption.EXIT_CODE)
    if not is_complete:
        sys.exit(1)


def run_and_report() -> bool:
    """Compute what the user typed, then report on a sweep, even if a launcher gave up on one of its runs.

    Returns:
        True if no run of a sweep is missing.
    """
    try:
        sys.argv[1:] = words_for_hydra(sys.argv[1:])
        launch_runs()
    finally:
        is_over = isinstance(sys.exc_info()[1], KeyboardInterrupt) or interruption.received()
        is_complete = bool(is_over) or sweep.report_sweep()
    return is_complete


def words_for_hydra(words: Sequence[str]) -> list[str]:
    """The command line as Hydra reads it: options first, names in quotes, without alrun's own options.

    Raises:
        UserError: It names a command that does not exist, or an option of Hydra's that could run any code.
    """
    if any(word.startswith("--ex") for word in words):
        raise SettingError(
            "--experimental-rerun would unpickle a file, which can run any code: type the settings again."
        )
    if completion.is_asked(words):
        print(*completion.commands(), flush=True)
    elif words and re.fullmatch(r"[a-z][a-z_-]*", words[0]) and words[0] not in groups.GROUPS:
        raise SettingError(f"{words[0]}: there is no such command; {closest(words[0], [*SUBCOMMANDS])}")
    return as_typed(console.put_options_first(console.without_verify(words)))


def launch_runs() -> None:
    """Let Hydra compose the settings and launch every run."""
    try:
        with guard.guarded(targets.check_targets_early, search.check_search, sweep.check_outputs):
            hydra.main(version_base="1.3", config_path=guard.MAIN, config_name="config")(job)()
        return
    except sweep.Unplanned as carrier:
        error = carrier.__cause__ or carrier
    raise error


@contextmanager
def usable_outputs() -> Iterator[None]:
    """Turn a system error about the outputs folder, where Hydra makes the run folders, into a user's mistake."""
    try:
        yield
    except (OSError, ValueError) as error:
        cause = error if isinstance(error, OSError) else error.__cause__  # logging wraps what it cannot open
        if in_a_run(error) or not isinstance(cause, OSError) or (message := unusable(cause)) is None:
            raise
        raise SettingError(message) from error


def job(cfg: DictConfig) -> float | None:
    """Compute one run; Hydra's launchers call this in a process of their choice. Returns the objective of a search."""
    hydra_cfg = HydraConfig.get()
    start_in(hydra_cfg.runtime.cwd)
    run_dir = Path(hydra_cfg.runtime.output_dir)
    is_alone = hydra_cfg.mode == RunMode.RUN
    interruption.install_handlers()
    try:
        with interruption.running():
            interruption.stop_if_signaled()  # a signal came while another run of the sweep was computed here
            warn_of_unused(cfg, hydra_cfg.overrides.task)
            with console.refusing_exits():
                outcome = start_run(cfg, run_dir, {str(k): str(v) for k, v in hydra_cfg.runtime.choices.items()})
        if outcome:
            log.info("%s%s", outcome, f" Next: {next_command(run_dir)}" if is_alone else "")
        return search.objective(run_dir) if search.compares(hydra_cfg) else None
    except KeyboardInterrupt:
        remove_refused_run(run_dir)  # if it had not started
        raise
    except interruption.Interrupted as signal_name:
        remove_refused_run(run_dir)
        if is_alone:
            raise
        # A launcher counts a run that returns as finished, and a run that exits ends the sweep.
        raise interruption.Preempted(f"stopped by {signal_name}") from None
    except Exception as error:
        message = mistake_sentence(error)
        note_failure(run_dir, message or f"{type(error).__name__}: {first_line(error)}.")
        if message is None:
            error.add_note(f"{OURS} {display_path(run_dir)}.")
            raise
        if users_traceback := traceback_of_users_code(error):
            log.error("%s", users_traceback)
        log.error("alrun: %s", message)
        if is_alone:
            remove_refused_run(run_dir)  # if it was refused before anything was computed; a sweep first reports it
            sys.exit(1)
        # The other runs of a sweep go on; its report lists the missing ones. To a search, such settings are bad.
        return 0.0 if search.compares(hydra_cfg) else None


def in_a_run(error: BaseException) -> bool:
    """Whether a run raised ``error``, here or in another process."""
    return any(note.startswith(OURS) for note in getattr(error, "__notes__", []))


def warn_of_unused(cfg: DictConfig, typed: Sequence[str]) -> None:
    """Say which words of the command line have no effect on this run."""
    from alrun.settings import fitted  # with numpy, which `--help` does without

    if any(word.startswith("dataset.manifest=") for word in typed):  # alrun ask has said it when they were typed
        return
    if unused := fitted.sentence_on_unused(cfg, typed):
        log.warning("%s", unused)


def start_run(cfg: DictConfig, run_dir: Path, choices: dict[str, str]) -> str | None:
    """Check the settings and compute the run unless it is done.

    Returns:
        A sentence that says where the results are; None if another process computes the run.
    """
    files.remove(run_dir / "failed.txt")
    validate(cfg)
    check_other_data(run_dir)
    if other := other_version(run_dir):
        raise SettingError(
            f"{display_path(run_dir)} was computed by {other}: move it away, and the same command starts over."
        )
    if is_done(run_dir):
        from alrun.analysis import efficiency

        for doubt in finished.doubts_about_run(run_dir, own_code.hash_own_code(identity.deciding(cfg))):
            log.warning("%s", doubt)
        efficiency.update_efficiency(run_dir)  # the random run may have ended since
        if latest_request(run_dir):
            return next_step.when_labels_are_spent(run_dir)
        return f"{display_path(run_dir)} is done; delete the folder to run it again."
    with early.holding_ctrl_c():
        from alrun.loop.start import run

    run(cfg, run_dir, choices)
    return f"Done: accuracy.csv and other results in {display_path(run_dir)}." if is_done(run_dir) else None


def next_command(run_dir: Path) -> str:
    """What to type after a single run."""
    from alrun.analysis import efficiency

    if math.isnan(efficiency.read_curve(run_dir).accuracy[-1]):  # no test set: there is nothing to report or compare
        return next_step.export_command(run_dir)
    has_reference = efficiency.reference_of(run_dir) is not None
    is_labeled_by_people = latest_request(run_dir) is not None  # a random run would need as many labels again
    return next_step.after_run(run_dir, has_reference or is_labeled_by_people, sys.argv[1:])


def note_failure(run_dir: Path, message: str) -> None:
    """Write failed.txt into the run's folder, for alrun status and reports."""
    try:
        files.write_text(run_dir / "failed.txt", message + "\n")
    except UserError as error:  # a full disk, probably the failure itself
        log.error("alrun: %s", error)
