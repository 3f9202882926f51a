"""The leaderboard as files: leaderboard.md and leaderboard.html, and their tables as CSV, Markdown and LaTeX."""

from pathlib import Path

import pandas as pd

from alrun.analysis import comparability, formats, leaderboard, machines, page
from alrun.analysis.leaderboard import Board
from alrun.analysis.merging import SOURCE, Merged
from alrun.analysis.metrics import Reading
from alrun.analysis.page import Section
from alrun.analysis.rounds import Results
from alrun.analysis.sources import measured
from alrun.system import files, safe_text
from alrun.system.counts import counted

LEGIBLE = 12  # strategies: a larger penalty matrix is in tables/ alone
LISTED = 20  # settings with a single strategy


def write(merged: Merged, folder: Path, reading: Reading, alpha: float) -> Path:
    """Write the leaderboard of ``merged`` to ``folder``; returns the path of leaderboard.md.

    Raises:
        UserError: No run has the metric.
    """
    results = measured(Results(merged.rounds, merged.problems), reading.metric)
    boards = leaderboard.boards(results.rounds, reading, alpha)
    parts = [overall_section(boards, reading, alpha), *(board_section(each) for each in boards)]
    if len(merged.others):
        parts.append(machines_section(merged.others))
    lead, notes = (
        overview(results.rounds, boards, reading),
        [*map(str, results.problems), *hints(results.rounds, boards)],
    )
    findings = [winner(each) for each in boards]
    page.write_page(folder, "Leaderboard", lead, findings, notes, parts, "leaderboard.html")
    path = folder / "leaderboard.md"
    files.write_text(path, as_markdown(lead, findings, notes, parts))
    return path


def overview(rounds: pd.DataFrame, boards: list[Board], reading: Reading) -> str:
    """What the page shows, in a sentence, and how to read it."""
    runs = rounds.drop_duplicates("run")
    return (
        f"{len(runs)} runs of {runs[SOURCE].nunique()} sources; {len(boards)} settings have strategies that compare. "
        f"Ranks are by AUBC, the area under the curve of {reading.metric.label} along the budget, seed by seed; 1 is "
        "the best. A setting is the same data, model, budget and training; strategies are ranked that have the same "
        "seeds and numbers of labels. Wins and losses are pairs that differ after Holm's correction over the board. "
        "Intervals hold 95 % and are over seeds on one pool and one test set."
    )


def winner(board: Board) -> str:
    """A sentence on the best strategy of a board."""
    best = board.table.iloc[0]
    names = board.table.loc[board.table["mean rank"] == best["mean rank"], "strategy"].tolist()
    where = f"{best['mean rank']:.2f} of {len(board.table)}"
    repeats = counted(board.repeats, "repeat")
    if len(names) > 1:
        shared = comparability.join_words(names)
        return f"{board.title}: {shared} share the best mean rank, {where} ({repeats})."
    interval = best["its interval"].strip("[]").replace(", ", " to ")
    return (
        f"{board.title}: {names[0]} has the best mean rank, {where} ({f'interval {interval}, ' if interval else ''}"
        f"{repeats}), and differs from {best['wins'] + best['losses']} of the {len(board.table) - 1} others."
    )


def hints(rounds: pd.DataFrame, boards: list[Board]) -> list[str]:
    """What to know before comparing."""
    found = [f"{board.title}: {sentence}" for board in boards for sentence in board.unranked]
    for board in boards:
        runs = rounds[rounds["run"].isin(board.runs["run"])].drop_duplicates("run")
        notes = comparability.one_start(runs.assign(curve=runs["run"].str.rpartition("-seed")[0]))
        notes += machines.mixed(runs.merge(board.runs[["run", "label"]], on="run"))
        notes += comparability.hardware(runs.assign(facet=board.setting))
        found += [f"{board.title}: {note}" for note in notes]
    alone = leaderboard.alone(rounds, boards)
    if alone:
        more = f" and {len(alone) - LISTED} more" if len(alone) > LISTED else ""
        found.append(f"One strategy alone has these settings, which rank nothing: {', '.join(alone[:LISTED])}{more}.")
    return found


def overall_section(boards: list[Board], reading: Reading, alpha: float) -> Section:
    """The section over all boards."""
    if not boards:
        return Section(
            "Over all settings", "No two strategies compare: none has the data, model, budget and seeds of another."
        )
    table, sentence = leaderboard.overall(boards, reading, alpha)
    text = f"Wins and losses are summed over boards, which may share data, so they are not a test. {sentence}"
    return Section("Over all settings", text, {}, {"over all settings": table})


def board_section(board: Board) -> Section:
    """The section of one board."""
    matrix = board.matrix.round(3).reset_index(names="better")
    shown = {f"ranks, {board.title}": board.table}
    unshown = {f"comparisons, {board.title}": board.pairs}
    name = f"penalty matrix, {board.title}"
    (shown if len(matrix) <= LEGIBLE else unshown)[name] = matrix
    text = (
        f"Setting {board.setting}; {board.repeats} repeats, paired by seed. The penalty matrix gives the share of the "
        "rounds in which the row is better than the column by a paired t-test, uncorrected. The folder tables has all "
        "comparisons, with intervals and p, corrected and not."
    )
    return Section(board.title, text, {}, shown, unshown)


def machines_section(others: pd.DataFrame) -> Section:
    """The section on runs that several machines computed."""
    text = (
        f"{machines.copies_in_words(others)} Each run counts once, from the machine that has most runs of its setting; "
        "gap is the largest difference of any round."
    )
    return Section("The same runs on other machines", text, {}, {"other machines": others})


def as_markdown(lead: str, findings: list[str], notes: list[str], parts: list[Section]) -> str:
    """The page in Markdown."""
    words = safe_text.markdown
    lines = ["# Leaderboard", "", words(lead), "", *(f"- {words(each)}" for each in findings)]
    if notes:
        lines += ["", "## Before you compare", "", *(f"- {words(each)}" for each in notes)]
    for part in parts:
        lines += ["", f"## {words(part.title)}", "", words(part.text)]
        for table in part.tables.values():
            lines += ["", formats.markdown(table).rstrip()]
    return "\n".join(lines) + "\n"
