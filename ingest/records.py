"""The ingest's SQL beside the events: dead letters, alarms, states of gateways."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

from database.alarms import Alarm
from gateway.contract.wire import State
from ingest.consequences import Incident
from ingest.letters import DeadLetter
from ingest.quota import Excess
from ingest.store import Connection, when

_LETTER_BYTES: Final = 65_536

_STORE_LETTER = """
-- keep what could not be read; the same again counts up
INSERT INTO dead_letter
  (origin, reason, error, topic, gateway, stream, seq, received_at, sent_at, payload, length, digest)
VALUES (%b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b)
ON CONFLICT (digest) DO UPDATE SET times = dead_letter.times + 1, last_at = now()
"""

_STORE_STATE = """
-- a gateway's state; an older one (a retained message) never replaces a newer one
INSERT INTO gateway_state AS old (gateway, place, online, heard_at, changed_at, version, boot, epoch, list_version,
                                  list_fingerprint, spool_depth, newest_seq, clock_offset_ms, devices, unwell,
                                  config_version, config_fingerprint, config_refused)
VALUES (%b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b::jsonb, %b, %b, %b)
ON CONFLICT (gateway) DO UPDATE SET
  online = excluded.online,
  heard_at = CASE WHEN excluded.online THEN greatest(old.heard_at, excluded.heard_at) ELSE old.heard_at END,
  changed_at = CASE WHEN old.online = excluded.online THEN old.changed_at ELSE excluded.changed_at END,
  version = coalesce(excluded.version, old.version), boot = coalesce(excluded.boot, old.boot),
  epoch = coalesce(excluded.epoch, old.epoch),
  list_version = CASE WHEN excluded.online THEN excluded.list_version ELSE old.list_version END,
  list_fingerprint = CASE WHEN excluded.online THEN excluded.list_fingerprint ELSE old.list_fingerprint END,
  spool_depth = CASE WHEN excluded.online AND excluded.heard_at >= old.heard_at THEN excluded.spool_depth
                     ELSE old.spool_depth END,
  newest_seq = CASE WHEN excluded.online AND excluded.heard_at >= old.heard_at THEN excluded.newest_seq
                    ELSE old.newest_seq END,
  clock_offset_ms = coalesce(excluded.clock_offset_ms, old.clock_offset_ms),
  devices = coalesce(excluded.devices, old.devices),
  unwell = CASE WHEN excluded.online THEN excluded.unwell ELSE old.unwell END,
  config_version = CASE WHEN excluded.online THEN excluded.config_version ELSE old.config_version END,
  config_fingerprint = CASE WHEN excluded.online THEN excluded.config_fingerprint ELSE old.config_fingerprint END,
  config_refused = CASE WHEN excluded.online THEN excluded.config_refused ELSE old.config_refused END
