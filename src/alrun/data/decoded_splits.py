"""Two splits of images as the arrays of a data set: decoded, or mapped from files."""

from collections import Counter, deque
from pathlib import Path

import numpy as np

from alrun.data.dataset import ImageData
from alrun.data.image_source import Files, Split
from alrun.data.memory_map import Unreadable, decode_blocks, decode_images, map_images
from alrun.data.sources import Numbers
from alrun.system.counts import counted
from alrun.system.errors import DataError


def assemble_data(
    train: Split,
    test: Split,
    classes: list[str],
    root: str,
    size: int,
    channels: int,
    white: float | None,
    memory_map: bool,
    mean: Numbers,
    std: Numbers,
    passed: Counter[str],
) -> ImageData:
    """Both splits decoded, or mapped from files under ``root``; ``passed`` counts the files that were skipped.

    Raises:
        UserError: Images cannot be read (all are named), or one is in both splits.
    """
    check_apart(train, test)
    arrays: list[np.ndarray] = []
    unreadable: list[str] = []
    for split in (train, test):
        try:
            if unreadable:  # there will be no run: only look for others that cannot be read
                deque(decode_blocks(split, size, channels, white), maxlen=0)
                continue
            if memory_map and len(split):
                images = map_images(split, size, channels, Path(root) / "memory_maps", white)
            else:
                images = decode_images(split, size, channels, white)
            arrays += [images, split.labels]
        except Unreadable as error:
            unreadable += error.reasons
    if unreadable:
        raise Unreadable(unreadable)
    train_x, train_y, test_x, test_y = arrays
    names, groups = train.names(), test.groups
    return ImageData(
        train_x, train_y, test_x, test_y, mean, std, classes, names, passed=dict(passed), test_groups=groups
    )


def check_apart(train: Split, test: Split) -> None:
    """Refuse a file that is in both splits.

    Raises:
        UserError: There is one; the sentence names both places.
    """
    if not (isinstance(train.source, Files) and isinstance(test.source, Files)):
        return
    sources = train.source, test.source
    known = {sources[0].keys[at]: at for at in train.index.tolist() if sources[0].keys[at] is not None}
    both = [(known[key], at) for at in test.index.tolist() if (key := sources[1].keys[at]) in known]
    if both:
        first, second = sources[0].paths[both[0][0]], sources[1].paths[both[0][1]]
        names = f"{first} is" if first == second else f"{first} and {second} are one file,"
        raise DataError(
            f"dataset: the training and the test split share {counted(len(both), 'image')}: {names} in both; "
            "remove what they share from one of them."
        )
