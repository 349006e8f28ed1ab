"""Reads what an explanation needs: the card, the list at the time, the event and the gateways."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from psycopg.rows import DictRow, tuple_row

from access.model import AccessList, State
from api.explain.card_reads import CARD_READS, DOORS, SPACES, StoredCardRead, place_rules, state_after
from api.http.errors import BadField, NotFound
from api.http.session import Session
from gateway.contract.stored_events import KINDS
from rights.assembly import stored_list
from rights.queries import STORED_ENTRIES, STORED_SETTINGS, VERSION_AT

_BEFORE: Final = timedelta(hours=24)
NO_CARD: Final = "00" * 32
"""What no card is called."""

CARD: Final = """
SELECT ref, lookup, member, status, last4, kind, must_be_presented FROM card WHERE ref = %(card)s
"""
CARD_BY_NUMBER: Final = """
SELECT ref, lookup, member, status, last4, kind, must_be_presented FROM card WHERE lookup = %(lookup)s
"""
# The card that a token of a place's list stands for; in events from before 0046 the card's own, as its lookup still is.
_CARD_READ: Final = """
SELECT ref, lookup, member, status, last4, kind, must_be_presented FROM card
WHERE lookup = coalesce((SELECT coalesce(e.lookup, e.token) FROM list_entry e
  WHERE e.place = %(place)s AND e.token = %(token)s ORDER BY e.since DESC LIMIT 1), %(token)s)
"""
# What a card is called in a place's list; a token stays the same as long as the place and the card do.
_CALLED: Final = """
SELECT encode(token, 'hex') AS token FROM list_entry WHERE place = %(place)s AND lookup = %(lookup)s
ORDER BY since DESC LIMIT 1
"""
# The card that a member most likely carries.
CARDS_OF_MEMBER: Final = """
SELECT ref, lookup, member, status, last4, kind, must_be_presented FROM card WHERE member = %(member)s
ORDER BY status = 'active' DESC, kind = 'card' DESC, issued_at DESC, ref LIMIT 1
"""
# The last evacuation or release that gateways carried out, for the place and each door.
_EVACUATIONS: Final = """
SELECT DISTINCT ON (c.door) d.code::text AS door, c.do_what, c.outcome_at
FROM command c LEFT JOIN door d ON d.id = c.door
WHERE c.place = %(place)s AND c.do_what IN ('evacuate', 'release') AND c.outcome = 'done' AND c.outcome_at <= %(until)s
ORDER BY c.door, c.outcome_at DESC
"""
# A place's gateways in service: which list each has, and up to when all its events are stored.
GATEWAYS: Final = """
SELECT g.code::text AS gateway, coalesce(s.online, false) AS online, s.changed_at, s.list_version, s.complete_at,
       s.online AND s.spool_depth = 0 AS complete
FROM gateway g LEFT JOIN gateway_state s ON s.gateway = g.id
WHERE g.place = %(place)s AND g.retired_at IS NULL ORDER BY g.code
"""
# The names of members that the key may read.
# Whom a member may turn to at a place.
CONTACT: Final = "SELECT name, phone, email FROM place WHERE id = %(place)s"
NAMES: Final = "SELECT ref, name FROM member WHERE ref = ANY(%(refs)s::text[])"
# From which version on a place's list has a token.
_FIRST: Final = "SELECT min(since) AS since FROM list_entry WHERE place = %(place)s AND token = %(token)s"
_NOW: Final = "SELECT version FROM access_list WHERE place = %(place)s"
# One card read by stream and number; bounds on the time save a search through three months.
_EVENT: Final = """
SELECT e.kind, e.at, coalesce(e.edge_at, e.at) AS told_at, o.code::text AS door, d.side, e.state, r.name AS reason,
       encode(e.card, 'hex') AS card, e.member, e.a AS list_version, e.b AS list_age_s, e.detail, e.stream, e.seq,
       e.place, p.code::text AS place_code
