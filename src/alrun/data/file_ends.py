"""Finds examples by the ends of the paths of their files."""

import itertools
from collections.abc import Mapping, Sequence

from alrun.data.labels import clean_name


class Ends:
    """Finds examples by the ends of their paths: on another machine, other folders come before them."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.paths = {int(index): split_path(name) for index, name in names.items() if name}
        self.called: dict[str, list[int]] = {}
        for example, path in self.paths.items():
            self.called.setdefault(path[-1], []).append(example)

    def nearest(self, file: str) -> list[int]:
        """The examples whose paths have the longest common end with ``file``."""
        path = split_path(file)
        alike = {example: count_shared_parts(self.paths[example], path) for example in self.called.get(path[-1], [])}
        return [example for example, length in alike.items() if length == max(alike.values())]

    def fits(self, example: int, file: str) -> bool:
        """Whether ``file`` may belong to ``example``; always true if the example has no known file."""
        return example not in self.paths or example in self.nearest(file)

    def example(self, index: str, file: str) -> tuple[int | None, str | None]:
        """The example of a line that has only a file, or why there is none."""
        found = self.nearest(file)
        if len(found) == 1:
            return found[0], None
        return None, f"{file} was not asked for" if not found else f"{len(found)} examples end in {file}: add the index"


def split_path(path: str) -> list[str]:
    """The folders and the name of a file, with slashes or backslashes."""
    return clean_name(path).replace("\\", "/").rstrip("/").split("/")


def count_shared_parts(first: Sequence[str], second: Sequence[str]) -> int:
    """How many parts at their ends two paths have in common."""
    pairs = zip(reversed(first), reversed(second), strict=False)
    return len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)))
