"""Every panel's query on the real database, as a reader, and what readers may not see."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from zoneinfo import ZoneInfo

import psycopg
import pytest

from dashboards import build, catalogue, doors, network, over_time, place, reasons
from dashboards.preview.draw import draw
from dashboards.roles import create_reader, drop_reader
from dashboards.words import LANGUAGES
from jobs.history import gather
from jobs.rollup import quarter_of
from tests.conftest import Database
from tests.grafana_macros import Window
from tests.integration.dashboards_grafana import Rows, choose, run_panel
from tests.integration.dashboards_rows import CARD, MEMBER, fill
from tests.staleness import CASES, TTL_S, Case

Connection = psycopg.Connection[Any]
Reader = Callable[..., Connection]


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def owner(database: Database, now: datetime) -> Iterator[Connection]:
    with psycopg.connect(database.url, autocommit=True) as connection:
        with connection.transaction():
            fill(connection, now)
        yield connection


@pytest.fixture
def reader(database: Database, owner: Connection) -> Iterator[Reader]:
    """A function that makes a reader of places (none: of the network) and returns its connection."""
    made: list[tuple[str, Connection]] = []

    def make(*places: str, security: bool = False) -> Connection:
        name = f"reader_{uuid.uuid4().hex[:12]}"
        create_reader(owner, name, "of the test", places or None, security=security)
        parts = urlsplit(database.url)
        netloc = f"{name}:of%20the%20test@{parts.hostname}:{parts.port}"
        connection = psycopg.connect(urlunsplit(parts._replace(netloc=netloc)), autocommit=True)
        made.append((name, connection))
        return connection

    yield make
    for name, connection in made:
        connection.close()
        drop_reader(owner, name)


def _views(owner: Connection) -> list[str]:
    rows = owner.execute(
        "SELECT c.relname FROM pg_class c "
        "WHERE c.relnamespace = 'report'::regnamespace AND c.relname <> 'line' ORDER BY 1"
    )
    return [name for (name,) in rows]


def _run(connection: Connection, uid: str, now: datetime, *, days: float = 0.5, **chosen: list[str]) -> dict[str, Rows]:
    window = Window(start=now - timedelta(days=days), end=now, interval=timedelta(minutes=15))
    dashboard = build.dashboards()[uid]
    window = choose(connection, dashboard, window, chosen)
    return {panel["title"]: run_panel(connection, panel, window) for panel in dashboard["panels"]}


def _at(rows: Rows, *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(row[column] for column in columns) for row in rows]


def test_every_panel_of_the_place(reader: Reader, now: datetime) -> None:
    data = _run(reader(), place.UID.fr, now, place=["atelier"])

    def ago(**units: float) -> datetime:
        return now - timedelta(**units)

    assert data[""] == [{"Lieu": "L'Atelier · Bordeaux"}]
    assert data["Personnes présentes"] == [{"Présents": 7}]
    assert data["Occupation"] == [{"Occupation": 35.0}]
    assert data["Fourchette"] == [{"Sans doute au moins": 6, "Sans doute au plus": 8, "Capacité": 20}]
    assert data["Places libres"] == [{"Libres": 4, "Lieu": 2}]
    assert data["Qualité"] == [{"Qualité": 1}]
    assert data["Vrai"][0]["Vrai"] == pytest.approx(now.timestamp() * 1000, abs=1), "the gateway was just heard"
    assert data["Passerelle"] == [{"Passerelle": 1}]
    assert _at(data["La journée"], "time", "Présents", "Sans doute au moins", "Sans doute au plus", "Capacité") == [
        (ago(hours=12), 0, 0, 1, 20),
        (ago(hours=3), 4, 3, 5, 20),
        (ago(hours=1), 9, 8, 10, 20),
        (ago(minutes=30), 7, 6, 8, 20),
        (now, 7, 6, 8, 20),
    ]
    columns = ("Espace", "Présents", "Capacité", "Occupation", "Qualité", "Libres", "Postes inconnus")
    assert _at(data["Espaces"], *columns) == [
        ("Fab lab", None, 4, None, 0, None, 0),
        ("Grande salle", 3, 8, 37.5, 2, 4, 1),
    ]
    assert _at(data["Postes"], "Poste", "État") == [("Poste 1", 1), ("Poste 2", 0), ("Poste 3", None)]
    assert data["Portes"] == [
        {
            "Porte": "Entrée",
            "État": 0,
            "Depuis": ago(minutes=29),
            "Entrées": 3,
            "Sorties": 1,
            "Refus": 3,
            "Forcée": 0,
            "Maintenue": 1,
        }
    ]
    assert _at(data["Les postes dans la journée"], "time", "metric", "state") == [
        (ago(hours=12), "Poste 1", 0),
        (ago(hours=12), "Poste 2", 2),
        (ago(hours=12), "Poste 3", 2),
        (ago(minutes=50), "Poste 1", 1),
        (ago(minutes=45), "Poste 2", 1),
        (ago(minutes=40), "Poste 2", 0),
        (ago(minutes=20), "Poste 3", 2),
        (now, "Poste 1", 1),
        (now, "Poste 2", 0),
        (now, "Poste 3", 2),
    ]
    hours = data["Passages par heure"]
    assert [sum(row[name] for row in hours) for name in ("Entrées", "Sorties", "Refus")] == [3, 1, 3]
    zone = ZoneInfo("Europe/Paris")
    assert [row["Heure"] for row in hours] == [f"{ago(hours=n).astimezone(zone):%Hh}" for n in range(12, -1, -1)]
    assert _at(data["Refus par motif"], "Porte", "Motif", "Refus") == [
        ("Entrée", "unknown_card", 2),
        ("Entrée", "outside_schedule", 1),
    ]
    assert _at(data["Passerelles du lieu"], "Passerelle", "État", "En attente", "Horloge", "En défaut") == [
        ("atelier-1", 1, 0, 12.5, 0)
    ]
    ahead = data["Les douze prochaines heures"]
    assert _at(ahead, "Prévus", "Sans doute au moins", "Sans doute au plus") == [(4, 1, 7)] * 2, "for a quarter hour"
    arrivals = data["Arrivées par quart d'heure"]
    assert sum(row["Arrivées"] for row in arrivals) == 3
    assert {row["D'habitude"] for row in arrivals} == {2}
    assert [row["Heure"] for row in arrivals][-1] == f"{now.astimezone(zone):%Hh}{now.minute // 15 * 15:02}"
    assert data["Appareils"] == [{"Bien": 0, "En défaut": 0, "Muets": 0, "Jamais entendus": 6}]
    assert _at(data["Alarmes du lieu"], "Genre") == [("aucune alarme",)]


def test_every_panel_of_the_place_over_time(reader: Reader, now: datetime) -> None:
    data = _run(reader(), over_time.UID.fr, now, days=30, place=["atelier"])
    assert data["Fréquentation"] == [{"Pointe": 5, "Moyenne": 4, "Heures-personnes": pytest.approx(1.0)}]
    assert data["Temps connu"] == [{"Connu": 100}]
    assert data["Réservations et absences"] == [{"Réservations": 1, "Absences": 1}]
    assert data["Écart aux comptages"] == [{"Écart moyen": pytest.approx(11.0)}]
    week = data["La semaine, heure par heure"]
    assert [row["Jour"] for row in week] == ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"]
    at = (now - timedelta(hours=2)).astimezone(ZoneInfo("Europe/Paris"))
    assert week[at.weekday()][f"{at.hour} h"] == pytest.approx(22.5, abs=1), (
        "4.5, and 4 for a fifth of a quarter, of 20"
    )
    assert sum(value is not None for row in week for name, value in row.items() if name != "Jour") in {1, 2}
    days = data["Pointe et moyenne"]
    assert len(days) == 31
    yesterday = now.date() - timedelta(days=1)
    assert [row for row in days if row["Moyenne"] is not None] == [
        {"Jour": f"{yesterday:%d/%m}", "Moyenne": 4, "Pointe": 5}
    ]
    assert _at(data["Usage des postes"], "Heures occupées") == [(pytest.approx(300 / 3600),)]
    assert sum(row["Absences"] for row in data["Réservations"]) == 1
    assert sum(row["Demi-journées"] for row in data["Forfaits utilisés"]) == 1
    assert _at(data["Refus par motif"], "Motif", "Refus", "Part") == [
        ("outside_schedule", 2, 25.0),
        ("unknown_card", 2, 25.0),
    ]
    assert _at(data["Sept jours, par quart d'heure"], "Moyenne", "Pointe", "Capacité") == [
        (4.5, 6, 20),
        (4.5, 6, 20),  # up to the quarter's end, since no line is drawn from a value to a gap
        (None, None, 20),
    ]
    # published 4, 4, 9, 9, 7 (each more or less one), counted 5, 4, 9, 0, 8
    columns = (
        "Où",
        "Comptages",
        "Comparés",
        "Écart moyen",
        "En % de la capacité",
        "Dans l'intervalle",
        "Occupé à tort",
    )
    assert _at(data["Les nombres face aux comptages"], *columns) == [
        (where, 5, 5, pytest.approx(2.2), pytest.approx(11.0), pytest.approx(80.0), 1)
        for where in ("tout", "L'Atelier")
    ]


def test_every_panel_of_the_doors(reader: Reader, now: datetime) -> None:
    data = _run(reader(security=True), doors.UID.fr, now, place=["atelier"])
    assert data["Décisions"] == [{"Accordés": 4, "Refusés": 3, "Badges": 1}]
    assert data["Portes en défaut"] == [{"Forcées": 0, "Maintenues": 1, "Sabotages": 0}]
    assert [sum(row[name] for row in data["Décisions par heure"]) for name in ("Accordés", "Refusés")] == [4, 3]
    ((who, *refused),) = _at(data["Les plus refusés"], "Qui", "Membre", "Refus", "Dernier motif", "Porte")
    assert refused == [1, 3, "outside_schedule", "Entrée"]
    ((trouble, *before),) = _at(data["Portes forcées, tenues ouvertes, sabotées"], "État", "Porte", "Accès d'avant")
    assert (trouble, before) == (3, ["Entrée", who]), "held open after an access"
    assert len(data["Chaque décision"]) == 7
    assert {row["Qui"] for row in data["Chaque décision"]} == {who}
    without = _run(reader(), doors.UID.fr, now, place=["atelier"])
    assert without["Décisions"] == [{"Accordés": 0, "Refusés": 0, "Badges": 0}]
    assert _at(without["Chaque décision"], "Quand", "Qui") == [("aucune décision", None)]
    assert who not in repr(without)


def test_a_place_without_its_gateway_is_unknown_and_not_empty(reader: Reader, now: datetime) -> None:
    data = _run(reader(), place.UID.fr, now, place=["grange"])
    assert data["Personnes présentes"] == [{"Présents": None}]
    assert data["Occupation"] == [{"Occupation": None}]
    assert data["Qualité"] == [{"Qualité": 3}]
    assert data["Passerelle"] == [{"Passerelle": 3}]
    arrivals = [row["Arrivées"] for row in data["Arrivées par quart d'heure"]]
    assert (arrivals[0], arrivals[-1]) == (0, None), "who came since the gateway was last heard isn't known"
    assert _at(data["La journée"], "time", "Présents") == [
        (now - timedelta(hours=2), 5),
        (now - timedelta(minutes=28, milliseconds=1), 5),  # or the last known stretch is not drawn
        (now - timedelta(minutes=28), None),  # the last word was true for 120 s
        (now, None),
    ]


def test_a_window_in_the_past_ends_without_the_present(reader: Reader, now: datetime) -> None:
    connection = reader()
    window = Window(
        start=now - timedelta(hours=4),
        end=now - timedelta(hours=2),
        variables={"place": ["atelier"], "department": ["33"]},
    )
    dashboard = build.dashboards()[place.UID.fr]
    curve = next(one for one in dashboard["panels"] if one["title"] == "La journée")
    assert _at(run_panel(connection, curve, window), "time", "Présents") == [
        (window.start, 0),
        (now - timedelta(hours=3), 4),
        (window.end, 4),  # what held then, not what is so now
    ]


def test_every_panel_of_the_network(reader: Reader, now: datetime) -> None:
    data = _run(reader(), network.UID.fr, now)
    assert data["Personnes présentes"] == [{"Présents": 7.0}]
    assert data["Occupation"] == [{"Occupation": 35.0}]
    assert data["Places libres"] == [{"Libres": None, "Horaires inconnus": 4.0}], "8 seats to work at, 3 or 4 taken"
    assert data["Lieux connus"] == [{"Connus": 1, "Équipés": 3}]
    assert data["Sans nouvelles"] == [{"Sans nouvelles": 2}]
    assert data["Alarmes ouvertes"] == [{"Alarmes": 2}]
    assert _at(data["Lieux, du plus au moins rempli"], "Lieu", "Occupation", "Qualité", "code") == [
        ("L'Atelier · Bordeaux", 35.0, 1, "atelier"),
        ("La Grange · Angoulême", None, 3, "grange"),
        ("Le Moulin · Limoges", None, 0, "moulin"),
    ]
    assert _at(data["Carte"], "code", "latitude", "longitude", "Occupation") == [
        ("atelier", 44.8, -0.6, 35.0),
        ("grange", 45.6, 0.2, None),
        ("moulin", 45.8, 1.3, None),
    ]
    (total,) = data["Personnes présentes dans le réseau"]  # nothing is summed up yet: what is so now
    assert (total["Présents"], total["Lieux connus"]) == (7, 1), "what went stale doesn't count any more"
    assert _at(data["Places libres par département"], "Département", "Libres", "Connus", "Équipés") == [
        ("16", None, 0, 1),
        ("33", None, 1, 1),
        ("87", None, 0, 1),
    ], "nobody knows whether they are open"
    assert _at(data["Lieux sans nouvelles"], "code", "Raison", "Depuis") == [
        ("moulin", 0, None),
        ("grange", 3, now - timedelta(minutes=30)),
    ]
    assert _at(data["Alarmes"], "Genre", "Lieu") == [
        ("unknown_gateway", "le réseau"),
        ("epoch_change", "La Grange · Angoulême"),
    ]
    assert _at(data["Passerelles à regarder"], "Passerelle", "État") == [("moulin-1", 0), ("grange-1", 3)]


def test_after_a_quiet_weekend_what_was_last_said_still_holds(reader: Reader, owner: Connection, now: datetime) -> None:
    """A log of changes is not a series of samples: the state is the last change's, however long ago that was."""
    (moved,) = owner.execute("DELETE FROM occupancy_change WHERE place = 1 RETURNING space").fetchall()[:1]
    owner.execute("DELETE FROM event WHERE kind = 5")
    friday = now - timedelta(days=60)
    owner.execute(
        "INSERT INTO occupancy_change SELECT %s, place, id, 7, 6, 8, 20, 'live' FROM space WHERE id = %s",
        (friday, *moved),
    )
    owner.execute(
        "INSERT INTO event (at, received_at, tx, stream, seq, place, device, kind, state) "
        "SELECT %s, %s, 1, 1, 1, place, id, 5, 1 FROM device WHERE code = 'seat-1'",
        (friday, friday),
    )
    owner.execute("UPDATE space_state SET at = now() - interval '1 minute'")
    connection = reader()
    place_data = _run(connection, place.UID.fr, now, place=["atelier"])
    start = now - timedelta(hours=12)
    assert _at(place_data["La journée"], "time", "Présents") == [(start, 7), (now, 7)]
    desks = [row for row in place_data["Les postes dans la journée"] if row["time"] == start]
    assert _at(desks, "metric", "state") == [("Poste 1", 1), ("Poste 2", 2), ("Poste 3", 2)]


