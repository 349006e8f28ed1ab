"""A report as a document: its structure, its figures in both languages and formats, and what is unknown."""

from __future__ import annotations

import re
from base64 import b64decode
from datetime import UTC, date, datetime, timedelta
from html import unescape
from io import BytesIO
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from pypdf import PdfReader

from process.documents import as_html, as_pdf
from reports.document import report_document
from reports.model import (
    Bookings,
    Categories,
    Category,
    Certainty,
    Day,
    Desks,
    Device,
    Devices,
    Hour,
    Refusal,
    Report,
    Stored,
    Use,
)
from reports.tables import COLUMNS, NAMES, as_csv, as_parquet, rows_of
from reports.words import Language

FIRST = date(2026, 10, 1)
USE: dict[str, Any] = {
    "month": "2026-10",
    "days": 31,
    "open_hours": 242,
    "known_hours": 230,
    "seat_hours": 5520,
    "person_hours": 1543.25,
    "sure_hours": 230,
    "busy_hours": 11.5,
    "utilisation": 0.2796,
    "busy_share": 0.05,
    "known": 0.9504,
    "peak": 21.5,
    "peak_at": "2026-10-15T14:30:00+02:00",
    "peak_capacity": 24,
}
DAYS = tuple(
    Day(day=FIRST + timedelta(days=n), person_hours=None if n == 9 else 50.0 + n, peak=None, known=float(n != 9))
    for n in range(31)
)
HOURS = tuple(
    Hour(weekday=weekday, hour=hour, people=None if weekday == 7 else 12.0 if (weekday, hour) == (2, 14) else 1.0)
    for weekday in range(1, 8)
    for hour in range(24)
)
FULL: dict[str, Any] = {
    "scope": "place",
    "code": "atelier",
    "name": "L'Atelier d'à côté <b>",
    "department": "87",
    "month": "2026-10",
    "time_zone": "Europe/Paris",
    "counted_until": date(2026, 11, 1),
    "complete": True,
    "since": date(2026, 1, 5),
    "sensors": True,
    "capacity": 24,
    "places": 1,
    "places_known": 1,
    "use": Use(**USE),
    "year_before": None,
    "before": Use(**USE | {"month": "2026-09", "person_hours": None}),
    "by_day": DAYS,
    "by_hour": HOURS,
    "desks": Desks(used=14, unused=2, unknown=1, without_sensor=0, never_used=("Poste 4", "Poste 7")),
    "bookings": Bookings(held=34, hours=71.5, no_shows=3, cancelled=5),
    "let_in": 812,
    "refusals": (Refusal(reason="outside_schedule", count=9), Refusal(reason="unknown_card", count=4)),
    "categories": Categories(groups=(Category(name="Étudiants", members=6, days=30),), others=None, withheld=True),
    "devices": Devices(
        total=31,
        silent=1,
        silent_hours=38,
        low_battery=1,
        worst=(Device(code="desk-07", kind="desk_sensor", silent_hours=38, silent_now=True, battery=11),),
    ),
    "certainty": Certainty(
        hours=745, known=0.94, degraded=0.1, unknown_hours=44, head_counts=7, compared=6, error=0.8, within=0.83
    ),
}
EMPTY: dict[str, Any] = {
    **dict.fromkeys(("use", "before", "since", "desks", "bookings", "let_in", "refusals", "categories")),
    "devices": None,
    "sensors": False,
    "by_day": (),
    "by_hour": (),
    "counted_until": FIRST,
    "complete": False,
    "certainty": Certainty(
        hours=0, known=None, degraded=None, unknown_hours=0, head_counts=0, compared=0, error=None, within=None
    ),
}


def _stored(**other: Any) -> Stored:
    report = Report(**FULL | other)
    return Stored(number=42, version=1, made_at=datetime(2026, 11, 1, 1, tzinfo=UTC), changed=(), report=report)


def _html(language: Language, **other: Any) -> str:
    return unescape(as_html(report_document(_stored(**other), language)).decode()).replace("\xa0", " ")


def _spaces(text: str) -> str:
    return " ".join(text.split())


