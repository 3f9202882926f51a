"""The sections of a report, and the page that contains them all and needs no other file."""

import base64
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pandas as pd

import alrun
from alrun.analysis import figure_style, formats
from alrun.system import files

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDE = 5  # inches: a wider figure scrolls on a phone instead of shrinking
SCALE = 1.38  # figures have print size, 7.5 point; on a screen they are larger, at most as wide as the page


@dataclass
class Section:
    """A section of the page."""

    title: str
    text: str = ""
    figures: "dict[str, Figure]" = field(default_factory=dict)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    unshown: dict[str, pd.DataFrame] = field(default_factory=dict)  # tables that are only written as files


def write_page(
    folder: Path, title: str, lead: str, findings: Sequence[str], notes: Sequence[str], parts: Sequence[Section]
) -> Path:
    """Write report.html and the figures and tables of its parts as files; returns the path of the page."""
    from jinja2 import Environment, PackageLoader

    sections = []
    for part in parts:
        for name, figure in part.figures.items():
            figure_style.save_figure(figure, folder / "figures" / slug(name))
        for name, table in (part.tables | part.unshown).items():
            formats.write_table(table, folder / "tables" / slug(name))
        images = [
            {
                "alt": describe_figure(name, figure),
                "uri": data_uri(figure),
                "wide": figure.get_figwidth() > WIDE,
                "width": round(96 * SCALE * figure.get_figwidth()),
            }
            for name, figure in part.figures.items()
        ]
        shown = [{"name": name, **page_cells(table, folder)} for name, table in part.tables.items()]
        sections.append({"title": part.title, "text": part.text, "images": images, "tables": shown})
    environment = Environment(loader=PackageLoader("alrun.analysis", "."), autoescape=True, trim_blocks=True)
    content = environment.get_template("report.html.j2").render(
        title=title, lead=lead, findings=findings, notes=notes, sections=sections, version=alrun.__version__
    )
    page = folder / "report.html"
    files.write_text(page, content)
    return page


def slug(name: str) -> str:
    """``name`` as the name of a file."""
    return "".join(sign if sign.isalnum() or sign in ".-" else "_" for sign in name).strip("_")


def data_uri(figure: "Figure") -> str:
    """The figure as a data URI (SVG)."""
    content = io.BytesIO()
    figure.savefig(content, format="svg", metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(content.getvalue()).decode()


def page_cells(table: pd.DataFrame, folder: Path) -> dict[str, Any]:
    """A table for the template; a run links to its folder if the folder exists."""
    shown = table.drop(columns="folder", errors="ignore")
    rows: list[list[Any]] = shown.astype(str).to_numpy().tolist()
    if "folder" in table:
        for row, path in zip(rows, map(str, table["folder"]), strict=True):
            if os.path.isdir(path):
                row[0] = {"text": row[0], "link": "./" + quote(os.path.relpath(path, folder))}
    return {"columns": list(map(str, shown.columns)), "rows": rows, "words": "folder" in table}


def describe_figure(name: str, figure: "Figure") -> str:
    """A text for readers who cannot see the figure: its axes, panels and lines, as they are drawn."""
    drawn = [axes for axes in figure.axes if axes.get_visible()]
    x, y = figure.get_supxlabel(), figure.get_supylabel()
    if x and y:
        parts = [f"{y} against {x}"]
        names = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    else:
        parts = [axes.get_xlabel() for axes in drawn if axes.get_xlabel()]
        names = [text.get_text() for axes in drawn for text in (*axes.get_yticklabels(), axes.yaxis.label)]
    titles = [axes.get_title() for axes in drawn if axes.get_title()]
    words = dict.fromkeys(name for name in names if not name.replace(".", "").isdigit())
    parts = [*parts, "; ".join(titles), ", ".join(filter(None, words))]
    return f"Figure: {name}. " + " ".join(". ".join(filter(None, parts)).split()) + "."
