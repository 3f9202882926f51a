"""The feature store: computed once, found by content, resumed, in parts; and runs on what it holds."""

import copy
import errno
import hashlib
import importlib
import inspect
import json
import linecache
import logging
import re
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alrun.data import content, sources
from alrun.data.dataset import ImageData, is_mapped
from alrun.features import embed as passes
from alrun.features import parts, store
from alrun.features.encoder import hash_of
from alrun.features.encoders import Module
from alrun.features.store import Store
from alrun.loop import vector_pools
from alrun.loop.components import build_parts
from alrun.strategies.embeddings import FromFeatures
from alrun.strategies.typiclust import TypiClust
from alrun.system.errors import UserError
from tests.conftest import QUIET, SMALL
from tests.features.tiny import ENCODER, Tiny

CPU = torch.device("cpu")


@pytest.fixture
def data():
    """300 digits to label and 50 to test on."""
    return sources.digits("").thinned(300, 50)


def made(network: nn.Module | None = None, **settings) -> Module:
    return Module(network or Tiny(), size=12, **settings)


def by_hand(images: np.ndarray) -> np.ndarray:
    """The vectors, in float64 and one image at a time, by torch's functions alone."""
    network, vectors = Tiny().double(), []
    mean, std = (
        torch.tensor(each, dtype=torch.float64)[:, None, None]
        for each in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    )
    for image in torch.from_numpy(images):
        large = F.interpolate(image[None].float(), (12, 12), mode="bicubic", antialias=True, align_corners=False)
        large = large.round().clamp(0, 255).double() / 255
        vectors.append(network((large.expand(-1, 3, -1, -1) - mean) / std)[0].detach())
    return torch.stack(vectors).numpy()


def test_that_the_store_holds_what_the_network_makes_of_each_image(data, tmp_path):
    vectors, manifest = passes.embedded(data, made(), str(tmp_path), CPU, 64)
    assert vectors.train_images.dtype == np.float32
    for made_of, images in ((vectors.train_images, data.train_images), (vectors.test_images, data.test_images)):
        away = np.abs(made_of - by_hand(images))
        assert away.max() < 0.08  # a level of 256 in a few pixels: the kernel for bytes rounds otherwise than floats do
        assert away.mean() < 0.005
    assert is_mapped(vectors.train_images)
    assert manifest["dimension"] == 128
    assert vectors.originals is data.train_images
    assert (vectors.classes, vectors.shape) == (10, {"features": 128})


def test_that_it_is_computed_once_and_found_by_content(data, tmp_path):
    first, second = Tiny(), Tiny()
    passes.embedded(data, made(first), str(tmp_path), CPU, 64)
    passes.embedded(data, made(second), str(tmp_path), CPU, 64)
    assert (first.examples, second.examples) == (350, 0)


def test_that_verifying_asks_the_network_again_once(tmp_path, monkeypatch):
    """Weights may have changed without another size, time and inode."""
    known = store.Known(str(tmp_path), {"weights": "w.pth"})
    known.write({"weights": "hash"})
    monkeypatch.setattr(store, "_stated", set())  # as in a new process
    assert known.read() == {"weights": "hash"}
    monkeypatch.setattr(content, "verify", True)
    assert known.read() is None
    known.write({"weights": "another"})
    assert known.read() == {"weights": "another"}


@pytest.mark.parametrize("change", ["images", "weights", "size", "mean", "precision"])
def test_that_whatever_its_vectors_depend_on_makes_another_store(data, tmp_path, change):
    network = Tiny()
    settings = {"size": {"size": 13}, "mean": {"mean": [0.5, 0.4, 0.4]}, "precision": {"precision": "float16"}}.get(
        change, {}
    )
    before = passes.store_of(data, made(), str(tmp_path)).folder
    if change == "weights":
        network = Tiny(seed=1)
    if change == "images":
        data.test_images = data.test_images.copy()
        data.test_images[-1, 0, 0, 0] ^= 1
    after = passes.store_of(data, Module(network, **({"size": 12} | settings)), str(tmp_path)).folder
    assert before != after


