"""A report of the runs at hand: one HTML file that needs nothing else, and its figures and tables as files."""

import base64
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

import alrun
from alrun import files
from alrun.analysis import bought, checks, figures, findings, paper, rounds, scores, significance, tables
from alrun.analysis.curves import name_curves
from alrun.analysis.intervals import spread
from alrun.analysis.overview import across_datasets, datasets, overview

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MANY = 12  # curves of which every pair is still listed


class Choices(NamedTuple):
    """What may be chosen of a report."""

    accuracies: Sequence[float] = ()  # shares, at which labeling efficiency is read; none: what every run reaches
    alpha: float = significance.ALPHA
    difference: float = 0.01  # of accuracy, for the number of repeats needed
    full_data: tuple[float, str] | None = None  # a known accuracy with all labels, and its source
    images: bool = True  # read the data set, to show what was bought


@dataclass
class Section:
    """A part of the page."""

    title: str
    text: str = ""
    figures: "dict[str, Figure]" = field(default_factory=dict)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)


def write(results: rounds.Results, folder: Path, title: str, choices: Choices) -> Path:
    """Write the report of ``results`` to ``folder``; returns the path of report.html."""
    page = folder / "report.html"
    parts, sentences, notes = [], [], [str(problem) for problem in results.problems]
    frames = datasets(results.rounds)
    for name, frame in frames.items():
        where = f" ({name})" if len(frames) > 1 else ""
        named = name_curves(frame)
        pairs, tests = compared(named, choices)
        sections = dataset_sections(named, pairs, tests, choices)
        parts += [Section(section.title + where, section.text, section.figures, section.tables) for section in sections]
        found = findings.findings(named, scores.per_run(named), pairs, tests, choices.alpha)
        sentences += [f"{name}: {sentence}" if where else sentence for sentence in found]
        notes += [f"{name}: {note}" if where else note for note in checks.notes(named)]
    parts += across_datasets(frames, choices.alpha, Section)
    parts.append(provenance(results.rounds, folder))
    rounds.write(results.rounds, folder / "results.csv")
    for section in parts:
        for name, figure in section.figures.items():
            figures.save(figure, folder / "figures" / slug(name))
        for name, table in section.tables.items():
            tables.write(table, folder / "tables" / slug(name))
    lead = overview(results.rounds)
    files.write_text(page, render(title, lead, sentences, notes, parts, folder))
    return page


