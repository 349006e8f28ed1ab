"""The feed of stored events: in the order of the transactions that stored them, and only up to where none is missing.

A transaction with a lower number may still be open while one with a higher is visible; so nothing at or above the
oldest open transaction is told yet (``pg_snapshot_xmin``), and a reader who keeps its cursor never skips an event.
The index on ``tx`` is a BRIN: cheap to write, no order to read by. So the feed reads windows of transactions, as wide
as they need to be, and a page may come back short with a cursor to go on from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row

_FIRST_WINDOW: Final = 64
_WIDEST_WINDOW: Final = 2**40
_WINDOWS: Final = 64
"""Windows looked into for one page: from the beginning of time to 2^40 transactions takes eight."""

_XMIN: Final = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
# Whether a window of transactions holds anything at all for this reader.
_ANY: Final = """
SELECT EXISTS (SELECT FROM event e WHERE e.tx >= %(low)s AND e.tx < %(high)s
               AND (%(places)s::integer[] IS NULL OR e.place = ANY(%(places)s::integer[]))
               AND (%(kind)s::smallint IS NULL OR e.kind = %(kind)s::smallint))
"""
# The events after a cursor within a window of transactions, as words.
_PAGE: Final = """
WITH page AS MATERIALIZED (
  SELECT * FROM event e
  WHERE e.tx >= %(low)s AND e.tx < %(high)s AND (e.tx, e.stream, e.seq) > (%(tx)s, %(stream)s, %(seq)s)
    AND (%(places)s::integer[] IS NULL OR e.place = ANY(%(places)s::integer[]))
    AND (%(kind)s::smallint IS NULL OR e.kind = %(kind)s::smallint)
  ORDER BY e.tx, e.stream, e.seq LIMIT %(limit)s
)
SELECT e.tx, e.stream, e.seq, e.at, e.received_at, e.edge_at, e.state, e.a, e.b, e.value, e.card, e.member, e.detail,
       k.name AS kind, r.name AS reason, p.code::text AS place, g.code::text AS gateway, d.code AS device, d.side,
       s.code::text AS space, t.code::text AS desk, o.code::text AS door
FROM page e
JOIN event_kind k ON k.id = e.kind
LEFT JOIN reason r ON r.id = e.reason
LEFT JOIN place p ON p.id = e.place
LEFT JOIN stream m ON m.id = e.stream
LEFT JOIN gateway g ON g.id = m.gateway
LEFT JOIN device d ON d.id = e.device
LEFT JOIN space s ON s.id = d.space
LEFT JOIN desk t ON t.id = d.desk
LEFT JOIN door o ON o.id = d.door
ORDER BY e.tx, e.stream, e.seq
"""
_KIND: Final = "SELECT id FROM event_kind WHERE name = %s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How far a reader has read: up to and including this event (``stream`` 0: none of ``tx`` yet)."""

    tx: int = 0
    stream: int = 0
    seq: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Events after a mark, the mark to go on from, and whether more may be had at once."""

    rows: Sequence[DictRow]
    mark: Mark
    more: bool


async def read_page(
    conn: AsyncConnection[Any], mark: Mark, *, limit: int, places: Sequence[int] | None, kind: str | None
) -> Page:
    """Read at most ``limit`` events after ``mark``, of ``places`` (None: all) and ``kind`` (None: all)."""
    async with conn.transaction(), conn.cursor(row_factory=dict_row) as cursor:
        end = (await _one(conn, _XMIN))[0]
        number = (await _one(conn, _KIND, (kind,)))[0] if kind else None
        values = {"places": None if places is None else list(places), "kind": number}
        rows: list[DictRow] = []
        window = _FIRST_WINDOW
        for _ in range(_WINDOWS):
            if mark.tx >= end or len(rows) >= limit:
                break
            low, high = mark.tx, min(mark.tx + window, end)
            if window > _FIRST_WINDOW and (await _one(conn, _ANY, {**values, "low": low, "high": high}))[0]:
                # something is there: a wide window could hold millions of rows to sort, so come nearer first
                window = max(window // 8, _FIRST_WINDOW)
                continue
            asked = {**values, "low": low, "high": high, "tx": mark.tx, "stream": mark.stream, "seq": mark.seq}
            await cursor.execute(_PAGE, {**asked, "limit": limit - len(rows)})
            found = await cursor.fetchall()
            rows += found
            if len(rows) >= limit:
                last = rows[-1]
                mark = Mark(tx=last["tx"], stream=last["stream"], seq=last["seq"])
            else:
                mark = Mark(tx=high)
                if (
                    not found
                ):  # else the next ones are probably near: leases are renewed between events, each a transaction
                    window = min(window * 32, _WIDEST_WINDOW)
    return Page(rows=rows, mark=mark, more=mark.tx < end)


async def _one(conn: AsyncConnection[Any], query: Any, values: Any = None) -> Any:
    return await (await conn.execute(query, values)).fetchone()
