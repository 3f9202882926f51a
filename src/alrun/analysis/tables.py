"""A table as CSV, Markdown and LaTeX."""

from pathlib import Path

import pandas as pd

from alrun import files


def markdown(table: pd.DataFrame) -> str:
    """The table in Markdown; numbers as they are."""
    rows = [list(map(str, table.columns)), ["---"] * len(table.columns), *words(table).to_numpy().tolist()]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in rows)


def latex(table: pd.DataFrame) -> str:
    """The table in LaTeX, with the rules of booktabs."""
    escaped = words(table).map(escape).rename(columns=lambda name: escape(str(name)))
    return escaped.to_latex(index=False, escape=False)


def words(table: pd.DataFrame) -> pd.DataFrame:
    """Every cell as text, what is missing as none."""
    return table.map(lambda value: "" if pd.isna(value) else str(value))


def escape(text: str) -> str:
    """Text for LaTeX."""
    for sign in "&%$#_{}":
        text = text.replace(sign, f"\\{sign}")
    return text.replace("±", "$\\pm$").replace("≤", "$\\le$").replace("×", "$\\times$")


def write(table: pd.DataFrame, path: Path) -> None:
    """``path`` with the suffixes .csv, .md and .tex."""
    files.write_text(path.with_suffix(".csv"), table.to_csv(index=False))
    files.write_text(path.with_suffix(".md"), markdown(table))
    files.write_text(path.with_suffix(".tex"), latex(table))
