"""What one place's gateways decide by: the access list and its parts. No names, no card numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from access.schedules import Schedule

CardStatus = Literal["active", "suspended", "lost", "expired", "returned"]
MemberStatus = Literal["active", "suspended"]
Side = Literal["in", "out"]
Reason = Literal[
    "granted",
    "unknown_card",
    "card_suspended",
    "card_lost",
    "card_expired",
    "card_returned",
    "member_suspended",
    "no_right_here",
    "outside_schedule",
    "place_closed",
    "pass_not_started",
    "pass_ended",
    "pass_used_up",
    "booking_required",
    "anti_passback",
    "space_full",
    "pin_required",
    "wrong_pin",
    "too_many_tries",
    "lockdown",
    "list_too_old",
    "reader_fault",
]
"""The closed vocabulary of design.md, in the order of the database's numbers (a test holds them together)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """Something a member may open, from ``valid_from`` until just before ``valid_until`` (aware; None: no limit)."""

    doors: frozenset[str] | None
    """None: every door of the place."""
    schedule: Schedule | None
    """None: at any hour."""
    valid_from: datetime | None = None
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A person, by reference only, and what that person may open here."""

    ref: str
    status: MemberStatus
    rights: tuple[Right, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A card of a member. Several cards share one ``Member``."""

    token: str
    member: Member
    status: CardStatus
    valid_from: datetime | None = None
    valid_until: datetime | None = None

    @property
    def rights(self) -> tuple[Right, ...]:
        """What its member may open."""
        return self.member.rights


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessList:
    """All that one place decides by, as of ``made_at`` (aware)."""

    place: str
    version: int
    made_at: datetime
    time_zone: str
    entries: Mapping[str, Entry]
    """By card token."""
    max_age_s: int | None = None
    """Older than this it opens nothing but egress; None: it never grows too old."""
    opening_hours: Schedule | None = None
    """Outside of these no right opens a door; None: the place has no such hours."""
    lockdown: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What decisions depend on beside the list: the gateway's own."""

    lockdown: bool = False
    """A lockdown ordered at the place itself or by a command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What came of a card at a door: granted or denied, with exactly one reason and the rule that caused it."""

    granted: bool
    reason: Reason
    rule: str
    """The part of the list or of the code that decided: ``egress``, ``list``, ``card``, ``member``, ``lockdown``,
    ``right``, ``opening_hours``, ``reader``."""
    member: str | None = None
    """The member's reference, where the card is known."""
