"""The version of the files of runs: run.json, checkpoints, and the tables that are gathered from them."""

from typing import Any

from alrun.system.errors import UserError

SCHEMA_VERSION = 4  # raise it if the version before could not read what is written here, or would misread it
KEY = "schema_version"


def version_of(content: Any) -> int:
    """The schema version in ``content`` of a file; 0 without one, as in files of alrun 0.2 and before.

    Raises:
        ValueError: The version is not a number.
    """
    return int(content.get(KEY) or 0) if isinstance(content, dict) else 0


def check_version(found: int, what: str) -> None:
    """Refuse a file of a later version of alrun; older versions are read.

    Raises:
        UserError: ``found`` is later than SCHEMA_VERSION.
    """
    if found > SCHEMA_VERSION:
        raise UserError(
            f"{what} was written by a later alrun ({KEY} {found}; this one reads up to {SCHEMA_VERSION}): "
            "update alrun (pip install -U alrun)."
        )
