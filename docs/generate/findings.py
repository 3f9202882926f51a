"""docs/evidence/findings.md: the paper's findings and claims, and what the tables in results/ say about them.

    python -m docs.generate.findings

A verdict follows from the numbers by the rule beside it; there is none if training was cut short. What no table has yet
is on the page with its hours.
"""

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from alrun.analysis import ranks
from alrun.analysis.curves import name_curves
from alrun.analysis.scores import per_run
from alrun.system.errors import UserError
from docs.generate import findings_claims as claims
from docs.generate import findings_figures as figures
from docs.generate import findings_measures as measures
from docs.generate import findings_paper as paper
from docs.generate import findings_reasons as reasons
from docs.generate import findings_studies as studies
from docs.generate.findings_rules import CONFIRMED, ENOUGH, REFUTED, Answer, trained
from docs.generate.wrapped import wrapped

PAGE = studies.ROOT / "docs" / "evidence" / "findings.md"
ASSETS = studies.ROOT / "docs" / "assets"


class Finding(NamedTuple):
    """A finding or claim of the paper in our words, or a part of one, and how we measure it."""

    of: str  # finding or claim
    name: str
    says: str
    facet: str
    measure: Callable[[pd.DataFrame], Answer]
    paper: Callable[[], str] | None = None  # its numbers
    reason: Callable[[pd.DataFrame], str] | None = None  # looked for where it is refuted


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
    Finding("1", "augmentation", "It raises accuracy and labeling efficiency.", "augmentation", measures.augmentation),
    Finding("2", "optimizer", "SGD generalizes better than Adam.", "optimizer", measures.optimizer),
    Finding(
        "3",
        "diversity",
        "With augmentation and SGD, BADGE does not outperform entropy.",
        "baseline",
        measures.diversity,
        paper.diversity,
        reasons.gap_by_labels,
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
        None,
        reasons.extremes,
    ),
    Finding(
        "6",
        "seed set",
        "A representative seed set has little or no effect after a few rounds.",
        "seed_set",
        measures.seed_set,
        paper.seed_set,
    ),
    Finding(
        "6",
        "AL batch size",
        "Reasonable AL batch sizes have little or no effect.",
        "batch_size",
        measures.batch_size,
        paper.batch_size,
    ),
    Finding(
        "7",
        "update",
        "Training on from the old weights costs accuracy only in early rounds.",
        "reset_update",
        measures.update,
    ),
    Finding("8", "time", "Training takes most of the time.", "baseline", measures.time, None, reasons.seconds),
    Finding(
        "8", "subsets", "Training on subsets is up to 3 times faster, at little loss.", "subsets", measures.subsets
    ),
    Finding(
        "Claim 1",
        "entropy and BADGE",
        "Entropy is significantly better than BADGE in 1 of 9 rounds, BADGE in none.",
        "baseline",
        claims.claim_1,
        None,
        claims.claim_1.of_three,
    ),
    Finding("Claim 2", "SGD and Adam", "Entropy with SGD is better in 8 of 9 rounds.", "optimizer", claims.claim_2),
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

HEAD = """# The paper's findings, and ours

Written by `python -m docs.generate.findings` from the tables in results/: {runs} runs, {hours:.1f} hours of training,
selection and evaluation on one thread ({hardware}; no counter of energy there).

The eight findings come from the paper's introduction, the five claims from its Appendix G. {decided} of the thirteen
are decided in at least one study, each part of them.

{studies}

Accuracies are those of the whole test set, differences are in percentage points. Brackets hold the 95 % interval of
Student's t over repeats; a repeat has its own seed set (on MNIST only its own draws, as in the paper), and is the mean
over random, entropy and BADGE where a finding names no strategy. Intervals are over seeds on one pool and one test set:
they say nothing about other data sets. "Finds" is the true difference that so many repeats find with a power of 0.8.
*Confirmed* and *refuted* follow from the rule in brackets. *Undecided* means that the numbers support neither: finding
no difference does not show that there is none, so "little or no effect" needs two one-sided tests within a point. There
is no verdict if more than {most:.0f} % of the rounds were cut short. On features a verdict says whether a finding
carries over: the paper trained from scratch, so *refuted* there does not contradict what it measured.

The paper's own run on CIFAR-10 to 25,000 labels trains for 8 hours on a GPU (its Section 4.8), so one of its facets
with 18 runs is 144 hours there; "hours" are those of a facet here. Hours of what is not computed are extrapolated from
pilots of one round on one thread (results/pilots.csv).

{summary}

{ranks}
"""


