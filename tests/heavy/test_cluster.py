"""The same sweep on real engines: ``make test-cluster``, or ``python scripts/test_cluster.py joblib slurm``.

Twelve small runs on digits are computed one after the other, then by joblib, by a Ray cluster of two nodes and by a
SLURM with two nodes; all of these are started on this machine for it and ended again. Results must be equal byte for
byte. On SLURM (``requeue``) a longer run is told to stop by scancel and another meets its time limit: both are
requeued, go on from their checkpoints, and must end as one that nobody disturbed. What is not installed is skipped.
"""

import argparse
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.heavy.cluster_cases import ray, slurm
from tests.heavy.cluster_cases.sweep import LONG, TWELVE, Ended, compute, equal_runs, start, wait

ONE_CPU = ("hydra.launcher.gpus_per_node=null", "hydra.launcher.cpus_per_task=1", "hydra.launcher.mem_gb=null")
SLURM = ("hydra/launcher=slurm", *ONE_CPU)
# Two long runs on SLURM: what of them, and how their jobs differ.
STOPPED = ("seed=1", "hydra.launcher.name=stopped", "hydra.launcher.timeout_min=60")
# SLURM sends the signal up to a minute earlier than it is told to: after 15 to 75 seconds.
LIMITED = ("seed=2", "hydra.launcher.name=limited", "hydra.launcher.timeout_min=2", "hydra.launcher.signal_delay_s=45")


def main() -> None:
    """Print a verdict for every engine; exit status 1 if one is wrong."""
    engines = {"joblib": by_joblib, "ray": by_ray, "slurm": by_slurm, "requeue": by_requeue}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engines", nargs="*", metavar="ENGINE", help=f"{', '.join(engines)}; default: all")
    chosen = parser.parse_args().engines or list(engines)
    if unknown := set(chosen) - engines.keys():
        parser.error(f"{', '.join(unknown)}: choose from {', '.join(engines)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # through all that takes down what was started
    folder = Path(tempfile.mkdtemp(prefix="alrun-cluster-"))
    try:
        if set(chosen) - {"requeue"}:
            serial = compute(folder / "serial", *TWELVE)
            print(f"one by one: 12 runs in {serial.seconds:.0f} s", flush=True)
            if serial.status:
                sys.exit(f"they failed:\n{serial.text}")
        good = [engines[engine](folder) for engine in chosen]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if not all(good):
        sys.exit("Not all results are right.")


def by_joblib(folder: Path) -> bool:
    """Two processes."""
    return verdict("joblib, 2 processes", compute(folder / "joblib", *TWELVE, "at_once=two"), folder, "joblib")


def by_ray(folder: Path) -> bool:
    """Two nodes of one processor."""
    if reason := ray.why_not():
        return skipped("ray", reason)
    (folder / "r").mkdir()  # short: the paths of Ray's sockets have a limit
    with ray.cluster(folder / "r") as environment:
        ended = compute(folder / "ray", *TWELVE, "hydra/launcher=ray_cluster", environment=environment)
    return verdict("ray, 2 nodes", ended, folder, "ray")


def by_slurm(folder: Path) -> bool:
    """An array of jobs on two nodes of one processor."""
    if reason := slurm.why_not():
        return skipped("slurm", reason)
    with slurm.cluster(folder / "daemons") as environment:
        ended = compute(folder / "slurm", *TWELVE, *SLURM, environment=environment)
    return verdict("slurm, 2 nodes", ended, folder, "slurm")


def by_requeue(folder: Path) -> bool:
    """Two long runs, one on each node, that are stopped and go on."""
    if reason := slurm.why_not():
        return skipped("requeue", reason)
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
    good = []
    for name, what, seed, ended, times in zip(
        ("stopped", "limited"), ("scancel --signal", "a time limit"), (1, 2), ends, requeued, strict=True
    ):
        compute(folder / f"{name}-undisturbed", *LONG, f"seed={seed}")
        label = f"slurm, requeued {times} times after {what}"
        good.append(verdict(label, ended, folder, name, f"{name}-undisturbed") and times > 0)
    return all(good)


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


def skipped(engine: str, reason: str) -> bool:
    """Say why an engine is not tried; that is no mistake."""
    print(f"{engine}: skipped: {reason}", flush=True)
    return True


def verdict(label: str, ended: Ended, folder: Path, name: str, reference: str = "serial") -> bool:
    """Print how a sweep ended and how much of it equals the reference; whether all is right."""
    equal, count = equal_runs(folder / name, folder / reference)
    print(f"{label}: {equal} of {count} runs equal, byte for byte, in {ended.seconds:.0f} s", flush=True)
    if right := not ended.status and 0 < count == equal:
        return right
    print(f"  exit status {ended.status}; the end of what it printed:\n{ended.text[-2000:]}", flush=True)
    return False


if __name__ == "__main__":
    main()
