"""Applies a plan: one transaction, in an order that the database's constraints allow, nothing deleted.

A device that moves, or becomes one of another kind or driver, leaves its row to its history, out of service, and goes
on as a new one of the same code: what was measured there stays there.
"""

from __future__ import annotations

from typing import Any, Final

import psycopg
from psycopg.types.json import Jsonb

from gateway.contract.shards import shard
from maillage.complaint import Complaint
from maillage.place.faults import FileRefused
from maillage.place.ground import faults_in_the_database, schedules_of
from maillage.place.model import Device, Door, Place
from maillage.place.plan import Change, Plan, moved
from maillage.place.statements import AUDIT, CHANGE, CHANGE_PLACE, MAKE, MAKE_PLACE, RETIRE, RULES
from maillage.place.stored import read_stored

SOURCE: Final = "maillage"
"""``place.source`` of a place that a file made."""
_RULE_FIELDS: Final = ("pin", "pin_while", "passback", "passback_s", "supervised", "first_card")
_ORDER: Final = ("gateway", "space", "desk", "door", "device")


class PlaceMoved(Complaint):
    """The place has changed since the plan was made: nothing was applied."""


def apply_plan(connection: psycopg.Connection[Any], plan: Plan) -> None:
    """Do what ``plan`` says, in the caller's transaction.

    Raises:
        PlaceMoved: the database no longer holds what the plan saw.
        FileRefused: it has no such schedule, or a gateway's code is another place's.
    """
    code = plan.wanted.place.code
    changed = moved(plan.stored, read_stored(connection, code, lock=True))
    if changed:
        what = ", ".join(changed[:5]) + (f" and {len(changed) - 5} more" if len(changed) > 5 else "")
        raise PlaceMoved(
            f"{code} has changed since this plan was made ({what}): nothing was applied. Look at the new plan."
        )
    faults = faults_in_the_database(connection, plan.wanted)
    if faults:
        raise FileRefused(faults)
    _Applying(connection, plan).run()


class _Applying:
    """One application: knows the rows' ids by what they are and their keys."""

    def __init__(self, connection: psycopg.Connection[Any], plan: Plan) -> None:
        self._connection = connection
        self._plan = plan
        self._place = 0 if plan.stored is None else plan.stored.id
        rows = {} if plan.stored is None else plan.stored.rows
        self._ids = {what: {key: row.id for key, row in rows.get(what, {}).items()} for what in _ORDER}
        self._schedules = schedules_of(connection, plan.wanted.place.code)

    def run(self) -> None:
        self._place_itself()
        self._retire("device")
        self._set_aside()
        for what in _ORDER:
            for change in self._plan.of(what, "make", "change", "move", "return"):
                self._write(what, change)
        for what in ("door", "desk", "space", "gateway"):
            self._retire(what)
        counts: dict[str, int] = {}
        for change in self._plan.changes:
            name = f"{change.what} {change.action}"
            counts[name] = counts.get(name, 0) + 1
        self._connection.execute(AUDIT, (f"place {self._plan.wanted.place.code}", self._place, Jsonb(counts)))

    def _place_itself(self) -> None:
        for change in self._plan.of("place", "make", "change"):
            values = {
                **_place_values(change.part),
                "id": self._place,
                "source": SOURCE,
                "shard": shard(change.part.code),
            }
            if change.action == "change":
                self._connection.execute(CHANGE_PLACE, values)
            else:
                row = self._connection.execute(MAKE_PLACE, values).fetchone()
                assert row is not None
                self._place = row[0]

    def _retire(self, what: str) -> None:
        ids = {one.key: one.row.id for one in self._plan.of(what, "retire") if one.row is not None}
        if what == "space" and self._plan.stored is not None:  # those within first
            for space in reversed(self._plan.stored.fitting.spaces):
                if space.code in ids:
                    self._connection.execute(RETIRE[what], ([ids[space.code]],))
        elif ids:
            self._connection.execute(RETIRE[what], (list(ids.values()),))

    def _set_aside(self) -> None:
        """Take out of service devices that move, and, until they are written, those whose address another one gets."""
        gone = [one.row.id for one in self._plan.of("device", "move") if one.row is not None]
        if gone:
            self._connection.execute(RETIRE["device"], (gone,))
        changed = [one for one in self._plan.of("device", "change") if one.row is not None]
        taken = {_claim(one.part) for one in changed}
        aside = [
            one.row.id
            for one in changed
            if one.row is not None and (claim := _claim(one.row.part)) != _claim(one.part) and claim in taken
        ]
        if aside:
            self._connection.execute(RETIRE["device"], (aside,))

    def _write(self, what: str, change: Change) -> None:
        values = self._values(change.part)
        if change.row is None or (what == "device" and change.action == "move"):
            row = self._connection.execute(MAKE[what], values).fetchone()
            assert row is not None
            self._ids[what][change.key] = row[0]
        else:
            self._connection.execute(CHANGE[what], {**values, "id": change.row.id})
        if isinstance(change.part, Door):
            self._rules(change, values)

    def _rules(self, change: Change, values: dict[str, Any]) -> None:
        was = Door(code="", name="", to_space="") if change.row is None else change.row.part
        if any(getattr(was, name) != getattr(change.part, name) for name in _RULE_FIELDS):
            self._connection.execute(RULES, {**values, "id": self._ids["door"][change.key]})

    def _values(self, part: Any) -> dict[str, Any]:
        """Return a part's fields for SQL: ids for what they name."""
        values = {name: getattr(part, name) for name in type(part).__dataclass_fields__ if name != "origin"}
        values["place"] = self._place
        for name, what in (
            ("parent", "space"), ("space", "space"), ("from_space", "space"), ("to_space", "space"), ("desk", "desk"),
            ("door", "door"), ("gateway", "gateway"),
        ):  # fmt: skip
            if values.get(name) is not None:
                values[name] = self._ids[what][values[name]]
        for name in ("pin_while", "supervised", "first_card"):
            if values.get(name) is not None:
                values[name] = self._schedules[values[name]]
        return values


def _claim(device: Device) -> tuple[str, str, str, str]:
    """Return what only one device in service may have."""
    return device.gateway, device.driver, device.address, device.kind


def _place_values(place: Place) -> dict[str, Any]:
    values: dict[str, Any] = {name: getattr(place, name) for name in Place.__dataclass_fields__ if name != "origin"}
    for name in ("accessibility", "equipment"):
        values[name] = None if values[name] is None else list(values[name])
    if place.opening_hours is not None:
        values["opening_hours"] = Jsonb(place.opening_hours)
    if place.prices is not None:
        values["prices"] = Jsonb([dict(zip(("category", "unit", "amount"), one, strict=True)) for one in place.prices])
    return values
