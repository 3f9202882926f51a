"""A run's trained classifier as files that others can use: weights, what goes in and comes out, and ONNX.

weights.pt        the weights, a state dict of torch
classifier.json   classes, model, what it takes, and what is done to it first
classifier.onnx   from what is stored of an example to probabilities, if asked for (extra: alrun[onnx])
"""

import hashlib
import io
import json
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn

import alrun
from alrun.data.augmentation import Cast, Normalize
from alrun.features.finetune import NetworkInput
from alrun.loop.components import Parts, ToFloats, build_parts
from alrun.models.classifier import Classifier, evaluation
from alrun.runs import run_folder
from alrun.runs.state import RunState
from alrun.settings.identity import with_short_names
from alrun.system import files
from alrun.system.errors import SettingError, StorageError

SCHEMA = 1
CHECKED = 256  # examples on which the ONNX file is compared
TOLERANCE = 1e-4  # of probabilities, which are computed in another order there
WEIGHTS, ABOUT, ONNX = "weights.pt", "classifier.json", "classifier.onnx"


class Standardize(nn.Module):
    """Vectors as they were read, float64, to the scale on which the model was trained, float32."""

    center: Tensor
    spread: Tensor

    def __init__(self, center: np.ndarray, spread: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("center", torch.from_numpy(center))
        self.register_buffer("spread", torch.from_numpy(spread))

    def forward(self, vectors: Tensor) -> Tensor:
        """(B, d) float64 to float32."""
        return ((vectors - self.center) / self.spread).float()

    def undone(self, vectors: Tensor) -> Tensor:
        """(B, d) float32 to float64: as they were read, but for round-off."""
        return vectors.double() * self.spread + self.center


class Whole(nn.Module):
    """From examples as they are stored to probabilities; in evaluation mode, on the CPU."""

    def __init__(self, model: Classifier, normalize: ToFloats | Standardize | None) -> None:
        super().__init__()
        self.model = model
        self.normalize = normalize

    def forward(self, examples: Tensor) -> Tensor:
        """Probabilities (B, classes) of ``examples`` (B, ...)."""
        floats = examples if self.normalize is None else self.normalize(examples)
        return self.model(floats).softmax(1)


def export_classifier(cfg: DictConfig, run_dir: Path, folder: Path, with_onnx: bool) -> list[str]:
    """Write the files of the run ``cfg`` in ``run_dir`` to ``folder``; returns their names.

    Raises:
        UserError: The run has no trained model, its data are not there, or a library is missing.
    """
    parts = build_parts(cfg, torch.device("cpu"))
    state = RunState.load(run_dir, parts.data_id)
    if state.weights is None or not state.rounds:
        raise StorageError(f"{run_folder.display_path(run_dir)} has no weights: train a round of it here first.")
    parts.model.load_state_dict(state.weights)
    buffer = io.BytesIO()
    torch.save({name: tensor.contiguous() for name, tensor in parts.model.state_dict().items()}, buffer)
    written = {WEIGHTS: buffer.getvalue()}
    if with_onnx:
        written[ONNX] = to_onnx(parts)
    record = state.rounds[-1]
    about = {
        "schema": SCHEMA,
        "classes": parts.data.class_names or [str(number) for number in range(parts.data.classes)],
        "model": with_short_names(OmegaConf.to_container(cfg.model, resolve=True)),
        "dataset": with_short_names(OmegaConf.to_container(cfg.dataset, resolve=True)),
        "input": describe_input(cfg, parts),
        "run": "/".join(run_dir.resolve().parts[-2:]),
        "labeled": record.labeled,
        "test_accuracy": None if np.isnan(record.test_accuracy) else record.test_accuracy,
        "versions": {"alrun": alrun.__version__, "torch": torch.__version__},
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in written.items()},
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in written.items():
        files.write(folder / name, content)
    files.write_text(folder / ABOUT, json.dumps(about, indent=1, ensure_ascii=False) + "\n")
    return [*written, ABOUT]


def describe_input(cfg: DictConfig, parts: Parts) -> dict[str, Any]:
    """What the classifier takes, and what is done to it before the first layer."""
    data, normalize = parts.data, parts.normalize
    found: dict[str, Any] = {
        "kind": "vectors" if data.is_vectors else "images",
        "dtype": "uint8" if not data.is_vectors else "float32" if data.scale is None else "float64",
        "shape": list(data.train_images.shape[1:]),  # of an example; images: channels, height, width
    }
    if isinstance(normalize, NetworkInput):
        found["preprocessing"] = normalize.preprocessing.stated()
    elif isinstance(normalize, Normalize):
        found["preprocessing"] = {"divide_by": 255, "mean": data.mean, "std": data.std}
    elif data.scale is not None:
        center, spread = data.scale
        found["preprocessing"] = {"subtract": center.tolist(), "divide_by": spread.tolist(), "to": "float32"}
    if data.columns is not None:
        found["columns"] = data.columns
    if cfg.encoder is not None:
        found["encoder"] = parts.card.get("encoder") or with_short_names(
            OmegaConf.to_container(cfg.encoder, resolve=True)
        )
    if isinstance(normalize, NetworkInput):
        found["onnx"] = "images after preprocessing, float32"  # no resizing of ONNX gives these bytes
    return found


def to_onnx(parts: Parts) -> bytes:
    """The classifier as ONNX, after onnxruntime has predicted with it what torch predicts.

    Raises:
        UserError: A library is missing.
    """
    try:
        onnxruntime = import_module("onnxruntime")
        import_module("onnxscript")  # by which torch writes ONNX
    except ImportError as error:
        raise SettingError(f"ONNX needs {error.name}, which is not installed: pip install 'alrun[onnx]'.") from error
    some = torch.from_numpy(np.ascontiguousarray(of_data(parts)))
    normalize = parts.normalize
    if isinstance(normalize, NetworkInput | Cast):
        some, normalize = normalize(some), None
    with evaluation(parts.model), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch's exporter warns of torch's own code
        expected = Whole(parts.model, normalize).eval()(some).numpy()
        if parts.data.scale is not None:
            normalize = Standardize(*parts.data.scale)
            some = normalize.undone(some)
        whole = Whole(parts.model, normalize).eval()
        program = torch.onnx.export(
            whole,
            (some[:2],),
            input_names=["examples"],
            output_names=["probabilities"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            dynamo=True,
            verbose=False,
        )
        assert program is not None
    content: bytes = program.model_proto.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"examples": some.numpy()})
    check_same(expected, np.asarray(found))
    return content


def of_data(parts: Parts) -> np.ndarray:
    """Examples to compare predictions on: of the test split, or of the pool where there is none; two or more."""
    data = parts.data
    return data.test_images[:CHECKED] if len(data.test_images) > 1 else data.train_images[:CHECKED]


def check_same(expected: np.ndarray, found: np.ndarray) -> None:
    """Make sure that two tables of probabilities (n, classes) say the same of every example.

    Raises:
        RuntimeError: They do not, which is a mistake of ours.
    """
    gap = float(np.abs(expected - found).max())
    sure = np.sort(expected, 1)[:, -1] - np.sort(expected, 1)[:, -2] > 2 * TOLERANCE  # others are ties
    if gap > TOLERANCE or (expected.argmax(1) != found.argmax(1))[sure].any():
        raise RuntimeError(f"the ONNX file predicts something other than the model: probabilities differ by {gap:.2g}")
