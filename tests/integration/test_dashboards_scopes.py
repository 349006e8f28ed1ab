"""Organisations and readers kept in step with places and managers: a stand-in for Grafana, and the real database."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from dashboards.errors import Forbidden
from dashboards.provisioning.organisations import Options, keep_in_step
from dashboards.provisioning.plan import Say
from dashboards.provisioning.scopes import Manager, key_of, read_readers, scopes_of
from dashboards.roles import drop_reader
from dashboards.settings import DashboardsSettings
from tests.api_server import shared_database
from tests.conftest import Database
from tests.integration.grafana_stand_in import TOKEN, StandIn, serve

Connection = psycopg.Connection[Any]
QUIET: Final[Say] = lambda _line: None  # noqa: E731


@pytest.fixture(scope="module")
def database(postgres_url: str, _template: str) -> Iterator[Database]:
    with shared_database(postgres_url, _template) as one:
        yield one


@pytest.fixture
def owner(database: Database) -> Iterator[Connection]:
    """Three places; Anne manages two of them, Bob one, Chloé the network."""
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute("DELETE FROM operator")
        connection.execute("DELETE FROM place")
        for code, name in (("fabrique", "La Fabrique"), ("hangar", "Le Hangar"), ("moulin", "L'Atelier d'à côté")):
            connection.execute(
                "INSERT INTO place (code, name, shard, latitude, longitude, source, source_id) "
                "VALUES (%s, %s, 0, 45, 1, 'test', %s)",
                (code, name, code),
            )
        people: list[tuple[str, str | None]] = [
            ("u-anne", "Anne@x.fr"),
            ("u-bob0", "bob@x.fr"),
            ("u-chlo", "chloe@x.fr"),
            ("u-none", None),
        ]
        for ref, mail in people:
            connection.execute("INSERT INTO operator (ref, name, email) VALUES (%s, 'X', %s)", (ref, mail))
        for who, role, at in (
            ("u-anne", "place_manager", "fabrique"),
            ("u-anne", "place_manager", "hangar"),
            ("u-bob0", "place_manager", "moulin"),
            ("u-none", "place_manager", "moulin"),
            ("u-chlo", "network_administrator", None),
            ("u-none", "front_desk", "hangar"),
        ):
            connection.execute(
                "INSERT INTO operator_role SELECT %s, %s, (SELECT id FROM place WHERE code = %s)", (who, role, at)
            )
        yield connection
        for name in read_readers(connection):
            drop_reader(connection, name)


@pytest.fixture
def options() -> Options:
    return Options(prefix=f"g{uuid.uuid4().hex[:8]}_")


@pytest.fixture(params=["9.2.2", "13.0.0"])
def grafana(request: pytest.FixtureRequest) -> Iterator[StandIn]:
    stand_in = StandIn(request.param)
    stand_in.logins |= {"anne": "anne@x.fr", "bob": "bob@x.fr", "guest": "guest@x.fr"}
    with serve(stand_in.answer) as url:
        stand_in.url = url
        yield stand_in


def _settings(database: Database, token: str = "admin:secret word") -> DashboardsSettings:
    return DashboardsSettings.model_validate(
        {"grafana_token": token, "grafana_database_url": database.url, "database_url": database.url}
    )


def _keep(grafana: StandIn, owner: Connection, options: Options, database: Database, say: Say = QUIET) -> None:
    settings = _settings(database)
    assert keep_in_step(grafana.url, owner, settings=settings, options=options, say=say, agree=lambda: True)


def _by_key(grafana: StandIn) -> dict[str, Any]:
    return {key: one for one in grafana.organisations.values() if (key := key_of(one.name)) is not None}


def _seen(database: Database, organisation: Any) -> list[str]:
    """The places that anybody in the organisation sees, whatever the statement: as its data source's user."""
    source = organisation.sources["maillage-report"]
    parts = urlsplit(database.url)
    netloc = f"{source['user']}:{organisation.passwords['maillage-report']}@{parts.hostname}:{parts.port}"
    with psycopg.connect(urlunsplit(parts._replace(netloc=netloc))) as connection:
        return [code for (code,) in connection.execute("SELECT place FROM report.place ORDER BY 1")]


def test_each_set_of_places_that_somebody_manages_is_a_scope() -> None:
    scopes = scopes_of(
        [
            Manager("u-anne", "a@x.fr", network=False, places=["b", "a", "a"]),
            Manager("u-bob0", None, network=False, places=["a", "b"]),
            Manager("u-chlo", None, network=True, places=[]),
            Manager("u-dora", None, network=False, places=["c"]),
        ],
        {"a": "L'Atelier d'à côté", "c": "Le Moulin (neuf)"},
    )
    assert [(one.places, len(one.managers)) for one in scopes] == [(None, 1), (("a", "b"), 2), (("c",), 1)]
    assert [one.organisation for one in scopes][::2] == [
        "Maillage · réseau (network)",
        "Maillage · Le Moulin (neuf) (c)",
    ]
    assert [key_of(one.organisation) for one in scopes] == [one.key for one in scopes]
    assert len({one.reader("grafana_") for one in scopes}) == 3
    assert key_of("Main Org.") is key_of("Maillage (c)") is None


