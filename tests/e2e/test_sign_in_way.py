"""A member signs in from a mail and reports a card lost, in Chromium, in French, without JavaScript."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page, expect

from tests.managed import Managed, managed

PICTURES = os.environ.get("MAILLAGE_PICTURES")
"""A folder: pictures of the pages are put there, to be looked at."""


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        one.sql("UPDATE member SET email = 'jeanne@example.org' WHERE ref = 'm-own1' RETURNING ref")
        one.card("m-own1", "04112233445566", status="active")
        yield one


def link(network: Managed) -> str:
    """Return the path of the last link that was sent."""
    found = network.sql("SELECT \"values\" ->> 'link' FROM mail WHERE kind = 'sign_in' ORDER BY id DESC LIMIT 1")
    return httpx.URL(found[0][0]).path


def look(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


def test_a_lost_card_in_three_steps_without_javascript(network: Managed, browser: Browser) -> None:
    context = browser.new_context(locale="fr-FR", java_script_enabled=False, viewport={"width": 390, "height": 800})
    page = context.new_page()
    base = str(network.api.base_url).rstrip("/")
    page.goto(f"{base}/me")
    expect(page).to_have_url(f"{base}/sign-in")
    look(page, "sign-in")
    page.get_by_label("Votre adresse e-mail").fill("jeanne@example.org")
    page.get_by_role("button", name="Recevoir un lien").click()
    expect(page.get_by_role("heading", name="Consultez vos e-mails")).to_be_visible()
    look(page, "link-sent")
    page.goto(base + link(network))
    look(page, "choose")
    page.get_by_role("button", name="Continuer").click()
    expect(page.get_by_role("heading", name="Jeanne Petit")).to_be_visible()
    look(page, "member")

    page.get_by_role("link", name="Je l'ai perdu").click()
    look(page, "lost")
    page.get_by_role("button", name="Oui, il est perdu").click()
    expect(page.get_by_role("status")).to_contain_text("portes")
    look(page, "lost-done")
    assert network.sql("SELECT status FROM card WHERE member = 'm-own1'") == [("lost",)]

    page.goto(f"{base}/me")
    page.get_by_role("button", name="Se déconnecter", exact=True).click()
    expect(page).to_have_url(f"{base}/sign-in")
    page.go_back()
    page.reload()
    expect(page).to_have_url(f"{base}/sign-in")
    context.close()


@pytest.mark.parametrize("options", [{"color_scheme": "light"}, {"color_scheme": "dark"}])
def test_axe_finds_nothing_on_a_members_pages(network: Managed, browser: Browser, options: dict[str, Any]) -> None:
    context = browser.new_context(locale="en-GB", **options)
    page = context.new_page()
    base = str(network.api.base_url).rstrip("/")
    network.sql("DELETE FROM sign_in_link RETURNING 1")
    page.goto(f"{base}/sign-in")
    _nothing_found(page)
    page.get_by_label("Your e-mail address").fill("jeanne@example.org")
    page.get_by_role("button", name="Send me a link").click()
    expect(page.get_by_role("heading", name="Look at your e-mail")).to_be_visible()
    page.goto(base + link(network))
    _nothing_found(page)
    page.get_by_role("button", name=re.compile("Continue")).click()
    expect(page.get_by_role("heading", name="Jeanne Petit")).to_be_visible()
    _nothing_found(page)
    look(page, f"member-{options['color_scheme']}")
    context.close()


def _nothing_found(page: Page) -> None:
    found = Axe().run(page).response["violations"]
    assert not found, [(one["id"], [node["html"] for node in one["nodes"]]) for one in found]
