"""docs/evidence/findings.md: the paper's findings and claims, and what a table of our results says about them.

    python -m docs.generate.findings TABLE

The table comes from ``alrun results``. A verdict follows from the numbers by the rule beside it; there is none if
training was cut short.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from alrun.analysis import rounds as results
from alrun.system.errors import UserError
from docs.generate import findings_baselines
from docs.generate import findings_claims as claims
from docs.generate import findings_measures as measures
from docs.generate.findings_rules import ENOUGH, trained
from docs.generate.findings_table import Table

ROOT = Path(__file__).resolve().parents[2]


class Finding(NamedTuple):
    """A finding or claim of the paper in our words, and how we measure it."""

    name: str
    says: str
    measure: Callable[[Table], tuple[str, str]]  # what we measured, and the verdict


FINDINGS = [
    Finding("1, augmentation", "Augmentation raises accuracy and labeling efficiency.", measures.augmentation),
    Finding("2, optimizer", "SGD generalizes better than Adam.", measures.optimizer),
    Finding("3, diversity", "With augmentation and SGD, BADGE does not outperform entropy.", measures.diversity),
    Finding(
        "4, redundancy (duplicates)",
        "BADGE outperforms entropy in a redundant pool, and more so the more redundant it is.",
        lambda table: measures.redundancy(table, "duplicate"),
    ),
    Finding(
        "4, redundancy (altered copies)",
        "The same with altered copies (Appendix D).",
        lambda table: measures.redundancy(table, "augment"),
    ),
    Finding(
        "5, examples per class (CIFAR-10)",
        "The fewer examples of a class may be queried, the lower the labeling efficiency.",
        lambda table: measures.per_class(table, "cifar10"),
    ),
    Finding(
        "5, examples per class (Fashion-MNIST)",
        "The same.",
        lambda table: measures.per_class(table, "fashion_mnist"),
    ),
    Finding("6, seed set", "A representative seed set has little or no effect after a few rounds.", measures.seed_set),
    Finding("6, AL batch size", "Reasonable AL batch sizes have little or no effect.", measures.batch_size),
    Finding("7, update", "Training on from the old weights costs accuracy only in early rounds.", measures.update),
    Finding("8, time", "Training takes most of the time.", measures.time),
    Finding("8, subsets", "Training on subsets is up to 3 times faster, at little loss.", measures.subsets),
    Finding("Claim 1", "Entropy is better than BADGE in 1 of 9 rounds, BADGE in none.", claims.claim_1),
    Finding("Claim 2", "Entropy with SGD is better than with Adam in 8 of 9 rounds.", claims.claim_2),
    Finding("Claim 3", "No two AL batch sizes differ in more than 1 of 5 rounds.", claims.claim_3),
    Finding("Claim 4", "Of the seed sets only entropy's differ in a round.", claims.claim_4),
    Finding("Claim 5", "In the later rounds no strategy differs between reset and update.", claims.claim_5),
]

HEAD = """# The paper's findings, and ours

Written by `python -m docs.generate.findings {table}` from {runs} runs at `scale={scale}` on {hardware}
(torch {torch}), {hours:.1f} hours of training, selection and evaluation in all.

The findings come from the paper's introduction, the claims from its Appendix G. Accuracies are in percentage points of
the test set. Brackets hold the 95 % interval of Student's t over repeats; each repeat is the mean over strategies
where a finding names none. *Agrees* and *disagrees* follow from the rule in the last column; *undecided* means that
the numbers support neither. There is no verdict if more than {most:.0f} % of the rounds were cut short: a training
should end by its accuracy, without further gain, or with its learning-rate schedule. Here {trained:.0f} % of all
rounds did, at a mean training accuracy of {accuracy:.0f} %.

| finding | the paper | measured here | verdict |
|---|---|---|---|
"""


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "evidence" / "findings.md")
    arguments = parser.parse_args()
    rounds = results.read_results(arguments.table)
    table = Table(rounds)
    lines = [f"| {finding.name} | {finding.says} | {' | '.join(judged(finding, table))} |" for finding in FINDINGS]
    head = HEAD.format(
        table=arguments.table,
        runs=rounds["run"].nunique(),
        scale=", ".join(rounds["scale"].unique()),
        most=100 * (1 - ENOUGH),
        trained=100 * trained(rounds),
        accuracy=100 * rounds["train_accuracy"].mean(),
        hardware=", ".join(rounds["hardware"].unique()),
        torch=", ".join(rounds["torch"].unique()),
        hours=rounds[["train_seconds", "evaluate_seconds", "select_seconds"]].to_numpy().sum() / 3600,
    )
    page = head + "\n".join(lines) + "\n\n" + baselines(rounds) + "\n"
    arguments.page.write_text(page)
    print(page)


def judged(finding: Finding, table: Table) -> tuple[str, str]:
    """The measured numbers and the verdict, or the reason why there is none."""
    table.used.clear()
    try:
        measured, verdict = finding.measure(table)
    except UserError as error:
        return str(error), "not measured"
    share = trained(pd.concat(table.used))
    if share < ENOUGH:
        return measured, f"no verdict: {100 * (1 - share):.0f} % of its rounds were cut short"
    return measured, verdict


def baselines(rounds: pd.DataFrame) -> str:
    """A table of all baselines: final accuracy and labeling efficiency of every strategy on every data set."""
    rows = findings_baselines.baselines(rounds)
    columns = list(dict.fromkeys(column for row in rows for column in row))
    lines = [
        "## Baselines",
        "",
        findings_baselines.WORDS,
        "",
        "| " + " | ".join(columns) + " |",
        "|---" * len(columns) + "|",
    ]
    return "\n".join([*lines, *("| " + " | ".join(row.get(column, "") for column in columns) + " |" for row in rows)])


if __name__ == "__main__":
    main()
