"""The checks that narrow a member's rights down to those that open this door now.

Rights add up: one that passes them all is enough, in any order. The check that leaves none gives the reason: that of
the right which came furthest.
"""

from __future__ import annotations

from access.case import FAR, Case
from access.model import Decision, Right
from access.passes import admits, needed


def right_here(case: Case) -> Decision | None:
    """Some right opens this door (by an old list: a host's)."""
    _, entry, _ = case.known
    case.rights = [right for right in entry.member.rights if right.doors is None or case.door in right.doors]
    if not case.rights:
        return case.denied("no_right_here", "right")
    if case.hosts_only:
        case.rights = [right for right in case.rights if right.terms.supervises]
        return None if case.rights else case.denied("list_too_old", "list")
    return None


def opening_hours(case: Case) -> Decision | None:
    """The place is open, or a right doesn't ask."""
    held, _, zone = case.known
    if held.opening_hours is None or held.opening_hours.covers(case.at, zone):
        return None
    case.rights = [right for right in case.rights if right.terms.outside_hours]
    return None if case.rights else case.denied("place_closed", "opening_hours")


def validity(case: Case) -> Decision | None:
    """A right has begun and not ended, and no visit was called off."""
    at, before = case.at, case.rights
    case.rights = [
        right
        for right in before
        if (right.valid_from is None or at >= right.valid_from)
        and (right.valid_until is None or at < right.valid_until)
        and right.terms.visitor != "cancelled"
    ]
    if case.rights:
        return None
    to_come = any(
        right.valid_from is not None and at < right.valid_from and right.terms.visitor != "cancelled"
        for right in before
    )
    if all(right.pass_ref is None and right.terms.booked for right in before):  # each is a booking's own right
        return case.denied("booking_required", "booking")
    return case.denied("pass_not_started" if to_come else "pass_ended", "right")


def schedule(case: Case) -> Decision | None:
    """It is within a right's hours."""
    _, _, zone = case.known
    case.rights = [right for right in case.rights if right.schedule is None or right.schedule.covers(case.at, zone)]
    return None if case.rights else case.denied("outside_schedule", "right")


def booking(case: Case) -> Decision | None:
    """A right asks for no booking, or there is one for this door now."""
    _, entry, _ = case.known
    if any(right.terms.booked for right in case.rights) and not any(
        one.start <= case.at < one.end and (one.doors is None or case.door in one.doors)
        for one in entry.member.bookings
    ):
        case.rights = [right for right in case.rights if not right.terms.booked]
    return None if case.rights else case.denied("booking_required", "booking")


def allowance(case: Case) -> Decision | None:
    """Something is left of the pass, or what runs is paid for already."""
    before = case.rights
    case.rights = [right for right in before if right.terms.visitor != "left" and _affords(case, right)]
    if len(case.rights) < len(before):
        # Where a place lets in beyond an allowance, a pass has two rights: by the smaller one it is used up.
        spent = {right.pass_ref for right in before if right.terms.allowance is not None and not _affords(case, right)}
        case.over = frozenset(right.pass_ref for right in case.rights if right.pass_ref in spent)
    return None if case.rights else case.denied("pass_used_up", "allowance")


def _affords(case: Case, right: Right) -> bool:
    allowance = right.terms.allowance
    return allowance is None or admits(allowance, _used(case, right), case.at, case.known[2])


def _used(case: Case, right: Right) -> frozenset[int]:
    here = case.state.used.get(right.pass_ref) if right.pass_ref is not None else None
    return frozenset(right.used) if here is None else here.union(right.used)


def hosts(case: Case) -> bool:
    """Return whether one of the rights that passed is a host's."""
    return any(right.terms.supervises for right in case.rights)


def chosen(case: Case) -> str | None:
    """Return the pass that costs least: not used up, not counted, or already in use for now, or that ends first."""

    def cost(right: Right) -> tuple[bool, bool, float, str]:
        allowance = right.terms.allowance
        costs = allowance is not None and needed(allowance, _used(case, right), case.at, case.known[2]) is not None
        ends = FAR if right.valid_until is None else (right.valid_until - case.at).total_seconds()
        return right.pass_ref in case.over, costs, ends, right.pass_ref or ""

    if len(case.rights) == 1:
        return case.rights[0].pass_ref
    return min(case.rights, key=cost).pass_ref
