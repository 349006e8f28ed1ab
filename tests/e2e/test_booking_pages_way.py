"""A member finds a seat, books, changes, cancels, waits and subscribes to a calendar, in Chromium, in French."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.signed_in import DESKTOP, each_screen, look, nothing_found, reach, signed_in
from tests.managed import Managed, managed
from tests.waiting import until

PARIS = ZoneInfo("Europe/Paris")
PAGES = (
    "/me",
    "/me/seats",
    "/me/bookings",
    "/me/bookings/new",
    "/me/bookings/new?place=limoges",
    "/me/bookings/calendar",
)


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        one.sql("INSERT INTO pass (ref, member, everywhere) VALUES ('p-own1', %s, true) RETURNING ref", one.member)
        body = {"code": "laser", "name": "Découpe laser", "kind": "machine", "units": 1, "hour_cents": 1000}
        assert one.post("manager", "/v1/places/limoges/resources", body).status_code == 201
        people(one, 4)
        yield one


@pytest.fixture(autouse=True)
def _empty(network: Managed) -> None:
    network.sql("WITH w AS (DELETE FROM waiting), b AS (DELETE FROM booking), r AS (DELETE FROM booking_rule) SELECT 1")


def people(network: Managed, count: int) -> None:
    """Let so many people be in the open space of Limoges."""
    for space in ("open-space", "place"):
        network.centre.state("limoges", space, present=count)


def ahead(days: int = 2) -> str:
    return f"{datetime.now(PARIS).date() + timedelta(days=days):%Y-%m-%d}"


def hours(first: int, last: int, days: int = 2) -> dict[str, str]:
    day = datetime.now(PARIS).date() + timedelta(days=days)
    at = [datetime.combine(day, time(hour), PARIS).astimezone(UTC).isoformat() for hour in (first, last)]
    return {"from": at[0], "until": at[1]}


def taken(network: Managed, first: int, last: int) -> str:
    """Book the laser for somebody else; return the booking's path."""
    body = {"place": "limoges", "resource": "laser", "member": network.someone("Ana"), **hours(first, last)}
    made = network.post("desk", "/v1/bookings", {**body, "override": False})
    if made.status_code == 409:  # without a pass
        network.change("manager", "PUT", "/v1/places/limoges/booking-rules/all", {"without_pass": True})
        made = network.post("desk", "/v1/bookings", body)
    assert made.status_code == 201, made.text
    return made.headers["location"]


def window(page: Page, first: str, last: str, day: str | None = None) -> None:
    page.get_by_label("Jour", exact=True).fill(day or ahead())
    page.get_by_label("De", exact=True).fill(first)
    page.get_by_label("Jusqu'à", exact=True).fill(last)


def mine(network: Managed) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = network.get("member", "/v1/bookings").json()["bookings"]
    return found


def test_book_change_and_cancel_without_javascript(network: Managed, browser: Browser) -> None:
    with signed_in(network, browser, "member", java_script_enabled=False) as context:
        page = context.new_page()
        page.goto("/me")
        look(page, "me-phone")
        page.get_by_role("link", name="Réserver", exact=True).click()
        page.get_by_role("link", name="Réserver Limoges").click()
        window(page, "09:00", "11:00")
        page.get_by_role("button", name="Voir ce qui est libre").click()
        look(page, "book-phone")
        page.get_by_role("link", name="Réserver Découpe laser").click()
        expect(page.get_by_text("20,00")).to_be_visible()
        look(page, "confirm-phone")
        page.get_by_role("button", name="Réserver ce créneau").click()
        expect(page.get_by_role("status")).to_contain_text("C'est réservé")
        look(page, "booking-phone")
        (one,) = mine(network)
        assert (one["from"], one["resource"]) == (hours(9, 11)["from"].replace("+00:00", ".000Z"), "laser")

        page.get_by_label("Jusqu'à", exact=True).fill("12:00")
        page.get_by_role("button", name="Enregistrer le nouveau créneau").click()
        expect(page.get_by_role("status")).to_contain_text("enregistré")
        page.go_back()
        page.reload()
        assert len(mine(network)) == 1
        page.goto("/me/bookings")
        look(page, "bookings-phone")
        page.get_by_role("button", name=re.compile("^Annuler")).click()
        expect(page.get_by_role("status")).to_contain_text("annulée")
        assert mine(network)[0]["status"] == "cancelled"
        look(page, "cancelled-phone")
        page.get_by_role("status").get_by_role("button", name="Réserver de nouveau").click()
        expect(page.get_by_role("status")).to_contain_text("de nouveau réservé")
        assert [row["status"] for row in mine(network)].count("booked") == 1


