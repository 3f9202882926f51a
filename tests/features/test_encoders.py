"""Encoders against the libraries that they come from; weights of files; what they were trained on."""

import os
import subprocess
import sys
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image
from torch import nn

from alrun.features.encoders import SentenceTransformers, Timm, Torchvision
from alrun.features.provenance import names_of, of_tag, overlap
from alrun.system.errors import UserError
from alrun.system.torchvision_import import torchvision

CPU = torch.device("cpu")
IMAGES = np.random.default_rng(0).integers(0, 256, (3, 3, 40, 50), dtype=np.uint8)


@pytest.fixture(scope="module")
def resnet(tmp_path_factory):
    """A file with weights of torchvision's ResNet-18, and the network."""
    torch.manual_seed(0)
    network = torchvision.models.resnet18().eval()
    path = tmp_path_factory.mktemp("weights") / "resnet18.pth"
    torch.save(network.state_dict(), path)
    return path, network


def test_that_torchvision_gives_what_its_network_and_its_own_transforms_give(resnet):
    path, network = resnet
    transforms = torchvision.models.get_model_weights("resnet18")["DEFAULT"].transforms()
    encoder = Torchvision("resnet18", weights=str(path))
    ours, theirs = (prepare(torch.from_numpy(IMAGES)) for prepare in (encoder.made[1], transforms))
    assert (ours - theirs).abs().max() < 1.1 / 255 / 0.224  # a level of 256, rounded otherwise
    layers = nn.Sequential(*list(network.children())[:-1], nn.Flatten())
    with torch.no_grad():
        torch.testing.assert_close(encoder.encode(IMAGES, CPU), layers(ours), rtol=1e-4, atol=1e-4)


def test_that_timm_gives_what_its_network_and_its_own_transform_give(tmp_path):
    timm = pytest.importorskip("timm", reason="timm is not installed: pip install 'alrun[features]'")
    torch.manual_seed(0)
    network = timm.create_model("resnet10t", num_classes=0).eval()
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(network), is_training=False)
    seen = torch.stack([transform(Image.fromarray(image.transpose(1, 2, 0))) for image in IMAGES])
    encoder = Timm("resnet10t", weights=str(tmp_path / "weights.pth"))
    _, preprocessing = encoder.made
    ours = preprocessing(torch.from_numpy(IMAGES))
    assert (ours - seen).abs().max() < 2.5 / 255 / 0.224  # a level or two of 256, which PIL rounds otherwise
    with torch.no_grad():
        torch.testing.assert_close(encoder.encode(IMAGES, CPU), network(seen), rtol=0.05, atol=0.05)


WRAPPERS = (lambda s: {"state_dict": {f"module.{name}": each for name, each in s.items()}}, lambda s: {"model": s})


@pytest.mark.parametrize("wrap", WRAPPERS)
def test_that_weights_are_found_within_what_frameworks_wrap_around_them(resnet, tmp_path, wrap):
    path, _ = resnet
    stored = torch.load(path, weights_only=True)
    torch.save(wrap(stored), tmp_path / "wrapped.pth")
    made, expected = (Torchvision("resnet18", weights=str(each)).stated() for each in (tmp_path / "wrapped.pth", path))
    assert made == expected


def test_that_weights_that_do_not_fit_are_refused_in_a_sentence(resnet, tmp_path):
    path, _ = resnet
    with pytest.raises(UserError, match=r"does not fit ResNet: it lacks \d+ names \(layer1.2.*name the network"):
        Torchvision("resnet34", weights=str(path)).stated()
    deeper = torchvision.models.resnet34(weights=None).state_dict()
    torch.save(deeper, tmp_path / "deeper.pth")  # holds all that a ResNet-18 has, in the same shapes
    with pytest.raises(UserError, match=r"does not fit ResNet: it has \d+ names \(layer1.2.*of a deeper network"):
        Torchvision("resnet18", weights=str(tmp_path / "deeper.pth")).stated()
    narrow = torch.load(path, weights_only=True)
    narrow["conv1.weight"] = narrow["conv1.weight"][:1]
    torch.save(narrow, tmp_path / "narrow.pth")
    with pytest.raises(
        UserError, match=r"\(conv1.weight\) differ in shape, \(1, 3, 7, 7\) there and \(64, 3, 7, 7\) here"
    ):
        Torchvision("resnet18", weights=str(tmp_path / "narrow.pth")).stated()
    (tmp_path / "text.pth").write_text("not weights")
    with pytest.raises(UserError, match=r"cannot be read as weights: it must hold tensors alone, saved by torch.save"):
        Torchvision("resnet18", weights=str(tmp_path / "text.pth")).stated()
    with pytest.raises(UserError, match="there is no such file"):
        Torchvision("resnet18", weights=str(tmp_path / "none.pth")).stated()


def test_that_a_head_among_the_layers_of_the_network_is_passed_over(tmp_path):
    whole = torchvision.models.vgg11(weights=None)
    torch.save(whole.state_dict(), tmp_path / "vgg.pth")  # its head is classifier.6, beside classifier.0 and .3
    network, _ = Torchvision("vgg11", weights=str(tmp_path / "vgg.pth")).make()
    torch.testing.assert_close(network.state_dict()["classifier.3.weight"], whole.state_dict()["classifier.3.weight"])


def test_that_code_in_a_file_of_weights_is_not_run(tmp_path):
    torch.save({"state_dict": OmegaConf.create({"a": 1})}, tmp_path / "code.pth")
    with pytest.raises(UserError, match="cannot be read as weights"):
        Torchvision("resnet18", weights=str(tmp_path / "code.pth")).stated()