FROM stream m JOIN gateway g ON g.id = m.gateway
JOIN event e ON e.place = g.place AND e.stream = m.id AND e.seq = %(seq)s AND e.at >= %(since)s AND e.at <= %(until)s
JOIN place p ON p.id = e.place
LEFT JOIN device d ON d.id = e.device LEFT JOIN door o ON o.id = d.door LEFT JOIN reason r ON r.id = e.reason
WHERE m.id = %(stream)s
"""


async def event_of(
    s: Session, stream: int, seq: int, at: datetime | None, now: datetime
) -> tuple[StoredCardRead, int, str]:
    """Return a stored card read with the id and code of its place.

    Raises:
        NotFound: it doesn't exist or isn't a card read.
    """
    near = timedelta(seconds=1)
    span = (
        {"since": now - timedelta(days=100), "until": now + near}
        if at is None
        else {"since": at - near, "until": at + near}
    )
    row = await s.row(_EVENT, {"stream": stream, "seq": seq, **span})
    if row is None:
        raise NotFound("There is no such event, or it was deleted. Send stream, seq and at as in /v1/events.")
    place, code = row.pop("place"), row.pop("place_code")
    if row["kind"] != KINDS["access"] or row["door"] is None:
        raise NotFound("This event is not a card read at a door.")
    return StoredCardRead(**row), place, code


async def list_now(s: Session, place: int, token: str | None) -> tuple[AccessList | None, int | None]:
    """Return the current list with only the entry of ``token``, and its version; None: there is none yet."""
    row = await s.row(_NOW, {"place": place})
    if row is None:
        return None, None
    return await list_at(s, place, row["version"], token), row["version"]


async def list_at(s: Session, place: int, version: int, token: str | None) -> AccessList | None:
    """Return a place's list at ``version`` with only the entry of ``token``; None: it is no longer stored."""
    async with s.conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(STORED_SETTINGS.encode(), {"place": place, "version": version})
        settings = await cursor.fetchone()
        if settings is None:
            return None
        await cursor.execute(STORED_ENTRIES.encode(), {"place": place, "version": version, "token": token or NO_CARD})
        return stored_list(settings, await cursor.fetchall())


async def with_visit(s: Session, place: int, held: AccessList, token: str) -> AccessList:
    """Return the list with the visit of a guest's QR as it was first listed: a QR opens before its gateway has that."""
    first = await s.row(_FIRST, {"place": place, "token": bytes.fromhex(token)})
    later = None if first is None or first["since"] is None else await list_at(s, place, first["since"], token)
    return held if later is None else replace(held, entries=later.entries)


async def version_at(s: Session, place: int, at: datetime) -> int | None:
    """Return the version of the list at an instant."""
    row = await s.row(VERSION_AT, {"place": place, "at": at})
    return None if row is None else int(row["version"])


async def state_before(s: Session, place: int, code: str, at: datetime, *, time_zone: str) -> State:
    """Return the gateways' state at ``at``, as far as orders and a day's card reads show it."""
    where = {"place": place, "since": at - _BEFORE, "until": at}
    rules = place_rules(await s.rows(DOORS, where), await s.rows(SPACES, where))
    reads = [StoredCardRead(**row) for row in await s.rows(CARD_READS, where)]
    state = state_after(reads, rules, place=code, time_zone=time_zone)
    last = {row["door"]: row for row in await s.rows(_EVACUATIONS, where)}
    whole = last.pop(None, None)
    ended = whole["outcome_at"] if whole is not None and whole["do_what"] == "release" else None
    return replace(
        state,
        evacuation=whole is not None and whole["do_what"] == "evacuate",
        evacuated_doors=frozenset(
            door
            for door, row in last.items()
            if row["do_what"] == "evacuate" and (ended is None or row["outcome_at"] > ended)
        ),
    )


async def token_at(s: Session, place: int, lookup: bytes) -> str:
    """Return what a card is called in the list of ``place``; where it never was in that, what no card is called."""
    row = await s.row(_CALLED, {"place": place, "lookup": lookup})
    return NO_CARD if row is None else str(row["token"])


async def card_read(s: Session, place: int, token: str) -> DictRow | None:
    """Return the card that a read at ``place`` names; None: it never was in that place's list, or isn't this key's."""
    return await s.row(_CARD_READ, {"place": place, "token": bytes.fromhex(token)})


async def card_meant(s: Session, *, card: str | None, lookup: bytes | None, member: str | None) -> DictRow | None:
    """Return the card that a request names; None: no card that this key sees has this number.

    Raises:
        BadField: the card or member doesn't exist, or the member has no card.
    """
    if lookup is not None:
        return await s.row(CARD_BY_NUMBER, {"lookup": lookup})
    if card is not None:
        row = await s.row(CARD, {"card": card})
        if row is None:
            raise BadField("card", f"there is no card {card!r} that this key has access to; see /v1/members/…/cards")
        return row
    row = await s.row(CARDS_OF_MEMBER, {"member": member})
    if row is None:
        raise BadField("member", f"{member!r} has no card that this key has access to")
    return row
