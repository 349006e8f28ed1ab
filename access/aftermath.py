"""What a decision leaves behind: the gateway's next state. Pure; the mappings of the old state are left as they are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from access.brakes import right_pin, unknown, wrong_pin
from access.case import asks_pin, in_utc
from access.guest_qr import QrFault
from access.model import AccessList, By, Decision, Entry, Side, State
from access.passes import needed, stay
from access.rules import DOOR, NO_RULES, Allowance, DoorRules, PlaceRules
from access.schedules import Period, zone_named
from access.state import Movement

_NOTHING: Final[frozenset[int]] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A card, PIN or code presented at a door: the question that ``decide`` answers."""

    card_token: str | None
    door: str
    side: Side
    at: datetime
    by: By = "card"
    fault: QrFault | None = None
    """Of a guest's QR."""

    def __post_init__(self) -> None:
        if self.at.tzinfo is not UTC:
            object.__setattr__(self, "at", in_utc(self.at))


def after(
    decision: Decision, attempt: Attempt, access_list: AccessList | None, state: State, *, taken: bool = True
) -> State:
    """Return the state after ``decision``; the same object where nothing changes.

    Wrong tries count at once. Where somebody is, what a pass has used and a first card count once the door was passed.

    Args:
        taken: False where the door's contact will tell: ``passed`` gives the state when it does. True where there is no
            contact, and a grant is all that will ever be known.
    """
    return passed(decision, attempt, access_list, _tried(decision, attempt, access_list, state), taken=taken)


def passed(
    decision: Decision, attempt: Attempt, access_list: AccessList | None, state: State, *, taken: bool = True
) -> State:
    """Return the state after the door was passed (``taken``), or is about to be, by ``decision``."""
    if not decision.granted or decision.member is None or access_list is None:
        return state
    entry = access_list.entries.get(attempt.card_token) if attempt.card_token is not None else None
    if entry is None:
        return state
    door = access_list.rules.doors.get(attempt.door, DOOR)
    if not taken:
        there = _movement(decision, attempt, door, entry, state)
        return state if there.space is None else replace(state, unseen={**state.unseen, entry.member.ref: there})
    zone = zone_named(access_list.time_zone)
    if attempt.side == "in":
        state = _entered(decision, attempt, entry, state, zone)
    elif door.from_space is None:
        state = _left(attempt, entry, state)
    if decision.host and attempt.side == "in":
        period = _open_period(access_list, door, attempt.at, zone)
        if period is not None:
            state = replace(state, held_open={**state.held_open, attempt.door: period})
    if door.to_space is None:
        return state
    return _moved(state, access_list.rules, entry.member.ref, _movement(decision, attempt, door, entry, state))


def seen(state: State, member: str | None, at: datetime) -> State:
    """Return the state after ``member``, let in at ``at`` and counted at once, was seen to pass."""
    there = state.unseen.get(member) if member is not None else None
    if there is None or there.at != at:
        return state
    return replace(state, unseen={ref: one for ref, one in state.unseen.items() if ref != member})


def undone(
    state: State, before: State, member: str, pass_ref: str | None, rules: PlaceRules = NO_RULES, *, moved: bool
) -> State:
    """Return ``state`` as if ``member``'s grant, which was decided on in ``before``, had not counted.

    Args:
        before: what of it tells of this member and this pass is enough.
        moved: undo where the member went, too, and not only what the pass has used.
    """
    if pass_ref is not None:
        used = {ref: slots for ref, slots in state.used.items() if ref != pass_ref}
        state = replace(state, used=used | {ref: slots for ref, slots in before.used.items() if ref == pass_ref})
    return _moved(state, rules, member, before.movements.get(member)) if moved else state


def is_evacuated(state: State, door: str) -> bool:
    """Return whether ``door`` shall stand open because of an evacuation."""
    return state.evacuation or door in state.evacuated_doors


def stands_open(access_list: AccessList | None, door: str, at: datetime, state: State) -> bool:
    """Return whether ``door`` shall stand open at ``at``: an evacuation, else no lockdown and a first card's period.

    A first card leaves a door open only while its place is open.
    """
    if is_evacuated(state, door):
        return True
    if access_list is None or access_list.lockdown or state.lockdown or door in state.locked_doors:
        return False
    rules = access_list.rules.doors.get(door, DOOR)
    held = state.held_open.get(door)
    if held is None or rules.locked:
        return False
    return _open_period(access_list, rules, at, zone_named(access_list.time_zone)) == held


def slots_used(before: State, after: State) -> tuple[str, tuple[int, ...]] | None:
    """Return the pass that an attempt used and the slots that it began, sorted; None: nothing was used."""
    if after.used is before.used:
        return None
    for ref, slots in after.used.items():
        new = slots - before.used.get(ref, _NOTHING)
        if new:
            return ref, tuple(sorted(new))
    return None


