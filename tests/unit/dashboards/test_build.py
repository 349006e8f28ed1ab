"""The dashboards' shape: Grafana's schema, the grid, and that what is unknown is shown as unknown."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from access.model import Reason
from dashboards.alarms import NAMES as ALARMS
from dashboards.build import dashboards
from dashboards.catalogue import DASHBOARDS
from dashboards.errors import MacroError
from dashboards.network import UID as NETWORK_UID
from dashboards.network import base_layer
from dashboards.panels import DATA_SOURCE_UID, UNKNOWN_COLOUR
from dashboards.place import UID as PLACE_UID
from dashboards.reasons import NAMES
from dashboards.versions import NEWEST, OLDEST, Version
from dashboards.words import LANGUAGES
from tests.grafana_macros import Window, expand

VIEWS = {
    view
    for path in (Path(__file__).parents[3] / "database" / "migrations").glob("*.sql")
    for view in re.findall(r"VIEW (report\.\w+)", path.read_text(encoding="utf-8"))
} - {"report.line"}
"""Those that readers may read."""
SCHEMA = Path(__file__).parents[2] / "data" / "grafana" / "dashboard.schema.json"
PLACE, NETWORK, OVER_TIME = PLACE_UID.fr, NETWORK_UID.fr, "maillage-lieu-temps"
VERSIONS = (OLDEST, Version(9, 5), Version(10, 2), Version(10, 4), Version(11, 0), Version(12, 0), NEWEST)
BOARDS = {**dashboards("fr"), **dashboards("en")}
_ALL = [(uid, panel) for uid, board in BOARDS.items() for panel in board["panels"]]
PANELS = [pytest.param(uid, panel, id=f"{uid}: {panel['title']}") for uid, panel in _ALL]
NUMBERS = [
    pytest.param(uid, panel, id=f"{uid}: {panel['title']}") for uid, panel in _ALL if panel["type"] in {"stat", "gauge"}
]
Json = dict[str, Any]


def _mappings(panel: Json) -> list[Json]:
    config = panel["fieldConfig"]
    found = list(config["defaults"].get("mappings", []))
    for one in config["overrides"]:
        found += [m for prop in one["properties"] if prop["id"] == "mappings" for m in prop["value"]]
    return found


def _errors(value: Json, definition: str) -> list[str]:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    # the known false alarms, see data/grafana
    schema["definitions"]["MatcherConfig"]["properties"]["options"] = {}
    schema["definitions"]["DynamicConfigValue"]["properties"]["value"] = {}
    schema["$ref"] = f"#/definitions/{definition}"
    found = jsonschema.Draft7Validator(schema).iter_errors(value)
    return [f"{list(error.absolute_path)}: {error.message[-200:]}" for error in found]


@pytest.mark.parametrize("uid", BOARDS)
def test_grafanas_schema_accepts_the_dashboard(uid: str) -> None:
    assert _errors(BOARDS[uid], "Dashboard") == []


@pytest.mark.parametrize("version", VERSIONS, ids=str)
def test_grafanas_schema_accepts_it_for_every_version(version: Version) -> None:
    for language in LANGUAGES:
        for board in dashboards(language, version).values():
            assert _errors(board, "Dashboard") == []


@pytest.mark.parametrize(("uid", "panel"), PANELS)
def test_grafanas_schema_accepts_what_overrides_set(uid: str, panel: Json) -> None:
    for one in panel["fieldConfig"]["overrides"]:
        plain = {prop["id"]: prop["value"] for prop in one["properties"] if not prop["id"].startswith("custom.")}
        assert _errors(plain, "FieldConfig") == []


def test_uids_and_titles_stay_since_links_hold_them() -> None:
    assert {uid: board["title"] for uid, board in BOARDS.items()} == {
        "maillage-lieu": "Mon lieu, en direct",
        "maillage-lieu-en": "My place, live",
        "maillage-lieu-temps": "Mon lieu, dans le temps",
        "maillage-lieu-temps-en": "My place, over time",
        "maillage-portes": "Portes et sécurité",
        "maillage-portes-en": "Doors and security",
        "maillage-reseau": "Le réseau",
        "maillage-reseau-en": "The network",
        "maillage-systeme": "Le système",
        "maillage-systeme-en": "The system",
    }
    assert all(board["uid"] == uid and 8 <= len(uid) <= 40 for uid, board in BOARDS.items())
    assert "id" not in BOARDS[PLACE]


def test_it_is_built_anew_each_time() -> None:
    dashboards()[PLACE]["panels"].clear()
    assert dashboards()[PLACE] == BOARDS[PLACE]


@pytest.mark.parametrize("uid", BOARDS)
def test_panels_stand_within_24_columns_without_overlap(uid: str) -> None:
    panels = BOARDS[uid]["panels"]
    assert [panel["id"] for panel in panels] == list(range(1, len(panels) + 1))
    boxes = {panel["title"]: panel["gridPos"] for panel in panels}
    assert len(boxes) == len(panels), "two panels of one title"
    for box in boxes.values():
        assert box["x"] >= 0
        assert box["x"] + box["w"] <= 24
    for (title, one), (other_title, other) in combinations(boxes.items(), 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, f"{title} overlaps {other_title}"


@pytest.mark.parametrize("uid", BOARDS)
def test_the_grid_has_no_holes(uid: str) -> None:
    boxes = [panel["gridPos"] for panel in BOARDS[uid]["panels"]]
    rows = max(box["y"] + box["h"] for box in boxes)
    assert sum(box["w"] * box["h"] for box in boxes) == 24 * rows


@pytest.mark.parametrize(("uid", "panel"), PANELS)
def test_queries_go_to_the_views_through_the_fixed_source(uid: str, panel: Json) -> None:
    (target,) = panel["targets"]
    assert target["datasource"]["uid"] == panel["datasource"]["uid"] == DATA_SOURCE_UID
    query = target["rawSql"]
    assert query.startswith("-- "), "a query says what it is for"
    assert "report." in query
    steps = set(re.findall(r"\b([a-z]+) AS \(", query)) | {"generate_series", "regexp_matches"}
    assert set(re.findall(r"\b(?:FROM|JOIN) ([a-z_.0-9]+)", re.sub(r"extract\(\w+ FROM", "", query))) <= VIEWS | steps
    for variable in BOARDS[uid]["templating"]["list"]:
        assert f"${{{variable['name']}:sqlstring}}" in query
    assert (target["format"] == "time_series") == (panel["type"] in {"timeseries", "state-timeline"})


@pytest.mark.parametrize(("uid", "panel"), PANELS)
def test_macros_are_grafanas(uid: str, panel: Json, window: Window) -> None:
    assert "$" not in expand(panel["targets"][0]["rawSql"], window)


@pytest.mark.parametrize(("uid", "panel"), PANELS)
def test_overrides_name_columns_of_the_query(uid: str, panel: Json) -> None:
    query = panel["targets"][0]["rawSql"]
    for one in panel["fieldConfig"]["overrides"]:
        column = one["matcher"]["options"]
        assert f'AS "{column}"' in query or f"AS {column}" in query, column


@pytest.mark.parametrize(("uid", "panel"), NUMBERS)
def test_the_last_value_is_shown_even_where_it_is_unknown(uid: str, panel: Json) -> None:
    assert panel["options"]["reduceOptions"]["calcs"] == ["last"], (
        "lastNotNull would show an old number for an unknown one"
    )
    if panel["title"] not in {"Postes", "Desks"}:  # tiles, one a desk: a place may have none
        assert panel["fieldConfig"]["defaults"]["noValue"] == ("unknown" if uid.endswith("-en") else "inconnu")


@pytest.mark.parametrize(("uid", "panel"), PANELS)
def test_what_is_unknown_is_grey_and_never_a_number(uid: str, panel: Json) -> None:
    for mapping in _mappings(panel):
        if mapping["type"] == "special":
            assert mapping["options"]["match"] == "null", "Grafana 9 takes a text for NaN"
            assert mapping["options"]["result"]["color"] == UNKNOWN_COLOUR
            assert not any(character.isdigit() for character in mapping["options"]["result"]["text"])


def test_number_panels_say_unknown() -> None:
    for uid, title in ((PLACE, "Personnes présentes"), (PLACE, "Occupation"), (NETWORK, "Personnes présentes")):
        panel = next(one for one in BOARDS[uid]["panels"] if one["title"] == title)
        assert [m["options"]["result"]["text"] for m in _mappings(panel)] == ["inconnu"]


TABLES = [pytest.param(uid, panel, id=f"{uid}: {panel['title']}") for uid, panel in _ALL if panel["type"] == "table"]


def _properties(panel: Json) -> dict[str, Json]:
    return {
        one["matcher"]["options"]: {prop["id"]: prop["value"] for prop in one["properties"]}
        for one in panel["fieldConfig"]["overrides"]
    }


@pytest.mark.parametrize(("uid", "panel"), TABLES)
def test_a_table_shows_all_its_columns_at_1600_pixels(uid: str, panel: Json) -> None:
    """A column without a width takes 150 pixels, and what is beyond the panel's edge isn't seen."""
    shown = {name: one for name, one in _properties(panel).items() if "custom.hidden" not in one}
    columns = set(re.findall(r'AS "([^"]+)"', panel["targets"][0]["rawSql"]))
    assert set(shown) == columns
    widths: dict[str, int] = {name: one.get("custom.width") or one["custom.minWidth"] for name, one in shown.items()}
    assert sum(widths.values()) <= panel["gridPos"]["w"] * 1568 / 24 - 26  # as measured on the pictures of a real one
    assert sum("custom.minWidth" in one for one in shown.values()) == 1, "one column takes what is left"
    for name, width in widths.items():
        assert width >= 7 * len(name) + 14, f"{name}: its head is cut"


def _cells(version: Version) -> list[tuple[str, Any]]:
    return [
        (prop["id"], prop["value"])
        for board in dashboards("fr", version).values()
        for panel in board["panels"]
        for one in panel["fieldConfig"]["overrides"]
        for prop in one["properties"]
        if prop["id"] in {"custom.cellOptions", "custom.displayMode"}
    ]


def test_cells_are_painted_as_each_version_calls_it() -> None:
    old = {"color-background": "color-background-solid", "color-text": "color-text", "gauge": "basic"}
    new = _cells(Version(9, 5))
    assert {name for name, _ in new} == {"custom.cellOptions"}
    assert _cells(NEWEST) == new
    assert _cells(Version(9, 4, 9)) == [("custom.displayMode", old[value["type"]]) for _, value in new]


def test_only_the_plugins_name_and_cells_differ_between_versions() -> None:
    old = json.dumps(dashboards("fr", Version(10, 2, 2)))
    assert "grafana-postgresql-datasource" not in old
    new = json.dumps(dashboards("fr", Version(10, 2, 3)))
    assert old == new.replace("grafana-postgresql-datasource", "postgres")


def test_every_text_is_in_both_languages() -> None:
    """A text that is the same in both is a name, a pattern or SQL: no French word is left in English dashboards."""
    text = json.dumps(dashboards("en"), ensure_ascii=False).replace(PLACE, "")
    queries = json.dumps([panel["targets"][0]["rawSql"] for uid, panel in _ALL if uid.endswith("-en")])
    assert re.findall(r"[^\s\"]*[àâçéèêëîïôûù][^\s\"]*", text) == []
    assert re.findall(r"\b(?:aucune?|lieux?|postes?|depuis|jamais|inconnue?)\b", text + queries) == []
    for one in DASHBOARDS:
        french, english = one.build("fr"), one.build("en")
        assert len(french["panels"]) == len(english["panels"])
        for panel, other in zip(french["panels"], english["panels"], strict=True):
            assert panel["gridPos"] == other["gridPos"]
            assert not panel["title"] or panel["title"] != other["title"]


@pytest.mark.parametrize(("uid", "panel"), PANELS)
def test_panels_are_explained_and_have_units_and_limits(uid: str, panel: Json) -> None:
    assert panel["description"], "a panel says what it shows"
    for column in ("", *_properties(panel)):
        config = {**panel["fieldConfig"]["defaults"], **_properties(panel).get(column, {})}
        assert config["unit"], column
        steps = config["thresholds"]["steps"]
        assert steps[0]["value"] is None, "every number has a colour"
        assert [step["value"] for step in steps[1:]] == sorted(step["value"] for step in steps[1:])
        if "custom.cellOptions" in config:
            assert len(steps) > 1 or config.get("mappings"), f"{column}: painted, but by nothing"


@pytest.mark.parametrize("uid", BOARDS)
def test_each_dashboard_reads_its_variables_and_leads_to_those_of_its_language(uid: str) -> None:
    board = BOARDS[uid]
    names = {one["name"] for one in board["templating"]["list"]}
    used = {name for panel in board["panels"] for name in re.findall(r"\$\{(\w+):sqlstring\}", json.dumps(panel))}
    assert used == names
    language = "english" if uid.endswith("-en") else "français"
    assert board["tags"] == board["links"][0]["tags"] == ["maillage", language]


def test_what_not_everybody_may_see_has_its_own_folder() -> None:
    assert {one.uid.fr for one in DASHBOARDS if one.audience == "security"} == {"maillage-portes"}
    for one in DASHBOARDS:
        reads = "report.door_decision" in json.dumps(one.build())
        assert (one.folder == "maillage-securite") == (one.audience == "security") == reads


def test_a_forecast_is_drawn_ahead_of_now() -> None:
    (panel,) = [one for one in BOARDS[PLACE]["panels"] if "report.forecast" in one["targets"][0]["rawSql"]]
    assert panel["timeFrom"] == "+12h", "Grafana reads + as from now on"


def _titled(uid: str, title: str) -> Json:
    return next(panel for panel in BOARDS[uid]["panels"] if panel["title"] == title)


def test_the_desks_timeline_is_painted_by_its_words_and_not_by_thresholds() -> None:
    defaults = _titled(PLACE, "Les postes dans la journée")["fieldConfig"]["defaults"]
    assert defaults["color"]["mode"] == "fixed", "thresholds would paint everything green, and a scale ignores words"
    words = defaults["mappings"][0]["options"]
    assert {number: (one["text"], one["color"]) for number, one in words.items()} == {
        "0": ("libre", "green"),
        "1": ("occupé", "blue"),
        "2": ("inconnu", UNKNOWN_COLOUR),
    }


def test_bars_of_one_hour_stand_beside_each_other() -> None:
    panel = _titled(PLACE, "Passages par heure")
    assert panel["type"] == "barchart", "bars of a time series hide each other, and those before the window"
    assert panel["options"]["xField"] == "Heure"
    assert panel["options"]["stacking"] == "none"
    colours = [one["color"]["fixedColor"] for one in _properties(panel).values()]
    assert len(colours) == len(set(colours)) == 3


def test_the_place_is_named_without_the_selector() -> None:
    """Kiosk mode, on a screen in the hall, hides the choice of places."""
    panel = BOARDS[PLACE]["panels"][0]
    assert panel["gridPos"] == {"x": 0, "y": 0, "w": 24, "h": 2}
    assert 'p.label AS "Lieu"' in panel["targets"][0]["rawSql"]
    assert panel["options"]["reduceOptions"]["fields"] == "/^Lieu$/", "a text is shown only where it is named"
    assert panel["options"]["textMode"] == "value"


def test_steps_are_drawn_up_to_a_gap() -> None:
    """Grafana draws no step from a value to a gap: each such query repeats its last value just before."""
    for uid, panel in _ALL:
        custom = panel["fieldConfig"]["defaults"].get("custom", {})
        if panel["type"] == "timeseries" and custom.get("drawStyle") != "bars" and "insertNulls" not in custom:
            assert custom["lineInterpolation"] == "stepAfter", panel["title"]
            assert custom["spanNulls"] is False, panel["title"]
            assert "interval '1 ms'" in panel["targets"][0]["rawSql"], (uid, panel["title"])


def test_no_query_looks_back_a_fixed_time_for_a_state() -> None:
    for _uid, panel in _ALL:
        assert not re.search(r"timeFrom\(\)::timestamptz - interval", panel["targets"][0]["rawSql"]), panel["title"]


def test_curves_break_where_nothing_is_known() -> None:
    for uid, title in ((PLACE, "La journée"), (OVER_TIME, "Sept jours, par quart d'heure")):
        panel = next(one for one in BOARDS[uid]["panels"] if one["title"] == title)
        assert panel["fieldConfig"]["defaults"]["custom"]["spanNulls"] is False


def test_the_map_calls_no_third_party() -> None:
    (panel,) = [one for one in BOARDS[NETWORK]["panels"] if one["type"] == "geomap"]
    ground = panel["options"]["basemap"]
    assert ground["type"] == "geojson", "Grafana's default base layer is a third party's"
    assert ground["config"]["src"] == "public/maps/countries.geojson", "a file that Grafana serves itself"
    assert "://" not in json.dumps(panel)
    assert panel["options"]["layers"][0]["type"] == "markers"
    own = base_layer("https://tiles.example.org/{z}/{x}/{y}.png")
    assert (own["type"], own["config"]["url"]) == ("xyz", "https://tiles.example.org/{z}/{x}/{y}.png")


def test_the_place_is_reached_from_the_network() -> None:
    links = [
        prop["value"][0]["url"]
        for panel in BOARDS[NETWORK]["panels"]
        for one in panel["fieldConfig"]["overrides"]
        for prop in one["properties"]
        if prop["id"] == "links"
    ]
    assert links
    assert set(links) == {"/d/maillage-lieu?var-place=${__data.fields.code}"}


def test_every_reason_has_words() -> None:
    assert tuple(NAMES) == Reason.__args__  # type: ignore[attr-defined]


def test_an_unknown_variable_is_an_error(window: Window) -> None:
    with pytest.raises(MacroError):
        expand("SELECT ${nothing:sqlstring}", window)


def test_every_kind_of_alarm_has_words() -> None:
    """Kinds are written where they are raised: a new one must be named here, too."""
    root = Path(__file__).parents[3]
    raised = set()
    for path in (*root.glob("ingest/*.py"), *root.glob("rights/*.py"), *root.glob("jobs/**/*.py")):
        text = path.read_text(encoding="utf-8")
        raised |= set(re.findall(r'Alarm\(\s*kind="([a-z_]+)"', text))
        raised |= set(re.findall(r"INSERT INTO alarm [^;]*?(?:SELECT|VALUES) ?\(?\s*'([a-z_]+)'", text))
        raised |= set(re.findall(r'return "([a-z_]+)", f', text)) if path.name == "consequences.py" else set()
    assert {"door_forced", "list_drift", "mail_given_up", "retention_failed", "counter_stuck"} <= raised
    assert raised <= set(ALARMS)
