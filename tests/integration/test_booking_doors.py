"""The doors that a booking opens: with the place's margin, without a pass where staff say so, and for its guests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from access import AccessList, Entry, decide
from api.bookings.bookings import Booking
from api.bookings.guests import GuestAdded, Guests
from api.places.hours import Policy
from rights import history
from tests.integration.test_api_manage import make_lists, wrong
from tests.managed import Managed, managed

POLICY = "/v1/places/limoges/policy"
DAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=2)


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        one.sql("INSERT INTO pass (ref, member, everywhere) VALUES ('p-own1', %s, true) RETURNING ref", one.member)
        laser = {"code": "laser", "name": "Laser", "space": "open-space", "units": 1}
        made = one.post("manager", "/v1/places/limoges/resources", {**laser, "kind": "machine"})
        assert made.status_code == 201, made.text
        yield one


def test_a_booking_opens_without_a_pass_where_staff_say_so_for_its_time_and_the_margin(network: Managed) -> None:
    starts, ends = _at(10), _at(12)
    someone = network.someone("Ines")
    network.card(someone, "0A0B0D01")
    body = {"member": someone, "place": "limoges", "resource": "laser", **_times(starts, ends)}
    plain = network.post("desk", "/v1/bookings", body)
    assert (plain.status_code, plain.json()["opens"]) == (201, False), plain.text
    assert _entry(network, someone) is None, "a booking opens nothing by itself"
    made = network.change("desk", "PATCH", plain.headers["location"], {"opens": True})
    assert Booking.model_validate_json(made.content).opens
    minute = timedelta(minutes=1)
    assert _says(network, someone, starts - 16 * minute) == "booking_required"
    assert _says(network, someone, starts - 14 * minute) == "granted"
    assert _says(network, someone, ends - minute) == "granted"
    assert _says(network, someone, ends + minute) == "booking_required"
    put = network.change("manager", "PUT", POLICY, {"booking_before_s": 3600, "booking_after_s": 600})
    assert Policy.model_validate_json(put.content).booking_before_s == 3600
    assert _says(network, someone, starts - 59 * minute) == "granted"
    assert _says(network, someone, ends + 9 * minute) == "granted"
    assert _says(network, someone, ends + 11 * minute) == "booking_required"
    assert wrong(network.change("manager", "PUT", POLICY, {"booking_after_s": 14_401})) == (422, "booking_after_s")
    network.change("manager", "PUT", POLICY, {})
    assert _says(network, someone, starts - 16 * minute) == "booking_required"
    network.change("admin", "PATCH", f"/v1/members/{someone}", {"status": "suspended"})
    assert _says(network, someone, starts) == "member_suspended"
    network.change("admin", "PATCH", f"/v1/members/{someone}", {"status": "active"})
    network.change("desk", "DELETE", plain.headers["location"])
    assert _entry(network, someone) is None


def test_a_member_s_own_key_lets_no_booking_open_without_a_pass(network: Managed) -> None:
    body = {"place": "limoges", "resource": "laser", **_times(_at(14), _at(15))}
    assert wrong(network.post("member", "/v1/bookings", {**body, "opens": True})) == (422, "opens")
    made = network.post("desk", "/v1/bookings", {**body, "member": network.member, "opens": True})
    assert made.json()["opens"] is True, made.text
    where = made.headers["location"]
    moved = network.change("member", "PATCH", where, {"until": _at(16).isoformat()})
    assert (moved.status_code, moved.json()["opens"]) == (200, False), "staff said so of another time"
    assert network.change("member", "DELETE", where).status_code == 200


def test_a_guest_gets_in_for_the_time_of_the_booking_wherever_that_moves(network: Managed) -> None:
    starts, ends = _at(8), _at(9)
    body = {"place": "limoges", "resource": "laser", **_times(starts, ends)}
    made = network.post("member", "/v1/bookings", body)
    assert made.status_code == 201, made.text
    where = made.headers["location"]
    guest = {"name": "Ana Costa", "email": "ana@example.org", "language": "en"}
    again = {"Idempotency_Key": "one-guest"}
    answer = network.call("member", "POST", f"{where}/guests", guest, **again)
    assert answer.status_code == 201, answer.text
    added = GuestAdded.model_validate_json(answer.content)
    assert added.code is not None
    assert network.call("member", "POST", f"{where}/guests", guest, **again).json() == {**answer.json(), "code": None}
    ((member, visits),) = network.sql(
        "SELECT p.member, count(*) OVER () FROM booking_guest g JOIN pass p ON p.ref = g.pass WHERE g.booking = %s",
        made.json()["ref"],
    )
    assert visits == 1
    ((kind, to, values),) = network.sql('SELECT kind, to_address, "values" FROM mail WHERE to_member = %s', member)
    assert (kind, to, values["code"], values["place"]) == ("guest_code", "ana@example.org", added.code, "Limoges")
    ((values,),) = network.sql('UPDATE mail SET sent_at = now() WHERE to_member = %s RETURNING "values"', member)
    assert "code" not in values, "a sent mail keeps no code"
    minute = timedelta(minutes=1)
    assert _says(network, member, starts - 16 * minute) == "pass_not_started"
    assert _says(network, member, starts - 14 * minute) == "granted"
    assert _says(network, member, ends) == "card_expired"

    later, end = starts + timedelta(hours=2), ends + timedelta(hours=2)
    assert network.change("member", "PATCH", where, _times(later, end)).status_code == 200
    assert _says(network, member, starts) == "pass_not_started"
    assert _says(network, member, later) == "granted"
    network.change("manager", "PUT", POLICY, {"booking_before_s": 0, "booking_after_s": 300})
    assert _says(network, member, later - minute) == "pass_not_started"
    assert _says(network, member, end + 4 * minute) == "granted"
    network.change("manager", "PUT", POLICY, {})

    network.change("admin", "PATCH", f"/v1/members/{network.member}", {"status": "suspended"})
    assert _says(network, member, later) == "pass_ended", "the holder is suspended"
    network.change("admin", "PATCH", f"/v1/members/{network.member}", {"status": "active"})
    assert _says(network, member, later) == "granted"
    network.change("member", "DELETE", where)
    assert _says(network, member, later) == "pass_ended"
    mails = network.sql(
        "SELECT kind, to_address, language, \"values\" ->> 'starts' FROM mail WHERE to_member = %s ORDER BY id", member
    )
    kinds = [one[0] for one in mails]
    moved, cancelled = "guest_moved", "guest_cancelled"
    # moved; margins changed there and back; its holder suspended and active again; cancelled
    assert kinds == ["guest_code", moved, moved, moved, cancelled, moved, cancelled]
    assert {one[1:3] for one in mails} == {("ana@example.org", "en")}
    opens = later - 15 * minute
    assert mails[1][3] == f"{opens.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}[Europe/Paris]"
    assert Guests.model_validate_json(network.get("desk", f"{where}/guests").content).guests[0].status == "cancelled"
    assert wrong(network.post("member", f"{where}/guests", guest))[0] == 409

    network.sql(
        """WITH p AS (UPDATE pass SET valid_from = now() - interval '1 year', valid_until = now() - interval '99 days'
             WHERE member = %s), c AS (UPDATE card SET valid_until = now() - interval '99 days' WHERE member = %s)
           SELECT 1""",
        member,
        member,
    )
    network.sql("SELECT forget_visitors(now() - interval '90 days')")
    assert network.sql("SELECT 1 FROM member WHERE ref = %s", member) == []
    assert network.sql("SELECT 1 FROM mail WHERE to_member = %s OR to_address = 'ana@example.org'", member) == []


def test_who_adds_guests_and_how_many(network: Managed) -> None:
    body = {"place": "limoges", "resource": "laser", **_times(_at(18), _at(19))}
    where = network.post("member", "/v1/bookings", body).headers["location"]
    network.change("manager", "PUT", POLICY, {"booking_guests": 1})
    one = {"name": "One"}
    first = network.post("member", f"{where}/guests", one)
    assert first.status_code == 201, first.text
    assert wrong(network.post("member", f"{where}/guests", one))[0] == 409
    card = {**one, "card": {"number": "0A0B0D02"}}
    assert wrong(network.post("member", f"{where}/guests", card)) == (422, "card")
    given = network.post("desk", f"{where}/guests", card)
    assert (given.status_code, given.json()["code"], given.json()["card"]["last4"]) == (201, None, "0D02"), given.text
    assert network.post("isle", f"{where}/guests", one).status_code in (403, 404)
    assert network.get("isle", f"{where}/guests").status_code == 404
    other = network.someone("Somebody else")
    own = network.key("own of another", role="member", member=other)
    answer = network.api.post(f"{where}/guests", json=one, headers={"Authorization": f"Bearer {own}"})
    assert answer.status_code == 404
    wide = network.post("desk", "/v1/bookings", {**_times(_at(6), _at(7)), "place": "limoges", "member": other})
    assert wide.status_code == 201, wide.text
    limited = {"places": [{"place": "limoges", "spaces": ["room-1"]}]}
    under = network.post("manager", f"/v1/members/{other}/passes", limited)
    assert under.status_code == 201, under.text
    network.sql("UPDATE booking SET pass = %s WHERE ref = %s RETURNING 1", under.json()["ref"], wide.json()["ref"])
    assert network.post("desk", f"{wide.headers['location']}/guests", one).status_code == 201
    ((same,),) = network.sql(
        """SELECT bool_and(l.spaces = m.spaces) FROM booking_guest g JOIN pass_place l ON l.pass = g.pass
           JOIN pass_place m ON m.pass = %s WHERE g.booking = %s""",
        under.json()["ref"],
        wide.json()["ref"],
    )
    assert same, "no further than the holder"
    # one whose visit was called off makes room, and no move of the booking calls it on again
    network.change("manager", "PUT", POLICY, {"booking_guests": 2})
    assert wrong(network.post("member", f"{where}/guests", one))[0] == 409
    gone = network.call("member", "DELETE", first.headers["location"])
    assert (gone.status_code, gone.json()["status"]) == (200, "cancelled")
    assert network.post("member", f"{where}/guests", one).status_code == 201
    network.change("member", "PATCH", where, _times(_at(19), _at(20)))
    listed = network.get("member", f"{where}/guests").json()["guests"]
    assert [guest["status"] for guest in listed] == ["cancelled", "expected", "expected"]
    network.sql("WITH b AS (DELETE FROM booking) SELECT 1")
    assert network.sql("SELECT DISTINCT visitor FROM pass WHERE host = %s", network.member) == [("cancelled",)]
    network.change("manager", "PUT", POLICY, {})


def _at(hour: int) -> datetime:
    return DAY + timedelta(hours=hour)


def _times(starts: datetime, ends: datetime) -> dict[str, str]:
    return {"from": starts.isoformat(), "until": ends.isoformat()}


def _list(network: Managed) -> AccessList:
    make_lists(network)
    with psycopg.connect(network.database.as_login("rights_1"), autocommit=True) as conn:
        ((place, version),) = network.sql(
            "SELECT l.place, l.version FROM access_list l JOIN place p ON p.id = l.place WHERE p.code = 'limoges'"
        )
        found = history.whole(conn, place, version)
    assert found is not None
    return found


def _entry(network: Managed, member: str) -> tuple[str, Entry, AccessList] | None:
    held = _list(network)
    return next(((token, one, held) for token, one in held.entries.items() if one.member.ref == member), None)


def _says(network: Managed, member: str, at: datetime) -> str:
    """Why the place's list opens the entrance to a member, or doesn't, at a time."""
    found = _entry(network, member)
    assert found is not None, "not in the list"
    token, _, held = found
    return decide(replace(held, made_at=at), token, "entry", "in", at).reason
