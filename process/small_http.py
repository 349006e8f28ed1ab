"""A small HTTP server that bounds every request, for health and metrics.

The standard library bounds a line (64 KiB) and the number of headers (100), but waits for a silent client without
limit, each in a thread.
"""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

MOST_CONNECTIONS: Final = 32
"""At once; further ones are closed unread."""
HEAD_BYTES: Final = 32_768
SILENT_S: Final = 10.0
LONGEST_S: Final = 30.0
"""Of a whole connection."""


class SmallServer(ThreadingHTTPServer):
    """Serves at most ``MOST_CONNECTIONS`` at once, each for at most ``LONGEST_S``."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[SmallHandler]) -> None:
        super().__init__(address, handler)
        self._free = threading.BoundedSemaphore(MOST_CONNECTIONS)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread, if one is free."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, and cut the connection when its time is over. In the request's thread."""
        end = threading.Timer(LONGEST_S, _cut, (request,))
        end.daemon = True
        end.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            end.cancel()
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing: the client went away."""


class SmallHandler(BaseHTTPRequestHandler):
    """Refuses a head that is too long, and closes a connection that stays silent."""

    timeout = SILENT_S

    def parse_request(self) -> bool:
        """Read the head; False: it was refused with an answer."""
        self.rfile = _Bounded(self.rfile)  # type: ignore[assignment]
        try:
            return super().parse_request()
        except _TooLong:
            self.close_connection = True
            self.send_error(431)
            return False
        finally:
            self.rfile = self.rfile.whole  # type: ignore[attr-defined]

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the base class's name)
        """Log nothing: scrapes come every few seconds."""


class _TooLong(Exception):
    pass


class _Bounded:
    """Reads the lines of a head, up to ``HEAD_BYTES`` of them."""

    def __init__(self, whole: Any) -> None:
        self.whole = whole
        self._left = HEAD_BYTES

    def readline(self, most: int) -> bytes:
        line: bytes = self.whole.readline(min(most, self._left + 1))
        self._left -= len(line)
        if self._left < 0:
            raise _TooLong
        return line


def _cut(request: socket.socket) -> None:
    try:
        request.shutdown(socket.SHUT_RDWR)
    except OSError:  # closed already
        pass
