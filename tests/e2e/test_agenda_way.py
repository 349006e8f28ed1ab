"""Bookings as a calendar, hours and closures, in Chromium, in French."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.signed_in import DESKTOP, PHONE, look, nothing_found, signed_in
from tests.managed import Managed, managed
from tests.waiting import until

ZONE = ZoneInfo("Europe/Paris")
DEADLINE_MS = 60_000
TABLET = {"width": 820, "height": 1180}


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    expect.set_options(timeout=DEADLINE_MS)
    with managed(postgres_url, _template) as one:
        place = "/v1/places/limoges/resources"
        rooms = {"code": "salle", "name": "Salle du pont", "kind": "room", "space": "room-1"}
        desks = {"code": "bureaux", "name": "Bureaux", "kind": "desk", "space": "open-space"}
        lasers = {"code": "laser", "name": "Découpe laser", "kind": "machine", "units": 2, "hour_cents": 1200}
        for body in (rooms, desks, lasers):
            assert one.post("admin", place, body).status_code == 201
        yield one


def coming(days: int = 3) -> date:
    """A day to come."""
    return datetime.now(ZONE).date() + timedelta(days=days)


def at(day: date, hour: int, minute: int = 0) -> str:
    return datetime.combine(day, time(hour, minute), ZONE).astimezone(UTC).isoformat()


def booked(network: Managed, day: date, first: int, last: int, **fields: Any) -> str:
    """Book for somebody; return the reference."""
    body = {"member": network.someone(), "place": "limoges", "resource": "salle", **fields}
    answer = network.post("desk", "/v1/bookings", {**body, "from": at(day, first), "until": at(day, last)})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["ref"])


def window(network: Managed, ref: str) -> tuple[str, str]:
    """The hours of a booking on the place's clock."""
    one = network.get("desk", f"/v1/bookings/{ref}").json()
    first, last = (datetime.fromisoformat(one[name]).astimezone(ZONE) for name in ("from", "until"))
    return f"{first:%H:%M}", f"{last:%H:%M}"


def test_a_booking_is_made_changed_and_cancelled_without_javascript(network: Managed, browser: Browser) -> None:
    day = coming(4)
    someone = network.someone("Zoé Durand")
    with signed_in(network, browser, "desk", java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"/manage/limoges/bookings?day={day}")
        page.get_by_role("link", name="Nouvelle réservation", exact=True).click()
        page.get_by_label("Quoi").select_option(label="Salle du pont")
        page.get_by_label("De", exact=True).fill("10:00")
        page.get_by_label("À", exact=True).fill("11:00")
        page.get_by_label("Nom ou adresse e-mail").fill("zoe dur")
        page.get_by_role("button", name="Chercher").click()
        expect(page.get_by_label("De", exact=True)).to_have_value("10:00")
        page.get_by_role("radio", name="Zoé Durand").check()
        look(page, "agenda-new-phone")
        page.get_by_role("button", name="Réserver").click()
        expect(page.get_by_role("status").filter(has_text="La réservation est faite.")).to_be_visible()
        look(page, "agenda-day-phone")
        page.get_by_role("link", name="Zoé Durand").click()
        expect(page.get_by_role("heading", name="Zoé Durand")).to_be_visible()
        look(page, "agenda-booking-phone")
        page.get_by_label("À", exact=True).fill("12:30")
        page.get_by_role("button", name="Enregistrer").click()
        expect(page.get_by_role("status").filter(has_text="La réservation est modifiée.")).to_be_visible()
        (ref,) = network.sql("SELECT ref FROM booking WHERE member = %s", someone)[0]
        assert window(network, ref) == ("10:00", "12:30")
        page.get_by_role("button", name="Annuler", exact=True).click()
        expect(page.get_by_role("status").filter(has_text="comme avant")).to_be_visible()
        assert window(network, ref) == ("10:00", "11:00")
        page.get_by_role("link", name="Zoé Durand").click()
        page.get_by_role("link", name="Annuler la réservation").click()
        look(page, "agenda-cancel-phone")
        page.get_by_role("button", name="Oui, l'annuler").click()
        expect(page.get_by_role("status").filter(has_text="La réservation est annulée.")).to_be_visible()
        mails = network.sql("SELECT kind FROM mail WHERE to_member = %s", someone)
        assert mails == [("booking_cancelled",)]
        page.get_by_role("button", name="Annuler", exact=True).click()
        expect(page.get_by_role("status").filter(has_text="de nouveau")).to_be_visible()
        assert network.sql("SELECT count(*) FROM booking WHERE member = %s AND cancelled_at IS NULL", someone) == [(1,)]


