"""A report of runs: one HTML file that needs nothing else, and its figures and tables as files."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from alrun.analysis import comparability, costs, findings, page, queried_images, scores, significance
from alrun.analysis.curves import name_curves
from alrun.analysis.groups import group_sections
from alrun.analysis.metric_sections import accuracy_section, classes_section, efficiency_section
from alrun.analysis.metrics import PLAIN, Reading
from alrun.analysis.outlook import outlook_section
from alrun.analysis.page import Section
from alrun.analysis.paper import printed
from alrun.analysis.result_files import write_results
from alrun.analysis.rounds import Results
from alrun.analysis.significance_section import Comparisons, significance_section
from alrun.analysis.stop_points import stopping_sections
from alrun.analysis.summary_text import across_datasets, datasets, overview


class Choices(NamedTuple):
    """The user's choices for a report."""

    levels: Sequence[float] = ()  # of the metric, to read labeling efficiency at; empty: the best that all runs reach
    alpha: float = significance.ALPHA
    difference: float = 0.01  # of the metric, for the number of repeats needed
    full_data: tuple[float, str] | None = None  # a known accuracy with all labels, and its source
    experiments: Sequence[str] = ()  # on the command line; they say which tables of the paper the runs compute
    images: bool = True  # show queried images
    reading: Reading = PLAIN


def write_report(results: Results, folder: Path, title: str, choices: Choices) -> Path:
    """Write the report of ``results`` to ``folder``; returns the path of report.html."""
    parts, sentences, notes = [], [], [str(problem) for problem in results.problems]
    frames = datasets(results.rounds)
    for name, frame in frames.items():
        mark = f"{name}: " if len(frames) > 1 else ""
        named = name_curves(frame)
        runs = scores.per_run(named, choices.reading)
        chosen, words = significance.all_pairs(named)
        pairs = significance.compare(runs, "aubc", choices.alpha, choices.difference, chosen)
        if lost := len(chosen) - len(pairs):
            words += f"; {lost} of these have no seed in common, or other ranges of labels, and no areas to compare"
        tests = significance.round_tests(named, chosen, choices.reading.metric)
        sections = dataset_sections(named, runs, Comparisons(pairs, tests, words), choices)
        parts += [marked(section, mark) for section in sections]
        found = findings.findings(named, runs, pairs, tests, choices.alpha, choices.difference, choices.reading)
        sentences += [mark + sentence for sentence in found]
        notes += [mark + note for note in comparability.notes(named)]
    parts += [*across_datasets(frames, choices.alpha, choices.reading), runs_section(results.rounds)]
    write_results(results.rounds, folder / "results.csv")
    return page.write_page(folder, title, overview(results.rounds), sentences, notes, parts)


def marked(section: Section, mark: str) -> Section:
    """The section with its data set in front of each name."""
    return Section(
        mark + section.title,
        section.text,
        {mark + name: figure for name, figure in section.figures.items()},
        {mark + name: table for name, table in section.tables.items()},
        {mark + name: table for name, table in section.unshown.items()},
    )


def dataset_sections(named: pd.DataFrame, runs: pd.DataFrame, compared: Comparisons, choices: Choices) -> list[Section]:
    """The sections on one data set; ``runs`` comes from scores.per_run."""
    reading = choices.reading
    sections = [
        accuracy_section(named, runs, reading, choices.full_data),
        efficiency_section(named, reading, choices.levels),
        significance_section(named, runs, compared, reading.metric, choices.alpha, choices.difference),
    ]
    if reading == PLAIN:
        sections += [outlook_section(named), *stopping_sections(named)]
    if "train_seconds" in named:
        sections.append(costs.time_section(named, runs))
        sections.append(costs.energy_section(named))
    if len(scores.class_tables(named)[0]):
        sections.append(classes_section(named, runs, reading.by))
    sections += group_sections(named)
    if choices.images:
        sections.append(queried_section(named))
    for name in printed.fitting(named, choices.experiments) if reading == PLAIN else ():
        if len(table := printed.compare_with_paper(name, named)):
            title = f"Beside the paper: {printed.TABLES[name].title}"
            sections.append(
                Section(title, printed.explain_comparison(name, named), {}, {name: printed.with_two_decimals(table)})
            )
    return sections


def queried_section(named: pd.DataFrame) -> Section:
    """The section on queried images: the first and last query, and a map of all queries."""
    shown = queried_images.draw_queried(named)
    if isinstance(shown, str):
        return Section("Queried images", shown)
    text = (
        "The first examples of the first and the last query of each strategy (first repeat), and the first examples of "
        "all its queries on a map of those of all strategies (t-SNE of the pixels; gray: queried by another strategy, "
        "color: the round). Each run keeps these thumbnails."
    )
    return Section("Queried images", text, shown)


def runs_section(table: pd.DataFrame) -> Section:
    """The section on runs: each with its provenance and a link to its folder."""
    columns = ["run", "hardware", "threads", "alrun", "commit", "torch", "data", "folder"]
    runs = table.drop_duplicates("run")[[column for column in columns if column in table]]
    return Section("Runs", "Links lead to the run folders, if they are on this machine.", {}, {"runs": runs})
