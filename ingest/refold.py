"""Folds a place's stored events again, in the order of storing, and compares with the stored occupancy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from gateway.contract.stored_events import KIND_NAMES, KINDS, fields
from gateway.contract.wire import Event
from ingest import topology as network
from ingest.late import apply_late
from ingest.store import Connection, micros
from occupancy.fold import TELLING, PlaceFold
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
WHERE e.place = %b AND e.device IS NOT NULL AND e.kind IN ({kinds})
ORDER BY e.tx, e.stream, e.seq
""".replace("{kinds}", ", ".join(str(KINDS[kind]) for kind in sorted(TELLING)))

_STORED: Final = """
-- what the ingest made of them
SELECT space, present, low, high, quality, at, fold FROM space_state WHERE place = %b
"""


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
            name = KIND_NAMES[kind]
            event: Any = {"kind": name, **(detail or {}), **fields(name, state, a, b, value), "at": micros(edge_at)}
            if member is not None:
                event["member"] = member
            yield event, devices[device], micros(at), late
