"""What the appointments of a calendar ask for, compared with what became of them so far: book, move, cancel, keep."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

Key = tuple[str, str, str]
"""UID, recurrence and target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Appointment:
    """One appointment, or one occurrence of one that repeats (RFC 5545), at one address of ours."""

    uid: str
    recurrence: str
    """RECURRENCE-ID in UTC; empty: it doesn't repeat."""
    target: str
    """What the address names: a place, or a space or a resource of it."""
    address: str
    """The address, as the calendar writes it."""
    sequence: int
    stamp: datetime
    starts: datetime
    ends: datetime
    cancelled: bool = False

    @property
    def key(self) -> Key:
        """What names it for ever."""
        return self.uid, self.recurrence, self.target


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What became of an appointment."""

    key: Key
    sequence: int
    stamp: datetime
    starts: datetime
    ends: datetime
    """When the calendar had it."""
    booking: str | None
    """None: it was refused, or the booking is deleted."""
    holds: tuple[datetime, datetime] | None
    """When the booking is; None: it holds nothing any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What to do for one appointment."""

    act: Literal["book", "move", "cancel"]
    key: Key
    appointment: Appointment | None
    """None: the calendar doesn't have it any more."""
    kept: Kept | None


def steps_of(wanted: Iterable[Appointment], kept: Iterable[Kept], *, whole: bool, now: datetime) -> list[Step]:
    """Return what to do, cancellations first, so that an appointment can take the time that another one leaves.

    What is over, older than what is known (RFC 5546: by SEQUENCE, then DTSTAMP), or done already, asks for nothing.
    With ``whole`` an appointment that is known and not wanted any more is cancelled.
    """
    known = {one.key: one for one in kept}
    found: list[Step] = []
    seen: set[Key] = set()
    for one in wanted:
        if one.key in seen:
            continue
        seen.add(one.key)
        before = known.get(one.key)
        act = _act(one, before, now)
        if act is not None:
            found.append(Step(act=act, key=one.key, appointment=one, kept=before))
    if whole:
        found += [
            Step(act="cancel", key=key, appointment=None, kept=one)
            for key, one in known.items()
            if key not in seen and one.holds is not None and one.holds[1] > now
        ]
    return sorted(found, key=lambda step: step.act != "cancel")


def _act(one: Appointment, before: Kept | None, now: datetime) -> Literal["book", "move", "cancel"] | None:
    if before is not None and (one.sequence, one.stamp) < (before.sequence, before.stamp):
        return None
    holds = None if before is None else before.holds
    if one.cancelled:
        return "cancel" if holds is not None and holds[1] > now else None
    if one.ends <= now:
        return None
    if before is None:
        return "book"
    same = (one.sequence, one.stamp) == (before.sequence, before.stamp)
    moved = (one.starts, one.ends) != (before.starts, before.ends)
    if holds is None:
        # its holder cancelled the booking: only a change of the appointment books again
        return "book" if moved or (not same and before.booking is None) else None
    return "move" if holds != (one.starts, one.ends) and (moved or not same) else None


def appointment_json(one: Appointment) -> dict[str, Any]:
    """Return an appointment as the database keeps it until it is done."""
    return {
        "uid": one.uid,
        "recurrence": one.recurrence,
        "target": one.target,
        "address": one.address,
        "sequence": one.sequence,
        "stamp": one.stamp.isoformat(),
        "starts": one.starts.isoformat(),
        "ends": one.ends.isoformat(),
        "cancelled": one.cancelled,
    }


def appointment_from(row: Mapping[str, Any]) -> Appointment:
    """Read what ``appointment_json`` wrote."""
    times = {name: datetime.fromisoformat(row[name]) for name in ("stamp", "starts", "ends")}
    return Appointment(**{**row, **times})
