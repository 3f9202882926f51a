"""The files of the paper's figures and tables: outputs/paper/<name>.{pdf,png,csv} or .{csv,md,tex}, and a caption."""

import shlex
from pathlib import Path

import pandas as pd

from alrun.analysis import formats
from alrun.analysis.figure_style import save_figure
from alrun.analysis.paper import captions, claims, collect, draw, points, tabulate, times
from alrun.analysis.paper.collect import Asked, Collected
from alrun.analysis.paper.exhibits import ALL, FIGURES, Exhibit, Part
from alrun.runs.run_folder import display_path
from alrun.settings.identity import NOT_IDENTITY
from alrun.system import files

CLAIMS = ("figure-13", "figure-14", "figure-15")  # with the matrices behind the claims of Appendix G
HOLLOW = (
    "Lines are ours, means over repeats and a band of one standard deviation; hollow points are the paper's, read off "
    "its plot."
)
APART = " Both have panels of their own, because numbers at another scale do not compare."
EITHER = (
    " The paper distinguishes two settings of a strategy by dashes alone, so it is unknown which of them a hollow "
    "point belongs to."
)


def exhibit(name: str) -> Exhibit:
    """The declaration of ``name``."""
    if name == "claims":
        return Exhibit("Claims 1 to 5", "G", parts=tuple(part for each in CLAIMS for part in FIGURES[each].needed))
    return times.TEXT if name == "times" else ALL[name]


def needed(name: str) -> tuple[Part, ...]:
    """The runs that ``name`` shows."""
    return exhibit(name).needed


def folder(asked: Asked) -> Path:
    """The folder of the files."""
    return asked.outputs / "paper"


def write_exhibit(name: str, asked: Asked) -> str:
    """Write the files of ``name`` from the runs that are done; returns a sentence on what was written."""
    there = collect.collect(needed(name), asked)
    path = folder(asked) / name
    if name in FIGURES:
        write_figure(name, there, path, asked)
        written = path.with_suffix(".pdf")
    else:
        table, published = tabulated(name, there, asked)
        formats.write_table(table, path)
        text = captions.caption(name, exhibit(name), there, asked, published)
        files.write_text(path.with_suffix(".md"), f"{text}\n{formats.markdown(table)}")
        written = path.with_suffix(".md")
    return f"{name}: {there.state}: {display_path(written)}"


def size(labels: float, epochs: float) -> str:
    """What the picture says of other shares of the paper's labels and epochs than 1."""
    return "" if labels == epochs == 1 else f", {100 * labels:g} % of the labels, {100 * epochs:g} % of the epochs"


def write_figure(name: str, there: Collected, path: Path, asked: Asked) -> None:
    """Write a figure, its points and its caption."""
    scale = there.asked[0].cfg.scale
    found = points.of_figure(name, there)
    has_paper = bool((found["whose"] == "paper").any())
    apart = has_paper and (scale.examples, scale.epochs) != (1, 1)
    note = f"{name.replace('-', ' ').capitalize()}: {exhibit(name).title}; ours: {there.state}"
    drawn = draw.draw_figure(name, found, note + size(scale.examples, scale.epochs), apart)
    save_figure(drawn, path)
    files.write_text(path.with_suffix(".csv"), formats.csv(found))
    read = HOLLOW + (APART if apart else "")
    if any(points.is_of_either(panel) for row in FIGURES[name].panels for panel in row):
        read += EITHER
    is_matrix = FIGURES[name].panels[0][0].kind == "matrix"
    without = "Cells: the share of the rounds in which the row is better than the column (paired t-test, 5 %)."
    lacking = without if is_matrix else "Lines are ours, means over repeats; the paper's plot was not digitized."
    text = captions.caption(name, exhibit(name), there, asked, read if has_paper else lacking)
    files.write_text(path.with_suffix(".md"), text)


def tabulated(name: str, there: Collected, asked: Asked) -> tuple[pd.DataFrame, str]:
    """The table ``name``, and a sentence on how to read it."""
    if name == "claims":
        matrices = {each: points.of_figure(each, there) for each in CLAIMS}
        words = "Cells are the share of rounds in which one is significantly better (paired t-test, 5 %, uncorrected)."
        return claims.table(matrices), f"{words} Chance alone gives some: docs/generate/findings.py judges them by it."
    if name == "times":
        return times.of_text(there), "Ours are means over repeats; the paper's machines had a P100 or a V100."
    table = tabulate.of_table(name, there, asked)
    words = {
        "table-2": "Accuracies in %, mean and standard deviation; at another scale after the same share of the labels.",
        "table-11": "Seconds, means over rounds and repeats; `make paper-times` has VAAL's training beside entropy's.",
        "table-12": "Seconds of each round; a selection is that of the labels which the round trains on (ours with "
        "reset). The sums are the hours of the paper's text.",
    }
    if not there.asked:
        changed = [word for word in asked.overrides if word.partition("=")[0].partition(".")[0] not in NOT_IDENTITY]
        given = f", with {shlex.join(changed)}" if changed else ""
        return table, f"Settings: ours are what the experiments are composed to{given}. Nothing is run for this table."
    return table, words.get(name, words["table-2"])


def index(asked: Asked) -> str:
    """Write index.csv and .md, a row for each figure and table: state and file; returns the rows as text."""
    rows = []
    for name in [*ALL, "times", "claims"]:
        there = collect.collect(needed(name), asked)
        suffix = ".pdf" if name in FIGURES else ".md"
        path = (folder(asked) / name).with_suffix(suffix)
        place = display_path(path) if path.exists() else "not written"
        rows.append([name, f"{exhibit(name).place}: {exhibit(name).title}", there.state, place])
    table = pd.DataFrame(rows, columns=["name", "what", "runs", "file"])
    formats.write_table(table, folder(asked) / "index")
    return table.to_string(index=False)
