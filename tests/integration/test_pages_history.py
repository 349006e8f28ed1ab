"""Managers' pages of devices, doors, history, reports, team and keys: who sees them, and what is written into them."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
import psycopg
import pytest

from api.events.door_events import DoorEvents
from reports.month import Month
from tests.furnished import MARKUP, PARIS, Furnished, furnish, hear, trouble
from tests.managed import managed

ROLES: Final = ("admin", "manager", "desk", "auditor", "isle", "member", "reader", "nobody")
LAST: Final = Month.of(datetime.now(UTC).astimezone(PARIS).date()).before
STAFF: Final = frozenset(("admin", "manager", "desk", "auditor"))
MANAGING: Final = frozenset(("admin", "manager"))
READING: Final = frozenset(("admin", "manager", "auditor"))
ADMIN: Final = frozenset(("admin",))


@pytest.fixture(scope="module")
def limoges(postgres_url: str, _template: str) -> Iterator[Furnished]:
    with managed(postgres_url, _template, MAILLAGE_PUBLIC_URL="https://maillage.example.org") as one:
        made = furnish(one)
        anne = {"name": MARKUP, "email": "anne@example.org", "roles": [{"role": "front_desk", "places": ["limoges"]}]}
        assert one.post("admin", "/v1/operators", anne).status_code == 201
        yield made


def send(
    limoges: Furnished, who: str, path: str, fields: Mapping[str, str] | None = None, site: str | None = "same-origin"
) -> httpx.Response:
    """Ask as a browser in which ``who`` is signed in; with ``fields`` a form is sent."""
    headers = {"accept-language": "fr"} | ({} if site is None else {"sec-fetch-site": site})
    if who != "nobody":
        headers["cookie"] = f"__Host-maillage={limoges.network.keys[who]}"
    api = limoges.network.api
    return api.get(path, headers=headers) if fields is None else api.post(path, data=dict(fields), headers=headers)


def operator(limoges: Furnished) -> str:
    found = limoges.network.get("admin", "/v1/operators").json()["operators"]
    return str(next(one["ref"] for one in found if one["ended_at"] is None))


def pages(limoges: Furnished) -> dict[str, frozenset[str]]:
    """Every page with those who see it."""
    base, key = "/manage/limoges", limoges.network.get("admin", "/v1/keys").json()["keys"]
    desk = next(one["id"] for one in key if one["name"] == "desk")
    ref = operator(limoges)
    return {
        f"{base}/doors": STAFF,
        f"{base}/doors/events.csv?what=all": READING,
        f"{base}/devices": STAFF,
        f"{base}/devices?wrong=yes&hidden=yes": STAFF,
        f"{base}/devices/new": MANAGING,
        f"{base}/devices/unassigned/{limoges.heard}": MANAGING,
        f"{base}/devices/of/limoges-1/entry-in": STAFF,
        f"{base}/devices/of/limoges-1/entry-in/retire": MANAGING,
        f"{base}/devices/gateways/limoges-1": STAFF,
        f"{base}/devices/gateways/limoges-1/revoke": MANAGING,
        f"{base}/history": STAFF,
        f"{base}/history/occupancy.csv?view=week": STAFF,
        f"{base}/history/reports/{LAST}": STAFF,
        f"{base}/history/reports/{LAST}/pdf": READING,  # others get what is public, of which there is none yet
        f"{base}/team": READING,
        f"{base}/team/invite": ADMIN,
        f"{base}/team/{ref}": ADMIN,
        f"{base}/team/{ref}/end": ADMIN,
        f"{base}/team/keys/new": MANAGING,
        f"{base}/team/keys/{desk}/end": MANAGING,
        f"/manage/clearing/{LAST}.csv": frozenset(("admin", "auditor")),
    }


def forms(limoges: Furnished) -> dict[str, tuple[frozenset[str], dict[str, str]]]:
    """Every form with those who may send it, and fields that change nothing."""
    base, ref = "/manage/limoges", operator(limoges)
    device = f"{base}/devices/of/limoges-1/entry-in"
    gateway = f"{base}/devices/gateways/limoges-1"
    return {
        f"{base}/devices/new": (MANAGING, {"code": "No Code"}),
        f"{base}/devices/unassigned/{limoges.heard}": (MANAGING, {"target": "desk:nowhere"}),
        f"{base}/devices/unassigned/999999": (frozenset(), {"target": "desk:desk-1"}),
        f"{base}/devices/unassigned/999999/hide": (frozenset(), {}),
        device: (MANAGING, {"etag": '"99"', "address": "x"}),
        f"{device}/retire": (MANAGING, {"etag": '"99"'}),
        f"{base}/devices/of/limoges-1/none/return": (frozenset(), {}),
        f"{gateway}/code": (MANAGING, {}),
        f"{base}/devices/gateways/isle-1/revoke": (frozenset(), {}),
        f"{gateway}/configuration": (MANAGING, {"back_to": "999"}),
        f"{base}/team/invite": (ADMIN, {"name": "x", "email": ""}),
        f"{base}/team/{ref}": (ADMIN, {"etag": '"99"', "name": "x"}),
        f"{base}/team/{ref}/end": (ADMIN, {"etag": '"99"'}),
        f"{base}/team/u-0/invite": (frozenset(), {}),
        f"{base}/team/keys/new": (MANAGING, {"name": ""}),
        f"{base}/team/keys/999999/end": (frozenset(), {}),
        f"{base}/history/report-mail": (frozenset(), {"wanted": "yes"}),  # keys here belong to no operator
    }


@pytest.mark.parametrize("who", ROLES)
def test_each_page_is_for_those_who_may(limoges: Furnished, who: str) -> None:
    for path, allowed in pages(limoges).items():
        answer = send(limoges, who, path)
        if who == "nobody":
            assert (answer.status_code, answer.headers["location"][:13]) == (303, "/sign-in?next"), path
        else:
            assert answer.status_code == (200 if who in allowed else 404), (path, answer.text[:500])
        assert MARKUP not in answer.text, path


@pytest.mark.parametrize("who", ROLES)
def test_each_form_is_for_those_who_may_and_none_for_another_site(limoges: Furnished, who: str) -> None:
    for path, (allowed, fields) in forms(limoges).items():
        answer = send(limoges, who, path, fields)
        if who == "nobody":
            assert answer.status_code == 401, path
        else:
            wanted = (409, 412, 422) if who in allowed else (404,)
            assert answer.status_code in wanted, (path, answer.status_code, answer.text[-1500:])
        for site in ("cross-site", "same-site", None):
            other = send(limoges, who, path, fields, site=site)
            refused = (422,) if who != "nobody" else (303, 422)
            assert other.status_code in refused, (path, site, other.status_code)


@pytest.mark.parametrize(
    "path",
    [
        *("devices/gateways/isle-1", "devices/gateways/isle-1/revoke", "devices/of/isle-1/reader"),
        *("devices/unassigned/999999", "devices/gateways/..%2fisle-1", "history/reports/2026-13"),
        *("history/reports/x", "history/reports/2999-01", "history/occupancy.csv?on=x", "team/keys/999999/end"),
    ],
)
def test_another_places_thing_is_as_one_that_is_not_there(limoges: Furnished, path: str) -> None:
    for who in ("admin", "manager"):
        assert send(limoges, who, f"/manage/limoges/{path}").status_code == 404, who


def test_a_key_of_another_place_is_not_shown_nor_ended(limoges: Furnished) -> None:
    keys = limoges.network.get("admin", "/v1/keys").json()["keys"]
    isle = next(one["id"] for one in keys if one["name"] == "isle")
    for who in ("admin", "manager"):
        assert send(limoges, who, f"/manage/limoges/team/keys/{isle}/end").status_code == 404
        assert send(limoges, who, f"/manage/limoges/team/keys/{isle}/end", {}).status_code == 404
    assert limoges.network.get("isle", "/v1/me").status_code == 200


def test_what_people_write_comes_out_as_text(limoges: Furnished) -> None:
    network = limoges.network
    ref = network.someone(MARKUP)
    now = datetime.now(UTC)
    limoges.door.read(now - timedelta(minutes=1), card="04112233445566", member=ref)
    hear(network, f"app/{MARKUP}", said=MARKUP)
    network.sql("UPDATE door SET name = %s WHERE code = 'entry' RETURNING id", MARKUP)
    network.sql("UPDATE gateway_state SET version = %s RETURNING gateway", MARKUP)
    key = network.key(MARKUP, role="front_desk", places=["limoges"])
    assert key
    network.centre.notify("maillage_network")
    base = "/manage/limoges"
    for path in (
        *(f"{base}/doors?what=all", f"{base}/doors?what=all&member=%3Cimg", f"{base}/devices", f"{base}/team"),
        *(f"{base}/devices/gateways/limoges-1", f"{base}/history", f"/manage?q={MARKUP}", f"{base}/devices/new"),
    ):
        answer = send(limoges, "admin", path)
        assert answer.status_code == 200, path
        assert "<img src=x" not in answer.text, path
    assert "&lt;img src=x" in send(limoges, "admin", f"{base}/doors?what=all").text
    wrong = dict.fromkeys(("name", "email", "address", "code", "model", "target", "kind", "driver", "role"), MARKUP)
    for path in (f"{base}/devices/new", f"{base}/team/invite", f"{base}/team/keys/new"):
        answer = send(limoges, "admin", path, {**wrong, "last_day": MARKUP})
        assert answer.status_code >= 400, path
        assert "<img src=x" not in answer.text, path
        assert "&lt;img src=x" in answer.text, f"{path} keeps what was typed"


def events(limoges: Furnished, who: str = "manager", query: str = "") -> Any:
    answer = limoges.network.get(who, f"/v1/places/limoges/door-events{query}")
    assert answer.status_code == 200, answer.text
    DoorEvents.model_validate_json(answer.content)
    return answer.json()


def lines(limoges: Furnished) -> list[tuple[str, str]]:
    """Who read the events of doors, and of what."""
    rows = limoges.network.sql("SELECT actor, subject FROM audit WHERE action = 'read door events' ORDER BY id")
    return [(str(actor), str(subject)) for actor, subject in rows]


def test_door_events_come_in_pages_each_once_the_newest_first(limoges: Furnished) -> None:
    at = datetime.now(UTC) - timedelta(days=3)
    for _ in range(7):  # at one instant: the order is of stream and number
        limoges.door.read(at, card="04112233445566", member=limoges.network.member)
    trouble(limoges.network, limoges.door, at, 1)  # an opened door is no trouble
    whole = events(limoges, query="?limit=1000")
    assert whole["next"] is None
    times = [one["at"] for one in whole["events"]]
    assert times == sorted(times, reverse=True)
    seen: list[Any] = []
    query = "?limit=2"
    while query:
        page = events(limoges, query=query)
        assert len(page["events"]) <= 2
        seen += page["events"]
        query = f"?limit=2&cursor={page['next']}" if page["next"] else ""
    assert seen == whole["events"]
    assert len({(one["stream"], one["seq"]) for one in seen}) == len(seen) > 10


def test_door_events_are_filtered(limoges: Furnished) -> None:
    denied = events(limoges, query="?what=denied")["events"]
    assert denied and {one["what"] for one in denied} == {"denied"}
    assert {one["reason"] for one in denied} == {"unknown_card", "outside_schedule"}
    stranger = next(one for one in denied if one["reason"] == "unknown_card")
    assert (stranger["member"], stranger["member_name"]) == (None, None)
    assert re.fullmatch("[0-9a-f]{12}", stranger["card"])
    assert {one["what"] for one in events(limoges, query="?what=trouble")["events"]} == {"forced"}
    own = events(limoges, query=f"?member={limoges.network.member}")["events"]
    assert {one["member_name"] for one in own} == {"Jeanne Petit"}
    assert events(limoges, query="?until=2020-01-01T00:00:00Z")["events"] == []
    assert events(limoges, query="?door=entry")["events"]
    for query in ("?door=none", "?member=x", "?cursor=abc", "?what=x", "?since=yesterday", "?limit=0"):
        answer = limoges.network.get("manager", f"/v1/places/limoges/door-events{query}")
        assert answer.status_code == 422, (query, answer.text)
    table = limoges.network.get("manager", "/v1/places/limoges/door-events?format=csv")
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    assert table.text.startswith("stream,seq,at,what,door")


def test_door_events_are_for_who_may_and_the_database_refuses_too(limoges: Furnished) -> None:
    path = "/v1/places/limoges/door-events"
    assert limoges.network.get("isle", path).status_code in (403, 404)
    assert [limoges.network.get(who, path).status_code for who in ("desk", "member", "reader", "gateway")] == [403] * 4
    assert [limoges.network.get(who, path).status_code for who in ("admin", "manager", "auditor", "feed")] == [200] * 4
    assert limoges.network.get("manager", "/v1/places/isle/door-events").status_code in (403, 404)
    nobody = limoges.network.get("feed", path).json()["events"]
    assert {one["member_name"] for one in nobody} == {None}, "a feed reads events, and no names"


def test_each_reading_leaves_a_line_and_repeated_ones_no_more(limoges: Furnished) -> None:
    key = limoges.network.key("log", role="auditor")
    headers = {"X-Api-Key": key}
    path = "/v1/places/limoges/door-events"
    before = len(lines(limoges))
    for query in ("", "", "?what=denied", f"?member={limoges.network.member}", f"?member={limoges.network.member}"):
        assert limoges.network.api.get(path + query, headers=headers).status_code == 200
    new = lines(limoges)[before:]
    assert [subject for _, subject in new] == ["place limoges", f"member {limoges.network.member}"]
    assert all(actor.endswith("log") for actor, _ in new)


def test_an_operator_chooses_mail_about_reports_for_themselves_only(limoges: Furnished) -> None:
    network = limoges.network
    body = {"name": "Luc", "email": "luc@example.org", "roles": [{"role": "place_manager", "places": ["limoges"]}]}
    ref = network.post("admin", "/v1/operators", body).json()["ref"]
    made = network.post("admin", "/v1/keys", {"name": "own", "role": "place_manager", "operator": ref})
    luc = {"Authorization": f"Bearer {made.json()['key']}"}
    assert network.api.get("/v1/me/report-mail", headers=luc).json() == {"report_mail": False}
    set_ = network.api.put("/v1/me/report-mail", json={"report_mail": True}, headers=luc)
    assert (set_.status_code, set_.json()) == (200, {"report_mail": True})
    assert network.get("admin", f"/v1/operators/{ref}").json()["report_mail"] is True
    others = [one for one in network.get("admin", "/v1/operators").json()["operators"] if one["ref"] != ref]
    assert not any(one["report_mail"] for one in others)
    assert network.get("manager", "/v1/me/report-mail").status_code == 404
    cookie = {"cookie": f"__Host-maillage={made.json()['key']}", "sec-fetch-site": "same-origin"}
    answer = network.api.post("/manage/limoges/history/report-mail", data={"wanted": "no"}, headers=cookie)
    assert answer.headers["location"] == "/manage/limoges/history?done=no-mail#reports"
    assert network.get("admin", f"/v1/operators/{ref}").json()["report_mail"] is False
    changed = network.sql(
        "SELECT count(*) FROM audit WHERE subject = %s AND actor LIKE %s", f"operator {ref}", f"%{ref}"
    )
    assert changed == [(2,)]


def test_only_an_administrator_invites_and_only_who_has_an_address(limoges: Furnished) -> None:
    network = limoges.network
    body = {"name": "Zoé", "email": "zoe@example.org", "roles": [{"role": "front_desk", "places": ["limoges"]}]}
    ref = network.post("admin", "/v1/operators", body).json()["ref"]
    path = f"/v1/operators/{ref}/invitation"
    assert [network.post(who, path, {}).status_code for who in ("manager", "desk", "auditor", "member")] == [403] * 4
    assert network.post("admin", path, {"language": "en"}).status_code == 202
    rows = network.sql("SELECT kind, language, \"values\" ->> 'link' FROM mail WHERE to_address = %s", body["email"])
    assert [row[:2] for row in rows] == [("invitation", "en")]
    held = network.sql("SELECT expires_at - asked_at FROM sign_in_link WHERE email = %s", body["email"])
    assert held == [(timedelta(days=3),)]
    without = network.post("admin", "/v1/operators", {**body, "name": "Max", "email": None}).json()["ref"]
    assert network.post("admin", f"/v1/operators/{without}/invitation", {}).status_code == 409
    assert network.change("admin", "POST", f"/v1/operators/{ref}/end").status_code in (200, 412, 405)
    assert network.call("admin", "POST", f"/v1/operators/{ref}/end", if_match="*").status_code == 200
    assert network.post("admin", path, {}).status_code == 409
    assert network.post("admin", "/v1/operators/u-0/invitation", {}).status_code == 404


def test_a_form_that_is_sent_twice_does_it_once(limoges: Furnished) -> None:
    fields = {"name": "twice", "role": "availability_reader", "once": "abc123"}
    first, second = (send(limoges, "manager", "/manage/limoges/team/keys/new", fields) for _ in range(2))
    assert first.status_code == second.status_code == 200
    assert first.text == second.text
    keys = limoges.network.get("manager", "/v1/keys").json()["keys"]
    assert sum(one["name"] == "twice" for one in keys) == 1


def test_a_manager_sees_whom_to_ask_and_drivers_say_how_addresses_look(limoges: Furnished) -> None:
    drivers = limoges.network.get("desk", "/v1/drivers").json()["drivers"]
    assert {"chirpstack", "esp_rfid", "zigbee2mqtt"} <= {one["name"] for one in drivers}
    assert all(one["address_form"] and one["address_example"] for one in drivers)
    assert limoges.network.get("reader", "/v1/drivers").status_code == 403
    body = {"name": "Chef du réseau", "roles": [{"role": "network_administrator"}]}
    assert limoges.network.post("admin", "/v1/operators", body).status_code == 201
    text = send(limoges, "manager", "/manage/limoges/team").text
    assert "Adressez-vous à Chef du réseau." in text
    assert "Inviter" not in text


def test_the_database_itself_refuses_another_places_log_to_a_key_of_the_api(limoges: Furnished) -> None:
    query = "SELECT count(*) FROM door_events(%s, '2000-01-01', now(), -1, -1, NULL, 'all', NULL, 10)"
    number = limoges.door.ids["place"]
    with psycopg.connect(limoges.network.database.as_login("api_1")) as conn:
        for who, refused in (("isle", True), ("desk", True), ("member", True), ("manager", False), ("auditor", False)):
            conn.execute("SELECT enter(%s, '', '')", (limoges.network.keys[who],))
            if refused:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    conn.execute(query, (number,))
            else:
                row = conn.execute(query, (number,)).fetchone()
                assert row is not None and row[0] > 0
            conn.rollback()


def test_open_alarms_are_counted_by_place_for_who_sees_them(limoges: Furnished) -> None:
    limoges.network.sql("DELETE FROM alarm RETURNING id")
    limoges.network.sql(
        "INSERT INTO alarm (kind, place, text, acknowledged_at)"
        " SELECT 'door_forced', id, 'x', NULL::timestamptz FROM place"
        " UNION ALL SELECT 'door_held', id, 'x', NULL::timestamptz FROM place WHERE code = 'limoges'"
        " UNION ALL SELECT 'door_held', id, 'x', now() FROM place RETURNING id"
    )
    path, two = "/v1/alarms/places", {"place": "limoges", "open": 2}
    assert limoges.network.get("admin", path).json()["places"] == [{"place": "isle", "open": 1}, two]
    assert limoges.network.get("desk", path).json()["places"] == [two]
    assert limoges.network.get("member", path).status_code == 403
    text = send(limoges, "admin", "/manage").text
    assert text.index("Limoges") < text.index("Isle")
    assert "Alarmes : 2" in text
    limoges.network.sql("DELETE FROM alarm RETURNING id")


def test_a_report_of_the_network_is_offered_only_where_there_is_one(limoges: Furnished) -> None:
    network, link = limoges.network, "/manage/network/reports/"
    text = html.unescape(send(limoges, "admin", "/manage").text)
    assert "Le réseau n'a pas de rapport pour" in text
    assert link not in text
    month = Month.of(datetime.now(PARIS).date()).before
    network.sql(
        "INSERT INTO monthly_report (scope, month, version, figures, shown) VALUES ('network', %s, 1, '{}', '{}')"
        " RETURNING number",
        month.first,
    )
    assert f"{link}{month}/pdf" in send(limoges, "admin", "/manage").text
