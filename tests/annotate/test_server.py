"""The page of alrun label, by HTTP: who may ask, what is shown, and that every answer is kept at once."""

import http.client
import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from alrun.annotate.server import LabelServer
from alrun.annotate.session import Session
from alrun.annotate.shown import Images
from alrun.data.manifest import Entry
from alrun.runs.answers import Answer, append_answers, read_answers_log
from alrun.runs.label_files import read_labels
from alrun.system import files

CLASSES = ['a "quoted" cat', "<script>alert(1)</script>", "Käse", "dog & <b>"]
NAMES = [
    "plain.png",
    'with "quotes".png',
    "<script>alert(1)</script>.png",
    "Ümläute ß.png",
    "line\nbreak.png",
    "gone.png",
]


def make_project(folder: Path, names: list[str], with_files: bool = True) -> Path:
    """A project that asks for all of its images, without a run: gray 8 x 8 images, brighter by number."""
    run_dir, photos = folder / "run", folder / "photos"
    for each in (run_dir, photos):
        each.mkdir(parents=True)
    if with_files:
        for number, name in enumerate(names):
            if name != "gone.png":
                (photos / name).parent.mkdir(exist_ok=True)
                Image.new("L", (40, 20), number * 40).save(photos / name, "PNG")
    pixels = bytes(number * 40 % 256 for number in range(len(names)) for _ in range(64))
    (folder / "pixels.u8").write_bytes(pixels)
    entries = [{"id": id, **vars(Entry(f"{id:064}", name, 0))} for id, name in enumerate(names)]
    files.write_csv(folder / "pool.csv", ["id", "hash", "file", "round"], entries)
    rows = [{"round": 0, "position": id, "index": id} for id in range(len(names))]
    files.write_csv(run_dir / "queries.csv", ["round", "position", "index"], rows)
    sheet = [{"index": id, "file": str(photos / name), "score": "", "label": ""} for id, name in enumerate(names)]
    for path in (run_dir / "ask_0.csv", run_dir / ".ask_0.csv"):
        files.write_csv(path, ["index", "file", "score", "label"], sheet)
    return run_dir


def session_of(folder: Path, by: str = "") -> Session:
    return Session("pets", folder / "run", folder / "pool.csv", Images(folder / "photos", 8, 1), CLASSES, by)


@contextmanager
def served(session: Session) -> Iterator[LabelServer]:
    """A server of the session in a thread."""
    server = LabelServer(session)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def serving(folder: Path, by: str = "") -> Iterator["Browser"]:
    with served(session_of(folder, by)) as server:
        yield Browser(server)


