"""The network that ``benchmarks.revocation`` runs on: imported places with hundreds of members, cards that get lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import psycopg

from access import normalise
from maillage.sample.creating import create_sample
from rights.card_secret import CardKeys
from rights.place_tokens import NumberBox

PLACES: Final = 154
_MORE: Final = 200
"""Members of each place beside the generated ones."""
CARD_SECRET: Final = bytes.fromhex("5a" * 32)
_CROWD: Final = """
-- hundreds of members at each place
WITH more AS (
  INSERT INTO member (ref, home) SELECT 'm-' || lpad(p.id::text, 5, '0') || lpad(n::text, 5, '0'), p.id
  FROM place p, generate_series(1, %(more)s) AS n RETURNING ref, home
), cards AS (
  INSERT INTO card (lookup, member) SELECT sha256(ref::bytea), ref FROM more
), passes AS (
  INSERT INTO pass (ref, member) SELECT 'p' || substr(ref, 2), ref FROM more
)
INSERT INTO pass_place (pass, place) SELECT 'p' || substr(ref, 2), home FROM more
"""
_NUMBERLESS: Final = """
-- the cards of these
SELECT lookup FROM card c WHERE NOT EXISTS (SELECT FROM card_number n WHERE n.lookup = c.lookup)
"""
_VICTIM: Final = """
-- somebody with a pass for everywhere, at any hour, whose card will be lost
WITH one AS (INSERT INTO member (ref) VALUES (%(ref)s) RETURNING ref), more AS (
  INSERT INTO pass (member, everywhere, outside_hours, supervises) SELECT ref, true, true, true FROM one
)
INSERT INTO card (lookup, member) SELECT %(lookup)s, ref FROM one RETURNING card.ref
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Victim:
    """A card that will be lost: its reference in the API, its bytes on the reader."""

    ref: str
    uid: str


def fill(connection: psycopg.Connection[Any], victims: int) -> list[Victim]:
    """Make the places and their members; return the cards that will be lost."""
    create_sample(
        connection, region="Nouvelle-Aquitaine", places=PLACES, card_secret=CARD_SECRET, log=lambda _line: None
    )
    connection.execute(_CROWD, {"more": _MORE})
    for (lookup,) in connection.execute(_NUMBERLESS).fetchall():
        _keep_number(connection, lookup, lookup.hex()[:14].upper())
    return [_victim(connection, number) for number in range(victims)]


def _victim(connection: psycopg.Connection[Any], which: int) -> Victim:
    uid = f"04{which:06x}"
    number = normalise(bytes.fromhex(uid))
    lookup = CardKeys.of(CARD_SECRET).found_by(number)
    _keep_number(connection, lookup, number)
    row = connection.execute(_VICTIM, {"ref": f"m-victim{which:04}", "lookup": lookup}).fetchone()
    assert row is not None
    return Victim(ref=row[0], uid=uid)


def _keep_number(connection: psycopg.Connection[Any], lookup: bytes, number: str) -> None:
    boxed = NumberBox(CARD_SECRET).boxed(lookup, number)
    connection.execute("INSERT INTO card_number (lookup, boxed) VALUES (%s, %s)", (lookup, boxed))
