"""Management over HTTP, on a real database, as its own user: members, cards, passes, visits, keys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from access.tokens import hard_pin
from api.bookings import bookings
from api.cards import cards, spread
from api.keys import keys as key_models
from api.members import members
from api.passes import passes
from api.visits import routes as visits
from rights.refresh import Refresher
from tests.cards import KEYS, SECRET
from tests.managed import Managed, managed

NUMBER = "04A2245AC16D80"
PLAIN = {"places": [{"place": "limoges"}]}


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        yield one


def wrong(answer: httpx.Response) -> tuple[int, str]:
    """The status and the first field that a problem names."""
    body = answer.json()
    assert body["type"].startswith("urn:maillage:problem:"), body
    assert body["detail"]
    return answer.status_code, body["errors"][0]["name"] if body.get("errors") else ""


def test_a_member_is_made_read_changed_and_found(network: Managed) -> None:
    network.post("admin", "/v1/organisations", {"code": "mairie", "name": "Mairie de Limoges"})
    made = network.post(
        "desk",
        "/v1/members",
        {"name": "  Zoé  Lefèvre ", "email": "zoe@example.org", "home": "limoges", "organisation": "mairie"},
    )
    assert made.status_code == 201
    members.Member.model_validate_json(made.content)
    path = made.headers["location"]
    assert made.json()["name"] == "Zoé Lefèvre"
    assert network.get("desk", path).json() == made.json()
    changed = network.change("desk", "PATCH", path, {"status": "suspended", "email": None})
    assert changed.status_code == 200
    assert changed.json() == {**made.json(), "status": "suspended", "email": None}
    assert changed.headers["etag"] != made.headers["etag"]
    for question in (
        "q=zoe",
        "q=LEFEVRE",
        "q=lefèvre+zoé",
        "organisation=mairie",
        "status=suspended",
        "place=limoges&q=zo",
    ):
        found = members.Members.model_validate_json(network.get("manager", f"/v1/members?{question}").content)
        assert [one.ref for one in found.members] == [made.json()["ref"]], question
    assert network.get("isle", f"/v1/members?q={made.json()['ref']}").json()["members"] == []
    assert network.get("isle", path).status_code == 404


def test_members_are_paged_without_loss(network: Managed) -> None:
    refs = {network.someone(f"Page {number:02d}") for number in range(7)}
    refs |= {network.someone("Page 03")}
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        page = network.get("admin", f"/v1/members?q=page&limit=3{cursor and '&cursor='}{cursor}").json()
        seen += [one["ref"] for one in page["members"]]
        cursor = page["next"]
    assert len(seen) == 8
    assert set(seen) == refs


def test_a_change_needs_the_etag_of_what_it_changes(network: Managed) -> None:
    path = f"/v1/members/{network.someone()}"
    old = network.get("admin", path).headers["etag"]
    assert network.call("admin", "PATCH", path, {"name": "Un"}).status_code == 428
    assert network.call("admin", "PATCH", path, {"name": "Un"}, if_match=old).status_code == 200
    late = network.call("admin", "PATCH", path, {"name": "Deux"}, if_match=old)
    assert late.status_code == 412
    assert late.headers["etag"] == network.get("admin", path).headers["etag"]
    assert "key:" in late.json()["detail"]
    assert network.get("admin", path).json()["name"] == "Un"
    assert network.call("admin", "PATCH", path, {"name": "Trois"}, if_match="*").status_code == 200
    assert network.call("admin", "PATCH", path, {"name": "x"}, if_match="soup").status_code == 422


def test_of_two_managers_at_once_one_is_told(network: Managed) -> None:
    for _ in range(5):
        path = f"/v1/members/{network.someone()}"
        etag = network.get("admin", path).headers["etag"]
        with ThreadPoolExecutor(2) as pool:
            answers = list(
                pool.map(
                    lambda who, path, etag: network.call(who, "PATCH", path, {"name": f"By {who}"}, if_match=etag),
                    ("admin", "manager"),
                    (path, path),
                    (etag, etag),
                )
            )
        assert sorted(one.status_code for one in answers) == [200, 412]
        winner = next(one for one in answers if one.status_code == 200)
        assert network.get("admin", path).json()["name"] == winner.json()["name"]


def test_a_pin_is_kept_as_a_hash_and_never_told(network: Managed) -> None:
    ref = network.someone()
    path = f"/v1/members/{ref}/pin"
    assert network.call("desk", "PUT", path, {"pin": "47118263"}).status_code == 428
    etag = network.get("desk", f"/v1/members/{ref}").headers["etag"]
    answer = network.call("desk", "PUT", path, {"pin": "47118263"}, if_match=etag)
    assert answer.json()["pin"] is True
    assert "47118263" not in answer.text
    assert network.sql("SELECT pin FROM member WHERE ref = %s", ref) == [(hard_pin(ref, "47118263"),)]
    assert network.call("desk", "PUT", path, {"pin": "4712"}, if_match=etag).status_code == 412
    for pin in ("123", "12z4", "1" * 13, "١٢٣٤"):
        refused = network.call("desk", "PUT", path, {"pin": pin}, if_match="*")
        assert wrong(refused) == (422, "pin")
        said = refused.json()
        assert pin not in f"{said['detail']} {said['errors']}"  # the request's id has any digits
    assert network.call("desk", "DELETE", path, if_match="*").json()["pin"] is False


def test_a_card_is_kept_as_a_token_and_four_digits(network: Managed) -> None:
    member = network.someone()
    made = network.post("desk", f"/v1/members/{member}/cards", {"number": "04:a2:24:5a:c1:6d:80"})
    assert made.status_code == 201
    card = cards.Card.model_validate_json(made.content)
    assert (card.last4, card.format, card.status, card.member) == ("6D80", "MIFARE7", "active", member)
    assert NUMBER not in made.text.upper()
    lookup = KEYS.found_by(NUMBER)
    assert network.sql("SELECT lookup FROM card WHERE ref = %s", card.ref) == [(lookup,)]
    again = network.post("desk", f"/v1/members/{network.someone()}/cards", {"number": NUMBER})
    assert wrong(again) == (409, "number")
    code = network.post("admin", f"/v1/members/{member}/cards", {"code": "123456"}).json()
    assert (code["kind"], code["last4"]) == ("code", None)
    taken = network.post("admin", f"/v1/members/{network.member}/cards", {"code": "123456"})
    assert wrong(taken) == (409, "code")
    told = cards.Cards.model_validate_json(network.get("desk", f"/v1/members/{member}/cards").content)
    assert {one.kind for one in told.cards} == {"card", "code"}


def test_the_server_chooses_the_codes_of_places(network: Managed) -> None:
    member = network.someone()
    path = f"/v1/members/{member}/cards"
    network.post("admin", path, {"code": "24681357"})
    answers = [network.post(who, path, {"code": code}) for who in ("desk", "manager") for code in ("24681357", "97531")]
    assert [wrong(one) for one in answers] == [(422, "code")] * 4
    assert len({one.json()["detail"] for one in answers}) == 1, "whether it exists isn't told"
    made = network.post("desk", path, {"code_digits": 8})
    assert made.status_code == 201, made.text
    issued = cards.IssuedCard.model_validate_json(made.content)
    assert issued.code is not None
    assert (len(issued.code), issued.code.isdigit(), issued.kind) == (8, True, "code")
    lookup = KEYS.found_by(f"K{issued.code}")
    assert network.sql("SELECT ref FROM card WHERE lookup = %s", lookup) == [(issued.ref,)]
    assert "code" not in network.get("desk", f"/v1/cards/{issued.ref}").json()
    anew = network.post("desk", f"/v1/cards/{issued.ref}/reissue", {"code_digits": 4})
    assert len(anew.json()["code"]) == 4
    kept = json.dumps(network.sql("SELECT to_jsonb(c) FROM card c") + network.sql("SELECT body FROM audit_detail"))
    assert issued.code not in kept
    assert wrong(network.post("desk", path, {"code_digits": 3})) == (422, "code_digits")
    assert wrong(network.post("desk", path, {"code_digits": 6, "number": "04A2"})) == (422, "code_digits")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "number"),
        ({"number": "08A1B2C3"}, "number"),
        ({"number": "04A2", "code": "1234"}, "code"),
        ({"number": "FEDCB"}, "number"),
        ({"number": "not hex"}, "number"),
        ({"number": "FEDC", "format": "MIFARE7"}, "number"),
        ({"number": "04A2245AC16D81", "format": "nonsense"}, "format"),
        ({"format": "MIFARE7", "code": "1234"}, "format"),
        ({"code": "12"}, "code"),
        ({"enrolment": "o-nothing"}, "enrolment"),
        (
            {"number": "0A02030405", "valid_from": "2026-01-02T00:00:00Z", "valid_until": "2026-01-01T00:00:00Z"},
            "valid_until",
        ),
        ({"number": "0A02030405", "valid_from": "2026-01-02T00:00:00"}, "valid_from"),
        ({"number": "0A02030405", "valid_from": "0001-01-01T00:00:00+14:00"}, "valid_from"),
        ({"number": "0A02030405", "colour": "red"}, "colour"),
    ],
)
def test_a_card_that_makes_no_sense_is_refused_by_field(network: Managed, body: dict[str, Any], field: str) -> None:
    answer = network.post("admin", f"/v1/members/{network.member}/cards", body)
    assert wrong(answer) == (422, field)
    if "number" in body:
        assert body["number"] not in answer.text


def test_a_found_card_tells_whose_it_is(network: Managed) -> None:
    ref = network.card(network.member, "0A0B0C09")
    found = network.post("desk", "/v1/cards/find", {"number": "0a:0b:0c:09"})
    assert (found.status_code, found.json()["ref"]) == (200, ref)
    assert network.post("isle", "/v1/cards/find", {"number": "0A0B0C09"}).status_code == 404
    assert network.post("desk", "/v1/cards/find", {"number": "0A0B0CFF"}).status_code == 404
    assert wrong(network.post("desk", "/v1/cards/find", {})) == (422, "number")
    looked = network.sql("SELECT subject FROM audit WHERE action = 'read card by number' ORDER BY id")
    assert [one for (one,) in looked] == [f"card {ref}", "card unknown", "card unknown"]
    listed = cards.CardPage.model_validate_json(network.get("desk", "/v1/cards?last4=0c09&place=limoges").content)
    assert [one.ref for one in listed.cards] == [ref]
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = network.get("desk", f"/v1/cards?limit=2{cursor and '&cursor='}{cursor}").json()
        seen += [one["ref"] for one in page["cards"]]
        cursor = page["next"]
    assert len(seen) == len(set(seen)) == len(network.get("desk", "/v1/cards").json()["cards"])
    assert network.get("desk", "/v1/cards?last4=0c0").status_code == 422
    assert network.get("desk", "/v1/cards?cursor=WyJ4IiwieCJd").status_code == 422


def test_a_cards_life_has_an_order(network: Managed) -> None:
    path = f"/v1/cards/{network.card(network.member, '0A0B0C01', status='issued')}"

    def become(status: str) -> int:
        return network.change("desk", "PATCH", path, {"status": status}).status_code

    assert [become(one) for one in ("active", "suspended", "active", "active", "issued", "expired", "active")] == [
        200, 200, 200, 200, 409, 200, 200
    ]  # fmt: skip
    assert become("lost") == 200
    late = network.change("desk", "PATCH", path, {"status": "active"})
    assert wrong(late) == (409, "status")
    assert "reissue" in late.json()["detail"]
    steps = cards.CardHistory.model_validate_json(network.get("auditor", f"{path}/history").content).steps
    assert [one.became for one in steps] == ["issued", "active", "suspended", "active", "expired", "active", "lost"]
    assert "key:" in steps[-1].by


def test_a_reissued_card_keeps_the_history(network: Managed) -> None:
    old = network.card(network.member, "0A0B0C02")
    made = network.post("desk", f"/v1/cards/{old}/reissue", {"number": "0A0B0C03", "old": "returned"})
    assert made.status_code == 201
    assert made.json()["replaces"] == old
    assert network.get("desk", f"/v1/cards/{old}").json()["status"] == "returned"
    assert wrong(network.post("desk", f"/v1/cards/{made.json()['ref']}/reissue", {})) == (409, "number")


def test_a_lost_card_that_turns_up_gets_a_new_life(network: Managed) -> None:
    old = network.card(network.member, "0A0B0C04")
    network.change("desk", "PATCH", f"/v1/cards/{old}", {"status": "lost"})
    again = network.post("desk", f"/v1/cards/{old}/reissue", {})
    assert again.status_code == 201
    assert (again.json()["replaces"], again.json()["last4"], again.json()["status"]) == (old, "0C04", "active")
    assert network.get("desk", f"/v1/cards/{old}").json()["status"] == "lost"
    lookup = KEYS.found_by("0A0B0C04")
    assert network.sql("SELECT ref FROM card WHERE lookup = %s", lookup) == [(again.json()["ref"],)]
    assert network.sql("SELECT action FROM audit WHERE subject = %s ORDER BY id", f"card {old}") == [
        ("card created",),
        ("card changed",),
        ("card changed",),
    ]
    # and a returned one goes to somebody else
    network.change("desk", "PATCH", again.headers["location"], {"status": "returned"})
    other = network.someone("Paul Roux")
    assert network.post("desk", f"/v1/members/{other}/cards", {"number": "0A0B0C04"}).status_code == 201
    assert network.post("desk", f"/v1/members/{network.member}/cards", {"number": "0A0B0C04"}).status_code == 409


def test_taking_a_card_out_of_service_leaves_a_hurried_row(network: Managed) -> None:
    member = network.someone()
    card = network.card(member, "0A0B0C05")
    network.sql("DELETE FROM access_dirty RETURNING id")
    assert network.call("desk", "PATCH", f"/v1/cards/{card}", {"status": "lost"}, if_match="*").status_code == 200
    assert network.sql("SELECT member, hurry FROM access_dirty") == [(member, True)]


def make_lists(network: Managed) -> None:
    """What the rights process does when something is dirty."""
    refresher = Refresher(lambda: datetime.now(UTC), card_secret=SECRET)
    with psycopg.connect(network.database.as_login("rights_1"), autocommit=True) as conn:
        refresher.begin(conn)
        while refresher.turn(conn) or refresher.waits:
            pass


def applied(network: Managed, place: str) -> None:
    """What a gateway tells once it has applied its place's list."""
    network.centre.gateway(place)
    network.sql(
        """UPDATE gateway_state s SET list_version = l.version FROM access_list l JOIN place p ON p.id = l.place
           WHERE l.place = s.place AND p.code = %s RETURNING 1""",
        place,
    )


