"""The server of ``alrun label``: one page on the loopback address, for the browser that opened it with the token.

A request is answered if its Host is this server, its Origin (where a browser sends one; always for answers) too, and it
has the cookie. The cookie is given once, for the token in the address that is printed. No address holds a path: files
of the page are known by name, examples by ids that are drawn at random.
"""

import json
import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import Any
from urllib.parse import parse_qs, urlsplit

from alrun.annotate.session import Session
from alrun.system.errors import UserError

ADDRESS = "127.0.0.1"
FILES = {
    "/": ("label.html", "text/html"),
    "/label.css": ("label.css", "text/css"),
    "/label.js": ("label.js", "text/javascript"),
    "/label.svg": ("label.svg", "image/svg+xml"),
}
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
LONGEST = 2**20  # bytes of a request's body
# Not a redirection: after one, a browser that came from elsewhere would not send the new cookie.
WELCOME = (
    b'<!doctype html><html lang="en"><title>Label</title><link rel="icon" href="/label.svg">'
    b'<meta http-equiv="refresh" content="0; url=/"><a href="/">Label</a></html>'
)


class LabelServer(ThreadingHTTPServer):
    """Serves the page for ``session``; ``port`` 0 is any that is free."""

    daemon_threads = True

    def __init__(self, session: Session, port: int = 0) -> None:
        self.session = session
        self.token: str | None = secrets.token_urlsafe(24)
        self.cookie = secrets.token_urlsafe(32)
        self.exchange = threading.Lock()
        self.files = {
            path: (kind, (resources.files("alrun.annotate.page") / name).read_bytes())
            for path, (name, kind) in FILES.items()
        }
        super().__init__((ADDRESS, port), Handler)
        self.hosts = {f"{name}:{self.server_port}" for name in (ADDRESS, "localhost")}

    @property
    def url(self) -> str:
        """The address to open, once."""
        return f"http://{ADDRESS}:{self.server_port}/start?token={self.token}"

    def take_token(self, given: str) -> bool:
        """Whether ``given`` is the token; it is then used up."""
        with self.exchange:
            if self.token is None or not secrets.compare_digest(given.encode(), self.token.encode()):
                return False
            self.token = None
            return True


class Handler(BaseHTTPRequestHandler):
    """Answers one browser."""

    server: LabelServer  # type: ignore[assignment]
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "alrun", ""
    timeout = 60

    def do_GET(self) -> None:
        """The page, its state, or an example."""
        parts = urlsplit(self.path)
        if not self.is_from_here(needs_origin=False):
            return
        if parts.path == "/start":
            given = parse_qs(parts.query).get("token", [""])[0]
            if self.server.take_token(given):
                cookie = f"{self.cookie_name}={self.server.cookie}; Path=/; HttpOnly; SameSite=Strict"
                self.answer(200, "text/html", WELCOME, {"Set-Cookie": cookie})
            elif self.has_cookie:
                self.answer(200, "text/html", WELCOME)
            else:
                self.refuse(403, "this address was used already: end alrun label and start it again")
            return
        if not self.is_known():
            return
        if parts.path in self.server.files:
            self.answer(200, *self.server.files[parts.path])
        elif parts.path == "/state":
            self.attempt(self.server.session.state)
        elif parts.path == "/answers":
            since = parse_qs(parts.query).get("since", ["0"])[0]
            self.attempt(lambda: self.server.session.since(int(since) if since.isdecimal() else 0))
        elif parts.path.startswith(prefix := f"/{self.server.session.shown.kind}/"):
            found = self.server.session.content(parts.path.removeprefix(prefix), parts.query == "small")
            if found is None:
                self.refuse(404, "there is no such example")
            else:
                self.answer(200, *found, {"Cache-Control": "private, max-age=600"})
        else:
            self.refuse(404, "there is no such page")

    def do_POST(self) -> None:
        """An answer."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LONGEST:
            self.close_connection = True
            self.refuse(413, "the request is too long, or does not say how long it is")
            return
        body = self.rfile.read(int(length))
        if not self.is_from_here(needs_origin=True) or not self.is_known():
            return
        if self.path != "/answer" or self.headers.get_content_type() != "application/json":
            self.refuse(404, "there is no such page")
            return
        try:
            said = json.loads(body)
            ids, kind, label, seen = [str(each) for each in said["ids"]], said["kind"], said.get("label"), said["seen"]
            seen = int(seen)
        except (ValueError, TypeError, KeyError, AttributeError):
            self.refuse(400, "it is not an answer")
            return
        self.attempt(lambda: self.server.session.answer(ids, kind, label, seen))

    @property
    def cookie_name(self) -> str:
        """Of this server alone: browsers send cookies to every port."""
        return f"alrun-{self.server.server_port}"

    @property
    def has_cookie(self) -> bool:
        """Whether the browser has exchanged the token."""
        pairs = (each.strip().partition("=") for each in self.headers.get("Cookie", "").split(";"))
        given = next((value for name, _, value in pairs if name == self.cookie_name), "")
        return secrets.compare_digest(given.encode(), self.server.cookie.encode())

    def is_known(self) -> bool:
        """Whether the browser has the cookie; if not, it is refused."""
        if not self.has_cookie:
            self.refuse(403, "open the address that alrun label printed")
        return self.has_cookie

    def is_from_here(self, needs_origin: bool) -> bool:
        """Whether the request is meant for this server, and comes from its own page; if not, it is refused."""
        host, origin = self.headers.get("Host", ""), self.headers.get("Origin")
        site = self.headers.get("Sec-Fetch-Site", "none")
        fits = host in self.server.hosts
        fits &= origin == f"http://{host}" if origin is not None or needs_origin else True
        fits &= site in ("none", "same-origin") or self.path.startswith("/start?")
        if not fits:
            self.refuse(403, "the request is from another page")
        return fits

    def attempt(self, make: Any) -> None:
        """Answer with what ``make`` gives, as JSON; a user's mistake is a sentence."""
        try:
            made = make()
        except UserError as error:
            self.refuse(400, str(error))
            return
        self.answer(200, "application/json", json.dumps(made).encode())

    def refuse(self, status: int, problem: str) -> None:
        """Answer with a sentence."""
        self.answer(status, "application/json", json.dumps({"problem": problem}).encode())

    def answer(self, status: int, kind: str, content: bytes, more: dict[str, str] | None = None) -> None:
        """Send a response."""
        self.send_response(status)
        charset = "" if kind.startswith("image/") else "; charset=utf-8"
        headers = {"Cache-Control": "no-store", **HEADERS, **(more or {})}
        for name, value in {"Content-Type": kind + charset, "Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: the terminal says what is to be done."""
