"""Describes a data set for the log and run.json: classes, counts, files that were skipped, and what looks wrong.

Test images that are in the pool make accuracy too good; a pool that is nearly black or has few levels was probably
read in a wrong way. The log warns of both before anything is trained.
"""

import logging
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from alrun.data.dataset import BLOCK, STRANGER, ImageData, counts_of, is_mapped, kind_of
from alrun.data.rare import rare_classes
from alrun.system.safe_text import one_line

log = logging.getLogger(__name__)

NAMED = 10  # classes in the log
FEW = 16  # levels of 256; fewer get a warning
DARK, LIGHT = 16, 240  # levels below and above which a pool is nearly black and nearly white ...
NEARLY = 0.999  # ... if so many of its values are
MANY = 0.1  # of the images
FAR = 1000  # times the largest number of the median vector; larger ones get a warning
KINDS = {  # the name of examples, and how two of them are equal
    "images": ("images", "pixel for pixel"),
    "vectors": ("vectors", "number for number"),
    "texts": ("texts", "letter for letter"),
}


@dataclass
class Looks:
    """Counts of one pass over images."""

    levels: np.ndarray = field(default_factory=lambda: np.zeros(256, np.int64))  # how often each value occurs
    plain: int = 0  # images of one color
    prints: list[int] = field(default_factory=list)  # a number for each image, equal for equal images


