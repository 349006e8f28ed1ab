"""Whose numbers a request may see: none without a key, those of its key's places with one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final, Protocol

from fastapi import Depends, Request

from api.http.state import shared
from api.present.board import Board
from api.present.ledger import Ledger
from api.present.network import Network, Place
from api.present.view import View
from occupancy.public import Rule

_BITS: Final = 40
"""Of a position in two ledgers, those of the position in the second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """The places whose numbers a caller may see; ``places`` None: all."""

    places: frozenset[int] | None

    def has(self, place: Place) -> bool:
        """Return whether the caller may see the numbers of ``place``."""
        return self.places is None or place.id in self.places

    def rule(self, place: Place) -> Rule | None:
        """Return the rule that an answer to the caller passes; None: the numbers may be shown."""
        return None if self.has(place) else place.public


NOBODY: Final = Reach(places=frozenset())
"""Of a caller without a key, and of a member: a member's own key shows what is the member's."""
_ALL: Final = Reach(places=None)


async def reach(request: Request) -> Reach:
    """Return whose numbers ``request`` may see.

    Raises:
        KeyRefused: it has a key, but no valid one.
        LimitReached: too many requests with this key, or too many wrong keys from this address.
        Unavailable: its key can't be checked now.
    """
    headers = request.headers
    if "authorization" not in headers and "x-api-key" not in headers:
        return NOBODY
    caller = await shared(request).keys.viewer(request)
    if caller.role == "member":
        return NOBODY
    return _ALL if caller.places is None else Reach(places=frozenset(caller.places))


Reached = Annotated[Reach, Depends(reach)]


class Published(Protocol):
    """What a client of many places reads: a ledger, or two of them."""

    @property
    def number(self) -> int:
        """The position after all that was published."""

    @property
    def digest(self) -> int:
        """Of all bodies."""

    def latest(self, place: Place) -> View | None:
        """Return the last published view of ``place``."""

    def since(self, number: int, wanted: Callable[[View], bool] | None = None) -> list[View]:
        """Return the views published after ``number``."""

    def changed_since(self, moment: int) -> list[View]:
        """Return the views that changed at or after ``moment``."""

    def joined(self, *, lean: bool) -> bytes:
        """Return the bodies of all places separated by commas."""

    def cursor(self, number: int | None = None) -> str:
        """Return a client's position as text."""

    def number_of(self, cursor: str) -> int:
        """Return the position in ``cursor``."""

    def position(self, view: View, start: int) -> int:
        """Return the position of a client that began at ``start`` and was sent ``view``."""


def published_for(board: Board, to: Reach) -> Published:
    """Return what a caller with this reach may see of all places."""
    if to.places is None:
        return board.full
    return _Both(board.full, board.public, to) if to.places else board.public


class _Both:
    """The numbers of some places, and of the others what everybody may know."""

    def __init__(self, full: Ledger, public: Ledger, to: Reach) -> None:
        self._full, self._public, self._to = full, public, to

    @property
    def number(self) -> int:
        return (self._full.number << _BITS) + self._public.number

    @property
    def digest(self) -> int:
        digest = self._public.digest
        for place in self._mine_of(self._full.network):
            for view in (self._public.latest(place), self._full.latest(place)):  # one goes, the other comes
                digest ^= view.digest if view is not None else 0
        return digest

    def latest(self, place: Place) -> View | None:
        return (self._full if self._to.has(place) else self._public).latest(place)

    def since(self, number: int, wanted: Callable[[View], bool] | None = None) -> list[View]:
        first, second = number >> _BITS, number & ((1 << _BITS) - 1)
        return self._mine(self._full.since(first, wanted), self._public.since(second, wanted))

    def changed_since(self, moment: int) -> list[View]:
        return self._mine(self._full.changed_since(moment), self._public.changed_since(moment))

    def joined(self, *, lean: bool) -> bytes:
        views = (self.latest(place) for place in self._full.network.public)
        return b",".join([view.lean if lean else view.body for view in views if view is not None])

    def cursor(self, number: int | None = None) -> str:
        return self._full.cursor(self.number if number is None else number)

    def number_of(self, cursor: str) -> int:
        return self._full.number_of(cursor, self.number)

    def position(self, _view: View, start: int) -> int:
        return start  # of two ledgers: what comes twice does no harm

    def _mine_of(self, network: Network) -> list[Place]:
        return [network.by_id[number] for number in self._to.places or () if number in network.by_id]

    def _mine(self, full: list[View], public: list[View]) -> list[View]:
        return [one for one in full if self._to.has(one.place)] + [one for one in public if not self._to.has(one.place)]
