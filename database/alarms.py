"""Raises alarms: the same one again counts up while it is open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import psycopg

_RAISE: Final = """
-- raise an alarm; the same again counts up while it is open, and is dropped within an hour after it was raised
WITH alarmed AS (
  SELECT %b::text AS kind, %b::integer AS place, %b::integer AS gateway, %b::text AS text, %b::jsonb AS detail,
         %b::timestamptz AS from_at, %b::timestamptz AS until_at
), again AS (
  UPDATE alarm a SET
    from_at = least(a.from_at, t.from_at), until_at = greatest(a.until_at, t.until_at), text = t.text,
    detail = a.detail || t.detail, times = a.times + 1, last_at = now()
  FROM alarmed t
  WHERE a.id = (
    SELECT max(o.id) FROM alarm o
    WHERE o.acknowledged_at IS NULL AND o.kind = t.kind AND o.gateway IS NOT DISTINCT FROM t.gateway
      AND o.place IS NOT DISTINCT FROM t.place AND (o.gateway IS NOT NULL OR o.text = t.text)
  )
  RETURNING a.id
)
INSERT INTO alarm (kind, place, gateway, text, detail, from_at, until_at)
SELECT t.kind, t.place, t.gateway, t.text, t.detail, t.from_at, t.until_at FROM alarmed t
WHERE NOT EXISTS (SELECT FROM again) AND NOT EXISTS (
  SELECT FROM alarm o
  WHERE o.kind = t.kind AND o.gateway IS NOT DISTINCT FROM t.gateway AND o.place IS NOT DISTINCT FROM t.place
    AND o.text = t.text AND o.raised_at > now() - interval '1 hour'
)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """What an operator must look at."""

    kind: str
    """A word that docs/operate.md explains."""
    text: str
    """What is wrong and what to do."""
    place: int | None = None
    """Id; None: the whole network."""
    gateway: int | None = None
    """Id; alarms of one gateway and kind are the same whatever their text."""
    from_at: datetime | None = None
    """Aware; when it began, where that is known."""
    until_at: datetime | None = None
    """Aware; when it ended."""
    detail: str = "{}"
    """A JSON object; joined to that of an open alarm."""


def raise_alarm(connection: psycopg.Connection[Any], alarm: Alarm) -> None:
    """Raise ``alarm``, or count it up where the same one is open."""
    values = (alarm.kind, alarm.place, alarm.gateway, alarm.text, alarm.detail, alarm.from_at, alarm.until_at)
    connection.execute(_RAISE, values)