def calendar(page: Page, day: date, view: str = "") -> None:
    page.goto(f"/manage/limoges/bookings?day={day}{view}")
    expect(page.get_by_role("grid")).to_be_visible()


def test_a_booking_is_moved_by_drag_and_undone(network: Managed, browser: Browser) -> None:
    day = coming(5)
    ref, _taken = booked(network, day, 9, 10), booked(network, day, 14, 15)
    with signed_in(network, browser, "desk", viewport=DESKTOP) as context:
        page = context.new_page()
        calendar(page, day)
        look(page, "agenda-day")
        link = page.locator(f"a[data-ref='{ref}']")
        link.scroll_into_view_if_needed()
        box = link.bounding_box()
        assert box is not None
        quarter = box["width"] / 4
        page.mouse.move(box["x"] + 10, box["y"] + 10)
        page.mouse.down()
        page.mouse.move(box["x"] + 10 + 4.2 * quarter, box["y"] + 12, steps=4)
        look(page, "agenda-drag")
        page.mouse.up()
        expect(page.get_by_role("status").filter(has_text="La réservation est modifiée.")).to_be_attached()
        assert window(network, ref) == ("10:00", "11:00")
        expect(link).to_contain_text("10:00")

        box = until(link.bounding_box)  # the table may just be replaced
        assert box is not None
        page.mouse.move(box["x"] + 10, box["y"] + 10)
        page.mouse.down()
        page.mouse.move(box["x"] + 10 + 16.2 * quarter, box["y"] + 12, steps=4)
        page.mouse.up()
        expect(page.get_by_role("alert")).to_contain_text("C'est pris")
        look(page, "agenda-refused")
        assert window(network, ref) == ("10:00", "11:00")
        page.keyboard.press("Control+z")
        expect(page.get_by_role("status").filter(has_text="comme avant")).to_be_attached()
        assert window(network, ref) == ("09:00", "10:00")


def test_a_finger_scrolls_and_drags_once_it_has_rested(network: Managed, browser: Browser) -> None:
    day = coming(9)
    ref = booked(network, day, 9, 10)
    with signed_in(network, browser, "desk", viewport=TABLET, has_touch=True) as context:
        page = context.new_page()
        calendar(page, day)
        finger = context.new_cdp_session(page)
        link, frame, table = (
            page.locator(f"a[data-ref='{ref}']"),
            page.locator(".agenda-frame"),
            page.locator(".agenda-table"),
        )
        link.scroll_into_view_if_needed()

        def touch(kind: str, x: float = 0, y: float = 0) -> None:
            points = [] if kind == "touchEnd" else [{"x": x, "y": y}]
            finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        def grip() -> tuple[float, float, float]:
            box = link.bounding_box()
            assert box is not None
            return box["x"] + 8, box["y"] + 12, box["width"] / 4

        x, y, quarter = grip()
        before = table.evaluate("one => one.scrollLeft")
        touch("touchStart", x, y)
        for step in range(1, 9):
            touch("touchMove", x - 15 * step, y)
        touch("touchEnd")
        until(lambda: table.evaluate("one => one.scrollLeft") > before, what="the finger scrolls")
        expect(frame).to_be_hidden()
        assert window(network, ref) == ("09:00", "10:00")

        link.scroll_into_view_if_needed()
        x, y, quarter = grip()
        touch("touchStart", x, y)
        expect(frame).to_be_visible()  # it has rested for long enough
        scrolled = table.evaluate("one => one.scrollLeft")
        for step in range(1, 6):
            touch("touchMove", x + 4.2 * quarter * step / 5, y)
        assert table.evaluate("one => one.scrollLeft") == scrolled, "what is dragged doesn't scroll"
        touch("touchEnd")
        expect(page.get_by_role("status").filter(has_text="La réservation est modifiée.")).to_be_attached()
        assert window(network, ref) == ("10:00", "11:00")
        link.tap()  # a short tap still opens it
        expect(page.get_by_label("De", exact=True)).to_have_value("10:00")


