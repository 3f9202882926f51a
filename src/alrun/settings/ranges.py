"""Checks types and ranges of settings, as signatures state them, and puts them into words.

A constructor writes ``lr: Annotated[float, Gt(0)] = 0.1`` (annotated-types); nothing else says what ``lr`` may be.
Numbers are strict: an integer is a float too, but neither true nor the text "0.1" is a number.
"""

import inspect
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from types import NoneType, SimpleNamespace, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, GroupedMetadata, Gt, Le, Lt, MinLen, MultipleOf

from alrun.system.errors import SettingError

# Singular and plural.
WORDS = {
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    str: ("text", "texts"),
    bool: ("true or false", "true or false"),
    NoneType: ("null", "null"),
    Any: ("anything", "anything"),
}


def check_range(key: str, value: Any, hint: Any) -> None:
    """Refuse a ``value`` of the setting ``key`` that does not fit the type and range of ``hint``.

    Raises:
        UserError: It does not fit; the sentence says what to give.
    """
    if not value_fits_hint(value, hint):
        raise SettingError(f"{key}={value} is not possible: give {hint_in_words(hint)}.")


def value_fits_hint(value: Any, hint: Any) -> bool:
    """Whether a plain value (as in YAML or JSON) has the type and range of ``hint``; any value fits an unknown type."""
    from pydantic import ConfigDict, TypeAdapter, ValidationError  # a tenth of a second, which ``--help`` does without
    from pydantic.errors import PydanticUserError

    try:
        adapter = TypeAdapter(as_choice(hint), config=ConfigDict(strict=True, allow_inf_nan=False))
    except PydanticUserError:  # a class that pydantic does not know
        return True
    # As JSON, where a tuple is a list; file names that are not Unicode are still text.
    written = json.dumps(value, ensure_ascii=False, default=str).encode(errors="replace")
    try:
        taken = adapter.validate_json(written)
    except ValidationError:
        return False
    return isinstance(value, bool) == isinstance(taken, bool)  # Python counts True among Literal[1]


def as_choice(hint: Any) -> Any:
    """``hint`` with each ``Annotated[str, Literal["a", "b"]]``, which OmegaConf takes for a text, as its Literal."""
    if get_origin(hint) is Annotated:
        return next((each for each in get_args(hint) if get_origin(each) is Literal), hint)
    if get_origin(hint) in (Union, UnionType):
        return Union[tuple(map(as_choice, get_args(hint)))]  # noqa: UP007 - of a number of types that is known here alone
    return hint


def hints_of_signature(target: Callable[..., Any]) -> dict[str, Any]:
    """The type hint of each parameter of a class or function, except hints that only a type checker can resolve."""
    function = inspect.unwrap(target.__init__ if inspect.isclass(target) else target)
    found: dict[str, Any] = {}
    for name, parameter in inspect.signature(target).parameters.items():
        if parameter.annotation is not parameter.empty:
            holder = SimpleNamespace(__annotations__={name: parameter.annotation})
            with suppress(NameError):
                found |= get_type_hints(holder, getattr(function, "__globals__", {}), include_extras=True)
    return found


def hint_in_words(hint: Any, many: bool = False) -> str:
    """A type and its range in words: ``a number above 0``, ``random or margin``, ``a list of numbers or null``."""
    hint = as_choice(hint)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return alternatives(map(str, arguments))
    if origin in (Union, UnionType):
        choices = [
            map(str, get_args(each)) if get_origin(each) is Literal else [hint_in_words(each, many)]
            for each in arguments
        ]
        return alternatives(chain.from_iterable(choices))
    if origin is Annotated:
        return constrained(arguments[0], list(each_of(arguments[1:])), many)
    if origin is list:
        return f"{'lists' if many else 'a list'} of {hint_in_words(*arguments, many=True)}"
    return WORDS[hint][many] if hint in WORDS else getattr(hint, "__name__", str(hint))


def alternatives(words: Iterable[str]) -> str:
    """``a, b or c``; ``of 1 or more, or null``."""
    *others, last = words
    comma = "," if any(" or " in each for each in others) else ""
    return f"{', '.join(others)}{comma} or {last}" if others else last


def each_of(metadata: Iterable[Any]) -> Iterator[Any]:
    """The single constraints in the metadata of ``Annotated``: an Interval or a pydantic Field holds several."""
    for each in metadata:
        inner = each if isinstance(each, GroupedMetadata) else getattr(each, "metadata", None)
        yield from [each] if inner is None else each_of(inner)


@dataclass
class Bounds:
    """The bounds of a number, in words."""

    constraints: list[Any]

    def words(self) -> str:
        """``above 0 and up to 1``; empty without bounds."""
        above, least = self.of(Gt, "gt"), self.of(Ge, "ge")
        below, most = self.of(Lt, "lt"), self.of(Le, "le")
        if above is not None and below is not None:
            return f"between {above} and {below}"
        if least is not None and most is not None:
            return f"from {least} to {most}"
        low = f"above {above}" if above is not None else f"of {least} or more" if least is not None else ""
        high = f"up to {most}" if most is not None else f"below {below}" if below is not None else ""
        return " and ".join(filter(None, (low, high)))

    def of(self, kind: type, name: str) -> Any:
        """The bound of this kind, None without one."""
        return next((getattr(each, name) for each in self.constraints if isinstance(each, kind)), None)


def constrained(base: Any, constraints: list[Any], many: bool) -> str:
    """The words for ``Annotated[base, *constraints]``."""
    bounds = Bounds(constraints)
    least = bounds.of(MinLen, "min_length")
    if get_origin(base) is list and least:
        return hint_in_words(base, many).replace(" of ", f" of {least} or more ", 1)
    factor = bounds.of(MultipleOf, "multiple_of")
    multiple = "" if factor is None else f"and a multiple of {factor}"
    return " ".join(filter(None, (hint_in_words(base, many), bounds.words(), multiple)))