def test_the_spread_tells_who_knows(network: Managed) -> None:
    member = network.someone()
    card = network.card(member, "0A0B0C06")
    assert network.post("admin", f"/v1/members/{member}/passes", {"everywhere": True}).status_code == 201
    path = f"/v1/cards/{card}/spread"

    def told(who: str = "admin") -> spread.Spread:
        return spread.Spread.model_validate_json(network.get(who, path).content)

    asked = told()
    assert (asked.pending, asked.places, asked.waiting) == (True, 0, [])
    make_lists(network)
    asked = told()
    assert (asked.pending, asked.places, asked.knowing) == (False, 2, 0)
    assert [(one.place, one.gateway, one.online) for one in asked.waiting] == [
        ("isle", "isle-1", False),
        ("limoges", "limoges-1", False),
    ]
    for place in ("limoges", "isle"):
        applied(network, place)
    assert (told().knowing, told().waiting) == (2, [])
    # taken out of service
    lost = network.call("desk", "PATCH", f"/v1/cards/{card}", {"status": "lost"}, if_match="*")
    assert lost.headers["link"] == f'<{path}?wait=10>; rel="monitor"'
    assert (told().pending, told().knowing) == (True, 0)
    make_lists(network)
    assert (told().pending, told().knowing) == (False, 0)
    assert all(one.online and one.since is not None for one in told().waiting)
    applied(network, "limoges")
    assert (told().places, told().knowing, [one.place for one in told().waiting]) == (2, 1, ["isle"])
    desk = told("desk")
    assert (desk.places, desk.knowing, desk.waiting, desk.waiting_elsewhere) == (2, 1, [], 1)
    with ThreadPoolExecutor(1) as pool:
        waited = pool.submit(network.get, "admin", f"{path}?wait=20")
        applied(network, "isle")
        assert waited.result(20).json()["knowing"] == 2
    assert (told().knowing, told().waiting, told("desk").waiting_elsewhere) == (2, [], 0)