def main() -> None:
    """Write the page and its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=studies.RESULTS)
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--assets", type=Path, default=ASSETS)
    arguments = parser.parse_args()
    folder = arguments.results
    answers = {(f.of, f.name): {key: judged(f, key, folder) for key in studies.STUDIES} for f in FINDINGS}
    sections = [section(finding, answers[finding.of, finding.name], folder) for finding in FINDINGS]
    pictures = figures.write(folder, arguments.assets)
    arguments.page.write_text(wrapped(head(answers, folder) + "\n" + "\n".join([*sections, *pictures])))
    print(f"{decided(answers)} of 13 decided: {arguments.page}")


def judged(finding: Finding, key: str, folder: Path) -> Answer | str | None:
    """The answer of a study, or the reason why it has none; None if the study is not about the facet."""
    study = studies.STUDIES[key]
    if finding.facet in study.reasons:
        return f"not testable here: {study.reasons[finding.facet]}"
    if finding.facet not in study.facets:
        return None
    rounds = studies.table_of(study.facets[finding.facet], folder)
    if rounds is None:
        return studies.hours(study.facets[finding.facet], folder)
    try:
        answer = finding.measure(rounds)
    except UserError as error:
        return str(error)
    share = trained(rounds)
    if share < ENOUGH:
        return f"no verdict: {100 * (1 - share):.0f} % of the rounds were cut short"
    return answer


def decided(answers: dict[tuple[str, str], dict[str, Answer | str | None]]) -> int:
    """The number of findings and claims of which each part has a verdict in some study."""
    parts: dict[str, list[bool]] = {}
    for (of, _), each in answers.items():
        known = any(isinstance(a, Answer) and a.verdict in (CONFIRMED, REFUTED) for a in each.values())
        parts.setdefault(of, []).append(known)
    return sum(map(all, parts.values()))


def head(answers: dict[tuple[str, str], dict[str, Answer | str | None]], folder: Path) -> str:
    """The head of the page: what was run, and a table of all verdicts."""
    names = {name for study in studies.STUDIES.values() for name in study.facets.values()}
    tables = [table for name in sorted(names) if (table := studies.table_of(name, folder)) is not None]
    every = pd.concat([table.drop_duplicates("run")[["run", "hardware", "torch"]] for table in tables])
    described = [f"- **{each.title}**: {each.what} (`{each.command}`)." for each in studies.STUDIES.values()]
    titles = [study.title for study in studies.STUDIES.values()]
    lines = [f"| finding | {' | '.join(titles)} |", "|---" * (1 + len(titles)) + "|"]
    for finding in FINDINGS:
        cells = [in_short(answer) for answer in answers[finding.of, finding.name].values()]
        lines.append(f"| {title(finding)} | {' | '.join(cells)} |")
    return HEAD.format(
        runs=every["run"].nunique(),
        hours=sum(map(studies.spent, tables)),
        hardware=", torch ".join(" and ".join(sorted(every[column].unique())) for column in ("hardware", "torch")),
        decided=decided(answers),
        studies="\n".join(described),
        most=100 * (1 - ENOUGH),
        summary="\n".join(lines),
        ranks=ranked(folder),
    )


def ranked(folder: Path) -> str:
    """Mean ranks over data sets of the strategies that all baselines have: a statement beside the intervals."""
    means = {}
    for study in studies.STUDIES.values():
        if (rounds := studies.table_of(study.facets["baseline"], folder)) is not None:
            means[study.title] = per_run(name_curves(rounds)).groupby("strategy")["aubc"].mean()
    scores = pd.DataFrame(means).T.dropna(axis="columns")
    order = ranks.mean_ranks(scores).sort_values()
    texts = [f"{name} {rank:.1f}" for name, rank in order.items()]
    if len(scores) < 2:
        return "Ranks over data sets: there is one data set yet."
    return (
        f"Ranks over the {len(scores)} data sets with a baseline (mean accuracy along the budget; 1 is best): "
        f"{', '.join(texts)}. By Nemenyi's test two differ from a difference of "
        f"{ranks.critical_difference(len(scores.columns), len(scores)):.1f} on."
    )


def title(finding: Finding) -> str:
    """The title of a section."""
    return f"{finding.of}, {finding.name}" if finding.of.isdigit() else f"{finding.of}: {finding.name}"


def in_short(answer: Answer | str | None) -> str:
    """A cell of the table of verdicts."""
    if isinstance(answer, Answer):
        return f"**{answer.verdict}**" if answer.verdict in (CONFIRMED, REFUTED) else answer.verdict
    return "" if answer is None else re.split("[:;]", answer)[0]


def section(finding: Finding, answers: dict[str, Answer | str | None], folder: Path) -> str:
    """What the paper says of a finding, its numbers, ours, and where they refute it the reason looked for."""
    says = f"The paper: {finding.says}" + (f" ({finding.paper()}.)" if finding.paper else "")
    lines = [f"## {title(finding)}", "", says, "", "| study | measured | repeats | finds | verdict | hours |"]
    lines.append("|---" * 6 + "|")
    found = []
    for key, answer in answers.items():
        study = studies.STUDIES[key]
        if answer is None:
            continue
        if isinstance(answer, str):
            lines.append(f"| {study.title} | {answer} | | | | |")
            continue
        rounds = studies.table_of(study.facets[finding.facet], folder)
        assert rounds is not None
        finds = "" if pd.isna(answer.finds) else f"{answer.finds:.2f} points"
        cells = [study.title, answer.measured, str(answer.repeats), finds]
        cells += [f"**{answer.verdict}** ({answer.rule})", f"{studies.spent(rounds):.1f}"]
        lines.append(f"| {' | '.join(cells)} |")
        if answer.verdict == REFUTED and finding.reason is not None:
            found.append(f"- {study.title}, why: {finding.reason(rounds)}.")
    return "\n".join([*lines, "", *found, *([""] if found else [])])


if __name__ == "__main__":
    main()
