"""Claims 1 to 5 of the paper's Appendix G, read off the penalty matrices of Figures 13 to 15."""

import itertools
import math
from collections.abc import Callable
from typing import NamedTuple

import pandas as pd

from alrun.analysis.paper.exhibits import FIGURES, THREE
from alrun.analysis.paper.points import cells_of

Matrices = dict[str, pd.DataFrame]  # the points of Figures 13, 14 and 15
Cells = dict[str, float]  # by "one over other"


class Claim(NamedTuple):
    """What the paper claims about cells, and the rule by which ours agree."""

    says: str
    figure: str
    cells: Callable[[Matrices], Cells]
    holds: Callable[[Cells], bool]
    paper: str


def cell(matrix: pd.DataFrame, one: str, other: str) -> Cells:
    """The cell of ``one`` over ``other``, NaN if it is missing."""
    known = one in matrix.index and other in matrix.columns
    return {f"{one} over {other}": float(matrix[other].to_dict()[one]) if known else math.nan}


def each_way(matrix: pd.DataFrame, one: str, other: str) -> Cells:
    """Both cells of a pair."""
    return {**cell(matrix, one, other), **cell(matrix, other, one)}


def claim_1(points: Matrices) -> Cells:
    """The cells of entropy and BADGE."""
    return each_way(cells_of(points["figure-13"], "claim 1"), "entropy", "badge")


def claim_2(points: Matrices) -> Cells:
    """The cells of entropy with SGD and with Adam."""
    return each_way(cells_of(points["figure-13"], "claim 2"), "entropy_sgd", "entropy_adam")


def settings(points: Matrices, words: str) -> Cells:
    """All cells of the panels of Figure 14 whose titles end with ``words``."""
    panels = [panel for row in FIGURES["figure-14"].panels for panel in row if panel.title.endswith(words)]
    cells: Cells = {}
    for panel in panels:
        matrix = cells_of(points["figure-14"], panel.title)
        for one, other in itertools.permutations(panel.shown, 2):
            cells |= cell(matrix, one, other)
    return cells


def claim_5(points: Matrices) -> Cells:
    """The cells of reset and update of each strategy."""
    matrix = cells_of(points["figure-15"], "the rounds after them")
    return {key: value for name in THREE for key, value in each_way(matrix, f"{name}_reset", f"{name}_update").items()}


CLAIMS = (
    Claim(
        "Entropy is better than BADGE in one of nine rounds, BADGE in none.",
        "figure-13",
        claim_1,
        lambda cells: cells["entropy over badge"] < 0.12 and cells["badge over entropy"] == 0,
        "0.11 and 0",
    ),
    Claim(
        "Entropy with SGD is better than with Adam in all rounds but the first.",
        "figure-13",
        claim_2,
        lambda cells: cells["entropy_sgd over entropy_adam"] > 0.88,
        "0.89",
    ),
    Claim(
        "No two AL batch sizes differ in more than one of the five rounds that all have.",
        "figure-14",
        lambda points: settings(points, "AL batch size"),
        lambda cells: max(cells.values()) <= 0.2,
        "at most 0.2",
    ),
    Claim(
        "Of the seed sets, only a random one over facility location, with entropy, differs in a round.",
        "figure-14",
        lambda points: settings(points, "seed set"),
        lambda cells: all(
            value == 0 or key == "entropy_random over entropy_facility_location" for key, value in cells.items()
        ),
        "0 but for that cell",
    ),
    Claim(
        "After the first four rounds no strategy differs between reset and update.",
        "figure-15",
        claim_5,
        lambda cells: max(cells.values()) == 0,
        "0",
    ),
)


def table(points: Matrices) -> pd.DataFrame:
    """A row for each claim: the paper's cells, ours, and whether ours agree."""
    rows = []
    for position, claim in enumerate(CLAIMS, 1):
        cells = claim.cells(points)
        known = {key: value for key, value in cells.items() if not math.isnan(value)}
        largest = sorted(known, key=lambda key: -known[key])[: 2 if len(cells) == 2 else 1]
        shown = ", ".join(f"{key} {known[key]:.2f}" for key in (cells if len(cells) == 2 else largest) if key in known)
        as_claimed = "not tested" if len(known) < len(cells) or not cells else "yes" if claim.holds(cells) else "no"
        kind = "" if len(cells) == 2 else "largest cell: "
        rows.append([position, claim.says, claim.figure, claim.paper, kind + shown if shown else "", as_claimed])
    return pd.DataFrame(rows, columns=["claim", "the paper", "figure", "its cells", "ours", "as claimed"])