def test_the_page_has_a_language_headings_tables_with_heads_and_plots_with_a_text() -> None:
    page = _html("fr")
    assert page.startswith('<!DOCTYPE html><html lang="fr">') and page.count("<h1>") == 1
    assert re.findall(r"<h2>(.*?)</h2>", page) == [
        *("En bref : pendant les heures d'ouverture", "Jour par jour", "Semaine type", "Postes de travail"),
        *("Réservations", "Aux portes", "Fréquentation par catégorie", "Santé des appareils"),
        *("Fiabilité des chiffres", "Comment lire ce rapport"),
    ]
    assert page.count("<table>") == page.count("<thead>") == 7
    alts = re.findall(r'<img src="data:image/svg\+xml;base64,[^"]+" alt="([^"]+)"', page)
    assert len(alts) == 2 and "jours inconnus : 1" in alts[0] and "mardi à 14 h" in alts[1]
    assert "@media print" in page and "prefers-color-scheme: dark" in page and "<script" not in page
    assert "L'Atelier d'à côté <b>" in page and "&lt;b>" in as_html(report_document(_stored(), "fr")).decode()


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "fr",
            "1 543 · inconnu · 28 % · 21,5 personnes, jeudi 15 octobre à 14 h 30 · Poste 4, Poste 7 · hors des horaires"
            " prévus · moins de cinq membres · 11 % · 0,8 · rapport n° 42, version 1",
        ),
        (
            "en",
            "1,543 · unknown · 28% · Most people: 21.5, Thursday 15 October at 14:30 · Poste 4, Poste 7 · outside the"
            " hours allowed · fewer than five members · 11% · 0.8 · report no. 42, version 1",
        ),
    ],
)
def test_pdf_and_html_say_the_same_figures(language: Language, said: str) -> None:
    pdf = PdfReader(BytesIO(as_pdf(report_document(_stored(), language))))
    text = _spaces(" ".join(page.extract_text() for page in pdf.pages))
    page = _spaces(_html(language))
    for words in said.split(" · "):
        assert words in page, words
        assert words.replace(" ", "") in text.replace(" ", ""), words


@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_month_of_which_nothing_is_known_has_no_zero(language: Language) -> None:
    page = _html(language, **EMPTY)
    glance = page.split("<h2>")[2]
    assert glance.count("inconnu" if language == "fr" else "unknown") >= 18 and ">0<" not in glance
    assert "<img" not in page


def test_a_month_that_runs_and_a_place_that_opened_in_it_say_so() -> None:
    page = _html("fr", complete=False, counted_until=date(2026, 10, 15), since=date(2026, 10, 5))
    assert "chiffres du 1er octobre au 14 octobre" in page and "Premières mesures le 5 octobre" in page


def test_what_is_unknown_is_hatched_and_never_drawn_as_zero() -> None:
    page = _html("fr")
    days, week = (ET.fromstring(b64decode(data)) for data in re.findall(r"data:image/svg\+xml;base64,([^\"]+)", page))

    def hatched(plot: ET.Element) -> int:
        return sum(one.get("fill") == "url(#unknown)" for one in plot.iter("{http://www.w3.org/2000/svg}rect")) - 1

    assert hatched(days) == 1  # without the key's
    columns = [one for one in days.iter("{http://www.w3.org/2000/svg}rect") if one.get("fill") == "#1f5f99"]
    assert len(columns) == 30
    assert hatched(week) == 24  # Sunday


def test_every_table_is_csv_and_parquet_with_its_columns() -> None:
    report = _stored().report
    for table in NAMES:
        names = [one.name for one in COLUMNS[table]]
        assert as_csv(report, table).decode().splitlines()[0] == ",".join(names)
        assert all(list(row) == names for row in rows_of(report, table))
        assert as_parquet(report, table)[-4:] == b"PAR1"
        assert all(one.about for one in COLUMNS[table])
    summary = {row["figure"]: row for row in rows_of(report, "summary")}
    assert (summary["person_hours"]["value"], summary["person_hours"]["month_before"]) == (1543.25, None)
    assert summary["refused"]["value"] == 13 and summary["no_shows"]["value"] == 3
    assert as_csv(report, "days").decode().splitlines()[10] == "2026-10-10,,,0.0"
    named = Report(**FULL | {"refusals": (Refusal(reason="=cmd()", count=1),)})
    assert as_csv(named, "refusals").decode().splitlines()[1] == "'=cmd(),1"
