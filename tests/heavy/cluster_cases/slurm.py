"""A whole SLURM on this machine, for a while: munge, a controller and two nodes of one processor, torn down again.

Debian's packages: ``apt-get install --no-install-recommends slurm-wlm munge``. All files lie in one folder; munge has a
socket and key of its own there, so that a SLURM that the machine may have is not touched.
"""

import importlib.util
import os
import re
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "squeue", "scancel")
PATHS = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
CONTROLLER_PORT, NODE_PORT = 26817, 26820  # not SLURM's own


def why_not() -> str | None:
    """What keeps this machine from having a SLURM, None if nothing does."""
    missing = [name for name in NEEDED if shutil.which(name, path=PATHS) is None]
    if missing:
        return f"{', '.join(missing)} not found (Debian: apt-get install --no-install-recommends slurm-wlm munge)"
    if importlib.util.find_spec("hydra_plugins.hydra_submitit_launcher") is None:
        return "hydra-submitit-launcher is not installed (pip install -e '.[slurm]')"
    return None if os.geteuid() == 0 else "its daemons must be started by root"


@contextmanager
def cluster(folder: Path, nodes: int = 2) -> Iterator[dict[str, str]]:
    """The environment in which SLURM's commands find it."""
    for name in ("state", "log", "run", *(f"spool-n{n}" for n in range(1, nodes + 1))):
        (folder / name).mkdir(parents=True)
    path = folder / "slurm.conf"
    path.write_text(settings(folder, nodes))
    environment = {"SLURM_CONF": str(path), "PATH": PATHS}
    try:
        start_munge(folder)
        start(environment, "slurmctld")
        for n in range(1, nodes + 1):
            start(environment, "slurmd", "-N", f"n{n}")
        until(lambda: ask(environment, "sinfo", "-h", "-t", "idle", "-o", "%D") == str(nodes), "its nodes to be idle")
        yield environment
    finally:
        with suppress(subprocess.SubprocessError):
            ask(environment, "scancel", "--full", "--state=RUNNING", "--user=root")
            ask(environment, "scancel", "--user=root")
            with suppress(TimeoutError):  # the daemons that watch over jobs outlive SLURM's own, but not the jobs
                until(lambda: not ask(environment, "squeue", "-h"), "the jobs to end", limit=30)
        stop([*sorted((folder / "run").glob("slurm*.pid")), folder / "run" / "munged.pid"])


def settings(folder: Path, nodes: int) -> str:
    """slurm.conf: no systemd and no cgroups; requeued jobs start again at once, as far as SLURM lets them."""
    host = os.uname().nodename.partition(".")[0]
    text = f"""
        ClusterName=alrun
        SlurmctldHost={host}(127.0.0.1)
        SlurmUser=root
        SlurmdUser=root
        AuthType=auth/munge
        AuthInfo=socket={folder}/run/munge.socket
        CryptoType=crypto/munge
        SlurmctldPort={CONTROLLER_PORT}
        SlurmctldPidFile={folder}/run/slurmctld.pid
        SlurmdPidFile={folder}/run/slurmd.%n.pid
        SlurmctldLogFile={folder}/log/slurmctld.log
        SlurmdLogFile={folder}/log/slurmd.%n.log
        SlurmdSpoolDir={folder}/spool-%n
        StateSaveLocation={folder}/state
        MpiDefault=none
        ProctrackType=proctrack/linuxproc
        TaskPlugin=task/none
        ReturnToService=2
        SelectType=select/cons_tres
        SelectTypeParameters=CR_CPU
        SchedulerType=sched/backfill
        SchedulerParameters=sched_interval=2,bf_interval=2
        KillWait=5
        MinJobAge=3600
        JobRequeue=1
        AccountingStorageType=accounting_storage/none
    """
    lines = [line.strip() for line in text.strip().splitlines()]
    lines += [
        f"NodeName=n{n} NodeHostname={host} NodeAddr=127.0.0.1 Port={NODE_PORT + n} CPUs=1 RealMemory=4000"
        for n in range(1, nodes + 1)
    ]
    lines.append(f"PartitionName=all Nodes=n[1-{nodes}] Default=YES MaxTime=INFINITE State=UP")
    return "\n".join(lines) + "\n"


def start_munge(folder: Path) -> None:
    """The daemon that signs SLURM's messages."""
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(1024))
    key.chmod(0o400)
    run = folder / "run"
    names = {"key-file": key, "socket": run / "munge.socket", "pid-file": run / "munged.pid", "seed-file": run / "seed"}
    options = [f"--{name}={path}" for name, path in names.items()]
    command = ["munged", "--force", *options, f"--log-file={folder}/log/munged.log"]
    subprocess.run(command, check=True, env={**os.environ, "PATH": PATHS}, capture_output=True, timeout=30)


def start(environment: dict[str, str], *command: str) -> None:
    """A daemon, which goes into the background by itself."""
    subprocess.run(
        command,
        check=True,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=30,
    )


def ask(environment: dict[str, str], *command: str) -> str:
    """What one of SLURM's commands prints."""
    answer = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=30, check=False
    )
    return answer.stdout.strip()


def number(environment: dict[str, str], name: str) -> str:
    """The number of the job of that name, in its array."""
    return ask(environment, "squeue", "-h", "-n", name, "-o", "%i")


def restarts(environment: dict[str, str], job: str) -> int:
    """How often a job was requeued."""
    found = re.search(r"Restarts=(\d+)", ask(environment, "scontrol", "show", "job", job))
    return int(found[1]) if found else 0


def until(true, what: str, limit: float = 60) -> None:
    """Wait until ``true()``.

    Raises:
        TimeoutError: It did not become so.
    """
    deadline = time.monotonic() + limit
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {limit:.0f} s for {what}")
        time.sleep(0.2)


def stop(files: list[Path]) -> None:
    """End the processes whose numbers are in ``files``, the ones that ignore it by force."""
    numbers = [int(path.read_text()) for path in files if path.exists() and path.read_text().strip()]
    for number in numbers:
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGTERM)
    with suppress(TimeoutError):
        until(lambda: not any(map(lives, numbers)), "the daemons to end", limit=10)
    for number in filter(lives, numbers):
        os.kill(number, signal.SIGKILL)


def lives(number: int) -> bool:
    """Whether there is a process of that number."""
    return Path(f"/proc/{number}").exists()