def test_a_booking_is_moved_made_longer_and_drawn_by_keyboard_alone(network: Managed, browser: Browser) -> None:
    day = coming(6)
    first = booked(network, day, 9, 10, resource="laser", unit="1")
    with signed_in(network, browser, "desk", viewport=DESKTOP) as context:
        page = context.new_page()
        calendar(page, day)
        said = page.get_by_role("status")
        link = page.locator(f"a[data-ref='{first}']")
        page.locator("details.agenda-keys summary").focus()
        page.keyboard.press("Shift+Tab")  # the calendar is one stop of the keyboard
        expect(link).to_be_focused()
        page.keyboard.press("m")
        for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowDown"):
            page.keyboard.press(key)
        expect(said.filter(has_text="10:00 – 11:00")).to_be_attached()
        page.keyboard.press("Enter")
        expect(said.filter(has_text="La réservation est modifiée.")).to_be_attached()
        assert window(network, first) == ("10:00", "11:00")
        assert network.get("desk", f"/v1/bookings/{first}").json()["unit"] == "2"
        expect(link).to_be_focused()

        page.keyboard.press("Shift+ArrowRight")
        page.keyboard.press("Shift+ArrowRight")
        page.keyboard.press("Enter")
        expect(link).to_contain_text("11:30")
        assert window(network, first) == ("10:00", "11:30")
        page.keyboard.press("Control+z")
        expect(link).to_contain_text("11:00")
        assert window(network, first) == ("10:00", "11:00")

        page.keyboard.press("m")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Escape")
        expect(said.filter(has_text="Rien n'a été modifié.")).to_be_attached()
        expect(link).to_be_focused()

        page.keyboard.press("ArrowRight")
        expect(page.locator("td:focus")).to_have_attribute("aria-label", re.compile("11:00, libre"))
        for _ in range(3):
            page.keyboard.press("Shift+ArrowRight")
        page.keyboard.press("Enter")
        expect(page.get_by_label("De", exact=True)).to_have_value("11:00")
        expect(page.get_by_label("À", exact=True)).to_have_value("12:00")
        expect(page.get_by_label("Quoi")).to_have_value("r:laser:2")
        nothing_found(page)


def test_a_week_keeps_the_hours_of_a_booking_and_shows_what_others_do(network: Managed, browser: Browser) -> None:
    monday = coming(40) - timedelta(days=coming(40).weekday())
    ref = booked(network, monday, 9, 10)
    with signed_in(network, browser, "desk", viewport=DESKTOP) as context:
        page = context.new_page()
        calendar(page, monday, "&view=week")
        nothing_found(page)
        look(page, "agenda-week")
        link = page.locator(f"a[data-ref='{ref}']")
        source, target = (
            link.bounding_box(),
            page.locator(f"td[data-day='{monday + timedelta(days=2)}']").last.bounding_box(),
        )
        assert source is not None
        assert target is not None
        page.mouse.move(source["x"] + 8, source["y"] + 8)
        page.mouse.down()
        page.mouse.move(target["x"] + 20, source["y"] + 8, steps=4)
        page.mouse.up()
        expect(page.get_by_role("status").filter(has_text="La réservation est modifiée.")).to_be_attached()
        starts = datetime.fromisoformat(network.get("desk", f"/v1/bookings/{ref}").json()["from"])
        assert starts == datetime.fromisoformat(at(monday + timedelta(days=2), 9))

        other = booked(network, monday, 14, 15)
        expect(page.locator(f"a[data-ref='{other}']")).to_be_visible()


