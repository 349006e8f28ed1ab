"""Waiting lists: what becomes free is offered to the first in line, held for them, and passed on when it lapses."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from api.waiting.waiting import Waiting, WaitingList
from database.leases import Fenced
from jobs.job import Round
from jobs.waiting import offer
from rights.queries import MEMBERS
from tests.integration.test_api_manage import wrong
from tests.managed import Managed, managed
from tests.waiting import until

PARIS = ZoneInfo("Europe/Paris")


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        one.sql("INSERT INTO pass (ref, member, everywhere) VALUES ('p-own1', %s, true) RETURNING ref", one.member)
        for code, units in (("laser", 1), ("tool", 3)):
            body = {"code": code, "name": code.title(), "kind": "machine", "units": units, "hour_cents": 1000}
            made = one.post("manager", "/v1/places/limoges/resources", body)
            assert made.status_code == 201, made.text
        yield one


@pytest.fixture(autouse=True)
def _empty(network: Managed) -> None:
    network.sql("WITH w AS (DELETE FROM waiting), b AS (DELETE FROM booking), r AS (DELETE FROM booking_rule) SELECT 1")
    network.sql("WITH m AS (DELETE FROM mail) SELECT 1")


def test_an_offer_goes_to_the_first_in_line_lapses_and_goes_to_the_next(network: Managed) -> None:
    network.change("manager", "PUT", "/v1/places/limoges/booking-rules/machine", {"offer_minutes": 30})
    wanted = {"place": "limoges", "resource": "laser", **_hours(9, 12)}
    assert network.post("member", "/v1/waiting", wanted).json()["rule"] == "free"
    taken = _booked(network, wanted)
    other, third = network.someone("Ana"), network.someone("Luc")
    first = network.call("member", "POST", "/v1/waiting", wanted, idempotency_key="w-1")
    assert first.status_code == 201, first.text
    again = network.call("member", "POST", "/v1/waiting", wanted, idempotency_key="w-1")
    assert again.json()["ref"] == first.json()["ref"]
    assert wrong(network.post("member", "/v1/waiting", wanted))[0] == 409
    second = network.post("desk", "/v1/waiting", {**wanted, "member": other})
    last = network.post("desk", "/v1/waiting", {**wanted, "member": third})
    positions = [Waiting.model_validate_json(one.content).position for one in (first, second, last)]
    assert positions == [1, 2, 3]
    mine = WaitingList.model_validate_json(network.get("member", "/v1/waiting").content).waiting
    assert [one.ref for one in mine] == [first.json()["ref"]], "not those of others"
    assert network.get("member", second.headers["location"]).status_code == 404
    assert network.post("member", f"{first.headers['location']}/accept", {}).status_code == 409, "nothing is offered"

    assert network.change("desk", "DELETE", taken).status_code == 200
    offered = _entry(network, first)
    assert (offered.status, offered.position) == ("offered", None)
    assert offered.offered_until is not None
    assert timedelta(minutes=29) < offered.offered_until - datetime.now(UTC) <= timedelta(minutes=30)
    held = network.get("member", f"/v1/bookings/{offered.booking}").json()
    assert held["status"] == "offered"
    actors = [one["actor"] for one in network.get("member", f"/v1/bookings/{held['ref']}/history").json()["history"]]
    assert actors == ["db:api_1"], "not who cancelled"
    late = network.post("desk", "/v1/bookings", {**wanted, "member": third})
    assert late.json()["rule"] == "taken", "nobody jumps the line"
    assert _entry(network, second).position == 1
    assert network.change("member", "PATCH", f"/v1/bookings/{held['ref']}", {"unit": "1"}).status_code == 409

    lines = _round(network, after=timedelta(minutes=31))
    assert lines == ["waiting: 1 offers lapsed, 0 made, 0 entries ended"]
    states = [_entry(network, one).status for one in (first, second, last)]
    assert states == ["lapsed", "offered", "waiting"]
    assert wrong(network.post("member", f"{first.headers['location']}/accept", {}))[0] == 409
    assert network.post("desk", f"{second.headers['location']}/decline", None).json()["status"] == "declined"
    accepted = network.post("desk", f"{last.headers['location']}/accept", {})
    assert accepted.json()["status"] == "accepted", accepted.text
    booked = network.get("desk", f"/v1/bookings/{accepted.json()['booking']}").json()
    assert (booked["status"], booked["price_cents"], booked["member"]) == ("booked", 3000, third)
    mails = network.sql("SELECT kind, to_member FROM mail ORDER BY id")
    to_mine = [(kind, network.member) for kind in ("waiting_offer", "waiting_lapsed")]
    assert mails == [*to_mine, ("waiting_offer", other), ("waiting_offer", third)]


def test_one_freed_unit_is_offered_once_in_a_race(network: Managed) -> None:
    wanted = {"place": "limoges", "resource": "tool", **_hours(14, 16)}
    bookings = [_booked(network, wanted) for _ in range(3)]
    entries = [network.post("desk", "/v1/waiting", {**wanted, "member": network.someone()}) for _ in range(4)]
    assert [one.json()["position"] for one in entries] == [1, 2, 3, 4]
    strangers = [network.someone() for _ in range(3)]

    def act(number: int) -> int:
        if number < 2:  # two units become free at once
            return network.change("desk", "DELETE", bookings[number]).status_code
        if number < 5:  # while others try to book
            return network.post("desk", "/v1/bookings", {**wanted, "member": strangers[number - 2]}).status_code
        _round(network)
        return 0

    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(act, range(8)))
    assert codes[:2] == [200, 200], "no deadlock"
    _round(network)
    states = [_entry(network, one) for one in entries]
    assert codes[2:5] == [409, 409, 409], "nobody jumps the line"
    assert [one.status for one in states] == ["offered", "offered", "waiting", "waiting"]
    held = network.sql("SELECT count(*), count(DISTINCT unit) FROM booking WHERE cancelled_at IS NULL")
    assert held == [(3, 3)]


@pytest.mark.parametrize("what", ["tool", "room-1"])
def test_two_cancellations_at_once_offer_all_that_they_free(network: Managed, what: str) -> None:
    thing = {"space": what} if what == "room-1" else {"resource": what}
    wanted = [{"place": "limoges", **thing, **_hours(hour, hour + 2)} for hour in (9, 14)]
    bookings = [_booked(network, one).rpartition("/")[2] for one in wanted]
    if what == "tool":
        for one in wanted:
            for _ in range(2):
                _booked(network, one)
    entries = [network.post("desk", "/v1/waiting", {**one, "member": network.someone()}) for one in wanted]
    cancel = "UPDATE booking SET cancelled_at = now() WHERE ref = %s"
    url = network.database.url
    with psycopg.connect(url) as first, psycopg.connect(url) as second, ThreadPoolExecutor(1) as pool:
        first.execute(cancel, (bookings[0],))
        both = pool.submit(second.execute, cancel, (bookings[1],))
        waits = "SELECT FROM pg_stat_activity WHERE pid = %s AND state = 'active'"
        until(lambda: both.done() or network.sql(waits, second.info.backend_pid), what="the second cancels")
        first.commit()
        both.result(30)
        second.commit()
    assert [_entry(network, one).status for one in entries] == ["offered", "offered"]


def test_rules_hold_when_an_offer_is_accepted(network: Managed) -> None:
    wanted = {"place": "limoges", "resource": "laser", **_hours(9, 12)}
    taken = _booked(network, wanted)
    mine = network.post("member", "/v1/waiting", wanted)
    network.change("desk", "DELETE", taken)
    rules = "/v1/places/limoges/booking-rules/machine"
    network.change("manager", "PUT", rules, {"longest_minutes": 60})
    refused = network.post("member", f"{mine.headers['location']}/accept", {})
    assert refused.json()["rule"] == "longest"
    network.change("manager", "PUT", rules, {"at_once": 1, "cancel_minutes": 44_640})
    accepted = network.post("member", f"{mine.headers['location']}/accept", {})
    assert accepted.json()["status"] == "accepted", "the offer itself doesn't count against it"
    assert network.post("member", "/v1/waiting", {**wanted, "resource": "tool"}).json()["rule"] == "at_once"


def test_a_seat_is_offered_and_a_list_is_left_or_ends(network: Managed) -> None:
    seat = {"place": "limoges", "space": "room-1", **_hours(9, 12)}
    room = _booked(network, seat)
    mine = network.post("member", "/v1/waiting", seat)
    assert mine.status_code == 201, mine.text
    network.change("desk", "DELETE", room)
    assert _entry(network, mine).status == "offered"
    left = network.change("member", "DELETE", mine.headers["location"])
    assert left.json()["status"] == "declined"
    assert network.post("member", "/v1/waiting", seat).json()["rule"] == "free"
    network.sql("UPDATE space SET capacity = 2 WHERE code = 'open-space' RETURNING 1")
    open_space = {**seat, "space": "open-space"}
    _, taken = _booked(network, open_space), _booked(network, open_space)
    gone = network.post("member", "/v1/waiting", open_space)
    assert network.change("member", "DELETE", gone.headers["location"]).json()["status"] == "left"
    other = network.post("desk", "/v1/waiting", {**open_space, "member": network.someone()})
    network.change("desk", "DELETE", taken)
    assert (_entry(network, gone).status, _entry(network, other).status) == ("left", "offered")
    late = {**open_space, **_hours(13, 15)}
    for _ in range(2):
        _booked(network, late)
    waits = network.post("member", "/v1/waiting", late)
    _round(network, after=timedelta(days=4))
    assert _entry(network, waits).status == "ended"


def test_who_waits_for_an_event_waits_for_it_at_its_new_time(network: Managed) -> None:
    path = "/v1/places/limoges/resources"
    event = {"code": "atelier", "name": "Atelier", "kind": "event", "units": 1, **_hours(18, 20)}
    assert network.post("manager", path, event).status_code == 201
    wanted = {"place": "limoges", "resource": "atelier"}
    signed = _booked(network, wanted)
    first = network.post("member", "/v1/waiting", wanted)
    second = network.post("desk", "/v1/waiting", {**wanted, "member": network.someone()})
    moved = _hours(19, 21)
    assert network.change("manager", "PATCH", f"{path}/atelier", moved).status_code == 200
    assert _entry(network, first).status == "waiting", "its old time isn't offered"
    network.change("desk", "DELETE", signed)
    offered = _entry(network, first)
    assert (offered.status, offered.starts) == ("offered", datetime.fromisoformat(moved["from"]))
    assert network.change("manager", "PATCH", f"{path}/atelier", {"retired": True}).status_code == 200
    assert [_entry(network, one).status for one in (first, second)] == ["declined", "ended"]


def test_an_offer_opens_no_door_and_is_in_the_export_and_the_audit(network: Managed) -> None:
    wanted = {"place": "limoges", "resource": "laser", **_hours(9, 12)}
    taken = _booked(network, wanted)
    someone = network.someone("Zoé")
    entry = network.post("desk", "/v1/waiting", {**wanted, "member": someone})
    network.change("desk", "DELETE", taken)
    data = network.get("admin", f"/v1/members/{someone}/export").json()
    assert [(one["status"], one["resource"]) for one in data["waiting"]] == [("offered", "laser")]
    values = {"members": [someone, network.member], "now": datetime.now(UTC)}
    listed = "SELECT FROM booking WHERE member = %s AND cancelled_at IS NULL"
    assert len(network.sql(listed, someone)) == 1
    assert network.centre.conn.execute(MEMBERS["bookings"].encode(), values).fetchall() == [], "in no signed list"
    subject = f"waiting {entry.json()['ref']}"
    noted = network.sql("SELECT action FROM audit WHERE subject = %s ORDER BY id", subject)
    assert noted == [("waiting created",), ("waiting changed",)]
    etag = network.get("admin", f"/v1/members/{someone}").headers["etag"]
    assert network.call("admin", "DELETE", f"/v1/members/{someone}", if_match=etag).status_code in (200, 204)
    assert network.sql("SELECT count(*) FROM waiting") == [(0,)]


def _booked(network: Managed, wanted: dict[str, Any]) -> str:
    made = network.post("desk", "/v1/bookings", {**wanted, "member": network.someone("Paul")})
    assert made.status_code == 201, made.text
    return str(made.headers["location"])


def _entry(network: Managed, made: Any) -> Waiting:
    return Waiting.model_validate_json(network.get("admin", made.headers["location"]).content)


def _round(network: Managed, after: timedelta = timedelta(0)) -> list[str]:
    lines: list[str] = []
    with Fenced.connect(network.database.as_login("maintain_1"), autocommit=True) as connection:
        offer(Round(connection=connection, now=datetime.now(UTC) + after, keep=timedelta(days=90), log=lines.append))
    return lines


def _hours(first: int, last: int) -> dict[str, Any]:
    """From one hour to another of the day after tomorrow, on the clock in Paris."""
    day = datetime.now(UTC).astimezone(PARIS).date() + timedelta(days=3)
    return {
        name: datetime.combine(day, time(hour), PARIS).isoformat() for name, hour in (("from", first), ("until", last))
    }
