"""The push against a stand-in for Grafana over a real socket (no Grafana runs here; see `grafana_stand_in`)."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator
from typing import Any, Final

import psycopg
import pytest
from pydantic import SecretStr

from dashboards.build import dashboards
from dashboards.catalogue import DASHBOARDS
from dashboards.errors import (
    Conflict,
    Forbidden,
    GrafanaError,
    NotGrafana,
    ReaderError,
    Refused,
    TooOld,
    Unauthorized,
    Unreachable,
)
from dashboards.panels import DATA_SOURCE_UID
from dashboards.provisioning import connection as connecting
from dashboards.provisioning.boards import MARK
from dashboards.provisioning.push import Pushed, diff, push
from dashboards.settings import DashboardsSettings
from tests.api_server import shared_database
from tests.conftest import Database
from tests.integration.grafana_stand_in import TOKEN, VIEWER, Headers, Location, StandIn, serve


@pytest.fixture
def grafana() -> Iterator[StandIn]:
    stand_in = StandIn()
    with serve(stand_in.answer) as url:
        stand_in.url = url
        yield stand_in


NOWHERE: Final = "postgresql://reader:x@127.0.0.1:1/none"
"""For pushes that end before anybody connects."""


def _settings(database: str, token: str = TOKEN, **others: str) -> DashboardsSettings:
    return DashboardsSettings.model_validate(
        {"grafana_token": token, "grafana_database_url": database, "database_url": None, **others}
    )


@pytest.fixture(scope="module")
def database(postgres_url: str, _template: str) -> Iterator[Database]:
    """One for all these tests: a push only reads it."""
    with shared_database(postgres_url, _template) as one:
        yield one


@pytest.fixture
def settings(database: Database) -> DashboardsSettings:
    return _settings(database.as_login("grafana_1"))


@pytest.fixture
def old() -> Iterator[StandIn]:
    stand_in = StandIn("9.2.2")
    with serve(stand_in.answer) as url:
        stand_in.url = url
        yield stand_in


KINDS: Final = ("folder", "data source", "dashboard")
"""What these tests look at; alert rules have tests of their own."""
BOARDS: Final = {one.uid.fr for one in DASHBOARDS if one.audience == "viewer"}
EVERYTHING: Final = {"maillage", DATA_SOURCE_UID, *BOARDS}


def _changes(pushed: Pushed) -> dict[str, str]:
    """What a push did, by uid."""
    steps = [one for one in pushed.plan.steps if one.what in KINDS]
    assert {one.uid for one in steps} == EVERYTHING
    return {one.uid: one.outcome for one in steps if one.outcome != "unchanged"}


CREATED: Final = dict.fromkeys(EVERYTHING, "create")


def _built(uid: str) -> list[dict[str, Any]]:
    panels: list[dict[str, Any]] = dashboards()[uid]["panels"]
    return panels


def test_first_push_creates_everything_and_a_second_changes_nothing(
    grafana: StandIn, settings: DashboardsSettings
) -> None:
    first = push(grafana.url, settings=settings)
    assert _changes(first) == CREATED
    assert first.connected, first.connection
    assert set(grafana.dashboards) == BOARDS
    source = grafana.sources[DATA_SOURCE_UID]
    assert source["type"] == "grafana-postgresql-datasource"
    assert "database" not in source, "panels break from Grafana 12.2 on"
    assert source["jsonData"]["timescaledb"] is True
    grafana.writes.clear()
    second = push(grafana.url, settings=settings)
    assert _changes(second) == {}
    assert grafana.writes == []
    assert {one["dashboard"]["version"] for one in grafana.dashboards.values()} == {1}
    assert second.plan.writes == ()
    assert second.plan.lines()[0].startswith("Grafana 12.1.0 at http")


@pytest.mark.parametrize("end", ["", "/"])
def test_a_grafana_below_a_path(grafana: StandIn, settings: DashboardsSettings, end: str) -> None:
    def answer(method: str, path: str, body: dict[str, object], headers: Headers) -> tuple[int, object]:
        if not path.startswith("/monitoring/grafana/api/"):
            return 404, "<html>Not found</html>"
        return grafana.answer(method, path.removeprefix("/monitoring/grafana"), body, headers)

    with serve(answer) as url:
        assert _changes(push(f"{url}/monitoring/grafana{end}", settings=settings)) == CREATED


def test_user_and_password_serve_as_well(grafana: StandIn, database: Database) -> None:
    settings = _settings(database.as_login("grafana_1"), token="admin:secret word")
    assert _changes(push(grafana.url, settings=settings)) == CREATED


def test_what_people_changed_is_set_back_and_what_they_added_stays(
    grafana: StandIn, settings: DashboardsSettings
) -> None:
    push(grafana.url, settings=settings)
    grafana.dashboards["maillage-lieu"]["dashboard"]["panels"][1]["title"] = "Autre chose"
    grafana.dashboards["maillage-reseau"]["dashboard"]["links"][0]["extra"] = "kept"
    grafana.folders["maillage"]["title"] = "Renommé"
    grafana.sources[DATA_SOURCE_UID]["jsonData"]["database"] = "elsewhere"
    again = push(grafana.url, settings=settings)
    assert _changes(again) == {"maillage": "update", DATA_SOURCE_UID: "update", "maillage-lieu": "update"}
    assert grafana.dashboards["maillage-lieu"]["dashboard"]["panels"][1]["title"] == "Personnes présentes"
    assert grafana.dashboards["maillage-lieu"]["dashboard"]["version"] == 2
    assert _changes(push(grafana.url, settings=settings)) == {}


def test_a_grafana_before_10_2_3_finds_the_plugin_and_the_database(
    old: StandIn, settings: DashboardsSettings, database: Database
) -> None:
    first = push(old.url, settings=settings)
    assert _changes(first) == CREATED
    assert (first.connected, first.connection) == (True, "a query was answered"), "it has no health check"
    source = old.sources[DATA_SOURCE_UID]
    assert (source["type"], source["database"]) == ("postgres", source["jsonData"]["database"])
    assert "grafana-postgresql-datasource" not in repr(old.dashboards)
    assert _changes(push(old.url, settings=settings)) == {}
    old.sources.clear()
    wrong = _settings(database.as_login("grafana_1").replace("of-the-tests", "wrong"), database_url=database.url)
    refused = push(old.url, settings=wrong)
    assert not refused.connected
    assert "password authentication failed" in refused.connection


def test_after_an_update_of_grafana_the_source_is_as_the_new_one_wants_it(
    old: StandIn, grafana: StandIn, settings: DashboardsSettings
) -> None:
    push(old.url, settings=settings)
    grafana.organisations = old.organisations
    grafana.sources[DATA_SOURCE_UID]["type"] = "grafana-postgresql-datasource"  # Grafana's own doing
    assert _changes(push(grafana.url, settings=settings)) == dict.fromkeys({DATA_SOURCE_UID, *BOARDS}, "update")
    assert "database" not in grafana.sources[DATA_SOURCE_UID]


def test_what_people_add_inside_a_dashboard_is_kept(grafana: StandIn, settings: DashboardsSettings) -> None:
    push(grafana.url, settings=settings)
    board = grafana.dashboards["maillage-lieu"]["dashboard"]
    ours = len(board["panels"])
    word = {"id": 99, "type": "text", "title": "Le mot du jour", "gridPos": {"x": 0, "y": 2, "w": 6, "h": 4}}
    board["panels"].append(word)
    board["panels"].append({**board["panels"][1], "id": 100})  # one of ours, duplicated by hand
    board["panels"][1]["title"] = "Des gens"  # renamed, not added
    del board["panels"][2]
    board["templating"]["list"].append({"name": "humeur", "type": "custom"})
    board["annotations"]["list"].append({"name": "Travaux"})
    again = push(grafana.url, settings=settings)
    (step,) = [one for one in again.plan.steps if one.uid == "maillage-lieu"]
    assert [one for one in step.details if "isn't ours" in one] == [
        "keeps the panel 'Le mot du jour', which isn't ours",
        "keeps the panel 'Personnes présentes', which isn't ours",
        "keeps the variable 'humeur', which isn't ours",
        "keeps the annotation 'Travaux', which isn't ours",
    ]
    after = grafana.dashboards["maillage-lieu"]["dashboard"]
    assert [one["title"] for one in after["panels"][:3]] == [one["title"] for one in _built("maillage-lieu")[:3]]
    assert len(after["panels"]) == ours + 2
    bottom = max(one["gridPos"]["y"] + one["gridPos"]["h"] for one in after["panels"][:ours])
    assert all(one["gridPos"]["y"] >= bottom for one in after["panels"][ours:]), "below ours, over none of them"
    assert len({one["id"] for one in after["panels"]}) == ours + 2
    grafana.writes.clear()
    assert _changes(push(grafana.url, settings=settings)) == {}
    assert grafana.writes == []
    push(grafana.url, settings=settings, overwrite=True)
    assert len(grafana.dashboards["maillage-lieu"]["dashboard"]["panels"]) == ours


def test_an_older_releases_panel_goes_and_what_cannot_be_told_apart_is_asked_for(
    grafana: StandIn, settings: DashboardsSettings
) -> None:
    push(grafana.url, settings=settings)
    board = grafana.dashboards["maillage-lieu"]["dashboard"]
    (mark,) = [one for one in board["templating"]["list"] if one["name"] == MARK]
    board["panels"].append({"id": 77, "type": "text", "title": "D'avant"})
    mark["query"] += " 77:" + hashlib.sha256(b"D'avant").hexdigest()[:6] + ":-"
    push(grafana.url, settings=settings)
    assert len(board["panels"]) > len(grafana.dashboards["maillage-lieu"]["dashboard"]["panels"])
    # one that a release without marks pushed
    board = grafana.dashboards["maillage-lieu"]["dashboard"]
    board["templating"]["list"] = [one for one in board["templating"]["list"] if one["name"] != MARK]
    board["panels"].append({"id": 78, "type": "stat", "title": "Fourchette"})
    assert _changes(push(grafana.url, settings=settings)) == {"maillage-lieu": "update"}
    board = grafana.dashboards["maillage-lieu"]["dashboard"]
    board["templating"]["list"] = [one for one in board["templating"]["list"] if one["name"] != MARK]
    board["panels"].append({"id": 77, "type": "text", "title": "De qui ?"})
    grafana.writes.clear()
    with pytest.raises(Conflict, match=r"nothing was changed: .*De qui \?.*--overwrite"):
        push(grafana.url, settings=settings)
    assert grafana.writes == []
    push(grafana.url, settings=settings, overwrite=True)
    assert "De qui ?" not in str(grafana.dashboards)


def test_a_dashboard_of_somebody_else_with_our_uid_is_left(grafana: StandIn, settings: DashboardsSettings) -> None:
    push(grafana.url, settings=settings)
    grafana.dashboards["maillage-lieu"]["dashboard"]["tags"] = ["le mien"]
    with pytest.raises(Conflict, match="isn't ours"):
        push(grafana.url, settings=settings)


def test_a_diff_says_what_differs_and_writes_nothing(grafana: StandIn, settings: DashboardsSettings) -> None:
    push(grafana.url, settings=settings)
    assert not any("~" in line for line in diff(grafana.url, settings=settings).lines())
    grafana.dashboards["maillage-lieu"]["dashboard"]["panels"][1]["title"] = "Des gens"
    grafana.writes.clear()
    plan = diff(grafana.url, settings=settings)
    assert any('"Des gens" → "Personnes présentes"' in line for line in plan.lines())
    assert grafana.writes == []


def test_both_languages_stand_side_by_side(grafana: StandIn, settings: DashboardsSettings) -> None:
    push(grafana.url, settings=settings)
    push(grafana.url, settings=settings, languages=("en",))
    assert {uid: one["title"] for uid, one in grafana.folders.items()} == {
        "maillage": "Maillage",
        "maillage-en": "Maillage (English)",
    }
    assert grafana.dashboards["maillage-lieu-en"]["meta"]["folderUid"] == "maillage-en"
    grafana.writes.clear()
    both = push(grafana.url, settings=settings, languages=("fr", "en"))
    assert (both.plan.writes, grafana.writes) == ((), [])


def test_a_save_in_between_is_not_overwritten(grafana: StandIn, settings: DashboardsSettings) -> None:
    push(grafana.url, settings=settings)
    grafana.dashboards["maillage-lieu"]["dashboard"]["panels"][1]["title"] = "Des gens"

    def answer(method: str, path: str, body: dict[str, object], headers: Headers) -> tuple[int, object]:
        if (method, path) == ("POST", "/api/dashboards/db"):
            grafana.dashboards["maillage-lieu"]["dashboard"]["version"] += 1
        return grafana.answer(method, path, body, headers)

    with serve(answer) as url, pytest.raises(Conflict, match="changed by someone else"):
        push(url, settings=settings)
    assert grafana.dashboards["maillage-lieu"]["dashboard"]["panels"][1]["title"] == "Des gens"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_token_from_a_file_may_end_in_a_newline(grafana: StandIn, database: Database, end: str) -> None:
    settings = _settings(database.as_login("grafana_1") + end, token=TOKEN + end)
    assert push(grafana.url, settings=settings).connected


@pytest.mark.parametrize("token", ["glsa_a\nglsa_b", " glsa_a", "glsa_…"])
def test_what_no_token_holds_is_said_and_not_taken_for_silence(grafana: StandIn, token: str) -> None:
    with pytest.raises(Unauthorized, match="MAILLAGE_GRAFANA_TOKEN") as told:
        push(grafana.url, settings=_settings(NOWHERE, token=token))
    assert "glsa" not in str(told.value)


def test_a_dashboard_moved_elsewhere_comes_back(grafana: StandIn, settings: DashboardsSettings) -> None:
    push(grafana.url, settings=settings)
    grafana.dashboards["maillage-lieu"]["meta"]["folderUid"] = "other"
    assert _changes(push(grafana.url, settings=settings)) == {"maillage-lieu": "update"}


def test_a_changed_password_is_noticed_by_the_failing_connection(
    grafana: StandIn, settings: DashboardsSettings
) -> None:
    push(grafana.url, settings=settings)
    grafana.passwords[DATA_SOURCE_UID] = "an old one"
    again = push(grafana.url, settings=settings)
    assert again.connected
    assert _changes(again) == {DATA_SOURCE_UID: "update"}


def test_a_database_that_cannot_be_read_is_reported(grafana: StandIn, database: Database) -> None:
    settings = _settings(database.as_login("grafana_1").replace("of-the-tests", "wrong"), database_url=database.url)
    pushed = push(grafana.url, settings=settings)
    assert not pushed.connected
    assert "password authentication failed" in pushed.connection
    assert "CANNOT BE READ" in pushed.lines()[-1]
    assert set(grafana.dashboards) == BOARDS, "the dashboards are there all the same"


@pytest.mark.parametrize("login", ["postgres", "api_1", "ingest_1"])
@pytest.mark.parametrize("reachable", [True, False])
def test_who_is_no_reader_is_refused(grafana: StandIn, database: Database, login: str, reachable: bool) -> None:
    url = database.url if login == "postgres" else database.as_login(login)
    settings = _settings(url if reachable else NOWHERE.replace("reader", login), database_url=database.url)
    with pytest.raises(ReaderError, match=rf"user '{login}' is no reader.*maillage dashboards reader"):
        push(grafana.url, settings=settings)
    assert not grafana.sources, "its password never reaches Grafana"


def test_what_cannot_be_checked_is_refused(grafana: StandIn) -> None:
    with pytest.raises(ReaderError, match=r"can't be checked from here.*MAILLAGE_DATABASE_URL"):
        push(grafana.url, settings=_settings(NOWHERE))
    assert not grafana.sources


def test_the_pushed_source_reads_the_views(grafana: StandIn, settings: DashboardsSettings, database: Database) -> None:
    push(grafana.url, settings=settings)
    with psycopg.connect(database.as_login("grafana_1")) as connection:
        assert connection.execute("SELECT count(*) FROM report.place_now").fetchone() == (0,)


def test_a_wrong_token(grafana: StandIn) -> None:
    with pytest.raises(Unauthorized, match="MAILLAGE_GRAFANA_TOKEN"):
        push(grafana.url, settings=_settings(NOWHERE, token="glsa_wrong"))
    assert grafana.writes == []


def test_a_token_without_rights(grafana: StandIn, database: Database) -> None:
    with pytest.raises(Forbidden, match="role Admin"):
        push(grafana.url, settings=_settings(database.as_login("grafana_1"), token=VIEWER))


def test_nobody_there() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(Unreachable, match=url):
            push(url, settings=_settings(NOWHERE))


def test_somebody_who_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(Unreachable):
        push(f"http://127.0.0.1:{silent.getsockname()[1]}", settings=_settings(NOWHERE))


def test_a_grafana_that_stops_answering_in_the_middle(
    grafana: StandIn, settings: DashboardsSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "TIMEOUT_S", 0.5)
    over = threading.Event()

    def answer(method: str, path: str, body: dict[str, object], headers: Headers) -> tuple[int, object]:
        if (method, path) == ("POST", "/api/datasources"):
            over.wait(60)
        return grafana.answer(method, path, body, headers)

    said: list[str] = []
    with serve(answer) as url:
        try:
            with pytest.raises(Unreachable, match=r"didn't answer within 0\.5 s"):
                push(url, settings=settings, say=said.append)
        finally:
            over.set()
    assert said[-1].endswith("created folder 'Maillage'"), "what was done is said"


@pytest.mark.parametrize(
    ("status", "said"),
    [(200, "<html>Welcome</html>"), (404, "<html>Not found</html>"), (404, {"detail": "?"}), (200, {"status": "up"})],
)
def test_somebody_else_there(status: int, said: object) -> None:
    with serve(lambda *_: (status, said)) as url, pytest.raises(NotGrafana, match="not as Grafana"):
        push(url, settings=_settings(NOWHERE))


def test_a_login_page_in_front(grafana: StandIn, settings: DashboardsSettings) -> None:
    def redirect(method: str, path: str, body: dict[str, object], headers: Headers) -> tuple[int, object]:
        return 302, Location("https://login.example.org/")

    with serve(redirect) as url, pytest.raises(NotGrafana, match=r"login\.example\.org.*give the address"):
        push(url, settings=settings)

    def page(method: str, path: str, body: dict[str, object], headers: Headers) -> tuple[int, object]:
        if path == "/api/health":
            return grafana.answer(method, path, body, headers)
        return 200, "<html>Sign in</html>"

    with serve(page) as url, pytest.raises(NotGrafana, match="login page"):
        push(url, settings=settings)


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("13.4.1", "newer than what this release was made for"),
        ("14.0.0", "newer than what this release was made for"),
        ("9.1.0", "older than what this release was made for"),
        ("nightly", "doesn't say its version"),
    ],
)
def test_the_version_is_asked_first(settings: DashboardsSettings, version: str, said: str) -> None:
    grafana = StandIn("9.1.0" if version.startswith("9") else "13.0.0")
    grafana.version = version
    with serve(grafana.answer) as url:
        first = push(url, settings=settings)
        assert any(said in line for line in first.plan.lines()) is (version != "13.4.1")
        assert push(url, settings=settings).plan.writes == ()


def test_a_grafana_that_is_too_old() -> None:
    grafana = StandIn("8.5.27")
    with serve(grafana.answer) as url, pytest.raises(TooOld, match=r"8\.5\.27.*9\.2"):
        push(url, settings=_settings(NOWHERE))


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, Unauthorized), (403, Forbidden), (409, Conflict), (412, Conflict), (422, Refused), (500, Refused)],
)
def test_each_refusal_has_its_error(
    grafana: StandIn, settings: DashboardsSettings, status: int, kind: type[GrafanaError]
) -> None:
    grafana.fails["POST /api/dashboards/db"] = (status, {"message": "because"})
    with pytest.raises(kind) as told:
        push(grafana.url, settings=settings)
    assert "because" in str(told.value) or status == 401
    assert _changes(push(grafana.url, settings=settings)) == dict.fromkeys(BOARDS, "create"), "goes on from there"


def test_a_grafana_that_fails(grafana: StandIn, settings: DashboardsSettings) -> None:
    def answer(method: str, path: str, body: dict[str, object], headers: Headers) -> tuple[int, object]:
        if path.startswith("/api/folders"):
            return 500, {"message": "database is locked"}
        return grafana.answer(method, path, body, headers)

    with serve(answer) as url, pytest.raises(Refused, match="database is locked"):
        push(url, settings=settings)


@pytest.mark.parametrize("url", ["grafana:3000", "localhost", "ftp://host", "http://admin:secret@host:3000"])
def test_not_an_address(url: str) -> None:
    with pytest.raises(NotGrafana) as told:
        push(url, settings=_settings(NOWHERE))
    assert "secret" not in str(told.value)


def test_what_is_not_set_is_said() -> None:
    nothing = DashboardsSettings.model_validate({"grafana_token": None, "grafana_database_url": None})
    with pytest.raises(Unauthorized, match="MAILLAGE_GRAFANA_TOKEN"):
        push("http://127.0.0.1:1", settings=nothing)
    with pytest.raises(GrafanaError, match="MAILLAGE_GRAFANA_DATABASE_URL"):
        push("http://127.0.0.1:1", settings=nothing.model_copy(update={"grafana_token": SecretStr("x")}))


def test_pushes_at_once_leave_one_of_each(grafana: StandIn, settings: DashboardsSettings) -> None:
    push(grafana.url, settings=settings)
    results: list[Pushed] = []
    threads = [threading.Thread(target=lambda: results.append(push(grafana.url, settings=settings))) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert [_changes(one) for one in results] == [{}] * 4
