"""Checks of what stands at the places: gateways that have joined, certificates, configurations, devices, cards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from maillage.doctor.finding import Finding, bad, good, note

_NAMED: Final = 5
_SOON_DAYS: Final = 10
"""Gateways renew their certificates long before."""
_CONFIGURED_S: Final = 120
"""For a configuration to be taken by an online gateway."""

_JOINED: Final = """
-- gateways in service that have not joined, and those that are shut out
SELECT array_agg(g.code::text ORDER BY g.code) FILTER (WHERE g.joined_at IS NULL AND g.revoked_at IS NULL),
       array_agg(g.code::text ORDER BY g.code) FILTER (WHERE g.revoked_at IS NOT NULL),
       count(*) FILTER (WHERE g.joined_at IS NOT NULL AND g.revoked_at IS NULL)
FROM gateway g WHERE g.retired_at IS NULL
"""
_NOT_SHUT_OUT: Final = """
-- gateways that are shut out and that the broker may still let in, and when its watcher last made it know all
SELECT array_agg(code ORDER BY code), max(read_at) FROM gateways_not_shut_out()
"""
_CERTIFICATES: Final = """
-- gateways whose last certificate is over, and those whose is soon
SELECT array_agg(n.code ORDER BY n.code) FILTER (WHERE n.ends <= now()),
       array_agg(n.code ORDER BY n.code) FILTER (WHERE n.ends > now() AND n.ends < now() + make_interval(days => %s)),
       min(n.ends)
FROM (
  SELECT g.code::text AS code, max(c.not_after) AS ends
  FROM gateway g JOIN certificate c ON c.gateway = g.id AND c.revoked_at IS NULL
  WHERE g.retired_at IS NULL AND g.revoked_at IS NULL GROUP BY g.code
) n
"""
_CONFIGURATIONS: Final = """
-- online gateways that refuse their newest configuration, that haven't acknowledged it for a while, and all with one
SELECT array_agg(n.code || ': ' || n.refused ORDER BY n.code) FILTER (WHERE NOT n.held AND n.refused IS NOT NULL),
       array_agg(n.code ORDER BY n.code) FILTER (WHERE NOT n.held AND n.refused IS NULL), count(*)
FROM (
  SELECT g.code::text AS code, s.config_refused AS refused,
         coalesce(s.config_fingerprint = c.fingerprint, false) OR c.made_at > now() - make_interval(secs => %s) AS held
  FROM gateway g JOIN gateway_state s ON s.gateway = g.id AND s.online
  JOIN LATERAL (
    SELECT * FROM gateway_configuration c WHERE c.gateway = g.id ORDER BY c.version DESC LIMIT 1
  ) c ON true
  WHERE g.retired_at IS NULL
) n
"""
_HELD_BACK: Final = """
-- gateways that operators have set back
SELECT array_agg(g.code::text ORDER BY g.code) FROM configuration_hold h
JOIN gateway g ON g.id = h.gateway AND g.retired_at IS NULL
"""
_DEVICES: Final = """
-- devices in service of online gateways: how many, which are silent, which are in trouble
SELECT count(*),
       array_agg(g.code || '/' || d.code ORDER BY g.code, d.code) FILTER (WHERE t.silent_since IS NOT NULL),
       array_agg(g.code || '/' || d.code ORDER BY g.code, d.code) FILTER (WHERE t.troubles <> '{}' OR t.counted_nobody)
