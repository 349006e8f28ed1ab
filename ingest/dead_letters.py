"""Dead letters for the operator: count them, ask for a replay, and take out what devices had said.

A letter of origin ``ingest`` that holds one event is read again by the ingest that owns its shard. A letter of origin
``gateway`` holds a device's own message: written to a file, it goes through a place's drivers again by
``maillage replay FILE``.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from database.pool import connect
from ingest.replay import REQUEST

_COUNT: Final = """
-- letters by where they came from and why, the newest first
SELECT origin, reason, count(*), sum(times), max(last_at), count(*) FILTER (WHERE replayed_at IS NOT NULL)
FROM dead_letter GROUP BY origin, reason ORDER BY max(last_at) DESC
"""

_OPEN: Final = """
-- how many of the letters asked for are still waiting
SELECT count(*) FROM dead_letter WHERE replay_requested_at IS NOT NULL AND replayed_at IS NULL
"""

_DONE: Final = """
-- how many became events since
SELECT count(*) FROM dead_letter WHERE replayed_at >= %b
"""

_SAID: Final = """
-- what devices said that no driver could read, oldest first
SELECT coalesce(sent_at, received_at), topic, payload FROM dead_letter WHERE origin = 'gateway' ORDER BY id
"""

_NOW: Final = "SELECT now()"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a replay did."""

    requested: int
    read: int
    still_unreadable: int
    waiting: int
    """Not read within the time: no ingest runs for their shards; they are read when one starts."""


def count(url: str) -> list[tuple[str, str, int, int, str, int]]:
    """Letters as (origin, reason, letters, times heard, newest, replayed)."""
    with connect(url, application_name="maillage dead letters") as connection:
        return [
            (origin, reason, letters, int(times), newest.isoformat(timespec="seconds"), replayed)
            for origin, reason, letters, times, newest, replayed in connection.execute(_COUNT)
        ]


def replay(
    url: str, ids: Sequence[int] | None = None, *, wait_s: float = 30.0, log: Callable[[str], None] = print
) -> Outcome:
    """Ask the ingest to read letters again (``ids`` None: all that hold an event), and wait for it."""
    with connect(url, application_name="maillage dead letters", autocommit=True) as connection:
        row = connection.execute(_NOW).fetchone()
        assert row is not None
        numbers = None if ids is None else list(ids)
        requested = connection.execute(REQUEST, (numbers, numbers)).rowcount
        connection.execute("NOTIFY maillage_replay")
        end, waiting = time.monotonic() + wait_s, requested
        while waiting and time.monotonic() < end:
            time.sleep(0.1)
            left = connection.execute(_OPEN).fetchone()
            assert left is not None
            if left[0] != waiting:
                log(f"{left[0]} of {requested} letters still to read")
            waiting = left[0]
        done = connection.execute(_DONE, (row[0],)).fetchone()
        assert done is not None
    return Outcome(
        requested=requested, read=done[0], still_unreadable=max(0, requested - done[0] - waiting), waiting=waiting
    )


def export(url: str, path: Path) -> int:
    """Write what devices said that no driver could read as a file for ``maillage replay FILE``; returns how many."""
    written = 0
    with (
        connect(url, application_name="maillage dead letters") as connection,
        path.open("w", encoding="utf-8") as file,
    ):
        for at, topic, payload in connection.execute(_SAID):
            line = {"time": at.isoformat(), "topic": topic, "payload_b64": base64.b64encode(payload).decode()}
            file.write(json.dumps(line) + "\n")
            written += 1
    return written
