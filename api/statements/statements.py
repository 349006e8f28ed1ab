"""Statements: their SQL and their shape in answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal

from psycopg.rows import DictRow
from pydantic import AfterValidator, Field

from api.http.models import Answer, Body, Question, Ref, day_of, time_of
from api.http.revisions import Resource
from booking.statements import Line
from gateway.contract.stored_events import KINDS

Payer = Literal["member", "organisation", "funder"]
Kind = Literal["use", "included", "overuse", "month", "once", "booking", "funded"]

# One statement, or those of a month, place, member or organisation, latest first.
FIND: Final = """
SELECT s.ref, s.month, p.code::text AS place, p.name AS place_name, s.payer, s.member, m.name AS member_name,
       o.code::text AS organisation, s.organisation_name, s.corrects, s.closed_at, s.net_cents, s.vat_cents,
       s.place AS place_id, s.organisation AS organisation_id, 1 AS revision
FROM statement s LEFT JOIN place p ON p.id = s.place LEFT JOIN member m ON m.ref = s.member
LEFT JOIN organisation o ON o.id = s.organisation
WHERE (%(ref)s::text IS NULL OR s.ref = %(ref)s) AND (%(month)s::date IS NULL OR s.month = %(month)s)
  AND (%(place)s::text IS NULL OR p.code::text = %(place)s)
  AND (%(member)s::text IS NULL OR s.member = %(member)s)
  AND (%(organisation)s::text IS NULL OR o.code::text = %(organisation)s)
ORDER BY s.month DESC, s.closed_at DESC, s.ref LIMIT 5000
"""
# The lines of a statement that this caller sees, with what is left of each after its counter-entries.
LINES: Final = """
SELECT l.id, l.number, l.kind, l.month, l.member, m.name AS member_name, p.code::text AS place, l.rate, l.category,
       l.unit, l.count, l.price_cents, l.funded_cents, l.net_cents, l.vat_permille, l.vat_cents, l.corrects, l.reason,
       l.place AS place_id, l.funder, l.count + t.count AS remaining, l.funded_cents + t.funded_cents AS funded_left,
       l.net_cents + t.net_cents AS net_left, l.vat_cents + t.vat_cents AS vat_left
FROM statement_line l LEFT JOIN place p ON p.id = l.place LEFT JOIN member m ON m.ref = l.member
CROSS JOIN LATERAL (
  SELECT coalesce(sum(c.count), 0)::integer AS count, coalesce(sum(c.funded_cents), 0)::bigint AS funded_cents,
         coalesce(sum(c.net_cents), 0)::bigint AS net_cents, coalesce(sum(c.vat_cents), 0)::bigint AS vat_cents
  FROM statement_line c WHERE c.corrects = l.id
) t
WHERE l.statement = %(ref)s ORDER BY l.number
"""
# What its lines count, as long as the traces live: each with the door where it began.
USES: Final = """
SELECT b.line, b.pass, NULL AS booking, b.kind, b.at, p.code::text AS place, d.code::text AS door
FROM billed b JOIN statement_line l ON l.id = b.line LEFT JOIN place p ON p.id = b.place
LEFT JOIN LATERAL (
  SELECT o.code FROM event e JOIN device v ON v.id = e.device JOIN door o ON o.id = v.door
  WHERE e.place = b.place AND e.at = b.at AND e.kind = ANY(%(kinds)s) LIMIT 1
) d ON b.kind = 'use'
WHERE l.statement = %(ref)s
UNION ALL
SELECT k.line, NULL, k.booking, 'booking', k.at, p.code::text, NULL
FROM billed_booking k JOIN statement_line l ON l.id = k.line LEFT JOIN place p ON p.id = k.place
WHERE l.statement = %(ref)s ORDER BY at, pass, booking
"""
# Every line of a month's statements, for accounts.
EXPORT: Final = """
SELECT s.ref AS statement, s.month AS closed_month, s.closed_at, p.code::text AS biller, s.payer,
       s.member AS payer_member, o.code::text AS organisation, s.organisation_name, s.corrects, l.number,
       l.kind, l.month, l.member,
       q.code::text AS place, l.rate, l.category, l.unit, l.count, l.price_cents, l.funded_cents, l.net_cents,
       l.vat_permille, l.vat_cents, l.reason