FROM device d JOIN gateway g ON g.id = d.gateway AND g.retired_at IS NULL
JOIN gateway_state s ON s.gateway = g.id AND s.online
LEFT JOIN device_state t ON t.device = d.id
WHERE d.retired_at IS NULL
"""
_UNASSIGNED: Final = """
-- devices that were heard within a day and nobody has assigned
SELECT count(*) FROM heard_device h
WHERE h.dismissed_at IS NULL AND h.last_at > now() - interval '1 day' AND NOT EXISTS (
  SELECT FROM device d
  WHERE d.gateway = h.gateway AND d.driver = h.driver AND d.retired_at IS NULL
    AND lower(d.address) IN (lower(h.address), lower(h.key))
)
"""
_CARDS: Final = """
-- cards in use that open nothing until they are presented again
SELECT count(*) FROM card WHERE must_be_presented AND status IN ('issued', 'active')
"""


def look_at_fleet(connection: Any) -> Iterator[Finding]:
    """Ask the database how gateways, their devices and cards stand."""
    yield from _joined(connection)
    yield from _certificates(connection)
    yield from _configurations(connection)
    yield from _devices(connection)
    cards = connection.execute(_CARDS).fetchone()[0]
    if cards:
        text = f"{cards} open nothing until they are presented again: they were issued before numbers were kept"
        yield note("cards", text, "present each at a reader by an enrolment (docs/operate.md)")


def _joined(connection: Any) -> Iterator[Finding]:
    waiting, out, joined = connection.execute(_JOINED).fetchone()
    if waiting:
        yield note("gateways", f"have not joined: {_names(waiting)}", "maillage gateway enrol PLACE makes a code")
    elif joined:
        yield good("gateways", f"all {joined} have joined")
    if out:
        yield note("gateways", f"shut out: {_names(out)}", "maillage gateway enrol PLACE brings a new machine in")
    still_in, read_at = connection.execute(_NOT_SHUT_OUT).fetchone()
    if still_in:
        since = "has never run" if read_at is None else f"has done nothing since {read_at:%Y-%m-%d %H:%M:%S}"
        text = f"shut out, and the broker may still let them in: {_names(still_in)}; its watcher {since}"
        yield bad("gateways", text, "start `maillage broker watch`, or look at its log (docs/enrolment.md)")


def _certificates(connection: Any) -> Iterator[Finding]:
    over, soon, first = connection.execute(_CERTIFICATES, (_SOON_DAYS,)).fetchone()
    if over:
        yield bad("certificates", f"are over: {_names(over)}", "maillage gateway enrol, then join again on the machine")
    if soon:
        text = f"end within {_SOON_DAYS} days: {_names(soon)}"
        yield bad("certificates", text, "look at the rights process: it renews them, while they are online")
    if first is not None and not over and not soon:
        yield good("certificates", f"hold, the first until {first:%Y-%m-%d}")


def _configurations(connection: Any) -> Iterator[Finding]:
    refused, waiting, total = connection.execute(_CONFIGURATIONS, (_CONFIGURED_S,)).fetchone()
    for text in (refused or ())[:_NAMED]:
        yield bad("configuration", text[:300], "correct the device or door that it names")
    if waiting:
        yield bad("configuration", f"not acknowledged: {_names(waiting)}", "look at the rights process and at them")
    held = connection.execute(_HELD_BACK).fetchone()[0]
    if held:
        text = f"set back by an operator: {_names(held)}: no change of their places reaches them"
        yield note("configuration", text, "maillage gateway configuration CODE --newest ends that")
    if total and not refused and not waiting:
        yield good("configuration", f"the newest is in force at all {total} online gateways")


def _devices(connection: Any) -> Iterator[Finding]:
    total, silent, unwell = connection.execute(_DEVICES).fetchone()
    if silent:
        yield note("devices", f"{len(silent)} of {total} are silent: {_names(silent)}", "look at their power and radio")
    if unwell:
        yield note("devices", f"{len(unwell)} are in trouble: {_names(unwell)}", "maillage devices PLACE says more")
    if total and not silent and not unwell:
        yield good("devices", f"{total}, all well")
    unassigned = connection.execute(_UNASSIGNED).fetchone()[0]
    if unassigned:
        yield note("devices", f"{unassigned} are heard and nobody has assigned them", "maillage devices")


def _names(codes: Sequence[str]) -> str:
    more = f" and {len(codes) - _NAMED} more" if len(codes) > _NAMED else ""
    return ", ".join(codes[:_NAMED]) + more