def test_where_nobody_is_known_the_networks_curve_has_a_gap_and_is_drawn_up_to_it(
    reader: Reader, owner: Connection, now: datetime
) -> None:
    gone = quarter_of(now) - timedelta(hours=2)
    owner.execute(
        "INSERT INTO occupancy_15m (at, place, space, mean, peak, known, capacity) "
        "SELECT %s - n * interval '15 minutes', s.place, s.id, 5, 5, 1, 10 FROM space s JOIN place p ON p.id = s.place "
        "CROSS JOIN generate_series(1, 8) n WHERE p.code = 'grange'",
        (gone,),
    )
    gather(owner, {2: gone - timedelta(hours=2)}, quarter_of(now))
    total = _run(reader(), network.UID.fr, now, department=["16"])["Personnes présentes dans le réseau"]
    shown = [(row["time"], row["Présents"], row["Lieux connus"]) for row in total]
    known = [one for one in shown if one[1] is not None]
    assert known[0] == (gone - timedelta(hours=2), 5, 1)
    assert known[-1] == (gone - timedelta(milliseconds=1), 5, 1), "or the last known stretch is not drawn"
    assert (gone, None, 0) in shown, "not known is not nobody"
    assert shown[-1][1:] == (None, 0)


def test_what_is_stale_since_long_is_unknown_at_the_windows_start(
    reader: Reader, owner: Connection, now: datetime
) -> None:
    owner.execute("UPDATE gateway_state SET online = false, heard_at = now() - interval '3 days', complete_at = NULL")
    owner.execute("UPDATE space_state SET at = now() - interval '3 days'")
    owner.execute(  # a row can't be moved into another chunk
        "WITH old AS (DELETE FROM occupancy_change RETURNING *)"
        " INSERT INTO occupancy_change (at, place, space, present, low, high, capacity, quality)"
        " SELECT at - interval '4 days', place, space, present, low, high, capacity, quality FROM old"
    )
    connection = reader()
    data = _run(connection, place.UID.fr, now, place=["atelier"])
    assert _at(data["La journée"], "time", "Présents") == [(now - timedelta(hours=12), None), (now, None)]
    states = {row["metric"]: row["state"] for row in data["Les postes dans la journée"]}
    assert set(states.values()) == {2}
    total = _run(connection, network.UID.fr, now)["Personnes présentes dans le réseau"]
    assert {row["Présents"] for row in total} == {None}


