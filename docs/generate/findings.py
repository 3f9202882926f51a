"""docs/evidence/findings.md: the paper's findings and claims, and what the tables in results/ say about them.

    python -m docs.generate.findings

A verdict follows from the numbers by the rule beside it; there is none if training was cut short. What no table has yet
is on the page with its hours.
"""

import argparse
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd

from alrun.analysis import ranks
from alrun.analysis.curves import REFERENCE, name_curves
from alrun.analysis.scores import per_run
from alrun.system.errors import UserError
from docs.generate import findings_figures as figures
from docs.generate import findings_schedule as schedule
from docs.generate import findings_studies as studies
from docs.generate.findings_few_labels import few_labels
from docs.generate.findings_list import FINDINGS, Finding
from docs.generate.findings_measures import ACTIVE
from docs.generate.findings_rules import CONFIRMED, ENOUGH, KNOWN, OUTSIDE, REFUTED, Answer, trained
from docs.generate.wrapped import wrapped

PAGE = studies.ROOT / "docs" / "evidence" / "findings.md"
ASSETS = studies.ROOT / "docs" / "assets"
Answers = dict[tuple[str, str], dict[str, Answer | str | None]]  # by finding and part, then by study

HEAD = """# The paper's findings, and ours

Which of the paper's findings hold in our runs? The table says; what the words mean, and how it was computed, follows.
The eight findings come from the paper's introduction, the five claims from its Appendix G. Of these thirteen {tally}.

{summary}

{ranks}

## The runs

Written by `python -m docs.generate.findings` from the tables in results/: {runs} runs, {hours:.1f} hours of training,
selection and evaluation on one thread ({hardware}; no counter of energy there).

{studies}

## How to read the verdicts

*Confirmed* and *refuted* follow from the rule beside each verdict. *Undecided* means that the numbers support neither:
finding no difference does not show that there is none, so "little or no effect" needs two one-sided tests within a
point. *Condition not met* means that the paper says it of other runs. There is no verdict if more than {most:.0f} % of
the rounds were cut short. On features a verdict says whether a finding carries over: the paper trained from scratch, so
*refuted* there does not contradict what it measured. Each of the {decided} verdicts rests on tests or intervals at 5 %
of its own: about one in twenty may be by chance.

Accuracies are those of the whole test set, differences are in percentage points. A mean accuracy is the area under the
curve divided by its range of labels, as on the other pages, of the paper's digitized curves too. Brackets hold the 95 %
interval of Student's t over repeats; a repeat has its own seed set (on MNIST only its own draws, as in the paper), and
is the mean over random, entropy and BADGE where a finding names no strategy. Intervals are over seeds on one pool and
one test set: they say nothing about other data sets. "Detectable" is the true difference that so many repeats detect
with a power of 0.8; with fewer than {known} repeats it is not known.

A claim rests on t-tests round by round, as in the paper, and on how many of them chance alone would give, if rounds
were independent; as far as they are not, chance gives more. How large its differences are, and what could be detected,
stands under the finding of the same facet.
{learned}
"Hours" are those of all runs behind a row, on one thread; where nothing is computed yet, a pilot estimates them
(results/pilots.csv). A run of the paper on CIFAR-10 to 25,000 labels trains for 8 hours on a GPU (its Section 4.8), and
a comparison of two AL batch sizes in its Table 1 takes 18 of them.
"""


