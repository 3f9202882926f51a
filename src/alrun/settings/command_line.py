"""Puts quotes around names on a command line, so that Hydra takes them as they were typed.

Hydra would read the names ``true``, ``nan``, ``007`` and ``0.50`` as values, and refuses many characters of file names
(é, parentheses, %, =, ~) outside quotes.
"""

import os
import re
from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

WORD = re.compile(r"(\+{0,2}[\w@./:-]+)=(.+)", re.DOTALL)
LISTS = r"dataset\.classes|strategy\.(?:inner\.)*(?:query|private)_classes|open_set\.classes|imbalance\.rare"
NAMES = re.compile(rf"(\+*(?:{LISTS}))=\[([^\[\]]*)\]")
FILES = re.compile(r"\+*(paths\.\w+|(?:[a-z_]+\.)?dataset\.(path|test|images|manifest)|[\w.]+\.(path|weights))")
TEXTS = re.compile(r"\+*(name|variant|(?:[a-z_]+\.)?dataset\.(test_split|group|[a-z]+_column|[a-z]+_array))")
VALUE = re.compile(r"true|false|[+-]?(nan|inf|[0-9][0-9_]*\.?[0-9]*(e[+-]?[0-9]+)?)", re.IGNORECASE)
PLAIN = re.compile(r"(?!(true|false|null|nan|inf)$)[A-Za-z_][A-Za-z0-9_ ]*|0|[1-9][0-9]*", re.IGNORECASE)
ITEM = re.compile(r"""\s*("[^"]*"|'[^']*'|[^,]*?)\s*(?:,|$)""")


def as_typed(words: Sequence[str]) -> list[str]:
    """The words of a command line, with quotes around names of classes, files and columns that need them."""
    return [quote_word(word) for word in words]


def quote_word(word: str) -> str:
    """One word; ``null`` stays null where a name is optional, and commas still separate the runs of a sweep."""
    if found := NAMES.fullmatch(word):
        names = [item[1] for item in ITEM.finditer(found[2]) if item[1] or item[0]]
        return f"{found[1]}=[{','.join(map(quote_name, names))}]"
    found = WORD.fullmatch(word)
    if not found:
        return word
    key, value = found.groups()
    if FILES.fullmatch(key):
        value = ",".join(map(at_home, value.split(",")))
    is_list = FILES.fullmatch(key) and value.startswith("[")
    if is_list or ((FILES.fullmatch(key) or TEXTS.fullmatch(key)) and VALUE.fullmatch(value)):
        return f"{key}={in_quotes(value)}"
    if is_readable(f"{key}={value}") or not is_readable(f"{key}=x"):
        return f"{key}={value}"
    parts = [part if is_readable(f"{key}={part}") else in_quotes(part) for part in value.split(",")]
    return next(filter(is_readable, (f"{key}={','.join(parts)}", f"{key}={in_quotes(value)}")), word)


def path_of(word: str) -> str | None:
    """The path that a word sets, without quotes; None if it sets something else than one path."""
    key = word.partition("=")[0]
    if "=" not in word or not FILES.fullmatch(key):
        return None
    try:
        override = OverridesParser.create().parse_override(quote_word(word))
    except HydraException:
        return None
    value = None if override.is_sweep_override() else override.value()
    return value if isinstance(value, str) else None


def word_of_path(key: str, path: str) -> str:
    """The word that sets ``key`` to ``path``, in quotes where Hydra would read something else, as two with a comma."""
    plain = f"{key}={path}"
    return plain if path_of(plain) == path else f"{key}={in_quotes(path)}"


def at_home(path: str) -> str:
    """The path with ``~`` replaced by the home folder: a shell does not replace it after ``=``."""
    return os.path.expanduser(path) if path == "~" or path.startswith("~/") else path


def is_readable(word: str) -> bool:
    """Whether Hydra can parse the word."""
    try:
        OverridesParser.create().parse_override(word)
    except HydraException:
        return False
    return True


def in_quotes(value: str) -> str:
    """``value`` in quotes; quotes in it, and backslashes before them, are escaped."""
    escaped = re.sub(r'(\\*)"', r'\1\1\\"', value)
    return '"' + re.sub(r"(\\+)$", r"\1\1", escaped) + '"'


def quote_name(name: str) -> str:
    """A name, in quotes if Hydra would read it as something else."""
    if PLAIN.fullmatch(name) or name[:1] in ("'", '"') or any(letter in name for letter in '"\\$') or not name:
        return name
    return f'"{name}"'
