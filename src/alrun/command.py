"""What the commands beside ``python -m alrun`` share: a parser made of their own words, ``--config-dir``, mistakes."""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from alrun import targets
from alrun.errors import UserError, sentence


def parser(name: str, documentation: str | None) -> argparse.ArgumentParser:
    """The parser of ``python -m alrun.<name>``, described by its module's ``documentation`` after the name."""
    return argparse.ArgumentParser(
        prog=f"python -m alrun.{name}",
        description=(documentation or "").partition(": ")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_config_dir(parser: argparse.ArgumentParser) -> None:
    """The option that names a folder of one's own options, which Hydra gives to ``python -m alrun``."""
    parser.add_argument("--config-dir", metavar="FOLDER", help="of your own options, as for python -m alrun")


def with_config_dir(words: Sequence[str], config_dir: str | None) -> list[str]:
    """Overrides and one more, which does what ``--config-dir`` does; folders alone are left as they are.

    Raises:
        UserError: There is no such folder.
    """
    if config_dir is None or (words and not any("=" in word for word in words)):
        return [*words]
    folder = Path(config_dir).resolve()
    if not folder.is_dir():
        raise UserError(f"--config-dir {config_dir} is no folder: name the one with your own options.")
    quoted = str(folder).replace("'", "\\'")
    return [*words, f"hydra.searchpath=['file://{quoted}']"]


def prepare() -> None:
    """Settle what is read once, before anything is composed or imported: called by programs alone.

    That is the user's list of modules, and how torch's CPU threads wait: they spin for a moment, then sleep. GNU
    OpenMP's default is to spin so long that any other busy process slows training by an order of magnitude.
    """
    targets.allow_typed(sys.argv[1:])
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")


@contextmanager
def telling() -> Iterator[None]:
    """A user's mistake ends the program with one sentence and exit status 1; a bug keeps its traceback."""
    prepare()
    try:
        yield
    except Exception as error:
        message = sentence(error)
        if message is None:
            raise
        sys.exit(f"alrun: {message}")
