"""Use some minutes on a GPU: check that its numbers are right, benchmark, and compute the paper's missing runs.

    python -m benchmarks.gpu.window --minutes 10 --out window                    # make gpu-window MINUTES=10
    python -m benchmarks.gpu.window --minutes 1 --out window --dry-run           # tiny, on any CPU: does all of it run?
    python -m benchmarks.gpu.window --minutes 10 --out window --stages runs paths.data=data

It always ends within its limit, and leaves a few small files in --out: window.json (hardware, versions, commit,
commands), correctness.csv, strategies.csv, training.csv, selection.csv, runs.zip (the tables of the runs that this
window continued) and log.txt. Move that folder to benchmarks/results/gpu/<date>: the next window resumes its runs, and
``make gpu-page`` writes docs/evidence/gpu.md from all of them. A run resumes after its last round that queried labels,
or at its last checkpoint if --outputs still exists from an earlier window.

For a machine without network that has torch but not all packages of alrun, bring wheels; pydantic-core needs the same
Python version:

    # at home, after the last change
    pip wheel --no-deps -w .whl . hydra-core==1.3.8 omegaconf==2.3.1 antlr4-python3-runtime==4.9.3 filelock==4.2.11
    pip download --no-deps -d .whl --python-version 3.12 --platform manylinux2014_x86_64 --only-binary=:all: \
        pydantic==2.14.4 pydantic-core==2.50.5 annotated-types typing-inspection typing-extensions
    # there
    python3 -m pip install --no-index --no-deps --target .site .whl/*.whl
    PYTHONPATH=.site python3 -m benchmarks.gpu.window --minutes 9 --out window --commit COMMIT paths.data=data

Words with a = are settings for alrun.
"""

import argparse
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf

from alrun.loop import provenance
from alrun.runs import portable
from alrun.runs.run_folder import has_checkpoint, is_done
from alrun.settings import planned_runs
from alrun.system import device
from benchmarks.gpu.stages import Command, Window

HERE = Path(__file__).resolve().parent
# Largest share of the window for each stage.
STAGES = {"correctness": 0.3, "strategies": 0.2, "selection": 0.15, "training": 0.25, "runs": 1.0}
PACKAGES = ("torchvision", "numpy", "scipy", "pandas", "scikit-learn", "hydra-core", "omegaconf", "triton")
TIMED = "entropy,margin,least confidence,BADGE,CORESET,FASS,GLISTER,BALD,BatchBALD,facility location,matching pursuit"
LAYOUT = "runtime.memory_format=channels_last"  # the same for all runs of a study, also in a trial on a CPU
# Any run in seconds; the results mean nothing.
DRY = ["dataset=digits", "model=small_cnn", "debug=fast"]


def main() -> None:
    """Run one window."""
    arguments, settings = parse()
    record = {"started": datetime.now(UTC).isoformat(timespec="seconds"), **machine(arguments.commit)}
    about = {"dry_run": arguments.dry_run, "settings": settings, "at_once": arguments.at_once}
    window = Window(arguments.out, arguments.minutes, record | about)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, window.close)
    statuses: list[int] = []
    for stage in (stage for stage in STAGES if stage in arguments.stages.split(",")):
        share = STAGES[stage] * 60 * arguments.minutes
        if stage == "runs":
            runs = Runs(arguments, settings)
            statuses += window.run(stage, runs.commands(), share, arguments.at_once, runs.pack)
        else:
            words = SCRIPTED[stage]
            script = [sys.executable, "-m", *words(arguments, settings), "--csv", str(arguments.out / f"{stage}.csv")]
            statuses += window.run(stage, [Command(stage, script)], share)
    window.finish("at the limit" if window.left() <= 0 else "nothing was left to do")
    print(f"{arguments.out}: {', '.join(sorted(path.name for path in arguments.out.iterdir()))}")
    sys.exit(any(statuses))


