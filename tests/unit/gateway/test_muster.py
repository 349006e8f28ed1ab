"""Who is inside, from the gateway itself: the list, its page, and who may read it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest

from access.rules import DoorRules
from gateway.http.muster import WRONG_A_MINUTE, Answer, MusterService, Request
from tests.unit.gateway.hall import ANNA, AT, BEN, HOST, Hall, S

MUSTER_KEY = "abcd-efgh-ijkl"
SHOWN = {"authorization": f"Bearer {MUSTER_KEY}"}


@pytest.fixture
def hall() -> Hall:
    made = Hall()
    made.build(muster_key=MUSTER_KEY)
    return made


def desk(*halls: Hall, now: list[float] | None = None) -> MusterService:
    return MusterService(
        [hall.place for hall in halls], clock=lambda: halls[0].at, monotonic=lambda: now[0] if now else 0.0
    )


def ask(one: MusterService, path: str = "/muster?place=gare", *, form: str = "", **headers: str) -> Answer:
    return one.answer(Request(path=path, headers=headers, body=form.encode(), client="192.168.1.5"))


def roll(*halls: Hall) -> Any:
    answer = ask(desk(*halls), "/muster.json?place=gare", **SHOWN)
    assert (answer.status, answer.kind) == (200, "application/json")
    return json.loads(answer.text)


def when(seconds: float) -> str:
    return datetime.fromtimestamp(AT / S + seconds, UTC).isoformat()


def test_who_is_inside_since_when_by_which_door_and_how_sure(hall: Hall) -> None:
    hall.contact(is_open=False)
    hall.pass_through(ANNA)
    hall.badge(BEN)
    hall.wait(20)
    found = roll(hall)
    assert found["at"] == when(27)
    here = {"space": "hall", "door": "entry"}
    assert found["people"] == [
        {"member": "m-ben", "since": when(7), "at": when(7), "sure": "not_seen"} | here,
        {"member": "m-anna", "since": when(3), "at": when(3), "sure": "badged"} | here,
    ]
    assert found["counts"] == {"people": 2, "badged": 1, "not_seen": 1, "long_ago": 0}
    assert found["by_space"] == {"hall": 2}
    assert (found["openings_without_card"], found["unknown_cards_out"], found["exits_read"]) == (0, 0, True)


def test_who_went_is_not_called_and_who_cannot_be_told_is_counted(hall: Hall) -> None:
    hall.contact(is_open=False)
    hall.pass_through(ANNA)
    hall.pass_through(ANNA, "out")
    hall.contact(is_open=True)
    hall.badge("0A0B0C0D", "out")
    found = roll(hall)
    assert found["people"] == []
    assert (found["openings_without_card"], found["unknown_cards_out"]) == (1, 1)


def test_by_another_gateway_s_door_one_is_out_as_well(hall: Hall) -> None:
    other = Hall()
    other.build(gateway="gare-2", muster_key=MUSTER_KEY)
    hall.badge(ANNA)
    hall.badge(BEN)
    other.wait(60, tick=False)
    other.badge(ANNA, "out")
    other.badge(HOST, "lab")
    assert {one["member"]: one["space"] for one in roll(hall, other)["people"]} == {"m-ben": "hall", "m-host": "lab"}


def test_orders_in_force_and_missing_readers_are_said(hall: Hall) -> None:
    hall.build(
        muster_key=MUSTER_KEY,
        devices=[{"code": "reader-in", "driver": "esp_rfid", "address": "gare/in#in", "door": "entry"}],
    )
    hall.place.evacuate(True)
    found = roll(hall)
    assert (found["evacuation"], found["lockdown"], found["exits_read"]) == (True, False, False)
    page = ask(desk(hall), **SHOWN).text
    assert "Évacuation en cours" in page
    assert "Aucun lecteur ne lit les sorties" in page


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action", "srcset", "data")]

    def handle_data(self, data: str) -> None:
        self.words += f" {data}"


def read(answer: Answer) -> Reader:
    reader = Reader()
    reader.feed(answer.text)
    return reader


def test_the_page_needs_nothing_from_anywhere(hall: Hall) -> None:
    hall.badge(ANNA)
    answer = ask(desk(hall), form=f"place=gare&key={MUSTER_KEY}")
    page = read(answer)
    assert page.addresses == []
    assert not re.search(r"@import|url\(|https?:", answer.text)
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"
    words = " ".join(page.words.split())
    assert "m-anna hall 10:20 par entry badge lu" in words
    assert "23/11/2026 à 10:20" in words
    assert "@media print" in answer.text


def test_references_are_escaped(hall: Hall) -> None:
    hall.rules(entry=DoorRules(to_space="<b>hall"))
    hall.badge(ANNA)
    assert "<b>" not in ask(desk(hall), **SHOWN).text
    assert "<b>" not in ask(desk(hall), "/muster?place=%22%3E%3Cb%3E").text


def test_without_the_key_there_is_a_form_and_nothing_else(hall: Hall) -> None:
    hall.badge(ANNA)
    one = desk(hall)
    asked = ask(one)
    assert (asked.status, asked.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert read(asked).addresses == ["/muster"]
    for answer in (
        ask(one, authorization="Bearer wrong"),
        ask(one, form="place=gare&key=abcd"),
        ask(one, form="place=gare&key=m%C3%A9"),
        ask(one, "/muster.json?place=gare", authorization="Bearer x"),
        ask(one, "/muster?place=elsewhere", **SHOWN),
    ):
        assert answer.status == 403
        assert "m-anna" not in answer.text
    assert ask(one, f"/muster?place=gare&key={MUSTER_KEY}").status == 401, "no key in an address"
    assert ask(one, form="key=ABCD%20efgh%20ijkl").status == 200, "typed on a telephone; there is one place only"


def test_a_place_without_a_key_shows_nobody() -> None:
    one = desk(Hall())
    for shown in ("", "Bearer ", "Bearer x", "Bearer None"):
        assert ask(one, authorization=shown).status in (401, 403)


def test_guessing_is_slow_and_stops_only_who_guesses() -> None:
    hall = Hall()
    hall.build(muster_key="1234")
    shown = {"authorization": "Bearer 1234"}
    now = [0.0]
    one = desk(hall, now=now)
    for _ in range(WRONG_A_MINUTE):
        assert ask(one, authorization="Bearer no").status == 403
    assert ask(one, **shown).status == 429, "a short key can be guessed"
    other = Request(path="/muster", headers=shown, client="192.168.1.6")
    assert one.answer(other).status == 200
    now[0] = 61.0
    assert ask(one, **shown).status == 200


def test_wrong_keys_from_behind_a_proxy_lock_no_right_key_out(hall: Hall) -> None:
    one = desk(hall, now=[0.0])
    for number in range(3 * WRONG_A_MINUTE):
        assert ask(one, authorization=f"Bearer no{number}").status == (403 if number < WRONG_A_MINUTE else 429)
    assert ask(one, **SHOWN).status == 200
    assert ask(one, authorization="Bearer abcd-efgh-ijkm").status == 429


def test_every_reading_is_written_down(hall: Hall) -> None:
    hall.badge(ANNA)
    ask(desk(hall), **SHOWN)
    (audit,) = hall.told("audit")
    assert (audit["by"], audit["text"]) == ("muster 192.168.1.5", "the muster was read: 1 people")