def compared(named: pd.DataFrame, choices: Choices) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tests of pairs of curves: of their mean accuracy along the budget, and of every round."""
    pairs = significance.compare(scores.per_run(named), "aubc", choices.alpha, choices.difference)
    return pairs, significance.round_tests(named)


def dataset_sections(named: pd.DataFrame, pairs: pd.DataFrame, tests: pd.DataFrame, choices: Choices) -> list[Section]:
    """All parts that are about one data set."""
    sections = [accuracy(named), efficiency(named, choices), significant(named, pairs, tests, choices)]
    sections += [Section("Time", "Mean of the repeats, and a band of one standard deviation.", {"time per round": figures.seconds(named)}, {"times": times(named)})] if "train_seconds" in named else []  # fmt: skip
    sections += [classes(named)] if len(scores.class_tables(named)[0]) else []
    sections += bought_section(named) if choices.images else []
    for name in paper.of_experiments(named):
        table = paper.beside(name, named)
        if len(table):
            sections.append(Section(f"Beside the paper: {paper.TABLES[name].title}", paper_text(name, named), {}, {name: rounded(table)}))  # fmt: skip
    return sections


def accuracy(named: pd.DataFrame) -> Section:
    """Curves, area, final accuracy."""
    images = {"accuracy": figures.accuracy(named)}
    if named["facet"].nunique() > 1:
        images["accuracy by strategy"] = figures.accuracy(named, by="label")
    text = (
        "Test accuracy after each round, mean of the repeats and a band of one standard deviation. AUBC is the area under "
        "this curve over the budget, as a mean accuracy; brackets hold the 95 % intervals by Student's t and by bootstrap."
    )
    return Section("Accuracy", text, images, {"accuracy": score_table(named), "accuracy by labels": by_labels(named)})


def by_labels(named: pd.DataFrame) -> pd.DataFrame:
    """Accuracy as text, a row per curve, a column for at most nine numbers of labels."""
    stats = (100 * named.set_index(["curve", "labeled"])["test_accuracy"]).groupby(level=[0, 1], sort=False)
    text = stats.agg(["mean", "std"]).apply(lambda row: spread(row["mean"], row["std"], 1), axis=1)
    table = text.unstack("labeled", fill_value="").loc[named["curve"].unique()].sort_index(axis="columns")
    step = -(-len(table.columns) // 9)
    kept = [*table.columns[:-1:step], table.columns[-1]]
    return table[kept].rename_axis(columns=None).reset_index().rename(columns={"curve": "after labels:"})


def score_table(named: pd.DataFrame, full_data: float = math.nan) -> pd.DataFrame:
    """Final accuracy, area and calibration of each curve as text."""
    runs = scores.per_run(named)
    known = runs["run"].map(scores.full_data(named))
    runs["ratio"] = runs["final"] / known.fillna(full_data)
    table = pd.DataFrame({"curve": runs["curve"].unique()}).set_index("curve", drop=False)
    for measure, heading in (("final", "final accuracy (%)"), ("aubc", "AUBC (%)")):
        found = scores.per_curve(runs, measure)
        table[heading] = [spread(100 * row["mean"], 100 * row["std"], 1) for row in found.to_dict("records")]
        for kind, label in (("t", "t interval"), ("bootstrap", "bootstrap")):
            table[f"{heading.split(' (')[0]}, {label}"] = bounds(found, kind, 100, 1)
    if runs["ratio"].notna().any():
        table["of full-data accuracy (%)"] = [f"{100 * value:.1f}" for value in scores.per_curve(runs, "ratio")["mean"]]
    found = scores.per_curve(runs, "calibration_error")
    if found["mean"].notna().any():
        table["calibration error"] = [spread(row["mean"], row["std"], 3) for row in found.to_dict("records")]
    table["repeats"] = scores.per_curve(runs, "final")["repeats"]
    return table.reset_index(drop=True)


def bounds(found: pd.DataFrame, kind: str, scale: float, digits: int) -> list[str]:
    """Intervals as text; empty where there is none."""
    pairs = zip(scale * found[f"{kind}_low"], scale * found[f"{kind}_high"], strict=True)
    return ["" if math.isnan(low) else f"[{low:.{digits}f}, {high:.{digits}f}]" for low, high in pairs]


def efficiency(named: pd.DataFrame, choices: Choices) -> Section:
    """Labels saved."""
    text = (
        "Labels that random sampling needs to reach an accuracy, divided by the labels that the strategy needs; pairs of "
        "runs with one seed, read where the curves first cross the accuracy. Given as far as all repeats get; "
        '"not reached" counts the repeats that do not.'
    )
    known = scores.efficiency_curves(named)["mean"].notna().any()
    images = {"labeling efficiency": figures.efficiency(named)} if known else {}
    parts = []
    for accuracy in choices.accuracies or [scores.common_accuracy(named)]:
        found = scores.per_curve(scores.efficiency_at(named, accuracy), "efficiency")
        parts.append(
            pd.DataFrame(
                {
                    "curve": found.index,
                    "at accuracy (%)": f"{100 * accuracy:.1f}",
                    "efficiency": [spread(row["mean"], row["std"], 2) for row in found.to_dict("records")],
                    "t interval": bounds(found, "t", 1, 2),
                    "bootstrap": bounds(found, "bootstrap", 1, 2),
                    "not reached": found["missing"],
                }
            )
        )
    return Section("Labeling efficiency", text, images, {"labeling efficiency": pd.concat(parts, ignore_index=True)})


def significant(named: pd.DataFrame, pairs: pd.DataFrame, tests: pd.DataFrame, choices: Choices) -> Section:
    """Penalty matrices and comparisons of pairs."""
    curves = list(named["curve"].unique())
    matrix = significance.penalty_matrix(tests, curves, choices.alpha)
    images = {"penalty matrix": figures.matrix(matrix, "share of rounds in which\nthe row beats the column")}
    against = findings.against_random(scores.per_run(named), pairs)
    if against["t_low"].notna().any():
        images["difference from random"] = figures.differences(against, "random", "AUBC difference (points)")
    if len(curves) > MANY:
        pairs = against
    text = (
        f"The penalty matrix counts the rounds in which a paired t-test over the repeats is significant at "
        f"{choices.alpha:g}, without correction. The table compares the area under the curves (AUBC) of two curves over "
        "the seeds that both have: difference in percentage points, intervals by Student's t and bootstrap, p of the "
        "t-test, the same after Holm's correction for all pairs, p of Wilcoxon's signed ranks, and the repeats needed "
        f"to find a true difference of {100 * choices.difference:g} points with a power of 0.8."
    )
    table = pd.DataFrame(
        {
            "first": pairs["first"],
            "second": pairs["second"],
            "repeats": pairs["repeats"],
            "difference": [f"{100 * value:+.2f}" for value in pairs["difference"]],
            "t interval": bounds(pairs, "t", 100, 2),
            "bootstrap": bounds(pairs, "bootstrap", 100, 2),
            **{name: [number(value, 3) for value in pairs[name]] for name in ("p", "p_holm", "p_wilcoxon")},
            "repeats needed": [number(value, 0) for value in pairs["repeats_needed"]],
        }
    )
    return Section("Significance", text, images, {"comparisons": table, "penalty matrix": matrix.reset_index(names="").round(3)})  # fmt: skip


def number(value: float, digits: int) -> str:
    """A number as text; empty where there is none."""
    return "" if math.isnan(value) else f"{value:.{digits}f}"


def times(named: pd.DataFrame) -> pd.DataFrame:
    """Seconds a run spends in each phase."""
    found = scores.per_run(named).groupby("curve", sort=False)
    columns = {"train_seconds": "training", "select_seconds": "selection", "evaluate_seconds": "evaluation"}
    table = {name: found[column].mean().map(findings.seconds) for column, name in columns.items()}
    return pd.DataFrame(table).rename_axis("per run").reset_index()


def classes(named: pd.DataFrame) -> Section:
    """Accuracy by class and calibration."""
    text = (
        "Accuracy of each class after the last round, and what share of the bought labels it got. Balance is the entropy of "
        "the bought classes, 1 for equal numbers. The calibration error is how far confidence and accuracy are apart."
    )
    images = {"classes": figures.classes(named)}
    if named.get("calibration_error", pd.Series(dtype=float)).notna().any():
        images["calibration"] = figures.measure(named, "calibration_error", "expected calibration error")
    means = scores.per_run(named).groupby("curve", sort=False)[["worst_class", "class_balance"]].mean()
    table = pd.DataFrame(
        {
            "curve": means.index,
            "worst class (%)": [number(100 * value, 1) for value in means["worst_class"]],
            "balance of the bought labels": [number(value, 3) for value in means["class_balance"]],
        }
    )
    return Section("Classes and calibration", text, images, {"classes": table})


def bought_section(named: pd.DataFrame) -> list[Section]:
    """Images of the first and last purchase, and a map of the pool."""
    shown = bought.figures(named)
    if isinstance(shown, str):
        return [Section("What was bought", shown)]
    text = (
        "Examples of the first and the last purchase of each strategy (first repeat), and the first repeat's purchases on a "
        "map of the pool (t-SNE of the pixels; grey is the pool, colour the round)."
    )
    return [Section("What was bought", text, shown)]


def paper_text(name: str, named: pd.DataFrame) -> str:
    """What is compared with what."""
    ours = ", ".join(
        sorted({f"{row['dataset']}, {row['model']}" for row in named.drop_duplicates("run").to_dict("records")})
    )
    scale = named["scale.examples"].iloc[0] if "scale.examples" in named else "1"
    part = "" if scale in ("1", "1.0") else f", on {100 * float(scale):g} % of the data"
    return (
        f"The paper: {paper.TABLES[name].setting}. Ours: {ours}{part}. Where these differ, compare the pattern, not the "
        "numbers. A difference is within when it is at most both standard deviations together."
    )


def rounded(table: pd.DataFrame) -> pd.DataFrame:
    """Two decimals, and gaps where we have no number."""
    numbers = table.select_dtypes("float").columns
    return table.assign(**{column: [number(value, 2) for value in table[column]] for column in numbers})


def provenance(table: pd.DataFrame, folder: Path) -> Section:
    """Every run with a link to its folder."""
    columns = ["run", "hardware", "threads", "alrun", "commit", "torch", "data", "folder"]
    runs = table.drop_duplicates("run")[[column for column in columns if column in table]]
    return Section("Runs", "Links lead to the run folders, where these are.", {}, {"runs": runs})


def slug(name: str) -> str:
    """A name for a file."""
    return name.replace(" ", "_")


def render(title: str, lead: str, sentences: list[str], notes: list[str], parts: list[Section], folder: Path) -> str:
    """The page."""
    from jinja2 import Environment, PackageLoader

    environment = Environment(loader=PackageLoader("alrun.analysis", "."), autoescape=True, trim_blocks=True)
    sections = [
        {
            "title": part.title,
            "text": part.text,
            "images": {name: data_uri(figure) for name, figure in part.figures.items()},
            "tables": [cells(table, folder) for table in part.tables.values()],
        }
        for part in parts
    ]
    return environment.get_template("report.html.j2").render(
        title=title, lead=lead, findings=sentences, notes=notes, sections=sections, version=alrun.__version__
    )


def data_uri(figure: "Figure") -> str:
    """The figure as an address that holds it."""
    return "data:image/svg+xml;base64," + base64.b64encode(figures.svg(figure).encode()).decode()


def cells(table: pd.DataFrame, folder: Path) -> dict[str, Any]:
    """A table for the page; a run links to its folder where that exists."""
    links = table["folder"].map(lambda path: os.path.relpath(path, folder) if os.path.isdir(path) else "") if "folder" in table else None  # fmt: skip
    shown = table.drop(columns="folder", errors="ignore")
    rows: list[list[Any]] = shown.astype(str).to_numpy().tolist()
    if links is not None:
        rows = [
            [{"text": row[0], "link": link}, *row[1:]] if link else row for row, link in zip(rows, links, strict=True)
        ]
    return {"columns": list(map(str, shown.columns)), "rows": rows, "words": links is not None}
