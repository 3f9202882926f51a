"""The findings and claims of the paper, each with how it is measured: what docs/evidence/findings.md goes through."""

from collections.abc import Callable
from typing import NamedTuple

import pandas as pd

from docs.generate import findings_claims as claims
from docs.generate import findings_measures as measures
from docs.generate import findings_paper as paper
from docs.generate import findings_reasons as reasons
from docs.generate.findings_rules import Answer


class Finding(NamedTuple):
    """A finding or claim of the paper in our words, or a part of one, and how we measure it."""

    of: str  # finding or claim
    name: str
    says: str
    facet: str
    measure: Callable[[pd.DataFrame], Answer]
    paper: Callable[[], str] | None = None  # its numbers
    reason: Callable[[pd.DataFrame], str] | None = None  # looked for where it is refuted
    outside: Callable[[pd.DataFrame], str] | None = None  # why runs are not those that it speaks of; empty: they are

    @property
    def title(self) -> str:
        """The title of its section."""
        return f"{self.of}, {self.name}" if self.of.isdigit() else f"{self.of}: {self.name}"


FINDINGS = [
    Finding(
        "1",
        "labeling efficiency",
        "Active learning needs 2 to 4 times fewer labels than random sampling on most data sets.",
        "baseline",
        measures.labeling_efficiency,
        paper.efficiencies,
        reasons.why_no_more,
    ),
    Finding(
        "1",
        "augmentation",
        "It raises accuracy and labeling efficiency.",
        "augmentation",
        measures.augmentation,
        paper.augmentation,
        reasons.learned_by_augmentation,
    ),
    Finding(
        "2",
        "SGD and the paper's Adam",
        "SGD generalizes better than Adam (for which it names no schedule of the learning rate).",
        "optimizer",
        measures.optimizer,
        None,
        reasons.learned_by_optimizer,
    ),
    Finding(
        "2",
        "SGD and Adam by one schedule",
        "SGD generalizes better than Adam. Here the rates of both fall by one schedule, which the paper did not try.",
        "optimizer",
        measures.schedule,
        None,
        reasons.learned_by_schedule,
    ),
    Finding(
        "3",
        "diversity",
        'With augmentation and SGD, "there is no significant advantage of diversity over very simple uncertainty '
        'sampling (at least in most standard academic data sets)": BADGE "does not consistently outperform" entropy.',
        "baseline",
        measures.diversity,
        paper.diversity,
        reasons.gap_by_labels,
        reasons.without_augmentation,
    ),
    Finding(
        "4",
        "redundancy",
        "BADGE outperforms entropy in a redundant pool, and more so the more redundant it is.",
        "redundancy",
        measures.redundancy,
        paper.redundancy,
        reasons.losses_by_redundancy,
    ),
    Finding(
        "5",
        "examples per class",
        "The fewer examples of a class may be queried, the less is there to gain over random sampling.",
        "per_class",
        measures.per_class,
        paper.per_class,
        reasons.extremes,
    ),
    Finding(
        "6",
        "seed set",
        "A representative seed set has little or no effect after a few rounds.",
        "seed_set",
        measures.seed_set,
        paper.seed_set,
        reasons.seed_sets_by_labels,
    ),
    Finding(
        "6",
        "AL batch size",
        "Reasonable AL batch sizes have little or no effect.",
        "batch_size",
        measures.batch_size,
        paper.batch_size,
        reasons.batch_sizes_by_strategy,
    ),
    Finding(
        "7",
        "update",
        "Training on from the old weights costs accuracy only in early rounds.",
        "reset_update",
        measures.update,
        None,
        reasons.learned_by_update,
    ),
    Finding("8", "time", "Training takes most of the time.", "baseline", measures.time, paper.time, reasons.seconds),
    Finding(
        "8",
        "subsets",
        "Training on subsets is up to 3 times faster, at little loss.",
        "subsets",
        measures.subsets,
        paper.subsets,
    ),
    Finding(
        "Claim 1",
        "entropy and BADGE",
        "Entropy is significantly better than BADGE in 1 of 9 rounds, BADGE in none.",
        "baseline",
        claims.claim_1,
        None,
        claims.claim_1.of_three,
        reasons.without_augmentation,
    ),
    Finding(
        "Claim 2",
        "SGD and Adam",
        "Entropy with SGD is better in 8 of 9 rounds.",
        "optimizer",
        claims.claim_2,
        None,
        claims.claim_2.of_three,
    ),
    Finding(
        "Claim 3",
        "AL batch sizes",
        "No two differ in more than 1 of 5 rounds.",
        "batch_size",
        claims.claim_3,
        None,
        claims.claim_3.of_three,
    ),
    Finding(
        "Claim 4",
        "seed sets",
        "Random and facility location differ in a round with entropy alone.",
        "seed_set",
        claims.claim_4,
        None,
        claims.claim_4.of_three,
    ),
    Finding(
        "Claim 5",
        "reset and update",
        "No strategy differs in the later rounds.",
        "reset_update",
        claims.claim_5,
        None,
        claims.claim_5.of_three,
    ),
]
