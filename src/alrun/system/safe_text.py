"""Foreign text, made harmless where it is shown: on a terminal, in spreadsheets, in Markdown and in LaTeX.

Names of options, classes, files and folders, and the text of a run's failed.txt, may hold anything.
"""

import re
import unicodedata

NUMBERS = re.compile(r"[-+][\d\s.,±%eE×/()\[\]+-]*|[-+](inf|nan)")  # a sign before them does not make a formula
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
    r"""``text`` on one line, without control characters: these are spelled out, as ``\x1b``."""
    return text if text.isprintable() else "".join(map(spell_out, text))


def spell_out(sign: str) -> str:
    """A character as it is if it is visible or a space, otherwise its escape sequence."""
    is_seen = sign.isprintable() or unicodedata.category(sign) == "Zs"
    return sign if is_seen else sign.encode("unicode_escape").decode()


def cell(text: str) -> str:
    """``text`` as a cell of a CSV: a leading ' keeps spreadsheets from taking = + - @ for a formula."""
    return f"'{text}" if FORMULA.match(text) and not NUMBERS.fullmatch(text) else text


def uncell(text: str) -> str:
    """The text that ``cell`` was given."""
    return text[1:] if text.startswith("'") and FORMULA.match(text) else text


def markdown(text: str) -> str:
    """``text`` escaped for Markdown: one cell of a table, without HTML, links or images."""
    return replaced(one_line(text), MARKDOWN)


def latex(text: str) -> str:
    """``text`` escaped for LaTeX, without commands."""
    return replaced(one_line(text), LATEX)


def replaced(text: str, words: dict[str, str]) -> str:
    """``text`` with each of ``words`` replaced, in one pass."""
    return re.sub("|".join(map(re.escape, words)), lambda found: words[found[0]], text)
