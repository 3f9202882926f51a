"""A Ray cluster of two nodes on this machine, for a while."""

import importlib.util
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

PORT = 26379
STARTS = 4  # of a node, until it is up
NODE = ("--object-store-memory=100000000", "--disable-usage-stats")


def why_not() -> str | None:
    """What keeps this environment from using Ray, None if nothing does."""
    if importlib.util.find_spec("ray") is None or importlib.util.find_spec("hydra_plugins.hydra_ray_launcher") is None:
        return "hydra-ray-launcher is not installed (pip install -e '.[ray]')"
    return None


def why_no_data() -> str | None:
    """What keeps this environment from using Ray Data, None if nothing does."""
    if importlib.util.find_spec("ray") is None or importlib.util.find_spec("pyarrow") is None:
        return "ray[data] is not installed (pip install -e '.[scale]')"
    return None


@contextmanager
def cluster(folder: Path, workers: int = 2, more: Mapping[str, str] | None = None) -> Iterator[dict[str, str]]:
    """The environment in which a process joins it: ``workers`` processors on both nodes, which see ``more`` too."""
    environment = {
        **(more or {}),
        "RAY_ADDRESS": f"127.0.0.1:{PORT}",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    }
    nodes = []
    try:
        head = ["--head", f"--port={PORT}", "--include-dashboard=false", f"--temp-dir={folder}"]
        for number, which in enumerate((head, [f"--address=127.0.0.1:{PORT}"])):
            words = [f"--num-cpus={(workers + 1 - number) // 2}", *which, *NODE]
            for left in reversed(range(STARTS)):
                with (folder / f"node{number}.log").open("w") as log:
                    nodes.append(started(words, environment, folder, log))
                try:
                    wait_for_nodes(environment, number + 1, nodes[-1])
                    break
                except NodeEnded:
                    if not left:
                        raise
        yield environment
    finally:
        for node in reversed(nodes):  # ``ray stop`` would end every Ray of this machine
            node.terminate()
        for node in reversed(nodes):
            try:
                node.wait(timeout=30)
            except subprocess.TimeoutExpired:
                node.kill()
                node.wait()


def started(words: list[str], environment: Mapping[str, str], folder: Path, log: IO[str]) -> subprocess.Popen:
    """A node that is being started."""
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", *words]
    return subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=log, stderr=subprocess.STDOUT, cwd=folder
    )


PROBE = """
import sys, time, ray
ray.init(address="auto", logging_level="ERROR")
deadline = time.monotonic() + 60
while sum(node["Alive"] for node in ray.nodes()) < int(sys.argv[1]):
    if time.monotonic() > deadline:
        sys.exit("the nodes did not come up")
    time.sleep(0.2)
"""


class NodeEnded(RuntimeError):
    """A node has ended while it was started."""


def wait_for_nodes(environment: dict[str, str], count: int, last: subprocess.Popen) -> None:
    """Return when so many nodes are up, the ``last`` of which has just been started.

    Raises:
        NodeEnded: The last one has ended: Ray gives a node half a minute to start, too little on a busy machine.
        RuntimeError: They do not come up.
    """
    problem = ""
    for _ in range(20):
        command = [sys.executable, "-c", PROBE, str(count)]
        answer = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True)
        if answer.returncode == 0:
            return
        problem = answer.stderr[-500:]
        if last.poll() is not None:
            raise NodeEnded(f"the node {count} ended with {last.returncode} while it was started, see its log")
    raise RuntimeError(problem)
