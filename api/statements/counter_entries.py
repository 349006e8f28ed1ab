"""Makes the counter-entry of a statement: the same lines with the opposite sign. The database holds it to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from api.http.session import Session
from booking.rates import share

_HEAD: Final = """
INSERT INTO statement (month, place, payer, member, organisation, organisation_name, corrects, net_cents, vat_cents)
VALUES (%(month)s, %(place_id)s, %(payer)s, %(member)s, %(organisation_id)s, %(organisation_name)s, %(ref)s, %(net)s,
        %(vat)s) RETURNING ref
"""
_LINE: Final = """
INSERT INTO statement_line (statement, number, kind, month, member, place, rate, category, unit, count, price_cents,
                            funded_cents, funder, net_cents, vat_permille, vat_cents, corrects, reason)
VALUES (%(statement)s, %(number)s, %(kind)s, %(month)s, %(member)s, %(place_id)s, %(rate)s, %(category)s, %(unit)s,
        %(count)s, %(price_cents)s, %(funded_cents)s, %(funder)s, %(net_cents)s, %(vat_permille)s, %(vat_cents)s,
        %(id)s, %(reason)s)
"""


async def counter_entry(
    s: Session, head: Mapping[str, Any], taken: Sequence[tuple[Mapping[str, Any], int]], reason: str
) -> str:
    """Store a statement that takes back ``count`` of each line of ``taken``; return its reference."""
    lines = [taken_back(line, count) for line, count in taken]
    amounts = {"net": sum(line["net_cents"] for line in lines), "vat": sum(line["vat_cents"] for line in lines)}
    made = await s.row(_HEAD, {**head, **amounts})
    assert made is not None
    for number, line in enumerate(lines, 1):
        await s.run(_LINE, {**line, "statement": made["ref"], "number": number, "reason": reason})
    return str(made["ref"])


def taken_back(line: Mapping[str, Any], count: int) -> dict[str, Any]:
    """Return the line that takes back ``count`` of what is left of ``line``; all of it: to the cent."""
    if count == line["remaining"]:
        net, funded, vat = -line["net_left"], -line["funded_left"], -line["vat_left"]
    elif line["kind"] == "funded":
        net, funded = -_part(line["net_cents"], count, line["count"]), 0
        vat = share(net, line["vat_permille"])
    else:
        funded = -_part(line["funded_cents"], count, line["count"])
        net = -count * line["price_cents"] - funded
        vat = share(net, line["vat_permille"])
    return {**line, "count": -count, "net_cents": net, "funded_cents": funded, "vat_cents": vat}


def _part(cents: int, part: int, whole: int) -> int:
    """Return ``part`` of ``whole`` equal parts of ``cents``, to the nearest cent."""
    return (2 * cents * part + whole) // (2 * whole)
