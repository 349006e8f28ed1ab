"""What applying a file would do to a place: made, changed, moved, retired, returned. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from hashlib import sha256
from typing import Any, Final, Literal

from maillage.place.faults import Fault
from maillage.place.model import Device, Fitting, Part, Row, Space, Stored, key_of
from maillage.place.sections import DEVICES, LISTS, PLACE, Section

Action = Literal["make", "change", "move", "retire", "return"]
NEW: Final = "new"
"""What was seen of a place that doesn't exist yet."""
_MOVES: Final = frozenset({"parent", "space", "desk", "door", "from_space", "to_space"})
"""Fields that say where a part is."""
_OTHERS: Final = frozenset({"kind", "driver"})
"""Fields with which a device is another one (``maillage.place.applying``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A field that changes."""

    name: str
    """As in the file."""
    attribute: str
    was: Any
    becomes: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What happens to one part."""

    action: Action
    what: str
    """``place``, ``space`` …"""
    key: str
    part: Any
    """As it will be; of what is retired, as it was."""
    row: Row | None = None
    """As it is in the database."""
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that happens, in the order of the file's sections."""

    wanted: Fitting
    stored: Stored | None
    """What the database held when the plan was made; None: no such place."""
    changes: tuple[Change, ...]
    unlocked: tuple[str, ...] = ()
    """Doors that have a lock now and would have none."""
    unopened: tuple[str, ...] = ()
    """Doors that never had one, with a reader or keypad that could open nothing."""

    @property
    def seen(self) -> str:
        """A short text that stands for what the database held: another one says that it has changed since."""
        return seen(self.stored)

    def of(self, what: str, *actions: Action) -> tuple[Change, ...]:
        """Return the changes of one kind of part, of some actions."""
        return tuple(one for one in self.changes if one.what == what and one.action in actions)


def root_fault(wanted: Fitting, stored: Stored | None) -> Fault | None:
    """Say that the whole place has another code in the database: a code never changes."""
    root, known = wanted.root, None if stored is None else stored.fitting.root
    if root is None or known is None or root.code == known.code or "kind" not in root.origin.lines:
        return None
    return root.origin.fault(f"the whole place is {known.code} in the database, and a code never changes", "code")


def make_plan(wanted: Fitting, stored: Stored | None, *, unlocks: Callable[[str], bool]) -> Plan:
    """Compare what the file wants with what the database holds; ``unlocks`` says of a driver whether it opens locks."""
    if stored is not None:
        wanted = _with_root_of(wanted, stored.fitting)
    changes = [*_place(wanted, stored)]
    for section in LISTS:
        changes += _parts(section, getattr(wanted, section.name), {} if stored is None else stored.rows[section.one])
    before = {} if stored is None else locks(stored.fitting, unlocks)
    after = locks(wanted, unlocks)
    kept = {one.code for one in wanted.doors}
    unlocked = tuple(sorted(door for door in before if door in kept and door not in after))
    idle = tuple(door for door in unopened(wanted, unlocks) if door not in unlocked)
    return Plan(wanted=wanted, stored=stored, changes=tuple(changes), unlocked=unlocked, unopened=idle)


def locks(fitting: Fitting, unlocks: Callable[[str], bool]) -> dict[str, str]:
    """Return by door the device that opens it, as the gateway's configuration has it."""
    found: dict[str, str] = {}
    for one in fitting.devices:
        if one.kind == "reader" and one.door is not None and one.side == "in" and unlocks(one.driver):
            found.setdefault(one.door, key_of(one))
    for one in fitting.devices:
        if one.kind == "lock" and one.door is not None:
            found[one.door] = key_of(one)
    return found


def unopened(fitting: Fitting, unlocks: Callable[[str], bool]) -> tuple[str, ...]:
    """Return the doors that have a reader or a keypad and nothing that opens them."""
    asking = {one.door for one in fitting.devices if one.kind in ("reader", "keypad") and one.door is not None}
    return tuple(sorted(asking - set(locks(fitting, unlocks))))


