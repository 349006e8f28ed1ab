"""The pages of visitors and of importing members: who sees them, what they change; nothing unescaped comes out."""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.integration.test_guest_qr import READER, sign
from tests.managed import Managed, managed

_MARKUP: Final = '<script>alert("x")</script>'
_OURS: Final = {"Sec-Fetch-Site": "same-origin"}
_ZONE: Final = ZoneInfo("Europe/Paris")
_VISITORS: Final = "/manage/limoges/visitors"
_IMPORT: Final = "/manage/limoges/members/import"


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        yield one


def _cookie(network: Managed, who: str, language: str) -> dict[str, str]:
    return {"Cookie": f"__Host-maillage={network.keys[who]}", "Accept-Language": language, "Accept": "text/html"}


def get(network: Managed, who: str, path: str, language: str = "en") -> httpx.Response:
    return network.api.get(path, headers=_cookie(network, who, language), timeout=60)


def send(network: Managed, who: str, path: str, fields: dict[str, str], **headers: str) -> httpx.Response:
    return network.api.post(
        path, data=fields, headers={**_cookie(network, who, "en"), **(headers or _OURS)}, timeout=60
    )


def upload(
    network: Managed, who: str, data: bytes, fields: dict[str, str] | None = None, language: str = "en"
) -> httpx.Response:
    files = {"file": ("membres.csv", data, "text/csv")}
    headers = {**_cookie(network, who, language), **_OURS}
    return network.api.post(_IMPORT, data=fields or {"step": "look"}, files=files, headers=headers, timeout=60)


def today() -> datetime:
    return datetime.now(_ZONE)


_LATER: Final = (today() + timedelta(days=2)).date().isoformat()
"""A day that is not today, even if midnight comes while the tests run."""


def form(**more: str) -> dict[str, str]:
    """A visit of that day."""
    return {"name": "Ada Visite", "day": _LATER, "begins": "09:00", "ends": "18:00", "credential": "none", **more}


def visit(network: Managed, name: str = "Ada Visite", place: str = "limoges", **more: Any) -> str:
    """A visit that goes on now; return its reference."""
    times = {"from": (today() - timedelta(minutes=1)).isoformat(), "until": (today() + timedelta(hours=3)).isoformat()}
    made = network.post("admin", "/v1/visitors", {"name": name, "place": place, **times, **more})
    assert made.status_code == 201, made.text
    return str(made.json()["ref"])


def held(network: Managed) -> list[tuple[Any, ...]]:
    return network.sql("SELECT (SELECT count(*) FROM member), (SELECT count(*) FROM card), (SELECT count(*) FROM pass)")


def carried(page: str) -> dict[str, str]:
    """The hidden fields of the form that imports what was looked at."""
    last = next(one for one in page.split("<form ") if 'value="store"' in one)
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', last))


def test_the_pages_are_for_the_staff_of_the_place(network: Managed) -> None:
    ref = visit(network, "Rôle", credential="code")
    for path in (_VISITORS, f"{_VISITORS}/new", f"{_VISITORS}/{ref}/cancel", _IMPORT):
        for who in ("admin", "manager", "desk"):
            assert get(network, who, path).status_code == 200, (who, path)
        for who in ("isle", "member"):
            assert get(network, who, path).status_code == 404, (who, path)
        assert network.api.get(path).status_code == 303, path
        assert get(network, "auditor", path).status_code == (200 if path == _VISITORS else 404), path
    assert "Has arrived" not in get(network, "auditor", _VISITORS).text
    forms = {
        f"{_VISITORS}/{ref}/arrive": {},
        f"{_VISITORS}/new": form(),
        _IMPORT: {"lines": "name,email\nA,a@b.example"},
    }
    for path, fields in forms.items():
        for who in ("isle", "member", "auditor"):
            assert send(network, who, path, fields).status_code == 404, (who, path)
        assert send(network, "desk", path, fields, **{"Sec-Fetch-Site": "cross-site"}).status_code == 422, path
        nobody = network.api.post(path, data=fields, headers=_OURS)
        assert nobody.status_code == 401, path


