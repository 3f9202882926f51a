"""Turns the labels of every source into numbers, by one rule: missing ones are refused, similar ones get a warning."""

import logging
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from alrun.data.dataset import STRANGER
from alrun.system.errors import DataError
from alrun.system.safe_text import one_line
from alrun.system.words import closest

log = logging.getLogger(__name__)

MISSING = ("", "nan", "<na>", "nat")  # what tools write for a missing label
SHOWN = 5  # of a longer list
NONE_OF_THESE = "none of these"  # the answer about an example that belongs to no class
# What spreadsheets in other languages make of true and false.
TRUTH = {"wahr": "true", "vrai": "true", "verdadero": "true", "vero": "true", "verdadeiro": "true"}
TRUTH |= {"falsch": "false", "faux": "false", "falso": "false"}
# Letters that look like Latin ones: Cyrillic, then Greek.
LOOKALIKES = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u043a\u043c\u0442\u043d\u0432"
    "\u03bf\u03b1\u03bd\u03c1\u03b9\u03ba\u03c4\u03c5\u03c7",
    "aeopcyxijskmthboavpiktux",
)


def clean_name(text: str) -> str:
    """A name in one Unicode form (NFC), without blanks and invisible characters around it."""
    name = unicodedata.normalize("NFC", text)
    while name and (is_blank(name[0]) or is_blank(name[-1])):
        name = name[1:] if is_blank(name[0]) else name[:-1]
    return name


def is_blank(letter: str) -> bool:
    """Whether a character is invisible."""
    return letter.isspace() or unicodedata.category(letter) in ("Cf", "Cc")


def class_name(value: Any, place: Callable[[], str]) -> str:
    """The name of the class for a value of a source; ``place`` says where the value is.

    Raises:
        UserError: The value is missing, or holds several labels.
    """
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple | set | dict):
        raise DataError(
            f"{place()}: its label is {shortened(str(value))}, several values: alrun learns one class for each "
            "(multi-label data do not fit); name a column that holds one value, by dataset.label_column=..."
        )
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a column of numbers with a gap is one of floats
    text = clean_name(str(value)) if value is not None and not (isinstance(value, float) and math.isnan(value)) else ""
    if text.casefold() in MISSING:
        said = "is empty" if not text else f"is {value!r}, which stands for none"
        raise DataError(f"{place()}: its label {said}; give it one, or remove it.")
    return text


def shortened(text: str, most: int = 60) -> str:
    """The beginning of a long text."""
    return text if len(text) <= most else f"{text[:most]}..."


def number_labels(
    values: Sequence[Any], place: Callable[[int], str], names: Sequence[str] | None = None
) -> tuple[np.ndarray, list[str]]:
    """Labels (n,) int64 from 0, and the names of the classes, sorted; names that are numbers go by size.

    Args:
        values: Labels as the source holds them: text, numbers or other values.
        place: Names the position of a value in a sentence: file and line.
        names: The classes, if the source declares them; values are then positions among them, or names.

    Raises:
        UserError: A label is missing, holds several labels, or is not one of ``names``; two classes are one number.
    """
    if names is not None:
        return number_declared_labels(values, place, names)
    known: dict[str, str] = {}
    found: list[str] = []
    for position, value in enumerate(values):
        if not isinstance(value, str):
            found.append(class_name(value, lambda: place(position)))  # noqa: B023 - called at once
            continue
        if value not in known:
            known[value] = class_name(value, lambda: place(position))  # noqa: B023
        found.append(known[value])
    if (hidden := hidden_label(values, found)) is not None:
        raise DataError(
            f"{place(hidden)}: its label -1 says that it has none, as {found.count('-1')} of {len(found)} do: take "
            "another split, or remove them; if it is a class, give it another name."
        )
    first: dict[str, int] = {}
    for position, name in enumerate(found):
        first.setdefault(name, position)
    classes = sort_names(first)
    check_alike(classes, Counter(found), lambda name: place(first[name]))
    number = {name: position for position, name in enumerate(classes)}
    return np.array([number[name] for name in found], np.int64).reshape(len(found)), classes


def refuse_fractions(values: Sequence[Any] | np.ndarray, where: str) -> None:
    """Refuse the labels (n,) of a table or array if all are numbers and some are not whole: amounts, not classes.

    Raises:
        UserError: That is so; ``where`` names the file, and the column or array.
    """
    if isinstance(values, np.ndarray) and values.dtype.kind in "biu":
        return
    distinct = dict.fromkeys(str(value) for value in values)
    numbers = {name: number_of(name) for name in distinct}
    if None in numbers.values():
        return
    if amounts := [name for name, number in numbers.items() if number is not None and not number.is_integer()]:
        raise DataError(
            f"{where}: the label {amounts[0]} is not a whole number ({len(amounts)} of {len(numbers)} distinct labels "
            "are not), and alrun learns classes, not amounts: number the classes 0, 1 and so on, or write their names."
        )


def hidden_label(values: Sequence[Any], names: Sequence[str]) -> int | None:
    """The first position of a label -1 that means "no label"; None without one.

    -1 is a class if the only other label is 1; as text also beside words or other numbers below 0.
    """
    distinct = set(names)
    if "-1" not in distinct or distinct == {"-1", "1"}:
        return None
    counts = all((number := number_of(name)) is not None and number >= 0 for name in distinct - {"-1"})
    return next(
        (at for at, name in enumerate(names) if name == "-1" and (counts or not isinstance(values[at], str))), None
    )