def test_desks_are_sorted_as_people_count(reader: Reader, owner: Connection, now: datetime) -> None:
    owner.execute(
        "INSERT INTO desk (place, space, code, name) "
        "SELECT place, space, 'x' || n, 'Poste ' || n FROM desk, unnest(ARRAY[10, 11]) n WHERE code = 'd1'"
    )
    data = _run(reader(), place.UID.fr, now, place=["atelier"])
    expected = ["Poste 1", "Poste 2", "Poste 3", "Poste 10", "Poste 11"]
    assert [row["Poste"] for row in data["Postes"]] == expected
    # Grafana sorts the lines of a timeline by their names as texts
    lines = sorted({row["metric"] for row in data["Les postes dans la journée"]})
    assert [" ".join(one.split()) for one in lines] == expected


@pytest.mark.parametrize(
    ("name", "width", "expected"),
    [
        ("Poste 2", 2, "Poste  2"),
        ("Poste 10", 2, "Poste 10"),
        ("Table 3, place 12", 3, "Table   3, place  12"),
        ("Poste 1024", 2, "Poste 1024"),
        ("Accueil", 2, "Accueil"),
    ],
)
def test_numbers_in_names_are_aligned(reader: Reader, name: str, width: int, expected: str) -> None:
    assert reader().execute("SELECT report.aligned(%s, %s)", (name, width)).fetchone() == (expected,)


