"""A run whose images lie in a memory map has the results of one in memory, and takes little of it."""

import threading
from pathlib import Path

import numpy as np
import pandas as pd

from alrun.data.dataset import ImageData
from alrun.data.sources import digits
from alrun.pool.redundancy import Duplicate

SIZE, COUNT = 96, 4_000  # 111 MB


def in_a_file(root: str, folder: str, is_mapped: bool, mean: None, std: None) -> ImageData:
    """Digits whose pixels are in files."""
    data = digits("")
    made = []
    for name, images in (("train", data.train_images), ("test", data.test_images)):
        np.save(Path(folder) / f"{name}.npy", images)
        made.append(np.load(Path(folder) / f"{name}.npy", mmap_mode="c" if is_mapped else None))
    return ImageData(made[0], data.train_labels, made[1], data.test_labels)


def large(root: str, folder: str, mean: None, std: None) -> ImageData:
    """Gray pixels, 111 MB of them in a file."""
    labels, path = np.arange(COUNT) % 2, Path(folder) / "large.npy"
    file = np.lib.format.open_memmap(path, "w+", np.uint8, (COUNT, 3, SIZE, SIZE))
    for label, image in zip(labels, file, strict=True):
        image[:] = 60 + 80 * label
    file.flush()
    del file
    images = np.load(path, mmap_mode="c")
    return ImageData(images, labels, images[:100], labels[:100])


def test_the_results_are_those_of_images_in_memory(complete, tmp_path):
    made = []
    for mapped in (True, False):
        name = "tests.data.test_memory_map.in_a_file"
        settings = (
            f"+dataset.folder={tmp_path}",
            f"+dataset.is_mapped={mapped}",
            "augmentation=crop_flip",
            "budget.total=40",
        )
        folder = complete(f"dataset._target_={name}", *settings)
        made.append([(folder / name).read_bytes() for name in ("accuracy.csv", "queries.csv")])
    assert made[0] == made[1]


def test_a_part_of_a_map_that_is_copied_into_memory_is_told(tmp_path, caplog):
    data = in_a_file("", str(tmp_path), True, None, None)
    assert data.thinned(len(data.train_labels), len(data.test_labels)) is data
    assert caplog.text == ""
    data.thinned(640, 500)
    assert "0.0 MB of the memory map are copied into memory, for a part of its images" in caplog.text
    caplog.clear()
    data.held_out(10, np.random.default_rng(0))
    assert caplog.text.count("are copied into memory") == 2
    caplog.clear()
    Duplicate(2, 100).apply(data.train_images, data.train_labels, np.random.default_rng(0))
    assert caplog.text.count("are copied into memory") == 1


def anonymous() -> int:
    """Bytes of this process that lie in no file."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("RssAnon:")).split()[1])


class Watch(threading.Thread):
    """Notes the most memory that is taken until it is stopped."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.stopped, self.most = threading.Event(), 0

    def run(self) -> None:
        while not self.stopped.wait(0.005):
            self.most = max(self.most, anonymous())


def test_reading_training_and_choosing_hold_some_images_at_a_time(complete, tmp_path):
    run = ("dataset._target_=tests.data.test_memory_map.large", f"+dataset.folder={tmp_path}")
    run += ("strategy=entropy", "model.width=1", "training.max_epochs=1", "budget.total=40", "runtime.chunk=20")
    complete(*run, "seed=1", "limit=60")  # what a first run takes is taken
    before = anonymous()
    watch = Watch()
    watch.start()
    folder = complete(*run)
    watch.stopped.set()
    watch.join()
    assert len(pd.read_csv(folder / "accuracy.csv")) == 2
    # 4 MB where no other test ran before; what these have freed is taken again in other pieces.
    assert watch.most - before < COUNT * 3 * SIZE * SIZE / 2
