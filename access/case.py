"""One reading at one door, as the checks see it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from access.guest_qr import QrFault
from access.model import AccessList, By, Decision, Entry, Reason, Right, Side, State
from access.rules import DOOR, DoorRules
from access.schedules import zone_named

FAR: Final = timedelta.max.total_seconds()
"""Seconds: longer than anything."""


class Case:
    """One reading at one door, and what the checks have found so far."""

    __slots__ = (
        "access_list", "at", "by", "door", "entry", "fault", "hosts_only", "noted", "over", "pin", "rights", "side",
        "state", "token", "zone",
    )  # fmt: skip

    def __init__(
        self,
        *,
        access_list: AccessList | None,
        token: str | None,
        door: str,
        side: Side,
        at: datetime,
        state: State,
        pin: str | None,
        by: By,
        fault: QrFault | None = None,
    ) -> None:
        self.access_list = access_list
        self.token = token
        self.door = door
        self.side = side
        self.at = at if at.tzinfo is UTC else in_utc(at)
        self.state = state
        self.pin = pin
        self.by = by
        self.fault = fault
        self.entry: Entry | None = None
        if access_list is not None and token is not None:
            self.entry = access_list.entries.get(token)
        self.rights: list[Right] = []
        """Those that have passed so far."""
        self.hosts_only = False
        self.noted: Literal["anti_passback"] | None = None
        self.over: frozenset[str | None] = frozenset()
        """Passes whose allowance is used up and that open all the same."""
        self.zone: ZoneInfo | None = None

    def denied(self, reason: Reason, rule: str) -> Decision:
        """Return the denial for ``reason``."""
        member = self.entry.member.ref if self.entry is not None else None
        return Decision(granted=False, reason=reason, rule=rule, member=member)

    @property
    def known(self) -> tuple[AccessList, Entry, ZoneInfo]:
        """The list, the card's entry and the place's zone, for the checks after ``card``."""
        assert self.access_list is not None and self.entry is not None
        if self.zone is None:
            self.zone = zone_named(self.access_list.time_zone)
        return self.access_list, self.entry, self.zone

    @property
    def door_rules(self) -> DoorRules:
        """The list's rules for this door."""
        return self.access_list.rules.doors.get(self.door, DOOR) if self.access_list is not None else DOOR


def in_utc(at: datetime) -> datetime:
    """Return the same instant in UTC: two times of one local zone compare and subtract by the wall clock alone.

    Raises:
        ValueError: it has no zone.
    """
    if at.tzinfo is None:
        raise ValueError("an instant without a zone")
    return at.astimezone(UTC)


def too_old(access_list: AccessList, at: datetime) -> bool:
    """Return whether the list has passed its age limit; a clock before ``made_at`` makes no list old."""
    return access_list.max_age_s is not None and (at - access_list.made_at).total_seconds() > access_list.max_age_s


def asks_pin(rules: DoorRules, at: datetime, zone: ZoneInfo) -> bool:
    """Return whether a door asks for a PIN at ``at``."""
    return rules.pin and (rules.pin_while is None or rules.pin_while.covers(at, zone))
