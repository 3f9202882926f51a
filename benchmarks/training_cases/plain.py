"""The reference: a training loop like those of tutorials and toolkits."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

import torch

from alrun.system.torchvision_import import torchvision  # noqa: F401 - makes the next import work beside a CPU torch

# isort: split
from PIL import Image
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from benchmarks.training_cases.case import Made

WORKERS = 2


class Images(Dataset):
    """PIL images that are transformed when they are fetched, as torchvision's data sets hold them."""

    def __init__(self, made: Made, count: int) -> None:
        data, augmented = made.parts.data, made.cfg.augmentation.get("padding") is not None
        self.images = [Image.fromarray(image.transpose(1, 2, 0).squeeze()) for image in data.train_images[:count]]
        self.labels = data.train_labels[:count].tolist()
        assert data.mean is not None
        assert data.std is not None
        steps = [v2.RandomCrop(data.image_size, padding=4), v2.RandomHorizontalFlip()] if augmented else []
        floats = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(data.mean, data.std)]
        self.transform = v2.Compose([*steps, *floats])

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(self.images[index]), self.labels[index]


def images_per_second(made: Made, count: int) -> float:
    """One epoch over ``count`` images after a short one that does not count."""
    cfg, model = made.cfg, made.parts.model.train()
    model.to(memory_format=torch.contiguous_format)  # pyright: ignore[reportCallIssue]
    optimizer = torch.optim.SGD(model.parameters(), cfg.optimizer.lr, momentum=0.9, weight_decay=5e-4)
    for part in (2 * cfg.training.batch_size, count):
        loader = DataLoader(Images(made, part), cfg.training.batch_size, shuffle=True, num_workers=WORKERS)
        correct, total_loss = 0, 0.0
        with forkable():
            started = perf_counter()
            for images, labels in loader:
                images, labels = images.to(made.where), labels.to(made.where)
                logits = model(images)
                loss = F.cross_entropy(logits, labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total_loss += loss.item()
                correct += (logits.argmax(1) == labels).sum().item()
            seconds = perf_counter() - started
    return count / seconds


@contextmanager
def forkable() -> Iterator[None]:
    """Worker processes leave the garbage of this one alone: freeing a CUDA graph in a forked process aborts it."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
