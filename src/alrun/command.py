"""What the commands beside ``python -m alrun`` share: a parser made of their own words, and how a mistake is told."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from alrun.errors import sentence


def parser(name: str, documentation: str | None) -> argparse.ArgumentParser:
    """The parser of ``python -m alrun.<name>``, described by its module's ``documentation`` after the name."""
    return argparse.ArgumentParser(
        prog=f"python -m alrun.{name}",
        description=(documentation or "").partition(": ")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


@contextmanager
def telling() -> Iterator[None]:
    """A user's mistake ends the program with one sentence and exit status 1; a bug keeps its traceback."""
    try:
        yield
    except Exception as error:
        message = sentence(error)
        if message is None:
            raise
        sys.exit(f"alrun: {message}")
