"""The claims of the paper's Appendix G, which rest on penalty matrices.

A cell is judged against chance: with tests at 5 %, a third of all experiments without a difference have a significant
round among eight. A matrix that is as claimed agrees. One that differs disagrees only if chance would give such a
difference in less than 5 % of experiments.
"""

from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd

from alrun.analysis import significance
from alrun.analysis.curves import name_curves
from alrun.system.errors import UserError
from docs.generate.findings_rules import AGREES, DISAGREES, UNDECIDED
from docs.generate.findings_table import ACTIVE, Table, batches


class Cell(NamedTuple):
    """How often a curve is significantly better than another one."""

    better: str
    worse: str
    hits: int  # rounds in which it is
    tested: int
    rounds: int

    @property
    def share(self) -> float:
        """The cell of the penalty matrix: of all rounds, the first one too."""
        return self.hits / self.rounds


def cells(part: pd.DataFrame) -> list[Cell]:
    """The penalty matrix of the curves of ``part``.

    Raises:
        UserError: There are no curves to compare, or no round can be tested.
    """
    named = name_curves(part)
    if named["curve"].nunique() < 2:
        raise UserError("these experiments were not run")
    found = []
    for (one, other), tests in significance.round_tests(named).groupby(["first", "second"], sort=False):
        tested = int(tests["p"].notna().sum())
        clear = tests[tests["p"] < significance.ALPHA]
        found.append(Cell(str(one), str(other), int((clear["difference"] > 0).sum()), tested, len(tests)))
        found.append(Cell(str(other), str(one), int((clear["difference"] < 0).sum()), tested, len(tests)))
    if not any(cell.tested for cell in found):
        raise UserError("no round has repeats that scatter, so none can be tested")
    return found


def judged(found: Iterable[Cell], most: float) -> str:
    """Whether no cell is above ``most`` of the rounds."""
    found = [cell for cell in found if cell.tested]
    if all(cell.share <= most for cell in found):
        return AGREES
    largest = max(found, key=lambda cell: cell.hits / cell.tested)
    chance = significance.by_chance(largest.hits, largest.tested, cells=len(found))
    return DISAGREES if chance < significance.ALPHA else UNDECIDED


def between(part: pd.DataFrame, one: str, other: str) -> tuple[Cell, Cell]:
    """The cells of the curves that have ``one`` and ``other`` in their names, each way."""
    found = cells(part)
    return (
        next(cell for cell in found if one in cell.better and other in cell.worse),
        next(cell for cell in found if other in cell.better and one in cell.worse),
    )


def within(part: pd.DataFrame) -> dict[str, list[Cell]]:
    """For each strategy the cells among its settings."""
    return {str(name): cells(frame) for name, frame in part.groupby("strategy")}


def claim_1(table: Table) -> tuple[str, str]:
    """Claim 1: entropy and BADGE."""
    entropy, badge = between(table.part(ACTIVE), "entropy", "badge")
    verdicts = judged([badge], 0), judged([entropy], 0.12)
    verdict = DISAGREES if DISAGREES in verdicts else AGREES if set(verdicts) == {AGREES} else UNDECIDED
    measured = f"entropy {entropy.share:.2f} of the rounds, BADGE {badge.share:.2f}"
    return measured, f"{verdict} (at most 0.12, and 0; else against chance)"


def claim_2(table: Table) -> tuple[str, str]:
    """Claim 2: entropy with SGD and with Adam."""
    sgd, adam = between(table.part(["entropy"], optimizer=["sgd", "adam"]), "sgd", "adam")
    opposite = judged([adam], 0) == DISAGREES
    verdict = AGREES if sgd.share > 0.8 else DISAGREES if opposite else UNDECIDED
    measured = f"SGD in {sgd.share:.2f} of the rounds, Adam in {adam.share:.2f}"
    return measured, f"{verdict} (more than 0.8; Adam more often than by chance disagrees)"


def claim_3(table: Table) -> tuple[str, str]:
    """Claim 3: AL batch sizes."""
    found = within(batches(table))
    return f"largest cell {largest(found)}", f"{judged(flat(found), 0.2)} (at most 0.2; else against chance)"


def claim_4(table: Table) -> tuple[str, str]:
    """Claim 4: seed sets."""
    found = within(table.part(seed_set=["random", "facility_location", "facility_location_untrained"]))
    others = {name: each for name, each in found.items() if name != "entropy"}
    return f"largest cell {largest(found)}", f"{judged(flat(others), 0)} (0 but for entropy; else against chance)"


def claim_5(table: Table) -> tuple[str, str]:
    """Claim 5: reset and update in later rounds."""
    part = table.part(training__reset=["true", "false"])
    found = within(part[part["round"] > 3])
    return f"largest cell {largest(found)}", f"{judged(flat(found), 0)} (0; else against chance)"


def flat(found: dict[str, list[Cell]]) -> list[Cell]:
    """The cells of all strategies."""
    return [cell for each in found.values() for cell in each]


def largest(found: dict[str, list[Cell]]) -> str:
    """The largest cell of each strategy as text."""
    return ", ".join(f"{name} {max(cell.share for cell in each):.2f}" for name, each in found.items())
