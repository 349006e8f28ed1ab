"""Folds a place's stored events again: as they were stored, to compare; as they happened, to know what was."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from gateway.contract.stored_events import KIND_NAMES, KINDS, fields
from gateway.contract.wire import Event
from ingest import topology as network
from ingest.late import apply_late
from ingest.store import Connection, micros, when
from occupancy.fold import TELLING, PlaceFold
from occupancy.space import UNKNOWN, VERSION, Change, Estimate, SpaceFold, UnknownForm
from occupancy.topology import Device, Topology

log = logging.getLogger(__name__)

_EVENTS: Final = (
    """
-- a place's events that matter for occupancy, and which of them were dead letters
SELECT e.kind, e.state, e.a, e.b, e.value, e.member, e.device, e.at, coalesce(e.edge_at, e.at),
       e.detail,
       EXISTS (
         SELECT FROM dead_letter d
         WHERE d.stream = e.stream AND d.seq = e.seq AND d.origin = 'ingest' AND d.replayed_at IS NOT NULL
       )
FROM event e
WHERE e.place = %b AND e.at >= %b
  AND (e.device IS NOT NULL AND e.kind IN ({kinds})
         AND (e.kind <> {measure} OR e.detail ->> 'name' IN ('co2', 'wifi_stations'))
       OR e.kind IN ({head_count}, {booking}))
