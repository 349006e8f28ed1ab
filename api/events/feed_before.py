"""The events that were stored before the feed had a ledger (migration 0034), in the order of their transactions.

Their ``tx`` is the transaction number of the cluster that stored them, here a plain number; no more are added.
The index on it is a BRIN, with no order to read by, and compressed chunks don't have it. So windows of numbers are
read, as wide as they need to be, and only in the days that hold such numbers (the table ``feed_before``, migration
0037). When retention has dropped these events, nothing is looked at any more, and this module can go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row

from gateway.contract.stored_events import KINDS

_FIRST_WINDOW: Final = 64
_WIDEST_WINDOW: Final = 2**40
_WINDOWS: Final = 64
"""Windows that one page searches at most."""

_DAY: Final = timedelta(days=1)
_FIRST_BATCH: Final = 2**50
"""The lowest number of a transaction that has its lines in the ledger."""

# The days (UTC) that hold events from a transaction on, with their lowest and highest.
_DAYS: Final = "SELECT day, low, high FROM feed_before WHERE high >= %s ORDER BY day"
# Whether a window of transactions holds any event for this reader.
_ANY: Final = """
SELECT EXISTS (
  SELECT FROM unnest(%(days)s::timestamptz[]) AS d (day)
  CROSS JOIN LATERAL (
    SELECT FROM event e
    WHERE e.tx >= %(low)s AND e.tx < %(high)s AND e.at >= d.day AND e.at < d.day + interval '24 hours'
      AND e.at >= %(first)s AND e.at < %(after)s
      AND (%(places)s::integer[] IS NULL OR e.place = ANY(%(places)s::integer[]))
      AND (%(kind)s::smallint IS NULL OR e.kind = %(kind)s::smallint)
    LIMIT 1
  ) e
)
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
LEFT JOIN space s ON s.id = CASE WHEN e.kind IN ({of_spaces}) THEN e.b ELSE d.space END
LEFT JOIN desk t ON t.id = d.desk
LEFT JOIN door o ON o.id = d.door
""".replace("{of_spaces}", f"{KINDS['head_count']}, {KINDS['booking']}")
"""The end of a query of events ``e``: names for their numbers."""

# The events after a cursor within a window of transactions, with names for their numbers.
_PAGE: Final = """
WITH page AS MATERIALIZED (
  SELECT e.* FROM unnest(%(days)s::timestamptz[]) AS d (day)
  CROSS JOIN LATERAL (
    SELECT * FROM event e
    WHERE e.tx >= %(low)s AND e.tx < %(high)s AND e.at >= d.day AND e.at < d.day + interval '24 hours'
      AND e.at >= %(first)s AND e.at < %(after)s
      AND (e.tx, e.stream, e.seq) > (%(tx)s, %(stream)s, %(seq)s)
      AND (%(places)s::integer[] IS NULL OR e.place = ANY(%(places)s::integer[]))
      AND (%(kind)s::smallint IS NULL OR e.kind = %(kind)s::smallint)
    ORDER BY e.tx, e.stream, e.seq LIMIT %(limit)s
  ) e
  ORDER BY e.tx, e.stream, e.seq LIMIT %(limit)s
)
SELECT e.tx, e.stream, e.seq, e.at, e.received_at, e.edge_at, e.state, e.a, e.b, e.value, e.card, e.member, e.detail,
{words}ORDER BY e.tx, e.stream, e.seq
""".replace("{words}", WORDS)
_KIND: Final = "SELECT id FROM event_kind WHERE name = %s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """The last event that a reader has read (``stream`` 0: none of ``tx`` yet)."""

    tx: int = 0
    stream: int = 0
    seq: int = 0


async def read_page(
    conn: AsyncConnection[Any], mark: Before, *, limit: int, values: Mapping[str, Any]
) -> tuple[list[DictRow], Before | None]:
    """Read at most ``limit`` events after ``mark``; return them and the mark to continue from, None: no more.

    Args:
        values: the ``places`` and the number of the ``kind`` to read, None: all.
    """
    rows: list[DictRow] = []
    window = _FIRST_WINDOW
    async with conn.cursor(row_factory=dict_row) as cursor:
        all_days = await (await cursor.execute(_DAYS, (mark.tx,))).fetchall()

        async def is_any(low: int, high: int) -> bool:
            asked = {**values, **_window(all_days, low, high)}
            return bool(asked["days"]) and bool(await one(conn, _ANY, asked))

        if not await is_any(mark.tx, _FIRST_BATCH):
            return rows, None
        for _ in range(_WINDOWS):
            if mark.tx >= _FIRST_BATCH or len(rows) >= limit:
                break
            low, high = mark.tx, min(mark.tx + window, _FIRST_BATCH)
            if window > _FIRST_WINDOW and await is_any(low, high):
                # it holds events: a wide window could hold millions of rows to sort, so narrow it first
                window = max(window // 8, _FIRST_WINDOW)
                continue
            asked = {**values, **_window(all_days, low, high), "limit": limit - len(rows)}
            found: list[DictRow] = []
            if asked["days"]:
                asked |= {"tx": mark.tx, "stream": mark.stream, "seq": mark.seq}
                # never prepared: a plan for any bounds would look at every chunk
                found = await (await cursor.execute(_PAGE, asked, prepare=False)).fetchall()
            rows += found
            if len(rows) >= limit:
                last = rows[-1]
                mark = Before(tx=last["tx"], stream=last["stream"], seq=last["seq"])
            else:
                mark = Before(tx=high)
                if not found:
                    window = min(window * 32, _WIDEST_WINDOW)
    return rows, mark if mark.tx < _FIRST_BATCH else None


def _window(all_days: Sequence[DictRow], low: int, high: int) -> dict[str, Any]:
    """A window of transactions, with the days that may hold their events."""
    days = [one["day"] for one in all_days if one["high"] >= low and one["low"] < high]
    ends = {"first": days[0], "after": days[-1] + _DAY} if days else {}
    return {"low": low, "high": high, "days": days, **ends}


async def kind_number(conn: AsyncConnection[Any], kind: str | None) -> int | None:
    """Return the number of a kind of events; None: all kinds."""
    return await one(conn, _KIND, (kind,)) if kind else None


async def one(conn: AsyncConnection[Any], query: Any, values: Any = None) -> Any:
    """Return the first value of a query's only row."""
    row = await (await conn.execute(query, values, prepare=False)).fetchone()
    assert row is not None
    return row[0]
