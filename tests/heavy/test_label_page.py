"""The page of alrun label in headless Chromium, by keyboard and mouse; --basetemp keeps the screenshots."""

from collections.abc import Callable, Iterator

import pytest

from alrun.runs.answers import read_answers_log
from alrun.runs.label_files import read_labels
from tests.annotate.test_server import CLASSES, NAMES, make_project, process_serving, served, session_of
from tests.annotate.test_texts import STRANGE, make_text_project, text_session
from tests.heavy.webdriver import Window, chromium, driver

pytestmark = [
    pytest.mark.skipif(driver() is None, reason="no Chromium with chromedriver (apt-get install chromium-driver)"),
    pytest.mark.timeout(300),
]
SIZES = ((390, 844), (1280, 800))

# Contrast of each visible text against the color behind it, by WCAG 2.1 (relative luminance): those below 4.5 to 1.
CONTRAST = """
const light = text => {
  const [r, g, b] = text.match(/[\\d.]+/g).slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = element => {
  for (let e = element; e; e = e.parentElement) {
    const color = getComputedStyle(e).backgroundColor;
    if (!/, 0\\)$/.test(color)) return color;
  }
  return "rgb(255, 255, 255)";
};
const poor = [];
for (const element of document.querySelectorAll("body *")) {
  if (!element.offsetParent || ![...element.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
  if (element.disabled) continue;
  const [low, high] = [light(getComputedStyle(element).color), light(behind(element))].sort((a, b) => a - b);
  const ratio = (high + 0.05) / (low + 0.05);
  if (ratio < 4.5) poor.push(element.outerHTML.slice(0, 80) + " " + ratio.toFixed(2));
}
return poor;
"""
# What a screen reader would have no name for, and what a keyboard cannot reach.
NAMELESS = """
return [...document.querySelectorAll("button, select, input, img, progress")].filter(e => e.offsetParent).filter(e =>
  !(e.getAttribute("aria-label") || e.innerText || (e.labels && e.labels.length) || e.getAttribute("aria-labelledby")
    || (e.tagName === "IMG" && (e.alt || e.closest("button"))))).map(e => e.outerHTML.slice(0, 80));
"""


@pytest.fixture(scope="module")
def window() -> Iterator[Callable[[int, int], Window]]:
    with chromium() as made:
        yield made


def opened(window: Callable[[int, int], Window], url: str, size: tuple[int, int] = SIZES[1]) -> Window:
    made = window(*size)
    made.open(url)
    made.wait(lambda: made.text("#classes"))
    return made


@pytest.mark.parametrize("size", SIZES, ids=lambda size: str(size[0]))
def test_a_round_by_keyboard_alone(tmp_path, window, size):
    run_dir = make_project(tmp_path / "p", NAMES)
    with served(session_of(tmp_path / "p")) as server:
        page = opened(window, server.url, size)
        assert "token" not in page.run("return location.href")
        for number, name in enumerate(NAMES):
            assert page.text("#name").split() == name.split()
            assert page.run("return document.getElementById('image').alt") == f"Image {name}"
            page.wait(lambda: page.run("return document.getElementById('image').naturalWidth > 0"))
            page.type("1234n?"[number])
            page.wait(lambda: page.text("#count").startswith(f"{number + 1} of 6"))  # noqa: B023
        assert read_labels(run_dir, CLASSES) == {0: 0, 1: 1, 2: 2, 3: 3, 4: -2, 5: -4}
        assert "All images of this round have an answer" in page.text("#done")
        page.type("u")
        page.wait(lambda: page.text("#count").startswith("5 of 6"))
        page.type("u")
        page.wait(lambda: page.text("#count").startswith("4 of 6"))
        assert page.text("#name").split() == NAMES[4].split()
        page.type("s")
        page.wait(lambda: page.text("#count").startswith("5 of 6"))
        assert read_labels(run_dir, CLASSES) == {0: 0, 1: 1, 2: 2, 3: 3, 4: -3}
        assert page.run("return document.documentElement.scrollWidth") == size[0]
        page.screenshot(tmp_path / f"one-{size[0]}.png")
        focused = set()
        for _ in range(30):  # every control is reached by Tab, and it shows
            page.type("Tab")
            focused.add(page.run("return document.activeElement.innerText || document.activeElement.id"))
            width = page.run("return getComputedStyle(document.activeElement).outlineWidth")
            assert width == "3px" or page.run("return document.activeElement === document.body")
        for words in (*CLASSES, "None of these", "Unsure", "Skip", "Undo", "Grid", "todo"):
            assert any(words in each or "to do" in each for each in focused), words
        assert page.run(CONTRAST) == []
        assert page.run(NAMELESS) == []
        assert page.log() == []


@pytest.mark.parametrize("size", SIZES, ids=lambda size: str(size[0]))
def test_a_grid_by_mouse(tmp_path, window, size):
    run_dir = make_project(tmp_path / "p", [*NAMES, *(f"{number}.png" for number in range(70))])
    with served(session_of(tmp_path / "p")) as server:
        page = opened(window, server.url, size)
        page.click("#view")
        page.wait(lambda: page.run("return document.querySelectorAll('.cell').length") == 60)
        for number in (0, 1, 3):
            page.click(".cell", number)
        page.screenshot(tmp_path / f"grid-{size[0]}.png")
        page.click("#classes button", 2)
        page.wait(lambda: page.text("#count").startswith("3 of 76"))
        assert read_labels(run_dir, CLASSES) == {0: 2, 1: 2, 3: 2}
        assert page.text("#part") == "1 to 60 of 73"
        page.click("#undo")
        page.wait(lambda: page.text("#count").startswith("0 of 76"))
        page.click("#after")
        assert page.text("#part") == "61 to 76 of 76"
        page.click("[data-kind=skip]")
        page.wait(lambda: page.text("#count").startswith("1 of 76"))
        assert read_labels(run_dir, CLASSES) == {60: -3}
        assert page.run("return document.documentElement.scrollWidth") == size[0]
        assert page.run(CONTRAST) == []
        assert page.run(NAMELESS) == []
        assert page.log() == []


