"""What events entail in the database: uses of passes, alarms, details; once, in the batch's own transaction."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import psycopg

from gateway.contract.wire import State
from ingest.store import when
from tests.integration.ingest.conftest import Bench
from tests.waiting import until

GRANTED = {"kind": "access", "device": "reader-in", "decision": "granted", "reason": "granted", "side": "in"}


def now() -> int:
    return time.time_ns() // 1000


def make_pass(bench: Bench) -> None:
    with psycopg.connect(bench.url) as connection:
        connection.execute("INSERT INTO member (ref) VALUES ('m-anna')")
        connection.execute(
            """INSERT INTO pass (ref, member, everywhere, unit, allowance)
               VALUES ('p-anna', 'm-anna', true, 'half_day', 10)"""
        )
        connection.execute("DELETE FROM access_dirty")


def test_uses_of_a_pass_are_counted_once_whoever_tells(bench: Bench, start_ingest: Callable[..., Any]) -> None:
    make_pass(bench)
    start_ingest()
    at = now()
    events = [
        {**GRANTED, "at": at, "pass_ref": "p-anna", "slots": [1479333]},
        {**GRANTED, "at": at + 1, "pass_ref": "p-gone", "slots": [7]},  # deleted meanwhile
        {"kind": "access_taken", "device": "reader-in", "at": at + 2, "access_at": at, "pass_ref": "p-anna"}
        | {"slots": [5]},
        {**GRANTED, "at": at + 3, "pass_ref": "p-anna", "slots": [1479333]},
    ]  # fmt: skip
    one, two = bench.gateways[:2]
    one.batch(1, events, sent_at=at)
    one.until_mark(4)
    one.batch(1, events, sent_at=at)  # redelivered
    one.batch(5, [{"kind": "desk", "at": at, "device": "desk-1", "occupied": True}], sent_at=at)
    one.until_mark(5)
    two.batch(1, [{**GRANTED, "at": at + 9, "pass_ref": "p-anna", "slots": [1479333, 6]}], sent_at=at)
    two.until_mark(1)
    rows = bench.rows(
        "SELECT u.pass, u.slot, p.code, u.at FROM pass_use u JOIN place p ON p.id = u.place ORDER BY slot"
    )
    assert rows == [
        ("p-anna", 5, "p0001", when(at + 2)),
        ("p-anna", 6, "p0002", when(at + 9)),
        ("p-anna", 1479333, "p0001", when(at)),
    ]
    # The lists hear of it, without hurry.
    assert set(bench.rows("SELECT member, hurry FROM access_dirty")) == {("m-anna", False)}


def test_a_use_counts_only_where_the_pass_holds_or_has_held(bench: Bench, start_ingest: Callable[..., Any]) -> None:
    with psycopg.connect(bench.url) as connection:
        connection.execute("INSERT INTO member (ref) VALUES ('m-benn')")
        connection.execute("INSERT INTO pass (ref, member, unit, allowance) VALUES ('p-bens', 'm-benn', 'day', 10)")
        connection.execute(
            """INSERT INTO pass_place (pass, place) SELECT 'p-bens', id FROM place WHERE code = 'p0001'"""
        )
        connection.execute(  # a place that the pass was for until lately: its gateway may have been offline
            """INSERT INTO list_entry (place, token, since, until, member, card, holder, digest)
               SELECT id, sha256('x'), 1, 2, 'm-benn', '[]', '{"passes": ["p-bens"]}', sha256('y')
               FROM place WHERE code = 'p0003'"""
        )
    start_ingest()
    at = now()
    one, two, three = bench.gateways
    forged = [{**GRANTED, "at": at + n, "pass_ref": "p-bens", "slots": [n, 100 + n]} for n in range(1, 9)]
    two.batch(1, forged, sent_at=at)
    two.until_mark(8)
    one.batch(1, [{**GRANTED, "at": at, "pass_ref": "p-bens", "slots": [1, 2]}], sent_at=at)
    one.until_mark(1)
    three.batch(1, [{**GRANTED, "at": at, "pass_ref": "p-bens", "slots": [3]}], sent_at=at)
    three.until_mark(1)
    uses = bench.rows("SELECT u.slot, p.code FROM pass_use u JOIN place p ON p.id = u.place ORDER BY slot")
    assert uses == [(1, "p0001"), (2, "p0001"), (3, "p0003")]
    assert bench.one("SELECT count(*) FROM event WHERE kind = (SELECT id FROM event_kind WHERE name = 'access')") == 10
    alarms = bench.rows("SELECT p.code, a.text, a.times FROM alarm a JOIN place p ON p.id = a.place")
    assert [(place, times) for place, _, times in alarms] == [("p0002", 16)]
    assert "p0002-g1 reports uses of pass p-bens" in alarms[0][1]


def test_what_a_decision_says_beside_its_reason_is_kept(bench: Bench, start_ingest: Callable[..., Any]) -> None:
    make_pass(bench)
    start_ingest()
    at = now()
    more: list[dict[str, Any]] = [
        {"rule": "right", "pass_ref": "p-anna", "noted": "anti_passback", "host": True, "device_at": "\u0000noon"},
        {"rule": "right"},
        {"by": "code", "rule": "card", "bits": 35},
        {},
    ]
    bench.gateways[0].batch(1, [{**GRANTED, "at": at, **one} for one in more], sent_at=at)
    bench.gateways[0].until_mark(4)
    details = [detail for (detail,) in bench.rows("SELECT detail FROM event ORDER BY seq")]
    assert details == [{**more[0], "device_at": "noon"}, more[1], more[2], None]


def test_a_door_that_is_forced_raises_an_alarm_once(bench: Bench, start_ingest: Callable[..., Any]) -> None:
    start_ingest()
    at = now() - 3_600_000_000
    gateway = bench.gateways[0]

    def door(state: str, seconds: int) -> dict[str, Any]:
        return {"kind": "door", "device": "reader-in", "state": state, "at": at + seconds * 1_000_000}

    first = [door("forced", 0), door("open", 1), door("held", 30), door("forced", 31)]
    gateway.batch(1, first, sent_at=now())
    gateway.until_mark(4)
    gateway.batch(1, first, sent_at=now())  # redelivered
    gateway.batch(5, [door("forced", 50), door("held", 930)], sent_at=now())
    gateway.until_mark(6)
    query = """SELECT a.kind, d.code, g.code, p.code, a.text, extract(epoch FROM a.until_at - a.from_at)::int,
                      a.times
               FROM alarm a JOIN door d ON d.id = a.door JOIN gateway g ON g.id = a.gateway
               JOIN place p ON p.id = a.place
               ORDER BY a.id"""
    where = ("entry", "p0001-g1", "p0001")
    assert bench.rows(query) == [
        ("door_forced", *where, "door entry opened without being unlocked", 50, 3),
        ("door_held", *where, "door entry stands open", 900, 2),
    ]
    assert not bench.rows("SELECT FROM audit WHERE starts_with(subject, 'alarm ')"), "counting is nobody's act"
    with psycopg.connect(bench.url) as connection:
        connection.execute("UPDATE alarm SET acknowledged_at = now(), acknowledged_by = 'anna'")
    gateway.batch(7, [door("forced", 55), door("forced", 3000)], sent_at=now())
    gateway.until_mark(8)
    assert [row[-1] for row in bench.rows(query)] == [3, 2, 2]  # somebody has seen the first ones: this is another
    gateway.batch(9, [door("forced", 3500) | {"unsure": True}, door("forced", 3590)], sent_at=now())
    gateway.until_mark(10)
    assert [(row[0], row[-1]) for row in bench.rows(query)[2:]] == [("door_forced", 3), ("door_unexplained", 1)]


def test_a_gateway_that_refuses_its_list_and_a_door_that_is_gone(
    bench: Bench, start_ingest: Callable[..., Any]
) -> None:
    start_ingest()
    at = now()
    refused = {"kind": "gateway", "device": "gateway", "what": "list", "at": at, "text": "list refused: cut"}
    gateway = bench.gateways[0]
    gateway.batch(1, [refused, {**refused, "at": at + 1, "text": "list refused: otherwise"}], sent_at=at)
    gateway.until_mark(2)
    gateway.batch(
        3, [{**refused, "at": at + 2}, {"kind": "door", "device": "reader-in", "state": "tamper", "at": at}], sent_at=at
    )
    gateway.until_mark(4)
    assert bench.rows("SELECT kind, times FROM alarm ORDER BY id") == [
        ("list_refused", 3),
        ("tamper", 1),
    ]
    assert bench.one("SELECT count(*) FROM dead_letter") == 0


def test_the_list_that_a_gateway_decides_by_is_known_by_its_fingerprint(
    bench: Bench, start_ingest: Callable[..., Any]
) -> None:
    start_ingest()
    gateway = bench.gateways[0]

    def say(**more: Any) -> None:
        gateway.raw(State.model_validate({"at": now(), **more}).model_dump_json().encode(), "state")

    def stored() -> Any:
        rows = bench.rows("SELECT s.online, s.list_version, s.list_fingerprint FROM gateway_state s")
        return rows[0] if rows else None

    say(online=True, list_version=3, list_fingerprint="ab" * 32)
    until(lambda: stored() == (True, 3, "ab" * 32))
    say(online=False)
    until(lambda: stored() == (False, 3, "ab" * 32))  # what it said last
    say(online=True, list_version=4, list_fingerprint="cd" * 32)
    until(lambda: stored() == (True, 4, "cd" * 32))


def test_unassigned_devices_are_stored_as_their_gateway_reports_them(
    bench: Bench, start_ingest: Callable[..., Any]
) -> None:
    start_ingest()
    gateway = bench.gateways[0]

    def say(last_at: int, address: str = "app/24e1", **more: Any) -> None:
        one = {"driver": "chirpstack", "address": address, "key": address, "first_at": last_at, "last_at": last_at}
        state = {"online": True, "at": now(), "unassigned": [{**one, "times": 1, "said": "joined", **more}]}
        gateway.raw(json.dumps(state).encode(), "state")

    rows = "SELECT address, model, said, times FROM heard_device ORDER BY address"
    say(now())
    until(lambda: bench.rows(rows) == [("app/24e1", None, "joined", 1)])
    say(now(), said="occupied", model="VS341", times=2)
    until(lambda: bench.rows(rows) == [("app/24e1", "VS341", "occupied", 2)])
    day_us = 86_400_000_000
    gateway.raw(  # a clock of 1970: what it heard a day ago by this clock was a day ago
        State.model_validate(
            {"online": True, "at": day_us, "unassigned": [
                {"driver": "esp_rfid", "address": "hall#east", "key": "hall#east", "first_at": 0, "last_at": 0,
                 "times": 1, "said": "card read"}]}
        ).model_dump_json().encode(),
        "state",
    )  # fmt: skip
    until(lambda: len(bench.rows(rows)) == 2)
    assert bench.one("SELECT abs(extract(epoch FROM now() - last_at) - 86400) < 600 FROM heard_device WHERE times = 1")


def test_how_devices_are_stands_in_the_database_and_an_alarm_lasts_as_long(
    bench: Bench, start_ingest: Callable[..., Any]
) -> None:
    start_ingest()
    gateway = bench.gateways[0]

    def say(*unwell: dict[str, Any], **report: Any) -> int:
        at = now()
        reports = [{"device": "desk-1", "heard_at": at - 5_000_000, **report}]
        state = {"online": True, "at": at, "reports": reports, "unwell": list(unwell)}
        gateway.raw(json.dumps(state).encode(), "state")
        return at

    low = {"device": "desk-1", "fault": "low battery: 9 %", "troubles": ["low_battery", "of_a_later_version"]}
    say(low, battery=9, expect_every_s=4500, troubles=["low_battery"])
    states = "SELECT d.code, s.battery, s.troubles FROM device_state s JOIN device d ON d.id = s.device"
    until(lambda: bench.rows(states) == [("desk-1", 9.0, ["low_battery"])])
    alarms = "SELECT kind, text, until_at IS NULL, times FROM alarm ORDER BY id"
    text = f"devices of gateway {gateway.code} with a low battery: change it (1): desk-1"
    assert bench.rows(alarms) == [("battery_low", text, True, 1)]
    with psycopg.connect(bench.url) as connection:
        connection.execute("INSERT INTO scope (role) VALUES (current_user)")
        view = "SELECT device, well_level, troubles FROM report.device_now WHERE well_level <> 0"
        assert connection.execute(view).fetchall() == [("desk-1", 2, ["low_battery"])]
        connection.rollback()
    say(low, {"device": "desk-2", "troubles": ["low_battery"]}, {"device": "reader-in", "silent_since": now()})
    until(lambda: len(bench.rows(alarms)) == 2)
    assert bench.rows(alarms)[0] == ("battery_low", text.replace("(1): desk-1", "(2): desk-1, desk-2"), True, 1)
    assert bench.rows(states) == [("desk-1", 9.0, [])], "a battery that wasn't reported again is the last known one"
    say(battery=100)
    until(lambda: [row[2] for row in bench.rows(alarms)] == [False, False])
    at = now()
    fault = {"kind": "device", "device": "reader-in", "at": at, "what": "fault", "trouble": "low_battery", "text": "x"}
    gateway.batch(1, [fault], sent_at=at)
    gateway.until_mark(1)
    assert len(bench.rows(alarms)) == 2, "the state says it already"
