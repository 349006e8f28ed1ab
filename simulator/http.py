"""The truth, the counters and the faults over HTTP, to compare the system's estimates with."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from process.small_http import SmallHandler, SmallServer
from simulator.errors import SimulatorError

log = logging.getLogger(__name__)

LARGEST_BODY: Final = 100_000

Query = Mapping[str, str]
Answer = tuple[HTTPStatus, dict[str, Any]]


class Window:
    """Answers GET by path with a query, POST by path with a JSON object."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        get: Mapping[str, Callable[[Query], Answer]],
        post: Mapping[str, Callable[[dict[str, Any]], Answer]],
    ) -> None:
        """Listen on ``host:port`` (0: any free port).

        Raises:
            OSError: the port is taken.
        """
        self._server = SmallServer((host, port), _handler(get, post))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Return the port that it listens on."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=3)


def _handler(
    get: Mapping[str, Callable[[Query], Answer]], post: Mapping[str, Callable[[dict[str, Any]], Answer]]
) -> type[SmallHandler]:
    class Handler(SmallHandler):
        def do_GET(self) -> None:  # noqa: N802  (the base class's name)
            parts = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            if (answer := get.get(parts.path)) is None:
                self._send((HTTPStatus.NOT_FOUND, {"error": f"there is {', '.join(sorted(get))}"}))
            else:
                self._answer(lambda: answer(query))

        def do_POST(self) -> None:  # noqa: N802  (the base class's name)
            answer = post.get(urlsplit(self.path).path)
            length = self.headers.get("Content-Length", "")
            if answer is None:
                self._send((HTTPStatus.NOT_FOUND, {"error": f"there is {', '.join(sorted(post))}"}))
                return
            if not length.isdigit() or int(length) > LARGEST_BODY:
                self._send((HTTPStatus.BAD_REQUEST, {"error": "send a JSON object with its length"}))
                return
            try:
                body = json.loads(self.rfile.read(int(length)))
            except (ValueError, RecursionError):
                body = None
            if not isinstance(body, dict):
                self._send((HTTPStatus.BAD_REQUEST, {"error": "the body is no JSON object"}))
                return
            self._answer(lambda: answer(body))

        def _answer(self, ask: Callable[[], Answer]) -> None:
            try:
                self._send(ask())
            except SimulatorError as error:
                self._send((HTTPStatus.BAD_REQUEST, {"error": str(error)}))

        def _send(self, answer: Answer) -> None:
            status, body = answer
            payload = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class's name)
            log.debug("http_request", extra={"request": format % args})

    return Handler
