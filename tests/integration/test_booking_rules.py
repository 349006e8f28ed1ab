"""What binds bookings: rules of places, quotas of passes and organisations; series; free slots."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from psycopg.types.json import Jsonb

from access.schedules import DAYS
from api.bookings.quotas_routes import QuotaAnswer, Quotas
from api.bookings.rules_routes import AllRules, BookingRules
from api.bookings.series import SeriesBookings, SeriesList, Touched
from api.bookings.slots_routes import Slots
from database.leases import Fenced
from jobs.confirmations import lapse
from jobs.job import Round
from tests.integration.test_api_manage import wrong
from tests.managed import Managed, managed

PARIS = ZoneInfo("Europe/Paris")
RULES = "/v1/places/limoges/booking-rules"


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        one.sql("INSERT INTO pass (ref, member, everywhere) VALUES ('p-own1', %s, true) RETURNING ref", one.member)
        for code, kind, units in (("laser", "machine", 2), ("tool", "equipment", 9)):
            body = {"code": code, "name": code, "kind": kind, "units": units, "hour_cents": 1000}
            made = one.post("manager", "/v1/places/limoges/resources", {**body, "prices": {"student": 500}})
            assert made.status_code == 201, made.text
        yield one


@pytest.fixture(autouse=True)
def _nothing_binds(network: Managed) -> None:
    network.sql("WITH r AS (DELETE FROM booking_rule), q AS (DELETE FROM booking_quota) SELECT 1")
    network.sql("WITH b AS (DELETE FROM booking), s AS (DELETE FROM booking_series) SELECT 1")


def test_a_rule_binds_members_and_staff_overrides_where_the_place_says_so(network: Managed) -> None:
    rule = {"notice_minutes": 60, "ahead_days": 60, "cancel_minutes": 44_640, "at_once": 1}
    put = network.change("manager", "PUT", f"{RULES}/machine", rule)
    assert BookingRules.model_validate_json(put.content).at_once == 1
    assert AllRules.model_validate_json(network.get("member", RULES).content).rules[0].kind == "machine"
    assert network.change("desk", "PUT", f"{RULES}/machine", rule).status_code == 403
    body = {"place": "limoges", "resource": "laser", **_hours(10, 9, 12)}
    mine = network.post("member", "/v1/bookings", body)
    assert (mine.status_code, mine.json()["price_cents"]) == (201, 3000), mine.text
    twice = network.post("member", "/v1/bookings", body)
    assert (wrong(twice), twice.json()["rule"]) == ((409, "from"), "at_once")
    assert "Limoges" in twice.json()["detail"], "to whom to turn"
    far = network.post("member", "/v1/bookings", {**body, **_hours(62, 9, 12)})
    assert (far.json()["rule"], "60 days" in far.json()["detail"]) == ("ahead", True)
    late = network.change("member", "DELETE", mine.headers["location"])
    assert (late.status_code, late.json()["rule"]) == (409, "cancel")
    staff = {**body, "member": network.member}
    assert network.post("desk", "/v1/bookings", staff).json()["rule"] == "at_once"
    assert network.post("desk", "/v1/bookings", {**staff, "override": True}).json()["rule"] == "override"
    network.change("manager", "PUT", f"{RULES}/machine", {**rule, "staff_may_override": True})
    assert network.post("desk", "/v1/bookings", {**staff, "override": True}).status_code == 201
    assert network.post("member", "/v1/bookings", {**body, "override": True}).json()["rule"] == "override"
    assert network.change("desk", "DELETE", mine.headers["location"]).status_code == 200, "staff may always cancel"


def test_quotas_hold_in_a_race(network: Managed) -> None:
    network.post("admin", "/v1/organisations", {"code": "mairie", "name": "Mairie"})
    people = [network.someone(f"Agent {number}") for number in range(6)]
    network.sql("UPDATE member SET organisation = 1 WHERE ref = ANY(%s) RETURNING 1", people)
    quota = {"organisation": "mairie", "place": "limoges", "per": "at_once", "bookings": 2}
    made = network.post("manager", "/v1/booking-quotas", quota)
    assert QuotaAnswer.model_validate_json(made.content).bookings == 2
    body = {"place": "limoges", "resource": "tool", **_hours(5, 9, 12)}

    def book(member: str) -> tuple[int, str | None]:
        answer = network.post("desk", "/v1/bookings", {**body, "member": member})
        return answer.status_code, answer.json().get("rule")

    with ThreadPoolExecutor(6) as pool:
        answers = sorted(pool.map(book, people), key=str)
    assert answers == [(201, None)] * 2 + [(409, "quota_organisation")] * 4
    own = {"pass": "p-own1", "per": "week", "minutes": 180, "place": "limoges"}
    assert network.post("manager", "/v1/booking-quotas", own).status_code == 201
    seen = Quotas.model_validate_json(network.get("member", "/v1/booking-quotas").content).quotas
    assert [one.passed for one in seen] == ["p-own1"], "and not another organisation's"
    assert network.post("member", "/v1/bookings", body).status_code == 201
    more = network.post("member", "/v1/bookings", {**body, **_hours(5, 13, 14)})
    assert (more.json()["rule"], "4 h" in more.json()["detail"]) == ("quota_pass", True)
    all_over = network.post("admin", "/v1/booking-quotas", {"pass": "p-own1", "per": "week", "bookings": 20}).json()[
        "ref"
    ]
    counted = network.get("manager", "/v1/booking-quotas?at=limoges").json()["quotas"]
    assert {one["place"] for one in counted} == {"limoges", None}
    elsewhere = network.get("admin", "/v1/booking-quotas?at=isle").json()["quotas"]
    assert [one["ref"] for one in elsewhere] == [all_over]
    ref = made.json()["ref"]
    assert network.call("isle", "DELETE", f"/v1/booking-quotas/{ref}").status_code == 404
    assert network.call("manager", "DELETE", f"/v1/booking-quotas/{ref}").status_code == 204


def test_a_series_keeps_its_hour_and_a_range_is_cancelled_at_once(network: Managed) -> None:
    body = {"place": "limoges", "resource": "laser", "rule": "FREQ=WEEKLY;COUNT=30", **_hours(8, 9, 12)}
    one = {"member": network.someone(), "place": "limoges", "resource": "laser"}
    taken = network.post("desk", "/v1/bookings", {**one, **_hours(15, 9, 12)})
    made = network.call("member", "POST", "/v1/booking-series", body, idempotency_key="series-1")
    assert made.status_code == 201, made.text
    series = SeriesBookings.model_validate_json(made.content)
    assert len(series.bookings) == 30
    assert {one.starts.astimezone(PARIS).hour for one in series.bookings} == {9}
    assert {one.unit for one in series.bookings} == {{"1": "2", "2": "1"}[taken.json()["unit"]]}, "one unit for all"
    again = network.call("member", "POST", "/v1/booking-series", body, idempotency_key="series-1")
    assert again.json()["ref"] == series.ref
    assert len(SeriesList.model_validate_json(network.get("desk", "/v1/booking-series").content).series) == 1
    start, end = (_hours(after, 0, 1)["from"] for after in (29, 43))
    path = made.headers["location"]
    gone = network.post("member", f"{path}/cancel", {"from": start, "until": end})
    assert len(Touched.model_validate_json(gone.content).changed) == 2
    left = [one["status"] for one in network.get("member", path).json()["bookings"]]
    assert (left.count("booked"), left.count("cancelled")) == (28, 2)
    other = {**body, "member": network.someone("Autre"), "resource": "laser", "unit": series.bookings[0].unit}
    refused = network.post("desk", "/v1/booking-series", other)
    assert (wrong(refused), refused.json()["rule"]) == ((409, "rule"), "taken")
    skipped = network.post("desk", "/v1/booking-series", {**other, "conflicts": "skip"})
    assert (len(skipped.json()["bookings"]), len(skipped.json()["skipped"])) == (2, 28)
    assert wrong(network.post("desk", "/v1/booking-series", {**other, "rule": "FREQ=SECONDLY;COUNT=9"})) == (
        422,
        "rule",
    )


def test_a_series_is_confirmed_by_the_week(network: Managed) -> None:
    body = {"place": "limoges", "resource": "tool", "rule": "FREQ=DAILY;COUNT=20", **_hours(2, 9, 12)}
    made = network.post("member", "/v1/booking-series", {**body, "confirm_hours": 24})
    confirmed = [one["from"] for one in made.json()["bookings"] if one["confirmed_at"]]
    assert 5 <= len(confirmed) <= 7, "those of the coming week need none"
    further = network.post("member", f"{made.headers['location']}/confirm", {"until": _hours(12, 0, 1)["from"]})
    assert len(further.json()["changed"]) == 10, "those until then, also the ones confirmed before"
    left = [one for one in network.get("member", made.headers["location"]).json()["bookings"] if one["confirmed_at"]]
    assert len(left) == 10
    lines: list[str] = []
    with Fenced.connect(network.database.as_login("maintain_1"), autocommit=True) as connection:
        later = datetime.now(UTC) + timedelta(days=13)
        lapse(Round(connection=connection, now=later, keep=timedelta(days=90), log=lines.append))
    found = network.get("member", made.headers["location"]).json()["bookings"]
    lapsed = [one["from"] for one in found if one["status"] == "lapsed"]
    expected = [
        one["from"] for one in found if not one["confirmed_at"] and one["from"] < f"{later + timedelta(days=1):%FT%T}"
    ]
    assert (lapsed, len(lapsed) in (2, 3)) == (expected, True), "so many hours before they begin"
    assert lines == [f"confirmations: {len(lapsed)} occurrences of series lapsed unconfirmed"]


def test_a_free_slot_is_found_with_its_price(network: Managed) -> None:
    hours = {one: [["08:00", "12:00"], ["14:00", "18:00"]] for one in DAYS}
    network.sql("UPDATE place SET opening_hours = %s WHERE code = 'limoges' RETURNING 1", Jsonb(hours))
    try:
        for first, last in ((8, 11), (14, 17)):
            for unit in "12" if first == 14 else "1":
                one = {"member": network.someone(), "place": "limoges", "resource": "laser", "unit": unit}
                assert network.post("desk", "/v1/bookings", {**one, **_hours(9, first, last)}).status_code == 201
        day = _hours(9, 0, 23)
        asked = {"place": "limoges", "resource": "laser", "minutes": "180", **day}
        answer = network.api.get(
            "/v1/slots", params=asked, headers={"Authorization": f"Bearer {network.keys['reader']}"}
        )
        (found,) = Slots.model_validate_json(answer.content).resources
    finally:
        network.sql("UPDATE place SET opening_hours = NULL WHERE code = 'limoges' RETURNING 1")
    assert found.prices == {"": 3000, "student": 1500}
    starts = [(f"{one.starts.astimezone(PARIS):%H:%M}", one.units) for one in found.slots]
    assert starts == [("08:00", 1), ("08:15", 1), ("08:30", 1), ("08:45", 1), ("09:00", 1)]
    assert wrong(network.get("reader", "/v1/slots?place=limoges&minutes=1")) == (422, "minutes")


def test_slots_say_why_a_time_cannot_be_booked(network: Managed) -> None:
    network.change("manager", "PUT", f"{RULES}/all", {"notice_minutes": 4320, "ahead_days": 20, "longest_minutes": 300})
    hours = Jsonb({day: [["08:00", "20:00"]] for day in DAYS})
    network.sql("UPDATE place SET opening_hours = %s WHERE code = 'limoges' RETURNING 1", hours)

    def said(days: int, first: int, minutes: int = 120) -> dict[str, Any]:
        begins = _hours(days, first, 23)["from"]
        asked = {"place": "limoges", "minutes": str(minutes), "spaces": "true", "at": begins, **_hours(days, 0, 23)}
        key = {"Authorization": f"Bearer {network.keys['member']}"}
        answer = Slots.model_validate_json(network.api.get("/v1/slots", params=asked, headers=key).content)
        times = [one.at for one in answer.resources] + [one.at for one in answer.spaces]
        found = {at.rule for at in times if at is not None}
        assert len(found) == 1, "the same of resources, seats and rooms"
        (laser,) = (one for one in answer.resources if one.resource == "laser")
        assert laser.at is not None
        start = datetime.fromisoformat(begins)
        return {
            "rule": laser.at.rule,
            "units": laser.at.units,
            "since": laser.at.since and start - laser.at.since,
            "until": laser.at.until and start - laser.at.until,
        }

    nothing = {"rule": None, "units": 2, "since": None, "until": None}
    try:
        assert said(8, 9) == nothing
        assert said(2, 9) == {**nothing, "rule": "notice", "until": timedelta(days=3)}
        assert said(22, 9) == {**nothing, "rule": "ahead", "since": timedelta(days=20)}
        assert said(8, 19)["rule"] == said(8, 6)["rule"] == "opening_hours"
        assert said(8, 9, 360)["rule"] == "longest"
        network.change("manager", "PUT", f"{RULES}/all", {"without_pass": True})
        for _ in range(2):
            one = {"member": network.someone(), "place": "limoges", "resource": "laser"}
            assert network.post("desk", "/v1/bookings", {**one, **_hours(8, 10, 12)}).status_code == 201
        assert said(8, 9) == {**nothing, "units": 0}, "what one waits for"
        far = {"place": "limoges", "minutes": "60", "at": _hours(90, 9, 23)["from"]}
        key = {"Authorization": f"Bearer {network.keys['member']}"}
        assert wrong(network.api.get("/v1/slots", params=far, headers=key)) == (422, "at")
    finally:
        network.sql("UPDATE place SET opening_hours = NULL WHERE code = 'limoges' RETURNING 1")


def _hours(after: int, first: int, last: int) -> dict[str, Any]:
    """From one hour to another of a day to come, on the clock in Paris."""
    day: date = datetime.now(UTC).astimezone(PARIS).date() + timedelta(days=after)
    return {
        name: datetime.combine(day, time(hour), PARIS).isoformat() for name, hour in (("from", first), ("until", last))
    }
