"""Decides past card reads twice, by today's rules and by changed ones. Pure; it may run for seconds.

Each set of rules has its own state, as a gateway would: people who were let in are inside, and so on. Typed PINs aren't
stored: a person who wasn't refused for the PIN is assumed to have typed the right one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from access.aftermath import after, forget
from access.decision import decide
from access.model import AccessList, Decision, State
from access.schedules import zone_named
from api.explain.card_reads import StoredCardRead, passages
from api.explain.steps import typed
from api.http.models import time_of

MOST_TOLD: Final = 100
_BREATH: Final = 16
"""Card reads between two pauses for other threads: about half a millisecond."""
_NIGHT: Final = timedelta(hours=14)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A card read that the changed rules decide differently."""

    read: StoredCardRead
    was: Decision
    becomes: Decision


@dataclass(slots=True, kw_only=True)
class Outcome:
    """The counts of all card reads."""

    reads: int = 0
    refused: int = 0
    """Let in by today's rules, and refused by the changed ones."""
    let_in: int = 0
    otherwise: int = 0
    """Refused by both, for different reasons."""
    unlike: int = 0
    """Card reads that today's rules decide differently from the gateway at the time."""
    by_reason: Counter[str] = field(default_factory=Counter)
    by_hour: Counter[int] = field(default_factory=Counter)
    by_member: Counter[str] = field(default_factory=Counter)
    first: list[Difference] = field(default_factory=list)


class _Rules:
    """One set of rules with its own state."""

    __slots__ = ("decisions", "fresh", "max_age_s", "remembers", "state")

    def __init__(self, access_list: AccessList) -> None:
        self.max_age_s = access_list.max_age_s
        self.remembers = _asks_memory(access_list)
        self.fresh = replace(access_list, max_age_s=None)  # a list had the age in its event
        self.state = State()
        self.decisions: dict[tuple[int, int], Decision] = {}

    def decide(self, one: StoredCardRead, *, taken: bool) -> Decision:
        held = self.fresh
        if self.max_age_s is not None and (one.list_age_s or 0) > self.max_age_s:
            held = replace(held, max_age_s=0, made_at=one.at - timedelta(seconds=one.list_age_s or 0))
        key = (one.stream, one.seq)
        decision = self.decisions.pop(key, None)  # decided before its contact reported
        if decision is None:
            decision = decide(
                held, one.card, one.door, one.side, one.at, state=self.state, pin=typed(held, one.card, one.reason),
                by=one.by, fault=one.attempt.fault,
            )  # fmt: skip
            if not taken:
                self.decisions[key] = decision
        if self.remembers:
            self.state = after(decision, one.attempt, held, self.state, taken=taken)
        return decision


def _asks_memory(access_list: AccessList) -> bool:
    """Whether any rule of the list depends on earlier events; if not, the state isn't needed."""
    doors, spaces = access_list.rules.doors.values(), access_list.rules.spaces.values()
    return (
        any(door.pin or door.passback != "off" or door.supervised or door.first_card for door in doors)
        or any(space.limit is not None for space in spaces)
        or any(right.terms.allowance for entry in access_list.entries.values() for right in entry.rights)
    )


def decide_again(
    reads: Sequence[StoredCardRead],
    now: AccessList,
    other: AccessList,
    *,
    breathe: Callable[[], None],
) -> Outcome:
    """Decide ``reads``, in order, by both lists; ``breathe`` is called every half a millisecond."""
    outcome = Outcome()
    sides = (_Rules(now), _Rules(other))
    zone = zone_named(now.time_zone)
    day: date | None = None
    seen: set[tuple[int, int]] = set()
    for index, (one, taken) in enumerate(passages(reads)):
        if index % _BREATH == 0:
            breathe()
        local = one.at.astimezone(zone)
        if local.date() != day:
            day = local.date()
            for side in sides:  # as gateways do each night
                midnight = datetime.combine(day, time(), zone)
                side.state = forget(side.state, midnight - _NIGHT, side.fresh.rules)
        was, becomes = sides[0].decide(one, taken=taken), sides[1].decide(one, taken=taken)
        if (one.stream, one.seq) in seen:
            continue
        if not taken:
            seen.add((one.stream, one.seq))
        outcome.reads += 1
        outcome.unlike += was.granted != one.granted
        if was.granted == becomes.granted and was.reason == becomes.reason:
            continue
        _count(outcome, one, was, becomes, local.hour)
    return outcome


def _count(outcome: Outcome, one: StoredCardRead, was: Decision, becomes: Decision, hour: int) -> None:
    if was.granted == becomes.granted:
        outcome.otherwise += 1
        return
    if was.granted:
        outcome.refused += 1
        outcome.by_reason[becomes.reason] += 1
    else:
        outcome.let_in += 1
        outcome.by_reason["granted"] += 1
    outcome.by_hour[hour] += 1
    outcome.by_member[becomes.member or one.member or ""] += 1
    if len(outcome.first) < MOST_TOLD:
        outcome.first.append(Difference(read=one, was=was, becomes=becomes))


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """Format the counts and the first card reads that differ."""
    return {
        "readings": outcome.reads,
        "would_be_refused": outcome.refused,
        "would_be_let_in": outcome.let_in,
        "other_reason": outcome.otherwise,
        "differs_from_then": outcome.unlike,
        "by_reason": dict(outcome.by_reason.most_common()),
        "by_hour": {f"{hour:02d}": count for hour, count in sorted(outcome.by_hour.items())},
        "members": len(outcome.by_member),
        "by_member": dict(outcome.by_member.most_common(MOST_TOLD)),
        "first": [_difference(one) for one in outcome.first],
    }


def _difference(one: Difference) -> dict[str, Any]:
    return {
        "stream": one.read.stream,
        "seq": one.read.seq,
        "at": time_of(one.read.at),
        "door": one.read.door,
        "member": one.becomes.member or one.read.member,
        "then": one.read.reason,
        "now": one.was.reason,
        "would_be": one.becomes.reason,
        "rule": one.becomes.rule,
    }
