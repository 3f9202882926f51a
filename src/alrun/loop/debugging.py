"""The reports of debug=overfit and debug=profile."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

from alrun.runs.round_record import RoundRecord
from alrun.runs.run_folder import display_path
from alrun.system import files

log = logging.getLogger(__name__)

MEMORIZED = 0.99  # training accuracy; the running mean over an epoch lags a little behind the weights
PHASES = ("training", "evaluation", "selection")  # regions that alrun.loop.run marks
OPERATIONS = 10  # shown; profile.txt has more


def report_memorization(record: RoundRecord) -> None:
    """Log whether the network memorized the labels of a round."""
    outcome = f"training accuracy {record.train_accuracy:.3f} on {record.labeled} labels after {record.epochs} epochs"
    if record.train_accuracy >= MEMORIZED:
        log.info("memorized: %s", outcome)
    else:
        log.warning("not memorized: %s; try another optimizer.lr, then look at the model and the labels", outcome)


@contextmanager
def profiled(run_dir: Path, where: torch.device) -> Iterator[None]:
    """Profile the body; then log where the time went, and write profile.txt and trace.json to ``run_dir``."""
    activities = [ProfilerActivity.CPU]
    if where.type == "cuda":
        activities.append(ProfilerActivity.CUDA)
    with profile(activities=activities) as profiler:
        yield
    averages = profiler.key_averages()
    on = "device" if where.type == "cuda" else "cpu"
    files.write_text(run_dir / "profile.txt", averages.table(sort_by=f"self_{on}_time_total", row_limit=100))
    profiler.export_chrome_trace(str(run_dir / "trace.json"))
    seconds = {event.key: event.cpu_time_total / 1e6 for event in averages if event.key in PHASES}
    log.info("seconds: %s", ", ".join(f"{name} {seconds[name]:.2f}" for name in PHASES if name in seconds))
    own = {event.key: getattr(event, f"self_{on}_time_total") / 1e6 for event in averages if event.key not in PHASES}
    whole = sum(own.values())
    for name, spent in sorted(own.items(), key=lambda item: -item[1])[:OPERATIONS]:
        log.info("  %5.1f %%  %7.3f s  %s", 100 * spent / whole, spent, name)
    log.info("all operations: %s", display_path(run_dir / "profile.txt"))
    log.info("over time, for chrome://tracing or ui.perfetto.dev: %s", display_path(run_dir / "trace.json"))
