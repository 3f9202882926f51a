"""The claims of the paper's Appendix G, which rest on penalty matrices.

A cell is judged against chance: with tests at 5 %, a third of all experiments without a difference have a significant
round among eight, if rounds are independent. A matrix that is as claimed confirms a claim, one of no effect only if the
curves are alike, too. One that differs refutes it only if chance would give such a difference in less than 5 % of
experiments.
"""

import itertools
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd

from alrun.analysis import significance
from alrun.analysis.curves import name_curves, paired, wide
from alrun.system.errors import UserError
from docs.generate.findings_measures import ADAM, at_common_labels
from docs.generate.findings_rules import CONFIRMED, LITTLE, REFUTED, UNDECIDED, Answer, none

DRAWS = 200
ALIKE = f"the curves are within {LITTLE:g} point"
REFUTES = "refuted if there is more than chance gives"


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


Curves = dict[str, pd.DataFrame]  # by name: accuracy by seed (rows) and number of labels


def curves(rounds: pd.DataFrame) -> Curves:
    """The curves of ``rounds``.

    Raises:
        UserError: There are none to compare.
    """
    found = wide(name_curves(rounds), "test_accuracy")
    if len(found) < 2:
        raise UserError("not computed: there are no two curves to compare")
    return found


def cells(found: Curves) -> list[Cell]:
    """The penalty matrix of some curves.

    Raises:
        UserError: No round can be tested.
    """
    matrix = []
    for one, other in itertools.combinations(found, 2):
        first, second = paired(found[one], found[other])
        difference, p = significance.t_test(first.to_numpy(), second.to_numpy())
        tested, clear = int((~np.isnan(p)).sum()), p < significance.ALPHA
        matrix.append(Cell(one, other, int((clear & (difference > 0)).sum()), tested, len(p)))
        matrix.append(Cell(other, one, int((clear & (difference < 0)).sum()), tested, len(p)))
    if not any(cell.tested for cell in matrix):
        raise UserError("no round has repeats that scatter, so none can be tested")
    return matrix


def judged(found: Iterable[Cell], most: float, chances: int | None = None) -> str:
    """Whether no cell is above ``most`` of the rounds.

    ``chances`` is how many cells could refute the claim; None: as many as are ``found``.
    """
    found = [cell for cell in found if cell.tested]
    if all(cell.share <= most for cell in found):
        return CONFIRMED
    largest = max(found, key=lambda cell: cell.hits / cell.tested)
    chance = significance.by_chance(largest.hits, largest.tested, cells=chances or len(found))
    return REFUTED if chance < significance.ALPHA else UNDECIDED


def if_alike(verdict: str, groups: dict[str, Curves]) -> str:
    """``verdict``, if it does not confirm by tests that found nothing alone: then the curves must be alike, too.

    Two are alike if two one-sided tests put the mean of their differences over rounds within ``LITTLE`` points.
    """
    if verdict != CONFIRMED:
        return verdict
    pairs = (pair for found in groups.values() for pair in itertools.combinations(found.values(), 2))
    differences = (100 * (one - other).mean(axis=1).dropna() for one, other in itertools.starmap(paired, pairs))
    alike = all(len(each) > 1 and none(each.to_numpy(float)) == CONFIRMED for each in differences)
    return CONFIRMED if alike else UNDECIDED


def between(found: Curves, one: str, other: str) -> tuple[Cell, Cell]:
    """The cells of the curves that have ``one`` and ``other`` in their names, each way."""
    matrix = cells(found)
    return (
        next(cell for cell in matrix if one in cell.better and other in cell.worse),
        next(cell for cell in matrix if other in cell.better and one in cell.worse),
    )


class Claim(NamedTuple):
    """A claim: it reads curves off the rounds of a facet, in groups, and judges their penalty matrices."""

    groups: Callable[[pd.DataFrame], dict[str, Curves]]
    judge: Callable[[dict[str, Curves]], tuple[str, str, str]]  # measured, verdict, rule

    def __call__(self, rounds: pd.DataFrame) -> Answer:
        """The answer of the rounds of a facet."""
        groups = self.groups(rounds)
        return Answer(*self.judge(groups), len(shared(groups)))

    def of_three(self, rounds: pd.DataFrame) -> str:
        """Whether a claim that more repeats refute would be refuted by three, as in the paper: the reason looked for.

        It is judged ``DRAWS`` times with three of the seeds, which are drawn. Nothing if there are no more.
        """
        groups = self.groups(rounds)
        seeds = shared(groups)
        if len(seeds) <= 3:
            return ""
        draws = np.random.default_rng(0)
        verdicts = []
        for _ in range(DRAWS):
            three = draws.choice(seeds, 3, replace=False)
            fewer = {
                name: {curve: table[table.index.isin(three)] for curve, table in each.items()}
                for name, each in groups.items()
            }
            verdicts.append(self.judge(fewer)[1])
        share = 100 * verdicts.count(REFUTED) / DRAWS
        return f"with three of the {len(seeds)} repeats, as in the paper, {share:.0f} % of {DRAWS} draws refute it"


