"""How and where this program was started: for command lines in its output, and for processes that start elsewhere."""

import os
import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path


def typed_program() -> str:
    """The words before the first argument: ``alrun``, ``python -m alrun``, or with the path that was typed.

    They are repeated as typed: which ``alrun`` or ``python`` is found depends on the user's shell, and what started
    this program also starts the next one. If alrun is not the program (a notebook, a test), it is
    ``python -m alrun``, which needs nothing but alrun's own Python.
    """
    python, *words = sys.orig_argv or ["python"]
    if "-m" in words and words[words.index("-m") + 1 :][:1] == ["alrun"]:
        return shlex.join([python, "-m", "alrun"])
    script = next((word for word in words[:1] if Path(word).stem == "alrun"), None)
    if script is None:
        return "python -m alrun"
    found = shutil.which("alrun")
    return "alrun" if found and Path(found).resolve() == Path(script).resolve() else shlex.quote(script)


def command_line(words: Sequence[str]) -> str:
    """A command line for the user's shell: the words that started this program, then ``words``."""
    return " ".join([typed_program(), *map(shlex.quote, words)])


def start_in(folder: str) -> None:
    """Resolve relative paths and the user's modules from ``folder``, where the command was typed.

    A worker of Ray or of another launcher starts elsewhere; the folder may be missing on its machine.
    """
    if os.path.isdir(folder):
        os.chdir(folder)
    if folder not in sys.path:
        sys.path.append(folder)


def as_typed(text: str) -> str:
    """``text`` in which indented command lines begin as this program was started, instead of with ``alrun``."""
    return re.sub(
        r"^( +)(?:python -m )?alrun(?= |$)", lambda found: found[1] + typed_program(), text, flags=re.MULTILINE
    )
