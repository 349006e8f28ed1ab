"""What all pages of signed-in people share: who sees them, and a form whose session has ended."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.signed_in import DESKTOP, look, nothing_found, signed_in
from tests.managed import Managed, managed


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        yield one


def test_an_administrator_chooses_a_place_and_a_member_sees_none(network: Managed, browser: Browser) -> None:
    with signed_in(network, browser, "admin", viewport=DESKTOP) as context:
        page = context.new_page()
        page.goto("/manage")
        expect(page.get_by_role("link", name="Limoges")).to_be_visible()
        nothing_found(page)
        look(page, "manage-places")
    with signed_in(network, browser, "member") as context:
        page = context.new_page()
        answer = page.goto("/manage")
        assert answer is not None
        assert answer.status == 404


def test_what_was_typed_is_kept_when_the_session_ends(network: Managed, browser: Browser) -> None:
    card = network.card("m-own1", "04112233445566", status="active")
    with signed_in(network, browser, "member") as context:
        page = context.new_page()
        page.goto(f"/me/cards/{card}/lost")
        kept = context.cookies()
        context.clear_cookies()
        page.get_by_role("button", name="Oui, il est perdu").click()
        expect(page.get_by_role("heading", name="Votre session est terminée")).to_be_visible()
        nothing_found(page)
        look(page, "again")
        context.add_cookies(kept)  # type: ignore[arg-type]
        page.get_by_role("button", name="Envoyer de nouveau").click()
        expect(page.get_by_role("status")).to_contain_text("portes")
