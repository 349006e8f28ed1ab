"""Who may open a door, now: the one function that the edge, the API and the tests share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from access.model import AccessList, CardStatus, Decision, Entry, Reason, Right, Side, State
from access.schedules import zone_named

NO_STATE: Final = State()
_CARD_REASONS: Final[Mapping[CardStatus, Reason]] = {
    "suspended": "card_suspended",
    "lost": "card_lost",
    "expired": "card_expired",
    "returned": "card_returned",
}


def decide(
    access_list: AccessList | None,
    card_token: str | None,
    door: str,
    side: Side,
    at: datetime,
    *,
    state: State = NO_STATE,
) -> Decision:
    """Decide on a card at ``door``, at ``at`` (aware, by the edge's clock).

    Egress is always granted, whatever the list, the card or the clock. Otherwise the first that applies is the reason:
    an unreadable card, no list or one too old, the card, its member, a lockdown, no right to this door, the place
    closed, a right not begun or ended, hours. Rights add up: one that opens is enough, in any order.

    Args:
        access_list: None where the gateway holds no valid one: nothing opens but egress.
        card_token: None where the reader could not read the card.
    """
    entry = access_list.entries.get(card_token) if access_list is not None and card_token is not None else None
    member = entry.member.ref if entry is not None else None
    if side == "out":
        return Decision(granted=True, reason="granted", rule="egress", member=member)
    if card_token is None:
        return _denied("reader_fault", "reader", None)
    if access_list is None or too_old(access_list, at):
        return _denied("list_too_old", "list", member)
    if entry is None:
        return _denied("unknown_card", "card", None)
    if entry.status != "active":
        return _denied(_CARD_REASONS[entry.status], "card", member)
    if entry.valid_until is not None and at >= entry.valid_until:
        return _denied("card_expired", "card", member)
    if entry.valid_from is not None and at < entry.valid_from:
        return _denied("pass_not_started", "card", member)
    if entry.member.status != "active":
        return _denied("member_suspended", "member", member)
    if access_list.lockdown or state.lockdown:
        return _denied("lockdown", "lockdown", member)
    return _by_rights(access_list, entry, door, at)


def too_old(access_list: AccessList, at: datetime) -> bool:
    """Return whether the list has passed its age limit; a clock before ``made_at`` makes no list old."""
    return access_list.max_age_s is not None and (at - access_list.made_at).total_seconds() > access_list.max_age_s


def _by_rights(access_list: AccessList, entry: Entry, door: str, at: datetime) -> Decision:
    member = entry.member.ref
    here = [right for right in entry.member.rights if right.doors is None or door in right.doors]
    if not here:
        return _denied("no_right_here", "right", member)
    zone = zone_named(access_list.time_zone)
    if access_list.opening_hours is not None and not access_list.opening_hours.covers(at, zone):
        return _denied("place_closed", "opening_hours", member)
    running = [right for right in here if _running(right, at)]
    if not running:
        to_come = any(right.valid_from is not None and at < right.valid_from for right in here)
        return _denied("pass_not_started" if to_come else "pass_ended", "right", member)
    if all(right.schedule is not None and not right.schedule.covers(at, zone) for right in running):
        return _denied("outside_schedule", "right", member)
    return Decision(granted=True, reason="granted", rule="right", member=member)


def _running(right: Right, at: datetime) -> bool:
    if right.valid_from is not None and at < right.valid_from:
        return False
    return right.valid_until is None or at < right.valid_until


def _denied(reason: Reason, rule: str, member: str | None) -> Decision:
    return Decision(granted=False, reason=reason, rule=rule, member=member)
