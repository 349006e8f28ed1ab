"""The board: the current state of the network in memory, aged by the clock and prepared as bytes.

Pure: rows, gateways and the time are arguments; nothing here waits, reads or writes. The *published* state of a place
is one ``View``. Each publication has the next number, so that the changes since number n are the last views in order of
publication. A stream client is only such a number: a slow one costs no memory, and when it reads again it gets the
current state of each changed place once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from api.present.network import Network, Place, Space
from api.present.occupancy import GatewayState, Occupancy, SpaceState, occupancy_of
from api.present.opening import Opening, opening_of
from api.present.seats import BookedTime, BookingsByPlace, Seats, seats_of
from api.present.view import View, view_of
from occupancy.staleness import SECOND, believed_until, complete_until, true_as_of

OVERLAP: Final = 30 * SECOND
"""How long after its ``changed`` a row may become visible: the longest duration of a transaction here."""
_NEVER: Final = 2**63
_REFRESH_PARTS: Final = 4
"""A place whose number doesn't change is published again each time a quarter of its ``ttl`` has passed."""


class Board:
    """The current state of every space of the network."""

    def __init__(self, *, boot: str) -> None:
        self.boot: Final = boot
        self.network = Network()
        self.number = 0
        """The number of the latest publication."""
        self.seen = 0
        """The time of the newest applied row by the centre's clock, in microseconds."""
        self.digest = 0
        """A digest of all bodies: equal on replicas that publish the same."""
        self._states: dict[int, SpaceState] = {}
        self._complete: dict[int, int] = {}
        self._gateways: dict[int, GatewayState] = {}
        self._views: dict[int, View] = {}
        self._bookings = BookingsByPlace()
        self._openings: dict[int, tuple[Place, Opening, int]] = {}
        self._due_at: dict[int, int] = {}
        """When time alone changes the view of a place: a number becomes stale, it closes, a booking begins."""
        self._next_due = _NEVER
        self._joined: dict[bool, tuple[int, bytes]] = {}

    # Input

    def set_network(self, network: Network, now: int) -> None:
        """Replace the places and publish them."""
        self.network = network
        for gone in self._views.keys() - network.by_id.keys():
            self.digest ^= self._views.pop(gone).digest
            self._due_at.pop(gone, None)
            self._openings.pop(gone, None)
            self.number += 1
        for place in network.places:
            # its free seats may change without a row of its spaces: by a lockdown or other hours
            self._publish(place, now=now, changed=now if place.id in self._views else None)

    def set_bookings(self, bookings: BookingsByPlace, now: int) -> None:
        """Replace the bookings and publish their places."""
        touched = self._bookings.places() | bookings.places()
        self._bookings = bookings
        for number in touched & self.network.by_id.keys():
            self._publish(self.network.by_id[number], now=now, changed=now if number in self._views else None)

    def load(self, states: Iterable[SpaceState], gateways: Iterable[GatewayState], now: int) -> None:
        """Replace all states, after the start and after each reconnection."""
        self._states = {state.space: state for state in states}
        self._complete.clear()
        self._gateways.clear()
        for gateway in gateways:
            self._hear(gateway)
        for state in self._states.values():
            self.seen = max(self.seen, min(state.changed, now))
        for place in self.network.places:
            self._publish(place, now=now, changed=None)

    def revisions(self, spaces: Iterable[int]) -> dict[int, int]:
        """Return the known revisions of these spaces; 0: none."""
        return {space: known.revision if (known := self._states.get(space)) else 0 for space in spaces}

    def apply(self, states: Iterable[SpaceState], now: int) -> None:
        """Apply rows; older revisions are ignored."""
        touched: dict[int, int] = {}
        for state in states:
            known = self._states.get(state.space)
            if known is not None and state.revision <= known.revision:
                continue
            self._states[state.space] = state
            touched[state.place] = max(touched.get(state.place, 0), state.changed)
        for place_id, changed in touched.items():
            self.seen = max(self.seen, min(changed, now))
            place = self.network.by_id.get(place_id)
            if place is not None:
                self._publish(place, now=now, changed=changed)

    def is_news(self, gateway: GatewayState) -> bool:
        """Whether this state of a gateway isn't the one that was applied last."""
        return self._gateways.get(gateway.gateway) != gateway

    def hear(self, gateways: Iterable[GatewayState], now: int) -> None:
        """Apply states of gateways: the numbers of a place stay fresh while its gateways are complete."""
        for gateway in gateways:
            self._hear(gateway)
            self.seen = max(self.seen, min(gateway.heard, now))
            place = self.network.by_id.get(gateway.place)
            if place is None:
                continue
            view = self._views.get(place.id)
            if view is None or self._refresh_due(place, view):
                self._publish(place, now=now, changed=gateway.heard)
            else:
                self._expect(view)

    def age(self, now: int) -> None:
        """Publish what time alone has changed: expired numbers, closed places."""
        if now < self._next_due:
            return
        for place_id in [key for key, due_at in self._due_at.items() if now >= due_at]:
            self._publish(self.network.by_id[place_id], now=now, changed=None)
        self._next_due = min(self._due_at.values(), default=_NEVER)

    # Output

    def view(self, code: str, now: int) -> View | None:
        """Return the view of the place ``code`` at ``now``; None: there is no such place."""
        self.age(now)
        place = self.network.by_code.get(code)
        return self._views.get(place.id) if place else None

    def latest(self, place: Place) -> View | None:
        """Return the last published view of ``place``."""
        return self._views.get(place.id)

    def booked(self, place: Place) -> Sequence[BookedTime]:
        """Return the bookings of ``place``, now and later."""
        return self._bookings.of(place.id)

    def views(self, now: int) -> Iterator[View]:
        """Return the views of all public places by code."""
        self.age(now)
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

    def joined(self, now: int, *, lean: bool) -> bytes:
        """Return the bodies of all places separated by commas; cached until the next publication."""
        self.age(now)
        number, joined = self._joined.get(lean, (-1, b""))
        if number != self.number:
            joined = b",".join([view.lean if lean else view.body for view in self.views(now)])
            self._joined[lean] = (self.number, joined)
        return joined

    def cursor(self, number: int | None = None) -> str:
        """Return a client's position: the centre's time (for the order), this process, the number of a publication."""
        return f"{self.seen:016d}-{self.boot}-{self.number if number is None else number}"

    def number_of(self, cursor: str) -> int:
        """Return the number in ``cursor``; 0 (everything) if another process created it.

        Raises:
            ValueError: it isn't a cursor.
        """
        parts = cursor.split("-")
        if len(parts) != 3 or not parts[0].isdigit() or not parts[2].isdigit():
            raise ValueError("not a cursor")
        number = int(parts[2])
        return number if parts[1] == self.boot and number <= self.number else 0

    # Internal

    def _hear(self, gateway: GatewayState) -> None:
        self._gateways[gateway.gateway] = gateway
        # This stays true when the spool fills again or the connection is lost.
        if gateway.complete is not None:
            self._complete[gateway.gateway] = max(self._complete.get(gateway.gateway, 0), gateway.complete)

    def _complete_until(self, place: Place) -> int:
        return complete_until(self._complete.get(gateway, 0) for gateway in place.gateways)

    def _refresh_due(self, place: Place, view: View) -> bool:
        complete = self._complete_until(place)
        for _, occupancy in view.occupancies:
            if occupancy.quality == "stale":
                return True
            if occupancy.at is not None and (complete - occupancy.at) * _REFRESH_PARTS >= occupancy.ttl_s * SECOND:
                return True
        return False

    def _expect(self, view: View) -> None:
        """Note when time alone will change the view: a number expires, hours or bookings change."""
        complete = self._complete_until(view.place)
        due_at = view.seats.due
        for space, occupancy in view.occupancies:
            state = self._states.get(space.id)
            if state is not None and occupancy.quality in ("live", "degraded"):
                due_at = min(due_at, believed_until(true_as_of(state.at, complete), state.ttl_s) + 1)
        self._due_at[view.place.id] = due_at
        self._next_due = min(self._next_due, due_at)

    def _publish(self, place: Place, *, now: int, changed: int | None) -> None:
        complete = self._complete_until(place)
        occupancies = tuple(
            (space, occupancy_of(self._states.get(space.id), space, complete=complete, now=now))
            for space in place.spaces
        )
        seats = seats_of(place, occupancies, self._bookings.of(place.id), self._opening(place, now), now)
        view = self._views.get(place.id)
        if (
            view is not None
            and (view.occupancies, view.place.code) == (occupancies, place.code)
            and _same(view.seats, seats)
        ):
            view = self._views[place.id] = replace(view, place=place, seats=seats)  # unchanged: it keeps its number
        else:
            if view is not None:
                self.digest ^= view.digest
                del self._views[place.id]  # so that the new view is the last
            self.number += 1
            view = self._views[place.id] = view_of(
                self.number,
                place,
                self._changed(occupancies, seats) if changed is None else changed,
                occupancies,
                seats,
            )
            self.digest ^= view.digest
        self._expect(view)

    def _opening(self, place: Place, now: int) -> Opening:
        """Return whether it is open, cached until its hours may change, since this is called often."""
        known = self._openings.get(place.id)
        if known is None or known[0] is not place or not known[2] <= now < known[1].due:
            known = self._openings[place.id] = (place, opening_of(place, now), now)
        return known[1]

    def _changed(self, occupancies: Iterable[tuple[Space, Occupancy]], seats: Seats) -> int | None:
        """Return the time of the newest change by rows, hours, bookings or the clock; None: there was none."""
        moments = [] if seats.changed is None else [seats.changed]
        for space, one in occupancies:
            state = self._states.get(space.id)
            if state is not None:
                moments.append(state.changed)
                if one.quality == "stale" and one.at is not None:
                    moments.append(believed_until(one.at, one.ttl_s))
        return max(moments, default=None)


def _same(before: Seats, after: Seats) -> bool:
    """Whether both views have the same public content."""
    return (before.seats, before.free, before.spaces) == (after.seats, after.free, after.spaces) and (
        before.opening.open,
        before.opening.locked,
        before.opening.changes,
    ) == (after.opening.open, after.opening.locked, after.opening.changes)
