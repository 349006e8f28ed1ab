"""The published views of all places in the order of their publication, and the positions of clients in it. Pure.

The board keeps two ledgers, with the numbers and for answers without a key. Each counts its own publications: the
position in one tells nothing of the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from api.present.network import Network, Place, Space
from api.present.occupancy import Occupancy
from api.present.seats import Seats
from api.present.view import View, view_of
from occupancy.staleness import SECOND

OVERLAP: Final = 30 * SECOND
"""How long after its ``changed`` a row may become visible: the longest duration of a transaction here."""


class Ledger:
    """The current view of each place, the last published one last."""

    def __init__(self, *, boot: str, public: bool) -> None:
        self.public: Final = public
        self.network = Network()
        self.number = 0
        """The number of the latest publication."""
        self.seen = 0
        """The time of the newest news by the centre's clock, in microseconds."""
        self.digest = 0
        """A digest of all bodies: equal on replicas that publish the same."""
        self._boot = boot
        self._views: dict[int, View] = {}
        self._joined: dict[bool, tuple[int, bytes]] = {}

    def set_network(self, network: Network) -> None:
        """Replace the places: what is gone has no view any more."""
        self.network = network
        for gone in self._views.keys() - network.by_id.keys():
            self.digest ^= self._views.pop(gone).digest
            self.number += 1

    def publish(
        self,
        place: Place,
        occupancies: tuple[tuple[Space, Occupancy], ...],
        seats: Seats,
        changed: Callable[[], int | None],
    ) -> View:
        """Publish what holds in ``place`` under the next number, unless it is what holds already."""
        view = self._views.get(place.id)
        if (
            view is not None
            and (view.occupancies, view.place.code) == (occupancies, place.code)
            and _same(view.seats, seats)
        ):
            view = self._views[place.id] = replace(view, place=place, seats=seats)  # unchanged: it keeps its number
            return view
        if view is not None:
            self.digest ^= view.digest
            del self._views[place.id]  # so that the new view is the last
        self.number += 1
        view = view_of(self.number, place, changed(), occupancies, seats, public=self.public)
        self._views[place.id] = view
        self.digest ^= view.digest
        return view

    def latest(self, place: Place) -> View | None:
        """Return the last published view of ``place``."""
        return self._views.get(place.id)

    def views(self) -> Iterator[View]:
        """Return the views of all places that the public knows, by code."""
        return (self._views[place.id] for place in self.network.public)

    def since(self, number: int, wanted: Callable[[View], bool] | None = None) -> list[View]:
        """Return the views published after ``number``, oldest first."""
        if number >= self.number:
            return []
        found = []
        for view in reversed(self._views.values()):
            if view.number <= number:
                break
            if wanted is None or wanted(view):
                found.append(view)
        found.reverse()
        return found

    def changed_since(self, moment: int) -> list[View]:
        """Return the views that changed at or after ``moment`` (microseconds, the centre's clock), by publication.

        A row becomes visible a little after its timestamp, so that slightly older ones are included.
        """
        return [view for view in self._views.values() if view.changed is not None and view.changed >= moment - OVERLAP]

    def joined(self, *, lean: bool) -> bytes:
        """Return the bodies of all places separated by commas; cached until the next publication."""
        number, joined = self._joined.get(lean, (-1, b""))
        if number != self.number:
            joined = b",".join([view.lean if lean else view.body for view in self.views()])
            self._joined[lean] = (self.number, joined)
        return joined

    def cursor(self, number: int | None = None) -> str:
        """Return a client's position: the centre's time (for the order), this process, the number of a publication."""
        return f"{self.seen:016d}-{self._boot}-{self.number if number is None else number}"

    def number_of(self, cursor: str, most: int | None = None) -> int:
        """Return the number in ``cursor``; 0 (everything) if another process created it, or if it is above ``most``.

        Raises:
            ValueError: it isn't a cursor.
        """
        parts = cursor.split("-")
        if len(parts) != 3 or not parts[0].isdigit() or not parts[2].isdigit():
            raise ValueError("not a cursor")
        number = int(parts[2])
        return number if parts[1] == self._boot and number <= (self.number if most is None else most) else 0

    def position(self, view: View, _start: int) -> int:
        """Return the position of a client that began at ``_start`` and was sent ``view``."""
        return view.number


def _same(before: Seats, after: Seats) -> bool:
    """Whether both views have the same public content."""
    return (before.seats, before.free, before.spaces) == (after.seats, after.free, after.spaces) and (
        before.opening.open,
        before.opening.locked,
        before.opening.changes,
    ) == (after.opening.open, after.opening.locked, after.opening.changes)
