"""Closes the months that are over: statements and clearing lines are stored and stay as they are (docs/statements.md).

A month is closed ten days after its end, so that gateways that were offline have reported, and long before the traces
that it counts are deleted (``jobs.traces``). A use that is reported later is on the next month's statement. Each thing
is billed once (table ``billed``): running it again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any, Final

import psycopg

from booking.clearing import clear
from booking.items import item_of
from booking.rates import PriceList, price_of
from booking.statements import Line, Statement, bill
from database.billing import BADGED, BOOKINGS, ITEMS, PRICES
from gateway.contract.stored_events import KINDS
from jobs.job import Round

GRACE: Final = timedelta(days=10)

_KINDS: Final = {"access": KINDS["access"], "not_taken": KINDS["access_not_taken"]}

_DONE: Final = """
-- the end of the last closed month
SELECT (done_until AT TIME ZONE 'UTC')::date FROM maintenance WHERE task = 'statements'
"""
_HOMES: Final = """
-- who bills: the homes of those whose passes have a rate, or who booked what has one
SELECT m.home FROM pass p JOIN member m ON m.ref = p.member WHERE p.rate IS NOT NULL
UNION
SELECT m.home FROM resource r JOIN resource_unit u ON u.resource = r.id JOIN booking b ON b.unit = u.id
JOIN member m ON m.ref = b.member WHERE r.rate IS NOT NULL
ORDER BY 1
"""
_STATEMENT: Final = """
-- one statement
INSERT INTO statement (month, place, payer, member, organisation, organisation_name, net_cents, vat_cents)
SELECT %(month)s, %(place)s, %(payer)s, %(member)s, %(organisation)s,
       (SELECT o.name FROM organisation o WHERE o.id = %(organisation)s), %(net)s, %(vat)s
RETURNING ref
"""
_LINES: Final = """
-- its lines, in their order
INSERT INTO statement_line (statement, number, kind, month, member, place, rate, category, unit, count, price_cents,
                            funded_cents, funder, net_cents, vat_permille, vat_cents)
SELECT %s, x.n, x.kind, x.month, x.member, x.place, x.rate, x.category, x.unit, x.count, x.price, x.funded, x.funder,
       x.net, x.vat, x.vat_cents
FROM unnest(%s::text[], %s::date[], %s::text[], %s::integer[], %s::text[], %s::text[], %s::text[], %s::integer[],
            %s::bigint[], %s::bigint[], %s::integer[], %s::bigint[], %s::integer[], %s::bigint[]) WITH ORDINALITY
  AS x (kind, month, member, place, rate, category, unit, count, price, funded, funder, net, vat, vat_cents, n)
RETURNING id, number
"""
_CLEARING: Final = """
-- one clearing line
INSERT INTO clearing_line (month, used_in, debtor, creditor, holder, rate, unit, count, price_cents, amount_cents)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id
"""
_BILLED: Final = """
-- what these lines count
INSERT INTO billed (pass, kind, slot, place, at, line, clearing)
SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::integer[], %s::timestamptz[], %s::bigint[], %s::bigint[])
"""
_BILLED_BOOKINGS: Final = """
-- which bookings these lines count
INSERT INTO billed_booking (booking, place, at, line)
SELECT * FROM unnest(%s::text[], %s::integer[], %s::timestamptz[], %s::bigint[])
"""
_CLOSED: Final = """
-- note the end of the closed month
INSERT INTO maintenance (task, done_until) VALUES ('statements', %s::date::timestamp AT TIME ZONE 'UTC')
ON CONFLICT (task) DO UPDATE SET done_until = excluded.done_until, ran_at = now()
"""


def close_months(round_: Round) -> None:
    """Close each month that is over and not closed yet, oldest first, each place in a transaction of its own."""
    connection = round_.connection
    done = connection.execute(_DONE).fetchone()
    for month in months_due(None if done is None else done[0], round_.now, round_.keep):
        made = close(connection, month)
        with connection.transaction():
            connection.execute(_CLOSED, (_next(month),))
        round_.log(f"statements: {month:%Y-%m} closed, {made} statements made")


def months_due(done: date | None, now: datetime, keep: timedelta) -> Iterator[date]:
    """Yield the first days of the months to close at ``now``, after ``done`` (the end of the last closed month)."""
    month = (now - keep).date().replace(day=1) if done is None else done.replace(day=1)
    last = (now - GRACE).date().replace(day=1)
    while month < last:
        yield month
        month = _next(month)


def close(connection: psycopg.Connection[Any], month: date) -> int:
    """Store the statements and clearing lines of ``month`` (its first day); return how many statements were made."""
    prices = PriceList(price_of(row) for row in connection.execute(PRICES).fetchall())
    made = 0
    for (home,) in connection.execute(_HOMES).fetchall():
        with connection.transaction():
            values = {"member": None, "home": home, "month": month, **_KINDS}
            items = [
                item_of(row)
                for query in (ITEMS, BADGED, BOOKINGS)
                for row in connection.execute(query, values).fetchall()
            ]
            clearings: dict[tuple[str, int], int] = {}
            for line in clear(items, prices, month):
                row = connection.execute(
                    _CLEARING,
                    (
                        month,
                        line.used_in,
                        line.debtor,
                        line.creditor,
                        line.holder,
                        line.rate,
                        line.unit,
                        line.count,
                        line.price_cents,
                        line.amount_cents,
                    ),
                ).fetchone()
                assert row is not None
                clearings |= {(item.pass_ref, item.slot): row[0] for item in line.items}
            for statement in bill(items, prices):
                _store(connection, month, statement, clearings)
                made += 1
    return made


def _store(
    connection: psycopg.Connection[Any], month: date, statement: Statement, clearings: dict[tuple[str, int], int]
) -> None:
    payer = statement.payer
    values = {
        "month": month,
        "place": payer.place,
        "payer": payer.kind,
        "member": payer.member,
        "organisation": payer.organisation,
        "net": statement.net_cents,
        "vat": statement.vat_cents,
    }
    row = connection.execute(_STATEMENT, values).fetchone()
    assert row is not None
    columns = [list(column) for column in zip(*map(_columns, statement.lines), strict=True)]
    ids = {number: line for line, number in connection.execute(_LINES, (row[0], *columns)).fetchall()}
    billed = [
        (
            item.pass_ref,
            item.kind,
            item.slot,
            item.place,
            item.at,
            ids[number],
            clearings.get((item.pass_ref, item.slot)) if item.kind == "use" else None,
        )
        for number, line in enumerate(statement.lines, 1)
        for item in line.items
        if item.kind != "booking"
    ]
    if billed:
        connection.execute(_BILLED, [list(column) for column in zip(*billed, strict=True)])
    booked = [
        (item.pass_ref, item.place, item.at, ids[number])
        for number, line in enumerate(statement.lines, 1)
        for item in line.items
        if item.kind == "booking"
    ]
    if booked:
        connection.execute(_BILLED_BOOKINGS, [list(column) for column in zip(*booked, strict=True)])


def _columns(line: Line) -> tuple[Any, ...]:
    return (
        line.kind,
        line.month,
        line.member,
        line.place,
        line.rate,
        line.category,
        line.unit,
        line.count,
        line.price_cents,
        line.funded_cents,
        line.funder,
        line.net_cents,
        line.vat_permille,
        line.vat_cents,
    )


def _next(month: date) -> date:
    return (month + timedelta(days=32)).replace(day=1)
