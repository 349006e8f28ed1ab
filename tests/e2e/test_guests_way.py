"""A member's guests, page by page: invite with a code or a QR, call off; and the guest's own page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.signed_in import PHONE, base, each_screen, look, nothing_found, signed_in
from tests.integration.test_guest_qr import READER, sign
from tests.managed import Managed, managed

DAY = (datetime.now(ZoneInfo("Europe/Paris")) + timedelta(days=3)).date()


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        one.sql("INSERT INTO pass (ref, member, everywhere) VALUES ('p-own1', %s, true) RETURNING ref", one.member)
        one.sql(READER)
        one.sql("UPDATE place SET address = '12 rue Haute', postcode = '87000', commune = 'Limoges' RETURNING id")
        one.sql("UPDATE place SET phone = '05 55 00 00 00' RETURNING id")
        laser = {"code": "laser", "name": "Laser", "space": "open-space", "units": 1}
        assert one.post("manager", "/v1/places/limoges/resources", {**laser, "kind": "machine"}).status_code == 201
        yield one


def booking(network: Managed, hour: int) -> str:
    starts = datetime(DAY.year, DAY.month, DAY.day, hour, tzinfo=UTC)
    body = {"place": "limoges", "resource": "laser", "from": starts.isoformat()}
    made = network.post("member", "/v1/bookings", {**body, "until": (starts + timedelta(hours=1)).isoformat()})
    assert made.status_code == 201, made.text
    return str(made.json()["ref"])


def fill(page: Page, name: str, **more: Any) -> None:
    page.get_by_label("Nom de l'invité·e").fill(name)
    for label, value in more.items():
        page.locator(f"#{label}").fill(value)


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_a_guest_with_a_code_for_a_booking(network: Managed, browser: Browser, scripts: bool) -> None:
    ref = booking(network, 6 if scripts else 8)
    with signed_in(network, browser, "member", java_script_enabled=scripts) as context:
        page = context.new_page()
        page.goto(f"/me/guests?booking={ref}")
        expect(page.locator("#booking")).to_have_value(ref)
        expect(page.get_by_label("Pour une de mes réservations")).to_be_checked()
        name = f"Ana <i>Costa</i> {scripts}"
        fill(page, name, email=f"ana{scripts}@example.org".lower())
        page.get_by_role("button", name="Inviter").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(f"{name} est invité·e")
        code = page.locator("#code").inner_text()
        assert len(code) == 6
        page.reload()
        expect(page.locator("#code")).to_have_text(code)  # the same form: the same answer
        page.get_by_role("link", name="Retour à mes invités").click()
        expect(page.locator("strong", has_text=name)).to_have_count(1)
        page.get_by_role("link", name=f"Annuler la visite {name}").click()
        page.get_by_role("button", name="Oui, annuler la visite").click()
        expect(page.get_by_role("status")).to_contain_text("La visite est annulée")
        expect(page.locator("strong", has_text=name)).to_have_count(0)
        page.go_back()  # to the question: it is over
        page.reload()
        expect(page.get_by_role("alert")).to_be_visible()


def test_a_guest_with_a_qr_for_some_hours_and_the_guests_own_page(network: Managed, browser: Browser) -> None:
    with signed_in(network, browser, "member", java_script_enabled=False) as context:
        page = context.new_page()
        page.goto("/me/guests")
        if page.get_by_label("Pour quelques heures").count():
            page.get_by_label("Pour quelques heures").check()
        page.get_by_label("Dans quel lieu").select_option("limoges")
        fill(page, "Nora Petit", day=DAY.isoformat(), begins="14:00", ends="17:30")
        page.get_by_label("Avec un QR").check()
        page.get_by_role("button", name="Inviter").click()
        link = page.get_by_role("link", name="La page de l'invité·e, avec le QR")
        path = str(link.get_attribute("href"))
        expect(page.get_by_role("status")).to_contain_text("14:00")
    phone: dict[str, Any] = {"base_url": base(network), "locale": "fr-FR", "viewport": PHONE}
    with browser.new_context(**phone) as context:
        page = context.new_page()
        page.goto(path)
        expect(page.get_by_role("status")).to_contain_text("en préparation")
        sign(network)
        expect(page.locator("svg.qr")).to_be_visible(timeout=30_000)  # it looks again by itself
        for words in ("Nora Petit", "12 rue Haute, 87000 Limoges", "17:30", "Jeanne Petit", "05 55 00 00 00"):
            expect(page.get_by_text(words).first).to_be_visible()
        box = page.locator("svg.qr").bounding_box()
        assert box is not None
        assert box["width"] > 250
        page.wait_for_function("caches.match(location.href).then((one) => one !== undefined)")
        page.reload()
        context.set_offline(True)  # at a door without a network
        page.reload()
        expect(page.locator("svg.qr")).to_be_visible()
        expect(page.get_by_text("12 rue Haute")).to_be_visible()
        look(page, "guest-offline")
    for locale in ("fr-FR", "en-GB"):
        with browser.new_context(base_url=base(network), locale=locale) as context:
            page = context.new_page()
            page.goto(path)
            expect(page.locator("svg.qr")).to_be_visible()
            for screen in each_screen(page):
                nothing_found(page)
                look(page, f"guest-{screen}-{locale[:2]}")


def test_every_page_of_guests_holds_what_pages_must(network: Managed, browser: Browser) -> None:
    ref = booking(network, 10)
    for name in ("Paul Lenoir", "Une personne dont le nom est très long parce qu'il est fait de beaucoup de mots"):
        body = {"name": name, "credential": "qr"}
        assert network.post("member", f"/v1/bookings/{ref}/guests", body).status_code == 201
    guest = network.get("member", "/v1/guests").json()["guests"][-1]["ref"]
    for locale in ("fr-FR", "en-GB"):
        with signed_in(network, browser, "member", locale=locale) as context:
            page = context.new_page()
            for path, name in (("/me/guests", "guests"), (f"/me/guests/{guest}/cancel", "guest-cancel")):
                page.goto(path)
                for screen in each_screen(page):
                    nothing_found(page)
                    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
                    assert wide <= 0, f"{name} is wider than the screen by {wide}"
                    look(page, f"{name}-{screen}-{locale[:2]}")


def test_a_form_that_is_refused_keeps_what_was_typed(network: Managed, browser: Browser) -> None:
    booking(network, 12)
    with signed_in(network, browser, "member") as context:
        page = context.new_page()
        page.goto("/me/guests")
        page.get_by_label("Pour quelques heures").check()
        page.get_by_label("Dans quel lieu").select_option("isle")
        fill(page, "Luc Brun", email="luc@example.org", day=DAY.isoformat(), begins="09:00", ends="11:00")
        page.get_by_label("Avec un QR").check()
        page.get_by_role("button", name="Inviter").click()
        expect(page.get_by_role("alert")).to_contain_text("n'a pas de lecteur de QR")
        expect(page.get_by_label("Nom de l'invité·e")).to_have_value("Luc Brun")
        expect(page.locator("#begins")).to_have_value("09:00")
        expect(page.locator("#place")).to_have_value("isle")
        expect(page.get_by_label("Avec un QR")).to_be_checked()
        nothing_found(page)
        look(page, "guests-refused")
        page.get_by_label("Avec un code").check()
        page.get_by_role("button", name="Inviter").dblclick()
        expect(page.locator("#code")).to_be_visible()
        look(page, "guest-invited")
        nothing_found(page)
    named = [one for one in network.get("member", "/v1/guests").json()["guests"] if one["name"] == "Luc Brun"]
    assert len(named) == 1, "a double click invites once"


def test_by_keyboard_alone(network: Managed, browser: Browser) -> None:
    with signed_in(network, browser, "member") as context:
        page = context.new_page()
        page.goto("/me/guests")
        page.locator("#name").focus()
        page.keyboard.type("Kim Clavier")
        for _ in range(30):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.id") == "credential-code":
                break
        else:
            pytest.fail("the choice of code or QR can't be reached")
        page.keyboard.press("ArrowDown")
        expect(page.locator("#credential-qr")).to_be_checked()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Kim Clavier est invité·e")