def test_another_place_s_visit_is_as_one_that_is_not_there(network: Managed) -> None:
    theirs = visit(network, "Loin", place="isle")
    for who in ("manager", "admin"):
        for path in ("cancel", "qr"):
            assert get(network, who, f"{_VISITORS}/{theirs}/{path}").status_code == 404, (who, path)
        for step in ("arrive", "leave", "back", "cancel"):
            assert send(network, who, f"{_VISITORS}/{theirs}/{step}", {}).status_code == 404, (who, step)
    assert "Loin" not in get(network, "admin", _VISITORS).text
    assert network.get("admin", f"/v1/visitors/{theirs}").json()["status"] == "expected"


def test_arrival_departure_and_what_can_be_undone(network: Managed) -> None:
    ref = visit(network, "Étape")
    arrived = send(network, "desk", f"{_VISITORS}/{ref}/arrive", {})
    assert arrived.headers["location"] == f"{_VISITORS}?done=arrive&of={ref}"
    shown = get(network, "desk", arrived.headers["location"]).text
    assert "Étape: The visitor has arrived." in shown
    assert "Undo" not in shown, "the API can't"
    left = send(network, "desk", f"{_VISITORS}/{ref}/leave", {})
    shown = get(network, "desk", left.headers["location"]).text
    assert f'action="{_VISITORS}/{ref}/back"' in shown
    assert "Undo" in shown
    assert send(network, "desk", f"{_VISITORS}/{ref}/back", {}).status_code == 303
    assert network.get("desk", f"/v1/visitors/{ref}").json()["status"] == "present"
    assert "Undo" not in get(network, "desk", left.headers["location"]).text, "the address says nothing by itself"
    refused = send(network, "manager", f"{_VISITORS}/{ref}/cancel", {})
    assert refused.status_code == 409
    assert "Somebody else was quicker" in refused.text
    assert send(network, "desk", f"{_VISITORS}/{ref}/vanish", {}).status_code == 404


def test_a_colleague_s_same_tap_is_no_error(network: Managed) -> None:
    ref = visit(network, "Deux")
    assert send(network, "desk", f"{_VISITORS}/{ref}/arrive", {}).status_code == 303
    assert send(network, "manager", f"{_VISITORS}/{ref}/arrive", {}).status_code == 303


def test_a_visit_is_on_its_day_and_one_that_never_ended_stays_with_today(network: Managed) -> None:
    send(network, "desk", f"{_VISITORS}/new", form(name="Demain Seul"))
    assert "Demain Seul" not in get(network, "desk", _VISITORS).text
    assert "Demain Seul" in get(network, "desk", f"{_VISITORS}?day={_LATER}").text
    old = {"from": (today() - timedelta(days=3)).isoformat(), "until": (today() - timedelta(days=2)).isoformat()}
    made = network.post("desk", "/v1/visitors", {"name": "Resté Là", "place": "limoges", **old}).json()
    network.change("desk", "PATCH", f"/v1/visitors/{made['ref']}", {"status": "present"})
    assert "Resté Là" in get(network, "desk", _VISITORS).text
    for nonsense in ("0", "9999-99-99", "0001-01-01", _MARKUP):
        assert get(network, "desk", f"{_VISITORS}?day={nonsense}").status_code == 200