def test_no_place_has_the_key_of_another_scope() -> None:
    both = Manager("u-anne", None, network=False, places=["a", "b"])
    (pair,) = scopes_of([both], {})
    codes = ["network", pair.key, "la_fabrique", "a.b"]
    alone = [Manager(f"u-{code}", None, network=False, places=[code]) for code in codes]
    scopes = scopes_of([Manager("u-chlo", None, network=True, places=[]), both, *alone], {})
    assert len({one.key for one in scopes}) == len(scopes) == 6
    assert [key_of(one.organisation) for one in scopes] == [one.key for one in scopes]


def test_organisations_readers_and_members(
    grafana: StandIn, owner: Connection, options: Options, database: Database
) -> None:
    _keep(grafana, owner, options, database)
    held = _by_key(grafana)
    assert len(held) == 3
    pair = next(one for key, one in held.items() if key not in {"network", "moulin"})
    assert [_seen(database, one) for one in (held["network"], pair, held["moulin"])] == [
        ["fabrique", "hangar", "moulin"], ["fabrique", "hangar"], ["moulin"],
    ]  # fmt: skip
    assert (pair.users, held["moulin"].users) == (
        {"admin": "Admin", "anne": "Editor"},
        {"admin": "Admin", "bob": "Editor"},
    )
    assert held["network"].users == {"admin": "Admin"}, "Chloé has never signed in to Grafana"
    assert [one["name"] for one in pair.accounts.values()] == ["maillage"]
    assert {len(one.dashboards) for one in held.values()} == {len(pair.dashboards)} != {0}
    assert "maillage-backup" in held["network"].rules
    assert "maillage-backup" not in pair.rules
    assert grafana.organisations[1].dashboards == {}, "the administrator's own organisation is left"
    # a second run writes nothing
    grafana.writes.clear()
    passwords = {key: dict(one.passwords) for key, one in held.items()}
    lines: list[str] = []
    _keep(grafana, owner, options, database, lines.append)
    assert grafana.writes == []
    assert {key: one.passwords for key, one in _by_key(grafana).items()} == passwords
    assert not any(line.startswith(("+", "~", "-")) for line in lines)


def test_a_scope_that_ends(grafana: StandIn, owner: Connection, options: Options, database: Database) -> None:
    _keep(grafana, owner, options, database)
    pair = next(one for key, one in _by_key(grafana).items() if key not in {"network", "moulin"})
    pair.dashboards["theirs"] = {"dashboard": {"uid": "theirs", "title": "Le mien"}, "meta": {"folderUid": ""}}
    pair.users["guest"] = "Viewer"
    other = deepcopy(_by_key(grafana)["moulin"])  # another network's
    other.id, other.name = max(grafana.organisations) + 1, "Maillage · Ailleurs (ailleurs)"
    grafana.organisations[other.id] = other
    other.sources["maillage-report"]["jsonData"]["database"] = "ailleurs"
    owner.execute("UPDATE operator SET ended_at = now() WHERE ref IN ('u-bob0', 'u-none')")
    owner.execute("DELETE FROM operator_role WHERE operator = 'u-anne'")
    owner.execute("INSERT INTO operator_role SELECT 'u-anne', 'place_manager', id FROM place WHERE code = 'hangar'")
    asked: list[str] = []
    settings = _settings(database)
    assert not keep_in_step(
        grafana.url, owner, settings=settings, options=options, say=asked.append, agree=lambda: False
    )
    assert any("people keep things in it: Le mien" in line for line in asked)
    assert len(read_readers(owner)) == 3
    _keep(grafana, owner, options, database)
    held = _by_key(grafana)
    assert "moulin" not in held, "all in it was ours"
    assert held["ailleurs"].sources, "another network's scope is theirs"
    assert _seen(database, held["hangar"]) == ["hangar"]
    assert set(pair.dashboards) == {"theirs"}
    assert (pair.sources, pair.rules) == ({}, {}), "no data any more"
    assert len(read_readers(owner)) == 2, "the readers of both scopes are gone"
    grafana.writes.clear()
    _keep(grafana, owner, options, database)
    assert grafana.writes == []


def test_what_changed_by_hand_is_set_right(
    grafana: StandIn, owner: Connection, options: Options, database: Database
) -> None:
    _keep(grafana, owner, options, database)
    moulin = _by_key(grafana)["moulin"]
    moulin.passwords["maillage-report"] = "an old one"
    moulin.users["anne"] = "Viewer"  # an operator, who doesn't manage it
    moulin.users["guest"] = "Viewer"  # nobody of ours
    owner.execute("DELETE FROM scope WHERE place = (SELECT id FROM place WHERE code = 'fabrique')")
    owner.execute("UPDATE place SET name = 'Le Moulin' WHERE code = 'moulin'")
    network = _by_key(grafana)["network"]
    del network.users["admin"]
    _keep(grafana, owner, options, database)
    held = _by_key(grafana)
    assert _seen(database, held["moulin"]) == ["moulin"]
    assert held["moulin"].name == "Maillage · Le Moulin (moulin)"
    assert set(held["moulin"].users) == {"admin", "bob", "guest"}
    pair = next(one for key, one in held.items() if key not in {"network", "moulin"})
    assert _seen(database, pair) == ["fabrique", "hangar"]
    assert "admin" in network.users


def test_a_token_is_not_enough(owner: Connection, options: Options, database: Database) -> None:
    grafana = StandIn()
    with serve(grafana.answer) as url, pytest.raises(Forbidden, match="server administrator"):
        keep_in_step(
            url, owner, settings=_settings(database, TOKEN), options=options, say=QUIET, agree=lambda: True
        )  # fmt: skip
