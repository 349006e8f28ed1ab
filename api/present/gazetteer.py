"""Reads France's communes when a search first names one, and keeps them."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from psycopg_pool import AsyncConnectionPool

from api.http.public_rows import public_rows
from api.present.communes import Commune, Communes
from api.present.geography import Point

_COMMUNES: Final = "SELECT code, name, department, postcodes, population, lat, lon, exact FROM commune"


class Gazetteer:
    """The communes of the database."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool
        self._known: Communes | None = None
        self._reading = asyncio.Lock()

    async def communes(self) -> Communes:
        """Return all communes.

        Raises:
            Unavailable: they were never read, and the database is down or too busy.
        """
        async with self._reading:
            if self._known is None:
                rows = await public_rows(self._pool, _COMMUNES)
                self._known = await asyncio.to_thread(_communes, rows)
            return self._known


def _communes(rows: list[dict[str, Any]]) -> Communes:
    return Communes(Commune(point=Point(latitude=row.pop("lat"), longitude=row.pop("lon")), **row) for row in rows)
