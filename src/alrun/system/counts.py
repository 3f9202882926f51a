"""Counts in sentences, in the singular and the plural."""


def counted(count: int, thing: str) -> str:
    """``1 run`` or ``2 runs``."""
    plural = thing[:-1] + "ies" if thing.endswith("y") else thing + "s"
    return f"{count} {thing if count == 1 else plural}"


def is_or_are(count: int) -> str:
    """The verb for so many things."""
    return "is" if count == 1 else "are"
