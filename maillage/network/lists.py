"""``maillage network lists``: each place's access list, built from members, cards and rights, signed, kept for sending.

A list gets a new version only when what it says has changed, when half of its allowed age has passed, or
when the key that signs has changed.
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg

from access import AccessList, Entry, ListError, Member, Right, Schedule, from_json, to_json
from access.schedules import schedule_from_json
from gateway.signing import SignatureError, public_key, sign, verify

log = logging.getLogger(__name__)

MAX_AGE: Final = timedelta(days=30)
"""A gateway that hears nothing from the centre for longer opens nothing but for egress."""

_PLACES = """
-- the places with a gateway in service, and their present lists
SELECT p.id, p.code, p.time_zone, p.opening_hours, coalesce(l.version, 0), l.body, l.signature
FROM place p LEFT JOIN access_list l ON l.place = p.id
WHERE EXISTS (SELECT FROM gateway g WHERE g.place = p.id AND g.retired_at IS NULL)
  AND (%(places)s::integer[] IS NULL OR p.id = ANY(%(places)s))
ORDER BY p.id
"""
_RIGHTS = """
-- what each member may open there
SELECT r.place, r.member, m.status, r.doors, r.schedule, r.valid_from, r.valid_until
FROM access_right r JOIN member m ON m.ref = r.member
WHERE r.place = ANY(%s)
ORDER BY r.place, r.id
"""
_CARDS = """
-- the cards of everybody who has a right there
SELECT r.place, c.member, encode(c.token, 'hex'), c.status, c.valid_from, c.valid_until
FROM card c JOIN (SELECT DISTINCT place, member FROM access_right WHERE place = ANY(%s)) r ON r.member = c.member
"""
_LOCK = """
-- one signer at a time, so that no version is given twice
SELECT pg_advisory_xact_lock(hashtext('maillage access lists'))
"""
_INCOMING = """
CREATE TEMPORARY TABLE new_list (place integer, version integer, made_at timestamptz, body text, signature text)
ON COMMIT DROP
"""
_COPY = "COPY new_list FROM STDIN"
_STORE = """
-- keep the newest list of each place and tell the ingest, which sends it
WITH stored AS (
  INSERT INTO access_list (place, version, made_at, body, signature) SELECT * FROM new_list
  ON CONFLICT (place) DO UPDATE SET version = excluded.version, made_at = excluded.made_at, body = excluded.body,
    signature = excluded.signature
  RETURNING place)
SELECT count(pg_notify('maillage_list', place::text)) FROM stored
"""


def refresh(
    connection: psycopg.Connection[Any],
    *,
    signing_key: str,
    now: datetime,
    places: Sequence[int] | None = None,
    max_age: timedelta | None = MAX_AGE,
    tell: Callable[[str], None] = lambda _line: None,
) -> list[str]:
    """Build and sign the lists that have changed, commit, and return the codes of their places.

    A right or an opening time that makes no sense opens nothing, and is logged.

    Args:
        signing_key: Ed25519 seed, base64.
        now: aware.
        places: ids; None: every place that has a gateway in service.
        max_age: the lists' age limit; None: none.

    Raises:
        SignatureError: the key is none.
        psycopg.Error: the database refused.
    """
    key = public_key(signing_key)  # a key that is none is told even where there is nothing to sign
    with connection.transaction():
        connection.execute(_LOCK)
        known = connection.execute(_PLACES, {"places": list(places) if places is not None else None}).fetchall()
        ids = [row[0] for row in known]
        entries = _entries(connection, ids)
        changed: list[tuple[int, int, datetime, str, str]] = []
        codes: list[str] = []
        for place, code, time_zone, hours, version, old, signature in known:
            fresh = AccessList(
                place=code,
                version=version + 1,
                made_at=now,
                time_zone=time_zone,
                entries=entries.get(place, {}),
                max_age_s=int(max_age.total_seconds()) if max_age is not None else None,
                opening_hours=_hours(hours, code),
            )
            if old is not None and _signed(key, old, signature) and _still_good(old, fresh, now, max_age):
                continue
            body = to_json(fresh)
            changed.append((place, fresh.version, now, body, sign(signing_key, "list", body)))
            codes.append(code)
        if changed:
            connection.execute(_INCOMING)
            with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
                for row in changed:
                    copy.write_row(row)
            connection.execute(_STORE)
            connection.execute("DROP TABLE new_list")
    tell(f"access lists: {len(changed)} signed, {len(known) - len(changed)} unchanged")
    return codes


def _signed(key: str, body: str, signature: str) -> bool:
    """Return whether the stored list was signed with the key that the gateways believe now."""
    try:
        verify(key, "list", body, signature)
    except SignatureError:
        return False
    return True


def _still_good(old: str, fresh: AccessList, now: datetime, max_age: timedelta | None) -> bool:
    """Return whether the stored body says what ``fresh`` says, and is young enough to go on."""
    try:
        stored = from_json(old)
    except ListError:
        return False
    if max_age is not None and now - stored.made_at > max_age / 2:
        return False
    return to_json(replace(fresh, version=stored.version, made_at=stored.made_at)) == old


def _entries(connection: psycopg.Connection[Any], places: list[int]) -> dict[int, dict[str, Entry]]:
    """Return the entries of each place by card token."""
    statuses: dict[tuple[int, str], Any] = {}
    rights: defaultdict[tuple[int, str], list[Right]] = defaultdict(list)
    schedules: dict[str, Schedule] = {}
    for place, ref, status, doors, schedule, valid_from, valid_until in connection.execute(
        _RIGHTS, (places,)
    ).fetchall():
        statuses[place, ref] = status
        try:
            hours = _schedule(schedule, schedules)
        except ListError as error:
            log.warning("right_unusable", extra={"place": place, "member": ref, "reason": str(error)})
            continue
        rights[place, ref].append(
            Right(
                doors=None if doors is None else frozenset(doors),
                schedule=hours,
                valid_from=valid_from,
                valid_until=valid_until,
            )
        )
    members = {
        (place, ref): Member(ref=ref, status=status, rights=tuple(rights[place, ref]))
        for (place, ref), status in statuses.items()
    }
    entries: defaultdict[int, dict[str, Entry]] = defaultdict(dict)
    for place, ref, token, status, valid_from, valid_until in connection.execute(_CARDS, (places,)).fetchall():
        entries[place][token] = Entry(
            token=token, member=members[place, ref], status=status, valid_from=valid_from, valid_until=valid_until
        )
    return entries


def _schedule(value: Any, known: dict[str, Schedule]) -> Schedule | None:
    """Read a schedule once and share it: thousands of rights follow a handful of them."""
    if value is None:
        return None
    key = json.dumps(value, sort_keys=True)
    if key not in known:
        known[key] = schedule_from_json(value)
    return known[key]


def _hours(hours: Any, place: str) -> Schedule | None:
    """Read a place's opening hours; what can't be read keeps it closed."""
    if hours is None:
        return None
    try:
        return schedule_from_json(hours)
    except ListError as error:
        log.warning("opening_hours_unusable", extra={"place": place, "reason": str(error)})
        return schedule_from_json({})