def test_that_a_file_that_the_encoder_imports_makes_another_store(data, tmp_path, monkeypatch):
    """Its weights and its own file stay as they are."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "own_encoder.py").write_text(
        "import torch\nfrom own_part import brightness\n\n\nclass Mean(torch.nn.Module):\n"
        "    def forward(self, images):\n        return brightness(images)\n"
    )

    def store_with(power: int) -> str:
        (tmp_path / "own_part.py").write_text(f"def brightness(x):\n    return x.mean((2, 3)) ** {power}\n")
        for name in ("own_encoder", "own_part"):
            sys.modules.pop(name, None)
        linecache.clearcache()
        importlib.invalidate_caches()
        shutil.rmtree(tmp_path / "__pycache__", ignore_errors=True)
        encoder = importlib.import_module("own_encoder")
        return passes.store_of(data, made(encoder.Mean()), str(tmp_path / "store")).folder.name

    first = store_with(1)
    assert store_with(2) != first
    assert store_with(1) == first


def test_that_what_installed_packages_hold_is_no_part_of_an_encoders_name(tmp_path):
    assert set(made().stated()) == {"network", "weights", "form", "preprocessing", "precision", "code"}
    source = Path(str(inspect.getsourcefile(Tiny))).read_text()
    assert made().stated()["code"] == hashlib.sha256(source.encode()).hexdigest()


class Pooled(nn.Module):
    """Has no weights, and gives what its settings say."""

    def __init__(self, pool: str = "mean", **held) -> None:
        super().__init__()
        self.pool = pool
        self.held = held

    def forward(self, images: Tensor) -> Tensor:
        return getattr(images.flatten(2), self.pool)(2)


def pooled(pool: nn.Module) -> nn.Module:
    """A network of a factory: all of its classes are torch's."""
    return nn.Sequential(pool, nn.Flatten())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Pooled("mean"), Pooled("sum")),
        (Pooled(scale=torch.ones(2)), Pooled(scale=torch.zeros(2))),  # a tensor that is no buffer
        (Pooled(how=torch.amax), Pooled(how=torch.amin)),
        (Pooled(at=SimpleNamespace(layer=1)), Pooled(at=SimpleNamespace(layer=2))),
        (pooled(nn.AdaptiveAvgPool2d(1)), pooled(nn.AdaptiveMaxPool2d(1))),
        (pooled(nn.AvgPool2d(3, stride=1)), pooled(nn.AvgPool2d(3, stride=2))),
    ],
)
def test_that_networks_without_other_weights_or_code_have_other_stores(data, tmp_path, one, other):
    first, second = (passes.store_of(data, made(each), str(tmp_path)).folder for each in (one, other))
    assert first != second
    encoder = made(copy.deepcopy(one))  # at another address
    encoder.own.seen = 350  # a pass may write what it likes
    assert passes.store_of(data, encoder, str(tmp_path)).folder == first


def test_that_labels_do_not(data, tmp_path):
    before = passes.store_of(data, made(), str(tmp_path)).folder
    data.train_labels = data.train_labels[::-1].copy()
    assert passes.store_of(data, made(), str(tmp_path)).folder == before


class Failing(Tiny):
    """Stops in the middle."""

    def forward(self, images: Tensor) -> Tensor:
        if self.examples >= 128:
            raise KeyboardInterrupt
        return super().forward(images)


def test_that_what_was_interrupted_goes_on_where_it_was(data, tmp_path, monkeypatch):
    whole, _ = passes.embedded(data, made(), str(tmp_path / "whole"), CPU, 64)
    monkeypatch.setattr("alrun.features.encoder.hash_of", lambda network: "same")
    monkeypatch.setattr("alrun.features.encoders.form_of", lambda network: "same")
    monkeypatch.setattr("alrun.features.encoders.code_of", lambda network: {})
    with pytest.raises(KeyboardInterrupt):
        passes.embedded(data, made(Failing()), str(tmp_path), CPU, 64)
    monkeypatch.setattr(Module, "name", "Failing")
    (rows,) = tmp_path.glob("*/parts/*.rows")
    with rows.open("ab") as file:
        file.write(b"half a row")  # as a killed process leaves it
    network = Tiny()
    vectors, _ = passes.embedded(data, made(network), str(tmp_path), CPU, 64)
    assert 350 - 128 <= network.examples <= 350 - 64
    np.testing.assert_array_equal(vectors.train_images, whole.train_images)
    np.testing.assert_array_equal(vectors.test_images, whole.test_images)


