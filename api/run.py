"""Run the API as a process: uvicorn on uvloop and httptools."""

from __future__ import annotations

import logging
import resource
import socket
from types import FrameType
from typing import Final

import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.http.protocol import bounded
from api.http.settings import ApiSettings
from api.present.stream import Streams

log = logging.getLogger(__name__)

_STALLED_MS: Final = 60_000
"""The kernel closes a connection whose client has not read anything for this long."""
_STOP_S: Final = 5
_BACKLOG: Final = 2048
_FILES: Final = 65_536


class _Server(uvicorn.Server):
    """Closes the live streams on shutdown, since they never end by themselves."""

    def __init__(self, config: uvicorn.Config, streams: Streams) -> None:
        super().__init__(config)
        self._streams = streams

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._streams.close()
        super().handle_exit(sig, frame)


def run(settings: ApiSettings) -> int:
    """Serve until SIGINT or SIGTERM. Return 0, or 1 if the address is not available."""
    app: FastAPI = create_app(settings)
    try:
        listening = _listen(settings.http_host, settings.http_port)
    except OSError as error:
        log.error(
            "address_refused",
            extra={"host": settings.http_host, "port": settings.http_port, "error": error.strerror or str(error)},
        )
        return 1
    _allow_files()
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=bounded(app.state.shared.clients),
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,  # api.http.clients reads these headers
        timeout_graceful_shutdown=_STOP_S,
    )
    host, port = listening.getsockname()[:2]
    log.info("api_listening", extra={"host": host, "port": port})
    with listening:
        _Server(config, app.state.present.streams).run(sockets=[listening])
    return 0


def _allow_files() -> None:
    """Raise the limit of open files, usually 1,024, to what the system allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY or most > _FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (_FILES, most))
    else:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux only; accepted connections inherit it
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _STALLED_MS)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError:
        listening.close()
        raise
    listening.setblocking(False)
    return listening
