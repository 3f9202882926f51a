"""Two domains with the same classes, for ``experiment=pools/shift``: images in color, and others in gray and blurred.

    python -m benchmarks.gray_domain build/domains dataset=cifar10 encoder=... allow=[...]

Half of the training split stays as it is, with the test split. The other half loses color, contrast and half of its
resolution. The encoder makes vectors of both, in color.npz and gray.npz of the folder.
"""

import argparse
from pathlib import Path

import numpy as np

from alrun.data.dataset import ImageData
from alrun.features.embed import embedded
from alrun.settings import factory, targets
from alrun.settings.planned_runs import runs_of_command
from alrun.system.device import choose_device

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green and blue: ITU-R BT.601
MIDDLE = 128


def grayed(images: np.ndarray) -> np.ndarray:
    """``images``, (n, 3, h, w) uint8 with even sides, in gray, at half the contrast and half the resolution."""
    gray = np.einsum("nchw,c->nhw", images.astype(np.float32), LUMA)
    count, height, width = gray.shape
    small = gray.reshape(count, height // 2, 2, width // 2, 2).mean((2, 4))
    faint = MIDDLE + 0.5 * (small - MIDDLE)
    shown = np.rint(faint).clip(0, 255).astype(np.uint8).repeat(2, 1).repeat(2, 2)
    return np.repeat(shown[:, None], 3, axis=1)


def main() -> None:
    """Write both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("overrides", nargs="+", help="as for alrun: dataset=..., encoder=...")
    given = parser.parse_args()
    targets.allow_typed(given.overrides)
    cfg = runs_of_command(given.overrides)[0].cfg
    encoder, where = factory.build(cfg.encoder, "encoder"), choose_device(cfg.runtime.device)
    data: ImageData = factory.build(cfg.dataset, "dataset", root=cfg.paths.data)
    half = len(data.train_labels) // 2
    color = data.part(np.arange(half))
    gray = data.part(np.arange(half, 2 * half), np.arange(0))
    gray = gray.part(train_images=grayed(gray.train_images))
    given.folder.mkdir(parents=True, exist_ok=True)
    for name, domain in (("color", color), ("gray", gray)):
        vectors, _ = embedded(domain, encoder, cfg.paths.features, where, cfg.runtime.chunk)
        fields = ("train_images", "train_labels", "test_images", "test_labels")
        arrays = {field.replace("images", "features"): getattr(vectors, field) for field in fields}
        np.savez(given.folder / f"{name}.npz", **arrays)


if __name__ == "__main__":
    main()
