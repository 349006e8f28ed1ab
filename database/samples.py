"""Stores a small sample of what a process does, once a minute: the table ``process_sample``, for dashboards."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import psycopg

from database.pool import connect
from database.reasons import reason_of

log = logging.getLogger(__name__)

Process = Literal["ingest", "api", "rights", "jobs"]
EVERY_S: Final = 60.0

_STORE: Final = """
-- what a process did since its sample before
INSERT INTO process_sample (process, instance, seconds, done, failed, p50_s, p99_s, bytes)
VALUES (%(process)s, %(instance)s, %(seconds)s, %(done)s, %(failed)s, %(p50_s)s, %(p99_s)s, %(bytes)s)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What a process did since its sample before; the columns are those of ``process_sample``."""

    done: int
    failed: int
    p50_s: float | None = None
    p99_s: float | None = None
    bytes: int | None = None


def store(connection: psycopg.Connection[Any], process: Process, sample: Sample, seconds: float) -> None:
    """Store one sample that covers ``seconds``."""
    values = {"process": process, "instance": f"{socket.gethostname()}:{os.getpid()}", "seconds": max(seconds, 0.001)}
    connection.execute(
        _STORE,
        {
            **values,
            "done": sample.done,
            "failed": sample.failed,
            "p50_s": sample.p50_s,
            "p99_s": sample.p99_s,
            "bytes": sample.bytes,
        },
    )


def watch(
    url: str,
    process: Process,
    look: Callable[[psycopg.Connection[Any]], Sample],
    stop: threading.Event,
    *,
    every_s: float = EVERY_S,
) -> None:
    """Store what ``look`` returns every minute until ``stop``; a minute in which the database is away is left out."""
    since = time.monotonic()
    while not stop.wait(every_s):
        try:
            with connect(url, application_name=f"maillage {process} samples", autocommit=True) as connection:
                sample, now = look(connection), time.monotonic()
                store(connection, process, sample, now - since)
                since = now
        except psycopg.Error as error:
            log.warning("sample_not_stored", extra={"reason": reason_of(error)})