def test_a_slot_that_somebody_took_meanwhile_offers_the_next_and_the_waiting_list(
    network: Managed, browser: Browser
) -> None:
    with signed_in(network, browser, "member") as context:
        page = context.new_page()
        page.goto(f"/me/bookings/confirm?place=limoges&thing=resource:laser&day={ahead()}&from=14:00&until=16:00")
        location = taken(network, 14, 16)
        page.get_by_role("button", name="Réserver ce créneau").click()
        alert = page.get_by_role("alert")
        expect(alert).to_contain_text("Une autre réservation occupe une partie de ce créneau")
        expect(alert).to_be_focused()
        expect(page.get_by_label("De", exact=True)).to_have_value("14:00")
        expect(alert.get_by_role("link").first).to_be_visible()
        nothing_found(page)
        look(page, "taken-phone")
        page.get_by_role("button", name="M'inscrire sur la liste d'attente").click()
        expect(page.get_by_role("status")).to_contain_text("liste d'attente")
        expect(page.get_by_text("Vous êtes au rang 1")).to_be_visible()
        look(page, "waiting-phone")

        assert network.change("desk", "DELETE", location).status_code == 200
        page.goto("/me")
        expect(page.get_by_role("heading", name="Une place s'est libérée pour vous")).to_be_visible()
        nothing_found(page)
        look(page, "offer-phone")
        page.get_by_role("button", name="Accepter Découpe laser").click()
        expect(page.get_by_role("status")).to_contain_text("réservé")
        assert [row["status"] for row in mine(network)] == ["booked"]


def test_the_next_free_time_is_one_click_away(network: Managed, browser: Browser) -> None:
    taken(network, 14, 16)
    with signed_in(network, browser, "member") as context:
        page = context.new_page()
        page.goto(f"/me/bookings/new?place=limoges&day={ahead()}&from=14:00&until=16:00")
        row = page.get_by_role("listitem").filter(has_text="Découpe laser")
        expect(row).to_contain_text("pas libre à ce moment")
        row.get_by_role("link", name="16:00 – 18:00").click()
        page.get_by_role("button", name="Réserver ce créneau").click()
        expect(page.get_by_role("status")).to_contain_text("C'est réservé")
        assert mine(network)[0]["from"] == hours(16, 18)["from"].replace("+00:00", ".000Z")


def test_an_offer_is_declined_after_a_question_and_a_list_is_left(network: Managed, browser: Browser) -> None:
    first, second = taken(network, 9, 10), taken(network, 11, 12)
    for window_ in (hours(9, 10), hours(11, 12)):
        made = network.post("member", "/v1/waiting", {"place": "limoges", "resource": "laser", **window_})
        assert made.status_code == 201, made.text
    assert network.change("desk", "DELETE", first).status_code == 200
    del second
    with signed_in(network, browser, "member", java_script_enabled=False) as context:
        page = context.new_page()
        page.goto("/me/bookings")
        page.get_by_text("Refuser", exact=True).click()
        page.get_by_role("button", name="Refuser cette place").click()
        expect(page.get_by_role("status")).to_contain_text("C'est refusé")
        page.get_by_text("Quitter la liste", exact=True).click()
        page.get_by_role("button", name="Quitter cette liste").click()
        expect(page.get_by_role("status")).to_contain_text("quitté la liste")
    assert network.get("member", "/v1/waiting").json()["waiting"] == []


