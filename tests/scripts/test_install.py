"""scripts/install.py: its decisions, without a network."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from alrun.settings import targets
from scripts import install

ROOT = Path(__file__).resolve().parents[2]


def test_the_folder_above_a_clone_named_alrun_is_not_a_package(tmp_path, monkeypatch):
    (tmp_path / "parent" / "alrun" / "outputs").mkdir(parents=True)  # as git clone and a run leave it
    (tmp_path / "parent" / "alrun" / "conf").mkdir()
    site = tmp_path / "site"
    site.mkdir()
    answer = subprocess.CompletedProcess([], 0, f"{site}\n")
    with monkeypatch.context() as patched:
        patched.setattr(subprocess, "run", lambda *_, **__: answer)
        install.add_sources(Path(sys.executable))
    probe = f"import site, sys; site.addsitedir({str(site)!r}); sys.path = ['', *sys.path]\n"
    # setuptools' finder of an editable install is asked after the path, as any finder that is appended.
    probe += "import alrun.models.outputs; print(alrun.models.outputs.__file__)"
    printed = subprocess.run(
        [sys.executable, "-c", probe], cwd=tmp_path / "parent", capture_output=True, text=True, check=True
    )
    assert printed.stdout.strip() == str(ROOT / "src" / "alrun" / "models" / "outputs.py")


@pytest.mark.parametrize(
    ("has", "installed"),
    [
        ("sources", "torch==1+cpu torchvision==2+cpu"),
        ("index", "torch==1+cpu torchvision==2+cpu --index-url https://download.pytorch.org/whl/cpu --retries 1"),
        ("torch alone", "torch==1+cpu"),
        ("nothing", None),
    ],
)
def test_a_cpu_build_of_torchvision_comes_with_torchs_where_there_is_one(monkeypatch, has, installed):
    tried = []

    def pip(_python, *words, quiet=False):
        tried.append(" ".join(words))
        kind = "index" if "--index-url" in words else "sources" if len(words) > 1 else "torch alone"
        return kind == has

    monkeypatch.setattr(install, "pip", pip)
    assert install.install_cpu(Path("python"), "1", "2") == (installed is not None)
    assert tried[-1] == (installed or "torch==1+cpu")


@pytest.mark.parametrize("status", [0, 1])
def test_what_does_not_work_is_said(monkeypatch, capsys, status):
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], status))
    install.warn_of_torchvision(Path("python"))
    assert ("from alrun.system.torchvision_import import torchvision" in capsys.readouterr().out) == bool(status)


def test_a_module_of_ones_own_may_import_torchvision(tmp_path):
    (tmp_path / "mine.py").write_text(
        "import torchvision\nfrom alrun.strategies.random import Random\n\n\nclass Mine(Random):\n    pass\n"
    )
    probe = "import sys; sys.path.append('.'); from alrun.settings import targets; "
    probe += "print(targets.import_user_module('mine').Mine.__name__)"
    environment = {**os.environ, targets.VARIABLE: "mine"}  # as a user lists it
    printed = subprocess.run(
        [sys.executable, "-c", probe], cwd=tmp_path, capture_output=True, text=True, env=environment
    )
    assert printed.stdout == "Mine\n", printed.stderr