FROM statement s JOIN statement_line l ON l.statement = s.ref LEFT JOIN place p ON p.id = s.place
LEFT JOIN organisation o ON o.id = s.organisation LEFT JOIN place q ON q.id = l.place
WHERE s.month = %(month)s AND (%(place)s::text IS NULL OR p.code::text = %(place)s) ORDER BY p.code, s.ref, l.number
"""
ENTRIES: Final = [KINDS["access"], KINDS["access_taken"]]
"""Kinds of events that begin a use."""
NAMES: Final = "SELECT id, code::text AS code FROM place WHERE id = ANY(%(places)s)"


def _month(text: str) -> str:
    date.fromisoformat(f"{text}-01")
    return text


Month = Annotated[str, Field(pattern=r"^2[01][0-9]{2}-(0[1-9]|1[0-2])$", examples=["2026-11"]), AfterValidator(_month)]


def first_of(month: str | None) -> date | None:
    """Return the first day of a month; None for none."""
    return None if month is None else date.fromisoformat(f"{month}-01")


class StatementsQuestion(Question):
    """Which statements to list."""

    month: Month | None = Field(default=None, description="The month that was closed.")
    place: str | None = Field(default=None, max_length=64, description="The place that bills.")
    member: str | None = Field(default=None, max_length=64)
    organisation: str | None = Field(default=None, max_length=64, description="The organisation's code.")


class ExportQuestion(Question):
    """Which statements to export."""

    month: Month
    place: str | None = Field(default=None, max_length=64, description="The place that bills.")


class FormatQuestion(Question):
    """How to write it."""

    format: Literal["json", "csv", "pdf"] = "json"


class AccountQuestion(Question):
    """Which month."""

    month: Month


class StatementHead(Answer):
    """A closed statement, in euro cents."""

    ref: Ref
    month: str
    place: str | None = Field(description="The place that bills; null: the network.")
    payer: Payer
    member: str | None
    member_name: str | None
    organisation: str | None
    organisation_name: str | None
    corrects: str | None = Field(description="A counter-entry to this statement.")
    closed_at: datetime
    net_cents: int
    vat_cents: int
    total_cents: int


class UseSeen(Answer):
    """A use, by its first badge-in, kept for three months; or a booking, kept for a year."""

    at: datetime
    pass_ref: str | None = Field(alias="pass")
    booking: str | None
    place: str | None
    door: str | None


class LineBase(Answer):
    """Things of the same price: count × price − funded = net."""

    kind: Kind
    month: str
    member: str | None
    place: str | None
    rate: str
    category: str | None
    unit: str
    count: int
    price_cents: int
    funded_cents: int
    net_cents: int
    vat_permille: int
    vat_cents: int


class StatementLine(LineBase):
    """A line of a closed statement."""

    number: int
    member_name: str | None
    reason: str | None = Field(description="Of a counter-entry.")
    remaining: int = Field(description="`count` less what counter-entries took back.")
    uses: list[UseSeen]


class Statement(StatementHead):
    """A closed statement with its lines."""

    lines: list[StatementLine]


class Statements(Answer):
    """At most 5,000 statements, latest first."""

    statements: list[StatementHead]


class Account(Answer):
    """What would be on a member's lines if the month ended now; nothing of it is closed yet."""

    member: Ref
    month: str
    lines: list[LineBase]
    net_cents: int
    vat_cents: int
    total_cents: int


class LineTaken(Body):
    """A line to take back, or a part of it."""

    number: int = Field(ge=1, le=1_000_000)
    count: int | None = Field(default=None, ge=1, le=1_000_000, description="null: all that is left of it.")


class CounterEntry(Body):
    """What a counter-entry takes back."""

    reason: str = Field(min_length=1, max_length=500, examples=["badged in by mistake"])
    lines: list[LineTaken] = Field(min_length=1, max_length=1000)


def statement_resource(ref: str) -> Resource:
    """Name a statement by reference."""
    key = {"ref": ref, **dict.fromkeys(("month", "place", "member", "organisation"))}
    return Resource(find=FIND, key=key, name=f"statement {ref!r}", subject=f"statement {ref}")


def head_json(row: DictRow) -> dict[str, Any]:
    """Format a row of ``FIND`` for an answer."""
    kept = ("ref", "place", "payer", "member", "member_name", "organisation", "organisation_name", "corrects")
    return {
        **{name: row[name] for name in kept},
        "month": month_text(row["month"]),
        "closed_at": time_of(row["closed_at"]),
        "net_cents": row["net_cents"],
        "vat_cents": row["vat_cents"],
        "total_cents": row["net_cents"] + row["vat_cents"],
    }


_AMOUNTS: Final = ("count", "price_cents", "funded_cents", "net_cents", "vat_permille", "vat_cents")


def line_json(row: Mapping[str, Any], uses: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Format a row of ``LINES`` with its ``uses`` for an answer."""
    kept = ("number", "kind", "member", "member_name", "place", "rate", "category", "unit", "reason", "remaining")
    return {
        **{name: row[name] for name in kept},
        **{name: row[name] for name in _AMOUNTS},
        "month": month_text(row["month"]),
        "uses": [
            {"at": time_of(one["at"]), **{name: one[name] for name in ("pass", "booking", "place", "door")}}
            for one in uses
        ],
    }


def open_line_json(line: Line, places: Mapping[int, str]) -> dict[str, Any]:
    """Format a line that isn't closed yet for an answer."""
    return {
        **{name: getattr(line, name) for name in ("kind", "member", "rate", "category", "unit", *_AMOUNTS)},
        "month": month_text(line.month),
        "place": None if line.place is None else places.get(line.place),
    }


def month_text(month: date) -> str:
    """Return ``2026-11`` for its first day."""
    text = day_of(month)
    assert text is not None
    return text[:7]
