"""The checks behind a decision, one function each, in their order. Each denies, grants, or lets the next one ask.

``access.decision.decide`` runs them until one answers; ``access.explanation`` reports what each of them found: the two
can't differ.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from typing import Final

from access.brakes import door_paused, near, pins_paused
from access.case import FAR, Case, asks_pin, too_old
from access.entitlement import allowance, booking, chosen, hosts, opening_hours, right_here, schedule, validity
from access.model import CardStatus, Decision, Reason

_CARD_REASONS: Final[Mapping[CardStatus, Reason]] = {
    "suspended": "card_suspended",
    "lost": "card_lost",
    "expired": "card_expired",
    "returned": "card_returned",
}


def _egress(case: Case) -> Decision | None:
    if case.side == "in":
        return None
    return Decision(
        granted=True, reason="granted", rule="egress", member=case.entry.member.ref if case.entry is not None else None
    )


def _reader(case: Case) -> Decision | None:
    return case.denied("reader_fault", "reader") if case.token is None else None


def _list(case: Case) -> Decision | None:
    held = case.access_list
    if held is None:
        return case.denied("list_too_old", "list")
    if too_old(held, case.at):
        case.hosts_only = held.rules.hosts_open_when_old
        return None if case.hosts_only else case.denied("list_too_old", "list")
    return None


def _tries(case: Case) -> Decision | None:
    assert case.access_list is not None
    if case.by == "qr":
        return None  # nobody guesses a signature
    if case.by == "card" and case.pin is not None:
        return None  # of a card that was known; its own brake comes with the PIN
    if door_paused(case.state, case.door, case.by, case.access_list.rules, case.at):
        return case.denied("too_many_tries", "tries")
    return None


def _qr(case: Case) -> Decision | None:
    return None if case.fault is None else case.denied(case.fault, "qr")


def _card(case: Case) -> Decision | None:
    entry = case.entry
    if entry is None:
        return case.denied("unknown_card", "card")
    if entry.status != "active":
        return case.denied(_CARD_REASONS[entry.status], "card")
    if entry.valid_until is not None and case.at >= entry.valid_until:
        return case.denied("card_expired", "card")
    if entry.valid_from is not None and case.at < entry.valid_from:
        return case.denied("pass_not_started", "card")
    return None


def _member(case: Case) -> Decision | None:
    _, entry, _ = case.known
    return case.denied("member_suspended", "member") if entry.member.status != "active" else None


def _lockdown(case: Case) -> Decision | None:
    held, _, _ = case.known
    if held.lockdown or case.state.lockdown or case.door_rules.locked or case.door in case.state.locked_doors:
        return case.denied("lockdown", "lockdown")
    return None


def _evacuation(case: Case) -> Decision | None:
    if case.state.evacuation or case.door in case.state.evacuated_doors:
        return case.denied("lockdown", "evacuation")
    return None


def _supervision(case: Case) -> Decision | None:
    _, _, zone = case.known
    hours = case.door_rules.supervised
    if hours is None or case.state.hosts > 0 or hosts(case) or not hours.covers(case.at, zone):
        return None
    return case.denied("place_closed", "supervision")


def _passback(case: Case) -> Decision | None:
    held, entry, _ = case.known
    rules = case.door_rules
    last = case.state.movements.get(entry.member.ref) if rules.passback != "off" else None
    if last is None or rules.to_space is None or rules.to_space not in held.rules.within(last.space):
        return None
    if rules.passback == "soft":
        case.noted = "anti_passback"
        return None
    within_s = FAR if rules.passback == "hard" else rules.passback_s
    return case.denied("anti_passback", "passback") if near(case.at, last.at, within_s) else None


def _limit(case: Case) -> Decision | None:
    held, entry, _ = case.known
    rules = held.rules
    if not rules.spaces:
        return None
    last = case.state.movements.get(entry.member.ref)
    already = rules.within(last.space) if last is not None else ()
    for space in rules.within(case.door_rules.to_space):
        limits = rules.spaces.get(space)
        full = limits is not None and limits.limit is not None and case.state.counts.get(space, 0) >= limits.limit
        if full and space not in already:
            return case.denied("space_full", "limit")
    return None


def _pin(case: Case) -> Decision | None:
    held, entry, zone = case.known
    if not asks_pin(case.door_rules, case.at, zone):
        return None
    if pins_paused(case.state, entry.member.ref, held.rules, case.at):
        return case.denied("too_many_tries", "pin")
    if case.pin is None:
        return case.denied("pin_required", "pin")
    if entry.member.pin is None or not hmac.compare_digest(entry.member.pin, case.pin):
        return case.denied("wrong_pin", "pin")
    return None


def _granted(case: Case) -> Decision | None:
    _, entry, _ = case.known
    pass_ref = chosen(case)
    return Decision(
        granted=True,
        reason="granted",
        rule="right",
        member=entry.member.ref,
        pass_ref=pass_ref,
        noted=case.noted or ("overuse" if pass_ref in case.over else None),
        host=hosts(case),
    )


CHECKS: Final[tuple[tuple[str, Callable[[Case], Decision | None]], ...]] = (
    ("egress", _egress),
    ("reader", _reader),
    ("list", _list),
    ("tries", _tries),
    ("qr", _qr),
    ("card", _card),
    ("member", _member),
    ("lockdown", _lockdown),
    ("evacuation", _evacuation),
    ("right", right_here),
    ("opening_hours", opening_hours),
    ("validity", validity),
    ("schedule", schedule),
    ("booking", booking),
    ("allowance", allowance),
    ("supervision", _supervision),
    ("passback", _passback),
    ("limit", _limit),
    ("pin", _pin),
    ("granted", _granted),
)
"""The PIN comes last: a person who would be refused in any case isn't asked for one."""
