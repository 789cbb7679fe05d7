"""The page's server: reachable from this machine only, with a random token, and not by pages of other origins."""

import hmac
import json
import secrets
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import Any

from lace.core.errors import InvalidValueError, LaceError
from lace.core.keypoints import NAMES, SKELETON
from lace.data.annotate.session import Session
from lace.data.imports.writing import SkipFrame

ADDRESS = "127.0.0.1"
_LARGEST_BODY = 1 << 16
"""Bytes; 21 points take about 1500."""


class AnnotationServer(ThreadingHTTPServer):
    """Serves one session at `url`; `serve_forever` and `shutdown` as in the standard library."""

    daemon_threads = True

    def __init__(self, session: Session, port: int = 0):
        """Opens the port.

        Args:
            session: What is labelled.
            port: 0 takes a free one.
        """
        self.session, self.token = session, secrets.token_urlsafe(24)
        try:
            super().__init__((ADDRESS, port), _Handler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or "it is not between 0 and 65535"
            raise InvalidValueError(
                "opening the annotation page", f"port {port}: {reason}", "a free port", "leave out --port"
            ) from error

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignores browsers that close the connection before the answer is complete."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        """The page's address, token included."""
        return f"http://{ADDRESS}:{self.server_address[1]}/{self.token}/"


class _Handler(BaseHTTPRequestHandler):
    server: AnnotationServer  # ty: ignore[incompatible-mutable-override]  (the only server that makes these)

    def do_GET(self) -> None:
        words = self._allowed()
        if words is None:
            return
        if words == [""]:
            self._answer(resources.files(__package__).joinpath("page.html").read_bytes(), "text/html; charset=utf-8")
        elif words == ["state"]:
            session = self.server.session
            state = {
                "names": session.names,
                "labels": session.given | session.refreshed(),
                "keypoints": NAMES,
                "skeleton": SKELETON,
            }
            self._answer(json.dumps(state).encode(), "application/json")
        elif (number := self._number(words, "image")) is not None:
            try:
                self._answer(self.server.session.png(number), "image/png")
            except SkipFrame as skip:
                self._answer(str(skip).encode(), "text/plain", HTTPStatus.UNPROCESSABLE_ENTITY)
        else:
            self._answer(b"no such page", "text/plain", HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        words = self._allowed()
        if words is None:
            return
        number, length = self._number(words, "frame"), self.headers.get("Content-Length", "")
        if number is None or not length.isdigit() or int(length) > _LARGEST_BODY:
            self._answer(b"no such frame, or too long", "text/plain", HTTPStatus.BAD_REQUEST)
            return
        try:
            self.server.session.save(number, json.loads(self.rfile.read(int(length))))
        except (LaceError, ValueError) as error:
            self._answer(str(error).encode(), "text/plain", HTTPStatus.BAD_REQUEST)
            return
        self._answer(b"{}", "application/json")

    def _allowed(self) -> list[str] | None:
        """Words of the path after the token; None after a refusal (wrong Host, Origin or token)."""
        port = self.server.server_address[1]
        hosts = {f"{ADDRESS}:{port}", f"localhost:{port}"}
        origin = self.headers.get("Origin")
        _, token, *words = (self.path.split("?")[0] + "/").split("/")[:4] if self.path.startswith("/") else ("", "")
        known = hmac.compare_digest(token.encode(), self.server.token.encode())
        if self.headers.get("Host") in hosts and known and (origin is None or origin.removeprefix("http://") in hosts):
            return [word for word in words if word] or [""]
        self._answer(b"refused", "text/plain", HTTPStatus.FORBIDDEN)
        return None

    def _number(self, words: list[str], kind: str) -> int | None:
        good = len(words) == 2 and words[0] == kind and words[1].isdecimal()
        return int(words[1]) if good and int(words[1]) < len(self.server.session.names) else None

    def _answer(self, content: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "same-origin")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "DENY")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Logs nothing: every line would contain the token."""
