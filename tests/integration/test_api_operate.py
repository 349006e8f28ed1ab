"""Import and export, the audit, alarms, and what a member may ask for: over HTTP, on a real database."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from typer.testing import CliRunner, Result

from access.formats import Card, read_bits
from api.alarms.routes import Alarm, Alarms
from api.audit.routes import Audit, AuditHead
from api.http.limits import TAKEN, UNSTORED_IMPORTS
from api.privacy.routes import Erased, PersonalData
from api.transfer.routes import ImportReport
from maillage.commands import members as commands
from tests.cards import KEYS
from tests.managed import Managed, managed
from tests.operated import Door, door
from tests.waiting import until

DECIMAL = (Path(__file__).parents[1] / "data" / "cards" / "decimal.csv").read_bytes()
FILE = """nom;courriel;organisation;carte;forfait;lieux;valable jusqu'au
Ana Diaz;ana@example.org;Fab & Cie;04A2245AC16D80;Mensuel;limoges;31/12/2026
Béa Noël;bea@example.org;Fab & Cie;04A2245AC16D81;Mensuel;limoges;31/12/2026
Béa Noël;bea@example.org;;0074380D;;;
"""


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        yield one


@pytest.fixture(scope="module")
def entry(network: Managed) -> Door:
    return door(network)


def send(network: Managed, who: str, data: str | bytes, query: str = "") -> httpx.Response:
    headers = {"Authorization": f"Bearer {network.keys[who]}", "Content-Type": "text/csv"}
    content = data.encode() if isinstance(data, str) else data
    return network.api.post(f"/v1/members/import{query}", content=content, headers=headers, timeout=300)


def send_as(network: Managed, key: str, data: str, query: str = "") -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "text/csv"}
    return network.api.post(f"/v1/members/import{query}", content=data.encode(), headers=headers, timeout=60)


def held(network: Managed) -> dict[str, list[Any]]:
    """Everything that an import writes to, but for what counts up."""
    tables = {
        "organisation": "id", "member": "ref", "card": "lookup", "pass": "ref", "pass_place": "pass, place",
    }  # fmt: skip
    return {name: network.sql(f"SELECT * FROM {name} ORDER BY {key}") for name, key in tables.items()}


def outcomes(answer: httpx.Response) -> list[str]:
    return [line["outcome"] for line in answer.json()["lines"]]


def audited(network: Managed) -> int:
    return int(network.sql("SELECT count(*) FROM audit")[0][0])


def test_a_dry_run_tells_exactly_what_the_import_then_does(network: Managed) -> None:
    before, lines = held(network), audited(network)
    dry = send(network, "manager", FILE.encode("cp1252"), "?dry_run=true")
    assert dry.status_code == 200, dry.text
    ImportReport.model_validate_json(dry.content)
    assert (held(network), audited(network)) == (before, lines + 1)
    told = network.sql(
        "SELECT a.actor, a.action, d.body FROM audit a JOIN audit_detail d ON d.audit = a.id ORDER BY a.id DESC LIMIT 1"
    )
    counted = {"lines": 3, "refused": 0, "taken": 0, "dry_run": True, "stored": False}
    assert told[0][0].endswith(" manager")
    assert told[0][1:] == ("tried import", counted)
    assert (dry.json()["dry_run"], dry.json()["stored"], dry.json()["encoding"]) == (True, False, "windows-1252")
    assert outcomes(dry) == ["created", "created", "changed"]
    assert dry.json()["new_organisations"] == ["Fab & Cie"]
    real = send(network, "manager", FILE)
    assert (real.status_code, real.json()["stored"]) == (200, True)
    both = [
        [
            {key: value for key, value in line.items() if key not in ("member", "card")}
            for line in answer.json()["lines"]
        ]
        for answer in (dry, real)
    ]
    assert both[0] == both[1]
    assert dry.json()["lines"][0]["card"] == {"format": "MIFARE7", "reader_sends": "04A2245AC16D80"}
    assert not any("card" in line for line in real.json()["lines"])  # shown before, never after
    refs = [line["member"] for line in real.json()["lines"]]
    assert (len(set(refs)), all("member" not in line for line in dry.json()["lines"])) == (2, True)
    cards = network.get("manager", f"/v1/members/{refs[1]}/cards").json()["cards"]
    assert sorted(card["last4"] for card in cards) == ["380D", "6D81"]
    passes = network.get("manager", f"/v1/members/{refs[0]}/passes").json()["passes"]
    assert [(one["label"], one["valid_until"]) for one in passes] == [("Mensuel", "2026-12-31T23:00:00.000Z")]
    assert audited(network) > lines


def test_the_same_file_again_changes_nothing_and_leaves_no_trace(network: Managed) -> None:
    send(network, "manager", FILE)
    before, lines = held(network), audited(network)
    again = send(network, "manager", FILE)
    assert (again.json()["stored"], outcomes(again)) == (True, ["unchanged"] * 3)
    assert (held(network), audited(network)) == (before, lines)


def test_decimal_card_numbers_are_asked_about_and_then_open(network: Managed) -> None:
    # the last two bear one number: one of them has lost its zeros
    file = DECIMAL.replace(b"mcpe", b"limoges").replace(b",12345678", b",12345679")
    before = held(network)
    asked = send(network, "manager", file)
    assert (asked.status_code, asked.json()["stored"], held(network)) == (422, False, before)
    assert {line["problems"][0]["column"] for line in asked.json()["lines"]} == {"card"}
    question = asked.json()["question"]
    assert (question["line"], question["numbers"]) == (2, 4)
    assert {"card_format": "EM4100-hex", "reader_sends": "0005076483"} in question["choices"]
    assert {"card_format": "EM4100-XX-decimal", "reader_sends": "??004D7603"} in question["choices"]
    half = send(network, "manager", file, "?card_format=EM4100-decimal")
    assert "only the last 4 of the card's 5 bytes" in half.json()["lines"][0]["problems"][0]["what"]
    dry = send(network, "manager", file, "?dry_run=true&card_format=EM4100-0A-decimal")
    assert dry.json()["lines"][0]["card"] == {"format": "EM4100", "reader_sends": "0A004D7603"}
    real = send(network, "manager", file, "?card_format=EM4100-0A-decimal")
    assert (real.status_code, real.json()["stored"], real.json()["question"]) == (200, True, None), real.text
    # what a gateway makes of the bits of the card that bears 0005076483
    read = read_bits(f"{0x0A004D7603:040b}")
    assert isinstance(read, Card)
    found_by = KEYS.found_by(read.number)
    held_by = network.sql("SELECT m.name FROM card c JOIN member m ON m.ref = c.member WHERE lookup = %s", found_by)
    assert held_by == [("Ada Essai",)]


def test_a_typed_number_of_decimal_digits_is_asked_about(network: Managed) -> None:
    path = f"/v1/members/{network.someone()}/cards"
    asked = network.post("desk", path, {"number": "0563537489"})
    assert (asked.status_code, asked.json()["type"]) == (422, "urn:maillage:problem:format-needed")
    assert asked.json()["errors"][0]["name"] == "number"
    assert {"format": "MIFARE4-decimal", "reader_sends": "2196E651"} in asked.json()["choices"]
    visit = {"name": "V", "place": "limoges", "from": "2030-01-01T08:00:00Z", "until": "2030-01-01T09:00:00Z"}
    for path_, body, field in (
        ("/v1/cards/find", {"number": "0563537489"}, "number"),
        ("/v1/visitors", visit | {"card": {"number": "0563537489"}}, "card.number"),
        ("/v1/decisions/explain", {"place": "limoges", "door": "entry", "number": "0563537489"}, "number"),
    ):
        refused = network.post("manager", path_, body)
        assert (refused.status_code, refused.json()["errors"][0]["name"]) == (422, field), refused.text
        assert refused.json()["choices"]
    made = network.post("desk", path, {"number": "0563537489", "format": "MIFARE4-decimal"})
    assert (made.status_code, made.json()["format"], made.json()["last4"]) == (201, "MIFARE4", "E651")
    found = network.post("desk", "/v1/cards/find", {"number": "21:96:E6:51"})
    assert found.json()["ref"] == made.json()["ref"]
    again = network.post("desk", f"/v1/cards/{made.json()['ref']}/reissue", {"number": "0563537488"})
    assert (again.status_code, again.json()["type"]) == (422, "urn:maillage:problem:format-needed")


CASES = Path(__file__).parents[1] / "data" / "imports"


@pytest.mark.parametrize(
    ("name", "encoding"), [("csv-cp850.csv", "cp850"), ("csv-macroman.csv", "mac-roman"), ("", "windows-1252")]
)
def test_names_are_stored_as_they_were_meant(network: Managed, name: str, encoding: str) -> None:
    people = ["Renée Exemple-Châtaigne", "François Modèle-Tilleul", "Zoë Essai-Lefèvre"]
    text = "Nom complet;Courriel\n" + "".join(f"{one};w{at}@exemple.invalid\n" for at, one in enumerate(people))
    data = (CASES / name).read_bytes().replace(b"mcpe", b"limoges") if name else text.encode("cp1252")
    stored = send(network, "manager", data)
    assert (stored.status_code, stored.json()["encoding"]) == (200, encoding), stored.text
    assert encoding in stored.json()["notes"][0]
    refs = [line["member"] for line in stored.json()["lines"]]
    assert [network.get("manager", f"/v1/members/{ref}").json()["name"] for ref in refs] == people


def test_a_last_day_is_whole_however_it_is_written(network: Managed) -> None:
    data = (CASES / "csv-midnight-end.csv").read_bytes().replace(b"mcpe", b"limoges")
    stored = send(network, "manager", data + b"Sans Fin;j4@exemple.invalid;04A1B244;limoges;A;;31/12/9999\n")
    assert stored.status_code == 200, stored.text
    refs = [line["member"] for line in stored.json()["lines"]]
    ends = [network.get("manager", f"/v1/members/{ref}/passes").json()["passes"][0]["valid_until"] for ref in refs]
    assert ends == ["2026-12-31T23:00:00.000Z"] * 3 + [None]
    assert any("2 ends at 00:00" in note for note in stored.json()["notes"])
    assert any("1 ends in the year 9999" in note for note in stored.json()["notes"])


def test_two_people_with_one_address_are_never_one_member(network: Managed) -> None:
    file = "name;email;card;places;pass\nLéa Essai-Orme;foyer@exemple.invalid;04A1B251;limoges;Résident\n"
    other = "Max Essai-Orme;foyer@exemple.invalid;04A1B252;limoges;Résident\n"
    for data in (file + other, "name;email;card;places;pass\n" + other):
        refused = send(network, "manager", data)
        assert refused.status_code == 422
        problem = refused.json()["lines"][-1]["problems"][0]
        assert (problem["column"], "another person has this address already" in problem["what"]) == ("email", True)
        assert send(network, "manager", file).status_code == 200  # from now on the first is stored


def test_a_pass_of_a_schedules_name_follows_it(network: Managed) -> None:
    hours = {"mon": [["08:00", "18:00"]]}
    network.post("admin", "/v1/schedules", {"code": "journee", "name": "Journée", "hours": hours})
    head = "Nom;Prénom;Civilité;courriel;forfait;lieux\n"
    rows = "Orme;Ida;Mme;ida@exemple.invalid;Journée;limoges\nOrme;Jo;M.;jo@exemple.invalid;Nomade;limoges\n"
    stored = send(network, "manager", head + rows)
    assert stored.status_code == 200, stored.text
    ida, jo = (
        network.get("manager", f"/v1/members/{line['member']}/passes").json()["passes"][0]["schedule"]
        for line in stored.json()["lines"]
    )
    assert (ida, jo) == ("journee", None)
    assert network.get("manager", f"/v1/members/{stored.json()['lines'][0]['member']}").json()["name"] == "Ida Orme"
    notes = "\n".join(stored.json()["notes"])
    for said in (
        "'Journée' follow the schedule 'journee'",
        "'Nomade' have no schedule",
        "dropped: 'Civilité'",
        "'Nom'",
    ):
        assert said in notes
    assert next(iter(stored.json())) == "notes"


def test_a_file_whose_line_ends_are_gone_is_refused(network: Managed) -> None:
    file = "name;email;card;places;passLéa;l@exemple.invalid;04A1B251;limoges;RésidentMax;m@exemple.invalid;;limoges;R"
    refused = send(network, "manager", file)
    assert refused.status_code == 422
    assert "no member in this file" in refused.json()["detail"]
    assert "--data-binary" in refused.json()["detail"]


def test_one_refused_line_keeps_everything_out_unless_skipped(network: Managed) -> None:
    file = "name,email,places,pass\nCarl,carl@example.org,limoges,Jour\nDora,dora@example.org,atlantis,Jour\n"
    before = held(network)
    refused = send(network, "manager", file)
    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"
    body = refused.json()
    assert (body["type"], body["stored"]) == ("urn:maillage:problem:import-refused", False)
    assert body["lines"][1]["problems"][0]["column"] == "places"
    assert "atlantis" in body["lines"][1]["problems"][0]["what"]
    assert held(network) == before
    skipped = send(network, "manager", file, "?skip_refused=true")
    assert (skipped.status_code, outcomes(skipped)) == (200, ["created", "refused"])
    assert network.sql("SELECT count(*) FROM member WHERE email IN ('carl@example.org', 'dora@example.org')") == [(1,)]


@pytest.mark.parametrize(
    ("data", "say"),
    [
        (b"", "empty"),
        ("name,email\nZoé,a@b.example\n".encode() + "Zoé,b@b\n".encode("cp1252"), "Line 3"),
        (b"name,places\nA,limoges\n", "one of member, email, card"),
        (b"email,courriel\na,b\n", "both mean"),
        (b'name,email\n"A,a@b\n', "Line 2"),
        (b"\x00\x01\x02\x03", "control character"),
    ],
)
def test_files_that_are_none_are_refused_with_a_sentence(network: Managed, data: bytes, say: str) -> None:
    answer = send(network, "manager", data)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:maillage:problem:bad-field")
    assert say in answer.json()["detail"]


def test_what_a_key_does_not_see_still_stands_against_a_line(network: Managed) -> None:
    far = network.someone("Far Away", home="isle")
    network.sql("UPDATE member SET email = 'far@example.org' WHERE ref = %s RETURNING ref", far)
    network.card(far, "FA00FA00")
    before = held(network)
    for cells in ("Other,far@example.org,", "Other,other@example.org,FA00FA00"):
        answer = send(network, "manager", f"name,email,card\n{cells}\nEli,eli@example.org,\n")
        assert answer.status_code == 422, answer.text
        assert outcomes(answer) == ["refused", "created"]
        assert "doesn't see" in answer.json()["lines"][0]["problems"][0]["what"]
        assert held(network) == before
    dry = send(network, "manager", "name,email\nOther,far@example.org\n", "?dry_run=true")
    assert outcomes(dry) == ["refused"]
    skipped = send(network, "manager", "name,email\nO,far@example.org\nEli,eli@example.org\n", "?skip_refused=true")
    assert (skipped.json()["stored"], outcomes(skipped)) == (True, ["refused", "created"])


def test_a_dry_run_is_no_oracle_for_codes(network: Managed) -> None:
    network.post("admin", f"/v1/members/{network.someone(home='isle')}/cards", {"code": "13579246"})
    rows = "".join(f"P{code},p{code}@example.org,{code},code,limoges\n" for code in (13579246, 13579247))
    dry = send(network, "desk", f"name,email,card,card_format,home\n{rows}", "?dry_run=true")
    first, second = ([one["what"] for one in line["problems"]] for line in dry.json()["lines"])
    assert first == second
    assert "code_digits" in first[0]
    whole = send(network, "admin", f"name,email,card,card_format,home\n{rows}", "?dry_run=true")
    assert outcomes(whole) == ["changed", "created"], "a key of the whole network sees them all"


def test_a_dry_run_says_of_no_more_than_ten_that_others_have_them(network: Managed) -> None:
    key = network.key("oracle", role="front_desk", places=["limoges"])
    rows = [f"F{n},f{n}@example.org,{0xFE000000 + n:08X},isle" for n in range(12)]
    stored = send(network, "admin", "name,email,card,home\n" + "\n".join(rows) + "\n")
    assert stored.status_code == 200, stored.text

    def dry(count: int) -> list[list[str]]:
        guesses = [f"G{n},g{n}@example.org,{0xFE000000 + n:08X},limoges" for n in range(count)]
        file = "name,email,card,home\n" + "\n".join([*guesses, "H,h@example.org,FE00FFFF,limoges"]) + "\n"
        answer = send_as(network, key, file, "?dry_run=true")
        assert answer.status_code == 200, answer.text
        return [[one["what"] for one in line.get("problems", ())] for line in answer.json()["lines"]]

    few = dry(2)
    assert [bool(problems) for problems in few] == [True, True, False]
    many = dry(12)
    assert len({tuple(problems) for problems in many}) == 1, "hits and misses look the same"
    assert "administrator" in many[0][0]
    told = network.sql(
        "SELECT d.body ->> 'taken' FROM audit a JOIN audit_detail d ON d.audit = a.id"
        " WHERE a.action = 'tried import' AND a.actor LIKE '%% oracle' ORDER BY a.id"
    )
    assert told == [("2",), ("11",)]


def test_dry_runs_are_limited_by_key(network: Managed) -> None:
    key = network.key("eager", role="front_desk", places=["limoges"])
    file = "name,email\nEager,eager@example.org\n"
    for _ in range(UNSTORED_IMPORTS.most):
        assert send_as(network, key, file, "?dry_run=true").status_code == 200
    refused = send_as(network, key, file, "?dry_run=true")
    assert (refused.status_code, refused.json()["type"]) == (429, "urn:maillage:problem:limit-reached")
    assert 0 < int(refused.headers["retry-after"]) <= UNSTORED_IMPORTS.within_s
    assert send(network, "isle", file, "?dry_run=true").status_code == 200, "another key goes on"


def test_cards_that_others_have_are_audited_and_limited(network: Managed) -> None:
    key = network.key("guesser", role="front_desk", places=["limoges"])
    far = network.someone(home="isle")
    network.card(far, "FD000001")
    if network.sql("SELECT count(*) FROM member WHERE email = 'far@example.org'") == [(0,)]:
        network.sql("UPDATE member SET email = 'far@example.org' WHERE ref = %s RETURNING ref", far)
    path, mine = f"/v1/members/{network.someone()}/cards", {"Authorization": f"Bearer {key}"}
    for _ in range(TAKEN.most):
        assert network.api.post(path, json={"number": "FD000001"}, headers=mine).status_code == 409
    for number in ("FD000001", "FD000002"):  # no difference any more
        refused = network.api.post(path, json={"number": number}, headers=mine)
        assert (refused.status_code, "retry-after" in refused.headers) == (429, True)
    count = "SELECT count(*) FROM audit WHERE action = 'tried card' AND actor LIKE '%% guesser'"
    assert network.sql(count) == [(TAKEN.most,)]
    # addresses are of the same kind
    other = {"Authorization": f"Bearer {network.key('reader of addresses', role='front_desk', places=['limoges'])}"}
    body = {"name": "X", "email": "far@example.org", "home": "limoges"}
    for _ in range(TAKEN.most):
        assert network.api.post("/v1/members", json=body, headers=other).status_code == 409
    for email in ("far@example.org", "nobody-has-it@example.org"):
        assert network.api.post("/v1/members", json=body | {"email": email}, headers=other).status_code == 429
    assert network.api.post("/v1/members", json=body | {"email": None}, headers=other).status_code == 201
    count = "SELECT count(*) FROM audit WHERE action = 'tried address' AND actor LIKE '%% addresses'"
    assert network.sql(count) == [(TAKEN.most,)]


def test_an_export_comes_back_without_a_change(network: Managed) -> None:
    send(network, "admin", 'name,email,home,places,host\n"=cmd()",formula@example.org,isle,*,yes\n')
    before = held(network)
    for who, query in (("admin", ""), ("manager", "?separator=semicolon&bom=true"), ("auditor", "?separator=tab")):
        answer = network.get(who, f"/v1/members/export{query}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/csv; charset=utf-8")
        assert answer.content.startswith(b"\xef\xbb\xbf") == ("bom" in query)
        assert b"04A2245AC16D80" not in answer.content
        if who == "auditor":
            continue
        again = send(network, who, answer.content)
        assert again.status_code == 200, [line for line in again.json()["lines"] if line["outcome"] == "refused"]
        assert set(outcomes(again)) == {"unchanged"}
    assert held(network) == before
    assert b"'=cmd()" in network.get("admin", "/v1/members/export").content
    assert b"=cmd()" not in network.get("manager", "/v1/members/export").content.replace(b"'=cmd()", b"")
    assert network.sql("SELECT count(*) > 0 FROM audit WHERE action = 'read members'") == [(True,)]


def test_who_asks_in_french_is_answered_in_french(network: Managed) -> None:
    headers = {"Accept-Language": "fr-FR,fr;q=0.9,en;q=0.5", "Authorization": f"Bearer {network.keys['manager']}"}

    def ask(data: str | bytes, query: str = "") -> httpx.Response:
        content = data.encode() if isinstance(data, str) else data
        return network.api.post(f"/v1/members/import{query}", content=content, headers=headers, timeout=60)

    refused = ask(
        "Nom;Prénom;courriel;forfait;lieux\nOrme;Zia;zia@exemple.invalid;Nomade;atlantide\n;;x@exemple.invalid;;\n"
    )
    body = refused.json()
    assert (refused.status_code, refused.headers["content-language"]) == (422, "fr")
    assert (body["title"], "2 lignes sur 2" in body["detail"]) == ("Rien n'a été enregistré", True)
    assert body["notes"][:2] == ["Le codage est utf-8.", "Le nom est composé de : 'Prénom', 'Nom'."]
    assert [line["problems"][0]["what"] for line in body["lines"]] == [
        "il n'y a pas de lieu 'atlantide' ; /v1/places?q=… les trouve", "un nouveau membre doit avoir un nom",
    ]  # fmt: skip
    assert "aucun membre dans ce fichier" in ask("nom;courriel;lieux").json()["detail"]
    assert "décimaux ou hexadécimaux" in ask(DECIMAL, "?dry_run=true").json()["question"]["what"]
    before = held(network)
    exported = network.api.get("/v1/members/export?separator=semicolon", headers=headers)
    assert exported.headers["content-language"] == "fr"
    assert exported.text.startswith("Référence membre;Nom complet;Courriel;")
    assert ";actif;" in exported.text
    again = ask(exported.content)
    assert (again.status_code, set(outcomes(again))) == (200, {"unchanged"}), again.text[:500]
    assert held(network) == before


def test_thousands_of_lines_while_others_are_answered(network: Managed) -> None:
    rows = "\n".join(f"Person {n},p{n}@example.org,{0x10000000 + n:08X},Mensuel,isle" for n in range(1_500))
    waits: list[float] = []

    def ask() -> None:
        with httpx.Client(base_url=network.api.base_url, timeout=60) as client:
            for _ in range(100):
                started = time.monotonic()
                assert client.get("/v1/occupancy").status_code == 200
                waits.append(time.monotonic() - started)

    with ThreadPoolExecutor(1) as others:
        asking = others.submit(ask)
        started = time.monotonic()
        answer = send(network, "isle", f"name,email,card,pass,places\n{rows}\n")
        took = time.monotonic() - started
        asking.result()
    assert (answer.status_code, answer.json()["counts"]["created"]) == (200, 1_500), answer.text[:500]
    print(f"1,500 lines: {took:.1f} s; others p99 {sorted(waits)[int(len(waits) * 0.99)] * 1000:.0f} ms")
    assert max(waits) < took / 2, "nobody waits until the import is done"
    assert send(network, "isle", f"name,email,card,pass,places\n{rows}\n").json()["counts"]["unchanged"] == 1_500


def test_the_command_line_imports_and_exports(
    network: Managed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(who: str, *words: str) -> Result:
        monkeypatch.setenv("MAILLAGE_API_KEY", network.keys[who])
        monkeypatch.setenv("MAILLAGE_API_URL", str(network.api.base_url))
        return CliRunner().invoke(commands.app, words)

    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "in.csv"
    file.write_text("name,email,places,pass\nFay,fay@example.org,limoges,Jour\n,x@example.org,,\n", encoding="utf-8")
    dry = run("manager", "import", str(file), "--dry-run")
    assert dry.exit_code == 0, dry.output
    assert "line 3: name: a new member needs a name" in dry.stdout
    assert "line 2: created: member.name: None → Fay" in dry.stdout
    real = run("manager", "import", str(file))
    assert (real.exit_code, "NOTHING was stored" in real.stdout) == (1, True)
    assert run("manager", "import", str(file), "--skip-refused").exit_code == 0
    out = tmp_path / "out.csv"
    assert run("manager", "export", str(out), "--excel").exit_code == 0
    assert out.read_bytes().startswith(b"\xef\xbb\xbfmember;name;email")
    assert (b"fay@example.org" in out.read_bytes(), out.stat().st_mode & 0o77) == (True, 0)
    assert "0 created, 0 changed" in run("manager", "import", str(out)).stdout
    french = run("manager", "import", str(file), "--dry-run", "--lang", "fr")
    assert "Le codage est utf-8." in french.stdout.splitlines()[0]
    assert "ligne 3: name: un nouveau membre doit avoir un nom" in french.stdout
    assert "rien n'a été enregistré (essai)" in french.stdout
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    assert run("manager", "export", str(out), "--excel").exit_code == 0
    assert out.read_bytes().startswith("\ufeffRéférence membre;Nom complet;Courriel".encode())
    assert "0 créés, 0 modifiés" in run("manager", "import", str(out)).stdout
    assert run("manager", "export", str(out), "--lang", "de").exit_code == 1
    monkeypatch.delenv("LC_ALL")
    refused = run("reader", "export")
    assert (refused.exit_code, "403" in str(refused.exception)) == (1, True)


def test_whoever_changes_a_member_during_an_import_is_not_overwritten(network: Managed) -> None:
    ref = network.someone("Slow Change")
    network.sql("UPDATE member SET email = 'slow@example.org' WHERE ref = %s RETURNING ref", ref)
    with psycopg.connect(network.database.url) as other:
        other.execute("UPDATE member SET name = 'From Elsewhere' WHERE ref = %s", (ref,))
        with ThreadPoolExecutor(1) as pool:
            sent = pool.submit(send, network, "manager", f"member,name\n{ref},From File\n")
            waits = (
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            until(lambda: network.sql(waits)[0][0])
            other.commit()
            answer = sent.result()
    assert (answer.status_code, outcomes(answer)) == (422, ["refused"])
    assert network.get("manager", f"/v1/members/{ref}").json()["name"] == "From Elsewhere"


def test_alarms_are_listed_paged_and_acknowledged_once(network: Managed) -> None:
    network.sql(
        "INSERT INTO alarm (kind, place, text) SELECT 'door_forced', p.id, 'Door entry was forced ' || n"
        " FROM place p, generate_series(1, 3) n RETURNING id"
    )
    seen: list[int] = []
    cursor = ""
    while cursor is not None:
        page = network.get("desk", f"/v1/alarms?limit=2{cursor and '&cursor='}{cursor}")
        Alarms.model_validate_json(page.content)
        seen += [one["id"] for one in page.json()["alarms"]]
        cursor = page.json()["next"]
    assert len(seen) == 3
    counted = "times = 4, last_at = raised_at + interval '1 hour'"
    network.sql(f"UPDATE alarm SET {counted} WHERE id = {seen[1]} RETURNING id")
    often, once = (network.get("desk", "/v1/alarms").json()["alarms"][number] for number in (1, 2))
    assert often["times"] == 4
    assert datetime.fromisoformat(often["last_at"]) - datetime.fromisoformat(often["raised_at"]) == timedelta(hours=1)
    assert (once["times"], once["last_at"]) == (1, once["raised_at"])
    assert len(network.get("admin", "/v1/alarms?kind=door_forced&limit=1000").json()["alarms"]) == 6
    first = network.post("desk", f"/v1/alarms/{seen[0]}/acknowledge", {"comment": "the wind"})
    Alarm.model_validate_json(first.content)
    assert first.json()["acknowledged_by"].endswith(" desk")
    assert network.call("manager", "POST", f"/v1/alarms/{seen[0]}/acknowledge").json() == first.json()
    assert len(network.get("desk", "/v1/alarms").json()["alarms"]) == 2
    assert len(network.get("desk", "/v1/alarms?state=all&place=limoges").json()["alarms"]) == 3
    far = network.get("admin", "/v1/alarms?place=isle").json()["alarms"][0]["id"]
    assert network.post("desk", f"/v1/alarms/{far}/acknowledge", {}).status_code == 404
    lines = network.get("auditor", f"/v1/audit?subject=alarm {seen[0]}").json()["lines"]
    assert {line["action"] for line in lines} == {"alarm changed", "alarm commented"}
    assert "the wind" in json.dumps(lines)


def test_the_audit_tells_who_did_what_from_where(network: Managed) -> None:
    ref = network.someone("Audited", who="desk")
    made = network.call("desk", "PATCH", f"/v1/members/{ref}", {"status": "suspended"}, if_match="*")
    assert made.status_code == 200
    request = made.headers["x-request-id"]
    answer = network.get("auditor", f"/v1/audit?subject=member {ref}")
    Audit.model_validate_json(answer.content)
    newest, first = answer.json()["lines"]
    assert (newest["action"], newest["request"], newest["place"], newest["from"]) == (
        "member changed", request, "limoges", "127.0.0.1",
    )  # fmt: skip
    assert (first["action"], newest["actor"].split()[1], newest["role"]) == ("member created", "desk", "front_desk")
    assert newest["detail"]["changed"]["status"] == ["active", "suspended"]
    assert [one["id"] for one in network.get("auditor", f"/v1/audit?request={request}").json()["lines"]] == [
        newest["id"]
    ]
    assert network.get("isle", f"/v1/audit?subject=member {ref}").json()["lines"] == []
    page = network.get("auditor", "/v1/audit?limit=1").json()
    following = network.get("auditor", f"/v1/audit?limit=1&cursor={page['next']}").json()
    assert following["lines"][0]["id"] < page["lines"][0]["id"]
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    assert network.get("auditor", f"/v1/audit?since={soon}").json()["lines"] == []
    head = network.get("auditor", "/v1/audit/head")
    AuditHead.model_validate_json(head.content)
    newest_hash = network.sql("SELECT id, encode(hash, 'hex') FROM audit ORDER BY id DESC LIMIT 1")[0]
    assert (head.json()["id"], head.json()["hash"]) == newest_hash
    assert network.get("manager", "/v1/audit/head").status_code == 404


def test_reading_the_feed_is_told_once_a_minute_and_key(network: Managed, entry: Door) -> None:
    entry.read(datetime.now(UTC), card="0074380D", member="m-own1")
    count = "SELECT count(*) FROM audit WHERE action = 'read events' AND actor LIKE %s"
    for who in ("auditor", "feed"):
        for _ in range(5):
            assert network.get(who, "/v1/events").status_code == 200
        assert network.sql(count, f"% {who}") == [(1,)], who
    for _ in range(2):
        assert network.get("admin", "/v1/events?kind=desk").status_code == 200
    assert network.sql(count, "% admin") == [(0,)]
    assert network.get("isle", "/v1/events").json()["events"] == []
    assert network.get("isle", "/v1/events?place=limoges").status_code == 403


def test_all_that_is_held_about_a_member_is_told_and_erased(network: Managed, entry: Door) -> None:
    ref = network.someone("Ida Roux")
    network.card(ref, "1DA00001")
    network.post("manager", f"/v1/members/{ref}/passes", {"label": "Plein", "places": [{"place": "limoges"}]})
    entry.read(datetime.now(UTC), card="1DA00001", member=ref)
    assert network.get("manager", f"/v1/members/{ref}/export").status_code == 403
    answer = network.get("admin", f"/v1/members/{ref}/export")
    PersonalData.model_validate_json(answer.content)
    told = answer.json()
    assert (told["member"]["name"], told["cards"][0]["last4"], told["passes"][0]["places"]) == (
        "Ida Roux", "0001", ["limoges"],
    )  # fmt: skip
    assert [(one["door"], one["granted"]) for one in told["events"]] == [("entry", True)]
    assert {"member created", "card created", "pass created"} <= {line["action"] for line in told["audit"]}
    assert "1DA00001" not in answer.text
    path = f"/v1/members/{ref}"
    assert network.call("admin", "DELETE", path).status_code == 428
    assert network.call("admin", "DELETE", path, if_match='"99"').status_code == 412
    gone = network.change("admin", "DELETE", path)
    Erased.model_validate_json(gone.content)
    assert gone.json()["erased"] == {"events": 1, "cards": 1, "passes": 1, "bookings": 0}
    assert network.get("admin", path).status_code == 404
    assert network.sql("SELECT count(*) FROM event WHERE member = %s", ref) == [(0,)]
    assert "Ida" not in json.dumps(network.get("auditor", f"/v1/audit?subject=member {ref}").json())


def test_a_member_sees_and_erases_what_is_held_about_them_with_a_key_of_their_own(
    network: Managed, entry: Door
) -> None:
    ref = network.someone("Own Er")
    network.card(ref, "0BE00001")
    entry.read(datetime.now(UTC), card="0BE00001", member=ref)
    assert network.post("desk", f"/v1/members/{ref}/key", {}).status_code == 403
    assert network.post("isle", f"/v1/members/{ref}/key", {}).status_code == 403
    assert network.post("manager", f"/v1/members/{ref}/key", {}).status_code == 403, "it would read through it"
    made = network.post("admin", f"/v1/members/{ref}/key", {"hours": 2})
    assert made.status_code == 201, made.text
    keys = {**network.keys, "self": made.json()["key"]}
    mine = Managed(api=network.api, centre=network.centre, database=network.database, keys=keys, member=ref)
    assert mine.get("self", "/v1/me").json()["name"] == "Own Er"
    told = mine.get("self", "/v1/me/export")
    assert told.status_code == 200, told.text
    assert (told.json()["member"]["ref"], len(told.json()["cards"]), len(told.json()["events"])) == (ref, 1, 1)
    assert "member created" in {line["action"] for line in told.json()["audit"]}
    assert mine.get("self", f"/v1/members/{network.member}").status_code == 404
    assert mine.get("self", f"/v1/members/{ref}/export").status_code == 403
    assert mine.get("self", "/v1/members").status_code == 403
    assert mine.call("self", "DELETE", "/v1/me", if_match='"99"').status_code == 412
    assert mine.change("self", "DELETE", "/v1/me").status_code == 200
    assert mine.get("self", "/v1/me").status_code == 401
    assert network.get("admin", f"/v1/members/{ref}").status_code == 404
