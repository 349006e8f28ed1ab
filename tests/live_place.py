"""A managed place with sensors, people, bookings, a visitor and an alarm, for the tests of its live pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.contract.stored_events import DOOR_STATES, KINDS
from tests.managed import Managed, managed
from tests.operated import Door, door

MARKUP = "<img src=x onerror=alert(1)><b>x</b>"


@contextmanager
def live_place(server_url: str, template: str, *, name: str = "Claire Martin") -> Iterator[tuple[Managed, Door]]:
    """Yield Limoges as it works: 12 people, two desks with sensors, a door with a contact, a booking, a visitor."""
    with managed(server_url, template) as network:
        entry = door(network, contact=True)
        network.centre.gateway("limoges", online=True)
        fill(network, name)
        yield network, entry


def fill(network: Managed, name: str) -> None:
    """Let sensors speak, and people come."""
    network.centre.state("limoges", present=12, low=10, high=14, quality="degraded")
    network.centre.state("limoges", "open-space", present=11, low=9, high=13)
    network.centre.state("limoges", "room-1", present=None, quality="unknown")
    gateway, place, space = network.sql(
        "SELECT g.id, s.place, s.id FROM space s JOIN gateway g ON g.place = s.place"
        " WHERE g.code = 'limoges-1' AND s.code = 'open-space'"
    )[0]
    sensors = [
        network.sql(
            "INSERT INTO device (gateway, place, code, kind, driver, address, space, desk) SELECT %s, %s, %s,"
            " 'desk_sensor', 'zigbee2mqtt', %s, %s, id FROM desk WHERE place = %s AND code = %s RETURNING id",
            gateway, place, f"seat-{number}", f"zigbee2mqtt/seat-{number}", space, place, f"desk-{number}",
        )[0][0]
        for number in (1, 2)
    ]  # fmt: skip
    now_us = int(datetime.now(UTC).timestamp() * 1_000_000)
    network.sql(
        "UPDATE space_state SET fold = jsonb_build_object('desks', jsonb_build_object("
        "%s::text, jsonb_build_array(true, %s::bigint), %s::text, jsonb_build_array(false, %s::bigint))),"
        " why = '{\"evidence\": [], \"faults\": [\"silent\"]}' WHERE space = %s RETURNING space",
        str(sensors[0]), now_us, str(sensors[1]), now_us, space,
    )  # fmt: skip
    said(network, "closed", minutes=40, seq=900)
    raise_alarm(network, "door_forced")
    member = network.someone(name)
    now = datetime.now(UTC)
    booked(network, member, now - timedelta(minutes=30), now + timedelta(minutes=50))
    network.sql(
        "WITH m AS (INSERT INTO member (name, home) VALUES (%s, %s) RETURNING ref),"
        " p AS (INSERT INTO pass (member, visitor, valid_from, valid_until, label)"
        " SELECT ref, 'present', now() - interval '1 hour', now() + interval '1 hour', 'x' FROM m RETURNING ref)"
        " INSERT INTO pass_place (pass, place) SELECT ref, %s FROM p RETURNING place",
        f"Paul {name}", place, place,
    )  # fmt: skip


def booked(network: Managed, member: str, begins: datetime, ends: datetime) -> None:
    """Store a booking of the meeting room."""
    network.sql(
        "INSERT INTO booking (member, place, space, starts_at, ends_at)"
        " SELECT %s, place, id, %s, %s FROM space WHERE code = 'room-1' ORDER BY place LIMIT 1 RETURNING ref",
        member, begins, ends,
    )  # fmt: skip


def raise_alarm(network: Managed, kind: str, text: str = "Entry opened without being unlocked") -> int:
    """Raise an alarm of Limoges; return its number."""
    found = network.sql(
        "INSERT INTO alarm (kind, place, text) SELECT %s, id, %s FROM place WHERE code = 'limoges' RETURNING id",
        kind, text,
    )  # fmt: skip
    return int(found[0][0])


def said(network: Managed, state: str, *, minutes: float, seq: int) -> None:
    """Let the contact of the entry say how the door is."""
    values: tuple[Any, ...] = (datetime.now(UTC) - timedelta(minutes=minutes), seq, KINDS["door"], DOOR_STATES[state])
    network.sql(
        "INSERT INTO event (at, received_at, tx, stream, seq, place, device, kind, state)"
        " SELECT %s, now(), nextval('event_batch'), (SELECT min(id) FROM stream), %s, place, id, %s, %s"
        " FROM device WHERE code = 'contact' RETURNING seq",
        *values,
    )


def answered(network: Managed, outcome: str) -> int:
    """Answer all orders that wait, as their gateways do; return how many."""
    found = network.sql(
        "UPDATE command SET sent_at = now(), outcome = %s, outcome_at = now() WHERE outcome IS NULL RETURNING id",
        outcome,
    )
    for (one,) in found:
        network.centre.notify("maillage_answer", one)
    return len(found)
