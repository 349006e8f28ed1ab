"""The live pages of a place: who sees and does what, other places' objects, other sites, and texts with markup."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Final
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.live_place import MARKUP, answered, live_place, raise_alarm
from tests.managed import Managed
from tests.operated import Door, lists

SEEN: Final = {
    # path: who sees it
    "": {"manager", "desk", "auditor", "admin"},
    "/now": {"manager", "desk", "auditor", "admin"},
    "/why": {"manager", "desk", "auditor", "admin"},
    "/alarms": {"manager", "desk", "auditor", "admin"},
    "/alarms?state=all": {"manager", "desk", "auditor", "admin"},
    "/count": {"manager", "auditor", "admin"},
    "/plan": {"manager", "desk", "auditor", "admin"},
    "/muster": {"manager", "desk", "auditor", "admin"},
    "/orders/lockdown": {"manager", "admin"},
    "/orders/release?door=entry": {"manager", "admin"},
    "/orders/evacuate": {"manager", "admin"},
    "/doors/why": {"manager", "desk", "auditor", "admin"},
    "/doors/why?member=m-own1&door=entry": {"manager", "desk", "auditor", "admin"},
    "/doors/what-if": {"manager", "auditor", "admin"},
    "/doors/what-if?set=closure&first=2026-01-01": {"manager", "auditor", "admin"},
}
DONE: Final = {
    # path: the form, and who may send it
    "/alarms/{alarm}/acknowledge": ({"comment": MARKUP}, {"manager", "desk", "admin"}),
    "/orders/unlock": ({"door": "entry"}, {"manager", "desk", "admin"}),
    "/orders/lockdown": ({"door": "entry"}, {"manager", "admin"}),
    "/orders/release": ({"door": "entry"}, {"manager", "admin"}),
    "/orders/evacuate": ({}, {"manager", "admin"}),
    "/count": ({"present": "7"}, {"manager", "admin"}),
    "/count/{count}/withdraw": ({}, {"manager", "admin"}),
    "/plan": ({"etag": "*", "width": "800", "height": "500"}, {"manager", "admin"}),
}
EVERYBODY: Final = ("manager", "desk", "auditor", "admin", "isle", "member", "reader")


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with live_place(postgres_url, _template, name=MARKUP) as (one, _entry):
        one.card("m-own1", "04112233445566", status="active")
        for table in ("space", "desk", "door", "place"):
            one.sql(f"UPDATE {table} SET name = %s RETURNING id", f"{MARKUP} {table}")
        raise_alarm(one, MARKUP, MARKUP)
        yield one


def ask(
    network: Managed, who: str | None, path: str, form: dict[str, str] | None = None, **headers: str
) -> httpx.Response:
    """Open a page, or send its form, as a browser of ours does."""
    given = {"sec-fetch-site": "same-origin", "accept-language": "fr", **headers}
    if who is not None:
        given["cookie"] = f"__Host-maillage={network.keys[who]}"
    url = path if path.startswith("/manage/") else f"/manage/limoges{path}"
    if form is None:
        return network.api.get(url, headers=given)
    return network.api.post(url, headers=given, data=form)


@pytest.mark.parametrize("path", SEEN)
def test_each_page_is_for_whom_it_is(network: Managed, path: str) -> None:
    for who in EVERYBODY:
        answer = ask(network, who, path)
        assert (answer.status_code == 200) == (who in SEEN[path]), (who, path, answer.status_code)
        assert who in SEEN[path] or answer.status_code == 404
        assert "<img" not in answer.text.replace('<img src="/static', ""), (who, path)
        assert "onerror=alert" not in answer.text.replace("&lt;img src=x onerror=alert(1)&gt;", "")
        assert answer.headers["cache-control"] == "no-store"
        assert answer.text.partition("<main")[0].count('role="status"') <= 1, "one voice for alarms"
    nobody = ask(network, None, path)
    assert nobody.status_code == 303
    assert nobody.headers["location"].startswith("/sign-in")
    assert (
        network.api.get(
            f"/manage/nowhere{path}", headers={"cookie": f"__Host-maillage={network.keys['admin']}"}
        ).status_code
        == 404
    )


@pytest.mark.parametrize("path", DONE)
def test_each_form_does_what_its_sender_may(network: Managed, path: str) -> None:
    form, may = DONE[path]
    whole = path
    for who in EVERYBODY:
        alarm = raise_alarm(network, "door_held", f"text for {who}")
        made = network.post("manager", "/v1/places/limoges/head-counts", {"present": 3})
        whole = path.format(alarm=alarm, count=made.json()["id"])
        assert ask(network, who, whole, form, **{"sec-fetch-site": "cross-site"}).status_code == 422, (who, whole)
        answer = ask(network, who, whole, form)
        assert (answer.status_code == 303) == (who in may), (who, whole, answer.status_code, answer.text[:2000])
        assert who in may or answer.status_code == 404, (who, whole, answer.status_code)
        answered(network, "done")
    gone = ask(network, None, whole, form)
    assert gone.status_code == 401  # what was typed is kept on that page


def test_who_may_order_sees_how_far_an_order_is(network: Managed) -> None:
    sent = ask(network, "manager", "/orders/unlock", {"door": "entry"})
    path = sent.headers["location"]
    for who in EVERYBODY:
        for one in (path, f"{path}&part=yes"):
            answer = ask(network, who, one)
            assert answer.status_code == (200 if who in ("manager", "desk", "admin") else 404), who
            assert "onerror=alert" not in answer.text.replace("&lt;img src=x onerror=alert(1)&gt;", "")
    assert "hx-get" in ask(network, "desk", path).text
    for outcome, words in (("done", "déverrouillée"), ("failed", "serrure"), ("undelivered", "à temps")):
        sent = ask(network, "manager", "/orders/unlock", {"door": "entry"})
        answered(network, outcome)
        answer = ask(network, "desk", sent.headers["location"])
        assert words in answer.text
        assert "hx-get" not in answer.text  # nothing to wait for


def test_another_places_objects_are_not_there(network: Managed) -> None:
    (alarm,) = network.sql(
        "INSERT INTO alarm (kind, place, text) SELECT 'door_held', id, 'x' FROM place WHERE code = 'isle' RETURNING id"
    )[0]
    (number,) = (network.post("isle", "/v1/places/isle/head-counts", {"present": 3}).json()["id"],)
    for who in ("manager", "admin"):
        assert ask(network, who, f"/alarms/{alarm}/acknowledge", {}).status_code == 404
        assert ask(network, who, f"/count/{number}/withdraw", {}).status_code == 404
        assert ask(network, who, "/orders/unlock", {"door": "no-such"}).status_code == 404
        assert ask(network, who, "/orders/unlock", {}).status_code == 404
        assert ask(network, who, "/orders/explode", {}).status_code == 404
    assert network.sql(
        "SELECT acknowledged_at, withdrawn_at FROM alarm a, head_count h WHERE a.id = %s AND h.id = %s", alarm, number
    ) == [(None, None)]
    door = network.sql(
        "INSERT INTO command (place, gateway, do_what, ordered_by, expires_at)"
        " SELECT place, id, 'evacuate', 'x', now() + interval '1 minute' FROM gateway WHERE code = 'isle-1'"
        " RETURNING id"
    )[0][0]
    assert ask(network, "admin", f"/orders?id={door}").status_code == 404
    assert ask(network, "admin", "/orders").status_code == 404
    answer = ask(network, "admin", "/manage/isle/orders/unlock", {"door": "entry"})
    assert answer.status_code == 409  # no gateway has a lock or reader there
    assert "Rien n'a été fait" in unescape(answer.text)


def test_a_refused_form_keeps_what_was_typed(network: Managed) -> None:
    answer = ask(network, "manager", "/count", {"present": "900", "at": "2001-01-01T10:00", "space": "open-space"})
    assert answer.status_code in (409, 422)
    assert 'value="900"' in answer.text and 'value="2001-01-01T10:00"' in answer.text
    assert 'value="open-space" selected' in answer.text
    for present in ("", "x", "-1", "1.5", MARKUP):
        answer = ask(network, "manager", "/count", {"present": present})
        assert answer.status_code == 422
        assert "nombre entier" in answer.text
    bad = {"etag": "*", "width": "800", "height": "500", "desk.desk-1.x": MARKUP, "desk.desk-1.y": "790"}
    answer = ask(network, "manager", "/plan", bad)
    assert answer.status_code == 422
    assert "onerror=alert(1)&gt;" in answer.text and 'value="790"' in answer.text
    answer = ask(network, "manager", "/plan", {**bad, "etag": MARKUP})
    assert answer.status_code == 422
    for query in (
        "set=opening_hours&mon=x",
        "set=closure&first=x",
        "set=space_limit&limit=x&space=place",
        "set=door_rules&door=x",
    ):
        assert ask(network, "manager", f"/doors/what-if?{query}").status_code == 422, query
    for query in (
        "member=m-none",
        "card=c-none",
        "stream=9&seq=9",
        "stream=x&seq=y",
        "member=m-own1&at=x",
        "member=m-own1&door=x",
    ):
        assert ask(network, "manager", f"/doors/why?{query}").status_code in (404, 409, 422), query


def test_the_first_view_is_light(network: Managed) -> None:
    answer = ask(network, "manager", "")
    files = {f"/static{part.split(chr(34))[0]}" for part in answer.text.split('"/static')[1:]}
    files |= {one.replace("people/now.js", "line.js") for one in files}  # what now.js imports
    assert len(files) + 2 < 10  # with the page and the stream
    weight = len(answer.content)
    for one in files:
        with network.api.stream("GET", one, headers={"accept-encoding": "gzip"}) as sent:
            assert sent.status_code == 200, one
            weight += sum(len(piece) for piece in sent.iter_raw())
    assert weight < 100_000


@pytest.fixture
def working(postgres_url: str, _template: str) -> Iterator[tuple[Managed, Door]]:
    with live_place(postgres_url, _template) as one:
        yield one


def test_why_and_what_if_say_whom_a_rule_meets(working: tuple[Managed, Door]) -> None:
    network, entry = working
    member = network.someone("Nadia Roux")
    network.card(member, "04112233445577", status="active")
    made = network.post("admin", f"/v1/members/{member}/passes", {"places": [{"place": "limoges"}]})
    assert made.status_code == 201, made.text
    with lists(network.database) as refresh:
        refresh()
    at = datetime.now(UTC) - timedelta(hours=2)
    stream, seq = entry.read(at, card="04112233445577", member=member)

    answer = ask(network, "desk", "/doors/why?who=nadia&door=entry")
    assert answer.status_code == 200
    assert "La porte s&#39;ouvre" in answer.text and "Nadia Roux · badge …5577" in answer.text
    local = at.astimezone(ZoneInfo("Europe/Paris"))
    answer = ask(network, "desk", f"/doors/why?member={member}&door=entry&at={local:%Y-%m-%dT%H:%M}")
    assert f", {local:%H:%M}</p>" in answer.text  # in the place's own time
    past = ask(network, "auditor", f"/doors/why?stream={stream}&seq={seq}")
    assert past.status_code in (200, 409)  # a list of that time is kept, or not

    found = ask(network, "manager", f"/doors/what-if?set=closure&first={local.date()}&weeks=1")
    assert found.status_code == 200
    assert "<strong>1</strong> sont entrés et auraient été refusés" in found.text
    assert "Nadia Roux" in found.text and "Le lieu est fermé" in found.text
    found = ask(network, "manager", "/doors/what-if?set=door_rules&door=entry&weeks=1")
    assert "<strong>0</strong> sont entrés et auraient été refusés" in found.text
    assert "Nadia Roux" not in found.text
