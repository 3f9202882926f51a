"""Words of strangers, made harmless where they are shown: on a terminal, in spreadsheets, in Markdown and in LaTeX.

Names of options, classes, files and folders, and what a run's failed.txt says, are whatever somebody wrote there.
"""

import re
import unicodedata

NUMBERS = re.compile(r"[-+][\d\s.,±%eE×/()\[\]+-]*|[-+](inf|nan)")  # a sign before them is no formula
FORMULA = re.compile(r"'*[=+\-@\t\r]")
MARKDOWN = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "\\|", "`": "\\`", "](": "]\\(", "\\": "\\\\"}
LATEX = {sign: f"\\{sign}" for sign in "&%$#_{}"} | {
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "±": "$\\pm$",
    "≤": "$\\le$",
    "×": "$\\times$",
}


def one_line(text: str) -> str:
    r"""``text`` without what a terminal obeys or what begins a line: such signs are spelt out, as ``\x1b``."""
    return text if text.isprintable() else "".join(map(spelt, text))


def spelt(sign: str) -> str:
    """A sign as it is if it is seen or is a space, else its number."""
    is_seen = sign.isprintable() or unicodedata.category(sign) == "Zs"
    return sign if is_seen else sign.encode("unicode_escape").decode()


def cell(text: str) -> str:
    """``text`` as a cell of a CSV: a spreadsheet takes what begins with = + - @ for a formula, unless ' precedes it."""
    return f"'{text}" if FORMULA.match(text) and not NUMBERS.fullmatch(text) else text


def uncell(text: str) -> str:
    """What ``cell`` was given."""
    return text[1:] if text.startswith("'") and FORMULA.match(text) else text


def markdown(text: str) -> str:
    """``text`` as Markdown shows it: no HTML, no link, no image, one cell of a table."""
    return replaced(one_line(text), MARKDOWN)


def latex(text: str) -> str:
    """``text`` as LaTeX prints it: no command."""
    return replaced(one_line(text), LATEX)


def replaced(text: str, words: dict[str, str]) -> str:
    """``text`` with each of ``words`` replaced, in one pass."""
    return re.sub("|".join(map(re.escape, words)), lambda found: words[found[0]], text)
