"""The feed of stored events: in the order in which the transactions that stored them were committed.

The table ``feed`` is a ledger: a line names the events of a stream that a transaction stored, and its number grows in
commit order (migration 0034). A page is a few lines with their events, found by place and time, or by stream and number
where they are compressed. Events from before the ledger come first (``api.events.feed_before``).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import DictRow, dict_row

from api.events import feed_before
from api.events.feed_before import Before

_MOST_EVENTS: Final = 20_000
"""Events that one query searches for those of one kind."""
_FIRST_LINES: Final = 32
_LINES_AT_ONCE: Final = 1000
"""Lines read in one query: a few first, since a line mostly holds many events; four times as many each time after."""
_LONGEST_S: Final = 0.5
"""A page ends after this time, however few events were found."""

_END: Final = "SELECT coalesce(max(n), 0) FROM feed"
# The lines from a number on, of some places or all.
_LINES: Final = """
SELECT n, tx, stream, place, first, last, low, high FROM feed
WHERE n >= %(n)s AND n <= %(end)s AND first <= last
  AND (%(places)s::integer[] IS NULL OR place = ANY(%(places)s::integer[]))
ORDER BY n LIMIT %(limit)s
"""
# The events of some lines, with names for their numbers.
_EVENTS: Final = """
WITH page AS MATERIALIZED (
  SELECT l.n, e.*
  FROM unnest(%(n)s::bigint[], %(tx)s::bigint[], %(stream)s::integer[], %(place)s::integer[], %(first)s::bigint[],
              %(last)s::bigint[], %(low)s::timestamptz[], %(high)s::timestamptz[])
       AS l (n, tx, stream, place, first, last, low, high)
  CROSS JOIN LATERAL (
    SELECT * FROM event e
    WHERE e.place = l.place AND e.stream = l.stream AND e.tx = l.tx AND e.seq BETWEEN l.first AND l.last
      AND e.at BETWEEN l.low AND l.high AND e.at BETWEEN %(lowest)s AND %(highest)s
      AND (%(kind)s::smallint IS NULL OR e.kind = %(kind)s::smallint)
    ORDER BY e.seq LIMIT %(limit)s
  ) e
  ORDER BY l.n, e.seq LIMIT %(limit)s
)
SELECT e.n, e.stream, e.seq, e.at, e.received_at, e.edge_at, e.state, e.a, e.b, e.value, e.card, e.member, e.detail,
{words}ORDER BY e.n, e.seq
""".replace("{words}", feed_before.WORDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Where a reader continues: at line ``n``, after its event ``seq``.

    ``before``: its position among the events from before the ledger; None: it has read them.
    """

    n: int = 0
    seq: int = 0
    before: Before | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Events after a mark, the mark to continue from, and whether more are available now."""

    rows: Sequence[DictRow]
    mark: Mark
    more: bool


async def read_page(
    conn: AsyncConnection[Any], mark: Mark, *, limit: int, places: Sequence[int] | None, kind: str | None
) -> Page:
    """Read at most ``limit`` events after ``mark``, of ``places`` (None: all) and ``kind`` (None: all)."""
    until = time.monotonic() + _LONGEST_S
    rows: list[DictRow] = []
    async with conn.transaction(), conn.cursor(row_factory=dict_row) as cursor:
        number = await feed_before.kind_number(conn, kind)
        values = {"places": None if places is None else list(places), "kind": number}
        if mark.before is not None:
            rows, before = await feed_before.read_page(conn, mark.before, limit=limit, values=values)
            mark = Mark(before=before)
            if before is not None:
                return Page(rows=rows, mark=mark, more=True)
        end = await feed_before.one(conn, _END)
        count = _FIRST_LINES
        while mark.n <= end and len(rows) < limit and time.monotonic() < until:
            await cursor.execute(_LINES, {**values, "n": mark.n, "end": end, "limit": count})
            lines = await cursor.fetchall()
            missing = limit - len(rows)
            taken = _as_many_as(lines, mark, missing if number is None else _MOST_EVENTS)
            found = await _events(cursor, taken, missing, number)
            rows += found
            mark = Mark(n=taken[-1]["n"] + 1 if taken else end + 1)
            if len(taken) == len(lines) < count:
                mark = Mark(n=end + 1)
            count = min(count * 4, _LINES_AT_ONCE)
            if len(rows) >= limit:
                mark = Mark(n=rows[-1]["n"], seq=rows[-1]["seq"])
    return Page(rows=rows, mark=mark, more=mark.n <= end)


def _as_many_as(lines: Sequence[DictRow], mark: Mark, events: int) -> list[DictRow]:
    """Return the first of ``lines`` that hold ``events``, without the part of the first line that was read before."""
    taken: list[DictRow] = []
    for line in lines:
        if events <= 0:
            break
        if line["n"] == mark.n:
            line["first"] = max(line["first"], mark.seq + 1)
        taken.append(line)
        events -= line["last"] - line["first"] + 1
    return taken


async def _events(
    cursor: AsyncCursor[DictRow], lines: Sequence[DictRow], limit: int, kind: int | None
) -> list[DictRow]:
    if not lines:
        return []
    columns = {name: [line[name] for line in lines] for name in lines[0]}
    bounds = {"lowest": min(columns["low"]), "highest": max(columns["high"])}
    # never prepared: a plan for any bounds would look at every chunk
    await cursor.execute(_EVENTS, {**columns, **bounds, "kind": kind, "limit": limit}, prepare=False)
    return await cursor.fetchall()
