"""``python -m alrun``, and ``alrun``: a run or a sweep, or the subcommand that the first word names."""

import sys
from importlib import import_module

from alrun.system import early
from alrun.system.moved import SUBCOMMANDS


def main() -> None:
    """The entry point; what takes time to import comes when signals are listened to."""
    early.install_early_handlers()
    name = command(sys.argv[1:])
    if sys.argv[1:2] == [name]:
        sys.argv = [f"{sys.argv[0]} {name}", *sys.argv[2:]]
    import_module(f"alrun.commands.{name}").main()


def command(words: list[str]) -> str:
    """The module that answers: of the subcommand that is named, of help, or of runs."""
    if words and words[0] in SUBCOMMANDS:
        return words[0]
    asks = any(word == "-h" or (len(word) > 3 and "--help".startswith(word)) for word in words)
    return "help" if asks else "cli"


if __name__ == "__main__":
    main()