def test_a_visitor_gets_a_code_once_and_the_host_is_found_by_letters(network: Managed) -> None:
    for name in ("Hortense Un", "Hortense Deux"):
        network.someone(name)
    fields = form(name=_MARKUP, host_words="hortense", credential="code", once="a1b2c3")
    asked = send(network, "desk", f"{_VISITORS}/new", fields)
    assert asked.status_code == 422
    assert "Several members fit" in asked.text
    assert _MARKUP not in asked.text
    assert "&lt;script&gt;" in asked.text, "what was typed stays"
    ref = re.search(r'value="(m-\w+)"> <label for="host-\d">Hortense Deux', asked.text)
    assert ref is not None
    chosen = {**fields, "host": ref[1], "host_for": "hortense"}
    made = send(network, "desk", f"{_VISITORS}/new", chosen)
    assert made.status_code == 200, made.text
    code = re.search(r'id="code">(\d{6})<', made.text)
    assert code is not None
    assert _MARKUP not in made.text
    again = send(network, "desk", f"{_VISITORS}/new", chosen)
    assert again.text == made.text, "a double click registers once"
    (found,) = [
        one
        for one in network.get("desk", f"/v1/visitors?place=limoges&day={_LATER}").json()["visitors"]
        if one["name"] == _MARKUP
    ]
    assert (found["host_name"], found["credential"]) == ("Hortense Deux", "code")
    for path in (f"{_VISITORS}?day={_LATER}", f"{_VISITORS}/{found['ref']}/cancel"):
        shown = get(network, "desk", path).text
        assert _MARKUP not in shown
        assert "&lt;script&gt;" in shown, path
    assert code[1] not in get(network, "desk", f"{_VISITORS}?day={_LATER}").text
    alone = send(network, "desk", f"{_VISITORS}/new", form(name="Seule", host_words="jeanne"))
    assert alone.status_code == 303
    assert "Jeanne Petit" in get(network, "desk", f"{_VISITORS}?day={_LATER}").text