def look_at_images(images: np.ndarray) -> Looks:
    """One pass over images (N, C, H, W), which may lie in a memory map."""
    found = Looks()
    if not images.size:
        return found
    some = max(1, BLOCK // images[0].size)
    for start in range(0, len(images), some):
        block = np.ascontiguousarray(images[start : start + some])
        found.levels += np.bincount(block.ravel(), minlength=256)
        flat = block.reshape(*block.shape[:2], -1)
        found.plain += int((flat.max(2) == flat.min(2)).all(1).sum())
        found.prints += [hash(image.tobytes()) for image in block]
    return found


def describe_data(data: ImageData) -> dict[str, Any]:
    """The card of ``data``, as plain values."""
    if kind_of(data.train_images) != "images":
        return of_others(data)
    pool, test = look_at_images(data.train_images), look_at_images(data.test_images)
    known = set(pool.prints)
    return {
        "classes": data.classes,
        "class_names": data.class_names or [str(number) for number in range(data.classes)],
        "train": len(data.train_labels),
        "test": len(data.test_labels),
        "passed_over": data.passed,
        "repeated_in_train": len(pool.prints) - len(known),
        "of_two_classes_in_train": of_two_classes(pool.prints, data.train_labels.tolist()),
        "test_in_train": sum(each in known for each in test.prints),
        "plain_in_train": pool.plain,
        "levels_in_train": levels(pool),
    }


def describe_pool(data: ImageData) -> dict[str, Any]:
    """What the card of its source cannot say of a pool that was made from it: classes, counts, strangers, rare ones."""
    names = data.class_names or [str(number) for number in range(data.classes)]
    train, test = (counts_of(labels, data.classes).tolist() for labels in (data.train_labels, data.test_labels))
    return {
        "classes": data.classes,
        "class_names": names,
        "train": len(data.train_labels),
        "test": len(data.test_labels),
        "pool": {
            "train_of_class": train,
            "test_of_class": test,
            "strangers": int((data.train_labels == STRANGER).sum()),
            "rare": [names[number] for number in rare_classes(data)],
        },
    }


def pool_sentence(card: dict[str, Any]) -> str:
    """``pool: 230 examples (cat 200, bee 20), 10 of them strangers of no class; 60 to test on; rare: bee``."""
    pool = card["pool"]
    counts = list(zip(card["class_names"], pool["train_of_class"], strict=True))
    shown = ", ".join(f"{name} {count}" for name, count in counts[:NAMED]) + (", ..." if len(counts) > NAMED else "")
    strangers = f", {pool['strangers']} of them strangers of no class" if pool["strangers"] else ""
    rare = f"; rare: {', '.join(pool['rare'][:NAMED])}" if pool["rare"] else ""
    rare += ", ..." if len(pool["rare"]) > NAMED else ""
    return one_line(f"pool: {card['train']} examples ({shown}){strangers}; {card['test']} to test on{rare}")


def of_others(data: ImageData) -> dict[str, Any]:
    """The card of vectors or texts; those in a memory map are not read for it."""
    card: dict[str, Any] = {
        "kind": kind_of(data.train_images),
        "classes": data.classes,
        "class_names": data.class_names or [str(number) for number in range(data.classes)],
        "train": len(data.train_labels),
        "test": len(data.test_labels),
        "passed_over": data.passed,
    }
    if data.is_vectors:
        card |= {"features": data.train_images.shape[1], "type": str(data.train_images.dtype)}
    if is_mapped(data.train_images):
        return card
    if data.is_vectors and len(far := far_rows(data.train_images)):
        card["far_in_train"] = far.tolist()
    pool, test = ([hash(bytes_of(each)) for each in part] for part in (data.train_images, data.test_images))
    known = set(pool)
    return card | {
        "repeated_in_train": len(pool) - len(known),
        "of_two_classes_in_train": of_two_classes(pool, data.train_labels.tolist()),
        "test_in_train": sum(each in known for each in test),
    }


def far_rows(vectors: np.ndarray) -> np.ndarray:
    """Rows (k,) of vectors (n, d) whose largest number is more than ``FAR`` times that of the median row."""
    largest = np.maximum(vectors.max(1), -vectors.min(1)).astype(np.float64)
    return np.flatnonzero(largest > FAR * np.median(largest[largest > 0])) if largest.any() else np.empty(0, np.int64)


def bytes_of(example: np.ndarray | str) -> bytes:
    """The content of a vector or of a text."""
    return example.encode() if isinstance(example, str) else example.tobytes()


def of_two_classes(prints: list[int], labels: list[int]) -> int:
    """Number of images that are equal to one of another class; unlabeled images (-1) do not count."""
    classes: dict[int, set[int]] = {}
    for each, label in zip(prints, labels, strict=True):
        if label >= 0:
            classes.setdefault(each, set()).add(label)
    return sum(label >= 0 and len(classes[each]) > 1 for each, label in zip(prints, labels, strict=True))


def levels(pool: Looks) -> dict[str, int]:
    """How many values occur, the lowest and highest, and those between which nearly all lie."""
    present = np.flatnonzero(pool.levels)
    below = np.cumsum(pool.levels) / pool.levels.sum()
    return {
        "distinct": len(present),
        "lowest": int(present[0]),
        "highest": int(present[-1]),
        "nearly_lowest": int(np.searchsorted(below, 1 - NEARLY, side="right")),
        "nearly_highest": int(np.searchsorted(below, NEARLY)),
    }


def log_card(card: dict[str, Any]) -> None:
    """Log one line about the data set, and a warning for each thing that looks wrong."""
    log.info("%s", one_line(card_sentence(card)))
    if encoder := card.get("encoder"):
        trained = encoder["trained_on"] or "data that nobody named (encoder.trained_on=...)"
        log.info("features: %s, %d numbers, trained on %s", encoder["network"], encoder["dimension"], trained)
    for problem in card_problems(card):
        log.warning("%s", problem)


def card_sentence(card: dict[str, Any]) -> str:
    """``2 classes (ants, bees); 48 images to label, 12 to test on; passed over: .txt 3``."""
    names = card["class_names"]
    shown = ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")
    test = f"{card['test']} to test on" if card["test"] else "none to test on"
    passed = ", ".join(f"{name} {count}" for name, count in card["passed_over"].items())
    left = f"; passed over: {passed}" if passed else ""
    what = KINDS[card.get("kind", "images")][0] + (f" of {card['features']} numbers" if "features" in card else "")
    return f"data: {card['classes']} classes ({shown}); {card['train']} {what} to label, {test}{left}"


def card_problems(card: dict[str, Any]) -> list[str]:
    """Sentences on what a person should look at before trusting any result."""
    count, found = card["train"], []
    if overlap := (card.get("encoder") or {}).get("overlap"):
        found.append(overlap)
    what, exactly = KINDS[card.get("kind", "images")]
    if card.get("test_in_train"):
        found.append(
            f"{card['test_in_train']} of {card['test']} test {what} are also in the pool, {exactly}: "
            "accuracy on them says little; take them out of one split"
        )
    if card.get("of_two_classes_in_train"):
        found.append(
            f"{card['of_two_classes_in_train']} of {count} {what} of the pool are the same as one of another class, "
            f"{exactly}: no model can get all of them right; look at their labels"
        )
    if far := card.get("far_in_train"):
        found.append(
            f"{len(far)} of {count} vectors of the pool {'has' if len(far) == 1 else 'have'} numbers more than {FAR:,} "
            f"times as large as others (the first is vector {far[0]} of the pool, counted from 0): one such row can "
            "decide what a model learns; look at it"
        )
    alike = count > 1 and card.get("repeated_in_train") == count - 1
    if alike:
        found.append(f"all {count} {what} of the pool are alike: look at one, it may have been read in a wrong way")
    return found + looks_wrong(card, alike) if "levels_in_train" in card else found


def looks_wrong(card: dict[str, Any], alike: bool) -> list[str]:
    """Sentences on values of pixels that a person should look at."""
    count, values, found = card["train"], card["levels_in_train"], []
    if not alike and card["plain_in_train"] >= MANY * count:
        found.append(f"{card['plain_in_train']} of {count} images of the pool are of one color each")
    white = "; if the files hold fewer bits than they have room for, name the value that is white by dataset.white=..."
    if values["nearly_highest"] < DARK:
        found.append(
            f"the pool is nearly black: its values go from {values['lowest']} to {values['highest']} of 255{white}"
        )
    elif values["nearly_lowest"] > LIGHT:
        found.append(f"the pool is nearly white: its values go from {values['lowest']} to {values['highest']} of 255")
    if values["distinct"] < FEW:
        found.append(
            f"the pool has {values['distinct']} levels of 256 alone, from {values['lowest']} to {values['highest']}"
        )
    return found
