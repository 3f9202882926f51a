"""``python -m alrun``, and ``alrun``: a run or a sweep, or the subcommand that the first word names."""

import sys
from importlib import import_module

from alrun.system import early
from alrun.system.moved import SUBCOMMANDS


def main() -> None:
    """The entry point; what takes time to import comes when signals are listened to."""
    early.begin()
    name = sys.argv[1] if sys.argv[1:2] and sys.argv[1] in SUBCOMMANDS else "cli"
    if name != "cli":
        sys.argv = [f"{sys.argv[0]} {name}", *sys.argv[2:]]
    import_module(f"alrun.commands.{name}").main()


if __name__ == "__main__":
    main()
