"""How much of a heavy test is asked for: ``make crash-test EVERY=10``."""

import os


def size(name: str, usual: int) -> int:
    """The number that the environment gives for ``name``, where it gives one."""
    return int(os.environ.get(name, usual))
