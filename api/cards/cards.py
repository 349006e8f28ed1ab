"""Cards: their SQL and their shape in requests and answers. Card numbers are never returned."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from psycopg.rows import DictRow
from pydantic import Field

from access.cards import CardLife
from api.http.cursors import Cursor
from api.http.models import Answer, Body, Moment, Question, Ref, time_of
from api.http.revisions import Resource

CardFormat = Annotated[
    str,
    Field(
        max_length=40,
        description="How `number` is written: `MIFARE4-hex`, `MIFARE4-decimal`, `EM4100-0A-decimal`, `H10301` (for "
        "68:41551) … (docs/operate.md, Card numbers). Needed where a number has decimal digits only.",
        examples=["MIFARE4-decimal"],
    ),
]

# One card.
FIND: Final = """
SELECT ref, member, kind, format, last4, status, valid_from, valid_until, replaces, issued_at,
       must_be_presented, revision
FROM card WHERE ref = %(ref)s
"""
# The cards of one member, newest first.
OF_MEMBER: Final = """
SELECT ref, member, kind, format, last4, status, valid_from, valid_until, replaces, issued_at,
       must_be_presented, revision
FROM card WHERE member = %(member)s ORDER BY issued_at DESC, ref
"""
# Report one's own card lost.
REPORT_LOST: Final = "SELECT report_own_card_lost(%(ref)s) AS lost"
# A page of cards, newest first: of members with a home place, of a status, with these last digits.
LIST: Final = """
SELECT c.ref, c.member, c.kind, c.format, c.last4, c.status, c.valid_from, c.valid_until, c.replaces, c.issued_at,
       c.must_be_presented, c.revision
FROM card c JOIN member m ON m.ref = c.member LEFT JOIN place p ON p.id = m.home
WHERE (%(place)s::text IS NULL OR p.code::text = %(place)s) AND (%(status)s::text IS NULL OR c.status = %(status)s)
  AND (%(last4)s::text IS NULL OR c.last4 = upper(%(last4)s))
  AND (%(before)s::text IS NULL OR (c.issued_at, c.ref) < (%(before)s::timestamptz, %(before_ref)s))
ORDER BY c.issued_at DESC, c.ref DESC LIMIT %(limit)s
"""
# The card with a number.
WHOSE: Final = """
SELECT ref, member, kind, format, last4, status, valid_from, valid_until, replaces, issued_at,
       must_be_presented, revision
FROM card WHERE lookup = %(lookup)s
"""
INSERT: Final = """
INSERT INTO card (lookup, last4, kind, format, member, status, valid_from, valid_until, replaces)
VALUES (%(lookup)s, %(last4)s, %(kind)s, %(format)s, %(member)s, %(status)s, %(valid_from)s, %(valid_until)s,
        %(replaces)s)
RETURNING ref, member, kind, format, last4, status, valid_from, valid_until, replaces, issued_at, must_be_presented,
          revision
"""
# Change a card in one statement: a lost card is taken out of service this way.
UPDATE: Final = """
UPDATE card SET
  status = CASE WHEN %(has_status)s THEN %(status)s ELSE status END,
  valid_from = CASE WHEN %(has_valid_from)s THEN %(valid_from)s::timestamptz ELSE valid_from END,
  valid_until = CASE WHEN %(has_valid_until)s THEN %(valid_until)s::timestamptz ELSE valid_until END
WHERE ref = %(ref)s AND (%(revisions)s::integer[] IS NULL OR revision = ANY(%(revisions)s))
  AND (NOT %(has_status)s OR status = %(status)s OR status = ANY(%(before)s))
RETURNING ref, member, kind, format, last4, status, valid_from, valid_until, replaces, issued_at, must_be_presented,
          revision
