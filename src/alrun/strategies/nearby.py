"""``strategy.nearby``: how many others an example is compared with, where comparing all with all would be quadratic."""

from typing import Annotated, Literal

from annotated_types import Ge

Nearby = Literal["auto", "all"] | Annotated[int, Ge(1)]

LARGE = 100_000  # examples up to which ``auto`` compares all
DEFAULT = 64  # others that ``auto`` compares an example with in larger pools


def nearby_in(setting: Nearby, count: int) -> int | None:
    """How many others each of ``count`` examples is compared with, about the nearest ones; None: all of them."""
    if setting == "all" or (setting == "auto" and count <= LARGE):
        return None
    return min(count, DEFAULT if setting == "auto" else setting)
