"""Writes members, cards and passes as a CSV that an import reads back without changes. Pure."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

from api.http.csv_cells import safe
from api.http.language import Language
from api.transfer.columns import COLUMNS, NAME_PARTS, Column
from api.transfer.entitle import PassPlanner
from api.transfer.french import CELLS, HEADERS
from api.transfer.known import CardRow, Known, MemberRow, PassRow
from api.transfer.lines import EVERYWHERE
from api.transfer.moments import written, zone_of

HEADER: Final[tuple[Column, ...]] = tuple(column for column in COLUMNS if column not in ("card", *NAME_PARTS))
"""Without card numbers: a card has its reference and its last four digits. A name is one column."""


def written_csv(known: Known, *, delimiter: str = ",", mark: bool = False, language: Language = "en") -> bytes:
    """Write ``known`` as UTF-8; ``mark``: with a byte order mark, so that spreadsheets recognise it.

    In French, headers and words in cells are French; an import reads these too.

    A member has as many lines as cards or passes, whichever are more. A cell that a spreadsheet would run as a formula
    gets a ``'`` before it.
    """
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n")
    in_french = language == "fr"
    writer.writerow([HEADERS[column] for column in HEADER] if in_french else HEADER)
    words = CELLS if in_french else {}
    for row in _rows(known):
        cells = ((column, str(row.get(column) or "")) for column in HEADER)
        writer.writerow([safe(words[column].get(cell, cell) if column in words else cell) for column, cell in cells])
    return text.getvalue().encode("utf-8-sig" if mark else "utf-8")


def _rows(known: Known) -> Iterator[dict[str, Any]]:
    cards, passes = defaultdict[str, list[CardRow]](list), defaultdict[str, list[PassRow]](list)
    for card in known.cards.values():
        cards[card.member].append(card)
    for one in known.passes.values():
        passes[one.member].append(one)
    planner = PassPlanner(known)
    for member in known.members.values():
        person = _member(member, known)
        lines = max(len(cards[member.ref]), len(passes[member.ref]), 1)
        for index in range(lines):
            row = dict(person)
            if index < len(cards[member.ref]):
                row |= _card(cards[member.ref][index], member, known)
            if index < len(passes[member.ref]):
                row |= _pass(passes[member.ref][index], member, known, planner)
            yield row


def _member(member: MemberRow, known: Known) -> dict[str, Any]:
    return {
        "member": member.ref,
        "name": member.name,
        "email": member.email,
        "organisation": known.organisation_of.get(member.organisation) if member.organisation is not None else None,
        "home": _home(member, known),
        "home_commune": member.home_commune,
        "work_commune": member.work_commune,
        "status": member.status,
    }


def _home(member: MemberRow, known: Known) -> str | None:
    place = None if member.home is None else known.place_of.get(member.home)
    return None if place is None else place.code


def _card(card: CardRow, member: MemberRow, known: Known) -> dict[str, Any]:
    zone = zone_of(known, (), member.home)
    return {
        "card_ref": card.ref,
        "card_format": card.format,
        "card_last4": card.last4,
        "card_status": card.status,
        "card_from": written(card.valid_from, zone, end=False),
        "card_until": written(card.valid_until, zone, end=True),
    }


def _pass(one: PassRow, member: MemberRow, known: Known, planner: PassPlanner) -> dict[str, Any]:
    zone = zone_of(known, [where.place for where in one.places], member.home)
    return {
        "pass_ref": one.ref,
        "pass": one.label,
        "places": EVERYWHERE if one.everywhere else planner.written(one.places),
        "schedule": planner.schedule_name(one.schedule),
        "valid_from": written(one.valid_from, zone, end=False),
        "valid_until": written(one.valid_until, zone, end=True),
        "unit": one.unit,
        "allowance": None if one.allowance is None else str(one.allowance),
        "each_month": _word(one.each_month),
        "booked": _word(one.booked),
        "outside_hours": _word(one.outside_hours),
        "host": _word(one.supervises),
    }


def _word(flag: bool) -> str:
    return "yes" if flag else "no"