"""
# Release the number of a lost or returned card for its next life: the row keeps a lookup that no card has.
RELEASE: Final = """
UPDATE card SET lookup = sha256(convert_to('released ' || ref || ' ' || gen_random_uuid(), 'UTF8'))
WHERE lookup = %(lookup)s AND status = ANY(%(over)s)
"""
# Keep a number for the rights process, which has it already where the card was here before.
SEAL: Final = "INSERT INTO card_number (lookup, sealed) VALUES (%(lookup)s, %(sealed)s) ON CONFLICT DO NOTHING"
# What an old card is found by, for its next life.
NUMBER: Final = "SELECT lookup, kind, format, last4 FROM card WHERE ref = %(ref)s"
# The card that was read for an enrolment.
ENROLLED: Final = """
SELECT e.lookup, e.last4, e.format, e.bits, e.read_at, c.outcome, a.sealed
FROM enrolment e JOIN command c ON c.id = e.id
LEFT JOIN enrolment_answer a ON a.id = e.id AND a.at > now() - interval '2 minutes'
WHERE e.id = %(id)s
"""
HISTORY: Final = "SELECT at, was, became, by FROM card_change WHERE card = %(ref)s ORDER BY at, id"


class CardMade(Body):
    """A new card: exactly one of `number`, `enrolment`, `code`, `code_digits`."""

    number: str | None = Field(
        default=None,
        max_length=100,
        repr=False,
        description="In hexadecimal, in the card's byte order, or in `format`. It is stored sealed.",
        examples=["04A2245AC16D80"],
    )
    format: CardFormat | None = None
    enrolment: Ref | None = Field(default=None, description="An enrolment for which a card has been read.")
    code: str | None = Field(
        default=None,
        max_length=12,
        repr=False,
        description="A keypad code: 4 to 12 digits. Only keys of the whole network choose one.",
    )
    code_digits: int | None = Field(
        default=None,
        ge=4,
        le=12,
        description="A new keypad code with this many digits (usually 6), shown only in the answer.",
    )
    status: Literal["issued", "active"] = "active"
    valid_from: Moment | None = None
    valid_until: Moment | None = None


class CardSought(Body):
    """A card at hand: exactly one of `number`, `enrolment`, `code`."""

    number: str | None = Field(default=None, max_length=100, repr=False, examples=["04A2245AC16D80"])
    format: CardFormat | None = None
    enrolment: Ref | None = None
    code: str | None = Field(default=None, max_length=12, repr=False)


class CardsQuestion(Question):
    """Which cards to list."""

    place: str | None = Field(default=None, max_length=64, description="Cards of members with this home place.")
    status: CardLife | None = None
    last4: str | None = Field(default=None, pattern="^[0-9A-Fa-f]{4}$", description="The number's last four digits.")
    limit: int = Field(default=100, ge=1, le=1000, description="Cards on a page.")
    cursor: Cursor | None = None


class CardReissued(Body):
    """The card that replaces the old one; without it, the same card is reissued (a lost one that was found)."""

    number: str | None = Field(default=None, max_length=100, repr=False, examples=["04B1335AC16D80"])
    format: CardFormat | None = None
    enrolment: Ref | None = None
    code: str | None = Field(default=None, max_length=12, repr=False)
    code_digits: int | None = Field(
        default=None,
        ge=4,
        le=12,
        description="A new keypad code with this many digits (usually 6), shown only in the answer.",
    )
    old: Literal["returned", "lost"] = Field(default="lost", description="The new status of the old card.")


class CardChanged(Body):
    """A change of a card; fields that aren't sent keep their value."""

    status: CardLife = "active"
    valid_from: Moment | None = None
    valid_until: Moment | None = None


class Card(Answer):
    """A card, by its reference and the last four digits of its number."""

    ref: Ref
    member: Ref
    kind: Literal["card", "code", "qr"]
    format: str | None
    last4: str | None
    status: CardLife
    valid_from: datetime | None
    valid_until: datetime | None
    replaces: str | None = Field(description="The card that it replaces.")
    must_be_presented: bool = Field(
        description="Issued before numbers were kept: it opens nothing. Issue it again, by its number or at a reader."
    )
    issued_at: datetime


class IssuedCard(Card):
    """A newly issued card."""

    code: str | None = Field(default=None, description="The code that the server chose; shown only once.")


class Cards(Answer):
    """Cards, newest first."""

    cards: list[Card]


class CardPage(Cards):
    """A page of cards, newest first."""

    next: str | None = Field(description="`cursor` of the next page; null: this is the last.")


class CardStep(Answer):
    """A change of a card's status."""

    at: datetime
    was: CardLife | None = Field(description="null: it was issued.")
    became: CardLife
    by: str


class CardHistory(Answer):
    """History of a card."""

    card: Ref
    steps: list[CardStep]


def card_resource(ref: str) -> Resource:
    """Name a card by reference."""
    return Resource(find=FIND, key={"ref": ref}, name=f"card {ref!r}", subject=f"card {ref}")


def card_json(row: DictRow) -> dict[str, Any]:
    """Format a row of ``FIND`` for an answer."""
    kept = ("ref", "member", "kind", "format", "last4", "status", "replaces", "must_be_presented")
    times = ("valid_from", "valid_until", "issued_at")
    return {**{name: row[name] for name in kept}, **{name: time_of(row[name]) for name in times}}


def step_json(row: DictRow) -> dict[str, Any]:
    """Format a row of ``HISTORY`` for an answer."""
    return {"at": time_of(row["at"]), "was": row["was"], "became": row["became"], "by": row["by"]}