def test_a_server_that_dies_is_told_and_the_next_goes_on(tmp_path, window):
    run_dir = make_project(tmp_path / "p", NAMES)
    address = "http://127.0.0.1:{}/start?token={}"
    with process_serving(tmp_path / "p") as (_, port, token):
        page = opened(window, address.format(port, token))
        page.type("1")
        page.wait(lambda: page.text("#count").startswith("1 of 6"))
    page.type("2")
    page.wait(lambda: "Not saved" in page.text("#problem"))
    assert page.text("#name") == NAMES[1]  # it is still to be answered
    assert page.text("#count").startswith("1 of 6")
    assert read_labels(run_dir, CLASSES) == {0: 0}
    with process_serving(tmp_path / "p", port) as (_, port, token):
        page.type("2")
        page.wait(lambda: "open the address" in page.text("#problem"))
        page.open(address.format(port, token))
        page.wait(lambda: page.text("#count").startswith("1 of 6"))
        page.type("2")
        page.wait(lambda: page.text("#count").startswith("2 of 6"))
    assert [answer.label for answer in read_answers_log(run_dir)] == CLASSES[:2]


def test_two_tabs(tmp_path, window):
    run_dir = make_project(tmp_path / "p", NAMES)
    with served(session_of(tmp_path / "p")) as server:
        page = opened(window, server.url)
        first = page.call("GET", "/window")
        second = page.call("POST", "/window/new", {"type": "tab"})["handle"]
        page.call("POST", "/window", {"handle": second})
        page.open(f"http://127.0.0.1:{server.server_port}/")
        page.wait(lambda: page.text("#classes"))
        page.type("3")
        page.wait(lambda: page.text("#count").startswith("1 of 6"))
        page.call("POST", "/window", {"handle": first})
        page.run("dispatchEvent(new Event('focus'))")  # a headless browser focuses no window
        page.wait(lambda: page.text("#count").startswith("1 of 6"))
        assert page.text("#name") == NAMES[1]
        page.type("4")
        page.wait(lambda: page.text("#count").startswith("2 of 6"))
    assert read_labels(run_dir, CLASSES) == {0: 2, 1: 3}


def test_keys_that_come_faster_than_answers_go_to_one_image_each(tmp_path, window):
    run_dir = make_project(tmp_path / "p", [f"{number}.png" for number in range(10_000)], with_files=False)
    with served(session_of(tmp_path / "p")) as server:
        page = opened(window, server.url)
        typed = "1234" * 10
        page.type(*typed)
        page.wait(lambda: page.text("#count").startswith("40 of 10000"))
        assert read_labels(run_dir, CLASSES) == {number: int(key) - 1 for number, key in enumerate(typed)}
        page.type("g")
        page.wait(lambda: page.text("#part") == "1 to 60 of 9960")
        assert page.log() == []


@pytest.mark.parametrize("size", SIZES, ids=lambda size: str(size[0]))
def test_texts_are_shown_whole_and_as_text(tmp_path, window, size):
    texts = ["one", *STRANGE]
    folder = make_text_project(tmp_path, texts)
    with served(text_session(folder, "anna")) as server:
        page = opened(window, server.url, size)
        for number, text in enumerate(texts):
            page.wait(lambda: page.run("return document.getElementById('text').textContent") == text.strip())  # noqa: B023
            box = page.run(
                "const b = document.getElementById('text'); return [b.scrollHeight > b.clientHeight, b.clientHeight]"
            )
            assert box[0] == (len(text) > 5000)
            assert box[1] > 80
            if number == 1:
                assert page.run("return document.querySelectorAll('#text *').length") == 0
                page.type("!")
                page.wait(lambda: page.run("return document.getElementById('second').ariaPressed") == "true")
            if len(text) > 5000:
                page.screenshot(tmp_path / f"text-{size[0]}.png")
                page.click("#text")
                page.type("Down")
                page.wait(lambda: page.run("return document.getElementById('text').scrollTop > 0"))
            page.type("12"[number % 2])
            page.wait(lambda: page.text("#count").startswith(f"{number + 1} of 6"))  # noqa: B023
        assert "All texts of this round have an answer" in page.text("#done")
        page.run("const f = document.getElementById('filter'); f.value = 'all'; f.dispatchEvent(new Event('change'))")
        page.type("g")
        page.wait(lambda: page.run("return document.querySelectorAll('.cell').length") == 6)
        page.screenshot(tmp_path / f"texts-{size[0]}.png")
        assert page.run("return document.documentElement.scrollWidth") == size[0]
        assert page.run(CONTRAST) == []
        assert page.run(NAMELESS) == []
        assert page.log() == []
    with served(text_session(folder, "ben")) as server:
        page = opened(window, server.url, size)
        page.wait(lambda: page.text("#text") == STRANGE[0])  # the one of which anna wants a second opinion
        page.type("2")
        page.wait(lambda: "All texts of this round" in page.text("#done"))
    answers = [(answer.index, answer.kind, answer.by) for answer in read_answers_log(folder / "run")]
    assert answers[1:3] == [(1, "second", "anna"), (1, "label", "anna")]
    assert answers[-1] == (1, "label", "ben")
