"""Finds the name that a user may have meant by one that does not exist."""

import re

SLIPS = (
    0,
    0,
    0,
    1,
    1,
    1,
    2,
)  # wrong letters that are allowed, by the length of the word; the last also for longer ones
MEANINGS = {  # words of other programs
    "learning_rate": ("lr",),
    "rate": ("lr",),
    "directory": ("path",),
    "folder": ("path",),
    "gpu": ("device",),
    "kcenter": ("coreset",),
    "k_center": ("coreset",),
    "lenet": ("mnist_net",),
    "passive": ("random",),
    "ratio": ("fraction",),
    "share": ("fraction",),
    "uniform": ("random",),
    "workers": ("threads",),
}


def closest(name: str, known: list[str]) -> str:
    """``did you mean x?`` if a known name is alike in letters or in meaning, otherwise the known names."""
    prefix, _, last = name.rpartition(".")
    ends = {each.removeprefix(f"{prefix}."): each for each in known}
    near = {end: distance(bare(last), bare(end)) for end in ends}
    matches = sorted((end for end in ends if near[end] <= SLIPS[min(len(last), len(SLIPS) - 1)]), key=near.__getitem__)
    if not matches:
        means = {bare(word) for word in MEANINGS.get(last.lower(), ())}
        matches = [end for end in ends if bare(end) in means]
    if not matches:  # the only name that contains the word or is part of it: epochs is max_epochs
        matches = [end for end in ends if is_part(last.lower(), end.lower()) or is_part(end.lower(), last.lower())]
        matches = matches if len(matches) == 1 else []
    return f"did you mean {ends[matches[0]]}?" if matches else f"choose from: {', '.join(sorted(known))}."


def bare(word: str) -> str:
    """The letters and digits of ``word``, in lower case."""
    return re.sub(r"[\W_]", "", word.lower())


def is_part(short: str, whole: str) -> bool:
    """Whether ``whole`` begins with ``short``, or has all of its words."""
    return len(short) > 2 and (whole.startswith(short) or set(short.split("_")) <= set(whole.split("_")))


def distance(one: str, other: str) -> int:
    """Number of letters to insert, drop, replace or swap with their neighbor (optimal string alignment)."""
    rows = [list(range(len(other) + 1))]
    for i, letter in enumerate(one, 1):
        row = [i]
        for j, its in enumerate(other, 1):
            best = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (letter != its))
            if i > 1 and j > 1 and (letter, one[i - 2]) == (other[j - 2], its):
                best = min(best, rows[-2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]
