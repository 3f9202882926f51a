"""The claims of the paper's Appendix G, which rest on penalty matrices."""

import numpy as np
import pandas as pd

from alrun.analysis import significance
from alrun.analysis.curves import name_curves
from alrun.errors import UserError
from findings_table import ACTIVE, Table, batches


def cell(matrix: pd.DataFrame, row: str, column: str) -> float:
    """The share of the rounds in which the curve ``row`` is better than ``column``."""
    return float(matrix.to_numpy()[matrix.index.get_loc(row), matrix.columns.get_loc(column)])


def cells(part: pd.DataFrame) -> pd.DataFrame:
    """The penalty matrix of the curves of ``part``."""
    named = name_curves(part)
    if named["curve"].nunique() < 2:
        raise UserError("these experiments were not run")
    return significance.penalty_matrix(significance.round_tests(named), list(named["curve"].unique()))


def claim_1(table: Table) -> tuple[str, str]:
    """Appendix G."""
    matrix = cells(table.part(ACTIVE))
    entropy, badge = cell(matrix, "entropy", "badge"), cell(matrix, "badge", "entropy")
    verdict = "agrees" if entropy <= 0.12 and badge == 0 else "disagrees"
    return f"entropy {entropy:.2f} of the rounds, BADGE {badge:.2f}", f"{verdict} (at most 0.12, and 0)"


def claim_2(table: Table) -> tuple[str, str]:
    """Appendix G."""
    matrix = cells(table.part(["entropy"], optimizer=["sgd", "adam"]))
    sgd, adam = (next(name for name in matrix.index if word in name) for word in ("sgd", "adam"))
    share, other = cell(matrix, sgd, adam), cell(matrix, adam, sgd)
    verdict = "agrees" if share > 0.8 else "disagrees" if other > share else "undecided"
    return f"SGD in {share:.2f} of the rounds, Adam in {other:.2f}", f"{verdict} (more than 0.8)"


def within(part: pd.DataFrame) -> dict[str, float]:
    """For every strategy the largest cell among its settings."""
    return {str(name): float(np.nanmax(cells(frame).to_numpy())) for name, frame in part.groupby("strategy")}


def claim_3(table: Table) -> tuple[str, str]:
    """Appendix G."""
    largest = within(batches(table))
    verdict = "agrees" if max(largest.values()) <= 0.2 else "disagrees"
    return f"largest cell {shares(largest)}", f"{verdict} (at most 0.2)"


def claim_4(table: Table) -> tuple[str, str]:
    """Appendix G."""
    largest = within(table.part(seed_set=["random", "facility_location", "facility_location_pixels"]))
    verdict = "agrees" if largest["random"] == largest["badge"] == 0 else "disagrees"
    return f"largest cell {shares(largest)}", f"{verdict} (0 but for entropy)"


def claim_5(table: Table) -> tuple[str, str]:
    """Appendix G."""
    part = table.part(training__reset=["true", "false"])
    largest = within(part[part["round"] > 3])
    verdict = "agrees" if max(largest.values()) == 0 else "disagrees"
    return f"largest cell {shares(largest)}", f"{verdict} (0)"


def shares(largest: dict[str, float]) -> str:
    """Cells by strategy as text."""
    return ", ".join(f"{name} {share:.2f}" for name, share in largest.items())
