"""Reads what a pass entitles to, for "places where my pass is valid"; kept for some seconds, as keys are."""

from __future__ import annotations

from collections import OrderedDict
from time import monotonic
from typing import Any, Final

from fastapi import Request
from psycopg.rows import DictRow

from api.http.callers import CACHED_S, key_of
from api.http.errors import BadQuery
from api.http.key_text import digest_of
from api.http.session import session
from api.http.timestamps import to_us
from api.present.wanted import Entitled
from rights.hours import NEVER, Timetables

MINE: Final = "mine"
_MOST: Final = 2_000
# Passes that the caller may see: one, or those of the member whose key it is.
_PASSES: Final = """
SELECT p.everywhere, p.valid_from, p.valid_until, p.schedule,
  ARRAY(SELECT l.place FROM pass_place l WHERE l.pass = p.ref) AS places
FROM pass p
WHERE p.revoked_at IS NULL AND (p.ref = %(ref)s OR (%(ref)s IS NULL AND p.member = %(member)s))
"""
# The schedules that they follow, with all that is linked to these.
_SCHEDULES: Final = """
WITH RECURSIVE used (id) AS (
  SELECT unnest(%(schedules)s::integer[])
  UNION SELECT l FROM used u JOIN schedule s ON s.id = u.id, unnest(s.linked) AS l
)
SELECT s.id, s.hours, s.linked FROM used u JOIN schedule s ON s.id = u.id
"""


class PassesHeld:
    """What passes entitle to, by the key that asked."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[bytes, str], tuple[float, tuple[Entitled, ...]]] = OrderedDict()

    async def of(self, request: Request, named: str) -> tuple[Entitled, ...]:
        """Return what the pass ``named`` entitles to, or all passes of the member whose key it is (``mine``).

        Raises:
            BadQuery: the caller can't see such a pass.
            KeyMissing, KeyRefused, Unavailable: as for any session.
        """
        asked = digest_of(key_of(request)), named
        kept = self._kept.get(asked)
        if kept is not None and monotonic() < kept[0]:
            return kept[1]
        async with session(request) as s:
            mine = named == MINE
            if mine and s.caller.member is None:
                raise BadQuery("pass", "`mine` needs a member's own key; with another key give the pass: p-…")
            values = {"ref": None if mine else named, "member": s.caller.member}
            rows = await s.rows(_PASSES, values)
            if not rows and not mine:
                raise BadQuery("pass", "this key sees no such pass in force")
            schedules = [row["schedule"] for row in rows if row["schedule"] is not None]
            timetables = Timetables(
                (row["id"], row["hours"], row["linked"])
                for row in (await s.rows(_SCHEDULES, {"schedules": schedules}) if schedules else ())
            )
        held = tuple(_entitled(row, timetables) for row in rows)
        self._kept[asked] = monotonic() + CACHED_S, held
        while len(self._kept) > _MOST:
            self._kept.popitem(last=False)
        return held


def _entitled(row: DictRow, timetables: Timetables) -> Entitled:
    schedule: Any = None
    if row["schedule"] is not None:
        schedule = timetables.get(row["schedule"], None) or NEVER
    return Entitled(
        places=None if row["everywhere"] else frozenset(row["places"]),
        valid_from=None if row["valid_from"] is None else to_us(row["valid_from"]),
        valid_until=None if row["valid_until"] is None else to_us(row["valid_until"]),
        schedule=schedule,
    )