@pytest.mark.parametrize("of", [2, 3, 7])
def test_that_parts_in_any_order_join_to_the_whole(data, tmp_path, of):
    whole, _ = passes.embedded(data, made(), str(tmp_path / "whole"), CPU, 64)
    store = passes.store_of(data, made(), str(tmp_path / "parts"))
    for number in reversed(range(1, of + 1)):
        assert store.read() is None
        assert number in parts.missing(store, of)
        passes.fill(store, data, made(), CPU, 64, number, of)
    train, test = store.open()
    np.testing.assert_allclose(train, whole.train_images, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(test, whole.test_images, rtol=1e-5, atol=1e-6)
    assert not (store.folder / "parts").exists()
    store.verify()


def test_that_a_data_set_without_a_test_split_can_be_embedded(data, tmp_path):
    names = [str(number) for number in range(10)]
    alone = ImageData(
        data.train_images, data.train_labels, data.test_images[:0], data.test_labels[:0], class_names=names
    )
    vectors, _ = passes.embedded(alone, made(), str(tmp_path), CPU, 64)
    assert (vectors.train_images.shape, vectors.test_images.shape) == ((300, 128), (0, 128))


def test_that_a_damaged_part_is_found_when_parts_are_joined(data, tmp_path):
    store = passes.store_of(data, made(), str(tmp_path))
    passes.fill(store, data, made(), CPU, 64, 1, 2)
    rows = store.folder / "parts" / "1-of-2.rows"
    content = bytearray(rows.read_bytes())
    content[100] ^= 1
    rows.write_bytes(content)
    with pytest.raises(UserError, match="was not as it had been written, and is removed"):
        passes.fill(store, data, made(), CPU, 64, 2, 2)
    assert parts.missing(store, 2) == [1]
    passes.fill(store, data, made(), CPU, 64, 1, 2)
    assert store.read() is not None


def test_that_a_part_whose_rows_are_gone_is_computed_again(data, tmp_path):
    store = passes.store_of(data, made(), str(tmp_path))
    passes.fill(store, data, made(), CPU, 64, 1, 2)
    (store.folder / "parts" / "1-of-2.rows").unlink()
    passes.fill(store, data, made(), CPU, 64, 2, 2)
    assert parts.missing(store, 2) == [1]
    passes.fill(store, data, made(), CPU, 64, 1, 2)
    whole, _ = passes.embedded(data, made(), str(tmp_path / "whole"), CPU, 64)
    np.testing.assert_allclose(store.open()[0], whole.train_images, rtol=1e-5, atol=1e-6)


def test_that_a_full_disk_is_named_and_what_is_there_is_kept(data, tmp_path, monkeypatch):
    store, network = passes.store_of(data, made(), str(tmp_path)), Tiny()
    checked = passes.checked

    def full(batch, vectors, encoder):
        if batch.start >= 128:
            raise OSError(errno.ENOSPC, "No space left on device")  # as of a write, which names no file
        return checked(batch, vectors, encoder)

    with monkeypatch.context() as patched:
        patched.setattr(passes, "checked", full)
        with pytest.raises(UserError, match=rf"{store.folder} cannot be used \(No space left.* paths.features="):
            passes.fill(store, data, made(), CPU, 64)
    passes.fill(store, data, made(network), CPU, 64)
    assert network.examples == 350 - 128


def test_that_a_damaged_store_is_found(data, tmp_path):
    passes.embedded(data, made(), str(tmp_path), CPU, 64)
    store = passes.store_of(data, made(), str(tmp_path))
    path = store.file("train")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"train_features.npy is damaged"):
        store.verify()
    path.write_bytes(content[:-8])
    with pytest.raises(UserError, match=r"train_features.npy is damaged"):
        store.open()
    store.manifest.write_text("{}")
    with pytest.raises(UserError, match=r"manifest.json is damaged"):
        store.read()