class Browser:
    """A client that sends what a browser sends."""

    def __init__(self, server: LabelServer) -> None:
        self.server, self.cookie = server, ""
        self.host = f"127.0.0.1:{server.server_port}"
        self.seen = 0

    def ask(
        self, path: str, body: Any = None, method: str | None = None, raw: bytes | None = None, **headers: str | None
    ) -> tuple[int, dict[str, str], bytes]:
        given: dict[str, str | None] = {"Host": self.host, "Cookie": self.cookie}
        if body is not None or raw is not None:
            given |= {"Origin": f"http://{self.host}", "Content-Type": "application/json"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        content = raw if raw is not None else None if body is None else json.dumps(body).encode()
        with closing(http.client.HTTPConnection("127.0.0.1", self.server.server_port, timeout=60)) as connection:
            connection.putrequest(method or ("GET" if content is None else "POST"), path, skip_host=True)
            for name, value in given.items():
                if value is not None:
                    connection.putheader(name, value)
            if content is not None:
                connection.putheader("Content-Length", str(len(content)))
            connection.endheaders(content)
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()

    def enter(self) -> dict[str, str]:
        status, headers, _ = self.ask(f"/start?token={self.server.token}")
        assert status == 200
        self.cookie = headers["Set-Cookie"].partition(";")[0]
        return headers

    def state(self) -> dict[str, Any]:
        status, _, content = self.ask("/state")
        assert status == 200
        return json.loads(content)

    def answer(self, ids: list[str], kind: str = "label", label: str | None = None) -> tuple[int, dict[str, Any]]:
        status, _, content = self.ask("/answer", {"ids": ids, "kind": kind, "label": label, "seen": self.seen})
        made = json.loads(content)
        self.seen = made.get("seen", self.seen)
        return status, made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_project(tmp_path, NAMES)
    return tmp_path


@pytest.fixture
def browser(folder: Path) -> Iterator[Browser]:
    with serving(folder) as made:
        yield made


def test_a_token_is_exchanged_once_for_a_cookie_that_scripts_and_other_sites_do_not_get(browser):
    token = browser.server.token
    assert browser.ask("/state")[0] == 403
    assert browser.ask("/start?token=wrong")[0] == 403
    assert browser.ask("/start")[0] == 403
    headers = browser.enter()
    assert headers["Set-Cookie"].endswith("; Path=/; HttpOnly; SameSite=Strict")
    assert browser.ask("/")[0] == 200
    status, headers, content = browser.ask(f"/start?token={token}", Cookie="")
    assert (status, "Set-Cookie" in headers) == (403, False)
    assert "used already" in json.loads(content)["problem"]
    assert browser.ask("/start?token=None", Cookie="")[0] == 403
    assert browser.ask(f"/start?token={token}")[0] == 200  # the browser that has the cookie reloads it
    for cookie in ("", "alrun=1", browser.cookie[:-1], browser.cookie.replace("alrun-", "alrun2-")):
        assert browser.ask("/", Cookie=cookie)[0] == 403
        assert browser.ask("/answer", {"ids": [], "kind": "skip", "seen": 0}, Cookie=cookie)[0] == 403


def test_another_host_or_origin_is_refused(browser):
    """A page elsewhere cannot ask by a name of its own that leads here (DNS rebinding), nor send answers."""
    browser.enter()
    id = browser.state()["items"][0]["id"]
    body = {"ids": [id], "kind": "skip", "label": None, "seen": 0}
    port = browser.server.server_port
    assert browser.ask("/", Host=f"localhost:{port}")[0] == 200
    for host in (
        "evil.example",
        f"evil.example:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        f"127.0.0.1.evil.example:{port}",
        "",
    ):
        assert browser.ask("/state", Host=host)[0] == 403, host
    assert browser.ask("/state", Host=None)[0] in (400, 403)
    for origin in ("http://evil.example", "null", f"https://127.0.0.1:{port}", f"http://localhost:{port}", None):
        assert browser.ask("/answer", body, Origin=origin)[0] == 403, origin
    assert browser.ask("/state", Origin="http://evil.example")[0] == 403
    assert browser.ask("/answer", body, Sec_Fetch_Site="cross-site")[0] == 403
    assert browser.ask("/answer", body, Content_Type="text/plain")[0] == 404
    assert read_answers_log(browser.server.session.run_dir) == []
    assert browser.ask("/answer", body)[0] == 200


def test_everything_is_sent_with_a_policy_that_allows_this_server_alone(browser):
    browser.enter()
    image = f"/image/{browser.state()['items'][0]['id']}"
    for path in ("/", "/label.css", "/label.js", "/state", image, "/nothing"):
        _, headers, content = browser.ask(path)
        assert headers["Content-Security-Policy"].startswith("default-src 'self';")
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Frame-Options"] == "DENY"
        assert int(headers["Content-Length"]) == len(content)
    page = browser.ask("/")[2].decode()
    assert "<style" not in page
    assert " style=" not in page
    assert " on" not in page.replace(" one", "")
    assert page.count("<script") == 1
    assert 'src="/label.js"' in page
    script = browser.ask("/label.js")[2].decode()
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "http:", "https:"):
        assert word not in script


def test_no_address_is_a_path(browser, folder):
    browser.enter()
    known = browser.state()["items"][0]["id"]
    (folder / "photos" / "secret.png").write_bytes((folder / "photos" / "plain.png").read_bytes())
    for path in (
        *("/../pool.csv", "/image/../pool.csv", "/image/0", "/image/plain.png", "/image/secret.png"),
        *("/image/%2e%2e%2fpool.csv", "//etc/passwd", "/image//etc/passwd", f"/image/{known}/../../pool.csv"),
        *(f"/image/{known}%00.png", "/label.html", "/label.js/", "/session.py", "/image/", f"/text/{known}"),
        f"/image/{folder}/photos/plain.png",
    ):
        assert browser.ask(path)[0] == 404, path
    assert browser.ask(f"/image/{known}")[0] == 200


