"""Training that goes on from a pretrained network; torchvision's, with weights from a file."""

import pandas as pd
import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR

from alrun.features.finetune import NetworkInput, Pretrained, torchvision_model
from alrun.features.preprocessing import Preprocessing
from alrun.models.classifier import frozen
from alrun.system.errors import UserError
from alrun.training.optimizer import Descent, Optimization

SEEN = Preprocessing((16, 16), None, "bilinear")


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 6, 3), nn.AdaptiveAvgPool2d(1))


def trained(model: Pretrained, steps: int = 3) -> None:
    descent = Descent(Optimization(lambda parameters: torch.optim.SGD(parameters, lr=0.1)), model)
    model.train()
    for step in range(steps):
        images = torch.randn(8, 3, 16, 16, generator=torch.Generator().manual_seed(step))
        model(images).logsumexp(1).sum().backward()
        descent.optimizer.step()


@pytest.mark.parametrize(
    ("freeze", "stay"),
    [
        ("none", set()),
        ("1", {"0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var"}),
        ("backbone", set(network().state_dict()) - {"1.num_batches_tracked"}),
    ],
)
def test_what_is_frozen_stays_and_all_else_moves(freeze, stay):
    model = Pretrained(network(), SEEN, 5, freeze, 1.0)
    before = {name: tensor.clone() for name, tensor in model.network.state_dict().items()}
    assert {name.removeprefix("network.") for name in frozen(model.train())} - {"1.num_batches_tracked"} == stay
    trained(model)
    same = {name for name, tensor in model.network.state_dict().items() if tensor.equal(before[name])}
    assert same - {"1.num_batches_tracked"} == stay


def test_a_lower_rate_takes_shorter_steps_in_the_backbone_alone():
    steps = []
    for rate in (1.0, 0.1):
        torch.manual_seed(0)
        model = Pretrained(network(), SEEN, 5, "none", rate)
        before = model.network.get_parameter("3.weight").clone(), model.head.weight.clone()
        trained(model, 1)
        steps.append((model.network.get_parameter("3.weight") - before[0], model.head.weight - before[1]))
    assert torch.allclose(steps[1][0], 0.1 * steps[0][0], atol=1e-7)
    assert torch.allclose(steps[1][1], steps[0][1])


def test_one_cycle_keeps_the_share_of_the_rate():
    model = Pretrained(network(), SEEN, 5, "none", 0.1)
    settings = Optimization(
        lambda parameters: torch.optim.SGD(parameters, lr=0.1),
        lambda optimizer: OneCycleLR(optimizer, 0.5, total_steps=6, cycle_momentum=False),
    )
    descent = Descent(settings, model)
    rates = []
    for _ in range(6):
        rates.append([group["lr"] for group in descent.optimizer.param_groups])
        descent.optimizer.step()
        if len(rates) < 6:
            descent.end_epoch(0.5)
    assert all(rest == pytest.approx(0.1 * head) for head, rest in rates)
    assert 0.45 < max(head for head, _ in rates) <= 0.5


def test_a_part_that_is_not_there_is_named():
    with pytest.raises(UserError, match=r"model.freeze=layer9: give none, backbone, or a part of the network: 0, 1"):
        Pretrained(network(), SEEN, 5, "layer9", 1.0)


def test_random_weights_are_not_frozen():
    with pytest.raises(UserError, match=r"add model.pretrained=true"):
        torchvision_model(3, (8, 8), 10, "resnet18", freeze="backbone")


def test_the_input_is_that_of_the_preprocessing():
    images = torch.randint(256, (3, 1, 8, 8), dtype=torch.uint8)
    assert NetworkInput(SEEN, torch.device("cpu"))(images).equal(SEEN(images))


def test_a_run_goes_on_from_a_file_of_weights(complete, tmp_path, monkeypatch):
    """A tiny network under a name of torchvision's; its weights are those of the file, its size the library's."""
    from alrun.system.torchvision_import import torchvision

    class Tiny(nn.Module):
        def __init__(self, **_: object) -> None:
            super().__init__()
            self.stem = nn.Conv2d(3, 4, 7, stride=32)
            self.fc = nn.Linear(4, 1000)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.fc(self.stem(images).mean((2, 3)))

    stored = Tiny()
    torch.save(stored.state_dict(), tmp_path / "tiny.pt")
    monkeypatch.setattr(torchvision.models, "get_model", lambda name, weights: Tiny())
    settings = ("model=torchvision", "model.name=resnet18", f"model.weights={tmp_path / 'tiny.pt'}", "limit=80")
    run_dir = complete(*settings, "model.freeze=backbone", "strategy=badge", "budget.total=40", "training.max_epochs=1")
    assert len(pd.read_csv(run_dir / "accuracy.csv")) == 2
    model = torchvision_model(1, (8, 8), 10, "resnet18", weights=str(tmp_path / "tiny.pt"))
    assert isinstance(model, Pretrained)
    assert model.network.get_parameter("stem.weight").equal(stored.stem.weight)
    assert model.preprocessing.size == (224, 224)
