"""``python -m alrun``, and ``alrun``."""

from alrun.system import early


def main() -> None:
    """The entry point; what takes time to import comes when signals are listened to."""
    early.begin()
    from alrun.commands import cli

    cli.main()


if __name__ == "__main__":
    main()
