"""Enrolments: what was read from a presented card, whether it is known, and whether the reader is misconfigured."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

from psycopg.rows import DictRow
from pydantic import Field

from access.formats import lookalikes
from access.readings import number_of
from access.tokens import card_token
from api.cards.notation import RANDOM
from api.http.models import Answer, Body, Code, time_of
from rights.sealing import reply_key, unseal

# A reader of a place whose gateway is in service.
READER: Final = """
SELECT d.id, d.gateway FROM device d JOIN gateway g ON g.id = d.gateway
WHERE d.place = %(place)s AND d.code = %(reader)s AND d.kind IN ('reader', 'keypad') AND d.retired_at IS NULL
  AND g.retired_at IS NULL
ORDER BY g.code LIMIT 1
"""
BEGIN: Final = "INSERT INTO enrolment (id, place, key) VALUES (%(id)s, %(place)s, %(key)s)"
ASK: Final = "INSERT INTO enrolment_answer (id, reply_key) VALUES (%(id)s, %(reply_key)s)"
# An enrolment with its order, and the known card that was read, if this key sees it.
FIND: Final = """
SELECT e.id, p.code::text AS place, d.code AS reader, e.key, encode(e.lookup, 'hex') AS lookup, e.last4, e.format,
       e.bits, e.read_at, c.ref AS card, c.member, c.status, a.sealed
FROM enrolment e JOIN place p ON p.id = e.place JOIN command o ON o.id = e.id LEFT JOIN device d ON d.id = o.device
LEFT JOIN card c ON c.lookup = e.lookup
LEFT JOIN enrolment_answer a ON a.id = e.id AND a.at > now() - interval '2 minutes'
WHERE e.id = %(id)s
"""
CARDS: Final = """
SELECT encode(lookup, 'hex') AS lookup, ref, member, status FROM card
WHERE lookup = ANY(%(lookups)s::bytea[]) AND NOT must_be_presented
"""
_HOW: Final[Mapping[str, str]] = {
    "reversed": "in reversed byte order",
    "inverted": "with its two data lines swapped",
    "inverted_reversed": "with its data lines swapped and in reversed byte order",
    "first_3": "cut to its first 3 bytes",
    "last_3": "cut to its last 3 bytes",
    "first_4": "cut to its first 4 bytes",
    "last_4": "cut to its last 4 bytes",
    "cascade": "cut to the first step of its UID",
}


class Enrol(Body):
    """An enrolment to begin."""

    place: Code
    reader: str = Field(
        min_length=1, max_length=64, description="The reader's code at that place.", examples=["entry-in"]
    )
    expires_s: int = Field(default=60, ge=10, le=600, description="How long the reader waits for the card, seconds.")


class KnownCard(Answer):
    """A card that the network knows."""

    ref: str
    member: str
    status: str


class Lookalike(Answer):
    """A known card that a misconfigured reader would read like this."""

    how: str
    card: KnownCard


class Enrolment(Answer):
    """An enrolment and the card that was read."""

    id: str
    place: str
    reader: str | None
    state: Literal["waiting", "read", "unreadable", "ended"]
    outcome: str | None
    why: str | None
    expires_at: datetime = Field(description="Until then the reader waits for the card.")
    read_at: datetime | None
    last4: str | None
    format: str | None
    bits: int | None = Field(description="Number of bits read.")
    raw: str | None = Field(description="The raw bits: only for the key that began the enrolment, for two minutes.")
    card: KnownCard | None = Field(description="The card, if the network already knows it.")
    lookalikes: list[Lookalike]
    hint: str | None


def enrolment_json(
    row: DictRow, order: Mapping[str, Any], raw: str | None, alike: list[dict[str, Any]], *, random: bool = False
) -> dict[str, Any]:
    """Format an enrolment for an answer; ``random``: its number looks like one that changes at each read."""
    state = "read" if row["lookup"] else "unreadable" if row["read_at"] else "ended" if order["outcome"] else "waiting"
    return {
        "id": row["id"],
        "place": row["place"],
        "reader": row["reader"],
        "state": state,
        "outcome": order["outcome"],
        "why": order["why"],
        "expires_at": order["expires_at"],
        "read_at": time_of(row["read_at"]),
        "last4": row["last4"],
        "format": row["format"],
        "bits": row["bits"],
        "raw": raw,
        "card": None if row["card"] is None else {"ref": row["card"], "member": row["member"], "status": row["status"]},
        "lookalikes": alike,
        "hint": _hint(row, state, alike, random=random),
    }


def _hint(row: DictRow, state: str, alike: list[dict[str, Any]], *, random: bool) -> str | None:
    if state == "waiting":
        return "Present the card at the reader now."
    if state == "ended":
        return "No card was read. Begin again with POST /v1/enrolments."
    if state == "unreadable":
        return f"{row['bits']} bits of no format that we know: is the reader set for this kind of card?"
    if row["card"] is not None:
        return f"This card is {row['member']}'s already ({row['status']})."
    if random:
        sure = "" if row["format"] == "MIFARE4" else " Read it a second time: only if the number stays is it a card."
        return f"{RANDOM[0].upper()}{RANDOM[1:]}.{sure}"
    if alike:
        return (
            f"This reader seems to be set wrongly: it reads card {alike[0]['card']['ref']} {alike[0]['how']}. "
            "Put its setting right before you enrol cards there."
        )
    return f'POST /v1/members/…/cards with {{"enrolment": "{row["id"]}"}} gives it to a member.'


def likely(key: bytes, lookup: str, bits: str) -> dict[str, str]:
    """Return the lookups of cards that a misconfigured reader would read as ``bits``, each with the fault.

    Args:
        key: the look-up key.
        lookup: of the card as it was read, by the reader's settings.
        bits: raw.
    """
    number = number_of(key, lookup, bits)
    return {} if number is None else {card_token(key, one): _HOW[how] for how, one in lookalikes(number).items()}


def bits_of(key: bytes, enrolment: str, sealed: bytes | None) -> str | None:
    """Return the raw bits that were read for an enrolment; None: none, or more than two minutes ago."""
    return None if sealed is None else unseal(reply_key(key), bytes(sealed), about=enrolment)
