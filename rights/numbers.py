"""SQL about the numbers of cards and codes, which no other process may read, and the tokens of codes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rights.store import Connection

_NUMBERS = """
-- the numbers of members' cards and codes, sealed or boxed
SELECT n.lookup, n.sealed, n.boxed FROM card c JOIN card_number n ON n.lookup = c.lookup
WHERE c.member = ANY(%b::text[])
"""
_BOX = """
-- numbers that were sealed, as they are kept from now on
UPDATE card_number n SET boxed = o.boxed, sealed = NULL FROM unnest(%b::bytea[], %b::bytea[]) AS o (lookup, boxed)
WHERE n.lookup = o.lookup
"""
_KEEP = """
-- the number of a card that was read to be enrolled
INSERT INTO card_number (lookup, boxed) VALUES (%b, %b) ON CONFLICT (lookup) DO UPDATE SET at = now()
"""
_CODE_TOKENS = """
-- the tokens of members' codes
SELECT t.place, t.lookup, encode(t.token, 'hex') FROM card c JOIN code_token t ON t.lookup = c.lookup
WHERE c.member = ANY(%b::text[]) AND c.kind = 'code'
"""
_HASHED = """
-- a code's token at a place
INSERT INTO code_token (place, lookup, token) SELECT p.id, %(lookup)s, decode(%(token)s, 'hex') FROM place p
WHERE p.id = %(place)s ON CONFLICT (place, lookup) DO UPDATE SET token = excluded.token
"""
_OF_CODE = """
-- whose a code is
SELECT member FROM card WHERE lookup = ANY(%b::bytea[])
"""
_WITH_CODES = """
-- members with a code
SELECT DISTINCT member FROM card WHERE kind = 'code' AND NOT must_be_presented ORDER BY member
"""
_UNUSED = """
-- what is known of numbers that no card and no enrolment has any more
WITH gone AS (
  DELETE FROM card_number n WHERE n.at < now() - interval '1 day'
    AND NOT EXISTS (SELECT FROM card c WHERE c.lookup = n.lookup)
    AND NOT EXISTS (SELECT FROM enrolment e WHERE e.lookup = n.lookup)
)
DELETE FROM code_token t WHERE NOT EXISTS (SELECT FROM card c WHERE c.lookup = t.lookup)
"""


def known(connection: Connection, members: Sequence[str]) -> list[tuple[bytes, bytes | None, bytes | None]]:
    """Return lookup, sealed and boxed number of the members' cards, as far as they are known."""
    return connection.execute(_NUMBERS, (list(members),), binary=True).fetchall()


def keep_boxed(connection: Connection, opened: Sequence[tuple[bytes, bytes]]) -> None:
    """Keep numbers (lookup, boxed) that were sealed."""
    if opened:
        connection.execute(_BOX, [list(column) for column in zip(*opened, strict=True)])


def keep(connection: Connection, lookup: bytes, boxed: bytes) -> None:
    """Keep a number that no card may have yet."""
    connection.execute(_KEEP, (lookup, boxed))


def hashed(connection: Connection, members: Sequence[str]) -> list[tuple[int, bytes, str]]:
    """Return place, lookup and token of the members' codes, as far as they are hashed."""
    return connection.execute(_CODE_TOKENS, (list(members),), binary=True).fetchall()


def keep_hash(connection: Connection, place: int, lookup: bytes, token: str) -> None:
    """Keep the token of a code at a place."""
    connection.execute(_HASHED, {"place": place, "lookup": lookup, "token": token})


def holders(connection: Connection, lookups: Iterable[bytes]) -> list[str]:
    """Return the members with these codes."""
    return [member for (member,) in connection.execute(_OF_CODE, (list(lookups),))]


def with_codes(connection: Connection) -> list[str]:
    """Return the members with a code."""
    return [member for (member,) in connection.execute(_WITH_CODES)]


def drop_unused(connection: Connection) -> None:
    """Delete what is known of numbers that no card has any more."""
    connection.execute(_UNUSED)