def test_that_a_network_without_sizes_is_refused(data, tmp_path):
    with pytest.raises(UserError, match="encoder: Sequential has layers that learn their size from the first batch"):
        passes.embedded(data, made(nn.Sequential(nn.Flatten(), nn.LazyLinear(8))), str(tmp_path), CPU, 64)


class Drawn(nn.Module):
    """A random projection, whose weights nobody seeded."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3 * 12 * 12, 16)

    def forward(self, images: Tensor) -> Tensor:
        return self.layer(images.flatten(1))


def test_that_random_weights_are_the_same_in_every_process(composed):
    drawn = ("encoder=module", f"encoder.network._target_={__name__}.Drawn", "encoder.size=12")
    state = torch.get_rng_state()
    first = vector_pools.build_encoder(composed(*drawn)).stated()
    assert torch.equal(torch.get_rng_state(), state)
    torch.randn(7)
    assert vector_pools.build_encoder(composed(*drawn)).stated() == first


def test_that_float16_is_the_rounded_float32(data, tmp_path):
    full, _ = passes.embedded(data, made(), str(tmp_path), CPU, 64)
    half, _ = passes.embedded(data, made(precision="float16"), str(tmp_path), CPU, 64)
    np.testing.assert_array_equal(half.train_images, full.train_images.astype(np.float16))


class Wrong(Tiny):
    """Makes what cannot be stored."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how

    def forward(self, images: Tensor) -> Tensor:
        vectors = super().forward(images)
        match self.how:
            case "nan":
                return vectors / 0
            case "large":
                return vectors + 1e6
            case "short":
                return vectors[1:]
            case "maps":
                return vectors.unflatten(1, (8, 4, 4))
            case "words":
                return vectors.unflatten(1, (8, 16))
            case "sums":
                return vectors.sum(1)
            case "nothing":
                return vectors[:, :0]
            case "complex":
                return vectors * 1j
            case "raises":
                return vectors @ vectors.half()
        return vectors if len(images) == 64 else vectors[:, :5]


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("nan", "numbers that are not finite"),
        ("large", "float16 cannot hold numbers above 65504"),
        ("short", r"gives \(63, 128\) for 64 examples"),
        ("maps", r"Wrong gives \(64, 8, 4, 4\) for 64 images; it must give \(batch, features\): .*AdaptiveAvgPool2d"),
        ("words", r"Wrong gives \(64, 8, 16\) for 64 images; it must give \(batch, features\)"),
        ("sums", r"gives \(64,\) for 64 examples; it must give a vector"),
        ("nothing", r"gives \(64, 0\) for 64 examples; it must give a vector"),
        ("complex", r"gives complex \(64, 128\) for 64 examples"),
        (
            "raises",
            r"Wrong raised RuntimeError \(.*\) in .*test_store.py, line \d+, on float32 images of shape \(64, 3,",
        ),
        ("uneven", "vectors of 128 and of 5 numbers"),
    ],
)
def test_that_what_cannot_be_stored_is_said_in_a_sentence(data, tmp_path, how, words):
    with pytest.raises(UserError, match=words):
        passes.embedded(data, made(Wrong(how), precision="float16"), str(tmp_path), CPU, 64)


def test_that_pooled_maps_are_vectors(data):
    pooled = nn.Sequential(Tiny(), nn.Unflatten(1, (128, 1, 1)))
    vectors = made(pooled).encode(data.train_images[:3], CPU)
    torch.testing.assert_close(
        vectors, pooled(made(pooled).preprocessing(torch.from_numpy(data.train_images[:3])))[..., 0, 0]
    )


def test_that_the_hash_of_weights_follows_names_values_and_types():
    first, other = nn.Linear(2, 2), nn.Linear(2, 2)
    assert hash_of(first) != hash_of(other)
    other.load_state_dict(first.state_dict())
    assert hash_of(first) == hash_of(other)
    assert hash_of(first) != hash_of(other.half())