def parse() -> tuple[argparse.Namespace, list[str]]:
    """Options, and settings for alrun."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder for the window's files")
    parser.add_argument("--stages", default=",".join(STAGES), help="separated by commas")
    parser.add_argument("--at-once", type=int, default=1, help="runs at a time; see what the benchmark says of several")
    parser.add_argument("--outputs", type=Path, default=Path("outputs") / "gpu", help="where the runs are computed")
    parser.add_argument("--results", type=Path, default=HERE.parent / "results" / "gpu", help="earlier windows")
    parser.add_argument("--priority", type=Path, default=HERE / "priority.yaml")
    parser.add_argument("--commit", help="of the code, where it is not in a git repository")
    parser.add_argument("--dry-run", action="store_true", help="tiny settings, on the CPU")
    arguments, settings = parser.parse_known_args()
    odd = [word for word in settings if "=" not in word] + sorted(set(arguments.stages.split(",")) - set(STAGES))
    if odd:
        parser.error(f"{' '.join(odd)}: neither an option, nor a setting of alrun, nor a stage ({', '.join(STAGES)})")
    return arguments, settings


def machine(commit: str | None) -> dict[str, Any]:
    """The hardware and software of this machine, for the record."""
    where = device.choose_device("auto")
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total,clocks.max.sm,power.limit", "--format=csv"]
    try:
        driver = subprocess.run(query, capture_output=True, text=True, timeout=30).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        driver = ""
    versions = {name: version for name in PACKAGES if (version := installed(name))}
    return {
        "device": device.describe(where),
        "nvidia_smi": driver,
        "processors": device.usable_processors(),
        "commit": commit or provenance.git_commit(),
        "versions": {
            "python": sys.version.split()[0],
            "torch": torch.__version__,
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version() if where.type == "cuda" else None,
            **versions,
        },
    }


def installed(name: str) -> str | None:
    """The version of a package; None if it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def correctness(arguments: argparse.Namespace, _: list[str]) -> list[str]:
    """The command of all checks, in one process."""
    return ["benchmarks.gpu.checks", *(["--small", "--device", "cpu"] if arguments.dry_run else [])]


def strategies(arguments: argparse.Namespace, _: list[str]) -> list[str]:
    """The command of every strategy and every way of training once; of some in a trial."""
    return ["benchmarks.gpu.strategies", *(["--device", "cpu", "--only", "bald"] if arguments.dry_run else [])]


def selection(arguments: argparse.Namespace, _: list[str]) -> list[str]:
    """The command of the kernels of the paper's strategies."""
    small = arguments.dry_run
    where = "cuda" if torch.cuda.is_available() and not small else "cpu"
    cases = ["--only", "matching pursuit" if small else TIMED, "--largest", "10000" if small else "50000"]
    return ["benchmarks.selection", "--device", where, "--no-reference", *cases]


def training(arguments: argparse.Namespace, settings: list[str]) -> list[str]:
    """The command of training benchmarks: one run, then several runs at once."""
    cases = ["--models", "resnet18,mnist_net", "--ways", "processes,threads", "--runs", "2,8", *settings]
    if arguments.dry_run:
        cases = ["--models", "mnist_net", "--batch-sizes", "20", "--runs", "", "runtime.device=cpu", *settings]
    return ["benchmarks.training", *cases]


SCRIPTED = {"correctness": correctness, "strategies": strategies, "selection": selection, "training": training}


class Runs:
    """The unfinished runs by priority, and the runs that this window continued."""

    def __init__(self, arguments: argparse.Namespace, settings: list[str]) -> None:
        self.rows = OmegaConf.to_container(OmegaConf.load(arguments.priority))
        self.settings = [*(DRY if arguments.dry_run else []), f"paths.outputs={arguments.outputs}", LAYOUT, *settings]
        self.dry_run = arguments.dry_run
        self.archive = arguments.out / "runs.zip"
        self.moved: list[Path] = []
        for archive in sorted(arguments.results.glob("*/runs.zip")):  # from the oldest window to the newest
            portable.unpack_runs(archive, arguments.outputs / "runs")

    def commands(self) -> Iterator[Command]:
        """The commands of one run after the other; a row is read when those before it are started or done."""
        for row in self.rows:  # type: ignore[union-attr]
            overrides = [word for word in row["overrides"] if not (self.dry_run and word.startswith("dataset"))]  # type: ignore[index]
            for run in planned_runs.runs_of_command([*overrides, *self.settings]):
                if is_done(run.folder) or run.folder in self.moved:
                    continue
                extra = self.resumed(run.folder)
                self.moved.append(run.folder)
                words = [sys.executable, "-m", "alrun", *run.overrides, "hydra.mode=RUN", "runtime.progress=false"]
                about = {"row": row["what"], "from_round": extra.pop("round")}  # type: ignore[index]
                yield Command("/".join(run.folder.parts[-2:]), [*words, *extra.values()], about)

    def resumed(self, folder: Path) -> dict[str, Any]:
        """The round at which a run resumes, and the setting that keeps its arithmetic unchanged."""
        if not (folder / "run.json").exists():
            return {"round": 0}
        rounds = None if has_checkpoint(folder) else portable.rebuild_checkpoint(folder)
        layout = json.loads((folder / "run.json").read_text())["memory_format"]
        return {"round": rounds, "format": f"runtime.memory_format={layout}"}

    def pack(self) -> None:
        """Write the tables of the runs that this window continued."""
        portable.pack_runs([folder for folder in self.moved if (folder / "run.json").exists()], self.archive)


if __name__ == "__main__":
    main()
