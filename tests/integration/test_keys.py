"""Keys with roles, as `maillage key` makes them and as the database takes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner, Result

from api.http.errors import KeyInvalid
from api.keys.owner import create_key
from database.pool import Connection
from maillage.cli import app
from tests.conftest import Database

SETUP = """
INSERT INTO place (code, name, shard, latitude, longitude, source, source_id)
  VALUES ('a', 'A', 0, 45, 1, 't', '1'), ('b', 'B', 63, 46, 2, 't', '2');
INSERT INTO gateway (place, code, enrolled_at, retired_at)
  VALUES (1, 'a-g1', now(), NULL), (2, 'b-g1', now() - interval '1 day', now());
INSERT INTO member (ref, home) VALUES ('m-aaaa', 1);
"""


@pytest.fixture(scope="module")
def shared(postgres_url: str, _template: str) -> Iterator[Database]:
    """Yield a database with two places, a gateway and a member."""
    from tests.conftest import _drop, _on

    name = f"{_template}_keys"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {_template} STRATEGY file_copy".encode())
    with psycopg.connect(_on(postgres_url, name)) as connection:
        connection.execute(SETUP.encode())
    yield Database(url=_on(postgres_url, name))
    _drop(postgres_url, name)


@pytest.fixture
def owner(shared: Database) -> Iterator[Connection]:
    """Yield the owner's connection to a database without keys."""
    with psycopg.connect(shared.url, autocommit=True) as connection:
        connection.execute("TRUNCATE api_key RESTART IDENTITY CASCADE")
        yield connection


@pytest.mark.parametrize(
    ("words", "entered"),
    [
        ((), ("availability_reader", [], None, None, None)),
        (("--scope", "events:read", "--place", "a"), (None, ["events:read"], [1], None, None)),
        (("--scope", "admin"), (None, ["admin"], None, None, None)),
        (("--role", "network_administrator"), ("network_administrator", [], None, None, None)),
        (("--role", "place_manager", "--place", "b", "--place", "a"), ("place_manager", [], [1, 2], None, None)),
        (("--role", "front_desk", "--place", "b"), ("front_desk", [], [2], None, None)),
        (("--role", "auditor"), ("auditor", [], None, None, None)),
        (("--role", "gateway", "--gateway", "a-g1"), ("gateway", [], None, None, 1)),
        (("--role", "member", "--member", "m-aaaa"), ("member", [], None, "m-aaaa", None)),
    ],
)
def test_a_key_that_was_made_enters_with_its_role(
    shared: Database, owner: Connection, words: tuple[str, ...], entered: tuple[Any, ...]
) -> None:
    made = _maillage(shared, "create", "accueil", *words)
    assert made.exit_code == 0, made.exception
    key = made.stdout.strip()
    with psycopg.connect(shared.as_login("api_1")) as connection:
        row = connection.execute(
            "SELECT role, scopes, places, member, gateway, name FROM enter(%s, '', '')",
            (key,),
        ).fetchone()
    assert row == (*entered, "accueil")
    told = _maillage(shared, "list").output
    assert "accueil" in told and (entered[0] or entered[1][0]) in told and key not in told
    assert "last used" in told and "never" not in told  # entering is using


@pytest.mark.parametrize(
    ("words", "may"),
    [
        ((), "This key may: nothing but what is public. Places: all."),
        (("--scope", "events:read", "--place", "b"), "This key may: events:read. Places: b."),
        (("--role", "member", "--member", "m-aaaa"), "This key may: own. Places: all."),
    ],
)
def test_it_is_said_what_a_new_key_may_do(
    shared: Database, owner: Connection, words: tuple[str, ...], may: str
) -> None:
    assert _maillage(shared, "create", "accueil", *words).stderr == may + "\n"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"role": "king"}, "Unknown role king"),
        ({"role": "auditor", "scopes": ["admin"]}, "not both"),
        ({"role": "member"}, "A member's key names its member"),
        ({"role": "auditor", "member": "m-aaaa"}, "A member's key names its member"),
        ({"role": "member", "member": "m-none"}, "No such member: m-none"),
        ({"role": "gateway"}, "a gateway's its gateway"),
        ({"role": "gateway", "gateway": "b-g1"}, "No such gateway in service: b-g1"),
        ({"role": "network_administrator", "places": ["a"]}, "isn't bound to places"),
        ({"role": "member", "member": "m-aaaa", "places": ["a"]}, "isn't bound to places"),
        ({"role": "front_desk", "places": ["z"]}, "No such place: z"),
        ({"role": "front_desk", "places": []}, r"No such place: \(none given\)"),
        ({"scopes": ["admin"], "member": "m-aaaa"}, "Only a key with the role"),
        ({}, r"Unknown scope \(none given\)"),
    ],
)
def test_what_makes_no_sense_is_refused(owner: Connection, options: dict[str, Any], why: str) -> None:
    with pytest.raises(KeyInvalid, match=why):
        create_key(owner, "x", **options)
    assert owner.execute("SELECT count(*) FROM api_key").fetchone() == (0,)


def test_a_revoked_key_enters_no_more(shared: Database, owner: Connection) -> None:
    key = _maillage(shared, "create", "accueil", "--role", "auditor").stdout.strip()
    assert _maillage(shared, "revoke", "1").exit_code == 0
    with psycopg.connect(shared.as_login("api_1")) as connection:
        assert connection.execute("SELECT * FROM enter(%s, '', '')", (key,)).fetchall() == []


def _maillage(database: Database, *words: str) -> Result:
    return CliRunner().invoke(app, ["key", *words], env={"MAILLAGE_DATABASE_URL": database.url})


def test_a_muster_key_is_of_a_place_that_exists(shared: Database) -> None:
    settings = {"MAILLAGE_DATABASE_URL": shared.url, "MAILLAGE_CARD_SECRET": "5e" * 32}
    made = CliRunner().invoke(app, ["network", "muster-key", "b", "a"], env=settings)
    assert (made.exit_code, [line.partition("\t")[0] for line in made.stdout.splitlines()]) == (0, ["b", "a"])
    nowhere = CliRunner().invoke(app, ["network", "muster-key", "a", "nowhere"], env=settings)
    assert nowhere.exit_code != 0
    assert nowhere.stdout == ""
    assert "there is no place nowhere" in str(nowhere.exception)
