"""Whose numbers a request may see (a stand-in until the public rule is here)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from api.http.state import shared
from api.present.network import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """The places whose numbers a caller may see; ``places`` None: all."""

    places: frozenset[int] | None

    def has(self, place: Place) -> bool:
        """Return whether the caller may see the numbers of ``place``."""
        return self.places is None or place.id in self.places


async def _reach(request: Request) -> Reach:
    if "authorization" not in request.headers and "x-api-key" not in request.headers:
        return Reach(places=frozenset())
    caller = await shared(request).keys.known(request)
    return Reach(places=None if caller.places is None else frozenset(caller.places))


Reached = Annotated[Reach, Depends(_reach)]
