"""The prose of a generated page in lines as long as those that people write here."""

import re
import textwrap

WIDTH = 120
AS_IT_IS = ("|", "<", "!", "#")  # tables, HTML, images and titles are one line each


def wrapped(text: str) -> str:
    """``text`` (Markdown) with its long lines of prose broken between words; code in backquotes stays together."""
    return "\n".join(map(wrapped_line, text.split("\n")))


def wrapped_line(line: str) -> str:
    """The lines of a line; those of a list's item are indented as the item is."""
    if len(line) <= WIDTH or line.startswith(AS_IT_IS):
        return line
    whole = re.sub("`[^`]*`", lambda code: code[0].replace(" ", "\0"), line)
    indent = "  " if line.startswith("- ") else ""
    lines = textwrap.wrap(whole, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines).replace("\0", " ")
