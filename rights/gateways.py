"""SQL about gateways: those in service, the lists that they hold, and alarms about them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Protocol

from database.alarms import Alarm, raise_alarm
from gateway.contract.wire import Address
from rights.fleet import Gateway
from rights.store import Connection

_GATEWAYS = """
-- every gateway in service, not shut out, with its place's code and shard
SELECT g.id, g.code, g.place, p.code, p.shard FROM gateway g JOIN place p ON p.id = g.place
WHERE g.retired_at IS NULL AND g.revoked_at IS NULL
"""
_DIGESTS = """
-- the digests of all entries in force at a place
SELECT encode(token, 'hex'), digest FROM list_entry WHERE until IS NULL AND place = %b
"""
_HELD = """
-- what gateways say that they hold; rows that the ingest writes just now are left to it
WITH free AS (
  SELECT gateway FROM gateway_state WHERE gateway = ANY(%(gateways)s::integer[]) ORDER BY gateway FOR UPDATE SKIP LOCKED
)
UPDATE gateway_state s SET list_version = h.version, list_fingerprint = h.fingerprint
FROM unnest(%(gateways)s::integer[], %(versions)s::integer[], %(fingerprints)s::text[])
  AS h (gateway, version, fingerprint)
JOIN free USING (gateway)
WHERE s.gateway = h.gateway AND (s.list_version, s.list_fingerprint) IS DISTINCT FROM (h.version, h.fingerprint)
"""
_ASK = """
-- order a gateway to report its list's contents
INSERT INTO command (place, gateway, do_what, ordered_by, expires_at)
SELECT %(place)s, %(gateway)s, 'report_list', 'rights', now() + interval '1 minute'
WHERE NOT EXISTS (
  SELECT FROM command WHERE gateway = %(gateway)s AND do_what = 'report_list' AND outcome IS NULL AND expires_at > now()
)
"""

_END = """
-- what gateways refused they hold now
UPDATE alarm SET until_at = now(), acknowledged_at = now(), acknowledged_by = 'rights'
WHERE kind = %(kind)s AND gateway = ANY(%(gateways)s::integer[]) AND acknowledged_at IS NULL
"""


class Accused(Protocol):
    """What a gateway should hold, of which an alarm may say that the gateway refuses it."""

    gateway: Gateway
    accused: bool


def gateways(connection: Connection) -> list[Gateway]:
    """Return every gateway in service."""
    return [
        Gateway(id=number, code=code, place=place, address=Address(shard=shard, place=place_code, gateway=code))
        for number, code, place, place_code, shard in connection.execute(_GATEWAYS)
    ]


def held(connection: Connection, said: Mapping[int, tuple[int | None, str | None]]) -> None:
    """Keep which version, with which fingerprint, gateways (by id) say that they hold."""
    if said:
        versions, fingerprints = zip(*said.values(), strict=True)
        values = {"gateways": list(said), "versions": list(versions), "fingerprints": list(fingerprints)}
        connection.execute(_HELD, values)


def digests(connection: Connection, place: int) -> dict[str, bytes]:
    """Return the digest of each entry in force at ``place``, by token."""
    return dict(connection.execute(_DIGESTS, (place,)).fetchall())


def ask_for_list(connection: Connection, gateway: Gateway) -> None:
    """Order a gateway to report its list's contents, unless such an order is open."""
    connection.execute(_ASK, {"place": gateway.place, "gateway": gateway.id})


def alarm_of_drift(connection: Connection, gateway: Gateway, version: int, theirs: Mapping[str, str]) -> None:
    """Tell the operator how a gateway's list (token → first digits of its entry's digest) differs from ours."""
    ours = {token: digest.hex() for token, digest in digests(connection, gateway.place).items()}
    found = {
        "missing": sorted(ours.keys() - theirs.keys()),
        "extraneous": sorted(theirs.keys() - ours.keys()),
        "different": sorted(
            token for token in ours.keys() & theirs.keys() if not ours[token].startswith(theirs[token])
        ),
    }
    told = ", ".join(f"{len(tokens)} {word}" for word, tokens in found.items())
    detail = {
        "version": version,
        **{word: len(tokens) for word, tokens in found.items()},
        "settings": not any(found.values()),
        "tokens": {word: [token[:8] for token in tokens[:5]] for word, tokens in found.items() if tokens},
    }
    alarm = Alarm(
        kind="list_drift",
        place=gateway.place,
        gateway=gateway.id,
        text=f"gateway {gateway.code} held another access list than the centre's: {told}. It is sent the whole list.",
        detail=json.dumps(detail),
    )
    raise_alarm(connection, alarm)


def alarm_of_schedule(connection: Connection, place: int | None, what: str) -> None:
    """Tell the operator of hours that can't be read: they open nothing."""
    alarm = Alarm(
        kind="schedule_unusable",
        place=place,
        gateway=None,
        text=f"hours that can't be read open nothing: {what}",
    )
    raise_alarm(connection, alarm)


def alarm_of_failure(connection: Connection, place: int | None) -> None:
    """Tell the operator that what a place's list (or a member's entries) should be can't be made out."""
    alarm = Alarm(
        kind="list_stuck",
        place=place,
        gateway=None,
        text="an access list can't be brought up to date: the log of the rights process says why (refresh_failed).",
    )
    raise_alarm(connection, alarm)


def alarm_of_refusal(connection: Connection, gateway: Gateway, version: int) -> None:
    """Tell the operator that a gateway takes not even a whole list."""
    alarm = Alarm(
        kind="list_refused",
        place=gateway.place,
        gateway=gateway.id,
        text=f"gateway {gateway.code} doesn't take the access lists that it is sent: it goes on with the one it has, "
        "within its age. Has it the right key?",
        detail=json.dumps({"version": version}),
    )
    raise_alarm(connection, alarm)


def end_refusals(connection: Connection, kind: str, taken: Iterable[Accused]) -> None:
    """End the open alarms of ``kind`` of gateways that have taken what they refused."""
    over = [side for side in taken if side.accused]
    if over:
        connection.execute(_END, {"kind": kind, "gateways": [side.gateway.id for side in over]})
    for side in over:
        side.accused = False


def alarm_of_configuration(connection: Connection, gateway: Gateway, *, kind: str, text: str, **detail: int) -> None:
    """Tell the operator what is wrong with a gateway's configuration."""
    alarm = Alarm(
        kind=kind,
        place=gateway.place,
        gateway=gateway.id,
        text=f"gateway {gateway.code}: {text}",
        detail=json.dumps(detail),
    )
    raise_alarm(connection, alarm)


def alarm_of_lead(connection: Connection, gateway: Gateway, version: int, ours: int) -> None:
    """Tell the operator that a gateway holds a newer list than the centre has."""
    alarm = Alarm(
        kind="list_ahead",
        place=gateway.place,
        gateway=gateway.id,
        text=f"gateway {gateway.code} holds a newer access list than the centre. Was the database restored?",
        detail=json.dumps({"version": version, "ours": ours}),
    )
    raise_alarm(connection, alarm)
