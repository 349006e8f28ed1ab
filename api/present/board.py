"""The board: the current state of the network in memory, aged by the clock and prepared as bytes.

Pure: rows, gateways and the time are arguments; nothing here waits, reads or writes. The *published* state of a place
is one ``View`` with its numbers and one for answers without a key (``occupancy.public``), each in its own ledger.
Each publication has the next number of its ledger, so that the changes since number n are the last views in order of
publication. A stream client is only such a number: a slow one costs no memory, and when it reads again it gets the
current state of each changed place once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from api.present.booked import Booked, BookingsByPlace
from api.present.ledger import Ledger
from api.present.network import Network, Place, Space
from api.present.occupancy import GatewayState, Occupancy, SpaceState, occupancy_of
from api.present.opening import Opening, opening_of
from api.present.seats import Seats, seats_of
from api.present.view import View
from api.present.withheld import public_occupancies
from occupancy.staleness import SECOND, believed_until, complete_until, true_as_of

_NEVER: Final = 2**63
_REFRESH_PARTS: Final = 4
"""A place whose number doesn't change is published again each time a quarter of its ``ttl`` has passed."""


class Board:
    """The current state of every space of the network."""

    def __init__(self, *, boot: str) -> None:
        self.network = Network()
        self.full: Final = Ledger(boot=boot, public=False)
        self.public: Final = Ledger(boot=boot, public=True)
        """For answers without a key."""
        self._states: dict[int, SpaceState] = {}
        self._complete: dict[int, int] = {}
        self._gateways: dict[int, GatewayState] = {}
        self._bookings = BookingsByPlace()
        self._openings: dict[int, tuple[Place, Opening, int]] = {}
        self._due_at: dict[int, int] = {}
        """When time alone changes the view of a place: a number becomes stale, it closes, a booking begins."""
        self._next_due = _NEVER

    # Input

    def set_network(self, network: Network, now: int) -> None:
        """Replace the places and publish them."""
        self.network = network
        for ledger in (self.full, self.public):
            ledger.set_network(network)
        for gone in self._due_at.keys() - network.by_id.keys():
            self._due_at.pop(gone)
            self._openings.pop(gone, None)
        for place in network.places:
            # its free seats may change without a row of its spaces: by a lockdown or other hours
            self._publish(place, now=now, changed=now if self.full.latest(place) else None)

    def set_bookings(self, bookings: BookingsByPlace, now: int) -> None:
        """Replace the bookings and publish their places."""
        touched = self._bookings.differ(bookings)
        self._bookings = bookings
        self._publish_all(touched, now)

    def put_bookings(self, places: Iterable[int], bookings: BookingsByPlace, now: int) -> None:
        """Replace the bookings of some places and publish them."""
        touched = set(places)
        self._bookings.put(touched, bookings)
        self._publish_all(touched, now)

    def load(self, states: Iterable[SpaceState], gateways: Iterable[GatewayState], now: int) -> None:
        """Replace all states, after the start and after each reconnection."""
        self._states = {state.space: state for state in states}
        self._complete.clear()
        self._gateways.clear()
        for gateway in gateways:
            self._hear(gateway)
        for state in self._states.values():
            self.full.seen = max(self.full.seen, min(state.changed, now))
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
            self.full.seen = max(self.full.seen, min(changed, now))
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
            self.full.seen = max(self.full.seen, min(gateway.heard, now))
            place = self.network.by_id.get(gateway.place)
            if place is None:
                continue
            view = self.full.latest(place)
            if view is None or self._refresh_due(place, view):
                self._publish(place, now=now, changed=gateway.heard)
            else:
                self._publish_public(place, now)
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
        """Return the view, with its numbers, of the place ``code`` at ``now``; None: there is no such place."""
        self.age(now)
        place = self.network.by_code.get(code)
        return self.full.latest(place) if place else None

    def offline(self, place: Place) -> int:
        """Return how many gateways of ``place`` aren't connected, those that never were left out."""
        return sum(1 for one in place.gateways if (state := self._gateways.get(one)) is not None and not state.online)

    def booked(self, place: Place) -> Booked:
        """Return the bookings of ``place``, now and later."""
        return self._bookings.of(place.id)

    # Internal

    def _publish_all(self, places: Iterable[int], now: int) -> None:
        for number in places:
            place = self.network.by_id.get(number)
            if place is not None:
                self._publish(place, now=now, changed=now if self.full.latest(place) else None)

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
        public = self.public.latest(view.place)
        for _, occupancy in () if public is None else public.occupancies:
            if occupancy.at is not None and occupancy.quality in ("live", "degraded"):
                due_at = min(due_at, believed_until(occupancy.at, occupancy.ttl_s) + 1)
        self._due_at[view.place.id] = due_at
        self._next_due = min(self._next_due, due_at)

    def _publish(self, place: Place, *, now: int, changed: int | None) -> None:
        complete = self._complete_until(place)
        occupancies = tuple(
            (space, occupancy_of(self._states.get(space.id), space, complete=complete, now=now))
            for space in place.spaces
        )
        seats = self._seats(place, occupancies, now)
        view = self.full.publish(
            place, occupancies, seats, lambda: self._changed(occupancies, seats) if changed is None else changed
        )
        self._publish_public(place, now)
        self._expect(view)

    def _publish_public(self, place: Place, now: int) -> None:
        """Publish what answers without a key say, if that has changed: not when the numbers behind it do."""
        states = [(space, self._states.get(space.id)) for space in place.spaces]
        occupancies = public_occupancies(place, states, complete=self._complete_until(place), now=now)
        number = self.public.number
        self.public.publish(place, occupancies, self._seats(place, occupancies, now), lambda: now)
        if self.public.number != number:
            self.public.seen = max(self.public.seen, now)

    def _seats(self, place: Place, occupancies: tuple[tuple[Space, Occupancy], ...], now: int) -> Seats:
        return seats_of(place, occupancies, self._bookings.of(place.id), self._opening(place, now), now)

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