"""

_REFUSAL = """
-- nothing can be stored: one alarm of the whole network, until something can be
INSERT INTO alarm (kind, from_at, text) SELECT 'storing_refused', now(), %b::text
WHERE NOT EXISTS (SELECT FROM alarm WHERE kind = 'storing_refused' AND place IS NULL AND acknowledged_at IS NULL)
"""

_REFUSAL_ENDS = """
-- things are stored again
UPDATE alarm SET until_at = now(), acknowledged_at = now(), acknowledged_by = 'ingest'
WHERE kind = 'storing_refused' AND place IS NULL AND acknowledged_at IS NULL
"""

_BEGIN_LASTING = """
-- raise an alarm that lasts; one that has ended and is not acknowledged begins again and counts up
WITH told AS (
  SELECT %b::text AS kind, %b::int AS place, %b::int AS gateway, %b::timestamptz AS from_at, %b::text AS text
), fresh AS (
  SELECT t.* FROM told t
  WHERE NOT EXISTS (SELECT FROM alarm o WHERE o.gateway = t.gateway AND o.kind = t.kind AND o.until_at IS NULL)
), again AS (
  UPDATE alarm a SET until_at = NULL, text = f.text, times = a.times + 1, last_at = now()
  FROM fresh f
  WHERE a.id = (
    SELECT max(o.id) FROM alarm o WHERE o.acknowledged_at IS NULL AND o.gateway = f.gateway AND o.kind = f.kind
  )
  RETURNING a.id
)
INSERT INTO alarm (kind, place, gateway, from_at, text)
SELECT f.kind, f.place, f.gateway, f.from_at, f.text FROM fresh f WHERE NOT EXISTS (SELECT FROM again)
"""

_REWORD_LASTING = """
-- it goes on with other words
UPDATE alarm SET text = %b::text WHERE gateway = %b::int AND kind = %b::text AND until_at IS NULL AND text <> %b::text
"""

_END_LASTING = """
-- these have ended
UPDATE alarm a SET until_at = now() FROM unnest(%b::int[], %b::text[]) AS e (gateway, kind)
WHERE a.gateway = e.gateway AND a.kind = e.kind AND a.until_at IS NULL
"""

_MARK_STANDS = """
-- since when nothing of a gateway's events has been stored
SELECT coalesce(max(last_received_at), '-infinity') < %b::timestamptz FROM stream WHERE gateway = %b::int
"""

_INCIDENT = """
-- raise an alarm of a door or a gateway; what happens again counts up until it is acknowledged
WITH told AS (
  SELECT %b::text AS kind, %b::int AS place, %b::int AS gateway, (SELECT id FROM door WHERE id = %b::int) AS door,
         %b::timestamptz AS first_at, %b::timestamptz AS last_at, %b::text AS text, %b::int AS times,
         %b::text AS device
), again AS (
  UPDATE alarm a SET
    from_at = least(a.from_at, t.first_at), until_at = greatest(a.until_at, t.last_at),
    times = a.times + t.times, last_at = greatest(a.last_at, t.last_at)
  FROM told t
  WHERE a.id = (
    SELECT max(o.id) FROM alarm o
    WHERE o.acknowledged_at IS NULL AND o.gateway = t.gateway AND o.kind = t.kind AND o.door IS NOT DISTINCT FROM t.door
      AND o.detail ->> 'device' IS NOT DISTINCT FROM t.device
  )
  RETURNING a.id
)
INSERT INTO alarm (kind, place, gateway, door, from_at, until_at, text, times, last_at, detail)
SELECT kind, place, gateway, door, first_at, last_at, text, times, last_at,
       jsonb_strip_nulls(jsonb_build_object('device', device)) FROM told
WHERE NOT EXISTS (SELECT FROM again)
"""

_USES = """
-- slots of passes that were used, each once, whichever gateway reports it first; a pass that is no more costs nothing.
-- One that doesn't hold at the gateway's place, and was on no list of that place, can't have been used there: an alarm
WITH used AS (
  SELECT u.*, p.everywhere OR EXISTS (SELECT FROM pass_place l WHERE l.pass = u.pass AND l.place = u.place) OR EXISTS (
    SELECT FROM list_entry e
    WHERE e.place = u.place AND e.member = p.member AND position('"' || u.pass || '"' IN e.holder::text) > 0
  ) AS holds
  FROM unnest(%b::text[], %b::bigint[], %b::int[], %b::int[], %b::timestamptz[])
    WITH ORDINALITY AS u (pass, slot, place, gateway, at, n)
  JOIN pass p ON p.ref = u.pass
), refused AS (
  INSERT INTO alarm (kind, place, gateway, from_at, until_at, text, times, last_at)
  SELECT 'use_refused', f.place, f.gateway, min(f.at), max(f.at), f.text, count(*), max(f.at)
  FROM (
    SELECT used.*, format('gateway %%s reports uses of pass %%s, which does not hold at its place: they do not count',
                          g.code, used.pass) AS text
    FROM used JOIN gateway g ON g.id = used.gateway WHERE NOT holds
  ) f
  WHERE NOT EXISTS (
    SELECT FROM alarm a WHERE a.gateway = f.gateway AND a.kind = 'use_refused' AND a.text = f.text
      AND a.raised_at > now() - interval '1 hour'
  )
  GROUP BY f.place, f.gateway, f.text LIMIT 20
)
INSERT INTO pass_use (pass, slot, place, at)
SELECT pass, slot, place, at FROM used WHERE holds ORDER BY n
ON CONFLICT (pass, slot) DO NOTHING
"""

_STORE_EXCESS = """
-- unreadable events that aren't kept: how many of a stream, by day of their arrival and reason
INSERT INTO dead_letter_excess AS old (stream, day, reason, stored, events, first_seq, last_seq, error)
VALUES (%b, (now() AT TIME ZONE 'UTC')::date, %b, %b, %b, %b, %b, %b)
ON CONFLICT (stream, day, reason) DO UPDATE SET
  events = old.events + excluded.events, last_seq = greatest(old.last_seq, excluded.last_seq), last_at = now(),
  error = excluded.error
