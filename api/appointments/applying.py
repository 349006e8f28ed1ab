"""Books, moves and cancels what an appointment asks for, as its member and by the rules of any booking."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg.rows import DictRow

from api.appointments import appointments as rows
from api.appointments.appointments import Outcome, Refused, kept_from
from api.bookings import bookings
from api.bookings.changing import changed
from api.bookings.limits import check_cancelling
from api.bookings.making import make
from api.bookings.targets import Target, target_of, window_of
from api.http.database_errors import as_problem
from api.http.errors import ApiError, BadField, Conflict, NotYours, RuleRefused
from api.http.session import Session
from booking.appointments import Appointment, Step, appointment_from, steps_of
from booking.slots import Window

_ADDRESS: Final = "address"
"""The rule where an address names nothing."""


async def apply(s: Session, invitation: DictRow, now: datetime) -> list[Outcome]:
    """Do what an invitation asks for; return what became of it, appointment by appointment.

    Raises:
        psycopg.Error, Unavailable: the database could not do it; nothing is done.
    """
    values = {"member": invitation["member"], "calendar": invitation["calendar"], "uid": invitation["uid"]}
    kept = [kept_from(row) for row in await s.rows(rows.KEPT, values)]
    wanted = [appointment_from(row) for row in invitation["appointments"]]
    outcomes = []
    for step in steps_of(wanted, kept, whole=invitation["whole"], now=now):
        outcome = await _outcome(s, step, str(invitation["member"]))
        await _note(s, outcome, values)
        outcomes.append(outcome)
    return outcomes


async def _outcome(s: Session, step: Step, member: str) -> Outcome:
    target: Target | None = None
    before = None if step.kept is None else step.kept.booking
    try:
        try:
            target = await _target(s, step.key[2])
        except BadField:  # what is out of service can still be cancelled
            if step.act != "cancel":
                raise
        async with s.conn.transaction():  # a savepoint: what is refused leaves the others
            if step.act == "cancel":
                assert before is not None
                await _cancel(s, before)
                booking: str | None = before
            else:
                assert step.appointment is not None
                assert target is not None
                window = window_of(target, *_window(step.appointment, target))
                if step.act == "move" and before is not None:
                    booking = await _move(s, before, target, window)
                else:
                    booking = await make(s, target, member, window, override=False)
    except psycopg.Error as error:
        problem = as_problem(error)
        if not isinstance(problem, Conflict | BadField | NotYours):
            raise
        return Outcome(step=step, booking=before, refused=_refused(problem), target=target)
    except (Conflict, BadField, NotYours) as error:
        return Outcome(step=step, booking=before, refused=_refused(error), target=target)
    return Outcome(step=step, booking=booking, refused=None, target=target)


def _window(one: Appointment, target: Target) -> tuple[datetime | None, datetime | None]:
    """Return an appointment's time; an event has its own, at which the appointment must be."""
    if target.event and target.resource is not None and one.starts == target.resource["starts_at"]:
        return None, None
    return one.starts, one.ends


async def _target(s: Session, address: str) -> Target:
    row = await s.row(rows.NAMED, {"target": address})
    if row is None:
        raise BadField(_ADDRESS, f"nothing that can be booked has the address of {address!r}")
    return await target_of(s, row["place"], row["space"], row["resource"], None)


async def _booking(s: Session, ref: str) -> DictRow:
    row = await s.row(bookings.find({"ref": ref}), {"ref": ref})
    if row is None:
        raise Conflict("the booking is gone")
    return row


async def _move(s: Session, ref: str, target: Target, window: Window) -> str:
    """Move a booking: on its unit where that is free, else to another unit of the resource."""
    row = await _booking(s, ref)
    if target.resource is None:
        await _change(s, row, target, window)
        return ref
    place, resource = target.place, target.resource["code"]
    refusal: Exception | None = None
    with suppress(psycopg.errors.ExclusionViolation):
        own = await target_of(s, place, None, resource, row["unit"])
        async with s.conn.transaction():
            await _change(s, row, own, window)
            return ref
    starts, ends = window
    free = await s.rows(rows.FREE, {"resource": target.resource["id"], "starts": starts, "ends": ends})
    for unit in free[:20]:
        try:
            async with s.conn.transaction():
                await _change(s, row, await target_of(s, place, None, resource, unit["code"]), window)
                return ref
        except psycopg.errors.ExclusionViolation as error:
            refusal = error
    raise Conflict("all units are booked for a part of this time; choose another time") from refusal


async def _change(s: Session, row: DictRow, target: Target, window: Window) -> None:
    values = await changed(s, row, target, window, override=False, opens=False)
    await s.run(bookings.UPDATE, {**values, "revisions": None})


async def _cancel(s: Session, ref: str) -> None:
    row = await _booking(s, ref)
    now = await s.row("SELECT now() AS now")
    assert now is not None
    await check_cancelling(s, row, now["now"])
    await s.run(bookings.CANCEL, {"ref": ref, "revisions": None})


async def _note(s: Session, outcome: Outcome, values: dict[str, Any]) -> None:
    step = outcome.step
    uid, recurrence, target = step.key
    one, before = step.appointment, step.kept
    source = one or before
    assert source is not None
    await s.run(
        rows.NOTE,
        {
            **values,
            "uid": uid,
            "recurrence": recurrence,
            "target": target,
            "sequence": source.sequence,
            "stamp": source.stamp,
            "starts": source.starts,
            "ends": source.ends,
            "booking": outcome.booking,
            "refused": None if outcome.refused is None else outcome.refused.rule,
        },
    )


def _refused(error: ApiError) -> Refused:
    match error:
        case RuleRefused():
            return Refused(rule=error.rule, why=str(error))
        case BadField():
            return Refused(rule=error.field, why=str(error))
        case Conflict(field="from"):
            return Refused(rule="taken", why=str(error))
        case _:
            return Refused(rule="database", why=str(error))
