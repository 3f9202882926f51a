"""Label Studio by its API: tasks to a server, and answers back, with the standard library.

The server and the token are in LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY. A token is one of two kinds: a legacy token
is sent as it is; a personal access token (three parts with dots) is exchanged for one that lasts some minutes.

Nothing is sent twice: what the server has is listed, page by page, before anything is sent, and again where the answer
to a request was lost. Calls: https://api.labelstud.io/api-reference/api-reference/projects/import-tasks
"""

import json
import os
import re
import secrets
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from alrun.annotate.keeping import Found
from alrun.annotate.label_studio import labeling_config, local_url, read_tasks, task_of
from alrun.annotate.request import Asked, Request
from alrun.system import files
from alrun.system.errors import SettingError, StorageError, UserError, first_line

URL, TOKEN = "LABEL_STUDIO_URL", "LABEL_STUDIO_API_KEY"
NAME = "label_studio.json"  # in the project's folder: which project of which server is its own
TRIES, WAIT = 5, 0.5  # seconds before the second try; twice as long before each further one
PAGE, BATCH = 100, 50  # tasks that are listed, and sent, at a time
BUSY = (429, 500, 502, 503, 504)


class Lost(UserError):
    """No answer came, so it is not known whether the server did what it was asked for."""


class Api:
    """A server of Label Studio.

    Args:
        url: Its address.
        token: Of a user.
        wait: Seconds before the second try.
    """

    def __init__(self, url: str, token: str, wait: float = WAIT) -> None:
        self.url, self.token, self.wait = url.rstrip("/"), token, wait
        self.access: str | None = None

    @classmethod
    def of_environment(cls) -> "Api":
        """The server and the token of the environment.

        Raises:
            UserError: One of them is missing.
        """
        url, token = os.environ.get(URL, ""), os.environ.get(TOKEN, "")
        if not url or not token:
            raise SettingError(
                f"set {URL if not url else TOKEN} in the environment: the address of the server is in {URL}, the token "
                f"of its page Account & Settings in {TOKEN}."
            )
        if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
            raise SettingError(f"{URL}={url} must begin with http:// or https://.")
        return cls(url, token)

    def get(self, path: str, **query: Any) -> Any:
        """What the server answers; asked again while it is busy or cannot be reached."""
        return self.again(lambda: self.once("GET", f"{path}?{urllib.parse.urlencode(query)}" if query else path))

    def again(self, call: Callable[[], Any]) -> Any:
        """What ``call`` gives, tried some times: it may be repeated without harm."""
        for number in range(TRIES):
            try:
                return call()
            except Lost:
                if number + 1 == TRIES:
                    raise
                time.sleep(self.wait * 2**number)
        raise AssertionError

    def once(self, method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> Any:
        """One request.

        Raises:
            Lost: No answer came, or the server is busy.
            UserError: The server refuses it.
        """
        for is_renewed in (False, True):
            headers = {"Authorization": self.authorization(is_renewed), "Content-Type": kind}
            request = urllib.request.Request(self.url + path, body, headers, method=method)
            try:
                with urllib.request.urlopen(request, timeout=60) as response:
                    content = response.read()
                return json.loads(content) if content else None
            except urllib.error.HTTPError as error:
                said = first_line(ValueError(error.read(500).decode(errors="replace") or error.reason))
                if error.code == 401 and not is_renewed and self.is_personal:
                    continue
                if error.code in BUSY:
                    raise Lost(f"{self.url} is busy ({error.code}): try again later.") from error
                if error.code in (401, 403):
                    raise SettingError(f"{self.url} refuses the token in {TOKEN} ({error.code}: {said}).") from error
                raise StorageError(f"{self.url}{path} refuses the request ({error.code}: {said}).") from error
            except (OSError, ValueError) as error:
                raise Lost(f"{self.url} cannot be reached ({first_line(error)}): is it running?") from error
        raise AssertionError

    @property
    def is_personal(self) -> bool:
        """Whether the token is a personal access token."""
        return self.token.count(".") == 2

    def authorization(self, is_renewed: bool) -> str:
        """The header that a request is sent with."""
        if not self.is_personal:
            return f"Token {self.token}"
        if self.access is None or is_renewed:
            body = json.dumps({"refresh": self.token}).encode()
            headers = {"Content-Type": "application/json"}
            request = urllib.request.Request(f"{self.url}/api/token/refresh/", body, headers)
            try:
                with urllib.request.urlopen(request, timeout=60) as response:
                    self.access = json.load(response)["access"]
            except urllib.error.HTTPError as error:
                if error.code in BUSY:
                    raise Lost(f"{self.url} is busy ({error.code}): try again later.") from error
                raise SettingError(f"{self.url} refuses the token in {TOKEN} ({error.code}).") from error
            except (OSError, ValueError, KeyError) as error:
                raise Lost(f"{self.url} cannot be reached ({first_line(error)}): is it running?") from error
        return f"Bearer {self.access}"

    def post(self, path: str, content: Any) -> Any:
        """One request with JSON; it is not repeated."""
        return self.once("POST", path, json.dumps(content).encode())

    def tasks(self, project: int) -> list[dict[str, Any]]:
        """All tasks of a project, page by page."""
        found: list[dict[str, Any]] = []
        while True:
            page = len(found) // PAGE + 1
            made = self.get("/api/tasks/", project=project, page=page, page_size=PAGE, fields="all")
            found += made["tasks"]
            if len(found) >= made["total"] or not made["tasks"]:
                return found


def send(api: Api, request: Request, folder: Path, title: str, is_upload: bool) -> tuple[int, int]:
    """Bring a request to the server; returns how many tasks are new, and how many were there.

    Args:
        api: The server.
        request: The examples.
        folder: Of the labeling project.
        title: Of the project in Label Studio, which is made if there is none.
        is_upload: Whether the images are uploaded; if not, the server reads them from its local files.

    Raises:
        UserError: The server cannot be reached or refuses something.
    """
    project = own_project(api, folder, title, labeling_config(request.classes, request.is_text))

    def missing() -> list[Asked]:
        there = {task["data"].get("index") for task in api.tasks(project)}
        return [each for each in request.asked if each.index not in there]

    first = missing()

    def send_rest() -> None:
        left = missing()
        for start in range(0, len(left), BATCH):
            some = left[start : start + BATCH]
            is_sent = is_upload and not request.is_text
            urls = uploaded(api, project, some) if is_sent else [local_url(each, request) for each in some]
            api.post(
                f"/api/projects/{project}/import",
                [task_of(each, request, url) for each, url in zip(some, urls, strict=True)],
            )

    if first:
        api.again(send_rest)
    return len(first), len(request.asked) - len(first)


def fetch(api: Api, folder: Path) -> Found:
    """The answers on the server.

    Raises:
        UserError: Nothing was sent there, or it cannot be reached.
    """
    known = read_own(folder, api)
    if known.get("project") is None:
        raise SettingError(f"nothing was sent to {api.url} yet: alrun ask PROJECT/ --to label-studio --send upload.")
    query = {"exportType": "JSON", "download_all_tasks": "true"}
    tasks = api.get(f"/api/projects/{known['project']}/export", **query)
    if not isinstance(tasks, list):
        raise StorageError(f"{api.url} must export a list of tasks, and gave a {type(tasks).__name__}.")
    return read_tasks(tasks)


def read_own(folder: Path, api: Api) -> dict[str, Any]:
    """What is known of the project on the server: its mark and, once it is made, its number.

    Raises:
        UserError: It is on another server, or the file is damaged.
    """
    path = folder / NAME
    if not path.exists():
        return {}
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        server = known["url"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StorageError(f"{path} is damaged ({error}): delete it, and a new project is made there.") from error
    if server != api.url:
        raise SettingError(f"{path} names the server {server}, and {URL} another: set it, or delete that file.")
    return known


def own_project(api: Api, folder: Path, title: str, config: str) -> int:
    """The number of the project on the server, which is made with the labeling configuration if it is not there.

    It has a mark in its description.

    The mark is written down first: a process that is killed makes no second project.
    """
    known = read_own(folder, api)
    if known.get("project") is not None:
        return int(known["project"])
    if not known:
        known = {"url": api.url, "mark": secrets.token_hex(8)}
        files.write_text(folder / NAME, json.dumps(known) + "\n")
    description = f"made by alrun ({known['mark']})"

    def make() -> int:
        page, seen = 1, 0
        while True:
            found = api.get("/api/projects/", page=page, page_size=PAGE)
            ours = [each["id"] for each in found["results"] if each.get("description") == description]
            if ours:
                return int(ours[0])
            seen += len(found["results"])
            page += 1
            if seen >= found["count"] or not found["results"]:
                break
        asked = {"title": title[:50], "description": description, "label_config": config}
        return int(api.post("/api/projects/", asked)["id"])

    number = api.again(make)
    files.write_text(folder / NAME, json.dumps({**known, "project": number}) + "\n")
    return number


def uploaded(api: Api, project: int, asked: Sequence[Asked]) -> list[str]:
    """The addresses of images on the server, which are uploaded if they are not there.

    An uploaded file is called ``<random>-alrun_<index>_<name>`` there.
    """
    listed = api.get(f"/api/projects/{project}/file-uploads")
    there = {mark_of(each["file"]): each["file"] for each in listed}
    urls = []
    for each in asked:
        if each.index not in there:
            ids = upload(api, project, each)["file_upload_ids"]
            there[each.index] = api.get(f"/api/import/file-upload/{ids[0]}")["file"]
        urls.append(f"/data/{there[each.index]}")
    return urls


def mark_of(file: str) -> int | None:
    """The index in the name of an uploaded file; None if it has none."""
    name = file.rpartition("/")[2]
    _, mark, rest = name.partition("-alrun_")
    number = rest.partition("_")[0]
    return int(number) if mark and number.isdecimal() else None


def upload(api: Api, project: int, asked: Asked) -> dict[str, Any]:
    """Send the file of an image; it belongs to no task yet.

    Raises:
        UserError: The file cannot be read, or the server refuses it.
    """
    path = Path(asked.file)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StorageError(f"{path} cannot be read ({error.strerror}): restore it, or skip it.") from error
    boundary = secrets.token_hex(16)
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", path.name)
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="alrun_{asked.index}_{plain[-60:]}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    body = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
    place = f"/api/projects/{project}/import?commit_to_project=false"
    return api.once("POST", place, body, f"multipart/form-data; boundary={boundary}")
