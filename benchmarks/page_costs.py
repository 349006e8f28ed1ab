"""What a page costs beside its time: the statements that it sends to the database, and the processors' time.

Both are nearly the same on a machine that is busy with other things, so that two versions of a page can be compared.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final

import psycopg

_STATEMENT: Final = re.compile(rb"LOG:  (?:statement: |execute )")
_TICKS: Final = os.sysconf("SC_CLK_TCK")
# The database's processes that serve the API.
_BACKENDS: Final = "SELECT pid FROM pg_stat_activity WHERE application_name = 'maillage-api'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of one request, on average."""

    statements: float
    api_ms: float
    """The processor's time of the API's process."""
    database_ms: float
    """That of the database's processes that serve it."""


@contextmanager
def statements_logged(owner: psycopg.Connection[Any]) -> Iterator[None]:
    """Have the server log every statement meanwhile."""
    owner.execute("ALTER SYSTEM SET log_statement = 'all'")
    owner.execute("SELECT pg_reload_conf()")
    try:
        yield
    finally:
        owner.execute("ALTER SYSTEM RESET log_statement")
        owner.execute("SELECT pg_reload_conf()")


def count_statements(connection: HTTPConnection, cookie: str, url: str, log: Path, *, rounds: int) -> float:
    """Return how many statements one request makes; others' statements on the same server count too."""
    get(connection, cookie, url)
    with log.open("rb") as lines:
        lines.seek(0, os.SEEK_END)
        for _ in range(rounds):
            get(connection, cookie, url)
        return len(_STATEMENT.findall(lines.read())) / rounds


def processor_time(
    connection: HTTPConnection, cookie: str, url: str, owner: psycopg.Connection[Any], api: int, *, rounds: int
) -> tuple[float, float]:
    """Return the processor's time of one request in milliseconds: of the API (process id ``api``), the database."""
    get(connection, cookie, url)
    backends = [int(pid) for (pid,) in owner.execute(_BACKENDS).fetchall()]
    before = _used([api]), _used(backends)
    for _ in range(rounds):
        get(connection, cookie, url)
    after = _used([api]), _used(backends)
    return (after[0] - before[0]) / rounds, (after[1] - before[1]) / rounds


def child_with(text: str) -> int:
    """Return the process id of our child in whose command line ``text`` stands."""
    for task in Path("/proc/self/task").iterdir():
        for pid in map(int, (task / "children").read_text().split()):
            if text.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
    raise LookupError(f"no child was started with {text}")


def get(connection: HTTPConnection, cookie: str, url: str) -> bytes:
    """Open a page.

    Raises:
        RuntimeError: it is no page.
    """
    connection.request("GET", url, headers={"Cookie": cookie, "Accept-Language": "fr"})
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{answer.status} {answer.getheader('location', '')}")
    return body


def _used(processes: Sequence[int]) -> float:
    """Return the processor's time that processes have used, in milliseconds; those that have ended count as none."""
    ticks = 0
    for pid in processes:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks * 1000 / _TICKS