def forget(state: State, before: datetime, rules: PlaceRules = NO_RULES) -> State:
    """Return the state without what was read before ``before``: who never badged out isn't inside for ever.

    The use of passes stays: it ends with its pass (``prune``).
    """
    for ref, one in list(state.movements.items()):
        if one.at < before:
            state = _moved(state, rules, ref, None)
    unseen = {ref: one for ref, one in state.unseen.items() if one.at >= before}
    tries = {key: one for key, one in state.tries.items() if one.last_at >= before}
    if len(tries) == len(state.tries) and len(unseen) == len(state.unseen):
        return state
    return replace(state, tries=tries, unseen=unseen)


def prune(state: State, access_list: AccessList) -> State:
    """Return the state without uses that ``access_list`` contains: the centre has counted them."""
    told: dict[str, frozenset[int]] = {}
    for entry in access_list.entries.values():
        for right in entry.member.rights:
            if right.pass_ref is not None and right.pass_ref in state.used:
                told[right.pass_ref] = told.get(right.pass_ref, _NOTHING).union(right.used)
    left = {ref: slots - told[ref] for ref, slots in state.used.items() if ref in told}
    return replace(state, used={ref: slots for ref, slots in left.items() if slots})


def _open_period(access_list: AccessList, door: DoorRules, at: datetime, zone: ZoneInfo) -> tuple[date, Period] | None:
    """Return the period that a first card leaves ``door`` open for: none while the place is closed."""
    hours = access_list.opening_hours
    if door.first_card is None or (hours is not None and not hours.covers(at, zone)):
        return None
    return door.first_card.period_at(at, zone)


def _tried(decision: Decision, attempt: Attempt, access_list: AccessList | None, state: State) -> State:
    member = decision.member
    if decision.reason == "wrong_pin" and member is not None:
        return wrong_pin(state, member, attempt.at)
    if decision.reason == "unknown_card" and attempt.by != "qr":
        return unknown(state, attempt.door, attempt.by, attempt.card_token, attempt.at)
    if not decision.granted or attempt.side == "out" or member is None or access_list is None:
        return state
    rules = access_list.rules.doors.get(attempt.door, DOOR)
    if rules.pin and asks_pin(rules, attempt.at, zone_named(access_list.time_zone)):
        return right_pin(state, member)
    return state


def _entered(decision: Decision, attempt: Attempt, entry: Entry, state: State, zone: ZoneInfo) -> State:
    """Use what the pass that opened counts for an entry."""
    ref, found = decision.pass_ref, _allowance(entry, decision.pass_ref)
    if ref is None or found is None:
        return state
    allowance, told = found
    here = state.used.get(ref, _NOTHING)
    slot = needed(allowance, told | here, attempt.at, zone)
    return state if slot is None else replace(state, used={**state.used, ref: here | {slot}})


def _left(attempt: Attempt, entry: Entry, state: State) -> State:
    """Use the further hours of a stay that ends here, where its pass counts hours."""
    last = state.movements.get(entry.member.ref)
    if last is None or last.entered_at is None or last.pass_ref is None:
        return state
    found = _allowance(entry, last.pass_ref)
    if found is None or found[0].unit != "hour":
        return state
    here = state.used.get(last.pass_ref, _NOTHING)
    more = stay(found[1] | here, last.entered_at, attempt.at) - found[1]
    return replace(state, used={**state.used, last.pass_ref: more | here})


def _allowance(entry: Entry, pass_ref: str | None) -> tuple[Allowance, frozenset[int]] | None:
    for right in entry.member.rights:
        if right.pass_ref == pass_ref and right.terms.allowance is not None:
            return right.terms.allowance, frozenset(right.used)
    return None


def _movement(decision: Decision, attempt: Attempt, door: DoorRules, entry: Entry, state: State) -> Movement:
    last = state.movements.get(entry.member.ref)
    # Who enters from outside begins a new stay, also where the end of the last one was not read.
    inside = last is not None and last.space is not None and door.from_space is not None
    space = door.to_space if attempt.side == "in" else door.from_space
    if space is None:
        return Movement(space=None, door=attempt.door, at=attempt.at)
    entered_at = last.entered_at if last is not None and inside else attempt.at
    pass_ref = last.pass_ref if last is not None and inside else None
    return Movement(
        space=space,
        door=attempt.door,
        at=attempt.at,
        entered_at=entered_at,
        host=decision.host or (last is not None and inside and last.host),
        pass_ref=pass_ref or decision.pass_ref,
    )


def _moved(state: State, rules: PlaceRules, member: str, to: Movement | None) -> State:
    """Move ``member`` to ``to`` (None: no longer tracked) and count the spaces left and entered; never below 0."""
    last = state.movements.get(member)
    left = set(rules.within(last.space)) if last is not None else set()
    entered = set(rules.within(to.space)) if to is not None else set()
    counts = dict(state.counts)
    for space in left - entered:
        counts[space] = max(0, counts.get(space, 0) - 1)
    for space in entered - left:
        counts[space] = counts.get(space, 0) + 1
    movements = dict(state.movements)
    movements.pop(member, None)
    if to is not None:
        movements[member] = to
    unseen = state.unseen
    if member in unseen:
        unseen = {ref: one for ref, one in unseen.items() if ref != member}
    hosts = state.hosts + (to is not None and to.host) - (last is not None and last.host)
    return replace(state, movements=movements, unseen=unseen, counts=counts, hosts=max(0, hosts))
