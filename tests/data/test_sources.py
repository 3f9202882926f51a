"""Every source against what was put into its files."""

import gzip
import io
import pickle
import tarfile
from hashlib import md5
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import scipy.io
from PIL import Image
from sklearn.datasets import load_digits

from alrun.data import image_decoding, own, sources
from alrun.settings.checks import POOL_SIZES
from alrun.system.errors import UserError
from alrun.system.torchvision_import import torchvision


def drawn(count: int, channels: int = 3, size: int = 32, seed: int = 0) -> np.ndarray:
    """(N, H, W, C) uint8, smooth enough for JPEG."""
    coarse = np.random.default_rng(seed).integers(256, size=(count, 4, 4, channels), dtype=np.uint8)
    return coarse.repeat(size // 4, 1).repeat(size // 4, 2)


LABELS = np.array([0, 1, 2, 0, 1, 2])


def test_digits_are_all_of_scikit_learns_split_by_class():
    data = sources.digits("")
    assert (len(data.train_labels), len(data.test_labels), data.classes) == (1297, 500, 10)
    pixels, labels = load_digits(return_X_y=True)
    ours = np.concatenate([data.train_images, data.test_images]).reshape(-1, 64)
    names = np.concatenate([data.train_labels, data.test_labels])
    expected = sorted((tuple(np.rint(p * 255 / 16).astype(int)), y) for p, y in zip(pixels, labels, strict=True))
    assert sorted((tuple(p.astype(int)), y) for p, y in zip(ours, names, strict=True)) == expected
    share = np.bincount(data.test_labels) / np.bincount(labels)
    assert share.max() - share.min() < 0.01
    assert sources.digits("").fingerprint() == data.fingerprint()


@pytest.mark.parametrize("layout", ["NHWC", "NCHW", "NHW"])
def test_npz_in_every_layout(tmp_path, layout):
    images = drawn(6, channels=1 if layout == "NHW" else 3, size=8)
    stored = {"NHWC": images, "NCHW": images.transpose(0, 3, 1, 2), "NHW": images[..., 0]}[layout]
    np.savez(
        tmp_path / "a.npz", train_images=stored, train_labels=LABELS, test_images=stored[:3], test_labels=LABELS[:3]
    )
    data = sources.npz("", str(tmp_path / "a.npz"))
    assert np.array_equal(data.train_images, images.transpose(0, 3, 1, 2))
    assert np.array_equal(data.test_labels, LABELS[:3])


def test_files_that_are_no_npz_are_told_apart(tmp_path):
    with pytest.raises(UserError, match=r"dataset.path=nowhere.npz: there is no such file"):
        sources.npz("", "nowhere.npz")
    (tmp_path / "text.npz").write_text("not an archive")
    with pytest.raises(UserError, match=r"text.npz cannot be read as npz"):
        sources.npz("", str(tmp_path / "text.npz"))
    np.savez(tmp_path / "half.npz", train_images=drawn(2), train_labels=LABELS[:2])
    with pytest.raises(
        UserError, match=r"half.npz lacks the arrays photos, label; it holds train_images uint8 \(2, 32"
    ):
        sources.npz("", str(tmp_path / "half.npz"), labels_array="label", images_array="photos")
    np.save(tmp_path / "one.npy", LABELS)
    with pytest.raises(UserError, match=r"one.npy is one array \(npy\)"):
        sources.npz("", str(tmp_path / "one.npy"))
    whole = (tmp_path / "half.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"cut.npz cannot be read as npz"):
        sources.npz("", str(tmp_path / "cut.npz"))


def test_packed_jpeg_gives_the_pixels_of_the_decoded_files(tmp_path):
    made, decoded = {}, {}
    for split, count in (("train", 6), ("test", 3)):
        files = []
        for image in drawn(count, seed=count):
            buffer = io.BytesIO()
            Image.fromarray(image).save(buffer, "JPEG")
            files.append(buffer.getvalue())
        made[f"{split}_jpeg"] = np.frombuffer(b"".join(files), np.uint8)
        made[f"{split}_offsets"] = np.cumsum([0, *map(len, files)])
        made[f"{split}_labels"] = LABELS[:count].astype(np.uint8)
        decoded[split] = np.stack([np.asarray(Image.open(io.BytesIO(file))) for file in files])
    np.savez(tmp_path / "p.npz", **made)
    data = sources.packed_jpeg("", str(tmp_path / "p.npz"))
    assert np.array_equal(data.train_images, decoded["train"].transpose(0, 3, 1, 2))
    assert np.array_equal(data.test_images, decoded["test"].transpose(0, 3, 1, 2))
    assert data.train_labels.tolist() == LABELS.tolist()


def save_folder(where: Path, images: np.ndarray) -> None:
    for position, image in enumerate(images):
        folder = where / f"class{LABELS[position % 6]}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{position}.png")


def test_image_folder_with_its_own_splits(tmp_path):
    train, test = drawn(6, size=16), drawn(3, size=16, seed=1)
    save_folder(tmp_path / "train", train)
    save_folder(tmp_path / "test", test)
    data = own.image_folder("", str(tmp_path), size=16)
    order = [0, 3, 1, 4, 2, 5]  # by class folder, then by file
    assert np.array_equal(data.train_images, train[order].transpose(0, 3, 1, 2))
    assert data.train_labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert np.array_equal(data.test_images, test.transpose(0, 3, 1, 2))
    gray = own.image_folder("", str(tmp_path), size=8, channels=1)
    assert gray.train_images.shape == (6, 1, 8, 8)
    (tmp_path / "train" / "class2").rename(tmp_path / "class2")
    with pytest.raises(UserError, match=r"no training example is of the class class2, but 1 of 3 test examples are"):
        own.image_folder("", str(tmp_path), size=16)


def test_image_folder_holds_out_a_share_of_every_class(tmp_path):
    images = drawn(60, size=4)
    save_folder(tmp_path, images)
    data = own.image_folder("", str(tmp_path), size=4, test_fraction=0.25)
    assert np.bincount(data.test_labels).tolist() == [5, 5, 5]
    both = np.concatenate([data.train_images, data.test_images]).transpose(0, 2, 3, 1)
    assert sorted(image.tobytes() for image in both) == sorted(image.tobytes() for image in images)
    with pytest.raises(UserError, match=r"dataset.test_fraction=1\.5"):
        own.image_folder("", str(tmp_path), size=4, test_fraction=1.5)


def test_image_folder_names_what_it_cannot_read(tmp_path):
    with pytest.raises(UserError, match=r"dataset.path="):
        own.image_folder("", str(tmp_path / "nowhere"))
    save_folder(tmp_path, drawn(6))
    (tmp_path / "class1" / "broken.png").write_bytes(b"\x89PNG no more")
    with pytest.raises(UserError, match=r"broken.png is not a readable image"):
        own.image_folder("", str(tmp_path), test_fraction=0.5)


def cifar_files(where: Path, images: np.ndarray, key: str) -> list[list[str]]:
    """CIFAR's pickled batches with these images, and torchvision's list of their checksums."""
    content = pickle.dumps({"data": images.transpose(0, 3, 1, 2).reshape(len(images), -1), key: LABELS.tolist()})
    where.parent.mkdir(parents=True, exist_ok=True)
    where.write_bytes(content)
    return [[where.name, md5(content).hexdigest()]]


@pytest.mark.parametrize("name", ["CIFAR10", "CIFAR100"])
def test_cifars_own_files(tmp_path, monkeypatch, name):
    dataset, images = getattr(torchvision.datasets, name), drawn(6)
    base, key = tmp_path / dataset.base_folder, "labels" if name == "CIFAR10" else "fine_labels"
    monkeypatch.setattr(dataset, "train_list", cifar_files(base / "train", images, key))
    monkeypatch.setattr(dataset, "test_list", cifar_files(base / "test", images[::-1], key))
    meta = pickle.dumps({"label_names": list("abc"), "fine_label_names": list("abc")})
    (base / "meta").write_bytes(meta)
    field = {"filename": "meta", "key": dataset.meta["key"], "md5": md5(meta).hexdigest()}
    monkeypatch.setattr(dataset, "meta", field)
    data = sources.torchvision_data(str(tmp_path), name)
    assert np.array_equal(data.train_images, images.transpose(0, 3, 1, 2))
    assert np.array_equal(data.test_images, images[::-1].transpose(0, 3, 1, 2))
    assert data.train_labels.tolist() == LABELS.tolist()
    # A file whose checksum is wrong is not read, and not silently replaced by anything.
    (base / "train").write_bytes(b"altered")
    monkeypatch.setattr(dataset, "download", lambda self: (_ for _ in ()).throw(URLError("no network")))
    sources._torchvision_arrays.cache_clear()
    with pytest.raises(UserError, match=rf"paths.data=.*: {name} is not there and could not be downloaded"):
        sources.torchvision_data(str(tmp_path), name)


def test_an_archive_that_is_not_the_published_one_is_not_unpacked(tmp_path, monkeypatch):
    data, outside = tmp_path / "data", tmp_path / "outside"
    data.mkdir()
    with tarfile.open(data / "cifar-10-python.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("../outside")
        member.size = 1
        archive.addfile(member, io.BytesIO(b"x"))
    refuse = lambda *_, **__: (_ for _ in ()).throw(URLError("no network"))  # noqa: E731
    monkeypatch.setattr("urllib.request.urlopen", refuse)
    with pytest.raises(UserError, match="CIFAR10 is not there and could not be downloaded"):
        sources.torchvision_data(str(data), "CIFAR10")
    assert not outside.exists()


def test_svhns_own_files(tmp_path, monkeypatch):
    dataset, images = torchvision.datasets.SVHN, drawn(6)
    digits, lists = np.array([10, 1, 2, 10, 1, 2]), {}  # in these files 10 stands for the digit 0
    for split in ("train", "test"):
        path = tmp_path / f"{split}.mat"
        scipy.io.savemat(path, {"X": images.transpose(1, 2, 3, 0), "y": digits[:, None]})
        lists[split] = ["", path.name, md5(path.read_bytes()).hexdigest()]
    monkeypatch.setattr(dataset, "split_list", lists)
    data = sources.torchvision_data(str(tmp_path), "SVHN")
    assert np.array_equal(data.train_images, images.transpose(0, 3, 1, 2))
    assert data.test_labels.tolist() == LABELS.tolist()


def gunzip(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes())


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST"])
def test_real_mnist_from_its_archives(real_data, name):
    folder = real_data / sources.FOLDERS[name] / name / "raw"
    if not folder.is_dir():
        pytest.skip(f"{folder} does not exist")
    data = sources.torchvision_data(str(real_data), name)
    expected = np.frombuffer(gunzip(folder / "train-images-idx3-ubyte.gz"), np.uint8, offset=16)
    assert np.array_equal(data.train_images.ravel(), expected)
    labels = np.frombuffer(gunzip(folder / "t10k-labels-idx1-ubyte.gz"), np.uint8, offset=8)
    assert np.array_equal(data.test_labels, labels)
    assert data.train_images.shape == (60_000, 1, 28, 28)


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST"])
def test_unpacked_files_that_are_not_the_published_ones_are_refused(tmp_path, name):
    raw = tmp_path / name / "raw"
    raw.mkdir(parents=True)
    for split, count in (("train", 3), ("t10k", 2)):
        images, labels = np.zeros((count, 28, 28), np.uint8), np.arange(count, dtype=np.uint8)
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            head = b"".join(size.to_bytes(4, "big") for size in (0x0800 + array.ndim, *array.shape))
            (raw / f"{split}-{kind}-ubyte").write_bytes(head + array.tobytes())
    sources._torchvision_arrays.cache_clear()
    with pytest.raises(UserError, match=f"the files of {name} there are not the published ones"):
        sources.torchvision_data(str(tmp_path), name)


def test_real_cifar10_packed(real_data):
    if not (real_data / "cifar10" / "cifar10_jpeg.npz").exists():
        pytest.skip(f"{real_data} has no packed CIFAR-10")
    data = sources.torchvision_data(str(real_data), "CIFAR10", source="packed")
    assert data.train_images.shape == (POOL_SIZES["cifar10"], 3, 32, 32)
    assert np.bincount(data.train_labels).tolist() == [5000] * 10
    assert data.train_labels[:10].tolist() == [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]  # the official order
    assert np.allclose(data.mean, [0.4914, 0.4822, 0.4465], atol=0.002)  # of the original pixels
    sources._packed_arrays.cache_clear()


def test_a_folder_of_unlike_images_is_taken_as_a_person_would_expect(tmp_path):
    """Gray among color, 16 bits, transparent, palettes, other sizes, hidden files and others that are no images."""
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        made = {
            "gray.png": Image.new("L", (9, 5), 200),
            "color.jpg": Image.new("RGB", (40, 30), (200, 200, 200)),
            "deep.png": Image.fromarray(np.full((8, 8), 200 * 257, np.uint16)),
            "clear.png": Image.new("RGBA", (8, 8), (200, 200, 200, 255)),
            "palette.png": Image.new("RGB", (8, 8), (200, 200, 200)).quantize(4),
        }
        for name, image in made.items():
            image.save(tmp_path / label / name)
        (tmp_path / label / ".hidden.png").write_bytes(b"not an image")
        (tmp_path / label / "notes.txt").write_text("not an image")
    (tmp_path / ".git").mkdir()
    data = own.image_folder("", str(tmp_path), size=8, test_fraction=0.4)
    both = np.concatenate([data.train_images, data.test_images]).astype(int)
    assert both.shape == (10, 3, 8, 8)
    assert data.classes == 2
    assert np.abs(both - 200).max() <= 1  # a 16-bit image is scaled, not clipped to white


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ({}, "there is no class folder in it"),
        ({"a": [], "b": ["1.png"]}, "there is no image under it"),
        ({"a": ["1.png", "2.png"]}, "one class folder"),
        ({"a": ["1.png", "2.png"], "b": ["1.png"]}, "test_fraction"),
        ({"a": ["1.png", "2.png"], "b": ["1.png", "empty.png"]}, "empty.png is not a readable image"),
        (
            {"a": ["1.png", "2.png"], "b": ["1.png", "bomb.png"]},
            "bomb.png cannot be read .400 x 400 pixels",
        ),
    ],
)
def test_a_folder_that_cannot_be_used_is_one_sentence(tmp_path, monkeypatch, made, words):
    for label, names in made.items():
        (tmp_path / label).mkdir()
        for name in names:
            size = (400, 400) if name == "bomb.png" else (4, 4)
            Image.new("L", size).save(tmp_path / label / name)
            if name == "empty.png":
                (tmp_path / label / name).write_bytes(b"")
    monkeypatch.setattr(image_decoding, "MOST_PIXELS", 10_000)  # an image that would fill the memory
    with pytest.raises(UserError, match=words) as caught:
        own.image_folder("", str(tmp_path), size=4, test_fraction=0.5)
    assert "\n" not in str(caught.value)


def test_splits_of_images_of_two_shapes_are_named_with_their_shapes(tmp_path):
    kinds = np.arange(3)
    train, test = np.zeros((3, 3, 16, 16), np.uint8), np.zeros((3, 16, 16, 3), np.uint8)
    np.savez(tmp_path / "a.npz", train_images=train, train_labels=kinds, test_images=test, test_labels=kinds)
    with pytest.raises(UserError, match=r"train_images is \(3, 16, 16\) and in test_images \(16, 16, 3\)"):
        sources.npz("", str(tmp_path / "a.npz"))