def test_a_pass_is_given_read_changed_and_revoked(network: Managed) -> None:
    member = network.someone()
    body = {
        "label": "Dix demi-journées",
        "places": [{"place": "limoges", "spaces": ["open-space"], "doors": ["entry"]}],
        "allowance": {"unit": "half_day", "limit": 10, "each_month": True},
        "valid_from": "2026-11-01T00:00:00+01:00",
        "booked": True,
    }
    made = network.post("manager", f"/v1/members/{member}/passes", body)
    assert made.status_code == 201, made.text
    told = passes.Pass.model_validate_json(made.content)
    assert (told.uses.used, told.uses.left) == (0, 10)
    path = made.headers["location"]
    # both halves of a day of this month, and of the next one: midnight may pass before we ask
    network.sql(
        """INSERT INTO pass_use (pass, slot) SELECT %s, 2 * (day::date - '0001-01-01'::date + 1) + half
           FROM date_trunc('month', now() AT TIME ZONE 'Europe/Paris') AS month, generate_series(0, 1) AS half,
             unnest(ARRAY[month, month + interval '1 month']) AS day RETURNING 1""",
        told.ref,
    )
    network.sql("INSERT INTO pass_use (pass, slot) VALUES (%s, 1000000) RETURNING 1", told.ref)
    assert network.get("manager", path).json()["uses"] == {"used": 2, "left": 8}
    changed = network.change("manager", "PATCH", path, {"places": [{"place": "limoges"}], "allowance": None})
    assert changed.status_code == 200, changed.text
    assert changed.json()["places"] == [{"place": "limoges", "spaces": None, "doors": None, "door_groups": None}]
    assert changed.json()["allowance"] is None
    assert changed.json()["booked"] is True
    assert changed.json()["label"] == "Dix demi-journées"
    assert wrong(network.change("manager", "PATCH", path, {"everywhere": True, **PLAIN})) == (422, "places")
    assert wrong(network.change("manager", "PATCH", path, {"places": []})) == (422, "places")
    assert network.change("manager", "PATCH", path, {"everywhere": True}).status_code == 403
    everywhere = network.change("admin", "PATCH", path, {"everywhere": True}).json()
    assert (everywhere["everywhere"], everywhere["places"]) == (True, [])
    assert network.change("manager", "PATCH", path, {"label": "X"}).status_code == 403
    back = network.change("admin", "PATCH", path, {"everywhere": False, **PLAIN}).json()
    assert (back["everywhere"], [one["place"] for one in back["places"]]) == (False, ["limoges"])
    revoked = network.post("manager", f"{path}/revoke", None)
    assert revoked.json()["revoked_at"]
    assert network.post("manager", f"{path}/revoke", None).json()["revoked_at"] == revoked.json()["revoked_at"]
    listed = passes.Passes.model_validate_json(network.get("desk", f"/v1/members/{member}/passes").content)
    assert [one.ref for one in listed.passes] == [told.ref]