def test_two_people_in_one_booking_the_second_sees_what_changed(network: Managed, browser: Browser) -> None:
    day = coming(7)
    ref = booked(network, day, 9, 10)
    with signed_in(network, browser, "desk") as one, signed_in(network, browser, "manager") as two:
        first, second = one.new_page(), two.new_page()
        for page in (first, second):
            page.goto(f"/manage/limoges/bookings/{ref}")
        first.get_by_label("À", exact=True).fill("11:00")
        first.get_by_role("button", name="Enregistrer").click()
        expect(first.get_by_role("status").filter(has_text="modifiée")).to_be_visible()
        second.get_by_label("De", exact=True).fill("08:00")
        second.get_by_role("button", name="Enregistrer").click()
        expect(second.get_by_role("alert")).to_contain_text("Quelqu'un d'autre")
        expect(second.get_by_label("De", exact=True)).to_have_value("08:00")
        expect(second.locator("#until-wrong")).to_contain_text("11:00")
        nothing_found(second)
        look(second, "agenda-two-people")
        second.get_by_role("button", name="Enregistrer").click()
        expect(second.get_by_role("status").filter(has_text="modifiée")).to_be_visible()
        assert window(network, ref) == ("08:00", "10:00")
        first.go_back()  # to the form as it was: nothing is sent again
        first.reload()
        expect(first.get_by_label("De", exact=True)).to_have_value("08:00")
        assert window(network, ref) == ("08:00", "10:00")


def test_a_double_click_books_once(network: Managed, browser: Browser) -> None:
    someone, day = network.someone("Paul Double"), coming(8)
    with signed_in(network, browser, "desk", java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"/manage/limoges/bookings/new?day={day}&from=09:00&until=10:00&member={someone}&what=s:open-space")
        page.get_by_role("button", name="Réserver").dblclick()
        expect(page.get_by_role("status").filter(has_text="La réservation est faite.")).to_be_visible()
        assert network.sql("SELECT count(*) FROM booking WHERE member = %s", someone) == [(1,)]


def test_who_finds_it_taken_goes_on_the_waiting_list(network: Managed, browser: Browser) -> None:
    day = coming(30)
    ref, someone = booked(network, day, 9, 10), network.someone("Ines Attente")
    with signed_in(network, browser, "desk", java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"/manage/limoges/bookings/new?day={day}&from=09:00&until=10:00&member={someone}&what=r:salle:1")
        page.get_by_role("button", name="Réserver").click()
        expect(page.get_by_role("alert")).to_contain_text("C'est pris")
        page.get_by_role("button", name="Mettre sur la liste d'attente").click()
        expect(page.get_by_role("status").filter(has_text="Sur la liste d'attente")).to_be_visible()
        look(page, "agenda-waiting")
        page.goto(f"/manage/limoges/bookings/{ref}")
        expect(page.get_by_role("region", name="Qui attend ce créneau")).to_contain_text("Ines Attente")
        page.goto("/manage/limoges/bookings/waiting")
        page.get_by_role("button", name="Retirer de la liste").click()
        expect(page.get_by_text("Personne n'attend.")).to_be_visible()


