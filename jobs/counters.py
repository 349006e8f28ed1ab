"""Finds counters that count nobody while people are let in by the doors of their space.

Only the centre knows both: a counter and the readers beside it may belong to different gateways, and a counter that
counts nothing looks like a quiet day.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from gateway.contract.stored_events import KINDS
from jobs.job import Round

EVERY: Final = timedelta(hours=6)
OVER: Final = timedelta(days=3)
"""So long is looked back."""
LET_IN: Final = 20
"""So many people were let in, and the counter saw none of them."""

_FIND: Final = """
-- counters that have counted nobody while people were let in by the doors of their space
WITH counter AS (
  SELECT v.id, v.place, v.code, v.gateway, v.counted_nobody, coalesce(v.space, o.to_space) AS space
  FROM (
    SELECT d.*, coalesce(t.counted_nobody, false) AS counted_nobody
    FROM device d LEFT JOIN device_state t ON t.device = d.id
    WHERE d.kind = 'counter' AND d.retired_at IS NULL
  ) v LEFT JOIN door o ON o.id = v.door
), counted AS (
  SELECT c.id, (
    SELECT count(*) FROM event e
    WHERE e.place = c.place AND e.at >= %(since)s AND e.at <= %(now)s AND e.kind = %(count)s AND e.device = c.id
      AND (e.a > 0 OR e.b > 0)
  ) AS people, (
    SELECT count(*) FROM event e JOIN device r ON r.id = e.device JOIN door o ON o.id = r.door
    WHERE e.place = c.place AND e.at >= %(since)s AND e.at <= %(now)s AND e.kind = %(access)s AND e.state = 1
      AND o.to_space = c.space AND r.side = 'in'
  ) AS let_in
  FROM counter c
)
SELECT c.id, c.place, c.gateway, c.code, c.counted_nobody, d.people, d.let_in
FROM counter c JOIN counted d ON d.id = c.id
WHERE c.counted_nobody <> (d.people = 0 AND d.let_in >= %(least)s) AND (d.people > 0 OR d.let_in >= %(least)s)
"""
_NOTE: Final = """
-- the counter counts nobody, or counts again
INSERT INTO device_state AS old (device, place, reported_at, counted_nobody)
SELECT id, place, %(now)s, %(stuck)s FROM device WHERE id = %(id)s
ON CONFLICT (device) DO UPDATE SET counted_nobody = excluded.counted_nobody
"""
_RAISE: Final = """
-- an alarm that lasts until it counts again
INSERT INTO alarm (kind, place, gateway, from_at, text, detail)
VALUES ('counter_stuck', %(place)s, %(gateway)s, %(since)s, %(text)s, jsonb_build_object('device', %(code)s::text))
"""
_END: Final = """
-- it counts again
UPDATE alarm SET until_at = %(now)s
WHERE kind = 'counter_stuck' AND gateway = %(gateway)s AND detail ->> 'device' = %(code)s AND until_at IS NULL
"""


def look_at_counters(round_: Round) -> None:
    """Raise an alarm for each counter that counts nobody, and end it when it counts again."""
    connection, since = round_.connection, round_.now - OVER
    wanted = {"since": since, "now": round_.now, "least": LET_IN, "count": KINDS["count"], "access": KINDS["access"]}
    with connection.transaction():
        for device, place, gateway, code, was_stuck, _people, let_in in connection.execute(_FIND, wanted).fetchall():
            stuck = not was_stuck
            text = (
                f"counter {code} has counted nobody for {OVER.days} days, while {let_in} people were let in beside it"
            )
            values = {"id": device, "place": place, "gateway": gateway, "code": code, "now": round_.now}
            connection.execute(_NOTE, {**values, "stuck": stuck})
            connection.execute(_RAISE if stuck else _END, {**values, "since": since, "text": text})
            round_.log(f"counters: {code} {'counts nobody' if stuck else 'counts again'}")
