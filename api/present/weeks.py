"""Keeps the usual weeks of spaces: all are read in the background from the start on, so that searches need not wait."""

from __future__ import annotations

import asyncio
import json
from array import array
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from math import nan
from time import monotonic
from typing import Any, Final, TypeAlias

from psycopg_pool import AsyncConnectionPool

from api.http.errors import Unavailable
from api.http.public_rows import public_rows

KINDS: Final = 8
"""Of days: Monday to Sunday, public holidays."""
_AGAIN_S: Final = 900.0
"""So often they are read again where no notification says that some were learned."""
_LEAST_S: Final = 20.0
"""Between two readings that notifications ask for: anybody may send these."""
_RETRY_S: Final = 5.0
_PAGE: Final = 200
"""Weeks that one query reads."""
_AT_ONCE: Final = 4
"""Weeks that are parsed before requests are answered again: some 1 ms."""
_REST_S: Final = 0.004
"""Then there is time for requests."""
_MOST_SPACES: Final = 25_000
"""Of each sort; of more, the weeks that searches ask for are kept."""
_ASKED_S: Final = 3600.0
_MOST_ASKED: Final = 10_000
# The next usual weeks, by space.
_NEXT: Final = """
SELECT s.place, m.space, m.usual::text AS usual
FROM forecast_model m JOIN space s ON s.id = m.space
WHERE m.public = %s AND m.space > %s
ORDER BY m.space LIMIT %s
"""
# The usual week of every space of some places.
_OF: Final = """
SELECT s.place, s.id AS space, m.usual
FROM space s JOIN forecast_model m ON m.space = s.id AND m.public = %s
WHERE s.place = ANY (%s)
"""

Week: TypeAlias = "array[float]"
"""Median, 5 and 95 % quantiles of each hour of each kind of day; NaN: not known."""
WeeksOfPlace: TypeAlias = dict[int, Week]
"""By space."""


class Weeks:
    """The usual weeks by place, with the numbers and for everybody."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool
        self._kept: dict[bool, dict[int, WeeksOfPlace]] = {True: {}, False: {}}
        self._whole = {True: False, False: False}
        """All that there are have been read."""
        self._learnt = asyncio.Event()
        self._asked: OrderedDict[tuple[int, bool], tuple[float, WeeksOfPlace]] = OrderedDict()

    async def run(self) -> None:
        """Read all weeks, and again once some were learned, until cancelled."""
        while True:
            self._learnt.clear()
            try:
                for public in (True, False):
                    await self.read_all(public=public)
            except Unavailable:
                await asyncio.sleep(_RETRY_S)
                continue
            await asyncio.sleep(_LEAST_S)
            with suppress(TimeoutError):
                async with asyncio.timeout(_AGAIN_S - _LEAST_S):
                    await self._learnt.wait()

    def learnt(self) -> None:
        """Have the weeks read again: some were learned."""
        self._learnt.set()

    async def read_all(self, *, public: bool) -> None:
        """Read the weeks of all spaces, a few at a time.

        Raises:
            Unavailable: the database is down or too busy; what was read before is kept.
        """
        kept, seen, after = self._kept[public], set[int](), 0
        while len(seen) <= _MOST_SPACES:
            rows = await public_rows(self._pool, _NEXT, (public, after, _PAGE))
            for number, row in enumerate(rows):
                kept.setdefault(row["place"], {})[row["space"]] = _week(json.loads(row["usual"]))
                seen.add(row["space"])
                if number % _AT_ONCE == 0:
                    await asyncio.sleep(_REST_S)
            if len(rows) < _PAGE:
                break
            after = rows[-1]["space"]
        else:
            kept.clear()
            self._whole[public] = False
            return
        for place, spaces in list(kept.items()):
            for gone in spaces.keys() - seen:
                del spaces[gone]
            if not spaces:
                del kept[place]
        self._whole[public] = True
        self._asked.clear()

    async def of(self, places: Sequence[int], *, public: bool) -> dict[int, WeeksOfPlace]:
        """Return the weeks of each place: from memory once all are read, else from the database.

        Raises:
            Unavailable: the database is down or too busy.
        """
        if self._whole[public]:
            kept = self._kept[public]
            return {number: kept[number] for number in places if number in kept}
        clock = monotonic()
        found: dict[int, WeeksOfPlace] = {}
        asked = []
        for number in places:
            known = self._asked.get((number, public))
            if known is None or known[0] <= clock:
                asked.append(number)
                found[number] = {}
            else:
                found[number] = known[1]
        if asked:
            for row in await public_rows(self._pool, _OF, (public, asked)):
                found[row["place"]][row["space"]] = _week(row["usual"])
            for number in asked:  # not all at once again
                self._asked[number, public] = clock + _ASKED_S * (1 + number % 100 / 100), found[number]
            while len(self._asked) > _MOST_ASKED:
                self._asked.popitem(last=False)
        return found


def _week(rows: Sequence[Sequence[Any]]) -> Week:
    week = array("f", (nan,)) * (KINDS * 24 * 3)
    for kind, hour, median, low, high, *_ in rows:
        start = 3 * (24 * int(kind) + int(hour))
        week[start], week[start + 1], week[start + 2] = median, low, high
    return week
