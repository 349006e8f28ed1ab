"""The trust score of a place, from the database's view ``trust``; read for the whole network at most once a minute."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from time import monotonic
from typing import Any, Final, cast

from fastapi import Request
from psycopg.rows import DictRow
from psycopg_pool import AsyncConnectionPool
from pydantic import Field

from api.http.errors import Unavailable
from api.http.models import Answer, time_of
from api.http.public_rows import public_rows
from api.present.network import Place

DAYS: Final = 90
_KEPT_S: Final = 60.0
_MEASURES: Final = ("error", "error_percent", "within")

_TRUST: Final = """
SELECT place, space, head_counts, compared, error, error_percent, within, false_empty, false_occupied, last_at
FROM trust
"""


class Score(Answer):
    """How near the published numbers were to the head counts.

    null: not known, with fewer than five compared; or not for callers without a key of the place.
    """

    head_counts: int = Field(description="Made in these days.")
    compared: int | None = Field(
        description="Those with a published number, and none of the same space made in the hour before."
    )
    error: float | None = Field(description="People: the mean of |counted - published|.", examples=[1.4])
    error_percent: float | None = Field(description="The same in percent of the capacity.", examples=[5.6])
    within: float | None = Field(
        description="The share of head counts from `low` to `high`. 0.9 is what the interval promises.", ge=0, le=1
    )
    false_empty: int | None = Field(description="Times that 0 was published and somebody was there.")
    false_occupied: int | None = Field(description="Times that people were published and nobody was there.")
    last_at: datetime | None = Field(description="Of the newest head count.")


class SpaceScore(Score):
    """The score of one space."""

    space: str


class Trust(Score):
    """The score of a place over all its head counts, and by space."""

    place: str
    days: int
    spaces: list[SpaceScore] = Field(description="The spaces with head counts in these days.")


class TrustBook:
    """The scores of all places, in memory."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool
        self._rows: dict[int, list[DictRow]] = {}
        self._read_at: float | None = None
        self._lock = asyncio.Lock()

    async def of(self, place: int) -> Sequence[DictRow]:
        """The rows of a place: its own has no space. While the database is away, the last ones.

        Raises:
            Unavailable: nothing was read yet.
        """
        async with self._lock:
            if self._read_at is None or monotonic() >= self._read_at + _KEPT_S:
                try:
                    await self._read()
                except Unavailable:
                    if self._read_at is None:
                        raise
                self._read_at = monotonic()
        return self._rows.get(place, ())

    async def _read(self) -> None:
        found: dict[int, list[DictRow]] = defaultdict(list)
        for row in await public_rows(self._pool, _TRUST):
            found[row["place"]].append(row)
        self._rows = dict(found)


def trust_book(request: Request) -> TrustBook:
    """Return the scores of the application."""
    return cast("TrustBook", request.app.state.trust)


def trust_json(place: Place, found: Sequence[DictRow], *, public: bool) -> dict[str, Any]:
    """Format the rows of a place for an answer.

    The ``public`` doesn't learn how far numbers were off that it wasn't shown.
    """
    codes = {space.id: space.code for space in place.spaces}
    own = next((row for row in found if row["space"] is None), None)
    spaces = [{"space": codes[row["space"]], **_score(row, public=public)} for row in found if row["space"] in codes]
    return {
        "place": place.code,
        "days": DAYS,
        **_score(own, public=public),
        "spaces": sorted(spaces, key=lambda one: str(one["space"])),
    }


def _score(row: DictRow | None, *, public: bool) -> dict[str, Any]:
    if row is None or public:
        unknown = dict.fromkeys((*_MEASURES, "false_empty", "false_occupied", "last_at"))
        return {"head_counts": row["head_counts"] if row else 0, "compared": None if public else 0, **unknown}
    return {
        "head_counts": row["head_counts"],
        "compared": row["compared"],
        **{name: None if row[name] is None else round(row[name], 3) for name in _MEASURES},
        "false_empty": row["false_empty"],
        "false_occupied": row["false_occupied"],
        "last_at": time_of(row["last_at"]),
    }
