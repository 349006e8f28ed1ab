"""The tasks of members and managers by keyboard alone: Tab to each control, and a key. Each test is one task."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.signed_in import DESKTOP, reach, signed_in, write
from tests.managed import Managed, managed

expect.set_options(timeout=60_000)


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        yield one


@pytest.fixture
def page(network: Managed, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    with signed_in(network, browser, request.param, viewport=DESKTOP) as context:
        yield context.new_page()


def heading(page: Page, words: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_contain_text(words)


def noticed(page: Page, words: str) -> None:
    expect(page.locator(".notice")).to_contain_text(words)


@pytest.mark.parametrize("page", ["member"], indirect=True)
def test_a_member_reports_a_card_lost(network: Managed, page: Page) -> None:
    ref = network.card(network.member, "04A1B2C3D4E701")
    page.goto("/me")
    reach(page, "link", "Je l'ai perdu")
    reach(page, "button", "Oui, il est perdu")
    heading(page, "déclaré perdu")
    assert network.get("desk", f"/v1/cards/{ref}").json()["status"] == "lost"


@pytest.mark.parametrize("page", ["manager"], indirect=True)
def test_a_new_member_gets_a_card_and_a_pass_and_is_suspended(network: Managed, page: Page) -> None:
    page.goto("/manage/limoges")
    reach(page, "link", "Membres")
    reach(page, "link", "Nouveau membre")
    write(page, "Nom", "Ada Clavier")
    reach(page, "button", "Enregistrer, puis remettre un badge")
    heading(page, "Remettre un badge")
    write(page, "Numéro du badge", "04A1B2C3D4E702")
    reach(page, "button", "Remettre ce badge")
    heading(page, "Donner un abonnement")
    write(page, "Son nom", "Carnet")
    reach(page, "button", "Donner cet abonnement")
    noticed(page, "L'abonnement est donné")
    given = network.sql(
        "SELECT p.label, c.status FROM member m JOIN pass p ON p.member = m.ref JOIN card c ON c.member = m.ref"
        " WHERE m.name = 'Ada Clavier'"
    )
    assert given == [("Carnet", "active")]
    reach(page, "button", "Suspendre ce membre")
    page.wait_for_url("**/doors")
    assert network.sql("SELECT status FROM member WHERE name = 'Ada Clavier'") == [("suspended",)]


@pytest.mark.parametrize("page", ["manager"], indirect=True)
def test_a_manager_closes_tomorrow_and_opens_again(network: Managed, page: Page) -> None:
    page.goto("/manage/limoges/hours")
    reach(page, "link", "Demain")
    reach(page, "button", "Fermer ces jours-là")
    noticed(page, "La fermeture est enregistrée")
    assert network.sql("SELECT count(*) FROM closure") == [(1,)]
    reach(page, "button", "Annuler")
    noticed(page, "La fermeture est annulée")
    assert network.sql("SELECT count(*) FROM closure") == [(0,)]


@pytest.mark.parametrize("page", ["manager"], indirect=True)
def test_a_manager_says_how_many_people_are_there(network: Managed, page: Page) -> None:
    page.goto("/manage/limoges")
    reach(page, "link", "J'ai compté")
    reach(page, "spinbutton", "Personnes", "7")
    reach(page, "button", "Enregistrer")
    noticed(page, "Merci")
    assert network.sql("SELECT present FROM head_count") == [(7,)]
