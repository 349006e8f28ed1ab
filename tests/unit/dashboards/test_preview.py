"""The pages that show dashboards without Grafana: values as their configuration says, gaps as gaps."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dashboards.build import dashboards
from dashboards.preview.page import page
from dashboards.preview.values import Look, shown

NOW = datetime(2026, 3, 29, 4, 30, tzinfo=UTC)
LOOK = Look(language="fr", zone=ZoneInfo("Europe/Paris"), now=NOW)
SPAN = (NOW - timedelta(hours=6), NOW)
BOARD = dashboards()["maillage-lieu"]


def _only(title: str) -> dict[str, Any]:
    return {**BOARD, "panels": [one for one in BOARD["panels"] if one["title"] == title]}


def _draw(title: str, rows: list[dict[str, Any]]) -> str:
    return page(_only(title), lambda *_: rows, SPAN, LOOK, note="")


def test_unknown_is_a_word_in_grey_and_never_a_number() -> None:
    text = _draw("Personnes présentes", [{"Présents": None}])
    assert "<b>inconnu</b>" in text
    assert "color:#8e8e8e" in text
    assert "<b>0</b>" in _draw("Personnes présentes", [{"Présents": 0}])


def test_a_curve_breaks_where_nothing_is_known() -> None:
    names = ("Présents", "Sans doute au moins", "Sans doute au plus", "Capacité")

    def row(hours: float, value: int | None) -> dict[str, Any]:
        return {"time": NOW - timedelta(hours=hours), **dict.fromkeys(names, value)}

    whole = _draw("La journée", [row(6, 1), row(4, 2), row(2, 3), row(0, 3)])
    broken = _draw("La journée", [row(6, 1), row(4, 2), row(3, None), row(2, 3), row(0, 3)])
    lines = re.compile(r'fill="none" stroke="#5794f2"')
    assert (len(lines.findall(whole)), len(lines.findall(broken))) == (1, 2)


def test_texts_are_escaped_and_values_are_words() -> None:
    text = _draw("Portes", [{"Porte": "<b>L'Entrée", "État": 2, "Depuis": NOW - timedelta(minutes=3), "Entrées": 1}])
    assert "&lt;b&gt;L&#x27;Entrée" in text
    assert "forcée" in text
    assert "il y a 3 min" in text


def test_numbers_are_written_with_their_unit() -> None:
    assert shown(35.4, {"unit": "percent", "decimals": 0}, LOOK) == ("35%", None)
    assert shown(-80, {"unit": "ms", "decimals": 0}, LOOK) == ("-80 ms", None)
    assert shown(None, {"noValue": "—"}, LOOK) == ("—", None)


def test_every_highest_value_fits_the_axis() -> None:
    for highest in (0.99, 9.85, 9.99, 10, 985_000):
        rows = [{"time": NOW - timedelta(hours=hours), "Présents": highest} for hours in (2, 1)]
        assert "<svg" in _draw("La journée", rows)
