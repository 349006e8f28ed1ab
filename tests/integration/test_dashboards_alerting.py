"""Alert rules, contact points and the removal of everything, against a stand-in for Grafana over a real socket."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from dashboards.errors import Conflict
from dashboards.provisioning.delete import delete
from dashboards.provisioning.plan import Say
from dashboards.provisioning.pull import pull
from dashboards.provisioning.push import Pushed, push
from dashboards.provisioning.rules import RULES
from dashboards.roles import create_reader, drop_reader
from dashboards.settings import DashboardsSettings
from tests.api_server import shared_database
from tests.conftest import Database
from tests.integration.grafana_stand_in import TOKEN, StandIn, serve

TOLD: Final = {"grafana_alert_mail": "a@x.fr, b@x.fr", "grafana_alert_webhook": "https://hook.example.org/x"}
QUIET: Final[Say] = lambda _line: None  # noqa: E731


@pytest.fixture(scope="module")
def database(postgres_url: str, _template: str) -> Iterator[Database]:
    with shared_database(postgres_url, _template) as one:
        with psycopg.connect(one.url, autocommit=True) as owner:
            owner.execute("INSERT INTO scope (role, place) VALUES ('grafana_1', NULL)")
        yield one


@pytest.fixture(params=["9.2.2", "10.4.1", "11.6.0", "13.0.0"])
def grafana(request: pytest.FixtureRequest) -> Iterator[StandIn]:
    stand_in = StandIn(request.param)
    with serve(stand_in.answer) as url:
        stand_in.url = url
        yield stand_in


def _settings(database: Database, **others: str) -> DashboardsSettings:
    return DashboardsSettings.model_validate(
        {"grafana_token": TOKEN, "grafana_database_url": database.as_login("grafana_1"), "database_url": None, **others}
    )


def _outcomes(pushed: Pushed, *what: str) -> list[str]:
    return [one.outcome for one in pushed.plan.steps if one.what in (what or ("alert rule",))]


def test_rules_come_once_and_stay(grafana: StandIn, database: Database) -> None:
    settings = _settings(database, **TOLD)
    first = push(grafana.url, settings=settings)
    assert _outcomes(first) == ["create"] * len(RULES)
    assert set(grafana.rules) == {one.uid for one in RULES}
    dark = grafana.rules["maillage-dark"]
    assert (dark["title"], dark["noDataState"], dark["provenance"]) == ("Lieu sans nouvelles", "NoData", "api")
    assert {one["type"]: one["settings"].get("addresses") for one in grafana.contacts.values()} == {
        "email": "a@x.fr;b@x.fr",
        "webhook": None,
    }
    if grafana.known >= (11, 0):
        assert dark["notification_settings"]["receiver"] == "Maillage"
        assert grafana.policies["routes"] == []
    else:
        assert [one["receiver"] for one in grafana.policies["routes"]] == ["Maillage"]
    grafana.writes.clear()
    again = push(grafana.url, settings=settings, languages=("fr", "en"))
    assert _outcomes(again) == ["unchanged"] * len(RULES)
    assert not any("provisioning" in one for one in grafana.writes)


def test_what_people_changed_is_set_back_but_for_a_pause(grafana: StandIn, database: Database) -> None:
    settings = _settings(database)
    notes = push(grafana.url, settings=settings).plan.notes
    assert any("MAILLAGE_GRAFANA_ALERT_MAIL" in one for one in notes)
    grafana.rules["maillage-dark"].update({"isPaused": True, "for": "9h"})
    grafana.rules["theirs"] = {**copy.deepcopy(grafana.rules["maillage-dark"]), "uid": "theirs", "title": "La leur"}
    theirs = copy.deepcopy(grafana.rules["theirs"])
    again = push(grafana.url, settings=settings)
    (step,) = [one for one in again.plan.steps if one.outcome == "update"]
    assert step.details == ('for: "9h" → "0s"',)
    assert grafana.rules["maillage-dark"]["isPaused"] is True
    assert grafana.rules["theirs"] == theirs


def test_other_routes_and_contact_points_are_left(grafana: StandIn, database: Database) -> None:
    theirs = {"receiver": "grafana-default-email", "object_matchers": [["team", "=", "x"]]}
    grafana.policies["routes"].append(theirs)
    push(grafana.url, settings=_settings(database, **TOLD))
    assert grafana.policies["routes"][-1] == theirs
    # no longer set: ours go, the rules first
    after = push(grafana.url, settings=_settings(database))
    assert (grafana.contacts, grafana.policies["routes"]) == ({}, [theirs])
    assert _outcomes(after, "contact point") == ["delete"] * 2
    assert push(grafana.url, settings=_settings(database)).plan.writes == ()
    grafana.contacts["theirs"] = {"uid": "theirs", "name": "Maillage", "type": "email", "settings": {"addresses": "x"}}
    with pytest.raises(Conflict, match=r"named 'Maillage'.*isn't ours"):
        push(grafana.url, settings=_settings(database, **TOLD))


def test_policies_that_a_file_provisions_are_left(database: Database) -> None:
    grafana = StandIn("10.4.1")
    grafana.policies["provenance"] = "file"
    with serve(grafana.answer) as url:
        pushed = push(url, settings=_settings(database, **TOLD))
        assert _outcomes(pushed, "notification policy") == ["leave"]
        assert any("add there a route" in line for line in pushed.plan.lines())


def test_a_reader_of_some_places_gets_their_rules_only(grafana: StandIn, database: Database) -> None:
    name = f"reader_{uuid.uuid4().hex[:12]}"
    parts = urlsplit(database.url)
    url = urlunsplit(parts._replace(netloc=f"{name}:x@{parts.hostname}:{parts.port}"))
    with psycopg.connect(database.url, autocommit=True) as owner:
        owner.execute(
            "INSERT INTO place (code, name, shard, latitude, longitude, source, source_id) "
            "VALUES (%s, 'X', 0, 45, 1, 'test', %s)",
            (name.replace("_", "-"), name),
        )
        push(grafana.url, settings=_settings(database))
        create_reader(owner, name, "x", [name.replace("_", "-")])
        try:
            pushed = push(grafana.url, settings=_settings(database, grafana_database_url=url))
        finally:
            drop_reader(owner, name)
    assert set(grafana.rules) == {one.uid for one in RULES if one.scope == "place"}, "those of the centre go"
    assert any("alert rules on the centre" in one for one in pushed.plan.notes)


def test_a_removal_takes_ours_and_nothing_else(grafana: StandIn, database: Database) -> None:
    settings = _settings(database, **TOLD)
    push(grafana.url, settings=settings, languages=("fr", "en"))
    asked: list[str] = []
    assert not delete(grafana.url, settings=settings, say=asked.append, agree=lambda: False)
    assert any(line.startswith("- delete") for line in asked)
    assert len(grafana.rules) == len(RULES), "nothing is done before the answer"
    theirs = {
        "dashboard": {"uid": "theirs", "title": "Le mien", "id": 99, "version": 1},
        "meta": {"folderUid": "maillage"},
    }
    grafana.dashboards["theirs"] = theirs
    assert delete(grafana.url, settings=settings, say=asked.append, agree=lambda: True)
    assert (grafana.rules, grafana.contacts, set(grafana.dashboards)) == ({}, {}, {"theirs"})
    assert set(grafana.folders) == {"maillage"}
    assert set(grafana.sources) == {"maillage-report"}, "theirs may read through it"
    del grafana.dashboards["theirs"]
    assert delete(grafana.url, settings=settings, say=QUIET, agree=lambda: True)
    assert (grafana.folders, grafana.sources) == ({}, {})
    grafana.writes.clear()
    assert delete(grafana.url, settings=settings, say=QUIET, agree=lambda: pytest.fail("nothing to ask"))
    assert grafana.writes == []


def test_a_dashboard_with_panels_of_people_is_not_removed(database: Database) -> None:
    grafana, settings = StandIn(), _settings(database)
    with serve(grafana.answer) as url:
        push(url, settings=settings)
        board = grafana.dashboards["maillage-lieu"]["dashboard"]
        board["panels"].append({"id": 99, "type": "text", "title": "Le mot du jour"})
        assert delete(url, settings=settings, say=QUIET, agree=lambda: True)
        assert set(grafana.dashboards) == {"maillage-lieu"}
        assert delete(url, settings=settings, say=QUIET, agree=lambda: True, overwrite=True)
        assert grafana.dashboards == {}


def test_a_dashboard_edited_in_grafana_is_fetched(database: Database) -> None:
    grafana, settings = StandIn(), _settings(database)
    with serve(grafana.answer) as url:
        push(url, settings=settings)
        assert pull(url, "maillage-lieu", settings=settings).lines() == ["as in this release"]
        board: dict[str, Any] = grafana.dashboards["maillage-lieu"]["dashboard"]
        board["panels"].append({"id": 99, "type": "text", "title": "Le mot du jour"})
        board["panels"][1]["title"] = "Des gens"
        pulled = pull(url, "maillage-lieu", settings=settings)
        grafana.dashboards["theirs"] = {"dashboard": {"uid": "theirs", "title": "x", "panels": []}, "meta": {}}
        assert not pull(url, "theirs", settings=settings).ours
    assert pulled.lines()[0] == "added: the panel 'Le mot du jour'"
    assert any('"Personnes présentes" → "Des gens"' in line for line in pulled.lines())
    assert "id" not in pulled.board
    assert "maillage_pushed" not in str(pulled.board)
