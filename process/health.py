"""Serves /healthz, /readyz and Prometheus /metrics for a process without another HTTP server."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import ThreadingHTTPServer

from process.small_http import SmallHandler, SmallServer

Check = Callable[[], str | None]
"""None: all is well; else one sentence with the problem."""


def serve(host: str, port: int, metrics: Callable[[], bytes], health: Check, readiness: Check) -> ThreadingHTTPServer:
    """Serve in a thread of its own until ``shutdown()``; ``port`` 0 takes a free one (see ``server_address``)."""

    class Handler(SmallHandler):
        def do_GET(self) -> None:  # noqa: N802  (the base class's name)
            if self.path == "/metrics":
                self._answer(200, metrics(), "text/plain; version=0.0.4")
            elif self.path in ("/healthz", "/readyz"):
                wrong = (health if self.path == "/healthz" else readiness)()
                self._answer(
                    200 if wrong is None else 503, ((wrong or "ok") + "\n").encode(), "text/plain; charset=utf-8"
                )
            else:
                self._answer(404, b"here are /metrics, /healthz and /readyz\n", "text/plain")

        def _answer(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = SmallServer((host, port), Handler)
    threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
    return server
