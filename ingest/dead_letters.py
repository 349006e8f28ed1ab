"""Dead letters for the operator: count them, request a replay, and export device messages.

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

_OUTCOME: Final = """
-- outcomes of a replay: read, refused again and why, or still waiting
SELECT count(*) FILTER (WHERE replayed_at IS NOT NULL),
       count(*) FILTER (WHERE replayed_at IS NULL AND replay_requested_at IS NOT NULL)
FROM dead_letter WHERE id = ANY(%b::bigint[])
"""

_REFUSED: Final = """
-- those that still can't be read, by reason
SELECT reason, count(*) FROM dead_letter
WHERE id = ANY(%b::bigint[]) AND replayed_at IS NULL AND replay_requested_at IS NULL
GROUP BY reason ORDER BY reason
"""

_SAID: Final = """
-- device messages that no driver could read, oldest first
SELECT coalesce(sent_at, received_at), topic, payload FROM dead_letter WHERE origin = 'gateway' ORDER BY id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a replay did."""

    requested: int
    read: int
    refused: dict[str, int]
    """Still unreadable, by reason."""
    waiting: int
    """Not read within the time: no ingest runs for their shards, or it can store nothing; they are read when it can."""


def count(url: str) -> list[tuple[str, str, int, int, str, int]]:
    """Letters as (origin, reason, letters, occurrences, newest, replayed)."""
    with connect(url, application_name="maillage dead letters") as connection:
        return [
            (origin, reason, letters, int(times), newest.isoformat(timespec="seconds"), replayed)
            for origin, reason, letters, times, newest, replayed in connection.execute(_COUNT)
        ]


def replay(
    url: str, ids: Sequence[int] | None = None, *, wait_s: float = 30.0, log: Callable[[str], None] = print
) -> Outcome:
    """Ask the ingest to read letters again (``ids`` None: all that hold an event), and wait for it.

    ``wait_s`` is how long nothing may happen; while letters are read, it goes on. ``log`` is called with the progress.
    """
    with connect(url, application_name="maillage dead letters", autocommit=True) as connection:
        numbers = None if ids is None else list(ids)
        asked = [number for (number,) in connection.execute(REQUEST, (numbers, numbers))]
        read, waiting = 0, len(asked)
        if asked:
            connection.execute("NOTIFY maillage_replay")
        end = time.monotonic() + wait_s
        while waiting and time.monotonic() < end:
            time.sleep(0.1)
            row = connection.execute(_OUTCOME, (asked,)).fetchone()
            assert row is not None
            if row[1] != waiting:
                end = time.monotonic() + wait_s
                if row[1]:
                    log(f"{row[1]} of {len(asked)} letters still to read")
            read, waiting = row
        refused: dict[str, int] = dict(connection.execute(_REFUSED, (asked,)).fetchall())
    return Outcome(requested=len(asked), read=read, refused=refused, waiting=waiting)


def export(url: str, path: Path) -> int:
    """Write device messages that no driver could read to a file for ``maillage replay FILE``; return how many."""
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
