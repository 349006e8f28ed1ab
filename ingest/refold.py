"""Folds a place's stored events again, in the order of storing, and compares with the stored occupancy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from gateway.contract.wire import Event
from ingest import topology as network
from ingest.late import apply_late
from ingest.rows import DOOR_STATES
from ingest.store import Connection, micros
from occupancy.fold import PlaceFold
from occupancy.topology import Device, Topology

_EVENTS: Final = """
-- a place's events that matter for occupancy, in the order in which they were stored, and which were dead letters
SELECT e.kind, e.state, e.a, e.b, e.value, e.member, e.device, e.at, coalesce(e.edge_at, e.at),
       e.detail,
       EXISTS (
         SELECT FROM dead_letter d
         WHERE d.stream = e.stream AND d.seq = e.seq AND d.origin = 'ingest' AND d.replayed_at IS NOT NULL
       )
FROM event e
WHERE e.place = %b AND e.device IS NOT NULL AND e.kind IN (1, 2, 3, 4, 5, 6, 8)
ORDER BY e.tx, e.stream, e.seq
"""

_STORED: Final = """
-- what the ingest made of them
SELECT space, present, low, high, quality, at, fold FROM space_state WHERE place = %b
"""

_DOOR_STATES: Final = {number: name for name, number in DOOR_STATES.items()}


def differences(connection: Connection) -> list[str]:
    """One sentence for each space whose stored state isn't what a fresh fold of its place's events gives.

    Events whose rows retention has dropped are not folded: run it where the whole history is there.
    """
    topology = network.load(connection)
    devices = {device.id: device for gateway in topology.gateways.values() for device in gateway.devices.values()}
    return [line for place in sorted(topology.places) for line in _compare(connection, topology, devices, place)]


def _compare(connection: Connection, topology: Topology, devices: dict[int, Device], place: int) -> Iterator[str]:
    fresh = PlaceFold(place, topology)
    for event, device, at, late in _events(connection, devices, place):
        (apply_late if late else PlaceFold.apply)(fresh, event, device, at)
    fresh.settle()
    stored = {row[0]: row[1:] for row in connection.execute(_STORED, (place,))}
    until = max((micros(row[4]) for row in stored.values()), default=0)
    fresh.look(until)
    for space, one in fresh.spaces.items():
        e = one.estimate
        if space not in stored:
            if one.at:
                yield f"space {space}: nothing is stored, the events say {e}"
            continue
        present, low, high, quality, at, value = stored[space]
        expected = (e.present, e.low, e.high, e.quality, one.at, json.loads(one.to_json()))
        found = (present, low, high, quality, micros(at), value)
        if expected != found:
            yield f"space {space}: stored {found}, the events say {expected}"


def _events(
    connection: Connection, devices: dict[int, Device], place: int
) -> Iterator[tuple[Event, Device, int, bool]]:
    for kind, state, a, b, value, member, device, at, edge_at, detail, late in connection.execute(_EVENTS, (place,)):
        if device in devices:
            event: Any = _event(kind, state, numbers=(a, b, value), member=member, detail=detail)
            event["at"] = micros(edge_at)
            yield event, devices[device], micros(at), late


def _event(
    kind: int,
    state: int | None,
    *,
    numbers: tuple[int | None, int | None, float | None],
    member: str | None,
    detail: Any,
) -> dict[str, Any]:
    """The part of an event that the fold looks at."""
    if kind == 1:
        event: dict[str, Any] = {"kind": "access", "decision": "granted" if state == 1 else "denied"}
        if "awaits" in (detail or {}):
            event["awaits"] = detail["awaits"]
        return event if member is None else {**event, "member": member}
    if kind in (2, 3):
        return {"kind": "access_taken" if kind == 2 else "access_not_taken", "access_at": detail["access_at"]}
    if kind == 4:
        return {"kind": "door", "state": _DOOR_STATES.get(state or 0)}
    if kind == 5:
        return {"kind": "desk", "occupied": None if state is None else bool(state)}
    a, b, value = numbers
    if kind == 6:
        return {"kind": "count", "entered": a, "left": b} if state == 1 else {"kind": "count", "present": a}
    return {"kind": "device", "value": 1 if value is None else value, **(detail or {})}
