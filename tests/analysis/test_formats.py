"""Tables as text."""

import csv
import io
import re

import pandas as pd
from markdown_it import MarkdownIt

from alrun.analysis import formats
from alrun.system import safe_text


def test_a_text_that_is_missing_does_not_end_a_report(tmp_path):
    table = pd.DataFrame({"curve": ["a_b", "c"], "pair": ["x|y", None], "p": [0.5, float("nan")]})
    formats.write_table(table, tmp_path / "table")
    assert (tmp_path / "table.md").read_text().splitlines()[2:] == [r"| a_b | x\|y | 0.5 |", "| c |  |  |"]
    assert r"a\_b & x|y & 0.5 \\" in (tmp_path / "table.tex").read_text()
    assert "nan" not in (tmp_path / "table.tex").read_text()


HOSTILE = ["=1+1", "+cmd|' /C calc'!A0", "-2+3+cmd|x", "@SUM(A1)", "\t=x", "'=x", "\r=x"]
HARMLESS = ["badge", "-0.3 ± 0.1", "+0.52", "-inf", "[-1.2, 3.4]", "a=b", "", "1e-3", "'quoted'"]


def test_no_cell_of_a_csv_is_a_formula_and_what_is_read_back_is_what_was_written():
    for text in HOSTILE:
        assert safe_text.cell(text)[0] == "'", text
    for text in HARMLESS:
        assert safe_text.cell(text) == text
    for text in (*HOSTILE, *HARMLESS):
        assert safe_text.uncell(safe_text.cell(text)) == text
    table = pd.DataFrame({"=name": HOSTILE, "value": range(len(HOSTILE))})
    lines = list(csv.reader(io.StringIO(formats.csv(table), newline="")))
    assert not any(cell and cell[0] in "=+-@\t\r" for line in lines for cell in line)


def test_words_become_no_markup_of_markdown_or_latex(tmp_path):
    words = ["<img src=x onerror=alert(1)>", "[x](javascript:alert(1))", "![x](http://a/b)", "a\n| b | c |", r"\|"]
    words += [r"\input{/etc/passwd}", "x^2~y", "\x1b[31mred", "\u202ereversed", "`code`"]
    formats.write_table(pd.DataFrame({"name <b>": words}), tmp_path / "table")
    text, typeset = (tmp_path / "table.md").read_text(), (tmp_path / "table.tex").read_text()
    assert len(text.splitlines()) == 2 + len(words)
    rendered = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    assert not re.search(r"<(img|a|code|b)\b", rendered), rendered
    assert rendered.count("<td>") == len(words)
    assert not re.search(r"\\(input|x1b)", typeset)
    assert r"\textbackslash{}input\{/etc/passwd\}" in typeset
    for shown in (text, typeset):
        assert not set(shown) & {"\x1b", "\u202e"}


def test_what_a_terminal_obeys_is_spelt_out():
    assert safe_text.one_line("a\x1b[2Jb\nc\r\u202ed\x9b") == r"a\x1b[2Jb\nc\r\u202ed\x9b"
    assert safe_text.one_line("été 猫 10\u00a0%") == "été 猫 10\u00a0%"