def test_passages_of_a_window_within_one_hour_are_shown(reader: Reader, owner: Connection, now: datetime) -> None:
    half = now.replace(minute=30, second=0, microsecond=0) - timedelta(hours=3)
    owner.execute(
        "INSERT INTO event (at, received_at, tx, stream, seq, place, device, kind, state, reason) "
        "SELECT %s, %s, 1, 1, 1, place, device, 1, 0, reason FROM event WHERE kind = 1 AND state = 0 LIMIT 1",
        (half - timedelta(minutes=20),) * 2,
    )
    window = Window(
        start=half - timedelta(minutes=10), end=half, variables={"place": ["atelier"], "department": ["33"]}
    )
    panel = next(one for one in build.dashboards()[place.UID.fr]["panels"] if one["title"] == "Passages par heure")
    rows = run_panel(reader(), panel, window)
    assert [(row["Heure"], row["Refus"]) for row in rows] == [(f"{half.astimezone(ZoneInfo('Europe/Paris')):%Hh}", 1)]


def test_panels_choose_by_department(reader: Reader, now: datetime) -> None:
    data = _run(reader(), network.UID.fr, now, department=["16", "O'Brien"])
    assert _at(data["Lieux, du plus au moins rempli"], "code") == [("grange",)]
    assert data["Personnes présentes"] == [{"Présents": None}], "nobody known is not nobody"


