"""The same sweep on real engines: ``make test-cluster`` (ARGS="-k slurm" for one of them).

Twelve small runs on digits are computed one after the other, then by joblib, by a Ray cluster of two nodes and by a
SLURM with two nodes; all of these are started on this machine for it and ended again. Results must be equal byte for
byte. On SLURM a longer run is told to stop by scancel and another meets its time limit: both are
requeued, go on from their checkpoints, and must end as one that nobody disturbed. What is not installed is skipped.
"""

import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.heavy.cluster_cases import ray, slurm
from tests.heavy.cluster_cases.sweep import LONG, TWELVE, Ended, compute, equal_runs, start, wait

needs_ray = pytest.mark.skipif(bool(ray.why_not()), reason=ray.why_not() or "")
needs_slurm = pytest.mark.skipif(bool(slurm.why_not()), reason=slurm.why_not() or "")
ONE_CPU = ("hydra.launcher.gpus_per_node=null", "hydra.launcher.cpus_per_task=1", "hydra.launcher.mem_gb=null")
SLURM = ("hydra/launcher=slurm", *ONE_CPU)
# Two long runs on SLURM: what of them, and how their jobs differ.
STOPPED = ("seed=1", "hydra.launcher.name=stopped", "hydra.launcher.timeout_min=60")
# SLURM sends the signal up to a minute earlier than it is told to: after 15 to 75 seconds.
LIMITED = ("seed=2", "hydra.launcher.name=limited", "hydra.launcher.timeout_min=2", "hydra.launcher.signal_delay_s=45")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Where all engines compute; its path is short, since the paths of Ray's sockets have a limit."""
    made = Path(tempfile.mkdtemp(prefix="alrun-"))
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # through all that takes down what was started
    yield made
    signal.signal(signal.SIGTERM, before)
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="module")
def serial(folder: Path) -> str:
    """The name of the folder with the runs computed one by one."""
    ended = compute(folder / "serial", *TWELVE)
    print(f"one by one: 12 runs in {ended.seconds:.0f} s", flush=True)
    assert not ended.status, ended.text
    return "serial"


def test_two_processes_of_joblib(folder, serial):
    check("joblib, 2 processes", compute(folder / "joblib", *TWELVE, "at_once=two"), folder, "joblib", serial)


@needs_ray
def test_a_ray_cluster_of_two_nodes(folder, serial):
    (folder / "r").mkdir()
    with ray.cluster(folder / "r") as environment:
        ended = compute(folder / "ray", *TWELVE, "hydra/launcher=ray_cluster", environment=environment)
    check("ray, 2 nodes", ended, folder, "ray", serial)


@needs_slurm
def test_an_array_of_jobs_on_two_nodes_of_slurm(folder, serial):
    with slurm.cluster(folder / "daemons") as environment:
        ended = compute(folder / "slurm", *TWELVE, *SLURM, environment=environment)
    check("slurm, 2 nodes", ended, folder, "slurm", serial)


@needs_slurm
def test_runs_on_slurm_that_are_stopped_or_meet_their_time_limit_are_requeued_and_go_on(folder):
    with slurm.cluster(folder / "requeuing") as environment:
        began = time.perf_counter()
        stopped = start(folder / "stopped", *LONG, *SLURM, *STOPPED, environment=environment)
        limited = start(folder / "limited", *LONG, *SLURM, *LIMITED, environment=environment)
        try:
            jobs = [stop_in_a_round(folder / "stopped", environment), let_time_out_once(environment)]
            ends = [wait(process, began, 900) for process in (stopped, limited)]
            requeued = [slurm.restarts(environment, job) for job in jobs]
        finally:
            for process in (stopped, limited):
                if process.poll() is None:
                    process.kill()
                    process.wait()
    for name, what, seed, ended, times in zip(
        ("stopped", "limited"), ("scancel --signal", "a time limit"), (1, 2), ends, requeued, strict=True
    ):
        compute(folder / f"{name}-undisturbed", *LONG, f"seed={seed}")
        check(f"slurm, requeued {times} times after {what}", ended, folder, name, f"{name}-undisturbed")
        assert times


def stop_in_a_round(outputs: Path, environment: dict[str, str]) -> str:
    """Send the signal of a preemption to the job that computes ``outputs``, after its first round; its number."""
    slurm.until(lambda: any(outputs.glob("runs/*/*/state-*.pt")), "the first round of the job to be stopped", limit=300)
    time.sleep(5)
    job = slurm.number(environment, "stopped")
    slurm.ask(environment, "scancel", "--signal=USR2", job)
    return job


def let_time_out_once(environment: dict[str, str]) -> str:
    """Wait until the time limit has ended a job, and give it more for its second life; its number."""
    job = slurm.number(environment, "limited")

    def is_over() -> bool:
        return slurm.restarts(environment, job) > 0 or not slurm.number(environment, "limited")

    slurm.until(is_over, "a time-out", limit=300)
    slurm.ask(environment, "scontrol", "update", f"JobId={job}", "TimeLimit=60")
    return job


def check(label: str, ended: Ended, folder: Path, name: str, reference: str) -> None:
    """Print how much of a sweep equals the reference, and assert that it ended well and all of it does."""
    equal, count = equal_runs(folder / name, folder / reference)
    print(f"{label}: {equal} of {count} runs equal, byte for byte, in {ended.seconds:.0f} s", flush=True)
    assert not ended.status, ended.text[-2000:]
    assert 0 < count == equal
