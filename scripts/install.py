"""Make a virtual environment with alrun in it: ``python3 scripts/install.py .venv`` (what the Makefile calls).

Needs only Python 3.11 or newer and its pip. It makes one decision, which build of PyTorch to install:

* Linux on x86-64 without an NVIDIA GPU: the CPU build, from the package sources that pip is configured with or else
  from PyTorch's own CPU index. If neither has one, it stops: the CUDA build would be several gigabytes.
* otherwise: the build that PyPI has for this platform.

Everything else comes in the versions of requirements.lock, each file checked against its hash.

Set ALRUN_TORCH=cpu or ALRUN_TORCH=cuda to decide yourself.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "scripts" / "constraints.txt"
LOCK = ROOT / "scripts" / "requirements.lock"  # `make lock` writes it
PYTORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"


def main(folder: str) -> None:
    """Create the environment at ``folder``, or complete an existing one."""
    if sys.version_info < (3, 11):  # noqa: UP036 - run by whatever python3 the machine has
        sys.exit(f"alrun needs Python 3.11 or newer, this is {platform.python_version()}: make PYTHON=/path/to/it")
    python = Path(folder) / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists() and subprocess.run([sys.executable, "-m", "venv", folder]).returncode:
        sys.exit(f"python -m venv {folder} failed: install this Python's venv module (Debian: python3-venv)")
    if not has_torch(python):
        install_torch(python)
    print("Installing alrun and its tools ...", flush=True)
    # Only tested files: a package with another hash is refused.
    locked = pip(python, "--require-hashes", "--no-deps", "-r", str(LOCK))
    if not locked or not pip(python, "--no-deps", "-e", str(ROOT)):
        sys.exit("pip could not install alrun; its message is above")
    add_sources(python)
    warn_of_torchvision(python)


def add_sources(python: Path) -> None:
    """Put the sources on the path: else ``import alrun`` in the folder above this one would find this folder.

    Python treats a folder of that name as a package if the path has no real one; setuptools' finder comes too late.
    """
    probe = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = subprocess.run([str(python), "-c", probe], capture_output=True, text=True, check=True).stdout.strip()
    (Path(site) / "alrun-sources.pth").write_text(f"{ROOT / 'src'}\n", encoding="utf-8")


def warn_of_torchvision(python: Path) -> None:
    """Print what does not work if there is no torchvision for the CPU build of PyTorch."""
    if subprocess.run([str(python), "-c", "import torchvision"], capture_output=True).returncode:
        print(
            "Note: no CPU build of torchvision was found, and the one from PyPI cannot be imported beside a CPU build\n"
            "of PyTorch (`import torchvision` fails: operator torchvision::nms does not exist). alrun and the modules\n"
            "that it loads for you work; in code of your own that you start yourself, write first\n"
            "    from alrun.system.torchvision_import import torchvision",
            flush=True,
        )


def install_torch(python: Path) -> None:
    """Install the build of PyTorch that suits this machine, or exit with the reason."""
    torch, torchvision = pinned_version("torch"), pinned_version("torchvision")
    choice = os.environ.get("ALRUN_TORCH") or ("cuda" if has_gpu() else "cpu")
    if choice not in ("cpu", "cuda"):
        sys.exit(f"ALRUN_TORCH={choice}: choose cpu or cuda")
    separate_builds = platform.system() == "Linux" and platform.machine() == "x86_64"
    print(f"Installing PyTorch {torch} ({choice} build) ...", flush=True)
    if choice == "cuda" or not separate_builds:
        if not pip(python, f"torch=={torch}", f"torchvision=={torchvision}"):
            sys.exit("pip could not install PyTorch; its message is above")
    elif not install_cpu(python, torch, torchvision):
        sys.exit(
            f"No CPU build of PyTorch {torch} for Python {platform.python_version()} was found, neither in pip's "
            f"sources nor at {PYTORCH_CPU_INDEX}: set PIP_FIND_LINKS to a folder that has one, use another "
            "Python (make PYTHON=...), or take the CUDA build of several GB (make ALRUN_TORCH=cuda)."
        )


def install_cpu(python: Path, torch: str, torchvision: str) -> bool:
    """Install the CPU builds from pip's sources or PyTorch's index, else PyTorch alone; whether it succeeded."""
    both = (f"torch=={torch}+cpu", f"torchvision=={torchvision}+cpu")
    return (
        pip(python, *both, quiet=True)
        or pip(python, *both, "--index-url", PYTORCH_CPU_INDEX, "--retries", "1", quiet=True)
        or pip(python, both[0])
    )


def pip(python: Path, *arguments: str, quiet: bool = False) -> bool:
    """Run ``pip install``; whether it succeeded."""
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments]
    return subprocess.run(command, stderr=subprocess.DEVNULL if quiet else None).returncode == 0


def has_torch(python: Path) -> bool:
    """Whether the environment already has PyTorch, which a second install must not replace."""
    probe = "import importlib.util as u, sys; sys.exit(u.find_spec('torch') is None)"
    return subprocess.run([str(python), "-c", probe]).returncode == 0


def has_gpu() -> bool:
    """Whether NVIDIA's driver lists a GPU."""
    tool = shutil.which("nvidia-smi")
    return bool(tool) and subprocess.run([tool, "-L"], capture_output=True).stdout.startswith(b"GPU")


def pinned_version(package: str) -> str:
    """The version of ``package`` in constraints.txt."""
    match = re.search(rf"^{package}==(\S+)$", CONSTRAINTS.read_text(), re.MULTILINE)
    assert match, f"{CONSTRAINTS} does not pin {package}"
    return match.group(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
