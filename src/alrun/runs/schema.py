"""The version of what runs leave: run.json, checkpoints, and the tables that are gathered from them."""

from typing import Any

from alrun.system.errors import UserError

SCHEMA_VERSION = 4  # raise it when what is written here could not be read, or would be misread, by the version before
KEY = "schema_version"


def version_of(content: Any) -> int:
    """The version that ``content`` of a file tells; 0 where it tells none, as files of alrun 0.2 and before.

    Raises:
        ValueError: It is no number.
    """
    return int(content.get(KEY) or 0) if isinstance(content, dict) else 0


def check_version(found: int, what: str) -> None:
    """Refuse what a later version of alrun wrote; older versions are read.

    Raises:
        UserError: ``found`` is later than SCHEMA_VERSION.
    """
    if found > SCHEMA_VERSION:
        raise UserError(
            f"{what} was written by a later alrun ({KEY} {found}; this one reads up to {SCHEMA_VERSION}): "
            "update alrun (pip install -U alrun)."
        )
