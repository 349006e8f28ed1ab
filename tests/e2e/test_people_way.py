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
        expect(page.get_by_role("status")).to_contain_text("enregistré")
        page.get_by_role("link", name="Remettre un badge ou un code").click()
        checked("card")
        number = "04A1B2C3D4E5F6" if name.startswith("Z") else "04A1B2C3D4E5F7"
        page.get_by_label("Numéro du badge").fill(number)
        page.get_by_role("button", name="Remettre ce badge").click()
        expect(page.get_by_role("status")).to_contain_text("en service")
        checked("member")
        page.get_by_role("link", name="Perdu").click()
        page.get_by_role("button", name="Oui, il est perdu").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("signalé perdu")
        checked("doors")
