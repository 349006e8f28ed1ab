"""The processes of the stack that runs here, looked at as an operator would: alive, ours, answering, ready."""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from maillage import proc
from maillage.doctor.finding import Finding, bad, good
from maillage.environment import Part, Running
from maillage.paths import runtime_directory

_ANSWER_S: Final = 5.0
_SHOWN: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a process says at an address."""

    status: int
    text: str


def look_at_processes(stack: Running) -> Iterator[Finding]:
    """Look at ``maillage up`` itself and at each of its processes."""
    if proc.state(stack.pid) in proc.STOPPED:
        yield bad("maillage up", f"process {stack.pid} is stopped: nothing is watched", f"kill -CONT {stack.pid}")
    else:
        yield good("maillage up", f"process {stack.pid}, in {runtime_directory()}")
    for name, part in stack.parts.items():
        yield _process(name, part)


def _process(name: str, part: Part) -> Finding:
    log = runtime_directory() / "logs" / f"{name}.log"
    again = f"kill -9 {part.pid}: maillage up starts it again; its log: {log}"
    if not proc.is_alive(part.pid):
        return bad(name, f"process {part.pid} has ended", f"maillage up starts it again; its log: {log}")
    if proc.state(part.pid) in proc.STOPPED:
        return bad(name, f"process {part.pid} is stopped", f"kill -CONT {part.pid}, or {again}")
    if part.url is None:
        return good(name, f"process {part.pid} runs")
    where = urlsplit(part.url)
    port = where.port or 80
    if proc.listens(part.pid, port) is False:
        return bad(
            name,
            f"process {part.pid} doesn't listen on port {port}: if anything answers there, it isn't ours",
            f"just started? Wait half a minute and look again; else {again}",
        )
    alive = get(part.url, "/healthz")
    if alive is None:
        return bad(name, f"no answer from {part.url}/healthz within {_ANSWER_S:g} s", again)
    if alive.status != 200:
        return bad(name, f"{part.url}/healthz says {alive.status}: {alive.text}", again)
    ready = get(part.url, "/readyz")
    if ready is None:
        return bad(name, f"no answer from {part.url}/readyz within {_ANSWER_S:g} s", again)
    if ready.status not in (200, 404):  # the simulator has no work that could be unready
        return bad(name, f"not ready: {ready.text}", f"mend that; its log: {log}")
    return good(name, f"process {part.pid} answers on port {port} and is ready")


def get(url: str, path: str, headers: Mapping[str, str] | None = None) -> Answer | None:
    """Return what is at ``path``; None: nobody answers in time."""
    where = urlsplit(url)
    secure = where.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = kind(where.hostname or "", where.port, timeout=_ANSWER_S)
    try:
        connection.request("GET", f"{where.path.rstrip('/')}{path}", headers=dict(headers or {}))
        answer = connection.getresponse()
        return Answer(
            status=answer.status, text=" ".join(answer.read(10_000).decode("utf-8", "replace").split())[:_SHOWN]
        )
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