def test_a_day_pass_is_a_local_day(network: Managed) -> None:
    made = network.post("manager", f"/v1/members/{network.member}/passes", {**PLAIN, "day": "2026-10-25"})
    told = made.json()
    # the day on which the clocks go back has 25 hours
    assert (told["valid_from"], told["valid_until"]) == ("2026-10-24T22:00:00.000Z", "2026-10-25T23:00:00.000Z")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"everywhere": True, **PLAIN}, "body"),
        ({"places": [{"place": "atlantis"}]}, "places.0.place"),
        ({"places": [{"place": "limoges"}, {"place": "limoges"}]}, "places.1.place"),
        ({"places": [{"place": "limoges", "spaces": ["cellar"]}]}, "places.0.spaces"),
        ({"places": [{"place": "limoges", "door_groups": ["none"]}]}, "places.0.door_groups"),
        ({**PLAIN, "schedule": "never"}, "schedule"),
        ({**PLAIN, "schedule": "a b"}, "schedule"),
        ({**PLAIN, "allowance": {"unit": "week", "limit": 1}}, "allowance.unit"),
        ({**PLAIN, "day": "2026-10-25", "valid_from": "2026-10-25T00:00:00Z"}, "body"),
        ({**PLAIN, "valid_from": "2026-10-26T00:00:00Z", "valid_until": "2026-10-25T00:00:00Z"}, "valid_until"),
    ],
)
def test_a_pass_that_makes_no_sense_is_refused_by_field(network: Managed, body: dict[str, Any], field: str) -> None:
    before = network.sql("SELECT count(*) FROM pass")
    assert wrong(network.post("admin", f"/v1/members/{network.member}/passes", body)) == (422, field)
    assert network.sql("SELECT count(*) FROM pass") == before


