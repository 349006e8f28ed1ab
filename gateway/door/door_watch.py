"""Follows one door's contact and grants: which grants were taken, a forced door, a door held open. Pure.

Times are µs since 1970 by the gateway's clock, as in events.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from gateway.contract.wire import AccessTakenEvent, DeviceEvent, DoorEvent, Event

GRACE_S: Final = 2.0
"""A door that opens this long after its lock has closed again still counts as opened by the grant."""
UNSURE_AGAIN_US: Final = 86_400_000_000
"""An opening without a grant may be a person leaving by the handle: it is reported once in this time."""
NEVER_TAKEN: Final = 5
"""After this many grants in a row that were not taken, the contact, which reports a closed door, isn't believed."""
HELD_AGAIN_US: Final = 900_000_000
"""A held door is reported again after this time, until it is closed: the first alarm may be acknowledged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grant:
    device: str
    at: int
    until: int
    who: str | None
    awaited: bool
    """Whether it is reported if it was not taken."""


class DoorWatch:
    """One door. Without a contact it reports nothing."""

    def __init__(self, *, unlock_s: float, held_after_s: float, sees_egress: bool) -> None:
        """Begin with the door's state unknown.

        Args:
            unlock_s: how long the lock stays open after a grant.
            held_after_s: open for longer than this, the door is held.
            sees_egress: there is a reader on the inside. Without one, an opening without a grant may be a person
                leaving by the handle, and is never reported as forced. With one it is reported each time while the
                place is empty, else once a day: people inside may use the handle all the same.
        """
        self.set_times(unlock_s=unlock_s, held_after_s=held_after_s, sees_egress=sees_egress)
        self._open: bool | None = None
        self._opened_at = 0
        self._opened_by = ""
        self._held_reported_at: int | None = None
        self._grants: list[_Grant] = []
        self._through: set[str] = set()
        """Who went through since the door was opened."""
        self._contact = ""
        self._untaken = 0
        """Grants in a row that were not taken."""
        self._unsure_reported_at: int | None = None
        self._stands_open = False
        self._excused_until = 0
        self.unexplained = 0
        """Openings so far without a grant: by the handle, by force, or while it stood open."""

    def set_times(self, *, unlock_s: float, held_after_s: float, sees_egress: bool) -> None:
        """Follow a new configuration: what has begun ends as it began."""
        self._grace_us = round((unlock_s + GRACE_S) * 1e6)
        self._held_us = round(held_after_s * 1e6)
        self._sees_egress = sees_egress

    @property
    def reports(self) -> bool:
        """Whether it has a contact whose state is known."""
        return self._open is not None

    @property
    def believed(self) -> bool:
        """Whether it has a contact that is believed: a grant then counts as an entry when the contact opens."""
        return self._open is not None and self._untaken < NEVER_TAKEN

    @property
    def is_open(self) -> bool:
        """Whether the contact is open."""
        return self._open is True

    def lost(self, device: str) -> None:
        """Device ``device`` fell silent: if it is the contact, the door's state is unknown until it reports again."""
        if device == self._contact:
            self._open, self._untaken = None, 0
            self._through.clear()

    def unlocked(self, at: int) -> None:
        """The lock was opened at ``at`` without a card: the next opening isn't forced."""
        self._excused_until = max(self._excused_until, at + self._grace_us)

    def stands_open(self, at: int, *, on: bool) -> None:
        """The door begins (or ends) to be held open by order: it is then neither forced nor held."""
        if on != self._stands_open:
            self._stands_open = on
            self._opened_at, self._held_reported_at = at, None
        if on:
            self.unlocked(at)

    def went_through(self, who: str) -> bool:
        """Return whether the door is open and ``who`` went through already since it was opened."""
        return who in self._through

    def granted(self, device: str, at: int, who: str | None = None) -> tuple[Event, ...]:
        """Reader ``device`` opened the door at ``at`` for ``who``; if the door is open, the grant is taken at once.

        An opening takes one grant of each person: an earlier untaken grant of ``who`` never will be.
        """
        if self._open is None:
            return ()  # without a known contact there is nothing to wait for
        if self._open:
            if who is not None:
                self._through.add(who)
            return (_taken(device, at, at),)
        instead = [grant for grant in self._grants if who is not None and grant.who == who]
        self._grants = [grant for grant in self._grants if grant not in instead]
        self._grants.append(_Grant(device=device, at=at, until=at + self._grace_us, who=who, awaited=self.believed))
        return self._ended(instead, at)

    def opened_again(self, device: str, granted_at: int, at: int) -> bool:
        """The lock was opened again for the same grant, which waits from now on. False: it isn't waiting any more."""
        for number, grant in enumerate(self._grants):
            if (grant.device, grant.at) == (device, granted_at):
                self._grants[number] = replace(grant, until=at + self._grace_us)
                return True
        return False

    def contact(self, device: str, at: int, *, is_open: bool, anyone_inside: bool = False) -> tuple[Event, ...]:
        """Return the events that follow when the door opens or closes, beside the driver's own event.

        Args:
            anyone_inside: an opening without a grant may be a person leaving by the handle.
        """
        if is_open == self._open:
            return ()
        first, self._open, self._contact = self._open is None, is_open, device
        self._through.clear()
        if not is_open:
            return ()
        self._opened_at, self._opened_by, self._held_reported_at, self._untaken = at, device, None, 0
        takes = [grant for grant in self._grants if at <= grant.until]
        self._through.update(grant.who for grant in takes if grant.who is not None)
        events = tuple(_taken(grant.device, grant.at, at) for grant in takes)
        if not events and not first:
            self.unexplained += 1
            if self._sees_egress and at > self._excused_until:
                events = self._forced(device, at, unsure=anyone_inside)
        self._grants = [grant for grant in self._grants if at > grant.until]
        return events

    def tick(self, at: int) -> tuple[Event, ...]:
        """Return the events that are due: grants that were not taken, a door that is held open."""
        events = list(self._ended([grant for grant in self._grants if at > grant.until], at))
        self._grants = [grant for grant in self._grants if at <= grant.until]
        if self._open and not self._stands_open and self._is_held(at):
            self._held_reported_at = at
            events.append(DoorEvent(kind="door", at=at, device=self._opened_by, state="held"))
        return tuple(events)

    def _forced(self, device: str, at: int, *, unsure: bool) -> tuple[Event, ...]:
        event = DoorEvent(kind="door", at=at, device=device, state="forced")
        if unsure:
            if self._unsure_reported_at is not None and 0 <= at - self._unsure_reported_at < UNSURE_AGAIN_US:
                return ()
            self._unsure_reported_at, event["unsure"] = at, True
        return (event,)

    def _ended(self, grants: list[_Grant], at: int) -> tuple[Event, ...]:
        """Return the events of ``grants`` that were not taken, and of a contact that never opens."""
        events: list[Event] = [_not_taken(grant, at) for grant in grants if grant.awaited]
        before, self._untaken = self._untaken, self._untaken + len(grants)
        if before < NEVER_TAKEN <= self._untaken:
            text = f"by this contact, {self._untaken} grants in a row were not taken: is it held shut?"
            events.append(DeviceEvent(kind="device", at=at, device=self._contact, what="fault", text=text))
        return tuple(events)

    def _is_held(self, at: int) -> bool:
        """Return whether a held door is to be reported (again)."""
        if self._held_reported_at is None:
            return at - self._opened_at > self._held_us
        return at - self._held_reported_at > HELD_AGAIN_US

    def clock_stepped(self, by_us: int) -> None:
        """The clock jumped: pending times move with it, or a grant would end (or never end) because of the jump."""
        self._opened_at += by_us
        if self._held_reported_at is not None:
            self._held_reported_at += by_us
        if self._unsure_reported_at is not None:
            self._unsure_reported_at += by_us
        self._excused_until += by_us
        self._grants = [replace(grant, until=grant.until + by_us) for grant in self._grants]


def _taken(device: str, access_at: int, at: int) -> Event:
    return AccessTakenEvent(kind="access_taken", at=at, device=device, access_at=access_at)


def _not_taken(grant: _Grant, at: int) -> Event:
    return AccessTakenEvent(kind="access_not_taken", at=at, device=grant.device, access_at=grant.at)
