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


def graph_bytes(count: int, neighbors: int) -> float:
    """Bytes of a graph of ``neighbors`` of each of ``count`` examples while it is made: by example, then by neighbor.

    A similarity takes 4 and its place 4, both again in the other order, and whether it counts 1. Places take 8 where
    there are so many similarities that 4 cannot number them; then the places of 4 are there beside them.
    """
    entries = count * neighbors
    return entries * (4 + 4 + 4 + 4 + 1 if entries < 2**31 else 4 + (4 + 8) + 4 + 8 + 1)