def test_a_key_of_a_place_stays_within_it(network: Managed) -> None:
    stranger = network.someone("D'ailleurs", home="isle")
    assert network.get("desk", f"/v1/members/{stranger}").status_code == 404
    assert network.post("manager", "/v1/members", {"name": "X", "home": "isle"}).status_code == 403
    assert wrong(network.post("manager", "/v1/members", {"name": "X"})) == (422, "home")
    member = network.someone("D'ici")
    there = {"places": [{"place": "isle"}]}
    assert network.post("manager", f"/v1/members/{member}/passes", there).status_code == 403
    assert network.post("manager", f"/v1/members/{member}/passes", {"everywhere": True}).status_code == 403
    # who comes from elsewhere with a pass is seen, and not changed
    assert network.post("admin", f"/v1/members/{stranger}/passes", PLAIN).status_code == 201
    assert network.get("desk", f"/v1/members/{stranger}").status_code == 200
    refused = network.change("desk", "PATCH", f"/v1/members/{stranger}", {"name": "Autre"})
    assert refused.status_code == 403
    assert "another" in refused.json()["detail"] or "isn't of its places" in refused.json()["detail"]
    assert network.sql("SELECT name FROM member WHERE ref = %s", stranger) == [("D'ailleurs",)]


def test_a_members_own_key_sees_itself_alone(network: Managed) -> None:
    network.card(network.member, "0A0B0C07")
    network.post("manager", f"/v1/members/{network.member}/passes", PLAIN)
    other = network.someone()
    card = network.card(other, "0A0B0C08")
    me = f"/v1/members/{network.member}"
    assert network.get("member", me).json()["name"] == "Jeanne Petit"
    assert network.get("member", f"{me}/cards").json()["cards"]
    told = network.get("member", f"{me}/passes").json()["passes"]
    assert told[0]["places"]
    for path in (
        f"/v1/members/{other}",
        f"/v1/members/{other}/cards",
        f"/v1/members/{other}/passes",
        f"/v1/cards/{card}",
    ):
        assert network.get("member", path).status_code == 404, path
    assert network.get("member", "/v1/members").status_code == 403