def test_two_browsers_move_one_booking_and_the_second_sees_what_the_first_saved(
    network: Managed, browser: Browser
) -> None:
    made = network.post("member", "/v1/bookings", {"place": "limoges", "resource": "laser", **hours(9, 10)})
    ref = made.json()["ref"]
    with signed_in(network, browser, "member") as context:
        page = context.new_page()
        page.goto(f"/me/bookings/{ref}")
        moved = network.change("member", "PATCH", f"/v1/bookings/{ref}", hours(10, 11))
        assert moved.status_code == 200, moved.text
        page.get_by_label("Jusqu'à", exact=True).fill("10:30")
        page.get_by_role("button", name="Enregistrer le nouveau créneau").click()
        expect(page.get_by_role("alert")).to_contain_text("10:00 – 11:00")
        expect(page.get_by_label("Jusqu'à", exact=True)).to_have_value("10:30")
        expect(page.get_by_text("Enregistré : 11:00")).to_be_visible()
        nothing_found(page)
        look(page, "changed-meanwhile-phone")
        page.get_by_role("button", name="Enregistrer le nouveau créneau").click()
        expect(page.get_by_role("status")).to_contain_text("enregistré")
    (one,) = mine(network)
    assert one["until"] == datetime.fromisoformat(hours(9, 10)["until"]).replace(minute=30).strftime(
        "%Y-%m-%dT%H:%M:%S.000Z"
    )


def test_a_double_click_books_once_and_every_week_is_a_series(network: Managed, browser: Browser) -> None:
    with signed_in(network, browser, "member", viewport=DESKTOP) as context:
        page = context.new_page()
        page.goto(f"/me/bookings/confirm?place=limoges&thing=space:open-space&day={ahead()}&from=09:00&until=10:00")
        page.get_by_role("button", name="Réserver ce créneau").dblclick()
        expect(page.get_by_role("status")).to_contain_text("C'est réservé")
        assert len(mine(network)) == 1
        page.goto(f"/me/bookings/confirm?place=limoges&thing=space:open-space&day={ahead()}&from=11:00&until=12:00")
        page.get_by_text("Toutes les semaines").click()
        page.get_by_label("Nombre de semaines").fill("3")
        page.get_by_role("button", name="Réserver ce créneau").click()
        expect(page.get_by_role("heading", name="Une réservation qui se répète")).to_be_visible()
        nothing_found(page)
        look(page, "series-desktop")
        assert len(mine(network)) == 4
        page.get_by_text("Annuler toutes les dates à venir").click()
        page.get_by_role("button", name="Tout annuler").click()
        expect(page.get_by_role("status")).to_contain_text("annulée")
        assert [row["status"] for row in mine(network)].count("booked") == 1


def test_seats_now_later_and_near_a_town(network: Managed, browser: Browser) -> None:
    def known() -> bool:
        return bool(network.get("member", "/v1/availability?only=limoges").json()["places"])

    until(known, what="the API knows the number")
    with signed_in(network, browser, "member", geolocation={"latitude": 45.83, "longitude": 1.26}) as context:
        context.grant_permissions(["geolocation"])
        page = context.new_page()
        page.goto("/me/seats")
        own = page.get_by_role("region", name="Mes lieux, maintenant")
        expect(own).to_contain_text("Limoges")
        expect(own).to_contain_text("places libres")
        look(page, "seats-phone")
        page.get_by_role("button", name="Ma position").click()
        near = page.get_by_role("region", name="Près de vous")
        expect(near).to_contain_text("Isle")
        assert "near=45.83%2C1.26" in page.url
        page.get_by_role("textbox", name="Près de").fill("Limoges")
        page.get_by_role("button", name="Rechercher").click()
        expect(page.get_by_role("region", name="Près de Limoges")).to_contain_text("Isle")
        page.get_by_role("textbox", name="Près de").fill("Saint-Denis")
        page.get_by_role("button", name="Rechercher").click()
        expect(page.get_by_role("alert")).to_contain_text("Vouliez-vous dire")
        nothing_found(page)
        page.get_by_role("textbox", name="Près de").fill("")
        page.get_by_label("Quand").select_option("then")
        window(page, "09:00", "11:00")
        expect(page.get_by_role("region", name=re.compile("^Mes lieux, .* 09:00"))).to_be_visible()
        nothing_found(page)
        look(page, "seats-then-phone")