def main() -> None:
    """Write the page and its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=studies.RESULTS)
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--assets", type=Path, default=ASSETS)
    arguments = parser.parse_args()
    folder = arguments.results
    answers = judge(folder)
    sections = [section(finding, answers[finding.of, finding.name], folder) for finding in FINDINGS]
    shown = [*figures.write(folder, arguments.assets), *few_labels(folder, arguments.assets)]
    arguments.page.write_text(
        wrapped(
            head(answers, folder)
            + "\n"
            + "\n".join([*sections, schedule.shorter(folder), schedule.cycles(folder), *shown])
        )
    )
    print(f"{arguments.page}: of thirteen {tally(answers)}.")


def judge(folder: Path = studies.RESULTS) -> Answers:
    """What the tables in ``folder`` say of everything."""
    return {(f.of, f.name): {key: judged(f, key, folder) for key in studies.STUDIES} for f in FINDINGS}


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
    if finding.outside is not None and (reason := finding.outside(rounds)):
        return replace(answer, verdict=OUTSIDE, rule=reason)
    return answer


def verdicts(answers: Answers) -> dict[str, set[str]]:
    """What the studies say of each finding and claim of which each part has a verdict in some study."""
    parts: dict[str, list[set[str]]] = {}
    for (of, _), each in answers.items():
        found = {answer.verdict for answer in each.values() if isinstance(answer, Answer)}
        parts.setdefault(of, []).append(found & {CONFIRMED, REFUTED})
    return {of: set().union(*found) for of, found in parts.items() if all(found)}


def tally(answers: Answers) -> str:
    """How many are decided, and how, in words."""
    found = verdicts(answers)
    confirmed, refuted, both = (
        [of for of, each in found.items() if each == kind] for kind in ({CONFIRMED}, {REFUTED}, {CONFIRMED, REFUTED})
    )
    repeats = [answer.repeats for _, _, answer in decided(answers)]
    of = f" with {min(repeats)} to {max(repeats)} repeats" if repeats else ""
    carried = [of for of in refuted if deciding(answers, of) <= set(studies.ON_FEATURES)]
    alone = f"; {in_words(carried)} on pretrained features alone, where the paper did not train" if carried else ""
    return (
        f"{len(found)} are decided{of}, each of their parts in at least one study. Confirmed by each study that "
        f"decides it: {counted(answers, confirmed)}. Refuted by each: {counted(answers, refuted)}{alone}. The other "
        f"{len(both)} are confirmed in some studies or parts and refuted in others"
    )


def decided(answers: Answers) -> Iterator[tuple[str, str, Answer]]:
    """Each verdict that confirms or refutes: of which finding, in which study, and the answer."""
    for (of, _), each in answers.items():
        for key, answer in each.items():
            if isinstance(answer, Answer) and answer.verdict in (CONFIRMED, REFUTED):
                yield of, key, answer


def deciding(answers: Answers, of: str) -> set[str]:
    """The studies that decide some part of a finding."""
    return {key for number, key, _ in decided(answers) if number == of}


def counted(answers: Answers, names: list[str]) -> str:
    """``finding 5 (1 study), claim 4 (2 studies)``."""
    counts = {of: len(deciding(answers, of)) for of in names}
    texts = [f"{in_words([of])} ({count} {'study' if count == 1 else 'studies'})" for of, count in counts.items()]
    return ", ".join(texts) or "none"


def in_words(names: list[str]) -> str:
    """``finding 5 and claim 4`` of ``5`` and ``Claim 4``."""
    return " and ".join(f"finding {name}" if name.isdigit() else name.lower() for name in names)


def learned(folder: Path) -> str:
    """How far networks that are trained from scratch learn their labels: verdicts hold for such networks."""
    texts = []
    for key in (key for key in studies.STUDIES if key not in studies.ON_FEATURES):
        rounds = studies.table_of(studies.STUDIES[key].facets["baseline"], folder)
        if rounds is not None:
            last = rounds[rounds["labeled"] == rounds["labeled"].max()]
            means = last.groupby("strategy")["train_accuracy"].mean().sort_values(ascending=False)
            shares = ", ".join(f"{name} {100 * share:.0f} %" for name, share in means.items())
            texts.append(f"{studies.STUDIES[key].title}: {shares}")
    if not texts:
        return ""
    return (
        f"\nThe end of a schedule counts as an end, whatever it leads to. {endings(folder)} Training accuracy in the "
        f"last epoch of the last round, where the paper trains to 99 %: {'; '.join(texts)}. Verdicts hold for networks "
        "that are trained so far.\n"
    )


def endings(folder: Path) -> str:
    """How the rounds from scratch end."""
    keys = [key for key in studies.STUDIES if key not in studies.ON_FEATURES]
    names = sorted({name for key in keys for name in studies.STUDIES[key].facets.values()})
    tables = [table for name in names if (table := studies.table_of(name, folder)) is not None]
    rounds = pd.concat(tables).drop_duplicates(["run", "round"])
    counts = rounds["stopped_by"].value_counts()
    by_rule = int(counts.reindex(["accuracy", "no_gain"]).sum())
    full = int(counts.get("max_epochs", 0))
    return (
        f"Of {len(rounds):,} rounds from scratch {by_rule} end by the paper's rule (99 % training accuracy, or no "
        f"gain), {counts.get('schedule_end', 0)} with their schedule, {full} after the paper's number of epochs, "
        "without a schedule."
    )


def head(answers: Answers, folder: Path) -> str:
    """The head of the page: a table of all verdicts, what was run, and how to read it."""
    names = {name for study in studies.STUDIES.values() for name in study.facets.values()}
    tables = [table for name in sorted(names) if (table := studies.table_of(name, folder)) is not None]
    every = pd.concat(tables).drop_duplicates(["run", "round"])
    described = [
        f"- **{each.title}**: {each.what}{studies.penalty(each, folder)} (`{each.command}`)."
        for each in studies.STUDIES.values()
    ]
    titles = [study.title for study in studies.STUDIES.values()]
    lines = [f"| finding | {' | '.join(titles)} |", "|---" * (1 + len(titles)) + "|"]
    for finding in FINDINGS:
        cells = [in_short(answer) for answer in answers[finding.of, finding.name].values()]
        lines.append(f"| {finding.title} | {' | '.join(cells)} |")
    return HEAD.format(
        runs=every["run"].nunique(),
        hours=studies.spent(every),
        hardware=", torch ".join(" and ".join(sorted(every[column].unique())) for column in ("hardware", "torch")),
        tally=tally(answers),
        decided=sum(1 for _ in decided(answers)),
        known=KNOWN,
        learned=learned(folder),
        studies="\n".join(described),
        most=100 * (1 - ENOUGH),
        summary="\n".join(lines),
        ranks=ranked(folder),
    )


def ranked(folder: Path) -> str:
    """Mean ranks of the core strategies over the data sets that have them: a statement beside the intervals."""
    means = {}
    for study in studies.STUDIES.values():
        if (rounds := studies.table_of(study.facets["baseline"], folder)) is not None:
            means[study.title] = per_run(name_curves(rounds)).groupby("strategy")["aubc"].mean()
    core = [REFERENCE, *ACTIVE]
    scores = pd.DataFrame(means).T.reindex(columns=core).dropna()
    if len(scores) < 2:
        return "Ranks over data sets: fewer than two have the runs yet."
    texts = [f"{name} {rank:.1f}" for name, rank in ranks.mean_ranks(scores).sort_values().items()]
    return (
        f"Ranks over the {len(scores)} data sets with all of these (mean accuracy along the budget; 1 is best): "
        f"{', '.join(texts)}. By Nemenyi's test two differ from a difference of "
        f"{ranks.critical_difference(len(scores.columns), len(scores)):.1f} on."
    )


def in_short(answer: Answer | str | None) -> str:
    """A cell of the table of verdicts."""
    if isinstance(answer, Answer):
        return f"**{answer.verdict}**" if answer.verdict in (CONFIRMED, REFUTED) else answer.verdict
    return "" if answer is None else re.split("[:;]", answer)[0]


def section(finding: Finding, answers: dict[str, Answer | str | None], folder: Path) -> str:
    """What the paper says of a finding, its numbers, ours, and where they refute it the reason looked for."""
    says = f"The paper: {finding.says}" + (f" ({finding.paper()}.)" if finding.paper else "")
    lines = [f"## {finding.title}", "", says, "", "| study | measured | repeats | detectable | verdict | hours |"]
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
        if answer.verdict == REFUTED and finding.reason is not None and (reason := finding.reason(rounds)):
            found.append(f"- {study.title}, why: {reason}.")
    return "\n".join([*lines, "", *found, *([""] if found else [])])


if __name__ == "__main__":
    main()