def test_a_reader_of_one_place_sees_only_that_place(reader: Reader, owner: Connection, now: datetime) -> None:
    everything, one = reader(security=True), reader("atelier", security=True)
    assert one.execute("SELECT network, security FROM report.reach").fetchall() == [(False, True)]
    for view in _views(owner):
        if view in {"history_department", "process_sample", "job_now", "demand_hour", "centre_check"}:
            assert one.execute(f"SELECT 1 FROM report.{view}".encode()).fetchone() is None, f"{view} is of all places"
            assert everything.execute(f"SELECT 1 FROM report.{view}".encode()).fetchone() or view.startswith("history")
            continue
        if view in {"sum_day", "sum_quarter", "reach"}:
            continue  # without a place; see test_dashboards_everywhere
        query = f"SELECT DISTINCT place FROM report.{view}".encode()
        seen = {place for (place,) in one.execute(query)}
        assert seen <= {"atelier"}, view
        assert seen or view in {"place_without_news", "alarm_open", "space_stale"}, (
            f"{view}: shows nothing of its own place"
        )
        assert everything.execute(query).fetchone() is not None, view
    for uid in build.dashboards():
        for title, rows in _run(one, uid, now).items():
            text = repr(rows)
            assert not any(word in text for word in ("grange", "Grange", "Moulin", "knocks")), (uid, title)
    assert _run(one, place.UID.fr, now, place=["grange"])["Personnes présentes"] == []


def test_a_reader_of_two_places_sees_both(reader: Reader) -> None:
    seen = reader("atelier", "moulin").execute("SELECT place FROM report.place_now ORDER BY 1").fetchall()
    assert seen == [("atelier",), ("moulin",)]


