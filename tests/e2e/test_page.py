"""The live page in a real browser, on a real API process and a real database."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, expect
from psycopg.types.json import Jsonb

from access.schedules import DAYS
from tests.api_server import Centre
from tests.e2e.pages import Api, Open, row
from tests.free_seats import CASES, Case, arrange


def test_numbers_move_without_reload(open_page: Open, centre: Centre) -> None:
    page = open_page()
    expect(row(page, "limoges")).to_contain_text("17–20 libres")  # of 24 seats to work at
    expect(row(page, "limoges")).to_contain_text("ouvert")
    expect(page.locator("#total-free")).to_have_text("17")
    expect(row(page, "limoges")).to_contain_text("5 / 30")
    expect(page.locator("#total-present")).to_have_text("5")
    before = page.locator("#dots").evaluate("canvas => canvas.toDataURL()")

    centre.state("limoges", "open-space", present=24)
    centre.state("limoges", present=30)

    expect(row(page, "limoges")).to_contain_text("complet")
    expect(row(page, "limoges")).to_have_attribute("data-level", "4")
    expect(page.locator("#total-present")).to_have_text("30")
    expect(page.locator("#total-free")).to_have_text("0")
    page.wait_for_function("before => document.getElementById('dots').toDataURL() !== before", arg=before)
    assert page.evaluate("window.sameDocument") is True


def test_without_a_key_few_people_are_a_band_and_neither_unknown_nor_none(open_page: Open, centre: Centre) -> None:
    centre.conn.execute("UPDATE place SET public_numbers = true WHERE code = 'limoges'")
    centre.state("limoges", "open-space", present=2)
    centre.state("limoges", present=2)
    centre.gateway("limoges")
    page = open_page(keyed=False)
    expect(row(page, "limoges")).to_contain_text("≤ 3 / 30")
    expect(row(page, "limoges")).to_contain_text("21–24 libres")
    expect(row(page, "limoges")).to_have_attribute("data-level", "0")
    expect(page.locator("#total-present")).to_have_text("≥ 0")
    row(page, "limoges").click()
    expect(page.locator('#details [data-space="place"]')).to_contain_text("3 personnes ou moins")
    centre.state("limoges", present=9)
    expect(page.locator('#details [data-space="place"]')).to_contain_text("9 / 30")


def test_unknown_is_not_empty(open_page: Open, centre: Centre) -> None:
    page = open_page()
    expect(row(page, "ussel")).to_contain_text("inconnu")
    expect(row(page, "ussel")).to_contain_text("? / 30")
    expect(row(page, "ussel")).to_have_attribute("data-level", "unknown")
    expect(page.locator("#total-unknown")).to_have_text("1")
    expect(page.locator("#list a").last).to_have_attribute("data-place", "ussel")

    centre.state("ussel", present=0)  # really empty
    expect(row(page, "ussel")).to_contain_text("24 libres")
    expect(row(page, "ussel")).to_contain_text("horaires inconnus")
    expect(page.locator("#total-maybe")).to_have_text("+ 24 aux horaires inconnus")
    expect(row(page, "ussel")).to_have_attribute("data-level", "0")
    expect(page.locator("#total-unknown")).to_have_text("0")

    centre.state("ussel", present=0, ttl_s=1)  # and then nothing is heard for longer than the number lives
    expect(row(page, "ussel")).to_contain_text("inconnu")


def test_only_seats_that_are_free_are_counted(open_page: Open, centre: Centre) -> None:
    centre.conn.execute("DELETE FROM place")
    centre.conn.execute("INSERT INTO member (ref) SELECT 'm-0000' || n FROM generate_series(1, 9) AS n")
    for number, case in enumerate(CASES):
        arrange(centre, f"case-{number}", case)
    page = open_page()
    for number, case in enumerate(CASES):
        expect(row(page, f"case-{number}").locator(".state")).to_have_text(_state(case))
    sums = {
        opened: sum(case.free[0] for case in CASES if case.free and case.opened is opened) for opened in (True, None)
    }
    expect(page.locator("#total-free")).to_have_text(str(sums[True]))
    expect(page.locator("#total-maybe")).to_have_text(f"+ {sums[None]} aux horaires inconnus")
    assert page.locator('#list a[data-level="closed"]').count() == sum(case.opened is False for case in CASES)


def _state(case: Case) -> str:
    if case.opened is False:
        return "fermé"
    if case.free is None:
        return "inconnu" if case.place is None else f"{case.place[0]} personnes"
    low, high = case.free
    if high == 0:
        return "complet"
    return f"{low} libres" if low == high else f"{low}–{high} libres"


def test_until_when_a_place_is_open_or_closed(open_page: Open, centre: Centre) -> None:
    now = datetime.now(UTC)
    closes, later = now + timedelta(minutes=90), now + timedelta(days=3)
    # open but for one hour that begins in an hour and a half; in a zone that changes no clocks
    gap = [closes.hour * 60 + closes.minute, (closes.hour * 60 + closes.minute + 60) % 1440]
    spans = [(gap[1], gap[0])] if gap[1] <= gap[0] else [(0, gap[0]), (gap[1], 1440)]
    hours = [[f"{minute // 60:02d}:{minute % 60:02d}" for minute in span] for span in spans if span[0] < span[1]]
    centre.place("tulle", time_zone="UTC", opening_hours=Jsonb(dict.fromkeys(DAYS, hours)))
    centre.place("gueret", time_zone="UTC", opening_hours=Jsonb({DAYS[later.weekday()]: [["09:00", "12:00"]]}))
    centre.place("brive", opening_hours=Jsonb({day: [["00:00", "24:00"]] for day in DAYS}))
    for place in ("tulle", "gueret", "brive"):
        centre.state(place, "open-space", present=4)
        centre.state(place, present=4)
    for locale, until, opens, weekday in (
        ("fr-FR", r"ouvert jusqu’à (demain à )?{}", "ouvre {} à 09:00", FRENCH_DAYS[later.weekday()]),
        ("en-GB", r"open until (tomorrow at )?{}", "opens {} at 09:00", f"{later:%A}"),
    ):
        page = open_page(locale=locale, timezone_id="Pacific/Auckland")  # the place's clock counts, not the reader's
        expect(row(page, "tulle").locator(".hours-now")).to_have_text(
            re.compile(f"^{until.format(f'{closes:%H:%M}')}$")
        )
        expect(row(page, "gueret").locator(".hours-now")).to_have_text(opens.format(weekday))
        expect(page.locator("#list a").last).to_have_attribute("data-place", "gueret")
        row(page, "gueret").click()
        expect(page.locator('#details [data-space="place"]')).to_contain_text(opens.format(weekday))
        expect(page.locator('#details [data-space="open-space"] .state')).to_have_text(
            "fermé" if locale == "fr-FR" else "closed"
        )
    centre.conn.execute("INSERT INTO lockdown (ordered_by, place) SELECT 'x', id FROM place WHERE code = 'tulle'")
    expect(row(open_page(locale="en-GB"), "tulle")).to_contain_text("access suspended")


@pytest.mark.parametrize(
    ("at", "ends", "words"),
    [
        ("2026-11-25T18:00+01:00", True, ["18:00", "18:00"]),
        ("2026-11-26T00:00+01:00", True, ["24:00", "24:00"]),
        ("2026-11-26T00:00+01:00", False, ["demain à 00:00", "tomorrow at 00:00"]),
        ("2026-11-26T09:00+01:00", False, ["demain à 09:00", "tomorrow at 09:00"]),
        ("2026-11-30T09:00+01:00", False, ["lundi à 09:00", "Monday at 09:00"]),
        ("2027-01-04T09:00+01:00", False, ["le 4 janvier à 09:00", "on January 4 at 09:00"]),
    ],
)
def test_a_time_to_come_is_said_as_people_say_it(
    browser: Browser, api: Api, at: str, ends: bool, words: list[str]
) -> None:
    moment, now = (datetime.fromisoformat(one).timestamp() * 1000 for one in (at, "2026-11-25T17:00+01:00"))
    page = browser.new_page(timezone_id="America/New_York")
    page.goto(api.base)
    script = """async ([moment, now, ends]) => {
      const { soon, speak } = await import("/static/page/words.js");
      return ["fr", "en"].map((language) => (speak(language), soon(moment, "Europe/Paris", now, ends)));
    }"""
    assert page.evaluate(script, [moment, now, ends]) == words
    page.close()


FRENCH_DAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")


def test_a_booked_room_is_not_free(open_page: Open, centre: Centre) -> None:
    centre.conn.execute("INSERT INTO member (ref) VALUES ('m-0001')")
    centre.state("limoges", "room-1", present=0)
    page = open_page("/#place=limoges", timezone_id="Europe/Paris")
    room = page.locator('#details [data-space="room-1"] .state')
    expect(room).to_have_text("6 libres")
    ends = (datetime.now(UTC) + timedelta(hours=2)).replace(second=0, microsecond=0)
    centre.conn.execute(
        "INSERT INTO booking (member, place, space, starts_at, ends_at) SELECT 'm-0001', place, id, now(), %s"
        " FROM space WHERE code = 'room-1' AND place = (SELECT id FROM place WHERE code = 'limoges')",
        (ends,),
    )
    at = ends.astimezone(ZoneInfo("Europe/Paris"))
    expect(room).to_have_text(re.compile(f"^réservée jusqu’à (demain à {at:%H:%M}|{at:%H:%M}|24:00)$"))
    centre.conn.execute("UPDATE booking SET cancelled_at = now()")
    expect(room).to_have_text("6 libres")


def test_language_of_the_browser_or_chosen(open_page: Open) -> None:
    for locale, language, unknown in (
        ("fr-CA", "fr", "inconnu"),
        ("de-DE", "en", "unknown"),
        ("en-GB", "en", "unknown"),
    ):
        page = open_page(locale=locale)
        expect(page.locator("html")).to_have_attribute("lang", language)
        expect(row(page, "ussel")).to_contain_text(unknown)
    page = open_page(locale="en-GB")
    page.get_by_role("button", name="FR").click()
    expect(row(page, "ussel")).to_contain_text("inconnu")
    expect(page.locator("#count")).to_have_text("2 lieux · 1 en direct · 1 sans données")
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", "fr")


def test_a_dead_line_is_said_and_numbers_grow_old(open_page: Open, api: Api, centre: Centre) -> None:
    page = open_page(locale="en-GB")
    centre.state("ussel", present=7, ttl_s=900)
    centre.state("limoges", present=9, ttl_s=20)
    expect(row(page, "limoges")).to_contain_text("9 / 30")

    api.stop()

    expect(page.locator("#line-text")).to_have_text(
        re.compile(r"^Connection lost at \d\d:\d\d – numbers may be out of date$")
    )
    expect(page.locator("#say")).to_have_text(re.compile("^Connection lost at"))
    expect(row(page, "limoges")).to_contain_text("? / 30")
    expect(row(page, "limoges")).to_have_attribute("data-quality", "stale")
    expect(row(page, "ussel")).to_contain_text("7 / 30")  # it may be believed for longer
    expect(page.locator("#total-present")).to_have_text("7")

    centre.state("limoges", present=11)
    api.start()

    expect(page.locator("#line-text")).to_have_text("Live")
    expect(row(page, "limoges")).to_contain_text("11 / 30")
    assert page.evaluate("window.sameDocument") is True


def test_list_by_keyboard(open_page: Open) -> None:
    page = open_page()
    expect(page.locator("#list a").first).to_have_attribute("data-place", "limoges")  # the most free seats
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('#list a')"):
            break
    expect(row(page, "limoges")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(row(page, "ussel")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#details")).to_be_focused()
    expect(page.locator("#details h2")).to_have_text("L'Étage")
    assert page.url.endswith("#place=ussel")
    page.keyboard.press("Escape")
    expect(row(page, "ussel")).to_be_focused()


def test_details_by_link(open_page: Open, centre: Centre) -> None:
    page = open_page("/#place=limoges")
    details = page.locator("#details")
    expect(details.locator("h2")).to_have_text("La Boutique")
    expect(details).to_contain_text("Données générées")
    inner = details.locator('[data-space="open-space"]')
    expect(inner).to_contain_text("5 / 24")
    expect(inner).to_contain_text("17–20 libres")
    expect(inner).to_contain_text("entre 4 et 7")
    expect(inner).to_contain_text("peut dépasser deux personnes")
    expect(details.locator('[data-space="room-1"]')).to_contain_text("aucune donnée reçue")

    centre.state("limoges", "room-1", present=4)
    expect(details.locator('[data-space="room-1"]')).to_contain_text("4 / 6")

    details.get_by_text("Retour à la liste").click()
    expect(row(page, "limoges")).to_be_focused()
    expect(details).to_be_hidden()

    page.evaluate("location.hash = 'place=nowhere'")
    expect(details).to_contain_text("n’existe pas")


def test_places_on_the_map(open_page: Open, centre: Centre) -> None:
    page = open_page()
    box = page.locator("#map").bounding_box()
    assert box is not None
    # The map shows all places with a margin of 36 pixels: Limoges at its left edge, Ussel at its right edge.
    scale = (box["width"] - 72) / math.radians(2.31 - 1.26)
    up = scale * (_mercator(45.83) - _mercator(45.55)) / 2
    limoges = (box["x"] + 36, box["y"] + box["height"] / 2 - up)
    expect(page.locator("#map")).to_have_attribute("data-ground", "drawn")
    before = page.locator("#ground").evaluate("canvas => canvas.toDataURL()")
    page.mouse.move(*limoges)
    expect(page.locator("#hint")).to_have_text("La Boutique – 17–20 libres, ouvert")
    page.mouse.click(*limoges)
    expect(page.locator("#details h2")).to_have_text("La Boutique")

    page.locator("#map").focus()
    for key in ("+", "ArrowLeft", "ArrowUp"):
        page.keyboard.press(key)
    moved = "before => document.getElementById('ground').toDataURL() !== before"
    page.wait_for_function(moved, arg=before)
    page.keyboard.press("0")
    page.wait_for_function(moved.replace("!==", "==="), arg=before)


def _mercator(latitude: float) -> float:
    return math.asinh(math.tan(math.radians(latitude)))


def test_places_to_come_are_marked_and_what_can_be_booked_is_listed(open_page: Open, centre: Centre) -> None:
    for code, status in (("gare", "building"), ("moulin", "preparation")):
        centre.place(code, name=code.title())
        centre.conn.execute("UPDATE place SET status = %s WHERE code = %s", (status, code))
    _, place = centre.space("limoges")
    centre.conn.execute(
        "WITH r AS ("
        "INSERT INTO resource (place, code, name, kind) VALUES (%s, 'laser', 'Laser', 'machine') RETURNING id)"
        " INSERT INTO resource_unit (resource, place, code) SELECT id, %s, u FROM r, (VALUES ('1'), ('2')) v (u)",
        (place, place),
    )
    page = open_page()
    expect(page.locator("#coming summary")).to_have_text("2 lieux à venir")
    expect(page.locator("#legend")).to_contain_text("lieu en préparation")
    expect(page.locator("#legend")).to_contain_text("bâtiment à l’étude")
    assert page.locator('#list [data-place="gare"]').count() == 0, "never available"
    page.locator("#search").fill("moulin")
    expect(page.locator("#coming summary")).to_have_text("1 lieu à venir")
    page.locator("#coming summary").click()
    expect(page.locator("#coming li")).to_contain_text("Moulin")
    page.locator("#search").fill("")
    row(page, "limoges").click()
    expect(page.locator("#details .bookable li")).to_contain_text("Laser")
    expect(page.locator("#details .bookable li")).to_contain_text("2 libres sur 2")


def test_search_and_order(open_page: Open, centre: Centre) -> None:
    centre.state("ussel", present=29)
    page = open_page()
    first = page.locator("#list li a").first
    expect(first).to_have_attribute("data-place", "limoges")
    page.locator("#sort").select_option("fullness")
    expect(first).to_have_attribute("data-place", "ussel")
    page.locator("#search").fill("etage 19200")
    expect(page.locator("#list li")).to_have_count(1)
    expect(page.locator("#count")).to_have_text("1 lieu · 1 en direct · 0 sans données")
    page.locator("#search").fill("zzz")
    expect(page.locator("#nothing")).to_be_visible()


def test_a_new_place_appears(open_page: Open, centre: Centre) -> None:
    page = open_page()
    hostile = "<img src=x onerror=alert(1)> & Cie"
    centre.place("tulle", name=hostile, commune="Tulle")
    centre.notify("maillage_network")
    centre.state("tulle", present=3)
    expect(row(page, "tulle")).to_contain_text(hostile)  # a text, whatever it says
    expect(row(page, "tulle")).to_contain_text("3 / 30")


def test_small_screen(open_page: Open) -> None:
    page = open_page(viewport={"width": 360, "height": 640}, has_touch=True, is_mobile=True)
    expect(row(page, "limoges")).to_be_visible()
    expect(page.locator("#map")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    row(page, "limoges").tap()
    expect(page.locator("#details h2")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
