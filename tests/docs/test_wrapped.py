"""Prose that generators write is in lines as long as other prose, and says the same."""

from pathlib import Path

import pytest

from docs.generate import readme
from docs.generate.wrapped import WIDTH, wrapped

ROOT = Path(__file__).parents[2]
LONG = " ".join(["word"] * 40)


def test_prose_is_broken_between_words_and_items_of_lists_are_indented():
    first, second = wrapped(LONG).split("\n")
    assert (len(first), first.split() + second.split()) == (119, ["word"] * 40)  # 24 words of 5 characters, but a space
    one, two = wrapped(f"- {LONG}").split("\n")
    assert one.startswith("- word")
    assert two.startswith("  word")
    assert wrapped(f"short\n\n{LONG}").startswith("short\n\nword")


def test_tables_images_titles_and_code_stay_whole():
    for line in (f"| {LONG} |", f'<img alt="{LONG}">', f"![{LONG}](x.png)", f"# {LONG}"):
        assert wrapped(line) == line
    code = f"`{' '.join(['code'] * 20)}`"
    assert code in wrapped(f"{'word ' * 10}{code} {LONG}").split("\n")[1]


@pytest.mark.parametrize("name", ["README.md", "docs/evidence/findings.md"])
def test_a_page_that_is_here_was_written_so(name):
    page = (ROOT / name).read_text()
    if name == "README.md":
        page = page.partition(readme.BEGIN)[2].partition(readme.END)[0]
    assert not [line for line in page.split("\n") if len(line) > WIDTH and line[0] not in "|<!#"]
    assert wrapped(page) == page
