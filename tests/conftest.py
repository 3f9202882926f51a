"""Fixtures of all tests."""

import logging
import os
import signal
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra

from alrun.loop.start import run
from alrun.settings import schema, targets
from alrun.settings.planned_runs import options_of
from tests.features import tiny

schema.register()
# torch's threads spin while they wait; one is enough for data this small, and leaves results unchanged by the machine.
torch.set_num_threads(1)

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # A shell starts what goes on in the background so, and the programs that tests start would ignore Ctrl-C, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)

SMALL = ("budget.seed_size=20", "budget.batch_size=20", "budget.total=60", "training.max_epochs=2")
QUIET = ("runtime.device=cpu", "runtime.threads=1", "runtime.memory_format=contiguous", "runtime.progress=false")
SHARED = Path(__file__).resolve().parent.parent.parent / "shared"


FORKING = ("test_resume.py", "test_lock.py", "test_files.py", "test_gpus.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that fork come first: the threads that other tests leave behind (of scikit-learn, say) survive no fork."""
    items.sort(key=lambda item: item.path.name not in FORKING)


@pytest.fixture(autouse=True)
def listed(monkeypatch, request):
    """A test may name parts of its own module and the tiny network, and none that another test has listed."""
    monkeypatch.setattr(targets, "_listed", (request.module.__name__, tiny.__name__))
    monkeypatch.setenv(targets.VARIABLE, "")


@pytest.fixture(autouse=True)
def logging_as_before():
    """A program that a test runs in this process may silence logging, or let more through, for itself alone."""
    root, alrun = logging.root, logging.getLogger("alrun")
    levels, disabled = (root.level, alrun.level), root.manager.disable
    yield
    root.setLevel(levels[0])
    alrun.setLevel(levels[1])
    logging.disable(disabled)


@pytest.fixture
def composed():
    """``composed("group=option", ...)``: the configuration that a command line would give."""

    def make(*overrides: str, hydra: bool = False):
        GlobalHydra.instance().clear()
        with initialize_config_module("alrun.conf", version_base="1.3"):
            return compose("config", list(overrides), return_hydra_config=hydra)

    yield make
    GlobalHydra.instance().clear()


@pytest.fixture
def complete(composed, tmp_path):
    """``complete("setting=value", ...)``: the folder of a finished run."""

    def make(*overrides: str) -> Path:
        cfg = composed(*SMALL, *QUIET, f"paths.outputs={tmp_path}", *overrides, hydra=True)
        run_dir = Path(cfg.hydra.run.dir)
        run(cfg, run_dir, options_of(cfg))
        return run_dir

    return make


def checkpoint_of(run_dir: Path) -> Path:
    """The newest checkpoint of a run."""
    return max(run_dir.glob("state-*.pt"), key=lambda path: int(path.stem.partition("-")[2]))


def without_checkpoints(run_dir: Path) -> None:
    """Remove them."""
    for path in run_dir.glob("state-*.pt"):
        path.unlink()


@pytest.fixture
def real_data() -> Path:
    """The folder with real image data, or a skip: it is not part of the repository."""
    folder = Path(os.environ.get("ALRUN_DATA", SHARED / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real image data: set ALRUN_DATA ({folder} does not exist)")
    return folder


@pytest.fixture
def reference() -> Path:
    """The folder with the paper's published curves, or a skip: it is not part of the repository."""
    folder = SHARED / "reference"
    if not folder.is_dir():
        pytest.skip(f"the paper's digitised curves are not here ({folder} does not exist)")
    return folder