def test_a_calendar_address_is_shown_once_and_ended(network: Managed, browser: Browser) -> None:
    with signed_in(network, browser, "member") as context:
        page = context.new_page()
        page.goto("/me/bookings/calendar")
        page.get_by_role("button", name="Créer une adresse").click()
        address = page.get_by_label(re.compile("^L'adresse")).input_value()
        assert network.api.get(address).headers["content-type"].startswith("text/calendar")
        nothing_found(page)
        look(page, "calendar-phone")
        page.goto("/me/bookings/calendar")
        expect(page.get_by_label(re.compile("^L'adresse"))).to_have_count(0)
        page.get_by_text("Arrêter", exact=True).click()
        page.get_by_role("button", name="Arrêter cette adresse").click()
        expect(page.get_by_role("status")).to_contain_text("arrêtée")
        assert network.api.get(address).status_code == 404
        page.get_by_label("Adresse de votre agenda").fill("ftp://example.org/x.ics")
        page.get_by_role("button", name="Lire cet agenda").click()
        expect(page.get_by_text("Saisissez l'adresse de l'agenda")).to_be_visible()
        expect(page.get_by_label("Adresse de votre agenda")).to_have_value("ftp://example.org/x.ics")
        page.get_by_label("Adresse de votre agenda").fill("https://example.org/x.ics")
        page.get_by_role("button", name="Lire cet agenda").click()
        expect(page.get_by_role("status")).to_contain_text("toutes les 15 minutes")
        page.get_by_text("Arrêter", exact=True).click()
        page.get_by_role("button", name="Ne plus le lire").click()
        expect(page.get_by_role("status")).to_contain_text("plus cet agenda")


def test_booked_by_keyboard_alone(network: Managed, browser: Browser) -> None:
    with signed_in(network, browser, "member", viewport=DESKTOP) as context:
        page = context.new_page()
        page.goto(f"/me/bookings/new?place=limoges&day={ahead()}&from=09:00&until=10:00")

        reach(page, "link", "Découpe laser")
        expect(page.get_by_role("heading", name="Réserver : Découpe laser")).to_be_visible()
        reach(page, "button", "Réserver ce créneau")
        expect(page.get_by_role("status")).to_contain_text("C'est réservé")


@pytest.mark.parametrize("language", ["fr-FR", "en-GB"])
def test_axe_finds_nothing(network: Managed, browser: Browser, language: str) -> None:
    network.change(
        "manager", "PUT", "/v1/places/limoges/booking-rules/all", {"notice_minutes": 60, "longest_minutes": 600}
    )
    made = network.post("member", "/v1/bookings", {"place": "limoges", "resource": "laser", **hours(9, 10)})
    with signed_in(network, browser, "member", locale=language) as context:
        page = context.new_page()
        for path in (*PAGES, f"/me/bookings/{made.json()['ref']}"):
            answer = page.goto(path)
            assert answer is not None
            assert answer.status == 200
            name = re.sub(r"\W+", "-", path.replace(made.json()["ref"], "one"))
            for screen in each_screen(page):
                nothing_found(page)
                look(page, f"{name}-{screen}-{language[:2]}")