def seen(stored: Stored | None) -> str:
    """Return a short text that stands for every row of a place and its revision."""
    if stored is None:
        return NEW
    rows = sorted(
        (what, key, row.revision, row.retired) for what, those in stored.rows.items() for key, row in those.items()
    )
    return sha256(repr((stored.id, stored.revision, rows, stored.fitting)).encode()).hexdigest()[:12]


def moved(before: Stored | None, now: Stored | None) -> tuple[str, ...]:
    """Return what has changed in the database between two looks at a place, for people; empty: nothing."""
    if seen(before) == seen(now):
        return ()
    if before is None:
        return ("it has been made",)
    if now is None:
        return ("it is gone",)
    found = ["the place itself"] if (before.revision, before.fitting.place) != (now.revision, now.fitting.place) else []
    for what, rows in now.rows.items():
        was = before.rows[what]
        keys = sorted({*was, *rows}, key=str)
        found += [f"the {what} {key}" for key in keys if was.get(key) != rows.get(key)]
    return tuple(found)


def _place(wanted: Fitting, stored: Stored | None) -> Iterator[Change]:
    place = wanted.place
    if stored is None:
        yield Change(action="make", what=PLACE.one, key=place.code, part=place)
    elif differences := _differences(PLACE, stored.fitting.place, place):
        yield Change(action="change", what=PLACE.one, key=place.code, part=place, differences=differences)


def _parts(section: Section, wanted: tuple[Any, ...], rows: Any) -> Iterator[Change]:
    kept = {key_of(one) for one in wanted}
    for one in wanted:
        key, what = key_of(one), section.one
        row = rows.get(key)
        differences = () if row is None else _differences(section, row.part, one)
        if row is None:
            yield Change(action="make", what=what, key=key, part=one)
        elif row.retired:
            yield Change(action="return", what=what, key=key, part=one, row=row, differences=differences)
        elif differences:
            moves = _MOVES | _OTHERS if section is DEVICES else _MOVES
            action: Action = "move" if any(difference.attribute in moves for difference in differences) else "change"
            yield Change(action=action, what=what, key=key, part=one, row=row, differences=differences)
    for key, row in rows.items():
        if key not in kept and not row.retired:
            yield Change(action="retire", what=section.one, key=key, part=row.part, row=row)


def _differences(section: Section, was: Part, becomes: Part) -> tuple[Difference, ...]:
    found = ((one, getattr(was, one.attribute), getattr(becomes, one.attribute)) for one in section.fields)
    # a sensor goes where its desk goes
    with_desk = isinstance(was, Device) and isinstance(becomes, Device) and was.desk == becomes.desk is not None
    return tuple(
        Difference(name=one.name, attribute=one.attribute, was=old, becomes=new)
        for one, old, new in found
        if old != new and not (with_desk and one.attribute == "space")
    )


def _with_root_of(wanted: Fitting, stored: Fitting) -> Fitting:
    """Give a whole place that the file doesn't describe the code that it has in the database."""
    root, known = wanted.root, stored.root
    if root is None or known is None or root.code == known.code or "kind" in root.origin.lines:
        return wanted
    names = {root.code: known.code}

    def renamed(part: Any) -> Any:
        there = {one.name for one in fields(part)} & (_MOVES - {"desk", "door"})
        changed = {name: names[getattr(part, name)] for name in there if getattr(part, name) in names}
        return replace(part, **changed) if changed else part

    spaces = tuple(
        replace(one, code=known.code) if isinstance(one, Space) and one is root else renamed(one)
        for one in wanted.spaces
    )
    return replace(
        wanted,
        spaces=spaces,
        desks=tuple(map(renamed, wanted.desks)),
        doors=tuple(map(renamed, wanted.doors)),
        devices=tuple(map(renamed, wanted.devices)),
    )
