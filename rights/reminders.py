"""Raises alarms for what people forget: certificates that end soon, gateways that were set back long ago."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from database.alarms import Alarm, raise_alarm
from gateway.mqtt.expiry import SOON
from rights.store import Connection

AUTHORITY_SOON: Final = timedelta(days=400)
"""No certificate outlives the authority's, and a process' lives for 365 days."""
_REISSUE: Final = "`maillage authority reissue` makes it again (docs/enrolment.md)"
_HELD_DAYS: Final = 7

_HELD: Final = """
-- gateways that have been set back for long, the version, since when, and the newest; those without an alarm lately
SELECT g.id, g.code::text, g.place, h.version, h.held_at,
  (SELECT max(c.version) FROM gateway_configuration c WHERE c.gateway = g.id)
FROM configuration_hold h JOIN gateway g ON g.id = h.gateway AND g.retired_at IS NULL AND g.revoked_at IS NULL
WHERE h.held_at < now() - make_interval(days => %(days)s) AND NOT EXISTS (
  SELECT FROM alarm a WHERE a.gateway = g.id AND a.kind = 'configuration_held'
    AND coalesce(a.last_at, a.raised_at) > now() - make_interval(days => %(days)s))
ORDER BY g.id
"""


def certificates_that_end(ends: Mapping[str, datetime | None], now: datetime) -> list[Alarm]:
    """Return an alarm for each certificate, by whose it is, that ends within ``SOON``. Pure."""
    return [
        _ending(f"the certificate of {whose} ends on {until:%Y-%m-%d}: {_REISSUE}")
        for whose, until in ends.items()
        if until is not None and until - now < SOON
    ]


def authorities_that_end(ends: Mapping[str, datetime], now: datetime) -> list[Alarm]:
    """Return an alarm for each authority, by whose certificates it signs, that ends within ``AUTHORITY_SOON``. Pure."""
    return [
        _ending(f"the authority of {whose} ends on {until:%Y-%m-%d}: `maillage authority renew` (docs/enrolment.md)")
        for whose, until in ends.items()
        if until - now < AUTHORITY_SOON
    ]


def gateways_held_back(connection: Connection) -> list[Alarm]:
    """Return an alarm for each gateway that an operator set back a week ago or earlier; again after a week."""
    return [
        Alarm(
            kind="configuration_held",
            place=place,
            gateway=gateway,
            text=f"gateway {code}: an operator set it back to its configuration {version} on {held_at:%Y-%m-%d}: no "
            f"change of its place reaches it since. `maillage gateway configuration {code} --newest` ends that.",
            detail=json.dumps({"version": version, "newest": newest}),
        )
        for gateway, code, place, version, held_at, newest in connection.execute(_HELD, {"days": _HELD_DAYS}).fetchall()
    ]


def remind(connection: Connection, alarms: Sequence[Alarm]) -> None:
    """Raise ``alarms``, and those of gateways that are held back."""
    with connection.transaction():
        for one in (*alarms, *gateways_held_back(connection)):
            raise_alarm(connection, one)


def _ending(text: str) -> Alarm:
    return Alarm(kind="certificate_ending", text=text)
