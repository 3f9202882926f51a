"""The two domains of pools/shift: what becomes of an image, and which examples are where."""

import sys

import numpy as np

from alrun.settings import targets
from benchmarks import gray_domain


def test_images_lose_color_contrast_and_half_of_the_resolution():
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 6), dtype=np.uint8)
    out = gray_domain.grayed(images)
    assert out.dtype == np.uint8
    assert out.shape == images.shape
    for n in range(2):
        for y in range(4):
            for x in range(6):
                block = [(y // 2 * 2 + i, x // 2 * 2 + j) for i in range(2) for j in range(2)]
                luma = [float(images[n, :, i, j] @ np.array([0.299, 0.587, 0.114])) for i, j in block]
                expected = 128 + (sum(luma) / 4 - 128) / 2
                assert np.abs(out[n, :, y, x] - expected).max() <= 0.5 + 1e-3


def test_each_half_of_the_training_split_is_one_domain(tmp_path, monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), dtype=np.uint8)
    labels = np.arange(20) % 2
    file = tmp_path / "images.npz"
    np.savez(file, train_images=images, train_labels=labels, test_images=images[:4], test_labels=labels[:4])
    words = ["dataset=npz", f"dataset.path={file}", "encoder=module", "encoder.network._target_=torch.nn.Flatten"]
    words += [
        "allow=[torch.nn]",
        "encoder.size=8",
        "encoder.mean=[0,0,0]",
        "encoder.std=[1,1,1]",
        f"paths.features={tmp_path / 'features'}",
        "runtime.device=cpu",
    ]
    monkeypatch.setattr(targets, "_listed", ())
    monkeypatch.setattr(sys, "argv", ["gray_domain", str(tmp_path / "domains"), *words])
    gray_domain.main()
    color, gray = (np.load(tmp_path / "domains" / f"{name}.npz") for name in ("color", "gray"))
    assert color["train_features"].shape == gray["train_features"].shape == (10, 192)
    assert (color["train_labels"] == labels[:10]).all()
    assert (gray["train_labels"] == labels[10:]).all()
    assert len(color["test_labels"]) == 4
    pixels = gray["train_features"].reshape(10, 3, 64)
    assert np.abs(pixels - pixels.mean(1, keepdims=True)).max() < 1e-5  # the same in each channel
    assert np.abs(np.ptp(color["train_features"].reshape(10, 3, 64), axis=1)).max() > 0.1
