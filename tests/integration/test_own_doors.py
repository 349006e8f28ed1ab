"""A member reads what doors decided on their own cards, and opens a door by an order: theirs only, and not often."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.test_api_manage import make_lists as lists
from tests.managed import managed
from tests.operated import Door, door

NUMBER = "0A0B0C0D"
UNLOCK = "/v1/me/unlock"
BODY = {"place": "limoges", "door": "entry"}


@pytest.fixture(scope="module")
def at(postgres_url: str, _template: str) -> Iterator[Door]:
    with managed(postgres_url, _template) as network:
        stand = door(network)
        network.centre.gateway("limoges")
        network.card(network.member, NUMBER)
        network.sql("INSERT INTO pass (ref, member, everywhere) VALUES ('p-own1', %s, true) RETURNING ref", "m-own1")
        lists(network)
        yield stand


@pytest.fixture(autouse=True)
def fresh(at: Door) -> None:
    """No order of before, and the place lets members open doors."""
    _policy(at, members_open=True)
    at.network.sql("DELETE FROM command RETURNING 1")


def _policy(at: Door, **fields: Any) -> None:
    answer = at.network.change("manager", "PUT", "/v1/places/limoges/policy", fields)
    assert answer.status_code == 200, answer.text
    lists(at.network)


def _orders(at: Door) -> list[tuple[Any, ...]]:
    return at.network.sql(
        "SELECT member, encode(token, 'hex'), do_what, ordered_by, expires_at - ordered_at FROM command"
    )


def test_an_order_names_the_member_s_card_and_expires_soon(at: Door) -> None:
    made = at.network.post("member", UNLOCK, BODY)
    assert made.status_code == 202, made.text
    assert made.json()["outcome"] is None
    ((member, token, what, by, life),) = _orders(at)
    held = at.network.sql("SELECT encode(token, 'hex') FROM list_entry WHERE member = 'm-own1' AND until IS NULL")
    assert (member, what, life) == ("m-own1", "unlock", timedelta(seconds=10))
    assert (token,) in held
    assert by.startswith("key:")
    assert "Jeanne" not in by
    told = at.network.get("member", f"/v1/me/unlocks/{made.json()['id']}")
    assert told.json()["door"] == "entry"
    export = at.network.get("member", "/v1/me/export").json()
    assert [(one["place"], one["door"]) for one in export["unlocks"]] == [("limoges", "entry")]
    audit = at.network.sql("SELECT d.person, d.body::text FROM audit a JOIN audit_detail d ON d.audit = a.id "
                           "WHERE a.action = 'command created'")  # fmt: skip
    assert audit[-1][0] == "m-own1"
    assert token not in audit[-1][1], "nor what the card is called"


def test_what_the_gateway_answers_is_told_in_words(at: Door) -> None:
    number = at.network.post("member", UNLOCK, BODY).json()["id"]
    at.network.sql(
        "UPDATE command SET outcome = 'refused', reason = 'space_full', outcome_at = now() WHERE id = %s RETURNING 1",
        number,
    )
    told = at.network.get("member", f"/v1/me/unlocks/{number}").json()
    assert (told["outcome"], told["reason"], told["words"]["fr"]) == (
        "refused",
        "space_full",
        "L'espace était complet.",
    )


def test_sent_again_with_its_key_it_opens_once(at: Door) -> None:
    first = at.network.call("member", "POST", UNLOCK, BODY, idempotency_key="page-abc")
    again = at.network.call("member", "POST", UNLOCK, BODY, idempotency_key="page-abc")
    assert first.json()["id"] == again.json()["id"]
    assert len(_orders(at)) == 1
    assert at.network.get("member", "/v1/me/unlocks?key=page-abc").json()["id"] == first.json()["id"]
    assert at.network.get("member", "/v1/me/unlocks?key=page-never").status_code == 404
    assert at.network.get("admin", "/v1/me/unlocks?key=page-abc").status_code == 404, "another's key names nothing"


def _rule(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json().get("rule", "")


def test_five_times_in_ten_minutes_and_no_more(at: Door) -> None:
    for _ in range(5):
        assert at.network.post("member", UNLOCK, BODY).status_code == 202
    assert _rule(at.network.post("member", UNLOCK, BODY)) == (409, "often")
    at.network.sql("UPDATE command SET ordered_at = ordered_at - interval '10 minutes', "
                   "expires_at = expires_at - interval '10 minutes' RETURNING 1")  # fmt: skip
    assert at.network.post("member", UNLOCK, BODY).status_code == 202


def test_orders_at_the_same_time_are_counted_one_after_the_other(at: Door) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: at.network.post("member", UNLOCK, BODY).status_code, range(8)))
    assert sorted(answers) == [202] * 5 + [409] * 3


def test_only_where_the_place_says_so_and_not_in_a_lockdown(at: Door) -> None:
    assert at.network.get("member", "/v1/me/doors").json()["doors"][0]["granted"] is True
    _policy(at)
    assert _rule(at.network.post("member", UNLOCK, BODY)) == (409, "closed")
    assert at.network.get("member", "/v1/me/doors").json()["doors"] == []
    one = at.network.get("member", "/v1/me/doors/limoges/entry").json()
    assert (one["opens_by_order"], one["granted"]) == (False, True)
    _policy(at, members_open=True)
    at.network.sql(
        "INSERT INTO lockdown (place, ordered_by) SELECT id, 'x' FROM place WHERE code = 'limoges' RETURNING 1"
    )
    try:
        assert _rule(at.network.post("member", UNLOCK, BODY)) == (409, "lockdown"), "before any list says so"
    finally:
        at.network.sql("UPDATE lockdown SET released_at = now(), released_by = 'x' RETURNING 1")
        lists(at.network)
    assert _orders(at) == []


def test_what_the_card_wouldn_t_open_no_order_opens(at: Door) -> None:
    put = at.network.change("manager", "PUT", "/v1/places/limoges/doors/entry/rules", {"pin": True})
    assert put.status_code == 200, put.text
    lists(at.network)
    assert _rule(at.network.post("member", UNLOCK, BODY)) == (409, "pin_required")
    at.network.change("manager", "PUT", "/v1/places/limoges/doors/entry/rules", {})
    at.network.sql("UPDATE pass SET valid_from = now() + interval '3 hours' WHERE ref = 'p-own1' RETURNING 1")
    lists(at.network)
    assert _rule(at.network.post("member", UNLOCK, BODY)) == (409, "pass_not_started")
    opens = datetime.fromisoformat(at.network.get("member", "/v1/me/doors/limoges/entry").json()["opens_at"])
    assert timedelta(hours=2, minutes=44) < opens - datetime.now(UTC) < timedelta(hours=3, minutes=16)
    at.network.sql("UPDATE pass SET valid_from = NULL WHERE ref = 'p-own1' RETURNING 1")
    lists(at.network)
    assert at.network.post("member", UNLOCK, BODY).status_code == 202
    assert at.network.post("member", UNLOCK, {**BODY, "door": "cellar"}).status_code == 404


def test_nobody_opens_with_another_s_card_or_reads_another_s_order(at: Door) -> None:
    other = at.network.someone("Paul Autre")
    card = at.network.card(other, "0A0B0C0E")
    at.network.sql("INSERT INTO pass (member, everywhere) VALUES (%s, true) RETURNING ref", other)
    lists(at.network)
    assert _rule(at.network.post("member", UNLOCK, {**BODY, "card": card})) == (409, "closed")
    number = at.network.post("member", UNLOCK, BODY).json()["id"]
    theirs = at.network.post("admin", f"/v1/members/{other}/key", {}).json()["key"]
    headers = {"authorization": f"Bearer {theirs}"}
    assert at.network.api.get(f"/v1/me/unlocks/{number}", headers=headers).status_code == 404
    for who, status in {
        "manager": 403,
        "desk": 403,
        "auditor": 403,
        "reader": 403,
        "gateway": 403,
        "admin": 404,
    }.items():
        assert at.network.post(who, UNLOCK, BODY).status_code == status, who
        assert at.network.get(who, "/v1/me/access").status_code == status, who
    assert at.network.api.post(UNLOCK, json=BODY).status_code == 401


def test_a_member_reads_their_own_card_reads_of_three_months(at: Door) -> None:
    now = datetime.now(UTC)
    other = at.network.someone("Lise Autre")
    at.read(now - timedelta(hours=1), card=NUMBER, member="m-own1")
    at.read(now - timedelta(minutes=5), card=NUMBER, member="m-own1", reason="outside_schedule")
    at.read(now - timedelta(minutes=4), card=NUMBER, reason="unknown_card")
    at.read(now - timedelta(minutes=3), card="0A0B0CFF", member=other)
    at.read(now - timedelta(minutes=2), card="0A0B0CFF", reason="unknown_card")
    at.read(now - timedelta(days=95), card=NUMBER, member="m-own1")
    before = at.network.sql("SELECT count(*) FROM audit")
    answer = at.network.get("member", "/v1/me/access").json()["reads"]
    assert [(one["granted"], one["reason"]) for one in answer] == [
        (False, "unknown_card"),
        (False, "outside_schedule"),
        (True, "granted"),
    ]
    assert answer[1]["words"]["fr"].startswith("C'était en dehors des horaires")
    assert answer[1]["door_name"] == "Entry"
    assert len(at.network.get("member", "/v1/me/access?limit=1").json()["reads"]) == 1
    assert at.network.sql("SELECT count(*) FROM audit") == before


def test_an_erased_member_leaves_no_order_behind(at: Door) -> None:
    someone = at.network.someone("Zoé Perdue")
    at.network.card(someone, "0A0B0C10")
    at.network.sql("INSERT INTO pass (member, everywhere) VALUES (%s, true) RETURNING ref", someone)
    lists(at.network)
    key = at.network.post("admin", f"/v1/members/{someone}/key", {}).json()["key"]
    headers = {"authorization": f"Bearer {key}"}
    assert at.network.api.post(UNLOCK, json=BODY, headers=headers).status_code == 202
    etag = at.network.api.get("/v1/me", headers=headers).headers["etag"]
    erased = at.network.api.delete("/v1/me", headers={**headers, "if-match": etag})
    assert erased.status_code == 200, erased.text
    assert _orders(at) == []
    assert at.network.sql("SELECT 1 FROM audit_detail WHERE position(%s IN body::text) > 0", someone) == []
