"""Who went through a door: the gateway, the fold, the centre's muster and Grafana's views tell one story (case 4)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from access.inside import muster, went_through
from api.explain.card_reads import CARD_READS, DOORS, SPACES, StoredCardRead, place_rules, state_after
from gateway.contract.instants import instant
from gateway.door.muster import call_roll
from ingest import refold
from ingest.store import when
from tests.integration.ingest.conftest import Bench
from tests.unit.gateway.hall import ANNA, BEN, Hall

S = 1_000_000
DEVICES = ("reader-in", "reader-out", "contact")
"""Those of the hall that the stand has too."""

TABLE: list[tuple[bool, bool | None, bool | None]] = [
    (False, None, True),  # no contact: the grant is all that will be known
    (True, None, None),  # the contact has not told (yet)
    (True, True, True),
    (True, False, False),
    (False, True, True),  # an older gateway doesn't say that it waits
    (False, False, False),
]
"""Whether the gateway waits, what the contact told, whether somebody went through."""


@pytest.mark.parametrize(("awaits", "outcome", "went"), TABLE)
def test_the_rule(awaits: bool, outcome: bool | None, went: bool | None) -> None:
    assert went_through(awaits=awaits, outcome=outcome) is went


def test_the_same_rule_in_sql(bench: Bench, start_ingest: Callable[..., Any]) -> None:
    start_ingest()
    gateway = bench.gateways[0]
    begin = time.time_ns() // 1000 - 600 * S
    events: list[dict[str, Any]] = []
    for number, (awaits, outcome, _) in enumerate(TABLE):
        at = begin + number * 10 * S
        grant = {"kind": "access", "at": at, "device": "reader-in", "decision": "granted", "reason": "granted"}
        says = {} if outcome is not None and not awaits else {"awaits": awaits}
        events.append(grant | {"side": "in", "member": f"m-{number}"} | says)
        if outcome is not None:
            kind = "access_taken" if outcome else "access_not_taken"
            events.append({"kind": kind, "at": at + 3 * S, "device": "reader-in", "access_at": at})
    denied = {"kind": "access", "at": begin, "device": "reader-in", "decision": "denied", "reason": "card_lost"}
    gateway.batch(1, [*events, denied | {"side": "in"}], sent_at=time.time_ns() // 1000)
    gateway.until_mark(len(events) + 1)
    for number, (_, _, went) in enumerate(TABLE):
        span = when(begin + number * 10 * S), when(begin + (number + 1) * 10 * S)
        passed = bench.one("SELECT count(*) FROM door_event WHERE passed AND at >= %s AND at < %s", *span)
        assert passed == int(went is True), TABLE[number]


def hall_of(kind: str) -> Hall:
    """A gateway at whose entry Ben goes in, and Anna is let in and doesn't."""
    hall = Hall(at=time.time_ns() // 1000 - 600 * S)

    def door(state: str) -> None:
        if kind == "board":
            report = {"type": "INFO", "src": "door", "desc": f"Door {state}", "hostname": "in", "time": 1}
            hall.hear("esp_rfid", "gare/in/send", json.dumps(report).encode())
        elif kind != "none":
            hall.contact(is_open=state == "Open")

    door("Closed")
    if kind == "lost":
        hall.hear("zigbee2mqtt", "z/contact/availability", b"offline")
    assert hall.badge(BEN)["decision"] == "granted"
    if kind != "lost":
        door("Open")
        door("Closed")
    hall.wait(20)
    assert hall.badge(ANNA)["decision"] == "granted"
    hall.wait(20)
    return hall


@pytest.mark.parametrize("says", [True, False], ids=["says-that-it-waits", "older"])
@pytest.mark.parametrize("kind", ["board", "device", "none", "lost"])
def test_one_story(kind: str, says: bool, bench: Bench, start_ingest: Callable[..., Any]) -> None:
    """Of a door whose reader has a contact of its own, one with a contact beside it, one without, one whose is lost."""
    hall = hall_of(kind)
    expected = {"m-ben": "badged", "m-anna": "not_seen" if kind in ("board", "device") else "badged"}
    at = instant(hall.at)
    roll = call_roll([(hall.place.config, hall.place.memory.state, hall.place.memory.unsure)], at)
    assert {ref: one.sure for ref, one in roll.people.items()} == expected

    with psycopg.connect(bench.url, autocommit=True) as owner:
        owner.execute(
            """INSERT INTO device (gateway, place, code, kind, driver, address, door)
               SELECT g.id, g.place, 'contact', 'contact', 'zigbee2mqtt', 'z/contact', d.id
               FROM gateway g JOIN door d ON d.place = g.place WHERE g.code = 'p0001-g1'"""
        )
    start_ingest()
    events = [dict(event) for event in hall.events if event["device"] in DEVICES]
    if not says:
        events = [{name: value for name, value in event.items() if name != "awaits"} for event in events]
    bench.gateways[0].batch(1, events, sent_at=time.time_ns() // 1000)
    bench.gateways[0].until_mark(len(events))

    went = sum(sure == "badged" for sure in expected.values())
    root = "SELECT t.present FROM space_state t JOIN space s ON s.id = t.space WHERE s.kind = 'place'"
    assert bench.rows(root) == [(went,)]
    where = {
        "place": bench.one("SELECT id FROM place WHERE code = 'p0001'"),
        "since": when(0),
        "until": at + timedelta(seconds=1),
    }
    with psycopg.connect(bench.url, row_factory=dict_row) as reader:
        rules = place_rules(reader.execute(DOORS, where).fetchall(), reader.execute(SPACES, where).fetchall())
        readings = [StoredCardRead(**row) for row in reader.execute(CARD_READS, where)]
    state = state_after(readings, rules, place="p0001", time_zone="Europe/Paris")
    assert {ref: one.sure for ref, one in muster(state, at).items()} == expected
    with psycopg.connect(bench.url, autocommit=True) as owner:
        assert refold.differences(owner) == []
        owner.execute("INSERT INTO scope (role) VALUES (current_user)")
        seen = owner.execute("SELECT entered_24h, left_24h, denied_24h FROM report.door_now WHERE place = 'p0001'")
        assert seen.fetchall() == [(went, 0, 0)]
        hours = owner.execute("SELECT sum(times), sum(passed) FROM report.access_hourly WHERE granted")
        assert hours.fetchall() == [(2, went)]