def number_declared_labels(
    values: Sequence[Any], place: Callable[[int], str], names: Sequence[str]
) -> tuple[np.ndarray, list[str]]:
    """Labels (n,) int64 and class names, from labels that are positions among ``names`` or names themselves."""
    classes = [clean_name(str(name)) for name in names]
    number = {name: position for position, name in enumerate(classes)}
    labels = np.empty(len(values), np.int64)
    for position, value in enumerate(values):
        if type(value) is int and 0 <= value < len(classes):  # nearly all are
            labels[position] = value
            continue
        name = class_name(value, lambda: place(position))  # noqa: B023 - called at once
        if not isinstance(value, str) and re.fullmatch(r"-?\d+", name):
            if not 0 <= int(name) < len(classes):
                reason = "says that it has none" if int(name) == -1 else f"is not one of the {len(classes)} classes"
                raise DataError(
                    f"{place(position)}: its label {name} {reason} ({', '.join(classes[:SHOWN])}"
                    f"{', ...' if len(classes) > SHOWN else ''}): take another split or label column, or fix it."
                )
            labels[position] = int(name)
        elif name in number:
            labels[position] = number[name]
        else:
            raise DataError(f"{place(position)}: its label {name!r} is not a class; {closest(name, classes)}")
    return labels, classes


def sort_names(names: Sequence[str] | dict[str, Any]) -> list[str]:
    """Names sorted; by size if all are numbers."""
    numbers = {name: number_of(name) for name in names}
    if all(number is not None for number in numbers.values()):
        return sorted(numbers, key=lambda name: (numbers[name], name))
    return sorted(numbers)


def number_of(name: str) -> float | None:
    """The number that a name stands for; None if it is not a finite number."""
    try:
        number = float(name)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def class_of(label: str, classes: Sequence[str]) -> int | None:
    """The number of the class that a label names, STRANGER for "none of these"; None if it names no class, or two.

    Changes by spreadsheets are undone: case, TRUE for true, 7 for 007 and 7.0 for 7.
    """
    name = clean_name(label)
    if not name:
        return None
    if name in classes:
        return list(classes).index(name)
    folded = TRUTH.get(name.casefold(), name.casefold())
    alike = [number for number, each in enumerate(classes) if each.casefold() == folded]
    if not alike and folded == NONE_OF_THESE:
        return STRANGER
    if not alike:
        value = number_of(name.replace(",", "."))
        alike = [number for number, each in enumerate(classes) if value is not None and number_of(each) == value]
    return alike[0] if len(alike) == 1 else None


def name_of_answer(answer: int, classes: Sequence[str]) -> str:
    """The word for an answer: the name of its class, or "none of these" for STRANGER."""
    return NONE_OF_THESE if answer == STRANGER else classes[answer]


def likeness(name: str) -> str:
    """A form that is equal for names that look alike: case, kinds of blanks and forms of letters are ignored."""
    seen = "".join(letter for letter in unicodedata.normalize("NFKC", name) if unicodedata.category(letter) != "Cf")
    return re.sub(r"(?<=\w)[\s_-]+(?=\w)", " ", seen.casefold().translate(LOOKALIKES))


def check_alike(classes: Sequence[str], counts: Counter[str], place: Callable[[str], str]) -> None:
    """Refuse two classes that are one number, and warn of classes whose names look alike.

    Raises:
        UserError: ``1`` and ``1.0`` are two classes.
    """
    same: dict[Any, list[str]] = {}
    for name in classes:
        number = number_of(name)
        same.setdefault(likeness(name) if number is None else number, []).append(name)
    for key, group in same.items():
        if len(group) < 2:
            continue
        shown = " and ".join(f"{spell_plainly(name, group)} ({counts[name]}, first {place(name)})" for name in group)
        if not isinstance(key, str):
            raise DataError(f"dataset: the classes {shown} are one number: write it in one way.")
        log.warning(
            "the classes %s are alike, and are learned as different ones: give them one name if they are one",
            one_line(shown),
        )


def spell_plainly(name: str, others: Sequence[str]) -> str:
    """A name, written so that a person sees how it differs from the ``others``."""
    differs = any(name != other and name.isascii() != other.isascii() for other in others) or (
        not name.isascii() and not name.isprintable()
    )
    return ascii(name) if differs else name


def compare_splits(train: np.ndarray, test: np.ndarray, classes: list[str], where: str) -> None:
    """Refuse a class that only the test split has, and warn of classes that the test split lacks.

    Raises:
        UserError: Test examples have a class that no training example has.
    """
    trained, tested = (set(np.unique(labels).tolist()) for labels in (train, test))
    if strange := sorted(tested - trained):
        shown = ", ".join(
            shown_name(classes[label], [classes[other] for other in trained]) for label in strange[:SHOWN]
        )
        count = int(np.isin(test, strange).sum())
        raise DataError(
            f"{where}: no training example is of {'the class' if len(strange) == 1 else f'{len(strange)} classes,'} "
            f"{shown}, but {count} of {len(test)} test examples are, which no model can get right: add some to the "
            "training split, or take them out of the test split."
        )
    if len(tested) and (lost := sorted(trained - tested)):
        shown = ", ".join(shown_name(classes[label], [classes[other] for other in tested]) for label in lost[:SHOWN])
        more = ", ..." if len(lost) > SHOWN else ""
        log.warning(
            "the test split has no example of %d of the classes (%s%s): accuracy leaves them out",
            len(lost),
            one_line(shown),
            more,
        )


def shown_name(name: str, others: Sequence[str]) -> str:
    """A name, with one of the ``others`` that looks alike, if any, spelled so that a person sees the difference."""
    alike = [other for other in others if other != name and likeness(other) == likeness(name)]
    return f"{spell_plainly(name, alike)} (beside {spell_plainly(alike[0], [name])})" if alike else name
