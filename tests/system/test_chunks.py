"""Running out of memory: smaller chunks in passes, a sentence in training."""

import pytest
import torch

from alrun.data.augmentation import Normalize
from alrun.models import SmallCnn
from alrun.models.infer import record
from alrun.strategies import Needs
from alrun.system.chunks import in_chunks
from alrun.system.errors import UserError
from alrun.training.evaluation import evaluate
from tests.training.test_trainer import network, problem, trainer

NORMALIZE = Normalize([0.5], [0.3], torch.device("cpu"))
IMAGES = torch.randint(256, (53, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


class Small(SmallCnn):
    """Stands for a network on a GPU with room for so many images."""

    room = 9

    def embed(self, images: torch.Tensor) -> torch.Tensor:
        if len(images) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return super().embed(images)


def model(kind: type[SmallCnn]) -> SmallCnn:
    torch.manual_seed(3)
    return kind(1, (8, 8), 2, width=4, embedding=8)


@pytest.mark.parametrize("chunk", [9, 10, 53, 1000])
def test_a_pass_that_does_not_fit_goes_on_in_smaller_chunks_with_the_same_outputs(chunk, caplog):
    index, seen = torch.arange(53).flip(0), []
    needs = Needs(log_probs=True, embedding=True)
    small = record(model(Small), IMAGES, index, needs, NORMALIZE, chunk, seen.append)
    large = record(model(SmallCnn), IMAGES, index, needs, NORMALIZE, chunk)
    assert torch.allclose(small.log_probs, large.log_probs, atol=1e-6)
    assert torch.allclose(small.embedding, large.embedding, atol=1e-6)
    assert sum(seen) == 53
    assert ("memory is full: continuing with" in caplog.text) == (chunk > 9)
    labels = torch.arange(53) % 2
    tested = [evaluate(model(kind), IMAGES, labels, NORMALIZE, chunk, 2) for kind in (Small, SmallCnn)]
    assert tested[0].accuracy == tested[1].accuracy
    assert tested[0].class_accuracy == tested[1].class_accuracy


def test_every_example_is_seen_once_and_a_single_one_that_does_not_fit_is_an_error():
    sizes = []

    def work(part: slice) -> None:
        if part.stop - part.start > 3:
            raise torch.OutOfMemoryError
        sizes.append((part.start, part.stop))

    in_chunks(10, 7, work)
    assert sizes == [(0, 3), (3, 6), (6, 9), (9, 10)]
    with pytest.raises(torch.OutOfMemoryError):
        in_chunks(3, 1, lambda part: (_ for _ in ()).throw(torch.OutOfMemoryError()))


def test_training_that_does_not_fit_names_the_setting(monkeypatch):
    small = network()
    monkeypatch.setattr(small, "forward", lambda images: (_ for _ in ()).throw(torch.OutOfMemoryError()))
    with pytest.raises(UserError, match=r"training.batch_size=20: the device's memory is full in round 2; lower it"):
        trainer(problem()).fit(small, problem(), 0, 2, lambda epoch, accuracy: None)
