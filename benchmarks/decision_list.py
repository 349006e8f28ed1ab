"""An access list as a network of third places would have it, as large as asked for: for measurements."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Final

from access import AccessList, Entry, Member, Right
from access.rules import Allowance, Booking, DoorRules, PlaceRules, SpaceRules, Terms
from access.schedules import DAYS, schedule_from_json

MONDAY: Final = datetime(2026, 3, 23, tzinfo=UTC)
"""The clocks change at the end of this week."""
_KEY: Final = bytes(32)
_HOURS: Final = {day: [["08:00", "12:30"], ["13:30", "19:30"]] for day in DAYS[:5]}
_HOLIDAYS: Final = {"department": "67", "hours": []}
WORK: Final = schedule_from_json({**_HOURS, "sat": [["09:00", "12:00"]], "holidays": _HOLIDAYS})
OPEN: Final = schedule_from_json(
    {
        **{day: [["06:00", "23:00"]] for day in DAYS},
        "closed": [["2026-08-03", "2026-08-16"], ["2026-12-24", "2027-01-03"]],
    }
)
EVENING: Final = schedule_from_json({day: [["19:00", "24:00"]] for day in DAYS})
RULES: Final = PlaceRules(
    doors={
        "entry": DoorRules(to_space="place", passback="timed", passback_s=30, pin=True, pin_while=EVENING),
        "lab": DoorRules(from_space="place", to_space="lab", supervised=WORK),
        "meeting": DoorRules(from_space="place", to_space="meeting"),
    },
    spaces={
        "place": SpaceRules(limit=60),
        "lab": SpaceRules(parent="place", limit=12),
        "meeting": SpaceRules(parent="place"),
    },
)


def a_list(size: int, seed: int = 1) -> AccessList:
    """Make up a list of ``size`` entries; one member in ten has two cards."""
    chance = random.Random(seed)
    entries: dict[str, Entry] = {}
    number = 0
    while len(entries) < size:
        ref = f"m-{number:06x}"
        member = Member(
            ref=ref,
            status="suspended" if chance.random() < 0.01 else "active",
            rights=_rights(number, chance),
            pin=f"{chance.getrandbits(128):032x}",  # as long as a hash: a real one takes 20 ms
            bookings=_bookings(chance) if chance.random() < 0.05 else (),
        )
        for _ in range(2 if chance.random() < 0.1 and len(entries) < size - 1 else 1):
            token = chance.randbytes(32).hex()
            status = chance.choices(("active", "lost", "suspended", "returned"), (95, 2, 1, 2))[0]
            entries[token] = Entry(token=token, member=member, status=status)  # type: ignore[arg-type]
        number += 1
    return AccessList(
        place="gare", version=1, made_at=MONDAY, time_zone="Europe/Paris", max_age_s=30 * 86_400, opening_hours=OPEN,
        rules=RULES, entries=entries,
    )  # fmt: skip


def _rights(number: int, chance: random.Random) -> tuple[Right, ...]:
    ends = MONDAY + timedelta(days=chance.randrange(-10, 300))
    kind = chance.random()
    ref = f"p-{number:06x}"
    if kind < 0.75:
        half_days = Terms(allowance=Allowance(unit="half_day", limit=10 * chance.randrange(1, 4)))
        used = tuple(sorted({2 * MONDAY.toordinal() - chance.randrange(1, 80) for _ in range(chance.randrange(8))}))
        doors = None if chance.random() < 0.7 else frozenset({"entry", "meeting"})
        return (
            Right(doors=doors, schedule=WORK, valid_until=ends, pass_ref=ref, terms=half_days, used=used),
            Right(doors=frozenset({"meeting", "entry"}), schedule=None, pass_ref=ref, terms=Terms(booked=True)),
        )
    if kind < 0.9:
        return (Right(doors=None, schedule=None, valid_until=ends, pass_ref=ref),)
    if kind < 0.93:
        return (Right(doors=None, schedule=None, pass_ref=ref, terms=Terms(supervises=True, outside_hours=True)),)
    visit = MONDAY + timedelta(days=chance.randrange(7))
    terms = Terms(visitor="expected", allowance=Allowance(unit="day", limit=1))
    return (
        Right(
            doors=frozenset({"entry"}), schedule=WORK, valid_from=visit, valid_until=visit + timedelta(days=1),
            pass_ref=ref, terms=terms,
        ),
    )  # fmt: skip


def _bookings(chance: random.Random) -> tuple[Booking, ...]:
    start = MONDAY + timedelta(hours=chance.randrange(7 * 24))
    return (Booking(doors=frozenset({"meeting", "entry"}), start=start, end=start + timedelta(hours=2)),)
