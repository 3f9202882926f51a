"""Drives a headless Chromium by keyboard and mouse, through chromedriver and the W3C WebDriver protocol."""

import base64
import contextlib
import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.heavy.browser import browser

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
KEYS = {
    "Enter": "\ue007",
    "Tab": "\ue004",
    "Backspace": "\ue003",
    "Left": "\ue012",
    "Down": "\ue015",
    "Right": "\ue014",
    "Space": " ",
}


def driver() -> str | None:
    """The path of chromedriver; None where it or Chromium is not installed."""
    return shutil.which("chromedriver") if browser() else None


class Window:
    """A browser's window.

    Args:
        address: Of chromedriver.
        width: Of the page, in CSS pixels, also less than a window may have.
        height: The same.
    """

    def __init__(self, address: str, width: int, height: int) -> None:
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage"]
        metrics = {"deviceMetrics": {"width": width, "height": height, "pixelRatio": 1, "touch": False}}
        options = {"binary": browser(), "args": arguments, "mobileEmulation": metrics}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        self.address = address
        made = self.call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self.address = f"{address}/session/{made['sessionId']}"

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """A command of the protocol; its value."""
        content = None if body is None and method == "GET" else json.dumps(body or {}).encode()
        request = urllib.request.Request(self.address + path, content, {"Content-Type": "application/json"})
        request.method = method
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"]) from error

    def open(self, url: str) -> None:
        """Go to an address."""
        self.call("POST", "/url", {"url": url})

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script returns."""
        return self.call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def text(self, selector: str) -> str:
        """The text of the first element."""
        return self.run("const e = document.querySelector(arguments[0]); return e ? e.innerText : ''", selector)

    def type(self, *keys: str) -> None:
        """Press keys, one after the other, where the focus is."""
        actions = [{"type": kind, "value": KEYS.get(key, key)} for key in keys for kind in ("keyDown", "keyUp")]
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def click(self, selector: str, number: int = 0) -> None:
        """Click an element with the mouse, where a person would: it must be in view and not covered."""
        found = self.call("POST", "/elements", {"using": "css selector", "value": selector})
        self.call("POST", f"/element/{found[number][ELEMENT]}/click")

    def wait(self, is_so: Callable[[], Any], seconds: float = 20) -> Any:
        """Wait until something is so."""
        deadline = time.monotonic() + seconds
        while not (made := is_so()):
            if time.monotonic() > deadline:
                raise TimeoutError(self.text("body"))
            time.sleep(0.05)
        return made

    def log(self) -> list[str]:
        """What the page said to the console since it was last asked."""
        return [entry["message"] for entry in self.call("POST", "/se/log", {"type": "browser"})]

    def screenshot(self, path: Path) -> None:
        """A screenshot of what is in view."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self.call("GET", "/screenshot")))


@contextlib.contextmanager
def chromium() -> Iterator[Callable[[int, int], Window]]:
    """``chromium(width, height)``: a window."""
    process = subprocess.Popen([str(driver()), "--port=0"], stdout=subprocess.PIPE, text=True)
    windows: list[Window] = []
    try:
        assert process.stdout is not None
        found = next(match for line in process.stdout if (match := re.search(r"on port (\d+)\.", line)))

        def window(width: int, height: int) -> Window:
            windows.append(Window(f"http://127.0.0.1:{found[1]}", width, height))
            return windows[-1]

        yield window
    finally:
        for each in windows:
            with contextlib.suppress(RuntimeError, OSError):
                each.call("DELETE", "")
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