def test_calendars_feeds_and_quotas_are_added_and_removed(network: Managed, browser: Browser) -> None:
    assert network.post("admin", "/v1/organisations", {"code": "mairie", "name": "Mairie"}).status_code == 201
    with signed_in(network, browser, "manager", java_script_enabled=False) as context:
        page = context.new_page()
        page.goto("/manage/limoges/bookings/calendars")
        page.get_by_label("Ce qu'il bloque").select_option(label="Salle du pont")
        page.get_by_label("Nom", exact=True).fill("Agenda de la mairie")
        page.get_by_label("Adresse du calendrier").fill("https://agenda.example.org/salle.ics")
        page.get_by_role("button", name="Ajouter le calendrier").click()
        expect(page.get_by_role("status").filter(has_text="Le calendrier est ajouté")).to_be_visible()
        expect(page.get_by_text("Agenda de la mairie")).to_be_visible()
        page.get_by_label("De quoi").select_option(label="Découpe laser")
        page.get_by_role("button", name="Créer un flux").click()
        address = page.get_by_label("Adresse du flux").input_value()
        assert network.api.get(address).text.startswith("BEGIN:VCALENDAR")
        nothing_found_without_scripts(page)
        look(page, "agenda-calendars")
        page.get_by_role("button", name="Arrêter").click()
        expect(page.get_by_role("status").filter(has_text="n'affiche plus rien")).to_be_visible()
        assert network.api.get(address).status_code == 404
        page.get_by_role("button", name="Supprimer").click()
        expect(page.get_by_role("status").filter(has_text="Le calendrier est supprimé")).to_be_visible()
        page.goto("/manage/limoges/bookings/quotas")
        page.get_by_label("D'une organisation").select_option(label="Mairie")
        page.get_by_label("Combien").fill("beaucoup")
        page.get_by_role("button", name="Fixer le quota").click()
        expect(page.get_by_role("alert")).to_contain_text("nombre entier")
        expect(page.get_by_label("D'une organisation")).to_have_value("mairie")
        page.get_by_label("Combien").fill("12")
        page.get_by_label("Par", exact=True).select_option(label="par mois")
        page.get_by_role("button", name="Fixer le quota").click()
        expect(page.get_by_text("réservations : 12 par mois")).to_be_visible()
        look(page, "agenda-quotas")
        page.get_by_role("button", name="Supprimer").click()
        expect(page.get_by_text("Aucun quota.")).to_be_visible()


def test_a_lockdown_and_what_is_taken_show_in_the_calendar(network: Managed, browser: Browser) -> None:
    day = coming(31)
    booked(network, day, 9, 10)
    network.sql("INSERT INTO lockdown (place, ordered_by) SELECT id, 'x' FROM place WHERE code = 'limoges' RETURNING 1")
    try:
        with signed_in(network, browser, "auditor", viewport=DESKTOP) as context:
            page = context.new_page()

            def seen() -> bool:
                page.goto(f"/manage/limoges/bookings?day={day}")
                return page.get_by_text("Verrouillage : aucune porte").count() == 1

            until(seen, what="the API has heard of the lockdown")
            expect(page.get_by_role("link", name="Claire Martin").first).to_be_visible()
            assert page.get_by_role("link", name="Nouvelle réservation").count() == 0, "an auditor reads"
    finally:
        network.sql("UPDATE lockdown SET released_at = now(), released_by = 'x' RETURNING 1")


def test_a_rule_that_refuses_is_gone_beyond_with_a_reason(network: Managed, browser: Browser) -> None:
    someone, day = network.someone("Rose Longue"), coming(9)
    with signed_in(network, browser, "manager") as context:
        page = context.new_page()
        page.goto("/manage/limoges/bookings/rules/machine")
        page.get_by_label("Durée maximale, en minutes").fill("60")
        page.get_by_label("L'équipe peut dépasser ces règles").select_option(label="oui")
        look(page, "agenda-rule")
        page.get_by_role("button", name="Enregistrer").click()
        expect(page.get_by_role("status").filter(has_text="Les règles sont enregistrées")).to_be_visible()
        look(page, "agenda-rules")
        page.goto(f"/manage/limoges/bookings/new?day={day}&from=09:00&until=12:00&member={someone}&what=r:laser:1")
        page.get_by_role("button", name="Réserver").click()
        expect(page.get_by_role("alert")).to_contain_text("plus long")
        expect(page.get_by_label("À", exact=True)).to_have_value("12:00")
        page.get_by_label("Réserver quand même").check()
        page.get_by_label("Pourquoi").fill("Commande du musée")
        look(page, "agenda-override")
        page.get_by_role("button", name="Réserver", exact=True).click()
        expect(page.get_by_role("status").filter(has_text="La réservation est faite.")).to_be_visible()
        page.get_by_role("link", name="Rose Longue").click()
        expect(page.get_by_role("cell", name="Commande du musée")).to_be_visible()
    network.change("admin", "PUT", "/v1/places/limoges/booking-rules/machine", {})