ORDER BY {order}
""".replace("{kinds}", ", ".join(str(KINDS[kind]) for kind in sorted(TELLING)))
    .replace("{head_count}", str(KINDS["head_count"]))
    .replace("{booking}", str(KINDS["booking"]))
    .replace("{measure}", str(KINDS["measure"]))
)

_EVENTS_AS_STORED: Final = _EVENTS.replace("{order}", "e.tx, e.stream, e.seq")
_EVENTS_AS_THEY_HAPPENED: Final = _EVENTS.replace("{order}", "e.at, e.stream, e.seq")

_STORED: Final = """
-- what the ingest made of them
SELECT space, present, low, high, quality, at, fold FROM space_state WHERE place = %b
"""


_REBUILT: Final = timedelta(days=28)
"""So far back a fold is rebuilt: what was learned longer ago hardly counts any more."""
_ALL: Final = datetime(1970, 1, 1, tzinfo=UTC)


def rebuilt(connection: Connection, topology: Topology, known: PlaceFold) -> PlaceFold:
    """Fold anew, from the stored events, a place whose stored folds are an earlier release's.

    ``known`` holds their revisions and when each was last true.
    """
    devices = {device.id: device for gateway in topology.gateways.values() for device in gateway.devices.values()}
    fresh = PlaceFold(known.id, topology)
    events = 0
    for event, device, at, late in _events(connection, devices, known.id, when(known.clock) - _REBUILT):
        (apply_late if late else PlaceFold.apply)(fresh, event, device, at)
        events += 1
    fresh.look(known.clock)
    fresh.changes.clear()
    for space, fold in fresh.spaces.items():
        before = known.spaces[space]
        fold.revision, fold.look, fold.old = before.revision, before.look, True
        fold.at = max(fold.at, before.at)
        if before.estimate != fold.estimate:
            fresh.changes.append(Change(at=fold.at, space=space, estimate=fold.estimate))
    fresh.touched |= set(fresh.spaces)
    log.info("fold_rebuilt", extra={"place": known.id, "events": events})
    return fresh


def differences(connection: Connection) -> list[str]:
    """One sentence for each space whose stored state isn't what a fresh fold of its place's events gives.

    Events whose rows retention has dropped are not folded: run it where the whole history is there.
    """
    topology = network.load(connection)
    devices = {device.id: device for gateway in topology.gateways.values() for device in gateway.devices.values()}
    return [line for place in sorted(topology.places) for line in _compare(connection, topology, devices, place)]


def curve(
    connection: Connection, place: int, since: datetime, until: datetime
) -> list[tuple[datetime, int, int | None, int | None, int | None, int | None, str]]:
    """Return the estimates of a place's spaces from ``since`` to before ``until``, of all events as they happened.

    Each: from when on, the space, present, low, high, capacity, quality.
    """
    topology = network.load(connection)
    devices = {device.id: device for gateway in topology.gateways.values() for device in gateway.devices.values()}
    fold = PlaceFold(place, topology)
    first, last = micros(since), micros(until)
    began = False
    for event, device, at, _late in _events(connection, devices, place, since - _REBUILT, happened=True):
        if at >= last:
            break
        if at >= first and not began:
            began = True
            _begin(fold, first)
        fold.apply(event, device, at)
    if not began:
        _begin(fold, first)
    fold.settle()
    fold.look(last - 1)
    holds = {(change.space, max(change.at, first)): change for change in fold.changes if change.at < last}
    return [
        (
            *(when(at), space, change.estimate.present, change.estimate.low),
            *(change.estimate.high, topology.spaces[space].capacity, change.estimate.quality),
        )
        for (space, at), change in holds.items()
    ]


def _begin(fold: PlaceFold, at: int) -> None:
    """Let time pass up to ``at``, and forget all changes but what holds then."""
    fold.settle()
    fold.look(at)
    fold.changes[:] = [Change(at=at, space=space, estimate=one.estimate) for space, one in sorted(fold.spaces.items())]


def _compare(connection: Connection, topology: Topology, devices: dict[int, Device], place: int) -> Iterator[str]:
    fresh = PlaceFold(place, topology)
    for event, device, at, late in _events(connection, devices, place, _ALL):
        (apply_late if late else PlaceFold.apply)(fresh, event, device, at)
    fresh.settle()
    stored = {row[0]: row[1:] for row in connection.execute(_STORED, (place,))}
    fresh.look(max((micros(row[4]) for row in stored.values()), default=0))
    for space, one in fresh.spaces.items():
        if space not in stored:
            if one.at:
                yield f"space {space}: nothing is stored, the events say {one.estimate}"
            continue
        present, low, high, quality, at, value = stored[space]
        rows = [
            (e.present, e.low, e.high, e.quality, json.loads(one.to_json()))
            for e in (fresh.estimates(micros(at))[space], *_last_made(fresh, space))
        ]
        found = (present, low, high, quality, _of_this_version(value))
        if found not in rows:
            yield f"space {space}: stored {found}, the events say {rows[0]}"


def _last_made(fold: PlaceFold, space: int) -> list[Estimate]:
    """A space's last two estimates.

    A report that repeats itself moves the space's instant, not its estimate, which time alone moves: that is made again
    when it is due, counted from the end of a transaction, and a fresh fold has no transactions.
    """
    return [change.estimate for change in fold.changes if change.space == space][-2:]


def _of_this_version(value: dict[str, Any]) -> dict[str, Any]:
    """A stored fold as this release writes it, where it reads the version that is stored."""
    if value.get("v") == VERSION:
        return value
    try:
        read = SpaceFold.from_json(value, at=0, estimate=UNKNOWN, revision=0)
    except UnknownForm:
        return value
    made: dict[str, Any] = json.loads(read.to_json())
    return made


def _events(
    connection: Connection, devices: dict[int, Device], place: int, since: datetime, *, happened: bool = False
) -> Iterator[tuple[Event, Device | None, int, bool]]:
    for kind, state, a, b, value, member, device, at, edge_at, detail, late in connection.execute(
        _EVENTS_AS_THEY_HAPPENED if happened else _EVENTS_AS_STORED, (place, since)
    ):
        if device is None or device in devices:
            name = KIND_NAMES[kind]
            event: Any = {"kind": name, **(detail or {}), **fields(name, state, a, b, value), "at": micros(edge_at)}
            if member is not None:
                event["member"] = member
            yield event, None if device is None else devices[device], micros(at), late
