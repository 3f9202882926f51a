"""The packages that ``pip install alrun`` installs, with their megabytes and the sum (``make packages``)."""

from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def main() -> None:
    """Print a row for every package, the largest first."""
    sizes = {name: megabytes(name) for name in required_packages("alrun")}
    for name, size in sorted(sizes.items(), key=lambda item: -item[1]):
        print(f"{size:8.1f} MB  {name} {metadata.version(name)}")
    print(f"{sum(sizes.values()):8.1f} MB  in {len(sizes)} packages, alrun itself among them")


def required_packages(package: str) -> list[str]:
    """``package`` and all packages that it requires on this machine, without extras.

    Raises:
        PackageNotFoundError: One of them is not installed.
    """
    found: dict[str, None] = {}
    waiting = [(canonicalize_name(package), frozenset[str]())]
    seen = set(waiting)
    while waiting:
        name, extras = waiting.pop()
        found[name] = None
        for line in metadata.requires(name) or []:
            needed = Requirement(line)
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in (*extras, "")):
                each = (canonicalize_name(needed.name), frozenset(needed.extras))
                if each not in seen:
                    seen.add(each)
                    waiting.append(each)
    return list(found)


def megabytes(name: str) -> float:
    """Size of the installed files of a package."""
    paths = [Path(str(file.locate())) for file in metadata.files(name) or []]
    return sum(path.stat().st_size for path in paths if path.exists()) / 1e6


if __name__ == "__main__":
    main()
