"""The manifest of a growing pool, against what a folder holds after any sequence of changes."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from alrun.data.growing_pool import images_of, update
from alrun.data.manifest import Manifest, read_manifest


def hashed(paths: list[Path]) -> list[str]:
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]


def updated(base: Path, round: int) -> Manifest:
    update(base / "project" / "pool.csv", base / "photos", round, 2, 1, None, hashed)
    return read_manifest(base / "project" / "pool.csv")


def draw(path: Path, value: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (2, 2), value).save(path)


def test_any_sequence_of_changes(tmp_path):
    """After each: entries stay, every file is one entry, all others are absent, and pixels are those that joined."""
    numbers, photos = np.random.default_rng(0), tmp_path / "photos"
    for number in range(6):
        draw(photos / f"{number}.png", number % 4)  # some are alike
    before = updated(tmp_path, 0)
    values = {digest: Image.open(path).getpixel((0, 0)) for path, digest in images_in(photos)}
    for step in range(40):
        there = sorted(photos.rglob("*.png"))
        chosen = there[int(numbers.integers(len(there)))]
        other = photos / f"{'abc'[step % 3]}/{numbers.integers(30)}.png"
        other.parent.mkdir(exist_ok=True)
        match step % 5:
            case 0:
                draw(other, int(numbers.integers(200)))  # a new one, or one that is edited in its place
            case 1 if len(there) > 2:
                chosen.unlink()
            case 2:
                shutil.move(chosen, other)
            case 3:
                shutil.copy(chosen, other)
            case _:
                pass
        values |= {digest: Image.open(path).getpixel((0, 0)) for path, digest in images_in(photos)}
        now = updated(tmp_path, step // 10 + 1)
        assert now.entries[: len(before.entries)] == before.entries
        assert now.events[: len(before.events)] == before.events
        assert all(entry.round == step // 10 + 1 for entry in now.entries[len(before.entries) :])
        places, absent = now.files, now.absent
        here = sorted((places[at], entry.hash) for at, entry in enumerate(now.entries) if not absent[at])
        assert here == sorted((path.relative_to(photos).as_posix(), digest) for path, digest in images_in(photos))
        expected = [values[entry.hash] for entry in now.entries]
        assert images_of(now, 2, 1)[:, 0, 0, 0].tolist() == expected
        assert np.array_equal(images_of(now, 2, 1, memory_map=True), images_of(now, 2, 1))
        assert updated(tmp_path, 9) == now  # nothing has changed
        before = now
    assert len(before.entries) > 15
    assert {event["event"] for event in before.events} == {"removed", "returned", "moved"}


def images_in(folder: Path) -> list[tuple[Path, str]]:
    found = sorted(folder.rglob("*.png"))
    return [*zip(found, hashed(found), strict=True)]


def test_what_joins_before_the_first_query_is_for_the_second(tmp_path):
    """The seed set, and the name, come of the images of the first look alone."""
    draw(tmp_path / "photos" / "b.png", 1)
    assert updated(tmp_path, 0).first == 1
    draw(tmp_path / "photos" / "a.png", 2)
    found = updated(tmp_path, 0)
    assert [(entry.file, entry.round) for entry in found.entries] == [("b.png", 0), ("a.png", 1)]
    assert found.first == 1
