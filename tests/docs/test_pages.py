"""The documentation: its code runs, its site builds, and what is generated is not stale.

A ``sh``, ``python`` or ``yaml`` block with a title is a file of that name; a ``sh`` block without one is run by bash, a
``python`` block in one namespace per page; the rest of the blocks are shown. A block after ``<!-- not run: REASON -->``
is left alone. Each page has a fresh folder.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

import pytest

from alrun.settings import groups

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
CODE = re.compile("^```(sh|python|yaml)", re.MULTILINE)
SKIP = re.compile(r"<!-- not run: \S.+ -->")
SKIP_COMPOSED = re.compile(r"<!-- not run: (?!downloads )\S.+ -->")  # a run that lacks data alone can be composed
TITLE = re.compile(r'title="([^"]+)"')


class Block(NamedTuple):
    line: int
    language: str
    title: str | None
    text: str


def blocks(text: str, skip: re.Pattern[str] = SKIP) -> Iterator[Block]:
    """The fenced blocks of a page that are to be run or written, in order; not those after a comment to ``skip``."""
    markdown = pytest.importorskip("markdown_it", reason="markdown-it-py is not installed: pip install 'alrun[docs]'")
    before = ""
    for token in markdown.MarkdownIt("commonmark").parse(text):
        if token.type == "fence":
            language, title = token.info.partition(" ")[0], TITLE.search(token.info)
            if language in ("sh", "python", "yaml") and not skip.fullmatch(before):
                yield Block(token.map[0] + 1, language, title[1] if title else None, token.content)
        before = token.content.strip() if token.type == "html_block" else ""


def run_page(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Do what a reader of a page does, in ``folder``."""
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delenv("ALRUN_DATA", raising=False)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # no more numbers of threads are then tried before the first training
    before, namespace = set(sys.modules), {"__name__": "page"}
    try:
        for line, language, title, code in blocks(text):
            if title is not None:
                path = folder / title
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(code)
            elif language == "sh":
                answer = subprocess.run(["bash", "-euo", "pipefail", "-c", code], capture_output=True, text=True)
                assert answer.returncode == 0, f"line {line}: {answer.stdout[-2000:]}{answer.stderr[-2000:]}"
            elif language == "python":
                exec(compile(code, f"line {line}", "exec"), namespace)
    finally:
        for name in set(sys.modules) - before:  # a page's own modules: the next page may have others of that name
            if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
                del sys.modules[name]


# Guides with many commands, each of which starts a Python of its own: `make heavy` runs them.
LONG = ("annotation", "clusters", "features", "labeling_project", "own_code", "own_data", "pools", "stopping")
COMMAND = re.compile(r"^(?:python -m )?alrun ((?:.*\\\n)*.*)$", re.MULTILINE)


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=[pytest.mark.heavy] if page.stem in LONG else [], id=page.relative_to(ROOT).as_posix())
        for page in PAGES
        if CODE.search(page.read_text())
    ],
)
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch):
    run_page(page.read_text(), tmp_path, monkeypatch)


@pytest.mark.parametrize("name", ["features", "pools", "stopping"])  # the others have commands of other kinds
def test_the_runs_of_a_long_page_compose(name, composed):
    page = (ROOT / "docs" / "guides" / f"{name}.md").read_text()
    text = "\n".join(block.text for block in blocks(page, SKIP_COMPOSED))
    found = [shlex.split(words.replace("\\\n", " "), comments=True) for words in COMMAND.findall(text)]
    runs = [words for words in found if "=" in words[0] and not any(mark in "".join(words) for mark in "$|>&;")]
    assert runs
    for words in runs:
        composed(*words)


def test_blocks_are_written_run_and_left_alone_as_the_convention_says(tmp_path, monkeypatch):
    page = """
```python title="mine.py"
value = 2
```
```yaml title="conf/a.yaml"
b: 1
```
<!-- not run: it would fail -->
```sh
exit 1
```
```
exit 1
```
```sh
test -f conf/a.yaml; python -c 'import mine; print(mine.value)' > said
```
```python
from pathlib import Path
import mine
total = mine.value + 1
```
```python
assert total == 3 and Path("said").read_text().split() == ["2"]
```
"""
    run_page(page, tmp_path, monkeypatch)
    assert "mine" not in sys.modules
    with pytest.raises(AssertionError, match="line 2"):
        run_page("\n```sh\nfalse; true\n```\n", tmp_path, monkeypatch)
    with pytest.raises(AssertionError, match="line 1"):  # the reason is missing
        run_page("```sh\n<!-- not run: -->\nexit 1\n```", tmp_path, monkeypatch)
    with pytest.raises(ZeroDivisionError):
        run_page("```python\n1 / 0\n```", tmp_path, monkeypatch)


def test_the_page_of_options_holds_every_option_and_setting(composed):
    from docs.generate import options_page

    text = options_page.page()
    folders = {path.name for path in (ROOT / "conf").iterdir() if path.is_dir()} - {"hydra", "__pycache__"}
    assert set(groups.GROUPS) == folders
    for path in options_page.option_files():
        group, _, option = path.relative_to(ROOT / "conf").with_suffix("").as_posix().partition("/")
        assert f"### {group}={option}\n" in text
    for group in ("budget", "training", "runtime", "paths", "scale"):
        for setting in composed()[group]:
            assert f"| `{group}.{setting}` |" in text


NAMED = re.compile(r"`((?:src|tests|scripts|conf|docs|results|benchmarks|notebooks)/[\w./-]*)`")
LINK = re.compile(r"(?:\]\(|(?:src|href)=\")(?!https?:|#)([^)#\"]+)")
BUILT = {ROOT / "docs" / "reference" / "options.md"}  # while the site is built
LINKED = [
    *PAGES,
    *(ROOT / f"{name}.md" for name in ("CONTRIBUTING", "SECURITY", "CHANGELOG")),
    *ROOT.glob("results/*/*.md"),
]


@pytest.mark.parametrize("page", LINKED, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_what_a_page_links_to_and_the_files_that_it_names_exist(page):
    text = page.read_text()
    linked = {(page.parent / link).resolve() for link in LINK.findall(text)} - BUILT
    named = {ROOT / name for name in NAMED.findall(text)} if page.name != "CHANGELOG.md" else set()
    assert not [str(path) for path in linked | named if not path.exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_image_of_a_page_says_what_it_shows(page):
    text = page.read_text()
    described = re.findall(r"!\[([^\]]*)\]\(", text) + re.findall(r'<img [^>]*?alt="([^"]*)"', text)
    assert len(described) == len(re.findall(r"!\[|<img ", text))
    assert all(len(words) > 30 for words in described)


class Requests(HTMLParser):
    """What a browser fetches of its own accord when it shows a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag != "a" and named.get("rel") != "canonical":
            self.found += [value for key in ("src", "href", "srcset") if (value := named.get(key))]


def test_the_site_builds_without_a_warning_and_asks_nothing_of_the_network(tmp_path):
    pytest.importorskip("material", reason="mkdocs-material is not installed: pip install 'alrun[docs]'")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    pages = list(tmp_path.rglob("*.html"))
    names = {path.relative_to(ROOT / "docs").with_suffix(".html").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert {page.relative_to(tmp_path).as_posix() for page in pages} >= names | {"reference/options.html"}
    for page in pages:
        requests = Requests()
        requests.feed(page.read_text())
        assert requests.found
        assert [url for url in requests.found if re.match(r"(?:https?:)?//", url)] == [], page
    for sheet in tmp_path.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", sheet.read_text()), sheet
