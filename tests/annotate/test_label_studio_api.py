"""Label Studio's API against a server that answers as it does, loses answers, is busy, and lets tokens expire."""

import email.parser
import email.policy
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from alrun.annotate.keeping import keep_answers
from alrun.annotate.label_studio_api import TOKEN, URL, Api, fetch, send
from alrun.annotate.request import read_request
from alrun.runs.label_files import read_labels
from alrun.system.errors import UserError
from tests.annotate.test_server import CLASSES, NAMES, make_project

LEGACY, PERSONAL = "0123456789abcdef", "head.body.sign"


class FakeServer(ThreadingHTTPServer):
    """The few calls that alrun makes; ``lose`` holds how many answers to each method and path get lost."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), FakeHandler)
        self.projects: list[dict[str, Any]] = [{"id": 1, "title": "another", "description": ""}] * 150
        self.tasks: dict[int, list[dict[str, Any]]] = {}
        self.uploads: list[dict[str, Any]] = []
        self.content: dict[str, bytes] = {}
        self.access = "access-1"
        self.calls: list[str] = []
        self.lose: dict[str, int] = {}
        self.busy: dict[str, int] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class FakeHandler(BaseHTTPRequestHandler):
    server: FakeServer  # type: ignore[assignment]

    def do_GET(self) -> None:
        self.do()

    def do_POST(self) -> None:
        self.do()

    def do(self) -> None:
        parts = urlsplit(self.path)
        call = f"{self.command} {re.sub('[0-9]+', 'N', parts.path).rstrip('/')}"
        self.server.calls.append(call)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if call == "POST /api/token/refresh":
            is_right = json.loads(body) == {"refresh": PERSONAL}
            return self.answer(200 if is_right else 401, {"access": self.server.access})
        if self.headers["Authorization"] not in (f"Token {LEGACY}", f"Bearer {self.server.access}"):
            return self.answer(401, {"detail": "Invalid token."})
        if self.server.busy.get(call, 0) > 0:
            self.server.busy[call] -= 1
            return self.answer(503, {"detail": "busy"})
        status, made = self.made(call, parts, body)
        if self.server.lose.get(call, 0) > 0:  # it is done, and nobody learns of it
            self.server.lose[call] -= 1
            self.close_connection = True
            return None
        return self.answer(status, made)

    def made(self, call: str, parts: Any, body: bytes) -> tuple[int, Any]:
        server, query = self.server, {key: value[0] for key, value in parse_qs(parts.query).items()}
        number = int(re.findall("[0-9]+", parts.path + " 0")[0])
        page = int(query.get("page", 1)) - 1
        if call == "GET /api/projects":
            size = int(query["page_size"])
            return 200, {
                "count": len(server.projects),
                "results": server.projects[page * size : (page + 1) * size],
            }
        if call == "POST /api/projects":
            project = {**json.loads(body), "id": 100 + len(server.projects)}
            server.projects.append(project)
            server.tasks[project["id"]] = []
            return 201, project
        if call == "GET /api/tasks":
            tasks, size = server.tasks[int(query["project"])], int(query["page_size"])
            return 200, {"tasks": tasks[page * size : (page + 1) * size], "total": len(tasks)}
        if call == "POST /api/projects/N/import" and query.get("commit_to_project") == "false":
            head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
            (part,) = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body).iter_parts()
            file = f"upload/{number}/0a1b2c3d-{part.get_filename()}"
            server.content[file] = part.get_payload(decode=True)
            server.uploads.append({"id": len(server.uploads) + 1, "file": file})
            return 201, {"file_upload_ids": [len(server.uploads)]}
        if call == "POST /api/projects/N/import":
            for task in json.loads(body):
                server.tasks[number].append({**task, "id": 1000 + len(server.tasks[number]), "annotations": []})
            return 201, {"task_count": 1}
        if call == "GET /api/projects/N/file-uploads":
            return 200, server.uploads
        if call == "GET /api/import/file-upload/N":
            return 200, server.uploads[number - 1]
        if call == "GET /api/projects/N/export":
            return 200, server.tasks[number]
        return 404, {"detail": "not found"}

    def answer(self, status: int, made: Any) -> None:
        content = json.dumps(made).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[FakeServer]:
    made = FakeServer()
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_project(tmp_path, NAMES[:5])
    return tmp_path


def request_of(folder: Path):
    return read_request(folder / "run", folder / "pool.csv", folder / "photos", CLASSES)


def api_of(server: FakeServer, token: str = LEGACY) -> Api:
    return Api(server.url + "/", token, wait=0.001)


def sent(server: FakeServer, folder: Path, token: str = LEGACY, is_upload: bool = False) -> tuple[int, int]:
    return send(api_of(server, token), request_of(folder), folder, "pets", is_upload)


def indices(server: FakeServer) -> list[int]:
    (tasks,) = server.tasks.values()
    return [task["data"]["index"] for task in tasks]


def test_tasks_are_sent_once_to_a_project_of_their_own(server, folder):
    assert sent(server, folder) == (5, 0)
    assert sent(server, folder) == (0, 5)
    assert indices(server) == [*range(5)]
    own = server.projects[-1]
    assert own["title"] == "pets"
    assert "<Choice value=" in own["label_config"]
    (tasks,) = server.tasks.values()
    assert tasks[0]["data"]["image"] == "/data/local-files/?d=photos/plain.png"
    (folder / "label_studio.json").write_text(
        json.dumps(
            {
                key: value
                for key, value in json.loads((folder / "label_studio.json").read_text()).items()
                if key != "project"
            }
        )
    )  # as if killed before the number of the project was written down
    assert sent(server, folder) == (0, 5)
    assert len(server.tasks) == 1  # found on the second page, by its mark


@pytest.mark.parametrize("is_upload", [False, True])
def test_nothing_is_sent_twice_when_answers_are_lost_or_the_server_is_busy(server, folder, is_upload):
    server.lose = {"POST /api/projects": 1, "POST /api/projects/N/import": 2, "GET /api/tasks": 1}
    server.busy = {"GET /api/projects": 2, "POST /api/projects/N/import": 1}
    assert sent(server, folder, is_upload=is_upload) == (5, 0)
    assert indices(server) == [*range(5)]
    assert len(server.projects) == 151
    if is_upload:
        assert len(server.uploads) == 5
        (tasks,) = server.tasks.values()
        for number, task in enumerate(tasks):
            content = server.content[task["data"]["image"].removeprefix("/data/")]
            assert content == (folder / "photos" / NAMES[number]).read_bytes()
    server.busy = {"GET /api/tasks": 99}
    with pytest.raises(UserError, match=r"is busy \(503\): try again later"):
        sent(server, folder)


def test_a_personal_token_is_renewed_when_it_expires(server, folder):
    api = api_of(server, PERSONAL)
    send(api, request_of(folder), folder, "pets", False)
    assert server.calls.count("POST /api/token/refresh") == 1
    server.access = "access-2"
    assert send(api, request_of(folder), folder, "pets", False) == (0, 5)
    assert server.calls.count("POST /api/token/refresh") == 2
    for token in ("wrong", "wrong.wrong.wrong"):
        with pytest.raises(UserError, match=rf"refuses the token in {TOKEN} \(401"):
            send(api_of(server, token), request_of(folder), folder, "pets", False)


def test_answers_come_back(server, folder):
    with pytest.raises(UserError, match="nothing was sent to"):
        fetch(api_of(server), folder)
    sent(server, folder)
    (tasks,) = server.tasks.values()
    part = {"from_name": "label", "to_name": "image", "type": "choices", "value": {"choices": ["Käse"]}}
    tasks[0]["annotations"] = [{"completed_by": 1, "result": [part], "updated_at": "2026"}]
    tasks[1]["annotations"] = [{"completed_by": 2, "result": [], "was_cancelled": True, "updated_at": "2026"}]
    kept = keep_answers(folder / "run", CLASSES, fetch(api_of(server), folder))
    assert (kept.new, kept.missing, kept.refused) == (2, 3, [])
    assert read_labels(folder / "run", CLASSES) == {0: 2, 1: -3}
    assert keep_answers(folder / "run", CLASSES, fetch(api_of(server), folder)).new == 0


def test_pages_of_tasks_are_all_read(server, folder):
    sent(server, folder)
    (tasks,) = server.tasks.values()
    tasks[:0] = [{"id": number, "data": {"index": 1000 + number}, "annotations": []} for number in range(250)]
    assert sent(server, folder) == (0, 5)


def test_a_server_that_is_not_there_or_another_is_one_sentence(server, folder, monkeypatch):
    sent(server, folder)
    with pytest.raises(UserError, match=r"names the server .* and LABEL_STUDIO_URL another"):
        send(Api("http://127.0.0.1:9", LEGACY), request_of(folder), folder, "pets", False)
    (folder / "label_studio.json").unlink()
    with pytest.raises(UserError, match=r"127\.0\.0\.1:9 cannot be reached"):
        send(Api("http://127.0.0.1:9", LEGACY, wait=0.001), request_of(folder), folder, "pets", False)
    monkeypatch.delenv(URL, raising=False)
    with pytest.raises(UserError, match="set LABEL_STUDIO_URL in the environment"):
        Api.of_environment()
    monkeypatch.setenv(URL, "file:///etc")
    monkeypatch.setenv(TOKEN, LEGACY)
    with pytest.raises(UserError, match="must begin with http"):
        Api.of_environment()
    monkeypatch.setenv(URL, server.url)
    assert Api.of_environment().url == server.url
