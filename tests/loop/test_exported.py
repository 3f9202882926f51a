"""An exported classifier predicts what the run's model does, with nothing of alrun."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from alrun.loop import exported
from alrun.loop.components import build_parts
from alrun.runs.state import RunState
from alrun.system.errors import SettingError, StorageError
from tests.conftest import QUIET, SMALL


@pytest.fixture
def run(composed, complete, tmp_path):
    """The settings and the folder of a run on vectors."""
    draws = np.random.default_rng(1)
    labels = np.arange(300) % 3
    vectors = (np.eye(3)[labels] + 0.5 * draws.normal(size=(300, 3))).astype(np.float32)
    split = {"train_features": vectors[:200], "train_labels": labels[:200]}
    np.savez(tmp_path / "data.npz", **split, test_features=vectors[200:], test_labels=labels[200:])
    words = ("dataset=features", f"dataset.path={tmp_path / 'data.npz'}", "strategy=random")
    return composed(*SMALL, *QUIET, f"paths.outputs={tmp_path}", *words, hydra=True), complete(*words), vectors[200:]


def test_weights_and_json_are_enough_to_predict_what_the_run_predicted(run, tmp_path):
    cfg, folder, tested = run
    names = exported.export_classifier(cfg, folder, tmp_path / "out", with_onnx=False)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(names)
    about = json.loads((tmp_path / "out" / "classifier.json").read_text())
    weights = torch.load(tmp_path / "out" / "weights.pt", weights_only=True)
    assert about["input"] == {"kind": "vectors", "dtype": "float32", "shape": [3]}
    assert (about["model"]["_target_"], about["classes"]) == ("Linear", ["0", "1", "2"])
    logits = tested @ weights["head.weight"].numpy().T + weights["head.bias"].numpy()
    accuracy = np.mean(logits.argmax(1) == np.arange(200, 300) % 3)
    assert accuracy == pytest.approx(pd.read_csv(folder / "accuracy.csv").test_accuracy.iloc[-1])
    assert about["test_accuracy"] == pytest.approx(accuracy)
    content = (tmp_path / "out" / "weights.pt").read_bytes()
    assert about["sha256"] == {"weights.pt": hashlib.sha256(content).hexdigest()}
    again = exported.export_classifier(cfg, folder, tmp_path / "again", with_onnx=False)
    assert [(tmp_path / "again" / name).read_bytes() for name in again] == [
        (tmp_path / "out" / name).read_bytes() for name in names
    ]


@pytest.fixture
def table_run(composed, complete, tmp_path):
    """The settings and the folder of a run on a standardized table, and a tested column, which needs float64."""
    times = 1.7e9 + np.random.default_rng(0).permutation(600) / 10
    split = np.where(np.arange(600) < 400, "train", "test")
    table = pd.DataFrame({"noise": np.arange(600) % 7, "time": times, "split": split})
    table["label"] = np.where(times > 1.7e9 + 30, "late", "early")
    table.to_csv(tmp_path / "t.csv", index=False)
    words = ("dataset=table", f"dataset.path={tmp_path / 't.csv'}", "strategy=random")
    cfg = composed(*SMALL, *QUIET, f"paths.outputs={tmp_path}", *words, hydra=True)
    return cfg, complete(*words), table[table.split == "test"]


def test_vectors_are_said_to_be_standardized_and_columns_are_named(table_run, tmp_path):
    cfg, folder, tested = table_run
    exported.export_classifier(cfg, folder, tmp_path / "out", with_onnx=False)
    about = json.loads((tmp_path / "out" / "classifier.json").read_text())
    weights = torch.load(tmp_path / "out" / "weights.pt", weights_only=True)
    taken = about["input"]
    assert (taken["dtype"], taken["columns"]) == ("float64", ["noise", "time"])
    raw = tested[taken["columns"]].to_numpy(float)
    ready = (raw - taken["preprocessing"]["subtract"]) / taken["preprocessing"]["divide_by"]
    logits = ready @ weights["head.weight"].numpy().T + weights["head.bias"].numpy()
    right = np.mean(np.array(about["classes"])[logits.argmax(1)] == tested["label"])
    assert right == pytest.approx(about["test_accuracy"])
    assert right > 0.9  # all times are one number in float32


def test_images_are_said_to_be_normalized(composed, complete, tmp_path):
    cfg = composed(*SMALL, *QUIET, f"paths.outputs={tmp_path}", "strategy=random", hydra=True)
    parts = build_parts(cfg, torch.device("cpu"))
    found = exported.describe_input(cfg, parts)
    assert (found["shape"], found["dtype"]) == ([1, 8, 8], "uint8")
    bytes_ = parts.data.test_images[:5]
    mean, std = (np.array(found["preprocessing"][name])[:, None, None] for name in ("mean", "std"))
    expected = (bytes_ / found["preprocessing"]["divide_by"] - mean) / std
    assert parts.normalize(torch.from_numpy(bytes_)).numpy() == pytest.approx(expected, abs=1e-5)


def test_a_run_without_weights_is_refused(run, tmp_path):
    cfg, folder, _ = run
    for path in folder.glob("state-*.pt"):
        path.unlink()
    with pytest.raises(StorageError, match="has no weights"):
        exported.export_classifier(cfg, folder, tmp_path / "out", with_onnx=False)
    assert not (tmp_path / "out").exists()


def test_onnxruntime_takes_a_table_as_it_is(table_run, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install 'alrun[onnx]'")
    pytest.importorskip("onnxscript", reason="onnxscript is not installed: pip install 'alrun[onnx]'")
    cfg, folder, tested = table_run
    exported.export_classifier(cfg, folder, tmp_path / "out", with_onnx=True)
    session = onnxruntime.InferenceSession(tmp_path / "out" / "classifier.onnx", providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"examples": tested[["noise", "time"]].to_numpy(float)})
    classes = np.array(["early", "late"])[found.argmax(1)]
    accuracy = pd.read_csv(folder / "accuracy.csv").test_accuracy.iloc[-1]
    assert np.mean(classes == tested["label"]) == pytest.approx(accuracy)


@pytest.mark.parametrize("words", [("dataset=digits", "strategy=random"), None])
def test_onnxruntime_predicts_the_same(composed, complete, tmp_path, run, words):
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install 'alrun[onnx]'")
    pytest.importorskip("onnxscript", reason="onnxscript is not installed: pip install 'alrun[onnx]'")
    cfg, folder, _ = run
    if words:
        cfg, folder = composed(*SMALL, *QUIET, f"paths.outputs={tmp_path}", *words, hydra=True), complete(*words)
    exported.export_classifier(cfg, folder, tmp_path / "out", with_onnx=True)
    session = onnxruntime.InferenceSession(tmp_path / "out" / "classifier.onnx", providers=["CPUExecutionProvider"])
    parts = build_parts(cfg, torch.device("cpu"))
    weights = RunState.load(folder).weights
    assert weights is not None
    parts.model.load_state_dict(weights)
    parts.model.eval()
    for count in (1, 7, 60):
        examples = parts.data.test_images[:count]
        (found,) = session.run(None, {"examples": examples})
        with torch.no_grad():
            expected = parts.model(parts.normalize(torch.from_numpy(examples))).softmax(1).numpy()
        assert found == pytest.approx(expected, abs=1e-5)


def test_a_file_that_predicts_something_else_is_noticed():
    probs = np.array([[0.6, 0.4], [0.5, 0.5]])
    exported.check_same(probs, probs + 1e-6)
    exported.check_same(probs, np.array([[0.6, 0.4], [0.49999, 0.50001]]))  # a tie
    with pytest.raises(RuntimeError, match="predicts something other than the model"):
        exported.check_same(probs, probs[:, ::-1])


def test_a_missing_library_is_named_with_its_extra(run, tmp_path, monkeypatch):
    cfg, folder, _ = run
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(SettingError, match=r"pip install 'alrun\[onnx\]'"):
        exported.export_classifier(cfg, folder, Path(tmp_path / "out"), with_onnx=True)