def shared(groups: dict[str, Curves]) -> list:
    """The seeds that all curves have."""
    return sorted(set.intersection(*(set(table.index) for each in groups.values() for table in each.values())))


def of(*strategies: str) -> Callable[[pd.DataFrame], dict[str, Curves]]:
    """One group, the curves of some strategies."""
    return lambda rounds: {"": curves(rounds[rounds["strategy"].isin(strategies)])}


def by_strategy(rounds: pd.DataFrame) -> dict[str, Curves]:
    """A group for each strategy: its settings."""
    return {str(name): curves(frame) for name, frame in rounds.groupby("strategy")}


def judge_1(groups: dict[str, Curves]) -> tuple[str, str, str]:
    """Claim 1: entropy and BADGE."""
    entropy, badge = between(groups[""], "entropy", "badge")
    verdicts = judged([badge], 0, chances=2), judged([entropy], 0.12, chances=2)
    verdict = REFUTED if REFUTED in verdicts else CONFIRMED if set(verdicts) == {CONFIRMED} else UNDECIDED
    measured = f"entropy {entropy.share:.2f} of the rounds, BADGE {badge.share:.2f}"
    rule = f"confirmed if entropy is better in at most 0.12 of the rounds and BADGE in none, and {ALIKE}; {REFUTES}"
    return measured, if_alike(verdict, groups), rule


def optimizers(rounds: pd.DataFrame) -> dict[str, Curves]:
    """The curves of entropy with SGD and with the paper's Adam."""
    entropy = rounds[rounds["strategy"] == "entropy"]
    return {"": curves(entropy[entropy["optimizer"].isin(["sgd", ADAM])])}


def judge_2(groups: dict[str, Curves]) -> tuple[str, str, str]:
    """Claim 2: entropy with SGD and with Adam."""
    sgd, adam = between(groups[""], "sgd", ADAM)
    opposite = judged([adam], 0) == REFUTED
    verdict = CONFIRMED if sgd.share > 0.8 else REFUTED if opposite else UNDECIDED
    measured = f"SGD in {sgd.share:.2f} of the rounds, Adam in {adam.share:.2f}"
    rule = "confirmed if SGD is better in more than 0.8 of the rounds; refuted if Adam is, more often than chance gives"
    return measured, verdict, rule


def judge_3(groups: dict[str, Curves]) -> tuple[str, str, str]:
    """Claim 3: AL batch sizes."""
    found = {name: cells(each) for name, each in groups.items()}
    verdict = if_alike(judged(flat(found), 0.2), groups)
    return f"largest cell {largest(found)}", verdict, f"confirmed if no cell is above 0.2, and {ALIKE}; {REFUTES}"


def judge_4(groups: dict[str, Curves]) -> tuple[str, str, str]:
    """Claim 4: seed sets, random and by facility location."""
    found = {name: cells(each) for name, each in groups.items()}
    others = {name: each for name, each in found.items() if name != "entropy"}
    verdict = if_alike(judged(flat(others), 0), {name: each for name, each in groups.items() if name in others})
    rule = f"confirmed if all are 0 but for entropy, and {ALIKE}; {REFUTES}"
    return f"largest cell {largest(found)}", verdict, rule


def judge_5(groups: dict[str, Curves]) -> tuple[str, str, str]:
    """Claim 5: reset and update in later rounds."""
    found = {name: cells(each) for name, each in groups.items()}
    verdict = if_alike(judged(flat(found), 0), groups)
    return f"largest cell {largest(found)}", verdict, f"confirmed if all are 0, and {ALIKE}; {REFUTES}"


def facility_location(rounds: pd.DataFrame) -> dict[str, Curves]:
    """The curves of random seed sets and of those by facility location, after the first query.

    The paper cannot test the round of the seed set itself, whose accuracy has no scatter there; it grants a difference.
    """
    kinds = ["random", "facility_location", "facility_location_untrained"]
    return by_strategy(rounds[rounds["seed_set"].isin(kinds) & (rounds["round"] > 0)])


def later(rounds: pd.DataFrame) -> dict[str, Curves]:
    """The curves in the later half of the rounds."""
    return by_strategy(rounds[rounds["round"] > rounds["round"].max() // 2])


def flat(found: dict[str, list[Cell]]) -> list[Cell]:
    """The cells of all strategies."""
    return [cell for each in found.values() for cell in each]


def largest(found: dict[str, list[Cell]]) -> str:
    """The largest cell of each strategy as text."""
    return ", ".join(f"{name} {max(cell.share for cell in each):.2f}" for name, each in found.items())


claim_1 = Claim(of("entropy", "badge"), judge_1)
claim_2 = Claim(optimizers, judge_2)
claim_3 = Claim(lambda rounds: by_strategy(at_common_labels(rounds)), judge_3)
claim_4 = Claim(facility_location, judge_4)
claim_5 = Claim(later, judge_5)
