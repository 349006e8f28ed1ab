"""Clearing between places: its SQL and its shape in answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

from psycopg.rows import DictRow
from pydantic import Field

from api.http.models import Answer, Body, Question, time_of
from api.statements.statements import Month, month_text
from booking.clearing import balances, debts

# The lines of a month, or of a place in it, or one.
LINES: Final = """
SELECT l.id, l.month, l.used_in, l.debtor AS debtor_id, l.creditor AS creditor_id, d.code::text AS debtor,
       c.code::text AS creditor, d.name AS debtor_name, c.name AS creditor_name, l.holder, l.rate, l.unit, l.count,
       l.price_cents, l.amount_cents, l.corrects, l.reason,
       l.count + coalesce((SELECT sum(t.count) FROM clearing_line t WHERE t.corrects = l.id), 0)::integer AS remaining
FROM clearing_line l LEFT JOIN place d ON d.id = l.debtor LEFT JOIN place c ON c.id = l.creditor
WHERE (%(id)s::bigint IS NULL OR l.id = %(id)s) AND (%(month)s::date IS NULL OR l.month = %(month)s)
  AND (%(place)s::text IS NULL OR %(place)s IN (d.code::text, c.code::text))
ORDER BY d.code, c.code, l.holder, l.id
"""
# What a line counts, as long as the traces live.
USES: Final = """
SELECT b.at, d.code::text AS door
FROM billed b LEFT JOIN LATERAL (
  SELECT o.code FROM event e JOIN device v ON v.id = e.device JOIN door o ON o.id = v.door
  WHERE e.place = b.place AND e.at = b.at AND e.kind = ANY(%(kinds)s) LIMIT 1
) d ON true
WHERE b.clearing = %(id)s ORDER BY b.at
"""
TAKE_BACK: Final = """
INSERT INTO clearing_line (month, used_in, debtor, creditor, holder, rate, unit, count, price_cents, amount_cents,
                           corrects, reason)
VALUES (%(month)s, %(used_in)s, %(debtor_id)s, %(creditor_id)s, %(holder)s, %(rate)s, %(unit)s, %(count)s,
        %(price_cents)s, %(amount_cents)s, %(id)s, %(reason)s) RETURNING id
"""


class ClearingQuestion(Question):
    """Which month, and how to write it."""

    month: Month = Field(description="The month that was closed.")
    place: str | None = Field(default=None, max_length=64, description="Only what this place owes or is owed.")
    format: Literal["json", "csv", "pdf"] = "json"


class ClearingLine(Answer):
    """What a place owes another for one member of its own, by pseudonym."""

    id: int
    month: str
    used_in: str = Field(description="The month of the uses.")
    debtor: str
    creditor: str
    holder: str = Field(description="A pseudonym of the member, another one each month.")
    rate: str
    unit: str
    count: int
    price_cents: int
    amount_cents: int
    corrects: int | None
    reason: str | None
    remaining: int


class Debt(Answer):
    """What a place pays another, both directions set off."""

    debtor: str
    creditor: str
    cents: int


class Clearing(Answer):
    """A month's clearing: lines, what each pays each, and each place's balance; these add up to 0."""

    month: str
    lines: list[ClearingLine]
    debts: list[Debt]
    balances: dict[str, int]


class UseAt(Answer):
    """A use, by its first badge-in."""

    at: datetime
    door: str | None


class ClearingUses(ClearingLine):
    """A line with the badge-ins that it counts; these are kept for three months."""

    uses: list[UseAt]


class ClearingTaken(Body):
    """How much of a line to take back."""

    count: int | None = Field(default=None, ge=1, le=1_000_000, description="null: all that is left of it.")
    reason: str = Field(min_length=1, max_length=500, examples=["his own card had been lost"])


def line_json(row: DictRow) -> dict[str, Any]:
    """Format a row of ``LINES`` for an answer."""
    kept = ("id", "debtor", "creditor", "holder", "rate", "unit", "count", "price_cents", "amount_cents", "corrects")
    return {
        **{name: row[name] for name in (*kept, "reason", "remaining")},
        "month": month_text(row["month"]),
        "used_in": month_text(row["used_in"]),
    }


def uses_json(rows: Sequence[DictRow]) -> list[dict[str, Any]]:
    """Format rows of ``USES`` for an answer."""
    return [{"at": time_of(row["at"]), "door": row["door"]} for row in rows]


def clearing_json(month: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Format a month's rows of ``LINES`` for an answer."""
    codes = {row[f"{side}_id"]: row[side] or str(row[f"{side}_id"]) for row in rows for side in ("debtor", "creditor")}
    amounts = [(row["debtor_id"], row["creditor_id"], row["amount_cents"]) for row in rows]
    return {
        "month": month,
        "lines": [line_json(dict(row)) for row in rows],
        "debts": [
            {"debtor": codes[one.debtor], "creditor": codes[one.creditor], "cents": one.cents} for one in debts(amounts)
        ],
        "balances": {codes[place]: cents for place, cents in sorted(balances(amounts).items())},
    }
