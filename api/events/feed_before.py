"""The events that were stored before the feed had a ledger (migration 0034), in the order of their transactions.

Their ``tx`` is a number of the cluster that stored them, here a stored number like any other, and nothing is added.
The index on it is a BRIN, with no order to read by. So windows of numbers are read, as wide as they need to be. When
retention has dropped these events, nothing is looked at any more, and this module can go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row

_FIRST_WINDOW: Final = 64
_WIDEST_WINDOW: Final = 2**40
_WINDOWS: Final = 64
"""Windows looked into for one page."""

_FIRST_BATCH: Final = 2**50
"""The lowest number of a transaction that has its lines in the ledger."""

_LATEST: Final = "SELECT before FROM feed_end"
# Whether a window of transactions holds anything at all for this reader.
_ANY: Final = """
SELECT EXISTS (SELECT FROM event e WHERE e.tx >= %(low)s AND e.tx < %(high)s AND e.at < %(latest)s
               AND (%(places)s::integer[] IS NULL OR e.place = ANY(%(places)s::integer[]))
               AND (%(kind)s::smallint IS NULL OR e.kind = %(kind)s::smallint))
"""
WORDS: Final = """
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
"""
"""What follows the columns of a page ``e`` of events: their numbers as words."""

# The events after a cursor within a window of transactions, as words.
_PAGE: Final = """
WITH page AS MATERIALIZED (
  SELECT * FROM event e
  WHERE e.tx >= %(low)s AND e.tx < %(high)s AND e.at < %(latest)s
    AND (e.tx, e.stream, e.seq) > (%(tx)s, %(stream)s, %(seq)s)
    AND (%(places)s::integer[] IS NULL OR e.place = ANY(%(places)s::integer[]))
    AND (%(kind)s::smallint IS NULL OR e.kind = %(kind)s::smallint)
  ORDER BY e.tx, e.stream, e.seq LIMIT %(limit)s
)
SELECT e.tx, e.stream, e.seq, e.at, e.received_at, e.edge_at, e.state, e.a, e.b, e.value, e.card, e.member, e.detail,
{words}ORDER BY e.tx, e.stream, e.seq
""".replace("{words}", WORDS)
_KIND: Final = "SELECT id FROM event_kind WHERE name = %s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """How far a reader has read: up to and including this event (``stream`` 0: none of ``tx`` yet)."""

    tx: int = 0
    stream: int = 0
    seq: int = 0


async def read_page(
    conn: AsyncConnection[Any], mark: Before, *, limit: int, values: Mapping[str, Any]
) -> tuple[list[DictRow], Before | None]:
    """Read at most ``limit`` events after ``mark``; return them with the mark to go on from, None: that was all.

    Args:
        values: the ``places`` and the number of the ``kind`` that are asked for, None: all.
    """
    latest = await one(conn, _LATEST)
    rows: list[DictRow] = []
    window = _FIRST_WINDOW
    async with conn.cursor(row_factory=dict_row) as cursor:
        wide = {**values, "latest": latest, "low": mark.tx, "high": _FIRST_BATCH}
        if not await one(conn, _ANY, wide):
            return rows, None
        for _ in range(_WINDOWS):
            if mark.tx >= _FIRST_BATCH or len(rows) >= limit:
                break
            low, high = mark.tx, min(mark.tx + window, _FIRST_BATCH)
            if window > _FIRST_WINDOW and await one(conn, _ANY, {**wide, "low": low, "high": high}):
                # something is there: a wide window could hold millions of rows to sort, so come nearer first
                window = max(window // 8, _FIRST_WINDOW)
                continue
            asked = {**wide, "low": low, "high": high, "tx": mark.tx, "stream": mark.stream, "seq": mark.seq}
            await cursor.execute(_PAGE, {**asked, "limit": limit - len(rows)})
            found = await cursor.fetchall()
            rows += found
            if len(rows) >= limit:
                last = rows[-1]
                mark = Before(tx=last["tx"], stream=last["stream"], seq=last["seq"])
            else:
                mark = Before(tx=high)
                if not found:
                    window = min(window * 32, _WIDEST_WINDOW)
    return rows, mark if mark.tx < _FIRST_BATCH else None


async def kind_number(conn: AsyncConnection[Any], kind: str | None) -> int | None:
    """The number of a kind of events; None: of all kinds."""
    return await one(conn, _KIND, (kind,)) if kind else None


async def one(conn: AsyncConnection[Any], query: Any, values: Any = None) -> Any:
    """The first value of a query's only row."""
    row = await (await conn.execute(query, values)).fetchone()
    assert row is not None
    return row[0]
