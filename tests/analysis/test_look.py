"""How a report looks to those who see little, few colors or nothing, and on a screen of 1,280 pixels."""

import re
from html.parser import HTMLParser
from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.text import Text

from alrun.analysis import figure_style, page, report, rounds, significance_section
from tests.analysis.made_runs import make_run

# Viénot, Brettel and Mollon 1999: linear RGB as people without L or without M cones see it.
BLIND = {
    "protan": np.array([[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]]),
    "deutan": np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]]),
}
SRGB_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lab(linear: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of a color in linear RGB, white at D65."""
    x, y, z = np.cbrt(np.clip(SRGB_TO_XYZ @ linear, 0, None) / [0.9505, 1, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def linear(color: str) -> np.ndarray:
    value = np.array(to_rgb(color))
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("kind", BLIND)
def test_colors_of_lines_differ_for_color_blind_readers(kind):
    seen = {color: lab(BLIND[kind] @ linear(color)) for color in (*figure_style.COLORS, "#000000")}
    nearest = min(combinations(seen, 2), key=lambda pair: np.linalg.norm(seen[pair[0]] - seen[pair[1]]))
    assert np.linalg.norm(seen[nearest[0]] - seen[nearest[1]]) > 10, nearest  # 2.3 is just noticeable
    blue, purple = linear("#1f77b4"), linear("#9467bd")  # matplotlib's own, which the measure must find too near
    assert np.linalg.norm(lab(BLIND[kind] @ blue) - lab(BLIND[kind] @ purple)) < 10
    assert np.linalg.norm(lab(blue) - lab(purple)) > 30


def test_lines_differ_without_color():
    styles = figure_style.line_styles(["random", *(f"strategy {number}" for number in range(28))])
    shapes = [(style["marker"], style["linestyle"]) for style in styles.values()]
    assert len(set(shapes)) == 29


class Parts(HTMLParser):
    """The images and tables of a page, as dictionaries of their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.images: list[dict[str, str | None]] = []
        self.divs: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("img", "div"):
            (self.images if tag == "img" else self.divs).append(dict(attrs))


def test_a_report_says_what_its_figures_show_and_its_tables_can_be_reached_by_keys(tmp_path, monkeypatch):
    runs = [
        make_run(tmp_path / "toy", option, seed, [0.5, 0.6 + seed / 50 + 0.1 * (option == "badge"), 0.7])
        for option in ("random", "badge")
        for seed in (0, 1)
    ]
    drawn = []
    monkeypatch.setattr(page, "data_uri", lambda figure: drawn.append(figure) or "data:,")
    written = report.write_report(rounds.gather(runs), tmp_path / "report", "A title", report.Choices())
    parts = Parts()
    parts.feed(written.read_text())
    texts = [image["alt"] or "" for image in parts.images]
    assert "Figure: accuracy. test accuracy (%) against labeled examples. random, badge." in texts
    assert all(re.fullmatch(r"Figure: [^.]+\. .{12,}\.", text) for text in texts), texts
    tables = [each for each in parts.divs if "table" in (each.get("class") or "").split()]
    assert tables
    assert all(each["tabindex"] == "0" and each["role"] == "region" for each in tables)
    assert len({each["aria-label"] for each in tables}) == len(tables)
    assert len(drawn) == len(parts.images) >= 4
    for figure, image in zip(drawn, parts.images, strict=True):
        width = min(int(image["width"] or 0), 928)  # of a window of 1,280: 60 rem, less the padding
        pixels = width / figure.get_figwidth() / 72  # of a point
        small = [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]
        assert small
        assert min(text.get_fontsize() for text in small) * pixels >= 11, image["alt"]


def test_a_p_value_is_never_written_as_zero():
    assert [significance_section.probability(value) for value in (0.0, 0.0004, 0.0012, 1.0, float("nan"))] == [
        "< 0.001",
        "< 0.001",
        "0.001",
        "1.000",
        "",
    ]
