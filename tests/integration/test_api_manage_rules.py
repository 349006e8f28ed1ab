"""Management over HTTP of what a place says beside who: schedules, doors, closures, hours, policies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from api.doors import doors
from api.http import database_errors as refusals
from api.members import organisations
from api.places import hours as places
from api.schedules import closures, schedules
from tests.managed import Managed, managed
from tests.waiting import until

WEEK = {"mon": [["08:00", "12:00"], ["14:00", "18:00"]], "holidays": {"department": "87", "hours": []}}


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        yield one


def wrong(answer: httpx.Response) -> tuple[int, str]:
    """The status and the first field that a problem names."""
    body = answer.json()
    return answer.status_code, body["errors"][0]["name"] if body.get("errors") else ""


def make(network: Managed, code: str, *, place: str | None = "limoges", **fields: Any) -> httpx.Response:
    body = {"code": code, "name": code.title(), "hours": WEEK, "place": place, **fields}
    return network.post("admin", "/v1/schedules", body)


def test_a_schedule_is_made_read_replaced_and_removed(network: Managed) -> None:
    made = make(network, "weekdays", place=None)
    schedules.Schedule.model_validate_json(made.content)
    assert made.headers["location"] == "/v1/schedules/weekdays"
    own = make(network, "evenings", linked=["weekdays"])
    path = own.headers["location"]
    assert path == "/v1/places/limoges/schedules/evenings"
    assert network.get("desk", path).json() == own.json()
    assert own.json()["linked"] == ["weekdays"]
    put = network.change("manager", "PUT", path, {"name": "Soirs", "hours": {"tue": [["18:00", "24:00"]]}})
    assert put.json() == {**own.json(), "name": "Soirs", "hours": {"tue": [["18:00", "24:00"]]}, "linked": []}
    # a network's schedule is no manager's
    assert network.change("manager", "PUT", "/v1/schedules/weekdays", {"name": "X", "hours": {}}).status_code == 403
    assert network.post("manager", "/v1/schedules", {"code": "x", "name": "X", "hours": {}}).status_code == 403
    listed = schedules.Schedules.model_validate_json(network.get("manager", "/v1/schedules?place=limoges").content)
    assert {"weekdays", "evenings"} <= {one.code for one in listed.schedules}
    assert wrong(make(network, "evenings")) == (409, "code")
    assert network.change("manager", "DELETE", path).status_code == 204
    assert network.get("manager", path).status_code == 404


@pytest.mark.parametrize(
    ("hours", "field"),
    [
        ({"someday": []}, "hours"),
        ({"mon": [["18:00", "08:00"]]}, "hours"),
        ({"mon": [["08:00"]]}, "hours"),
        ({"mon": "08:00-12:00"}, "hours"),
        ({"closed": [["2026-13-01", "2026-13-02"]]}, "hours"),
        ({"linked": [{}]}, "hours.linked"),
        ({"mon": [["22:00", "02:00"]]}, "hours"),
        ({"holidays": {"department": "999"}}, "hours.holidays.department"),
        ({"holidays": {"department": "99", "hours": []}}, "hours.holidays.department"),
        ({"holidays": {"department": "20", "hours": []}}, "hours.holidays.department"),
        ([], "hours"),
        (None, "hours"),
    ],
)
def test_hours_that_make_no_sense_are_refused(network: Managed, hours: Any, field: str) -> None:
    assert wrong(make(network, "bad", hours=hours)) == (422, field)
    asked = network.change("manager", "PATCH", "/v1/places/limoges/hours", {"opening_hours": hours})
    if hours is not None:
        assert wrong(asked) == (422, field.replace("hours", "opening_hours", 1))


def test_hours_until_midnight_are_kept_as_24_00(network: Managed) -> None:
    hours = {"fri": [["18:00", "00:00"]], "sat": [["18:00", "23:59"]], "holidays": {"department": "987", "hours": []}}
    made = make(network, "late", hours=hours)
    assert made.status_code == 201, made.text
    assert (made.json()["hours"]["fri"], made.json()["hours"]["sat"]) == ([["18:00", "24:00"]], [["18:00", "24:00"]])
    refused = make(network, "later", hours={"fri": [["22:00", "02:00"]]})
    assert "22:00 to 24:00 on this day and 00:00 to 02:00" in refused.json()["detail"]


def test_links_go_in_no_circle_and_to_no_other_place(network: Managed) -> None:
    for code, linked in (("c1", []), ("c2", ["limoges/c1"]), ("c3", ["limoges/c2"])):
        assert make(network, code, linked=linked).status_code == 201
    body = {"name": "C", "hours": {}, "linked": ["limoges/c3"]}
    assert wrong(network.change("manager", "PUT", "/v1/places/limoges/schedules/c1", body)) == (422, "linked")
    itself = {**body, "linked": ["limoges/c2"]}
    assert wrong(network.change("manager", "PUT", "/v1/places/limoges/schedules/c2", itself)) == (422, "linked")
    assert wrong(make(network, "c4", linked=["limoges/none"])) == (422, "linked")
    assert wrong(make(network, "c5", place="isle", linked=["limoges/c1"])) == (422, "linked")
    assert wrong(make(network, "c6", place=None, linked=["limoges/c1"])) == (422, "linked")
    refused = network.change("manager", "DELETE", "/v1/places/limoges/schedules/c1")
    assert refused.status_code == 409
    assert "c2" in refused.json()["detail"]


def test_links_are_not_deeper_than_a_list_reads(network: Managed) -> None:
    made = [make(network, f"d{n}", linked=[f"limoges/d{n - 1}"] if n else []).status_code for n in range(9)]
    assert made == [201] * 8 + [422]
    # nor by putting something below a deep one
    assert make(network, "below").status_code == 201
    under = {"name": "D", "hours": {}, "linked": ["limoges/below"]}
    assert wrong(network.change("manager", "PUT", "/v1/places/limoges/schedules/d0", under)) == (422, "linked")


def test_a_schedule_in_use_stays(network: Managed) -> None:
    make(network, "used")
    member = network.someone()
    given = {"places": [{"place": "limoges"}], "schedule": "limoges/used"}
    made = network.post("manager", f"/v1/members/{member}/passes", given)
    assert made.json()["schedule"] == "limoges/used"
    refused = network.change("manager", "DELETE", "/v1/places/limoges/schedules/used")
    assert refused.status_code == 409
    assert "passes" in refused.json()["detail"]


def test_a_doors_rules_begin_with_nothing(network: Managed) -> None:
    make(network, "night")
    path = "/v1/places/limoges/doors/entry/rules"
    first = network.get("desk", path)
    doors.DoorRules.model_validate_json(first.content)
    assert first.headers["etag"] == '"0"'
    body = {"pin": True, "pin_while": "limoges/night", "passback": "timed", "passback_s": 300}
    put = network.call("manager", "PUT", path, body, if_match='"0"')
    assert put.status_code == 200, put.text
    assert put.json() == {**first.json(), **body}
    assert network.call("manager", "PUT", path, {}, if_match='"0"').status_code == 412
    assert wrong(network.change("manager", "PUT", path, {"passback": "timed"})) == (422, "passback_s")
    assert wrong(network.change("manager", "PUT", path, {"supervised": "limoges/none"})) == (422, "supervised")
    assert network.change("isle", "PUT", path, {}).status_code in (403, 404)
    assert network.change("desk", "PUT", path, {}).status_code == 403
    assert network.change("manager", "PUT", path, {}).json() == first.json()
    listed = doors.Doors.model_validate_json(network.get("desk", "/v1/places/limoges/doors").content)
    assert [one.door for one in listed.doors] == ["entry"]
    assert network.get("desk", "/v1/places/atlantis/doors").status_code == 404


def test_a_group_of_doors_in_use_stays(network: Managed) -> None:
    path = "/v1/places/limoges/door-groups"
    made = network.post("manager", path, {"code": "all", "name": "Toutes", "doors": ["entry"]})
    assert made.status_code == 201
    doors.Group.model_validate_json(made.content)
    member = network.someone()
    where = {"places": [{"place": "limoges", "door_groups": ["all"]}]}
    given = network.post("manager", f"/v1/members/{member}/passes", where)
    assert given.json()["places"][0]["door_groups"] == ["all"]
    assert network.change("manager", "DELETE", f"{path}/all").status_code == 409
    network.post("manager", f"/v1/passes/{given.json()['ref']}/revoke", None)
    put = network.change("manager", "PUT", f"{path}/all", {"name": "Aucune", "doors": []})
    assert put.json() == {"code": "all", "name": "Aucune", "doors": []}
    assert wrong(network.change("manager", "PUT", f"{path}/all", {"name": "X", "doors": ["gate"]})) == (422, "doors")
    assert network.change("manager", "DELETE", f"{path}/all").status_code == 204
    doors.Groups.model_validate_json(network.get("desk", path).content)


def test_a_closure_comes_and_goes(network: Managed) -> None:
    body = {"place": "limoges", "first": "2026-12-24", "last": "2027-01-03", "reason": "Fêtes"}
    made = network.post("manager", "/v1/closures", body)
    closures.Closure.model_validate_json(made.content)
    path = made.headers["location"]
    put = network.change("manager", "PUT", path, {"first": "2026-12-24", "last": "2026-12-31"})
    assert put.json() == {**made.json(), "last": "2026-12-31", "reason": ""}
    everywhere = network.post("admin", "/v1/closures", {"first": "2026-05-01", "last": "2026-05-01"})
    assert everywhere.json()["place"] is None
    assert network.post("manager", "/v1/closures", {"first": "2026-05-01", "last": "2026-05-01"}).status_code == 403
    assert network.change("manager", "DELETE", everywhere.headers["location"]).status_code == 403
    assert wrong(network.post("manager", "/v1/closures", {**body, "last": "2026-12-01"})) == (422, "body")
    assert wrong(network.post("manager", "/v1/closures", {**body, "first": "9999-12-01"})) == (422, "first")
    listed = closures.Closures.model_validate_json(network.get("isle", "/v1/closures?since=2026-05-01").content)
    assert [one.place for one in listed.closures] == [None]
    assert network.change("manager", "DELETE", path).status_code == 204
    assert network.get("manager", path).status_code == 404


def test_hours_and_limits_of_a_place(network: Managed) -> None:
    path = "/v1/places/limoges/hours"
    first = network.get("desk", path)
    places.Hours.model_validate_json(first.content)
    change = {"opening_hours": {"mon": [["08:00", "20:00"]]}, "limits": {"open-space": 19}}
    changed = network.change("manager", "PATCH", path, change)
    assert changed.status_code == 200, changed.text
    assert changed.json()["limits"] == {**first.json()["limits"], "open-space": 19}
    limited = network.change("manager", "PATCH", path, {"limits": {"open-space": None}})
    assert limited.json()["opening_hours"] == {"mon": [["08:00", "20:00"]]}
    assert limited.headers["etag"] != changed.headers["etag"]
    assert wrong(network.change("manager", "PATCH", path, {"limits": {"loft": 1}})) == (422, "limits.loft")
    assert wrong(network.change("manager", "PATCH", path, {"limits": {"open-space": -1}}))[0] == 422
    assert network.change("isle", "PATCH", path, {"opening_hours": None}).status_code == 403
    # the public page tells the new hours
    until(
        lambda: network.api.get("/v1/places/limoges").json()["opening_hours"] == {"mon": [["08:00", "20:00"]]},
        what="the board knows the new hours",
    )
    assert network.change("manager", "PATCH", path, {"opening_hours": WEEK}).json()["opening_hours"] == WEEK
    assert network.change("manager", "PATCH", path, {"opening_hours": None}).json()["opening_hours"] is None


def test_a_places_policy(network: Managed) -> None:
    path = "/v1/places/limoges/policy"
    first = network.get("desk", path)
    places.Policy.model_validate_json(first.content)
    assert (first.headers["etag"], first.json()["list_max_age_s"]) == ('"0"', 2_592_000)
    put = network.change("manager", "PUT", path, {"list_max_age_s": None, "tries": 3})
    assert put.json() == {**first.json(), "list_max_age_s": None, "tries": 3}
    assert network.call("manager", "PUT", path, {}, if_match='"0"').status_code == 412
    assert wrong(network.change("manager", "PUT", path, {"tries": 0})) == (422, "tries")
    assert network.change("isle", "PUT", path, {}).status_code in (403, 404)


def test_organisations_are_the_networks(network: Managed) -> None:
    made = network.post("desk", "/v1/organisations", {"code": "scop", "name": "La Scop"})
    assert made.status_code == 201
    organisations.Organisation.model_validate_json(made.content)
    assert wrong(network.post("desk", "/v1/organisations", {"code": "scop", "name": "X"})) == (409, "code")
    assert wrong(network.post("desk", "/v1/organisations", {"code": "S C", "name": "X"})) == (422, "code")
    path = made.headers["location"]
    assert network.change("manager", "PUT", path, {"name": "Autre"}).status_code == 403
    assert network.change("admin", "PUT", path, {"name": "Autre"}).json() == {"code": "scop", "name": "Autre"}
    member = network.post("desk", "/v1/members", {"name": "A", "home": "limoges", "organisation": "scop"}).json()
    assert network.change("admin", "DELETE", path).status_code == 204
    assert network.get("desk", f"/v1/members/{member['ref']}").json()["organisation"] is None
    organisations.Organisations.model_validate_json(network.get("desk", "/v1/organisations").content)


def test_every_constraint_that_is_put_into_words_exists(network: Managed) -> None:
    named = network.sql(
        "SELECT conname FROM pg_constraint UNION SELECT indexname FROM pg_indexes WHERE schemaname = 'public'"
    )
    known = {name for (name,) in named}
    assert {*refusals._TAKEN, *refusals._WRONG, *refusals._USED} <= known


def test_every_management_route_is_in_the_document_with_its_shapes(network: Managed) -> None:
    document = network.api.get("/openapi.json").json()
    assert "Problem" in document["components"]["schemas"]
    for path, operations in document["paths"].items():
        for method, one in operations.items():
            if "x-permission" not in one:
                continue
            told = [status for status in one["responses"] if status.startswith("2")]
            assert told, (method, path)
            assert "401" in one["responses"], (method, path)
            assert "403" in one["responses"], (method, path)
            assert one["summary"], (method, path)
            assert one["description"], (method, path)
    for ref in set(_refs(document)):
        assert ref.removeprefix("#/components/schemas/") in document["components"]["schemas"], ref
    assert json.dumps(document)


def _refs(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from _refs(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _refs(inner)
