"""What one place's gateways decide by: the access list and its parts. No names, no card numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from access.rules import NO_RULES, PLAIN, Booking, PlaceRules, Terms
from access.schedules import Schedule
from access.state import State

__all__ = [
    "AccessList",
    "By",
    "CardStatus",
    "Decision",
    "Entry",
    "Member",
    "MemberStatus",
    "Reason",
    "Right",
    "Side",
    "State",
]

CardStatus = Literal["active", "suspended", "lost", "expired", "returned"]
MemberStatus = Literal["active", "suspended"]
Side = Literal["in", "out"]
By = Literal["card", "code", "qr"]
"""What was presented: a card, a code typed at a keypad (``access.formats.read_code``), or a guest's QR."""
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
    "qr_unsigned",
    "qr_elsewhere",
    "qr_void",
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
    pass_ref: str | None = None
    """The pass that it comes of: rights of one pass use one allowance. Counted terms need one."""
    terms: Terms = PLAIN
    used: tuple[int, ...] = ()
    """Slots of the pass's allowance that the centre knows to be used, anywhere (``access.passes``), sorted. No set: a
    hundred thousand of those weigh more than all the rest of a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A person, by reference only, and what that person may open here."""

    ref: str
    status: MemberStatus
    rights: tuple[Right, ...] = ()
    pin: str | None = None
    """Hash of the PIN (``access.tokens.pin_hash``); None: has none, and opens nothing that asks for one."""
    bookings: tuple[Booking, ...] = ()


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
    rules: PlaceRules = NO_RULES


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What came of a card at a door: granted or denied, with exactly one reason and the rule that caused it."""

    granted: bool
    reason: Reason
    rule: str
    """The check that decided, one of ``access.checks``: ``egress``, ``reader``, ``list``, ``tries``, ``qr``, ``card``,
    ``member``, ``lockdown``, ``evacuation``, ``right``, ``opening_hours``, ``supervision``, ``passback``, ``limit``,
    ``pin``."""
    member: str | None = None
    """The member's reference, where the card is known."""
    pass_ref: str | None = None
    """Of a grant: the pass that opened, where its right names one."""
    noted: Literal["anti_passback", "overuse"] | None = None
    """What a grant overlooked: a soft anti-passback, or a pass that was used up."""
    host: bool = False
    """Of a grant: by a right that supervises."""