def test_a_series_is_booked_and_a_part_of_it_cancelled(network: Managed, browser: Browser) -> None:
    someone, day = network.someone("Sam Série"), coming(10)
    with signed_in(network, browser, "desk", java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(
            f"/manage/limoges/bookings/new?day={day}&from=17:00&until=18:00&member={someone}&what=r:salle:1&repeat=weekly"
        )
        page.get_by_label("Combien de fois").fill("3")
        page.get_by_role("button", name="Réserver").click()
        expect(page.get_by_role("heading", name="Sam Série")).to_be_visible()
        look(page, "agenda-series")
        page.get_by_label("Premier jour").fill(str(day + timedelta(days=7)))
        page.get_by_role("button", name="Annuler ces réservations").click()
        expect(page.get_by_role("cell", name="annulé")).to_have_count(2)
        assert network.sql("SELECT count(*) FROM booking WHERE member = %s AND cancelled_at IS NULL", someone) == [(1,)]


def test_tomorrow_is_closed_in_two_taps_and_opened_again(network: Managed, browser: Browser) -> None:
    tomorrow = coming(1)
    ref = booked(network, tomorrow, 9, 10)
    with signed_in(network, browser, "manager", java_script_enabled=False) as context:
        page = context.new_page()
        page.goto("/manage/limoges/hours")
        look(page, "hours-phone")
        page.get_by_role("link", name="Demain").click()
        expect(page.get_by_role("checkbox", name="Claire Martin")).to_be_checked()
        look(page, "hours-close-tomorrow")
        nothing_found_without_scripts(page)
        page.get_by_role("checkbox", name="Claire Martin").uncheck()
        page.get_by_label("Motif").fill("<b>Travaux</b>")
        page.get_by_role("button", name="Fermer ces jours-là").click()
        expect(page.get_by_role("status").filter(has_text="La fermeture est enregistrée")).to_be_visible()
        expect(page.get_by_text("<b>Travaux</b>")).to_be_visible()
        assert network.get("desk", f"/v1/bookings/{ref}").json()["status"] == "booked"
        page.get_by_role("button", name="Annuler", exact=True).click()
        expect(page.get_by_role("status").filter(has_text="La fermeture est annulée")).to_be_visible()
        assert network.get("manager", "/v1/closures?place=limoges").json()["closures"] == []
        page.get_by_role("link", name="Fermer de nouveau").click()
        expect(page.get_by_label("Motif")).to_have_value("<b>Travaux</b>")
        page.get_by_role("checkbox", name="Claire Martin").uncheck()
        page.get_by_role("button", name="Fermer ces jours-là").click()
        expect(page.get_by_role("status").filter(has_text="La fermeture est enregistrée")).to_be_visible()
        page.goto(f"/manage/limoges/bookings?day={tomorrow}")
        expect(page.get_by_text("Fermé le", exact=False).first).to_be_visible()
        page.goto("/manage/limoges/hours/closures")
        page.get_by_role("link", name="Voir").click()
        page.get_by_role("button", name="Annuler la fermeture").click()
        expect(page.get_by_role("status").filter(has_text="La fermeture est annulée")).to_be_visible()


def nothing_found_without_scripts(page: Page) -> None:
    """What a page without scripts must have: a heading, and a name on each control."""
    assert page.get_by_role("heading", level=1).count() == 1
    for one in page.locator("main input:not([type=hidden]), main select").all():
        name = one.get_attribute("id")
        assert page.locator(f"label[for='{name}']").count() == 1, name


def test_opening_hours_are_changed_and_the_second_manager_sees_it(network: Managed, browser: Browser) -> None:
    with signed_in(network, browser, "manager", viewport=DESKTOP) as one, signed_in(network, browser, "admin") as two:
        first, second = one.new_page(), two.new_page()
        for page in (first, second):
            page.goto("/manage/limoges/hours/week")
        first.get_by_label("Les horaires sont connus").check()
        for day in ("Lundi", "Mardi", "Mercredi", "Jeudi", "Vendredi", "Samedi", "Dimanche"):
            first.get_by_label(day).fill("8h à 12h, 14:00-20:00")
        first.get_by_label("Les jours fériés", exact=True).select_option(label="fermé")
        first.get_by_label("Premier jour").first.fill("2031-08-01")
        first.get_by_label("Dernier jour").first.fill("2031-08-15")
        first.get_by_label("Horaires de chaque jour").fill("10-16")
        first.get_by_role("button", name="Une ligne de plus").click()
        expect(first.get_by_label("Horaires de chaque jour")).to_have_count(2)
        look(first, "hours-week")
        first.get_by_role("button", name="Enregistrer").click()
        expect(first.get_by_role("status").filter(has_text="Les horaires sont enregistrés")).to_be_visible()
        look(first, "hours")
        hours = network.get("manager", "/v1/places/limoges/hours").json()["opening_hours"]
        assert hours["mon"] == [["08:00", "12:00"], ["14:00", "20:00"]]
        assert hours["except"] == [["2031-08-01", "2031-08-15", [["10:00", "16:00"]]]]
        second.get_by_label("Lundi").fill("9-17")
        second.get_by_role("button", name="Enregistrer").click()
        expect(second.get_by_role("alert")).to_contain_text("Quelqu'un d'autre")
        expect(second.get_by_label("Lundi")).to_have_value("9-17")
        expect(second.locator("#mon-wrong")).to_contain_text("08:00-12:00, 14:00-20:00")
        nothing_found(second)
        wrong = one.new_page()
        wrong.goto("/manage/limoges/hours/week")
        wrong.get_by_label("Lundi").fill("12:00-08:00")
        wrong.get_by_role("button", name="Enregistrer").click()
        expect(wrong.get_by_role("alert")).to_contain_text("illisibles")
        expect(wrong.get_by_label("Lundi")).to_have_value("12:00-08:00")
    network.change("admin", "PATCH", "/v1/places/limoges/hours", {"opening_hours": None})


def test_what_can_be_booked_schedules_doors_and_policy_are_changed(network: Managed, browser: Browser) -> None:
    with signed_in(network, browser, "manager", java_script_enabled=False) as context:
        page = context.new_page()
        page.goto("/manage/limoges/bookings/resources")
        page.get_by_role("link", name="Ajouter ce qui se réserve").click()
        page.get_by_label("Nom").fill("Vidéo projecteur")
        page.get_by_label("Type").select_option(label="Matériel à emprunter")
        page.get_by_role("button", name="Ajouter").click()
        expect(page.get_by_role("alert")).to_contain_text("Combien")
        expect(page.get_by_label("Nom")).to_have_value("Vidéo projecteur")
        page.get_by_label("Combien").fill("2")
        page.get_by_label("Prix de l'heure").fill("2,50")
        page.get_by_role("button", name="Ajouter").click()
        expect(page.get_by_role("status").filter(has_text="Cela se réserve désormais.")).to_be_visible()
        look(page, "agenda-resources")
        page.get_by_role("link", name="Modifier : Vidéo projecteur").click()
        page.get_by_role("button", name="Mettre hors service").click()
        expect(page.get_by_role("status").filter(has_text="ne se réserve plus")).to_be_visible()
        page.get_by_role("button", name="Annuler", exact=True).click()
        expect(page.get_by_role("status").filter(has_text="de nouveau")).to_be_visible()

        page.goto("/manage/limoges/hours/schedules/new")
        page.get_by_label("Nom").fill("Soirées")
        page.get_by_label("Mardi").fill("18-22")
        page.get_by_role("button", name="Enregistrer").click()
        expect(page.get_by_role("status").filter(has_text="La plage horaire est enregistrée")).to_be_visible()
        page.goto("/manage/limoges/hours/doors/entry")
        page.get_by_label("Demande le code PIN avec le badge").check()
        page.get_by_label("Le code PIN seulement").select_option(label="Soirées")
        page.get_by_label("Un badge dont").select_option(label="est refusé pendant un temps")
        page.get_by_role("button", name="Enregistrer").click()
        expect(page.get_by_role("alert")).to_contain_text("nombre de secondes")
        page.get_by_label("Pendant combien de secondes").fill("120")
        page.get_by_role("button", name="Enregistrer").click()
        expect(page.get_by_role("status").filter(has_text="Les règles de la porte")).to_be_visible()
        rules = network.get("manager", "/v1/places/limoges/doors/entry/rules").json()
        assert (rules["pin"], rules["pin_while"], rules["passback_s"]) == (True, "limoges/soirees", 120)

        page.goto("/manage/limoges/hours/policy")
        page.get_by_label("Une réservation ouvre les portes").fill("30")
        page.get_by_role("button", name="Enregistrer").click()
        expect(page.get_by_role("status").filter(has_text="Les règles du lieu")).to_be_visible()
        assert network.get("manager", "/v1/places/limoges/policy").json()["booking_before_s"] == 1800
        page.goto("/manage/limoges/hours/limits")
        page.get_by_label("Room-1").fill("5")
        page.get_by_role("button", name="Enregistrer").click()
        expect(page.get_by_role("status").filter(has_text="Les nombres")).to_be_visible()
        assert network.get("manager", "/v1/places/limoges/hours").json()["limits"]["room-1"] == 5


@pytest.mark.parametrize(
    "options",
    [
        {"viewport": PHONE, "color_scheme": "light", "locale": "fr-FR"},
        {"viewport": DESKTOP, "color_scheme": "dark", "locale": "en-GB"},
    ],
    ids=["phone", "desktop"],
)
def test_axe_finds_nothing_on_any_of_these_pages(network: Managed, browser: Browser, options: dict[str, Any]) -> None:
    day = coming(12)
    name = f"{options['color_scheme']}-{options['locale'][:2]}"
    ref = booked(network, day, 9 if name == "light-fr" else 14, 10 if name == "light-fr" else 15)
    network.post("manager", "/v1/schedules", {"code": f"s-{name}", "place": "limoges", "name": "Matin", "hours": {}})
    bookings, hours = "/manage/limoges/bookings", "/manage/limoges/hours"
    paths = {
        "day": f"{bookings}?day={day}",
        "week": f"{bookings}?day={day}&view=week",
        "new": f"{bookings}/new?q=cla",
        "booking": f"{bookings}/{ref}",
        "cancel": f"{bookings}/{ref}/cancel",
        **{one: f"{bookings}/{one}" for one in ("waiting", "series", "rules", "quotas", "calendars")},
        "resources": f"{bookings}/resources",
        "resource-new": f"{bookings}/resources/new",
        "resource": f"{bookings}/resources/laser",
        "rule": f"{bookings}/rules/all",
        "hours": hours,
        **{f"hours-{one}": f"{hours}/{one}" for one in ("week", "closures", "limits", "schedules", "doors", "policy")},
        "closure-new": f"{hours}/closures/new?first={day}",
        "schedule": f"{hours}/schedules/s-{name}",
        "door": f"{hours}/doors/entry",
    }
    with signed_in(network, browser, "manager", **options) as context:
        page = context.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        for one, path in paths.items():
            answer = page.goto(path)
            assert answer is not None
            assert answer.status == 200, path
            nothing_found(page)
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, f"{path} is {wide} px wider than the window"
            look(page, f"all-{name}-{one}")
        assert complaints == []