"""


def store_letter(connection: Connection, letter: DeadLetter) -> None:
    """Keep what could not be read."""
    connection.execute(
        _STORE_LETTER,
        (
            letter.origin,
            letter.reason,
            letter.error.replace("\0", ""),
            letter.topic.replace("\0", ""),
            letter.gateway,
            letter.stream,
            letter.seq,
            when(letter.received_at),
            None if letter.sent_at is None else when(letter.sent_at),
            letter.payload[:_LETTER_BYTES],
            len(letter.payload),
            letter.digest,
        ),
    )


def store_excess(connection: Connection, one: Excess) -> None:
    """Count unreadable events that aren't kept."""
    error = one.error.replace("\0", "")[:500]
    connection.execute(
        _STORE_EXCESS, (one.stream, one.reason, one.stored, one.events, one.first_seq, one.last_seq, error)
    )


def store_state(
    connection: Connection, gateway: int, place: int, state: State, *, heard_at: int, offset_ms: float | None
) -> None:
    """Store a gateway's account of itself."""
    connection.execute(
        _STORE_STATE,
        (
            gateway,
            place,
            state.online,
            when(heard_at),
            when(heard_at),
            state.version,
            state.boot,
            state.epoch,
            state.list_version,
            state.list_fingerprint,
            state.spool_depth,
            state.newest_seq,
            offset_ms,
            state.devices,
            json.dumps([one.model_dump(exclude_none=True) for one in state.unwell]),
            state.config_version,
            state.config_fingerprint,
            state.config_refused,
        ),
    )


def raise_refusal(connection: Connection, reason: str) -> None:
    """Raise the alarm that nothing can be stored; once until ``end_refusal``."""
    text = f"the database refuses what the ingest stores; the gateways keep their events. Why: {reason}"
    connection.execute(_REFUSAL, (text.replace("\0", ""),))


def end_refusal(connection: Connection) -> None:
    """End that alarm, where there is one."""
    connection.execute(_REFUSAL_ENDS)


def begin_lasting(connection: Connection, alarm: Alarm) -> None:
    """Raise an alarm that lasts since ``from_at``; once until ``end_lasting``."""
    text = alarm.text.replace("\0", "")
    connection.execute(_BEGIN_LASTING, (alarm.kind, alarm.place, alarm.gateway, alarm.from_at, text))


def reword_lasting(connection: Connection, alarm: Alarm) -> None:
    """Give an alarm that lasts another text."""
    text = alarm.text.replace("\0", "")
    connection.execute(_REWORD_LASTING, (text, alarm.gateway, alarm.kind, text))


def end_lasting(connection: Connection, ended: Sequence[tuple[int, str]]) -> None:
    """Note that alarms that last have ended: of which gateways, and of which kinds."""
    if ended:
        connection.execute(_END_LASTING, ([gateway for gateway, _ in ended], [kind for _, kind in ended]))


def mark_stands(connection: Connection, gateway: int, since: int) -> bool:
    """Return whether nothing of ``gateway`` was stored after the instant ``since``."""
    row = connection.execute(_MARK_STANDS, (when(since), gateway)).fetchone()
    return row is not None and bool(row[0])


def raise_incident(connection: Connection, one: Incident) -> None:
    """Raise an alarm, or count it up where the same one is open."""
    span = (when(one.first_at), when(one.last_at))
    connection.execute(
        _INCIDENT,
        (
            one.kind,
            one.place,
            one.gateway,
            one.door,
            *span,
            one.text,
            one.times,
            one.device,
        ),
    )


def store_uses(connection: Connection, uses: Mapping[tuple[str, int, int], tuple[int, int]]) -> None:
    """Store which slots of which passes were used: (pass, slot, gateway) → its place and the instant.

    In one order, so that two workers that store uses of the same pass wait for each other and never in a circle.
    """
    if uses:
        rows = [(*key, *uses[key]) for key in sorted(uses, key=lambda key: key[:2])]
        passes, slots, gateways, places, instants = zip(*rows, strict=True)
        values = (list(passes), list(slots), list(places), list(gateways), [when(at) for at in instants])
        connection.execute(_USES, values)