def test_a_reader_without_a_scope_sees_nothing(reader: Reader, owner: Connection) -> None:
    connection = reader("atelier")
    owner.execute("DELETE FROM scope")
    for view in _views(owner):
        assert connection.execute(f"SELECT count(*) FROM report.{view}".encode()).fetchone() == (0,), view
    connection.execute("SET ROLE maillage_report")
    assert connection.execute("SELECT count(*) FROM report.place").fetchone() == (0,), "the group itself has no scope"


def test_a_reader_cannot_look_behind_the_views(reader: Reader, owner: Connection) -> None:
    connection = reader()
    tables = [
        name
        for (name,) in owner.execute(
            "SELECT format('%I.%I', n.nspname, c.relname) "
            "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE c.relkind IN ('r', 'p', 'v') "
            "AND (n.nspname = 'public' OR c.oid = 'report.line'::regclass OR c.relname LIKE '_hyper%') "
            "AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')"
        )
    ]
    assert {"public.event", "public.card", "public.member", "public.scope", "report.line"} <= set(tables)
    assert any("_hyper" in name for name in tables), "the chunks are tried too"
    for name in tables:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(f"SELECT 1 FROM {name} LIMIT 1".encode())
    connection.execute("SET default_transaction_read_only = off")
    for query in (
        "INSERT INTO report.place (place) VALUES ('x')",
        "DELETE FROM report.alarm_open",
        "CREATE TABLE t ()",
    ):
        with pytest.raises(psycopg.Error):
            connection.execute(query.encode())


def test_a_cheap_function_sees_nothing_through_the_barrier(reader: Reader, owner: Connection) -> None:
    peek = (
        "CREATE FUNCTION {}.peek(text) RETURNS boolean COST 0.0000001 LANGUAGE plpgsql AS "
        "$$ BEGIN IF $1 <> 'atelier' THEN RAISE EXCEPTION 'saw %', $1; END IF; RETURN true; END $$"
    )
    connection = reader("atelier")
    connection.execute("SET default_transaction_read_only = off")
    with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
        connection.execute(peek.format("pg_temp").encode())  # a reader makes no function…
    owner.execute(peek.format("report").encode())  # …and one that it may call sees its places only
    owner.execute("GRANT EXECUTE ON FUNCTION report.peek(text) TO maillage_report")
    try:
        assert connection.execute("SELECT count(*) FROM report.place_now WHERE report.peek(place)").fetchone() == (1,)
        assert connection.execute("SELECT place FROM report.occupancy_history WHERE report.peek(place)").fetchall()
    finally:
        owner.execute("DROP FUNCTION report.peek(text)")


def test_no_view_tells_of_persons_or_cards(reader: Reader, owner: Connection) -> None:
    connection = reader(security=True)
    for view in _views(owner):
        cursor = connection.execute(f"SELECT * FROM report.{view}".encode())
        names = {column.name for column in cursor.description or ()}
        assert not names & {"card", "member", "fold", "detail", "token", "holder"}, view
        text = repr(cursor.fetchall())
        assert MEMBER not in text, view
        assert repr(CARD) not in text, view


def test_no_view_reads_a_column_of_persons_or_cards(owner: Connection) -> None:
    read = owner.execute(
        "SELECT DISTINCT v.relname::text, t.relname || '.' || a.attname "
        "FROM pg_class v JOIN pg_rewrite r ON r.ev_class = v.oid JOIN pg_depend d ON d.objid = r.oid "
        "JOIN pg_class t ON t.oid = d.refobjid JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid "
        "WHERE v.relnamespace = 'report'::regnamespace AND t.relnamespace = 'public'::regnamespace"
    ).fetchall()
    assert ("access_hourly", "door_passage.reason") in read
    assert ("desk_history", "event.state") in read
    # Nobody's but the views': of an event's detail they give whether somebody went through, and what says so.
    for view, names in (
        ("door_passage", ["at", "place", "device", "kind", "state", "reason", "passed"]),
        ("door_told", ["at", "place", "device", "kind", "access_at"]),
    ):
        columns_of = "SELECT array_agg(attname::text) FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
        assert owner.execute(columns_of, (view,)).fetchone() == (names,)
        granted = "SELECT has_table_privilege('maillage_report', %s, 'SELECT')"
        assert owner.execute(granted, (view,)).fetchone() == (False,)
    personal = ("card.", "member.", "access_right.", "access_list.", "api_key.", "dead_letter.")
    columns = {"event.card", "event.member", "event.detail", "alarm.detail", "alarm.acknowledged_by", "event.edge_at"}
    counted = {("centre_check", "dead_letter.last_at"), ("centre_check", "dead_letter.replayed_at")}  # how many, when
    of_persons = {(view, name) for view, name in read if name in columns or name.startswith(personal)} - counted
    of_lists = {("access_list_now", f"access_list.{name}") for name in ("place", "version", "made_at", "entries")}
    of_letters = {
        ("dead_letter_open", f"dead_letter.{name}")
        for name in ("gateway", "origin", "reason", "times", "first_at", "last_at", "replayed_at")
    }  # not what they hold, nor why it could not be read
    # it makes pseudonyms of them, and is empty for a reader without the right
    assert of_persons == of_lists | of_letters | {("door_decision", "event.card"), ("door_decision", "event.member")}