def test_that_a_run_on_features_learns_and_shows_the_original_images(complete, tmp_path, caplog):
    settings = (
        *ENCODER,
        f"paths.features={tmp_path / 'store'}",
        "strategy=margin",
        "limit=300",
    )
    with caplog.at_level(logging.INFO):
        run_dir = complete(*settings)
    assert "Tiny makes features of 600 images" in caplog.text
    assert "128 numbers, trained on data that nobody named" in caplog.text
    table = pd.read_csv(run_dir / "accuracy.csv")
    assert table.test_accuracy.iloc[-1] > 0.3
    told = json.loads((run_dir / "run.json").read_text())["dataset"]
    assert told["encoder"]["network"] == "Tiny"
    assert told["encoder"]["preprocessing"]["size"] == [12, 12]
    assert (run_dir / "bought.png").exists()
    caplog.clear()
    complete(*settings, "seed=1")
    assert "makes features" not in caplog.text


def test_that_an_encoder_names_other_runs_and_what_it_was_trained_on_does_not(composed):
    names = [
        composed(*ENCODER, *more, hydra=True).hydra.run.dir
        for more in ((), ("encoder.trained_on=mine",), ("encoder.size=13",))
    ]
    assert names[0] == names[1] != names[2]
    assert composed("model=linear", hydra=True).hydra.run.dir != names[0]


def test_that_a_million_vectors_open_at_once(tmp_path):
    """1,281,167 x 768 as a file with holes: nothing is read but what is asked for."""
    from time import perf_counter

    store = Store(tmp_path, {"precision": "float32"}, (1_281_167, 2))
    for split, count in zip(("train", "test"), store.counts, strict=True):
        np.lib.format.open_memmap(store.file(split), "w+", np.float32, (count, 768)).flush()
    store.finish(768, {}, {})
    started = perf_counter()
    train, _ = store.open()
    assert perf_counter() - started < 0.5
    assert train.shape == (1_281_167, 768)
    assert train[-1].sum() == 0


@pytest.mark.parametrize("option", ["strategy=typiclust", "seed_set=facility_location", "seed_set=dispersion_min"])
def test_that_a_choice_is_by_features_of_the_images_on_which_a_network_trains(complete, tmp_path, option):
    place = option.partition("=")[0]
    where = f"{place}.embeddings.encoder"
    run_dir = complete(
        option,
        "strategy=random" if place == "seed_set" else option,
        f"embeddings@{place}.embeddings=features",
        f"pretrained@{where}=module",
        f"{where}.network._target_={Tiny.__module__}.Tiny",
        f"{where}.size=12",
        f"paths.features={tmp_path / 'store'}",
    )
    assert json.loads((run_dir / "run.json").read_text())["options"]["model"] == "small_cnn"
    (manifest,) = (tmp_path / "store").glob("*/manifest.json")
    assert json.loads(manifest.read_text())["dimension"] == 128


def chosen_by_features(composed, folder, *shaped: str) -> np.ndarray:
    """How far the rows of a strategy's encoder are from its vectors of the pool's images, made at once."""
    where = "strategy.embeddings.encoder"
    words = ("strategy=typiclust", "embeddings@strategy.embeddings=features", f"pretrained@{where}=module")
    words += (f"{where}.network._target_={Tiny.__module__}.Tiny", f"{where}.size=12", f"paths.features={folder}")
    parts = build_parts(composed("dataset=digits", *SMALL, *QUIET, *words, *shaped), CPU)
    assert isinstance(parts.strategy, TypiClust)
    assert isinstance(parts.strategy.embeddings, FromFeatures)
    return np.abs(parts.strategy.embeddings.rows - passes.vectors_of(parts.data.train_images, made(), CPU)).max()


@pytest.mark.parametrize(
    "shaped",
    [
        ("imbalance=step", "imbalance.ratio=5"),
        ("open_set=held_out",),
        ("validation=100", "budget.total=160"),
        ("limit=200", "imbalance=step", "imbalance.ratio=5"),
    ],
)
def test_that_shaped_pools_share_the_vectors_of_the_data_set(composed, tmp_path, shaped):
    """Each repeat draws another part; with limit all is of the trial."""
    assert max(chosen_by_features(composed, tmp_path, *shaped, f"seed={seed}") for seed in range(2)) < 1e-4
    assert len(list(tmp_path.glob("Tiny-*"))) == 1


