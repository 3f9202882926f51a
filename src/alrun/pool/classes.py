"""Classes that settings give by number, by name, or by how many are to be drawn."""

from collections.abc import Sequence
from typing import Annotated

from annotated_types import Ge, MinLen

from alrun.data.dataset import ImageData
from alrun.system.errors import SettingError
from alrun.system.words import closest

Listed = Annotated[list[Annotated[int, Ge(0)] | str], MinLen(1)]  # numbers from 0, or names
Given = Annotated[int, Ge(1)] | Listed  # how many, or which


def class_number(given: int | str, data: ImageData, key: str) -> int:
    """The number of a class that is given by its name, or by its number in the data set as it was opened.

    Raises:
        UserError: The data set has no such class.
    """
    if isinstance(given, int):
        known = data.numbers if data.numbers is not None else range(data.classes)
        if given in known:
            return known.index(given)
        if data.numbers is not None and given <= max(data.numbers):
            raise SettingError(f"{key}: class {given} is held out by open_set: leave it out.")
        raise SettingError(
            f"{key}: there is no class {given}; the last of {len(known)} is {max(known)}."
            if data.numbers is None
            else f"{key}: there is no class {given}; there are {', '.join(map(str, known))}."
        )
    if data.class_names is None:
        raise SettingError(
            f"{key}: the classes of this data set have no names, such as {given}: give numbers from 0 to "
            f"{data.classes - 1}."
        )
    if given not in data.class_names:
        raise SettingError(f"{key}: there is no class {given}; {closest(given, data.class_names)}")
    return data.class_names.index(given)


def class_numbers(given: Sequence[int | str], data: ImageData, key: str) -> list[int]:
    """The numbers of classes that are listed, in their order.

    Raises:
        UserError: One is not there, or listed twice.
    """
    found = [class_number(each, data, key) for each in given]
    if len(set(found)) < len(found):
        raise SettingError(f"{key}=[{','.join(map(str, given))}] names a class twice: name each once.")
    return found


def names_of(data: ImageData) -> list[str]:
    """The names of the classes; where they have none, their numbers."""
    return data.class_names if data.class_names is not None else [str(number) for number in range(data.classes)]