def test_a_visitor_is_expected_comes_and_goes(network: Managed) -> None:
    body = {
        "name": "Ada Visiteuse",
        "host": network.member,
        "place": "limoges",
        "from": "2026-11-23T08:00:00+01:00",
        "until": "2026-11-23T18:00:00+01:00",
        "card": {"code_digits": 8},
    }
    made = network.post("desk", "/v1/visitors", body)
    assert made.status_code == 201, made.text
    visits.Visit.model_validate_json(made.content)
    assert (made.json()["status"], made.json()["card"]["kind"]) == ("expected", "code")
    assert made.json()["card"]["valid_until"] == made.json()["until"]
    assert len(made.json()["card"]["code"]) == 8
    path = made.headers["location"]
    assert wrong(network.change("desk", "PATCH", path, {"status": "left"})) == (409, "status")
    for status in ("present", "left", "present", "left"):
        assert network.change("desk", "PATCH", path, {"status": status}).json()["status"] == status
    assert wrong(network.change("desk", "PATCH", path, {"status": "cancelled"})) == (409, "status")
    assert wrong(network.change("desk", "PATCH", path, {"status": "lost"})) == (422, "status")
    asked = "/v1/visitors?place=limoges&day=2026-11-23"
    listed = visits.Visits.model_validate_json(network.get("desk", asked).content)
    assert [one.name for one in listed.visitors] == ["Ada Visiteuse"]
    assert network.get("desk", "/v1/visitors?day=2026-11-24").json()["visitors"] == []
    assert network.post("desk", "/v1/visitors", {**body, "place": "isle", "card": None}).status_code == 403
    assert wrong(network.post("desk", "/v1/visitors", {**body, "card": {"code_digits": 1}})) == (
        422,
        "card.code_digits",
    )


