"""A front desk registers a member, gives a card and reports it lost, in a real browser in French."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.signed_in import DESKTOP, look, nothing_found, signed_in
from tests.managed import Managed, managed

expect.set_options(timeout=60_000)


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        yield one


@pytest.mark.parametrize(
    ("name", "options"),
    [("Zoé Lefèvre", {"java_script_enabled": False}), ("Inès Roy", {"viewport": DESKTOP, "color_scheme": "dark"})],
    ids=["phone without JavaScript", "desktop dark"],
)
def test_a_new_member_with_a_card(network: Managed, browser: Browser, name: str, options: dict[str, Any]) -> None:
    with signed_in(network, browser, "desk", **options) as context:
        page = context.new_page()

        def checked(picture: str) -> None:
            look(page, f"people-{picture}-{name[:4]}")
            if options.get("java_script_enabled", True):
                nothing_found(page)

        page.goto("/manage/limoges/members")
        checked("find")
        page.get_by_role("link", name="Nouveau membre").click()
        page.get_by_label("Nom", exact=True).fill(name)
        checked("new")
        page.get_by_role("button", name="Enregistrer le membre").click()
        expect(page.locator(".notice")).to_contain_text("enregistré")
        page.get_by_role("link", name="Remettre un badge ou un code").click()
        checked("card")
        number = "04A1B2C3D4E5F6" if name.startswith("Z") else "04A1B2C3D4E5F7"
        page.get_by_label("Numéro du badge").fill(number)
        page.get_by_role("button", name="Remettre ce badge").click()
        expect(page.locator(".notice")).to_contain_text("en service")
        checked("member")
        page.get_by_role("link", name="Perdu").click()
        page.get_by_role("button", name="Oui, il est perdu").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("déclaré perdu")
        checked("doors")


@pytest.mark.parametrize("scripts", [False, True], ids=["without JavaScript", "with scripts"])
def test_a_new_member_with_card_and_pass_in_one_go(network: Managed, browser: Browser, *, scripts: bool) -> None:
    name, number = ("Léa Faure", "04A1B2C3D4E601") if scripts else ("Noé Blanc", "04A1B2C3D4E602")
    with signed_in(network, browser, "manager", java_script_enabled=scripts, viewport=DESKTOP) as context:
        page = context.new_page()
        page.goto("/manage/limoges/members/new")
        page.get_by_label("Nom", exact=True).fill(name)
        page.get_by_role("button", name="Enregistrer, puis remettre un badge").click()
        page.get_by_label("Numéro du badge").fill(number)
        page.get_by_role("button", name="Remettre ce badge").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Donner un abonnement")
        look(page, "people-pass")
        if scripts:
            nothing_found(page)
        page.get_by_label("Son nom").fill("Dix demi-journées")
        page.get_by_label("Dernier jour").fill("2000-01-01")
        page.get_by_role("button", name="Donner cet abonnement").click()
        expect(page.get_by_role("alert")).to_be_visible()
        expect(page.get_by_label("Son nom")).to_have_value("Dix demi-journées")  # what was typed stays
        page.get_by_label("Dernier jour").fill("")
        page.get_by_label("Combien").fill("10")
        send = page.get_by_role("button", name="Donner cet abonnement")
        if scripts:
            send.dblclick()
        else:
            send.click()
        expect(page.locator(".notice")).to_contain_text("L'abonnement est donné")
        expect(page.get_by_role("heading", level=1)).to_contain_text(name)
        look(page, "people-flow-done")
        given = network.sql(
            "SELECT p.label, p.allowance, p.unit, c.status FROM member m JOIN pass p ON p.member = m.ref"
            " JOIN card c ON c.member = m.ref WHERE m.name = %s",
            name,
        )
        assert given == [("Dix demi-journées", 10, "half_day", "active")]

        page.get_by_role("link", name="Modifier ou révoquer : Dix demi-journées").click()
        network.sql("UPDATE pass SET label = 'Carnet' WHERE label = 'Dix demi-journées' RETURNING 1")
        page.get_by_label("Son nom").fill("Carnet de dix")
        page.get_by_role("button", name="Enregistrer l'abonnement").click()
        expect(page.get_by_role("alert")).to_contain_text("Quelqu'un d'autre")
        expect(page.locator("#label-wrong")).to_contain_text("Carnet")
        page.get_by_role("button", name="Enregistrer l'abonnement").click()
        expect(page.locator(".notice")).to_be_visible()
        page.get_by_role("link", name="Modifier ou révoquer : Carnet de dix").click()
        if scripts:
            nothing_found(page)
        page.get_by_role("button", name="Oui, révoquer l'abonnement").click()
        expect(page.locator(".notice")).to_contain_text("révoqué")
        assert network.sql("SELECT count(*) FROM pass WHERE label = 'Carnet de dix' AND revoked_at IS NULL") == [(0,)]


def test_a_front_desk_gives_no_pass_and_is_told_so(network: Managed, browser: Browser) -> None:
    ref = network.someone("Paul Petit")
    with signed_in(network, browser, "desk") as context:
        page = context.new_page()
        page.goto(f"/manage/limoges/members/{ref}")
        expect(page.get_by_text("votre rôle ne le permet pas")).to_be_visible()
        answer = page.goto(f"/manage/limoges/members/{ref}/passes/new")
        assert answer is not None
        assert answer.status == 404
