"""Card numbers at the centre: sealed by the API, opened by the rights process, another token at each place."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from access import code_token, decide, pin_hash
from gateway.contract.sealed import seal
from rights import history
from rights.card_secret import NUMBER, CardKeys, place_key
from rights.refresh import Refresher
from tests.cards import KEYS, SECRET, token_at
from tests.managed import Managed, managed
from tests.operated import Door, door, lists

CARD = "04A2245AC16D80"
DOORS: dict[str, Door] = {}


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as made:
        for place in ("limoges", "isle"):
            DOORS[place] = door(made, place)
        yield made


def _list(network: Managed, place: str) -> Any:
    ((number, version),) = network.sql(
        "SELECT p.id, l.version FROM place p JOIN access_list l ON l.place = p.id WHERE p.code = %s", place
    )
    with psycopg.connect(network.database.as_login("rights_1"), autocommit=True) as connection:
        return history.whole(connection, number, version)


def _pass(network: Managed, member: str, *places: str) -> None:
    answer = network.post("admin", f"/v1/members/{member}/passes", {"places": [{"place": one} for one in places]})
    assert answer.status_code == 201, answer.text


def test_a_card_opens_its_place_under_that_place_s_token_alone(network: Managed) -> None:
    member = network.someone("Zoé Orme")
    ref = network.card(member, CARD)
    _pass(network, member, "limoges", "isle")
    pin = network.change("admin", "PUT", f"/v1/members/{member}/pin", {"pin": "314159"})
    assert pin.status_code == 200, pin.text
    code = network.post("admin", f"/v1/members/{member}/cards", {"code_digits": 6}).json()["code"]
    with lists(network.database) as refresh:
        refresh()
    now = datetime.now(UTC)
    held = {place: _list(network, place) for place in ("limoges", "isle")}
    tokens = {place: token_at(place, CARD) for place in held}
    for place, other in (("limoges", "isle"), ("isle", "limoges")):
        assert decide(held[place], tokens[place], "entry", "in", now).granted
        assert decide(held[place], tokens[other], "entry", "in", now).reason == "unknown_card"
        key = place_key(SECRET, place)
        assert decide(held[place], code_token(key, code), "entry", "in", now, by="code").granted
        assert held[place].entries[tokens[place]].member.pin == pin_hash(key, member, "314159")
    assert held["isle"].entries.keys().isdisjoint(held["limoges"].entries.keys())
    # What was opened once isn't sealed any more, and the API's answer tells of a card that needs nothing.
    assert network.sql("SELECT count(*) FROM card_number WHERE sealed IS NOT NULL") == [(0,)]
    assert network.get("desk", f"/v1/cards/{ref}").json()["must_be_presented"] is False
    assert network.post("desk", "/v1/cards/find", {"number": CARD}).json()["ref"] == ref


def test_a_read_is_explained_by_the_token_of_its_place(network: Managed) -> None:
    number = "04B1335AC16D81"
    member = network.someone("Ada Frêne")
    ref = network.card(member, number)
    _pass(network, member, "limoges")
    with lists(network.database) as refresh:
        refresh()
    ((version,),) = network.sql(
        "SELECT l.version FROM access_list l JOIN place p ON p.id = l.place WHERE p.code = 'limoges'"
    )
    stream, seq = DOORS["limoges"].read(datetime.now(UTC), card=number, member=member, version=version)
    stranger = DOORS["limoges"].read(datetime.now(UTC), card="04000000000001", reason="unknown_card", version=version)
    unknown = network.post("desk", "/v1/decisions/explain", {"event": {"stream": stream, "seq": stranger[1]}}).json()
    assert (unknown["card"], len(unknown["hints"])) == (None, 2), unknown
    assert unknown["hints"][-1]["en"].startswith("To ask: "), "whom the member may turn to"
    told = network.post("desk", "/v1/decisions/explain", {"event": {"stream": stream, "seq": seq}})
    assert told.status_code == 200, told.text
    assert (told.json()["card"]["ref"], told.json()["hints"]) == (ref, [])
    asked = network.post("desk", "/v1/decisions/explain", {"place": "limoges", "door": "entry", "number": number})
    assert (asked.json()["card"]["ref"], asked.json()["decision"]) == (ref, "granted"), asked.text


def test_the_api_s_user_can_write_a_number_and_never_read_one(network: Managed) -> None:
    network.card(network.someone("Max Tilleul"), "04C1335AC16D82")
    with psycopg.connect(network.database.as_login("api_1"), autocommit=True) as connection:
        for statement in (
            "SELECT * FROM card_number",
            "SELECT sealed FROM card_number",
            "SELECT lookup FROM card_number",
            "UPDATE card_number SET sealed = NULL",
            "DELETE FROM card_number",
            "SELECT * FROM code_token",
            "INSERT INTO card_number (lookup, boxed) VALUES (sha256('x'), 'x')",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
    for login in ("ingest_1", "maintain_1", "grafana_1"):
        with (
            psycopg.connect(network.database.as_login(login)) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute("SELECT * FROM card_number")


def test_what_is_sealed_for_another_secret_or_under_another_card_opens_nothing(network: Managed) -> None:
    member = network.someone("Lou Cèdre")
    _pass(network, member, "limoges")
    others = CardKeys.of(bytes(32))
    for number, sealed in (
        ("04D1335AC16D83", others.seal("04D1335AC16D83")),
        ("04D1335AC16D84", seal(KEYS.sealing, b"04D1335AC16D85", NUMBER)),
    ):
        lookup = KEYS.found_by(number)
        network.centre.conn.execute("INSERT INTO card (lookup, member) VALUES (%s, %s)", (lookup, member))
        network.centre.conn.execute("INSERT INTO card_number (lookup, sealed) VALUES (%s, %s)", (lookup, sealed))
    with lists(network.database) as refresh:
        refresh()
    held = _list(network, "limoges")
    assert not {token_at("limoges", f"04D1335AC16D8{last}") for last in "345"} & held.entries.keys()


def test_a_card_from_before_must_be_presented_and_says_so(network: Managed) -> None:
    member = network.someone("Eve Aulne")
    _pass(network, member, "limoges")
    network.centre.conn.execute(
        "INSERT INTO card (ref, lookup, member, must_be_presented) VALUES ('c-before', sha256('old'), %s, true)",
        (member,),
    )
    with lists(network.database) as refresh:
        refresh()
    assert all(one.member.ref != member for one in _list(network, "limoges").entries.values()), "it opens nothing"
    assert network.get("desk", "/v1/cards/c-before").json()["must_be_presented"] is True
    again = network.post("desk", "/v1/cards/c-before/reissue", {})
    assert (again.status_code, again.json()["errors"][0]["name"]) == (409, "number"), again.text
    again = network.post("desk", "/v1/cards/c-before/reissue", {"number": "04E1335AC16D86"})
    assert (again.status_code, again.json()["must_be_presented"]) == (201, False), again.text
    with lists(network.database) as refresh:
        refresh()
    assert _list(network, "limoges").entries[token_at("limoges", "04E1335AC16D86")].member.ref == member


def test_codes_are_hashed_once(network: Managed) -> None:
    member = network.someone("Noé Saule")
    _pass(network, member, "limoges", "isle")
    network.post("admin", f"/v1/members/{member}/cards", {"code_digits": 6})
    with lists(network.database) as refresh:
        refresh()
    before = network.sql("SELECT place, lookup, token, xmin FROM code_token ORDER BY 1, 2")
    assert len(before) >= 2
    network.centre.conn.execute("INSERT INTO access_dirty (hurry) VALUES (true)")
    with psycopg.connect(network.database.as_login("rights_1"), autocommit=True) as connection:
        refresher = Refresher(lambda: datetime.now(UTC), card_secret=SECRET)
        refresher.begin(connection)
        while refresher.turn(connection) or refresher.waits:
            pass
    assert network.sql("SELECT place, lookup, token, xmin FROM code_token ORDER BY 1, 2") == before


def test_who_is_erased_leaves_no_number(network: Managed) -> None:
    number = "04F1335AC16D87"
    member = network.someone("Ivo Charme")
    network.card(member, number)
    network.post("admin", f"/v1/members/{member}/cards", {"code_digits": 6})
    _pass(network, member, "limoges")
    with lists(network.database) as refresh:
        refresh()
    lookups = [row[0] for row in network.sql("SELECT lookup FROM card WHERE member = %s", member)]
    assert len(lookups) == 2
    network.sql("SELECT forget_member(%s)", member)
    for table in ("card_number", "code_token", "card"):
        assert network.sql(f"SELECT count(*) FROM {table} WHERE lookup = ANY(%s)", lookups) == [(0,)]


def test_the_rows_show_no_number(network: Managed) -> None:
    number = "04A9335AC16D88"
    network.card(network.someone("Ana Bouleau"), number)
    rows = network.sql("SELECT to_jsonb(n) FROM card_number n") + network.sql("SELECT to_jsonb(c) FROM card c")
    kept = repr(rows) + repr(network.sql("SELECT body FROM audit_detail"))
    for secret in (number, number.encode().hex(), base64.b64encode(number.encode()).decode()):
        assert secret.lower() not in kept.lower()