def test_a_booking_is_made_moved_and_cancelled(network: Managed) -> None:
    body = {"member": network.member, "place": "limoges", "space": "room-1"}
    day = (datetime.now(UTC) + timedelta(days=30)).date()
    times = {"from": f"{day}T08:00:00Z", "until": f"{day}T10:00:00Z"}
    made = network.post("desk", "/v1/bookings", {**body, **times})
    assert made.status_code == 201, made.text
    bookings.Booking.model_validate_json(made.content)
    path = made.headers["location"]
    moved = network.change("desk", "PATCH", path, {"until": f"{day}T11:00:00Z", "space": None})
    assert (moved.json()["until"], moved.json()["space"]) == (f"{day}T11:00:00.000Z", None)
    assert wrong(network.change("desk", "PATCH", path, {"until": f"{day}T07:00:00Z"})) == (422, "until")
    assert wrong(network.post("desk", "/v1/bookings", {**body, **times, "space": "loft"})) == (422, "space")
    asked = f"/v1/bookings?member={network.member}&from={day}T10:30:00Z&until={day}T23:00:00Z"
    assert len(bookings.Bookings.model_validate_json(network.get("member", asked).content).bookings) == 1
    assert network.change("desk", "DELETE", path).json()["cancelled_at"]
    assert network.change("desk", "PATCH", path, {"space": "room-1"}).status_code == 409


def test_keys_are_made_within_reach_and_shown_once(network: Managed) -> None:
    made = network.post("manager", "/v1/keys", {"name": "accueil", "role": "front_desk", "places": ["limoges"]})
    assert made.status_code == 201, made.text
    told = key_models.NewKey.model_validate_json(made.content)
    new = {"Authorization": f"Bearer {told.key}"}
    assert network.api.get("/v1/members", headers=new).status_code == 200
    assert told.key not in network.get("manager", "/v1/keys").text
    assert network.post("manager", "/v1/keys", {"name": "x", "role": "network_administrator"}).status_code == 403
    assert (
        network.post("manager", "/v1/keys", {"name": "x", "role": "front_desk", "places": ["isle"]}).status_code == 403
    )
    assert network.post("manager", "/v1/keys", {"name": "x", "role": "front_desk"}).status_code == 403
    assert wrong(network.post("admin", "/v1/keys", {"name": "x", "role": "king"})) == (422, "role")
    assert wrong(network.post("admin", "/v1/keys", {"name": "x", "role": "member"})) == (422, "body")
    seen = key_models.KeyList.model_validate_json(network.get("manager", "/v1/keys").content)
    assert "admin" not in [one.name for one in seen.keys]
    (number,) = network.sql("SELECT id FROM api_key WHERE name = 'isle'")[0]
    assert network.call("manager", "DELETE", f"/v1/keys/{number}").status_code == 404
    assert network.call("manager", "DELETE", f"/v1/keys/{told.id}").json()["revoked_at"]
    assert network.api.get("/v1/members", headers=new).status_code == 401