def test_that_a_pool_with_examples_from_elsewhere_has_vectors_of_its_own(composed, tmp_path):
    shaped = ("open_set=dataset", "dataset@open_set.dataset=digits", "imbalance=step", "imbalance.ratio=5")
    assert chosen_by_features(composed, tmp_path, *shaped, "limit=300") < 1e-4


@pytest.mark.parametrize(
    ("options", "setting"),
    [
        (("encoder=torchvision", "encoder.name=resnet18", "model=linear", "optimizer=convex"), "encoder"),
        (("strategy=typiclust", "embeddings@strategy.embeddings=torchvision"), "strategy.embeddings.encoder"),
        (("seed_set=facility_location", "embeddings@seed_set.embeddings=torchvision"), "seed_set.embeddings.encoder"),
        (
            (
                "strategy=subsample",
                "strategy@strategy.inner=typiclust",
                "embeddings@strategy.inner.embeddings=torchvision",
            ),
            "strategy.inner.embeddings.encoder",
        ),
        (("model=torchvision", "model.name=resnet18"), "model"),
    ],
)
def test_that_a_mistake_is_told_of_the_setting_where_the_encoder_is_given(complete, tmp_path, options, setting):
    missing = f"{setting}.weights={tmp_path / 'none.pth'}"
    with pytest.raises(UserError, match=f"(^|: ){re.escape(missing)}: there is no such file"):
        complete(*options, missing, f"paths.features={tmp_path}")


def test_that_a_log_says_how_far_the_pass_is(data, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(passes, "LINE_EVERY", 0.0)
    with caplog.at_level(logging.INFO):
        passes.embedded(data, made(), str(tmp_path), CPU, 64, progress=False)
    assert [line.split(" done, ")[0] for line in caplog.messages if " done, " in line] == [
        f"{done} of 350" for done in (64, 128, 192, 256, 300, 350)
    ]


def test_that_altered_copies_go_through_the_encoder(data, tmp_path, composed):
    from alrun.pool.redundancy import AugmentedDuplicate

    cfg = composed(*ENCODER, f"paths.features={tmp_path}")
    vectors, _ = vector_pools.encoded(cfg, data, CPU, [300, 50])
    redundancy = AugmentedDuplicate(factor=5, unique=60)
    altered = redundancy.apply(data.train_images, data.train_labels, np.random.default_rng(0))
    encoded = vector_pools.on_vectors(cfg, vectors, redundancy, CPU)
    made_of = encoded.apply(vectors.train_images, vectors.train_labels, np.random.default_rng(0))
    np.testing.assert_array_equal(made_of.source, altered.source)
    expected = Tiny().eval()(made().made[1](torch.from_numpy(altered.images))).detach().numpy()
    np.testing.assert_allclose(made_of.images, expected, rtol=1e-3, atol=1e-4)


def test_that_a_data_set_beside_that_of_the_run_goes_through_the_same_encoder(composed, tmp_path):
    """Strangers from images are vectors of these images, and the originals of all stay in step."""
    from alrun.data.dataset import STRANGER
    from alrun.loop.components import build_parts

    draws = np.random.default_rng(0)
    images = draws.integers(0, 256, (60, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "blots.npz", images=images, labels=np.arange(60) % 2)
    beside = ("open_set=dataset", "dataset@open_set.dataset=npz", f"open_set.dataset.path={tmp_path / 'blots.npz'}")
    words = (*ENCODER, f"paths.features={tmp_path / 'store'}", "limit=60", *beside)
    data = build_parts(
        composed(*words, "open_set.share=0.25", "imbalance=step", "imbalance.ratio=2", "runtime.device=cpu"), CPU
    ).data
    strange = np.flatnonzero(data.train_labels == STRANGER)
    assert len(strange) == 20
    assert len(list((tmp_path / "store").glob("*/manifest.json"))) == 2
    network = Tiny().eval()
    assert data.originals is not None
    for place in (*strange[:3], *np.flatnonzero(data.train_labels != STRANGER)[:3]):
        (original,) = data.originals[np.array([place])]
        assert any(np.array_equal(original[0], each) for each in images) == (place in strange)
        expected = network(made().made[1](torch.from_numpy(original[None]))).detach().numpy()
        np.testing.assert_allclose(data.train_images[place][None], expected, rtol=1e-3, atol=1e-4)
