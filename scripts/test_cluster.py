"""The same sweep on real engines: ``make test-cluster``, or ``python scripts/test_cluster.py joblib slurm``.

Twelve small runs on digits are computed one after the other, then by joblib, by a Ray cluster of two nodes and by a
SLURM with two nodes; all of these are started on this machine for it and ended again. Results must be equal byte for
byte. On SLURM, meanwhile, a longer run is told to stop by scancel and another meets its time limit: both are requeued, go
on from their checkpoints, and must end with the results of a run that nobody disturbed. What is not installed is skipped.
"""

import argparse
import importlib.util
import shutil
import sys
import tempfile
import time
from pathlib import Path

from cluster_cases import ray, slurm
from cluster_cases.sweep import LONG, TWELVE, Ended, compute, equal_runs, start, wait

PREEMPTED, LIMITED = ("seed=1",), ("seed=2",)  # two long runs
ONE_CPU = ("hydra.launcher.gpus_per_node=null", "hydra.launcher.cpus_per_task=1", "hydra.launcher.mem_gb=null")
ENGINES = ("joblib", "ray", "slurm")


def main() -> None:
    """Print a verdict for every engine; exit status 1 if one is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engines", nargs="*", choices=[*ENGINES, []], metavar="ENGINE", help=", ".join(ENGINES))
    chosen = parser.parse_args().engines or ENGINES
    folder = Path(tempfile.mkdtemp(prefix="alrun-cluster-"))
    wrong: list[str] = []
    try:
        serial = compute(folder / "serial", *TWELVE)
        print(f"serial: 12 runs in {serial.seconds:.0f} s", flush=True)
        if serial.status:
            sys.exit(f"the serial sweep failed:\n{serial.text}")
        for engine in chosen:
            {"joblib": by_joblib, "ray": by_ray, "slurm": by_slurm}[engine](folder, wrong)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if wrong:
        sys.exit(f"Wrong: {', '.join(wrong)}")


def by_joblib(folder: Path, wrong: list[str]) -> None:
    """Two processes."""
    verdict("joblib, 2 processes", compute(folder / "joblib", *TWELVE, "at_once=two"), folder, "joblib", wrong)


def by_ray(folder: Path, wrong: list[str]) -> None:
    """Two nodes of one processor."""
    if reason := ray.why_not():
        print(f"ray: skipped: {reason}", flush=True)
        return
    (folder / "r").mkdir()  # short: Ray's sockets lie in it
    with ray.cluster(folder / "r") as environment:
        ended = compute(folder / "ray", *TWELVE, "hydra/launcher=ray_cluster", environment=environment)
    verdict("ray, 2 nodes", ended, folder, "ray", wrong)


def by_slurm(folder: Path, wrong: list[str]) -> None:
    """Two nodes of one processor; the long runs begin first, and the twelve run while those wait to be requeued."""
    reason = slurm.why_not()
    if importlib.util.find_spec("submitit") is None:
        reason = "hydra-submitit-launcher is not installed (pip install -e '.[slurm]')"
    if reason:
        print(f"slurm: skipped: {reason}", flush=True)
        return
    common = ("hydra/launcher=slurm", *ONE_CPU)
    with slurm.cluster(folder / "slurm-daemons") as environment:
        began = time.perf_counter()
        named = [f"hydra.launcher.{setting}" for setting in ("name=limited", "timeout_min=1", "signal_delay_s=30")]
        limited = start(folder / "limited", *LONG, *LIMITED, *common, *named, environment=environment)
        named = ["hydra.launcher.name=preempted", "hydra.launcher.timeout_min=60"]
        preempted = start(folder / "preempted", *LONG, *PREEMPTED, *common, *named, environment=environment)
        try:
            preempted_job = stop_once_under_way(folder / "preempted", environment)
            limited_job = slurm.ask(environment, "squeue", "-h", "-n", "limited", "-o", "%i")
            sweep = compute(folder / "slurm", *TWELVE, *common, environment=environment)
            verdict("slurm, 2 nodes", sweep, folder, "slurm", wrong)
            for name, process, job in (("preempted", preempted, preempted_job), ("limited", limited, limited_job)):
                ended = wait(process, began, 600)
                requeued = slurm.restarts(environment, job)
                seed = PREEMPTED if name == "preempted" else LIMITED
                undisturbed = compute(folder / f"{name}-serial", *LONG, *seed)
                what = "stopped by scancel --signal" if name == "preempted" else "met its time limit"
                if undisturbed.status or not requeued:
                    wrong.append(f"slurm, {name}: requeued {requeued} times")
                label = f"slurm, a run that {what}, requeued {requeued} times"
                verdict(label, ended, folder, name, wrong, reference=f"{name}-serial")
        finally:
            for process in (limited, preempted):
                if process.poll() is None:
                    process.kill()
                    process.wait()


def stop_once_under_way(outputs: Path, environment: dict[str, str]) -> str:
    """Send the signal of a preemption to the job that computes ``outputs``, in the middle of a round; its number."""
    slurm.until(lambda: any(outputs.glob("runs/*/*/state.pt")), "the first round of the job to be stopped", limit=300)
    time.sleep(5)
    job = slurm.ask(environment, "squeue", "-h", "-n", "preempted", "-o", "%i")
    slurm.ask(environment, "scancel", "--signal=USR2", job)
    return job


def verdict(label: str, ended: Ended, folder: Path, name: str, wrong: list[str], reference: str = "serial") -> None:
    """Print how a sweep ended and how much of it equals the reference."""
    equal, count = equal_runs(folder / name, folder / reference)
    print(
        f"{label}: {ended.seconds:.0f} s, {equal} of {count} runs equal to the serial ones, byte for byte", flush=True
    )
    if ended.status or equal < count:
        wrong.append(label)
        print(f"  exit status {ended.status}; the end of what it printed:\n{ended.text[-2000:]}", flush=True)


if __name__ == "__main__":
    main()