def test_images_are_decoded_and_encoded_anew(browser, folder):
    browser.enter()
    items = browser.state()["items"]
    ids = {item["name"]: item["id"] for item in items}
    assert [*ids] == NAMES
    assert not any(str(number) == id or name in id for number, (name, id) in enumerate(ids.items()))
    for number, name in enumerate(NAMES):
        _, headers, content = browser.ask(f"/image/{ids[name]}")
        assert headers["Content-Type"] == "image/jpeg"
        shown = Image.open(io.BytesIO(content))
        assert shown.size == ((256, 256) if name == "gone.png" else (40, 20))
        assert abs(shown.convert("L").getpixel((5, 5)) - 40 * number) < 4  # what is gone is shown as it is trained on
    (folder / "photos" / "plain.png").write_text("<svg onload='alert(1)'>")
    assert browser.ask(f"/image/{ids['plain.png']}")[1]["Content-Type"] == "image/jpeg"
    big = Image.new("RGB", (4000, 3000), "red")
    big.save(folder / "photos" / "plain.png")
    assert Image.open(io.BytesIO(browser.ask(f"/image/{ids['plain.png']}")[2])).size == (1024, 768)
    assert Image.open(io.BytesIO(browser.ask(f"/image/{ids['plain.png']}?small")[2])).size == (256, 192)


def test_answers_are_kept_at_once_and_undone(browser, folder):
    browser.enter()
    state = browser.state()
    assert state["classes"] == CLASSES
    ids = [item["id"] for item in state["items"]]
    for id, label in zip(ids, CLASSES, strict=False):
        status, made = browser.answer([id], label=label)
        assert status == 200
        assert made["changed"] == [
            {"id": id, "own": {"kind": "label", "label": label}, "together": "label", "label": label}
            | {"disagree": False, "wanted": False, "asks": False}
        ]
    assert read_labels(folder / "run", CLASSES) == {0: 0, 1: 1, 2: 2, 3: 3}
    browser.answer([ids[0]], label=CLASSES[2])  # a correction
    browser.answer([ids[1]], "undo")
    browser.answer([ids[4], ids[5]], "skip")
    assert read_labels(folder / "run", CLASSES) == {0: 2, 2: 2, 3: 3, 4: -3, 5: -3}
    assert [item["together"] for item in browser.state()["items"]] == ["label", None, "label", "label", "skip", "skip"]


@pytest.mark.parametrize(
    "body",
    [
        {"ids": ["?"], "kind": "skip", "label": None, "seen": 0},
        {"ids": [], "kind": "skip", "label": None, "seen": 0},
        {"ids": "ID", "kind": "label", "label": "wolf", "seen": 0},
        {"ids": "ID", "kind": "label", "label": None, "seen": 0},
        {"ids": "ID", "kind": "skip", "label": "Käse", "seen": 0},
        {"ids": "ID", "kind": "shout", "label": None, "seen": 0},
        {"ids": "ID", "kind": ["skip"], "label": None, "seen": 0},
        {"ids": 7, "kind": "skip", "label": None, "seen": 0},
        {"kind": "skip"},
        [],
        "skip",
    ],
)
def test_what_is_no_answer_is_refused_and_nothing_is_kept(browser, body):
    browser.enter()
    id = browser.state()["items"][0]["id"]
    if isinstance(body, dict) and body.get("ids") == "ID":
        body["ids"] = [id]
    status, _, content = browser.ask("/answer", body)
    assert status == 400
    assert json.loads(content)["problem"]
    assert browser.ask("/answer", raw=b"{")[0] == 400
    assert browser.ask("/answer", raw=b"", Content_Length="9" * 12)[0] in (400, 413)
    assert read_answers_log(browser.server.session.run_dir) == []


