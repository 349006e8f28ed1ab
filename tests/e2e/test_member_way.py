"""A member's passes, cards, doors and data, in Chromium, in French: each task from its start to its end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.signed_in import DESKTOP, each_screen, look, nothing_found, reach, signed_in
from tests.integration.test_api_manage import make_lists
from tests.managed import Managed, managed
from tests.operated import Door, door

NUMBER: Final = "0A0B0C0D"
PLACE: Final = "/me/cards/open/limoges/entry"
PAGES: Final = ("/me/passes", "/me/cards", PLACE, "/me/data", "/me/data/all", "/me/data/erase")
PLAIN: Final[dict[str, Any]] = {"java_script_enabled": False}


@pytest.fixture(scope="module")
def at(postgres_url: str, _template: str) -> Iterator[Door]:
    with managed(postgres_url, _template) as network:
        stand = door(network)
        network.centre.gateway("limoges")
        network.card(network.member, NUMBER)
        network.card(network.member, "0A0B0C0F")
        made = network.post(
            "admin", "/v1/rates", {"code": "carnet", "name": "Carnet", "billed": "use", "unit": "half_day"}
        )
        assert made.status_code == 201, made.text
        price = {"first": "2024-01-01", "cents": 900, "vat_permille": 200, "overuse_cents": 1100}
        assert network.post("admin", "/v1/rates/carnet/prices", price).status_code == 201
        body = {
            "label": "Carnet de 10", "everywhere": True, "rate": "carnet",
            "allowance": {"unit": "half_day", "limit": 10, "each_month": False},
        }  # fmt: skip
        passed = network.post("admin", f"/v1/members/{network.member}/passes", body)
        assert passed.status_code == 201, passed.text
        policy = network.change("manager", "PUT", "/v1/places/limoges/policy", {"members_open": True})
        assert policy.status_code == 200, policy.text
        make_lists(network)
        now = datetime.now(UTC)
        stand.read(now - timedelta(days=1), card=NUMBER, member="m-own1")
        stand.read(now - timedelta(minutes=5), card=NUMBER, member="m-own1", reason="outside_schedule")
        yield stand


@pytest.fixture(autouse=True)
def no_orders(at: Door) -> None:
    at.network.sql("DELETE FROM command RETURNING 1")


def _answered(at: Door, outcome: str, reason: str | None = None) -> None:
    answered = at.network.sql(
        "UPDATE command SET sent_at = now(), outcome = %s, reason = %s, outcome_at = now() RETURNING 1", outcome, reason
    )
    assert len(answered) == 1, "the order that the page made"


def _orders(at: Door) -> int:
    return int(at.network.sql("SELECT count(*) FROM command")[0][0])


def _h1(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(text)


def test_what_is_left_and_what_it_costs(at: Door, browser: Browser) -> None:
    with signed_in(at.network, browser, "member", **PLAIN) as context:
        page = context.new_page()
        page.goto("/me/passes")
        _h1(page, "Abonnements et relevés")
        expect(page.get_by_text("Reste 10 demi-journées sur 10")).to_be_visible()
        expect(page.get_by_role("meter", name="Ce qui reste")).to_have_attribute("value", "10")
        expect(page.get_by_text("Dans tous les lieux du réseau")).to_be_visible()
        expect(page.get_by_role("row", name="Carnet")).to_contain_text("10,80")
        look(page, "member-passes-phone")


def test_a_refusal_is_explained_in_words(at: Door, browser: Browser) -> None:
    with signed_in(at.network, browser, "member", **PLAIN) as context:
        page = context.new_page()
        page.goto("/me/cards")
        why = page.get_by_role("region", name="Pourquoi m'a-t-on refusé l'entrée ?")
        expect(why).to_contain_text("C'était en dehors des horaires de votre abonnement.")
        expect(why).to_contain_text("Votre badge ouvrirait cette porte maintenant.")
        lately = page.get_by_role("region", name="Aux portes ces derniers temps")
        expect(lately.get_by_role("listitem")).to_have_count(2)
        look(page, "member-cards-phone")


def test_a_card_is_lost_in_two_taps_and_the_page_says_when_every_door_knows(at: Door, browser: Browser) -> None:
    with signed_in(at.network, browser, "member") as context:
        page = context.new_page()
        page.goto("/me/cards")
        page.get_by_role("link", name="Je l'ai perdu : badge …0C0F").click()
        look(page, "member-lost-ask")
        page.get_by_role("button", name="Oui, il est perdu").click()
        expect(page.get_by_role("status").first).to_contain_text("portes")
        look(page, "member-lost-waits")
        page.evaluate("window.sameDocument = true")
        make_lists(at.network)
        at.network.sql(
            "UPDATE gateway_state s SET list_version = l.version FROM access_list l WHERE l.place = s.place RETURNING 1"
        )
        at.network.sql("UPDATE gateway SET retired_at = now() WHERE code = 'isle-1' RETURNING 1")
        try:
            expect(page.get_by_role("status").first).to_contain_text(
                "Refusé à toutes les portes depuis", timeout=30_000
            )
            assert page.evaluate("window.sameDocument") is True, "without a reload"
            look(page, "member-lost-known")
            nothing_found(page)
        finally:
            at.network.sql("UPDATE gateway SET retired_at = NULL RETURNING 1")


@pytest.mark.parametrize("options", [PLAIN, {}], ids=["plain", "script"])
def test_a_member_opens_a_door_and_reads_what_became_of_it(at: Door, browser: Browser, options: dict[str, Any]) -> None:
    with signed_in(at.network, browser, "member", **options) as context:
        page = context.new_page()
        page.goto("/me/cards")
        page.get_by_role("link", name="Ouvrir Entry, Limoges").click()
        _h1(page, "Entry")
        look(page, "member-open")
        page.get_by_role("button", name="Ouvrir la porte").click()
        expect(page.get_by_role("status").first).to_contain_text("Demande envoyée à", timeout=30_000)
        assert _orders(at) == 1
        look(page, "member-open-sent")
        _answered(at, "done")
        expect(page.get_by_role("status").first).to_contain_text("La porte est ouverte.", timeout=30_000)
        look(page, "member-open-done")
        page.reload()
        expect(page.get_by_role("status").first).to_contain_text("La porte est ouverte.")
        assert _orders(at) == 1, "a reload opens nothing"
        page.go_back()
        assert _orders(at) == 1


def test_a_refusal_of_the_gateway_and_a_place_without_a_line(at: Door, browser: Browser) -> None:
    with signed_in(at.network, browser, "member", **PLAIN) as context:
        page = context.new_page()
        page.goto(PLACE)
        page.get_by_role("button", name="Ouvrir la porte").click()
        expect(page.get_by_role("status")).to_contain_text("Demande envoyée à", timeout=30_000)
        _answered(at, "refused", "space_full")
        # The page that waits looks again by itself; Chromium refuses a reload asked for while it does.
        expect(page.get_by_role("status")).to_contain_text(
            "La porte est restée fermée. L'espace était complet.", timeout=30_000
        )
        _answered(at, "undelivered")
        page.reload()
        expect(page.get_by_role("status")).to_contain_text("Utilisez votre badge.")
        at.network.centre.gateway("limoges", online=False)
        try:
            page.goto(PLACE)
            expect(page.get_by_text("Le lieu est hors ligne")).to_be_visible()
            expect(page.get_by_role("button", name="Ouvrir la porte")).to_have_count(0)
            look(page, "member-open-offline")
            page.goto("/me/cards")
            expect(page.get_by_role("link", name="Ouvrir Entry")).to_have_count(0)
            page.get_by_role("link", name="Pourquoi la porte Entry, Limoges").click()
            expect(page.get_by_text("Le lieu est hors ligne")).to_be_visible()
        finally:
            at.network.centre.gateway("limoges")


def test_a_double_click_opens_once(at: Door, browser: Browser) -> None:
    for options in (PLAIN, {}):
        at.network.sql("DELETE FROM command RETURNING 1")
        with signed_in(at.network, browser, "member", **options) as context:
            page = context.new_page()
            page.goto(PLACE)
            page.get_by_role("button", name="Ouvrir la porte").dblclick()
            expect(page.get_by_role("status").first).to_contain_text("Demande envoyée à", timeout=30_000)
            assert _orders(at) == 1


@pytest.mark.parametrize("arrives", [True, False])
def test_a_phone_that_loses_the_line_learns_what_became_of_it(at: Door, browser: Browser, arrives: bool) -> None:
    with signed_in(at.network, browser, "member") as context:
        page = context.new_page()
        page.goto(PLACE)

        def cut(route: Any) -> None:
            if arrives:
                route.fetch(max_redirects=0)
            context.set_offline(True)
            route.abort("internetdisconnected")

        page.route(f"**{PLACE}", lambda route: cut(route) if route.request.method == "POST" else route.continue_())
        page.get_by_role("button", name="Ouvrir la porte").click()
        expect(page.get_by_role("alert")).to_contain_text("La connexion est coupée. La demande est partie à")
        expect(page.get_by_role("alert")).to_contain_text("regardez la porte")
        look(page, "member-open-cut")
        assert _orders(at) == int(arrives)
        if arrives:
            _answered(at, "done")
        context.set_offline(False)
        told = "La porte est ouverte." if arrives else "rien n'a été ouvert"
        expect(page.get_by_role("status").first).to_contain_text(told, timeout=30_000)
        expect(page.get_by_role("alert")).to_have_count(0)
        assert _orders(at) == int(arrives), "nothing is sent again"


def test_a_door_is_opened_by_keyboard_alone(at: Door, browser: Browser) -> None:
    with signed_in(at.network, browser, "member", viewport=DESKTOP) as context:
        page = context.new_page()
        page.goto(PLACE)
        reach(page, "button", "Ouvrir la porte")
        expect(page.get_by_role("status").first).to_contain_text("Demande envoyée à", timeout=30_000)
        expect(page.locator("#part")).to_be_focused()


def test_a_member_erases_themselves_after_typing_so(at: Door, browser: Browser) -> None:
    someone = at.network.someone("Zoé Perdue")
    key = at.network.post("admin", f"/v1/members/{someone}/key", {}).json()["key"]
    network = Managed(
        api=at.network.api, centre=at.network.centre, database=at.network.database, keys={"zoe": key}, member=someone
    )
    with signed_in(network, browser, "zoe", **PLAIN) as context:
        page = context.new_page()
        page.goto("/me/data")
        page.get_by_role("link", name="Effacer mes données").click()
        look(page, "member-erase")
        page.get_by_role("textbox").fill("oui")
        page.get_by_role("button", name="Effacer définitivement").click()
        expect(page.get_by_role("alert")).to_contain_text("Tapez le mot")
        expect(page.get_by_role("textbox")).to_have_value("oui")
        page.get_by_role("textbox").fill("effacer")
        # somebody else changes the member meanwhile
        changed = at.network.change("admin", "PATCH", f"/v1/members/{someone}", {"name": "Zoé Autre"})
        assert changed.status_code == 200, changed.text
        page.get_by_role("button", name="Effacer définitivement").click()
        expect(page.get_by_role("alert")).to_contain_text("entre-temps")
        expect(page.get_by_role("textbox")).to_have_value("effacer")
        page.get_by_role("button", name="Effacer définitivement").click()
        _h1(page, "Vos données sont effacées")
        look(page, "member-erased")
        assert context.cookies() == []
        assert at.network.sql("SELECT 1 FROM member WHERE ref = %s", someone) == []
        page.goto("/me/data")
        expect(page).to_have_url(f"{str(at.network.api.base_url).rstrip('/')}/sign-in?next=%2Fme%2Fdata")


@pytest.mark.parametrize("language", ["fr-FR", "en-GB"])
def test_axe_finds_nothing(at: Door, browser: Browser, language: str) -> None:
    with signed_in(at.network, browser, "member", locale=language) as context:
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        for path in PAGES:
            asked.clear()
            page.goto(path)
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            assert len(asked) < 10
            for screen in each_screen(page):
                nothing_found(page)
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (
                    f"{path} is wider than the screen of a {screen}"
                )
                look(page, f"{path.strip('/').replace('/', '-')}-{language[:2]}-{screen}")
