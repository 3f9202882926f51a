"""The whole loop with a real server of Label Studio: ask, label by its API as annotators would, tell, three rounds.

It wants ``label-studio`` in an environment of its own, and its path in LABEL_STUDIO_PROGRAM (or on the PATH):

    python -m venv /tmp/label-studio; /tmp/label-studio/bin/pip install label-studio
    LABEL_STUDIO_PROGRAM=/tmp/label-studio/bin/label-studio make heavy
"""

import http.cookiejar
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alrun.annotate.keeping import keep_answers
from alrun.annotate.label_studio_api import Api, fetch, read_own, send
from alrun.annotate.request import read_request
from alrun.runs.label_files import read_labels
from tests.annotate.projects import SETTINGS, Labeled, add_images, class_of, label_of

PROGRAM = os.environ.get("LABEL_STUDIO_PROGRAM") or shutil.which("label-studio")
LEGACY = "0123456789abcdef0123456789abcdef01234567"
CLASSES = ["bright", "dark"]
pytestmark = [
    pytest.mark.skipif(PROGRAM is None, reason="no label-studio: see the head of this file"),
    pytest.mark.timeout(900),
]


class Page:
    """A person's browser, who has logged in: it makes the tokens."""

    def __init__(self, url: str, email: str, password: str) -> None:
        self.url, self.jar = url, http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))
        self.opener.open(f"{url}/user/login").read()
        form = {"email": email, "password": password, "csrfmiddlewaretoken": self.token}
        self.opener.open(self.request("/user/login", urllib.parse.urlencode(form).encode())).read()

    @property
    def token(self) -> str:
        return next(str(cookie.value) for cookie in self.jar if cookie.name == "csrftoken")

    def request(
        self, path: str, body: bytes, kind: str = "application/x-www-form-urlencoded"
    ) -> urllib.request.Request:
        headers = {"Content-Type": kind, "X-CSRFToken": self.token, "Referer": self.url}
        return urllib.request.Request(self.url + path, body, headers)

    def post(self, path: str, content: Any) -> Any:
        with self.opener.open(self.request(path, json.dumps(content).encode(), "application/json")) as response:
            return json.load(response)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, Path]]:
    """The address of a server, a personal access token, and its document root."""
    folder, root = (tmp_path_factory.mktemp(name) for name in ("label-studio", "root"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    environment = {
        **os.environ,
        "LABEL_STUDIO_BASE_DATA_DIR": str(folder),
        "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "true",
        "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT": str(root),
        "DJANGO_DB": "sqlite",
        "COLLECT_ANALYTICS": "false",
        "LATEST_VERSION_CHECK": "false",
        "SENTRY_RATE": "0",
        "FRONTEND_SENTRY_RATE": "0",
        "HOST": url,
    }
    words = ["start", "--no-browser", "--internal-host", "127.0.0.1", "--port", str(port), "--user-token", LEGACY]
    words += ["--username", "anna@example.org", "--password", "secret-of-anna"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([str(PROGRAM), *words], env=environment, stdout=log, stderr=log)
        try:
            for _ in range(300):
                try:
                    urllib.request.urlopen(f"{url}/version", timeout=5).read()
                    break
                except OSError:
                    assert process.poll() is None, (folder / "log").read_text()[-2000:]
                    time.sleep(1)
            page = Page(url, "anna@example.org", "secret-of-anna")
            page.post("/api/jwt/settings", {"api_tokens_enabled": True, "legacy_api_tokens_enabled": True})
            yield url, page.post("/api/token/", {})["token"], root
        finally:
            process.terminate()
            process.wait()


def annotate(api: Api, project: int, skipped: int | None = None) -> None:
    """What an annotator does: looks at each image that has no answer, and submits a choice, or skips."""
    for task in api.tasks(project):
        if task["annotations"] or task.get("cancelled_annotations"):
            continue
        number = task["data"]["index"]
        request = urllib.request.Request(
            api.url + task["data"]["image"], headers={"Authorization": api.authorization(False)}
        )
        assert urllib.request.urlopen(request).read()[:4] == b"\x89PNG"
        choice = {"choices": [label_of(task["data"]["file"])]}
        result = [{"from_name": "label", "to_name": "image", "type": "choices", "value": choice}]
        is_skipped = number == skipped
        answer = {"result": [] if is_skipped else result, "was_cancelled": is_skipped}
        api.post(f"/api/tasks/{task['id']}/annotations/", answer)


@pytest.mark.parametrize("kind", ["legacy", "personal"])
def test_three_rounds_equal_the_simulation(server, tmp_path, monkeypatch, complete, kind):
    url, personal, _ = server
    monkeypatch.chdir(tmp_path)
    add_images(tmp_path / "photos", range(40))
    lines = ["path,label,split", *(f"photos/{number:03}.png,{class_of(number)},train" for number in range(40))]
    for number in range(100, 106):
        add_images(tmp_path / "test" / class_of(number), range(number, number + 1))
        lines.append(f"test/{class_of(number)}/{number:03}.png,{class_of(number)},test")
    (tmp_path / "truth.csv").write_text("\n".join(lines) + "\n")
    words = (f"dataset.test={tmp_path / 'test'}", f"dataset.classes=[{','.join(CLASSES)}]")
    labeled = Labeled(tmp_path, "strategy=margin", *words)
    api = Api(url, LEGACY if kind == "legacy" else personal)
    rounds = 0
    while labeled.ask() is not None:
        request = read_request(labeled.run_dir, labeled.folder / "pool.csv", tmp_path / "photos", CLASSES)
        assert send(api, request, labeled.folder, f"shapes {kind}", is_upload=True) == (len(request.asked), 0)
        assert send(api, request, labeled.folder, f"shapes {kind}", is_upload=True) == (0, len(request.asked))
        project = read_own(labeled.folder, api)["project"]
        if rounds:
            task = next(each for each in api.tasks(project) if each["data"]["index"] == request.asked[0].index)
            (prediction,) = api.get("/api/predictions/", task=task["id"])
            assert prediction["result"][0]["value"]["choices"] == [request.asked[0].predicted]
            assert prediction["score"] == pytest.approx(request.asked[0].confidence)
        annotate(api, project)
        kept = keep_answers(labeled.run_dir, CLASSES, fetch(api, labeled.folder))
        assert (kept.new, kept.missing, kept.refused) == (len(request.asked), 0, [])
        rounds += 1
    assert rounds == 3
    simulated = complete(*SETTINGS, "dataset=csv", f"dataset.path={tmp_path / 'truth.csv'}", "strategy=margin")
    for name in ("queries.csv", "accuracy.csv", "per_class.csv"):
        assert (labeled.run_dir / name).read_bytes() == (simulated / name).read_bytes(), name


def test_local_files_are_shown_and_skips_come_back(server, monkeypatch):
    """The images stay where they are: the document root of the server is the folder that theirs is in."""
    url, _, root = server
    folder = root / "skips"
    folder.mkdir()
    monkeypatch.chdir(folder)
    photos = root / "ümlaut photos"
    add_images(photos, range(20))
    labeled = Labeled(folder, "strategy=margin", f"dataset.classes=[{','.join(CLASSES)}]", f"dataset.path={photos}")
    labeled.ask()
    request = read_request(labeled.run_dir, labeled.folder / "pool.csv", photos, CLASSES)
    api = Api(url, LEGACY)
    send(api, request, labeled.folder, "skips", is_upload=False)
    project = read_own(labeled.folder, api)["project"]
    api.post("/api/storages/localfiles/", {"project": project, "path": str(photos), "use_blob_urls": True})
    annotate(api, project, skipped=request.asked[2].index)
    kept = keep_answers(labeled.run_dir, CLASSES, fetch(api, labeled.folder))
    assert (kept.new, kept.missing, kept.refused) == (6, 0, [])
    assert read_labels(labeled.run_dir, CLASSES)[request.asked[2].index] == -3
