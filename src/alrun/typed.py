"""Names on a command line as they were typed: Hydra would read ``true``, ``nan``, ``007`` and ``0.50`` as values."""

import re
from collections.abc import Sequence

NAMES = re.compile(r"(\+*dataset\.classes)=\[([^\[\]]*)\]")
TEXTS = re.compile(r"(\+*dataset\.(?:path|test|images|test_split|group|[a-z]+_column|[a-z]+_array))=(.*)")
VALUE = re.compile(r"true|false|[+-]?(nan|inf|[0-9][0-9_]*\.?[0-9]*(e[+-]?[0-9]+)?)", re.IGNORECASE)
PLAIN = re.compile(r"(?!(true|false|null|nan|inf)$)[A-Za-z_][A-Za-z0-9_ ]*|0|[1-9][0-9]*", re.IGNORECASE)
ITEM = re.compile(r"""\s*("[^"]*"|'[^']*'|[^,]*?)\s*(?:,|$)""")


def as_typed(words: Sequence[str]) -> list[str]:
    """The words of a command line, with quotes around names of classes, files and columns that need them."""
    return [quoted(word) for word in words]


def quoted(word: str) -> str:
    """One word; ``null`` stays none where a name may be left out."""
    if (text := TEXTS.fullmatch(word)) and VALUE.fullmatch(text[2]):
        return f'{text[1]}="{text[2]}"'
    found = NAMES.fullmatch(word)
    if not found:
        return word
    names = [item[1] for item in ITEM.finditer(found[2]) if item[1] or item[0]]
    return f"{found[1]}=[{','.join(map(safe, names))}]"


def safe(name: str) -> str:
    """A name, in quotes where it would be read as something else."""
    if PLAIN.fullmatch(name) or name[:1] in ("'", '"') or any(letter in name for letter in '"\\$') or not name:
        return name
    return f'"{name}"'
