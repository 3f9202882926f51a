"""A table as CSV, Markdown and LaTeX."""

from pathlib import Path

import pandas as pd

from alrun.system import files, safe_text


def markdown(table: pd.DataFrame) -> str:
    """The table in Markdown; numbers are not rounded."""
    rows = [list(map(str, table.columns)), ["---"] * len(table.columns), *cells_as_text(table).to_numpy().tolist()]
    return "".join("| " + " | ".join(map(safe_text.markdown, row)) + " |\n" for row in rows)


def latex(table: pd.DataFrame) -> str:
    """The table in LaTeX, with the rules of booktabs."""
    escaped = cells_as_text(table).map(safe_text.latex).rename(columns=lambda name: safe_text.latex(str(name)))
    return escaped.to_latex(index=False, escape=False)


def cells_as_text(table: pd.DataFrame) -> pd.DataFrame:
    """Each cell as text; a missing value is empty."""
    return table.map(lambda value: "" if pd.isna(value) else str(value))


def csv(table: pd.DataFrame) -> str:
    """The table as CSV; no spreadsheet takes a cell for a formula."""
    harmless = table.map(lambda value: safe_text.cell(safe_text.one_line(value)) if isinstance(value, str) else value)
    harmless.columns = [safe_text.cell(safe_text.one_line(str(name))) for name in table.columns]
    return harmless.to_csv(index=False, lineterminator="\n")


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write the table to ``path`` with the suffixes .csv, .md and .tex."""
    files.write_text(path.with_suffix(".csv"), csv(table))
    files.write_text(path.with_suffix(".md"), markdown(table))
    files.write_text(path.with_suffix(".tex"), latex(table))


def p_in_words(p: float) -> str:
    """``p = 0.034``, or ``p < 0.001``: never 0."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
