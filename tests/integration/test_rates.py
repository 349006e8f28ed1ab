"""Rates, proofs and consent over the API, and a closed month's statement as each key sees it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest

from database.pool import connect
from jobs.statements import close
from tests.integration.test_api_manage import wrong
from tests.managed import Managed, managed
from tests.operated import Door, door

MONTH = date(2026, 3, 1)


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        one.post("admin", "/v1/organisations", {"code": "dept", "name": "Département"})
        one.post("admin", "/v1/categories", {"code": "student", "name": "Étudiants"})
        rate = {"code": "half-day", "name": "Demi-journée", "billed": "use", "unit": "half_day"}
        assert one.post("admin", "/v1/rates", rate).status_code == 201
        price = {"first": "2026-01-01", "cents": 800, "overuse_cents": 1000, "clearing_cents": 500, "vat_permille": 200}
        assert one.post("admin", "/v1/rates/half-day/prices", price).status_code == 201
        student = {**price, "category": "student", "funder": "dept", "funder_permille": 500}
        assert one.post("admin", "/v1/rates/half-day/prices", student).status_code == 201
        yield one


@pytest.fixture(scope="module")
def entry(network: Managed) -> Door:
    return door(network, "isle")


def _close(network: Managed, month: date = MONTH) -> int:
    with connect(network.database.as_login("maintain_1"), application_name="test", autocommit=True) as connection:
        return close(connection, month)


def _pass(network: Managed, member: str, **fields: Any) -> str:
    body = {"everywhere": True, "rate": "half-day", **fields}
    made = network.post("admin", f"/v1/members/{member}/passes", body)
    assert made.status_code == 201, made.text
    assert made.json()["rate"] == "half-day"
    return str(made.json()["ref"])


def test_a_month_from_the_badge_to_the_statement(network: Managed, entry: Door) -> None:
    ref = _pass(network, network.member)
    for hour in (8, 9, 14):  # two half-days of one day; the second badge-in costs nothing more
        entry.read(datetime(2026, 3, 3, hour, tzinfo=UTC), member=network.member, pass_ref=ref)
    entry.read(datetime(2026, 3, 3, 15, tzinfo=UTC), member=network.member, pass_ref=ref, side="out")
    path = f"/v1/members/{network.member}/account?month=2026-03"
    for who in ("admin", "manager", "member"):
        account = network.get(who, path).json()
        assert [(one["kind"], one["place"], one["count"]) for one in account["lines"]] == [("use", "isle", 2)]
        assert (account["net_cents"], account["vat_cents"], account["total_cents"]) == (1600, 320, 1920)
    assert _close(network) == 1 and _close(network) == 0
    assert network.get("member", path).json()["lines"] == []
    listed = network.get("member", "/v1/statements?month=2026-03").json()["statements"]
    assert [(one["member"], one["place"], one["total_cents"]) for one in listed] == [(network.member, "limoges", 1920)]
    whole = network.get("manager", f"/v1/statements/{listed[0]['ref']}").json()
    (line,) = whole["lines"]
    assert line["member_name"] == "Jeanne Petit"
    assert [(one["at"], one["place"], one["door"]) for one in line["uses"]] == [
        ("2026-03-03T08:00:00.000Z", "isle", "entry"),
        ("2026-03-03T14:00:00.000Z", "isle", "entry"),
    ]
    for who, status in {"isle": 404, "desk": 403, "reader": 403}.items():
        assert network.get(who, f"/v1/statements/{whole['ref']}").status_code == status, who
    table = network.get("manager", f"/v1/statements/{whole['ref']}?format=csv")
    assert table.text.splitlines()[1].split(",")[:5] == [whole["ref"], "2026-03", "1", "use", network.member]

    exported = network.get("auditor", "/v1/statements/export?month=2026-03").text.splitlines()
    assert len(exported) == 2 and exported[1].startswith(f"{whole['ref']},2026-03,")
    assert network.get("isle", "/v1/statements/export?month=2026-03").text.count("\n") == 1

    # What is closed stays, also for its owner; a counter-entry takes back as much as there is.
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="counter-entry"):
        network.sql("UPDATE statement_line SET count = 1, net_cents = price_cents RETURNING 1")
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="no further line"):
        network.sql(
            "INSERT INTO statement_line OVERRIDING SYSTEM VALUE"
            " SELECT * FROM jsonb_populate_record(NULL::statement_line, ("
            'SELECT to_jsonb(l) || \'{"number": 2, "id": 999}\' FROM statement_line l)) RETURNING 1'
        )
    paper = network.get("member", f"/v1/statements/{whole['ref']}?format=pdf")
    assert paper.headers["content-type"] == "application/pdf" and paper.content.startswith(b"%PDF-")
    counter = f"/v1/statements/{whole['ref']}/counter-entries"
    body = {"reason": "badged in by mistake", "lines": [{"number": 1, "count": 1}]}
    assert network.post("isle", counter, body).status_code == 404
    taken = network.post("manager", counter, body)
    assert taken.status_code == 201, taken.text
    assert (taken.json()["net_cents"], taken.json()["vat_cents"], taken.json()["corrects"]) == (
        -800,
        -160,
        whole["ref"],
    )
    assert network.post("manager", counter, {**body, "lines": [{"number": 1}]}).json()["net_cents"] == -800
    assert wrong(network.post("manager", counter, body)) == (422, "lines.0.count")
    assert wrong(network.post("manager", f"/v1/statements/{taken.json()['ref']}/counter-entries", body))[0] == 409


def test_a_proof_has_an_end(network: Managed, entry: Door) -> None:
    member = network.someone("Sami")
    proof = {"category": "student", "seen": "carte étudiante", "first": "2026-01-01", "last": "2026-03-10"}
    path = f"/v1/members/{member}/categories"
    assert wrong(network.post("desk", path, {"category": "student", "seen": "carte"})) == (422, "last")
    noted = network.post("desk", path, proof)
    assert noted.status_code == 201, noted.text
    assert noted.json()["seen_by"].endswith("desk")
    ref = _pass(network, member)
    for day in (10, 11):
        entry.read(datetime(2026, 3, day, 9, tzinfo=UTC), member=member, pass_ref=ref)
    lines = network.get("manager", f"/v1/members/{member}/account?month=2026-03").json()["lines"]
    assert {(one["category"], one["funded_cents"], one["net_cents"]) for one in lines} == {
        ("student", 400, 400),
        (None, 0, 800),
    }
    ended = network.post("desk", f"{path}/{noted.json()['ref']}/end", {"last": "2026-03-09"})
    assert ended.json()["last"] == "2026-03-09"
    assert (
        network.post("desk", f"{path}/{noted.json()['ref']}/end", {"last": "2026-12-09"}).json()["last"] == "2026-03-09"
    )
    lines = network.get("manager", f"/v1/members/{member}/account?month=2026-03").json()["lines"]
    assert [(one["category"], one["count"]) for one in lines] == [(None, 2)]


def test_a_minor_needs_a_guardians_consent(network: Managed) -> None:
    grown = (datetime.now(UTC) + timedelta(days=400)).date().isoformat()
    made = network.post("desk", "/v1/members", {"name": "Zoé", "home": "limoges", "minor_until": grown}).json()
    assert made["minor_until"] == grown
    path, body = f"/v1/members/{made['ref']}/passes", {"everywhere": True}
    refused = network.post("admin", path, body)
    assert refused.status_code == 409 and "no consent of a guardian" in refused.json()["detail"]
    consent = f"/v1/members/{made['ref']}/consent"
    assert network.call("desk", "PUT", consent, {"guardian": "Paul"}).json()["guardian"] == "Paul"
    given = network.post("admin", path, body)
    assert given.status_code == 201, given.text
    assert network.call("desk", "DELETE", consent).json()["guardian"] is None
    assert network.get("admin", f"/v1/passes/{given.json()['ref']}").json()["revoked_at"] is not None
    assert network.post("admin", path, body).status_code == 409


def test_prices_are_the_networks_and_stay(network: Managed) -> None:
    price = {"first": "2026-01-01", "cents": 1, "vat_permille": 0}
    assert wrong(network.post("admin", "/v1/rates/half-day/prices", price)) == (409, "first")
    assert network.post("manager", "/v1/rates/half-day/prices", price).status_code == 403
    assert wrong(network.post("admin", "/v1/rates/half-day/prices", {**price, "funder": "dept"}))[0] == 422
    hours = {"unit": "hour", "limit": 10}
    refused = network.post(
        "admin", f"/v1/members/{network.member}/passes", {"everywhere": True, "rate": "half-day", "allowance": hours}
    )
    assert wrong(refused) == (422, "rate")


def test_each_place_sees_what_it_owes_and_is_owed(network: Managed, entry: Door) -> None:
    _use_away(network, entry)
    seen = network.get("isle", "/v1/clearing?month=2026-08").json()
    assert [(one["debtor"], one["creditor"], one["count"], one["amount_cents"]) for one in seen["lines"]] == [
        ("limoges", "isle", 1, 500)
    ]
    assert seen["debts"] == [{"debtor": "limoges", "creditor": "isle", "cents": 500}]
    assert seen["balances"] == {"limoges": -500, "isle": 500}
    assert network.member not in str(seen)
    line = network.get("isle", f"/v1/clearing/lines/{seen['lines'][0]['id']}").json()
    assert line["uses"] == [{"at": "2026-08-04T08:00:00.000Z", "door": "entry"}]
    assert network.get("desk", "/v1/clearing?month=2026-08").status_code == 403
    table = network.get("manager", "/v1/clearing?month=2026-08&format=csv").text.splitlines()
    assert len(table) == 2 and table[1].split(",")[3:5] == ["limoges", "isle"]
    assert network.get("isle", "/v1/clearing?month=2026-08&format=pdf").content.startswith(b"%PDF-")
    back = f"/v1/clearing/lines/{line['id']}/counter-entries"
    assert network.post("isle", back, {"reason": "x"}).status_code == 403, "one side alone doesn't take back"
    assert network.post("admin", back, {"reason": "x"}).json()["amount_cents"] == -500
    assert wrong(network.post("admin", back, {"reason": "x"})) == (422, "count")
    assert network.get("admin", "/v1/clearing?month=2026-08").json()["debts"] == []


def _use_away(network: Managed, entry: Door) -> None:
    member = network.someone("Nour")
    entry.read(datetime(2026, 8, 4, 8, tzinfo=UTC), member=member, pass_ref=_pass(network, member))
    assert _close(network, date(2026, 8, 1)) == 1


def test_who_manages_an_organisation_sees_its_statements(network: Managed, entry: Door) -> None:
    network.post("admin", "/v1/organisations", {"code": "mairie", "name": "Mairie"})
    agent = network.someone("Léo")
    assert network.change("admin", "PATCH", f"/v1/members/{agent}", {"organisation": "mairie"}).status_code == 200
    entry.read(datetime(2026, 11, 4, 8, tzinfo=UTC), member=agent, pass_ref=_pass(network, agent))
    assert _close(network, date(2026, 11, 1)) == 1
    asked = "/v1/statements?month=2026-11"
    assert network.get("member", asked).json()["statements"] == []
    managers = "/v1/organisations/mairie/managers"
    assert network.call("manager", "PUT", f"{managers}/{network.member}").status_code == 403
    assert network.call("admin", "PUT", f"{managers}/{network.member}").json() == {"managers": [network.member]}
    (seen,) = network.get("member", asked).json()["statements"]
    assert (seen["payer"], seen["organisation_name"], seen["net_cents"]) == ("organisation", "Mairie", 800)
    whole = network.get("member", f"/v1/statements/{seen['ref']}").json()
    assert [(one["member"], one["member_name"]) for one in whole["lines"]] == [(agent, None)], "by reference only"
    assert network.call("admin", "DELETE", f"{managers}/{network.member}").json() == {"managers": []}
    assert network.get("member", asked).json()["statements"] == []


def test_a_booking_is_priced_by_category_shown_before_and_billed(network: Managed) -> None:
    hourly = {"code": "laser", "name": "Laser", "billed": "booking", "unit": "hour"}
    assert wrong(network.post("admin", "/v1/rates", {**hourly, "unit": "day"}))[0] == 422
    assert network.post("admin", "/v1/rates", hourly).status_code == 201
    price = {"first": "2026-01-01", "cents": 1000, "vat_permille": 200}
    assert network.post("admin", "/v1/rates/laser/prices", price).status_code == 201
    assert network.post("admin", "/v1/rates/laser/prices", {**price, "category": "student", "cents": 400}).is_success
    resource = {"code": "laser", "name": "Laser", "kind": "machine", "units": 2, "rate": "laser"}
    path = "/v1/places/limoges/resources"
    assert wrong(network.post("manager", path, {**resource, "hour_cents": 5}))[0] == 422, "one price"
    assert wrong(network.post("manager", path, {**resource, "rate": "half-day"})) == (422, "rate")
    assert network.post("manager", path, resource).status_code == 201
    network.change("manager", "PUT", "/v1/places/limoges/booking-rules/all", {"without_pass": True})
    made = network.post("admin", "/v1/members", {"name": "Lou", "home": "limoges"}).json()["ref"]
    key = {"Authorization": f"Bearer {network.key('lou', role='member', member=made)}"}

    def slots() -> dict[str, Any]:
        answer = network.api.get("/v1/slots?place=limoges&minutes=120", headers=key).json()
        found: dict[str, Any] = answer["resources"][0]
        return found

    grid = {"": 2000, "student": 800}
    assert [slots()[name] for name in ("prices", "price_cents", "bookable")] == [grid, 2000, True]
    today = datetime.now(UTC).date()
    proof = {"category": "student", "seen": "carte", "first": f"{today - timedelta(days=2)}"}
    proof |= {"last": f"{today + timedelta(days=30)}"}
    first = network.post("admin", f"/v1/members/{made}/categories", proof)
    assert first.status_code == 201, first.text
    assert slots()["price_cents"] == 800
    begin = (datetime.now(UTC) + timedelta(days=2)).replace(hour=10, minute=0, second=0, microsecond=0)
    window = {"from": begin.isoformat(), "until": (begin + timedelta(hours=2)).isoformat()}
    wish = {"place": "limoges", "resource": "laser", **window}
    booked = network.api.post("/v1/bookings", json=wish, headers=key)
    assert booked.json()["price_cents"] == 800, booked.text

    # only students may book it
    network.change("manager", "PATCH", f"{path}/laser", {"categories": ["student"]})
    refused = network.post("manager", "/v1/bookings", {**wish, "member": network.someone("Old")})
    assert (refused.status_code, refused.json()["rule"]) == (409, "category")
    again = network.api.post("/v1/bookings", json=wish, headers=key)
    assert again.status_code == 201, again.text

    # what is over is billed once, at the price of its booking; what is cancelled is not
    cancelled = "UPDATE booking SET status = 'cancelled', cancelled_at = now() WHERE ref = %s RETURNING 1"
    network.sql(cancelled, again.json()["ref"])
    network.sql(
        "UPDATE booking SET status = 'ended', starts_at = '2026-02-10 09:00Z', ends_at = '2026-02-10 11:00Z'"
        " WHERE ref = %s RETURNING 1",
        booked.json()["ref"],
    )
    network.sql("UPDATE member_category SET first = '2026-01-01' WHERE member = %s RETURNING 1", made)
    account = network.api.get(f"/v1/members/{made}/account?month=2026-02", headers=key).json()
    assert [(one["kind"], one["category"], one["net_cents"], one["vat_cents"]) for one in account["lines"]] == [
        ("booking", "student", 800, 160)
    ]
    february = date(2026, 2, 1)
    assert _close(network, february) == 1 and _close(network, february) == 0
    assert network.api.get(f"/v1/members/{made}/account?month=2026-02", headers=key).json()["lines"] == []
    (statement,) = network.api.get("/v1/statements?month=2026-02", headers=key).json()["statements"]
    assert statement["total_cents"] == 960
    (line,) = network.api.get(f"/v1/statements/{statement['ref']}", headers=key).json()["lines"]
    assert [one["booking"] for one in line["uses"]] == [booked.json()["ref"]]
    paper = network.api.get(f"/v1/statements/{statement['ref']}?format=pdf", headers=key)
    assert paper.content.startswith(b"%PDF-")
