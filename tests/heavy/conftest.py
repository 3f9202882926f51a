"""What heavy tests share: they take minutes, and print what they find."""

import logging
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.heavy.crash_cases.runs import prepare

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder takes minutes, but for tests that set a time of their own."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.heavy)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(3 * 3600))


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in memory, where there is one: many small files are written and thrown away."""
    shared = Path("/dev/shm")
    made = Path(tempfile.mkdtemp(prefix="alrun-heavy-", dir=shared if shared.is_dir() else None))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def forks() -> None:
    """This process may fork, and logs nothing."""
    logging.disable()
    prepare()
