import pytest
import torch
import torch.nn.functional as F

from alrun.data.augmentation import Normalize
from alrun.models import MnistNet, SmallCnn, infer
from alrun.models.classifier import dropout_layers
from alrun.strategies import Needs
from alrun.system import device

NORMALIZE = Normalize([0.5], [0.3], torch.device("cpu"))
DRAWS = torch.Generator().manual_seed(0)
IMAGES = torch.randint(256, (23, 1, 8, 8), dtype=torch.uint8, generator=DRAWS)
LABELS = torch.randint(4, (23,), generator=DRAWS)


@pytest.fixture
def model() -> SmallCnn:
    torch.manual_seed(1)
    network = SmallCnn(1, (8, 8), 4, width=4, embedding=6, dropout=0.5)
    network(NORMALIZE(IMAGES))  # batch norm has seen something
    return network.train()


def plain(model: SmallCnn, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and embeddings, image by image."""
    model.eval()
    with torch.no_grad():
        rows = [(model(NORMALIZE(IMAGES[i : i + 1])), model.embed(NORMALIZE(IMAGES[i : i + 1]))) for i in index]
    model.train()
    return torch.cat([row[0] for row in rows]), torch.cat([row[1] for row in rows])


@pytest.mark.parametrize("chunk", [1, 4, 100])
def test_outputs_are_those_of_single_images_in_the_order_of_the_index(model, chunk):
    index = torch.tensor([20, 3, 3, 11, 0, 22, 7])
    logits, embedding = plain(model, index)
    outputs = infer.record(model, IMAGES, index, Needs(log_probs=True, embedding=True), NORMALIZE, chunk)
    assert torch.allclose(outputs.log_probs, logits.log_softmax(1), atol=1e-5)
    assert torch.allclose(outputs.embedding, embedding, atol=1e-5)
    assert torch.allclose(outputs.probs.sum(1), torch.ones(7))
    assert len(outputs) == 7


def test_dropout_passes_differ_by_their_masks_alone(model):
    """Every pass has one mask per image; batch norm stays as in use, so without dropout all passes are equal."""
    index = torch.arange(23)
    passes = infer.record(model, IMAGES, index, Needs(dropout_samples=4), NORMALIZE, 10).dropout_log_probs
    assert passes.shape == (4, 23, 4)
    assert all(not passes[i].allclose(passes[j]) for i in range(4) for j in range(i))
    torch.manual_seed(5)
    many = infer.record(model, IMAGES, index[:2], Needs(dropout_samples=4000), NORMALIZE, 10).dropout_log_probs
    _, embedding = plain(model, index[:2])
    spread = many.exp().mean(0)
    assert ((spread - model.head(embedding).softmax(1)).abs() < 0.1).all()
    for layer in infer.dropout_layers(model):
        layer.p = 1e-9
    same = infer.record(model, IMAGES, index, Needs(dropout_samples=2), NORMALIZE, 10).dropout_log_probs
    assert same[0].equal(same[1])


class Own(SmallCnn):
    """A network that says itself how it embeds, with dropout at both ends."""

    def embed(self, images: torch.Tensor) -> torch.Tensor:
        return F.relu(self.features(images * 1.5))


@pytest.mark.parametrize("network", [SmallCnn, MnistNet, Own], ids=lambda network: network.__name__)
def test_dropout_passes_equal_passes_through_the_whole_network(network):
    """Bit by bit, though the layers before the first dropout run once."""
    torch.manual_seed(1)
    model = network(1, (8, 8), 4, **({} if network is MnistNet else {"dropout": 0.5}))
    batch = NORMALIZE(IMAGES)
    with infer.evaluation(model):
        torch.manual_seed(7)
        passes = infer.dropout_passes(model, batch, 3)
        torch.manual_seed(7)
        for layer in dropout_layers(model):
            layer.train()
        whole = torch.stack([model(batch).log_softmax(1) for _ in range(3)])
    assert passes.equal(whole)
    assert not whole[0].equal(whole[1])


def test_layers_before_the_first_dropout_run_once_for_all_passes():
    model, calls = MnistNet(1, (8, 8), 4), []
    for position, layer in enumerate(model.features):
        layer.register_forward_hook(lambda *_, position=position: calls.append(position))
    with infer.evaluation(model):
        infer.dropout_passes(model, NORMALIZE(IMAGES), 3)
    assert [calls.count(position) for position in range(len(model.features))] == [1] * 5 + [3] * 5


def test_in_bf16_outputs_are_float32_and_close_to_the_exact_ones(model):
    index, needs = torch.arange(23), Needs(log_probs=True, embedding=True, dropout_samples=2)
    exact = infer.record(model, IMAGES, index, needs, NORMALIZE, 10)
    device.set_precision("bf16")
    try:
        rounded = infer.record(model, IMAGES, index, needs, NORMALIZE, 10)
    finally:
        device.set_precision("tf32")
    for name in ("log_probs", "embedding", "dropout_log_probs"):
        assert getattr(rounded, name).dtype == torch.float32
    assert not rounded.embedding.equal(exact.embedding)
    assert torch.allclose(rounded.embedding, exact.embedding, rtol=0.05, atol=0.05)
    assert torch.allclose(rounded.log_probs, exact.log_probs, rtol=0.05, atol=0.05)
