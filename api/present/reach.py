"""Whose numbers a request may see: none without a key, those of its key's places with one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

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


NOBODY: Final = Reach(places=frozenset())
"""Of a caller without a key, and of a member: a member's own key shows what is the member's."""
_ALL: Final = Reach(places=None)


async def reach(request: Request) -> Reach:
    """Return whose numbers ``request`` may see.

    Raises:
        KeyRefused: it has a key, but no valid one.
        Unavailable: its key can't be checked now.
    """
    headers = request.headers
    if "authorization" not in headers and "x-api-key" not in headers:
        return NOBODY
    caller = await shared(request).keys.known(request)
    if caller.role == "member":
        return NOBODY
    return _ALL if caller.places is None else Reach(places=frozenset(caller.places))


Reached = Annotated[Reach, Depends(reach)]
