"""``alrun embed`` beside the bare network: ``python -m benchmarks.embedding`` prints images a second of both.

The network is torchvision's ResNet-18 with random weights; the bare one gets batches that are resized and normalized
already. Both take turns, and the medians are compared, since other load on the machine varies.
"""

import argparse
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import torch

from alrun.data.dataset import ImageData
from alrun.features import embed
from alrun.features.encoders import Torchvision
from alrun.system import device
from alrun.system.torchvision_import import torchvision
from benchmarks.machine import add_row

GOAL = 0.9


def main() -> None:
    """Measure both speeds and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--csv", type=Path, help="append both speeds to this file as well")
    arguments = parser.parse_args()
    where = device.choose_device("auto")
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder, "resnet18.pth")
        torch.save(torchvision.models.resnet18().state_dict(), weights)
        encoder = Torchvision("resnet18", weights=str(weights))
        numbers = np.random.default_rng(0)
        seconds: dict[str, list[float]] = {"bare network": [], "alrun embed": []}
        for turn in range(arguments.turns + 1):
            images = numbers.integers(0, 256, (arguments.images, 3, 32, 32), dtype=np.uint8)
            labels = np.arange(len(images)) % 10
            data = ImageData(images, labels, images[:0], labels[:0], class_names=[str(name) for name in range(10)])
            bare = bare_seconds(encoder, len(images), where)
            store = embed.store_of(data, encoder, folder)
            started = perf_counter()
            embed.fill(store, data, encoder, where, progress=False)
            if turn:  # the first call of anything takes longer
                seconds["bare network"].append(bare)
                seconds["alrun embed"].append(perf_counter() - started)
    speeds = {name: arguments.images / median(each) for name, each in seconds.items()}
    print(
        f"ResNet-18 at 224 pixels on {device.describe(where)}, median of {arguments.turns} turns of {arguments.images}:"
    )
    for name, speed in speeds.items():
        print(f"  {name:<14}{speed:8.1f} images a second")
    share = speeds["alrun embed"] / speeds["bare network"]
    print(f"  {100 * share:.0f} % of the bare network's (goal: {100 * GOAL:.0f} %)")
    row = {"ours": speeds["alrun embed"], "reference": speeds["bare network"]}
    add_row(arguments.csv, {"part": "embed", "case": "resnet18", "device": device.describe(where), **row})


def bare_seconds(encoder: Torchvision, count: int, where: torch.device) -> float:
    """Seconds of the forward passes alone, on batches as alrun embed makes them."""
    network, preprocessing = encoder.made
    network.to(where)
    size = encoder.batch[where.type]
    ready = torch.rand(size, 3, *preprocessing.size, device=where).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode(), embed.all_threads(where):
        started = perf_counter()
        for start in range(0, count, size):
            network(ready[: min(size, count - start)])
        device.synchronize(where)
        return perf_counter() - started


if __name__ == "__main__":
    main()