def test_decisions_at_doors_are_for_readers_with_that_right(reader: Reader, owner: Connection, now: datetime) -> None:
    query = "SELECT DISTINCT place, who FROM report.door_decision"
    assert reader().execute(query).fetchall() == []
    assert reader("atelier").execute(query).fetchall() == []
    seen = reader("atelier", security=True).execute(query).fetchall()
    assert {place for place, _ in seen} == {"atelier"}
    assert reader("grange", security=True).execute(query).fetchall() == []
    assert reader(security=True).execute(query).fetchall() == seen, "one person has one pseudonym at a place"


def test_a_pseudonym_holds_for_one_place_and_one_month(reader: Reader, owner: Connection, now: datetime) -> None:
    owner.execute("DELETE FROM event")
    owner.execute(
        "INSERT INTO device (gateway, place, code, kind, driver, address, door, side) "
        "SELECT g.id, g.place, 'other', 'reader', 'zigbee2mqtt', 'z/o', d.id, 'in' FROM gateway g, door d "
        "WHERE g.code = 'atelier-1' AND d.code = 'entree'"
    )
    # local months: in Paris the last hour of October (UTC) is November's
    at = {"early": "2026-10-02 08:00+00", "late": "2026-10-31 22:59+00", "next": "2026-10-31 23:01+00"}
    for moment in at.values():
        owner.execute(
            "INSERT INTO event (at, received_at, tx, stream, seq, place, device, kind, state, reason, card, member) "
            "SELECT %s, now(), 1, 1, 1, d.place, d.id, 1, 1, 0, %s, %s FROM device d WHERE d.code = 'other'",
            (moment, CARD, MEMBER),
        )
    owner.execute(
        "INSERT INTO event (at, received_at, tx, stream, seq, place, device, kind, state, reason, card) "
        "SELECT %s, now(), 1, 1, 1, d.place, d.id, 1, 0, 1, %s FROM device d WHERE d.code = 'other'",
        (at["early"], CARD),
    )
    connection = reader(security=True)
    query = "SELECT who FROM report.door_decision WHERE known AND at = %s"
    early, late, following = (connection.execute(query, (moment,)).fetchone() for moment in at.values())
    assert early == late != following
    assert early is not None and len(early[0]) == 8
    (stranger,) = connection.execute("SELECT who FROM report.door_decision WHERE NOT known").fetchall()
    assert stranger != early, "the same badge before and after it had a holder is not one person"
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT key FROM pseudonym_key")
    plain = owner.execute("SELECT left(encode(sha256(convert_to(%s, 'UTF8')), 'hex'), 8)", ("m" + MEMBER,)).fetchone()
    assert plain != early


def test_every_view_is_a_security_barrier(owner: Connection) -> None:
    loose = owner.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'report'::regnamespace AND relname <> 'line' "
        "AND NOT coalesce(reloptions, '{}') @> '{security_barrier=true}'"
    ).fetchall()
    assert loose == []