def test_a_visitor_is_registered_once_whichever_process_gets_the_form(network: Managed) -> None:
    times = {"from": (today() + timedelta(days=2)).isoformat(), "until": (today() + timedelta(days=3)).isoformat()}
    body = {"name": "Une Fois", "place": "limoges", "credential": "code", **times}
    first, again = (
        network.call("desk", "POST", "/v1/visitors", body, idempotency_key="visit-once-1") for _ in range(2)
    )
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json() | {"code": first.json()["code"]}
    assert again.json()["code"] is None, "shown once"
    other = network.call("desk", "POST", "/v1/visitors", body | {"name": "Autre"}, idempotency_key="visit-once-1")
    assert other.status_code == 409


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": ""}, "Write the visitor&#39;s name."),
        ({"ends": "08:00"}, "A visit ends after it begins."),
        ({"day": "2020-01-01"}, "This visit is over already."),
        ({"day": "hier"}, "Choose a day."),
        ({"last_day": "hier"}, "Choose a day."),
        ({"begins": "25:00"}, "Write a time such as 09:30."),
        ({"host_words": "zzzz"}, "No member is found by these letters."),
        ({"email": "nowhere"}, "This is no address to write to."),
        ({"name": "x" * 300}, "Write a name of 1 to 200 characters."),
        ({"credential": "qr"}, "This place has no reader for QR codes"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(network: Managed, wrong: dict[str, str], said: str) -> None:
    before = held(network)
    refused = send(network, "desk", f"{_VISITORS}/new", form(begins="09:35") | wrong)
    assert 400 <= refused.status_code < 500
    assert said in refused.text
    assert "begins" in wrong or 'value="09:35"' in refused.text
    assert held(network) == before


def test_a_cancelled_visit_asks_first_and_is_final(network: Managed) -> None:
    ref = visit(network, "Annulée", credential="code")
    assert "can't be undone" in get(network, "desk", f"{_VISITORS}/{ref}/cancel").text
    assert network.get("desk", f"/v1/visitors/{ref}").json()["status"] == "expected"
    assert send(network, "desk", f"{_VISITORS}/{ref}/cancel", {}).status_code == 303
    assert network.get("desk", f"/v1/visitors/{ref}").json()["status"] == "cancelled"
    assert get(network, "desk", f"{_VISITORS}/{ref}/cancel").status_code == 404
    assert get(network, "desk", f"{_VISITORS}/{ref}/qr").status_code == 404, "it has a code"


def test_a_qr_is_shown_once_it_is_signed_and_each_look_is_in_the_audit(network: Managed) -> None:
    network.sql(READER.replace("limoges", "isle"))
    made = send(network, "isle", "/manage/isle/visitors/new", form(name=_MARKUP, credential="qr"))
    assert made.status_code == 200, made.text
    assert re.search(r'href="/guest/[\w-]{40,}"', made.text)
    path = re.search(r"/manage/isle/visitors/p-\w+/qr", made.text)
    assert path is not None
    waiting = get(network, "isle", path[0])
    assert (waiting.status_code, 'hx-trigger="every 2s"' in waiting.text) == (200, True)
    sign(network)
    shown = get(network, "isle", path[0])
    assert shown.status_code == 200
    assert '<svg role="img"' in shown.text
    assert "hx-" not in shown.text, "each look is audited"
    assert _MARKUP not in shown.text
    visit = path[0].split("/")[-2]
    looks = "SELECT count(*) FROM audit WHERE action = 'read qr' AND subject = %s"
    assert network.sql(looks, f"pass {visit}") == [(1,)]
    assert path[0] in get(network, "isle", f"/manage/isle/visitors?day={_LATER}").text
    for who in ("desk", "auditor", "member"):
        assert get(network, who, path[0]).status_code == 404, who
    assert send(network, "isle", path[0].replace("/qr", "/cancel"), {}).status_code == 303
    over = get(network, "isle", path[0])
    assert "<svg" not in over.text
    assert "over or cancelled" in over.text
    assert "hx-" not in over.text


def test_an_import_shows_each_line_stores_nothing_and_then_does_it(network: Managed) -> None:
    before = held(network)
    file = f'nom complet;courriel;lieux;forfait\n"{_MARKUP}";zoe@example.org;limoges;Jour\n'.replace('"x"', '""x""')
    dry = upload(network, "manager", file.encode(), language="fr")
    assert dry.status_code == 200, dry.text
    assert held(network) == before
    assert _MARKUP not in dry.text
    assert "&lt;script&gt;" in dry.text
    assert "Toutes les lignes peuvent être importées" in dry.text
    assert "Nom complet" in dry.text
    fields = carried(dry.text)
    done = send(network, "manager", _IMPORT, fields)
    assert done.status_code == 200, done.text
    assert "The file is imported." in done.text
    assert network.sql("SELECT name FROM member WHERE email = 'zoe@example.org'") == [(_MARKUP,)]
    again = send(network, "manager", _IMPORT, fields)
    assert again.text == done.text, "a double click imports once"


def test_refused_lines_stop_an_import_unless_they_are_left_out(network: Managed) -> None:
    file = "name,email,places,pass\nCarl,carl@example.org,limoges,Jour\nDora,dora@example.org,atlantis,Jour\n"
    dry = send(network, "manager", _IMPORT, {"step": "look", "lines": file})
    assert dry.status_code == 200
    assert dry.text.index("Line 3") < dry.text.index("Line 2"), "what is refused comes first"
    assert "atlantis" in dry.text
    before, fields = held(network), carried(dry.text)
    refused = send(network, "manager", _IMPORT, fields)
    assert refused.status_code == 422
    assert "Nothing was stored" in refused.text
    assert held(network) == before
    done = send(network, "manager", _IMPORT, {**carried(refused.text), "skip": "yes"})
    assert "The refused lines were left out" in done.text
    assert network.sql("SELECT name FROM member WHERE email IN ('carl@example.org', 'dora@example.org')") == [("Carl",)]


def test_what_is_imported_is_what_was_looked_at(network: Managed) -> None:
    before = held(network)
    other = urlsafe_b64encode(b"name,email\nEve,eve@example.org\n").decode()
    looked = sha256(b"name,email\nAnn,ann@example.org\n").hexdigest()
    for data in (other, other[:-3], "é"):
        refused = send(network, "manager", _IMPORT, {"step": "store", "data": data, "digest": looked})
        assert refused.status_code == 422
        assert "did not come back" in refused.text
    assert held(network) == before


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "Choisissez un fichier"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "illisible|ne peut pas|caractère de contrôle|codage"),
        (b"nom,courriel\nA\0B,a@b.example\n", "caractère de contrôle"),
        ("nom,courriel\nZoé,a@b.example\n".encode() + "Zoé,b@b.example\n".encode("cp1252"), "ligne 3"),
        (b"nom,lieux\nA,limoges\n", "colonne"),
        (b'nom,courriel\n"A,a@b.example\n', "ligne 2"),
        (b"nom,courriel\n", "aucun membre"),
    ],
    ids=["empty", "picture", "NUL", "mixed encodings", "no key column", "open quote", "header only"],
)
def test_a_file_that_is_none_is_refused_in_french(network: Managed, data: bytes, said: str) -> None:
    before = held(network)
    refused = upload(network, "manager", data, language="fr")
    assert refused.status_code == 422
    assert re.search(said, refused.text, re.IGNORECASE), refused.text
    assert 'role="alert"' in refused.text
    assert held(network) == before


