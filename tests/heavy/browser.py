"""Open a report in headless Chromium: what it logs, what it asks of the network, and whether it is too wide.

    python -m tests.heavy.browser outputs/reports/quickstart/report.html --screenshots /tmp

The widths are those of a phone, a small window and a desktop. Exit status 1 where something is wrong.
"""

import argparse
import html
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

WIDTHS = (390, 1000, 1280)
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--enable-logging=stderr",
    "--no-first-run",
)
LEAST = 500  # pixels of a window's width that Chromium takes

# Runs in the page, in a frame of one of the widths, and tells its frame's owner what it finds.
PROBE = """<script>
const errors = [];
addEventListener("error", event => errors.push(event.message || "cannot load " + event.target.src), true);
addEventListener("load", () => parent.postMessage({
  width: innerWidth, scroll: document.documentElement.scrollWidth, height: document.documentElement.scrollHeight,
  requests: performance.getEntriesByType("resource").map(entry => entry.name), errors: errors,
  broken: [...document.images].filter(image => !image.naturalWidth).map(image => image.alt),
}, "*"));
</script>"""
OWNER = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0 }} iframe {{ border: 0; display: block }}</style>
{frames}<pre id="found"></pre><script>
const found = [];
addEventListener("message", event => {{
  found.push(event.data);
  document.getElementById("found").textContent = JSON.stringify(found);
}});
</script>"""


def browser() -> str | None:
    """The path of Chromium or Chrome; None where neither is installed."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def examine(page: Path, chromium: str) -> list[dict[str, Any]]:
    """What the probe tells of ``page`` at each width, and ``console``: the lines of Chromium's log that are the page's.

    Raises:
        RuntimeError: Chromium did not load the page.
    """
    with tempfile.TemporaryDirectory() as folder:
        owner = framed(page, Path(folder), [(width, 2000) for width in WIDTHS])
        command = [chromium, *FLAGS, f"--user-data-dir={folder}/profile", "--virtual-time-budget=20000", "--dump-dom"]
        done = subprocess.run([*command, owner.as_uri()], capture_output=True, text=True, timeout=120)
    match = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    found = json.loads(html.unescape(match[1]) or "[]") if match else []
    if len(found) != len(WIDTHS):
        raise RuntimeError(f"{chromium} loaded {len(found)} of {len(WIDTHS)} frames: {done.stderr[-500:]}")
    console = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    return [{**each, "console": console} for each in sorted(found, key=lambda each: each["width"])]


def framed(page: Path, folder: Path, sizes: list[tuple[int, int]]) -> Path:
    """A page in ``folder`` that shows ``page``, with the probe, in frames of ``sizes``."""
    probed = page.read_text().replace("<head>", "<head>" + PROBE, 1)
    (folder / "page.html").write_text(probed)
    frames = "".join(f'<iframe src="page.html" width="{width}" height="{height}"></iframe>' for width, height in sizes)
    owner = folder / "owner.html"
    owner.write_text(OWNER.format(frames=frames))
    return owner


def problems(found: list[dict[str, Any]]) -> list[str]:
    """What is wrong, each a sentence."""
    sentences = []
    for each in found:
        width = each["width"]
        if each["scroll"] > width:
            sentences.append(f"at {width} px the page is {each['scroll']} px wide: it scrolls sideways.")
        sentences += [f"at {width} px it asks for {request}." for request in each["requests"]]
        sentences += [f"at {width} px: {error}" for error in each["errors"]]
        sentences += [f"at {width} px the figure {name} is not shown." for name in each["broken"]]
    return sentences + list(dict.fromkeys(line for each in found for line in each["console"]))


def screenshot(page: Path, chromium: str, width: int, height: int, path: Path) -> None:
    """A screenshot of the whole page at ``width``."""
    with tempfile.TemporaryDirectory() as folder:
        owner = framed(page, Path(folder), [(width, height)])
        size = f"--window-size={max(width, LEAST)},{height}"
        command = [chromium, *FLAGS, f"--user-data-dir={folder}/profile", size, f"--screenshot={path}"]
        subprocess.run([*command, owner.as_uri()], capture_output=True, timeout=120, check=True)
    with Image.open(path) as image:
        image.crop((0, 0, width, height)).save(path)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", type=Path, nargs="+")
    parser.add_argument("--screenshots", type=Path, metavar="FOLDER")
    arguments = parser.parse_args()
    chromium = browser()
    if chromium is None:
        sys.exit("no Chromium is installed (apt-get install chromium)")
    wrong = False
    for page in arguments.pages:
        found = examine(page, chromium)
        print(
            page, *(f"{each['width']} px: {each['scroll']} wide, {each['height']} high" for each in found), sep="\n  "
        )
        print(*(f"  {sentence}" for sentence in problems(found)), sep="\n", end="")
        wrong |= bool(problems(found))
        if arguments.screenshots:
            arguments.screenshots.mkdir(parents=True, exist_ok=True)
            for each in found:
                path = arguments.screenshots / f"{page.parent.name}-{each['width']}.png"
                screenshot(page, chromium, each["width"], each["height"], path)
    sys.exit(int(wrong))


if __name__ == "__main__":
    main()