@pytest.mark.parametrize(
    "text", ["'; DROP TABLE member; --", "%s %(ref)s", "\\", "Ⅷ \U0001f600", "<script>", "a\u00a0b"]
)
def test_strange_names_are_only_names(network: Managed, text: str) -> None:
    ref = network.someone(text)
    assert network.get("admin", f"/v1/members/{ref}").json()["name"] == " ".join(text.split())
    found = network.api.get(
        "/v1/members", params={"q": text}, headers={"Authorization": f"Bearer {network.keys['admin']}"}
    )
    assert ref in [one["ref"] for one in found.json()["members"]]


@pytest.mark.parametrize("text", ["", " ", "a\x00b", "a\nb\x07", "x" * 201, "\ud800"])
def test_what_is_no_name_is_refused(network: Managed, text: str) -> None:
    body = json.dumps({"name": text})
    headers = {"Authorization": f"Bearer {network.keys['admin']}", "Content-Type": "application/json"}
    assert wrong(network.api.post("/v1/members", content=body, headers=headers)) == (422, "name")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/members/%00",
        "/v1/members/'%20OR%201=1",
        "/v1/cards/%F0%9F%98%80",
        "/v1/closures/99999999999999",
        "/v1/members?cursor=WzEsMl0",
        "/v1/members?limit=0",
        "/v1/members?colour=red",
    ],
)
def test_strange_paths_and_questions_are_refused(network: Managed, path: str) -> None:
    assert network.get("admin", path).status_code in (404, 422)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[]", b"null", b'"x"', b'{"name": NaN}', b"[" * 100_000])
def test_what_is_no_json_object_is_refused(network: Managed, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {network.keys['admin']}", "Content-Type": "application/json"}
    answer = network.api.post("/v1/members", content=body, headers=headers)
    assert answer.status_code in (400, 422), answer.text  # 400: deeper than anybody reads
    assert answer.json()["type"] in ("urn:maillage:problem:bad-field", "urn:maillage:problem:bad-request")


def test_a_request_has_an_id_and_leaves_it_in_the_audit(network: Managed) -> None:
    forged = {"x_request_id": "trace-42", "x_forwarded_for": "192.0.2.7"}
    answer = network.call("admin", "POST", "/v1/members", {"name": "Suivi"}, **forged)
    given = answer.headers["x-request-id"]
    assert len(given) == 32
    assert network.sql("SELECT subject, from_addr FROM audit WHERE request = %s", given) == [
        (f"member {answer.json()['ref']}", "127.0.0.1")
    ]
    assert network.sql("SELECT FROM audit WHERE request = 'trace-42'") == []
    assert "access-control-allow-origin" not in network.get("admin", "/v1/places/limoges/doors").headers


def test_a_body_larger_than_any_of_ours_is_not_read(network: Managed) -> None:
    refused = network.post("admin", "/v1/members", {"name": "x" * 1_100_000})
    assert (refused.status_code, refused.json()["type"]) == (413, "urn:maillage:problem:too-large")
    headers = {"Authorization": f"Bearer {network.keys['admin']}"}
    endless = network.api.post("/v1/members", content=(b"{" for _ in range(3)), headers=headers)
    assert endless.status_code == 411


def test_a_key_is_looked_at_afresh_for_each_request(network: Managed) -> None:
    made = network.post("admin", "/v1/keys", {"name": "brief", "role": "front_desk", "places": ["limoges"]}).json()
    new = {"Authorization": f"Bearer {made['key']}"}
    assert network.api.get("/v1/members", headers=new).status_code == 200
    network.sql("UPDATE api_key SET role = 'availability_reader' WHERE id = %s RETURNING id", made["id"])
    refused = network.api.get("/v1/members", headers=new)
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:maillage:problem:scope-missing")
    network.sql("UPDATE api_key SET expires_at = now() WHERE id = %s RETURNING id", made["id"])
    assert network.api.get("/v1/members", headers=new).status_code == 401