@pytest.mark.parametrize(
    ("at_ago", "gateway", "expected"),
    [
        (10, (True, 5, 0), "live"),
        (3600, (True, 5, 0), "live"),  # nothing new, and the gateway says so
        (3600, (True, 5, 3), "stale"),  # news are on their way, and nothing says that nothing else is
        (3600, (True, 5, None), "stale"),
        (3600, (True, 300, 0), "stale"),
        (3600, (False, 5, 0), "stale"),
        (60, (False, 300, 9), "live"),  # not yet past its time
    ],
)
def test_the_boards_rule(
    reader: Reader, owner: Connection, at_ago: int, gateway: tuple[bool, int, int | None], expected: str
) -> None:
    owner.execute(
        "UPDATE gateway_state SET online = %s, heard_at = now() - make_interval(secs => %s), spool_depth = %s,"
        " complete_at = NULL",
        gateway,
    )
    owner.execute("UPDATE space_state SET at = now() - make_interval(secs => %s)", (at_ago,))
    connection = reader("atelier")
    row = connection.execute("SELECT quality, present, percent, at FROM report.place_now").fetchone()
    assert row is not None
    quality, present, percent, _ = row
    assert quality == expected
    assert (present is None, percent is None) == (expected == "stale",) * 2
    desks = connection.execute("SELECT occupied FROM report.desk_now ORDER BY desk").fetchall()
    assert desks == ([(None,)] * 3 if expected == "stale" else [(1,), (0,), (None,)])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_grafana_says_stale_by_the_same_rule(reader: Reader, owner: Connection, case: Case) -> None:
    for n in range(1, len(case.complete)):
        owner.execute(
            "INSERT INTO gateway (place, code) SELECT id, %s FROM place WHERE code = 'atelier'", (f"more-{n}",)
        )
    gateways = owner.execute(
        "SELECT g.id, g.place FROM gateway g JOIN place p ON p.id = g.place WHERE p.code = 'atelier' ORDER BY g.id"
    ).fetchall()
    owner.execute("DELETE FROM gateway_state")
    for (gateway, at_place), age in zip(gateways, case.complete, strict=True):
        owner.execute(
            "INSERT INTO gateway_state (gateway, place, online, heard_at, changed_at, spool_depth)"
            " VALUES (%s, %s, true, now(), now(), 1)",
            (gateway, at_place),
        )
        owner.execute(
            "UPDATE gateway_state SET complete_at = now() - make_interval(secs => %s) WHERE gateway = %s",
            (age, gateway),
        )
    owner.execute("UPDATE space_state SET at = now() - make_interval(secs => %s), ttl_s = %s", (case.event, TTL_S))
    row = reader("atelier").execute("SELECT quality, present IS NULL FROM report.place_now").fetchone()
    assert row == ("stale" if case.stale else "live", case.stale)


def test_what_was_complete_stays_so_when_the_spool_fills_or_the_line_is_cut(reader: Reader, owner: Connection) -> None:
    owner.execute("UPDATE space_state SET at = now() - interval '1 hour'")
    owner.execute("UPDATE gateway_state SET online = true, heard_at = now() - interval '30 s', spool_depth = 0")
    connection = reader("atelier")
    query = "SELECT quality FROM report.place_now"
    owner.execute("UPDATE gateway_state SET heard_at = now(), spool_depth = 2")
    assert connection.execute(query).fetchone() == ("live",)
    owner.execute("UPDATE gateway_state SET online = false")
    assert connection.execute(query).fetchone() == ("live",)
    owner.execute("UPDATE gateway_state SET complete_at = now() - interval '3 min'")
    assert connection.execute(query).fetchone() == ("stale",)


def test_one_silent_gateway_of_two_makes_the_place_stale(reader: Reader, owner: Connection) -> None:
    owner.execute("INSERT INTO gateway (place, code) SELECT id, 'atelier-2' FROM place WHERE code = 'atelier'")
    connection = reader("atelier")
    query = "SELECT quality FROM report.place_now"
    assert connection.execute(query).fetchone() == ("stale",)
    owner.execute("UPDATE gateway SET retired_at = now() WHERE code = 'atelier-2'")
    assert connection.execute(query).fetchone() == ("live",), "a retired gateway isn't waited for"


def test_reasons_have_words(owner: Connection) -> None:
    assert {name for (name,) in owner.execute("SELECT name FROM reason")} == set(reasons.NAMES)


def test_panels_of_an_empty_network_run(database: Database, now: datetime) -> None:
    with closing(psycopg.connect(database.as_login("grafana_1"), autocommit=True)) as connection:
        for uid, board in build.dashboards().items():
            data = _run(connection, uid, now, place=["nowhere"], department=["33"])
            for panel in board["panels"]:
                if panel["type"] == "table":  # which shows nothing, or English, where its query gives nothing
                    if panel["title"] == "La semaine, heure par heure":  # seven days, of which nothing is known
                        continue
                    (row,) = data[panel["title"]]
                    first, *others = row.values()
                    assert str(first).startswith("aucun"), panel["title"]
                    assert set(others) == {None}, panel["title"]


def test_every_dashboard_is_drawn_without_grafana(database: Database, owner: Connection, now: datetime) -> None:
    owner.execute("INSERT INTO scope (role, security) VALUES ('grafana_1', true)")
    url = database.as_login("grafana_1")
    for language in LANGUAGES:
        for one in catalogue.DASHBOARDS:
            text = draw(url, one.build(language), language=language, now=now)
            assert one.title.of(language) in text
            assert MEMBER not in text
