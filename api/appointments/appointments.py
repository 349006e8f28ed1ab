"""Appointments: their SQL, and what became of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from psycopg.rows import DictRow

from api.bookings.targets import Target
from booking.appointments import Appointment, Kept, Step

# Take the invitation that waits longest, away from the other processes.
TAKE: Final = "SELECT take_invitation() AS id"
# Become its member for this transaction.
ENTER: Final = "SELECT id, member, calendar, uid, whole, appointments FROM enter_invitation(%s)"
DONE: Final = "UPDATE invitation SET state = 'done', done_at = now() WHERE id = %(id)s"
NAMED: Final = "SELECT place, space, resource FROM named_by_address(%(target)s)"
# What became of the appointments of a mail's UID, or of a calendar, and what their bookings hold now.
KEPT: Final = """
SELECT a.uid, a.recurrence, a.target, a.sequence, a.stamp, a.starts_at, a.ends_at, a.booking,
  b.starts_at AS holds_from, b.ends_at AS holds_until
FROM appointment a LEFT JOIN booking b ON b.ref = a.booking AND b.status IN ('booked', 'checked_in')
WHERE a.member = %(member)s AND a.calendar IS NOT DISTINCT FROM %(calendar)s
  AND (%(uid)s::text IS NULL OR a.uid = %(uid)s)
"""
NOTE: Final = """
INSERT INTO appointment (member, calendar, uid, recurrence, target, sequence, stamp, starts_at, ends_at, booking,
  refused)
VALUES (%(member)s, %(calendar)s, %(uid)s, %(recurrence)s, %(target)s, %(sequence)s, %(stamp)s, %(starts)s, %(ends)s,
        %(booking)s, %(refused)s)
ON CONFLICT ON CONSTRAINT appointment_once DO UPDATE SET sequence = excluded.sequence, stamp = excluded.stamp,
  starts_at = excluded.starts_at, ends_at = excluded.ends_at, booking = excluded.booking, refused = excluded.refused
"""
# Whose answer it is, and where the appointment's booking is.
HOLDER: Final = "SELECT email FROM member WHERE ref = %(member)s"
PLACE: Final = """
SELECT p.name, concat_ws(', ', p.phone, p.email) AS contact,
  (SELECT r.name FROM resource r WHERE r.place = p.id AND r.code::text = %(resource)s) AS resource,
  (SELECT s.name FROM space s WHERE s.place = p.id AND s.code::text = %(space)s) AS space
FROM place p WHERE p.code::text = %(place)s
"""
FREE: Final = "SELECT unit, code FROM free_units(%(resource)s, %(starts)s, %(ends)s)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why an appointment was not booked, moved or cancelled."""

    rule: str
    why: str
    """In English."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one step."""

    step: Step
    booking: str | None
    refused: Refused | None
    target: Target | None = None
    """None: nothing has this address."""

    @property
    def appointment(self) -> Appointment | None:
        """What the calendar asks for."""
        return self.step.appointment


def kept_from(row: DictRow) -> Kept:
    """Read a row of ``KEPT``."""
    return Kept(
        key=(row["uid"], row["recurrence"], row["target"]),
        sequence=row["sequence"],
        stamp=row["stamp"],
        starts=row["starts_at"],
        ends=row["ends_at"],
        booking=row["booking"],
        holds=None if row["holds_from"] is None else (row["holds_from"], row["holds_until"]),
    )