def test_two_tabs_see_one_another_s_answers(browser):
    browser.enter()
    other = Browser(browser.server)
    other.cookie = browser.cookie
    ids = [item["id"] for item in browser.state()["items"]]
    browser.answer([ids[0]], label="Käse")
    _, made = other.answer([ids[1]], "unsure")
    assert [change["id"] for change in made["changed"]] == ids[:2]
    now = json.loads(browser.ask(f"/answers?since={browser.seen}")[2])
    assert [change["id"] for change in now["changed"]] == [ids[1]]
    assert now["round"] == 0
    other.answer([ids[0]], label=CLASSES[0])  # the same person: the last counts
    assert browser.state()["items"][0]["label"] == CLASSES[0]


def test_people_see_what_others_say_and_where_they_differ(folder):
    append_answers(folder / "run", [Answer(0, "label", "Käse", "anna"), Answer(1, "skip", None, "anna")])
    with serving(folder, "ben") as browser:
        browser.enter()
        items = browser.state()["items"]
        assert [items[0][key] for key in ("own", "together", "label", "disagree")] == [None, "label", "Käse", False]
        assert items[1]["together"] == "skip"
        browser.answer([items[0]["id"]], label=CLASSES[0])
        first = browser.state()["items"][0]
        assert (first["own"]["label"], first["label"], first["disagree"]) == (CLASSES[0], CLASSES[0], True)
    assert [(answer.index, answer.by) for answer in read_answers_log(folder / "run")] == [
        (0, "anna"),
        (1, "anna"),
        (0, "ben"),
    ]


SERVE = """
import sys
from pathlib import Path
from alrun.annotate.server import LabelServer
from tests.annotate.test_server import session_of
server = LabelServer(session_of(Path(sys.argv[1])), int(sys.argv[2]))
print(server.server_port, server.token, flush=True)
server.serve_forever()
"""


@contextmanager
def process_serving(folder: Path, port: int = 0) -> Iterator[tuple[subprocess.Popen[str], int, str]]:
    """A server in a process of its own, which may be killed; with its port and token."""
    process = subprocess.Popen([sys.executable, "-c", SERVE, str(folder), str(port)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        found, token = process.stdout.readline().split()
        yield process, int(found), token
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_killed_server_loses_at_most_the_answer_that_was_under_way(folder):
    with process_serving(folder) as (process, port, token):
        browser = Browser(type("Server", (), {"server_port": port, "token": token})())
        browser.enter()
        ids = [item["id"] for item in browser.state()["items"]]
        kept: list[int] = []

        def type_on() -> None:
            try:
                for number in range(10**6):
                    status, _ = browser.answer([ids[number % len(ids)]], label=CLASSES[number % 4])
                    kept.append(status)
            except (OSError, http.client.HTTPException):
                pass

        typing = threading.Thread(target=type_on)
        typing.start()
        deadline = time.monotonic() + 30
        while len(kept) < 5 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.kill()
        typing.join()
    log = read_answers_log(folder / "run")
    assert len(kept) >= 5
    assert 0 <= len(log) - len(kept) <= 1
    assert [answer.label for answer in log] == [CLASSES[number % 4] for number in range(len(log))]
    with serving(folder) as after:  # and another server goes on from there
        after.enter()
        assert after.state()["seen"] == len(log)


def test_ten_thousand_images(tmp_path):
    make_project(tmp_path, [f"{number}.png" for number in range(10_000)], with_files=False)
    append_answers(tmp_path / "run", [Answer(number, "label", "Käse") for number in range(5_000)])
    with serving(tmp_path) as browser:
        browser.enter()
        started = time.process_time()
        state = browser.state()
        assert len({item["id"] for item in state["items"]}) == 10_000
        assert sum(item["label"] == "Käse" for item in state["items"]) == 5_000
        browser.seen = state["seen"]
        for item in state["items"][5_000:5_100]:
            assert len(browser.answer([item["id"]], label="Käse")[1]["changed"]) == 1
        assert browser.ask(f"/image/{state['items'][-1]['id']}?small")[0] == 200
        assert time.process_time() - started < 10
    assert len(read_labels(tmp_path / "run", CLASSES)) == 5_100


def test_only_the_loopback_address_is_served(browser):
    assert browser.server.server_address[0] == "127.0.0.1"
    assert browser.ask("/state", method="PUT")[0] == 501
    assert os.path.exists(browser.server.session.manifest)