def test_that_a_network_that_does_not_exist_is_refused():
    with pytest.raises(UserError, match="torchvision has no such network"):
        Torchvision("resnet19").stated()
    with pytest.raises(UserError, match=r"give either encoder.name, .* or encoder.path"):
        SentenceTransformers()


def test_that_weights_that_cannot_be_downloaded_are_said_to_be_put_somewhere(monkeypatch):
    def offline(*_, **__):
        raise OSError("no connection")

    monkeypatch.setattr(torchvision.models, "get_model", offline)
    with pytest.raises(
        UserError, match=r"put https://download.pytorch.org/models/resnet18-\w+.pth at .*/checkpoints/resnet18-"
    ) as raised:
        Torchvision("resnet18").stated()
    assert str(raised.value).endswith("or name a file of weights by encoder.weights=...")


@pytest.mark.parametrize(
    ("error", "is_cut_off"), [(None, False), (OSError, False), (ConnectionError, True), (TimeoutError, True)]
)
def test_that_a_hub_that_does_not_answer_is_asked_once(monkeypatch, tmp_path, error, is_cut_off):
    """The library would ask again and again, for more than a minute; OSError stands for an answer that refuses."""
    asked, loaded = [], []

    class Answer(OSError):
        """Of the hub, which refuses: HfHubHTTPError."""

    class HfApi:
        def model_info(self, name, timeout):
            asked.append(name)
            if error is not None:
                raise Answer if error is OSError else error

    def load(source, device, local_files_only):
        loaded.append((source, local_files_only))
        return nn.Identity()

    constants = SimpleNamespace(HF_HUB_ETAG_TIMEOUT=10)
    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(HfApi=HfApi, constants=constants))
    monkeypatch.setitem(sys.modules, "huggingface_hub.utils", SimpleNamespace(HfHubHTTPError=Answer))
    monkeypatch.setitem(sys.modules, "sentence_transformers", SimpleNamespace(SentenceTransformer=load))
    for source in ("some/model", str(tmp_path)):
        assert SentenceTransformers(source).model is not None
    assert asked == ["some/model"]  # of a folder, nobody is asked
    assert loaded == [("some/model", is_cut_off), (str(tmp_path), False)]


def test_that_instagram_is_told_of_the_weights_that_were_trained_on_it():
    models = torchvision.models
    for name in models.list_models(module=models):
        is_swag = "SWAG" in models.get_model_weights(name)["DEFAULT"].name
        assert Torchvision(name).trained_on == ("Instagram, ImageNet-1k" if is_swag else "ImageNet-1k"), name


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("vit_small_patch14_dinov2.lvd142m", "LVD-142M (ImageNet-22k among its sources)"),
        ("vit_base_patch16_clip_224.openai", "OpenAI's WIT"),
        ("convnext_tiny.in12k_ft_in1k", "ImageNet-22k, ImageNet-1k"),
        ("resnet50.a1_in1k", "ImageNet-1k"),
        ("resnet50", None),
    ],
)
def test_that_a_tag_of_timm_says_what_a_network_was_trained_on(name, data):
    assert of_tag(name) == data


@pytest.mark.parametrize(
    ("trained_on", "dataset", "words"),
    [
        ("ImageNet-1k", {"_target_": "alrun.data.sources.tiny_imagenet"}, "which holds this data set"),
        ("LVD-142M", {"_target_": "alrun.data.own.image_folder", "path": "my/oxford_pets"}, "which holds"),
        ("LAION", {"_target_": "alrun.data.sources.torchvision_data", "name": "CIFAR10"}, "images of the web"),
        ("ImageNet-1k", {"_target_": "alrun.data.sources.torchvision_data", "name": "CIFAR10"}, None),
        ("Instagram", {"_target_": "alrun.data.sources.torchvision_data", "name": "CIFAR10"}, "images of the web"),
        ("SVHN", {"_target_": "alrun.data.sources.torchvision_data", "name": "SVHN"}, "which holds this data set"),
        ("STL-10, CIFAR-10", {"_target_": "alrun.data.sources.torchvision_data", "name": "CIFAR10"}, "which holds"),
        ("CIFAR-10", {"_target_": "alrun.data.sources.torchvision_data", "name": "CIFAR100"}, None),
        ("MNIST", {"_target_": "alrun.data.sources.torchvision_data", "name": "FashionMNIST"}, None),
        ("Food-101", {"_target_": "alrun.data.own.image_folder", "path": "data/food101"}, "which holds this data set"),
        ("banking77", {"_target_": "alrun.data.tables.text", "path": "data/banking77"}, "which holds this data set"),
        ("my own photos", {"_target_": "alrun.data.own.image_folder", "path": None}, None),
        (None, {"_target_": "alrun.data.sources.tiny_imagenet"}, None),
    ],
)
def test_that_an_overlap_with_the_data_is_told(trained_on, dataset, words):
    said = overlap(trained_on, names_of(OmegaConf.create(dataset)))
    assert (said is None) if words is None else (said is not None and words in said)


@pytest.mark.parametrize("package", ["torchvision", "timm", "sentence_transformers", "alrun.features.encoders"])
def test_that_a_library_can_be_imported_once_torchvision_is_prepared(package, tmp_path):
    """As a user's own code imports it, in a process of its own."""
    if find_spec(package.partition(".")[0]) is None:
        pytest.skip(f"{package} is not installed")
    (tmp_path / "mine.py").write_text(f"import {package}\n")
    code = "from alrun.settings import targets; targets._listed = ('mine',); targets.import_user_module('mine')"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"}
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert answer.returncode == 0, answer.stderr[-2000:]
