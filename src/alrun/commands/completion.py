"""Completion by the Tab key: Hydra knows groups, options and settings; the subcommands are added here."""

import os
from collections.abc import Iterator, Sequence

from alrun.system.moved import SUBCOMMANDS


def is_asked(words: Sequence[str]) -> bool:
    """Whether a shell asks how the command line in COMP_LINE could go on."""
    return any(word.startswith("query=") for word in words) and "COMP_LINE" in os.environ


def commands() -> Iterator[str]:
    """The subcommands that complete the first word. Hydra completes the rest.

    A whole one is removed from COMP_LINE, with the folders behind it, which Hydra would refuse.
    """
    program, _, rest = os.environ["COMP_LINE"].partition(" ")
    first, space, further = rest.lstrip().partition(" ")
    if not space:
        yield from (name for name in SUBCOMMANDS if name.startswith(first))
    elif first in SUBCOMMANDS:
        *before, last = further.split(" ")
        line = " ".join([program, *(word for word in before if "=" in word), last])
        os.environ["COMP_LINE"] = line
        os.environ["COMP_POINT"] = str(len(line))