def test_an_old_encoding_is_read_and_a_formula_stays_text(network: Managed) -> None:
    file = "nom complet;courriel;lieux\nRenée;renee@example.org;limoges\n=HYPERLINK(1);f@example.org;limoges\n"
    dry = upload(network, "manager", file.encode("cp1252"), language="fr")
    assert "Renée" in dry.text
    assert "windows-1252" in dry.text
    assert send(network, "manager", _IMPORT, carried(dry.text)).status_code == 200
    assert network.sql("SELECT name FROM member WHERE email = 'f@example.org'") == [("=HYPERLINK(1)",)]


def test_a_file_that_is_too_large_says_so_on_the_page(network: Managed) -> None:
    line = b"name,email,places\n" + b"A,a@b.example,limoges\n" * 40_000
    refused = upload(network, "manager", line[:800_000])
    assert refused.status_code == 413
    assert "larger than 700 kB" in refused.text
    larger = upload(network, "manager", line * 2)
    assert (larger.status_code, larger.headers["location"]) == (303, f"{_IMPORT}?refused=too-large")
    shown = get(network, "manager", larger.headers["location"])
    assert "larger than 700 kB" in shown.text
    for path in ("/v1/members", _IMPORT):
        program = network.api.post(path, content=line * 2, headers={"Accept": "application/json", **_OURS})
        assert program.status_code == 413
        assert program.headers["content-type"] == "application/problem+json"
    ended = network.api.post(
        _IMPORT, data={"lines": "x" * 20_000}, headers={"Accept": "text/html", **_OURS, "Cookie": "a=b"}
    )
    assert (ended.status_code, ended.headers["location"]) == (303, _IMPORT)


def test_pasted_lines_outlive_a_session(network: Managed) -> None:
    lines = "name,email\nÉve,eve@example.org\n"
    fields, headers = {"step": "look", "lines": lines}, {"Cookie": "__Host-maillage=mk_gone", **_OURS}
    kept = network.api.post(_IMPORT, data=fields, headers={**headers, "Accept-Language": "en"})
    assert kept.status_code == 401
    assert "Éve,eve@example.org" in kept.text


def test_card_numbers_that_can_be_read_in_two_ways_are_asked_about(network: Managed) -> None:
    file = "name,email,card,places\nNum,num@example.org,0563537489,limoges\n"
    dry = send(network, "manager", _IMPORT, {"step": "look", "lines": file})
    assert "How are the card numbers written?" in dry.text
    choice = re.search(r'name="card_format" value="([^"]+)"', dry.text)
    assert choice is not None
    data = re.search(r'name="data" value="([^"]+)"', dry.text)
    digest = re.search(r'name="digest" value="([^"]+)"', dry.text)
    assert data is not None
    assert digest is not None
    fields = {"step": "look", "data": data[1], "digest": digest[1], "card_format": choice[1]}
    seen = send(network, "manager", _IMPORT, fields)
    assert "How are the card numbers written?" not in seen.text
    assert carried(seen.text)["card_format"] == choice[1]
    assert send(network, "manager", _IMPORT, carried(seen.text)).status_code == 200
    assert network.sql("SELECT count(*) FROM card c JOIN member m ON m.ref = c.member WHERE m.name = 'Num'") == [(1,)]
