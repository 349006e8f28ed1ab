"""A card is given by holding it to a reader: pages, API, broker and gateway are real; the reader is virtual."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

from tests.e2e.signed_in import look, nothing_found, signed_in
from tests.integration import test_api_operate_orders as operated
from tests.waiting import until

expect.set_options(timeout=60_000)
stage = operated.stage  # the fixture
_AGAIN_S = 0.5
"""A real reader reads a card that stays every two seconds; more reads than this queue up at the gateway."""


def _held(stage: operated.Stage, page: Page, uid: str, told: str) -> None:
    """Hold a card to the reader again and again, until the page shows ``told``."""

    def said() -> bool:
        if page.get_by_text(told).count():
            return True
        stage.badge(uid)
        return False

    until(said, what=told, every_s=_AGAIN_S)


def _begun(page: Page, ref: str) -> None:
    page.goto(f"/manage/limoges/members/{ref}/cards/new?then=pass")
    page.get_by_role("button", name="Commencer").click()
    expect(page.get_by_role("progressbar")).to_be_visible()


def test_a_card_is_given_at_a_reader(stage: operated.Stage, browser: Browser) -> None:
    ref = stage.network.someone("Held Here")
    with signed_in(stage.network, browser, "desk") as context:
        page = context.new_page()
        _begun(page, ref)
        look(page, "people-enrol")
        nothing_found(page)
        before = page.locator("#seconds").text_content()
        expect(page.locator("#seconds")).not_to_have_text(before or "")
        _held(stage, page, "04D71B6C", "1B6C")
        page.get_by_role("button", name="Remettre").click()
        expect(page.get_by_role("status").filter(has_text="en service")).to_be_visible()
    assert [one["last4"] for one in stage.network.get("desk", f"/v1/members/{ref}/cards").json()["cards"]] == ["1B6C"]


def test_a_card_of_somebody_else_is_not_given_without_javascript(stage: operated.Stage, browser: Browser) -> None:
    stage.network.card(stage.network.someone("Whose Card"), "04D71B6D")
    ref = stage.network.someone("Held There")
    with signed_in(stage.network, browser, "desk", java_script_enabled=False) as context:
        page = context.new_page()
        _begun(page, ref)
        _held(stage, page, "04D71B6D", "Whose Card")  # who has it
        look(page, "people-enrol-held")
    assert stage.network.get("desk", f"/v1/members/{ref}/cards").json()["cards"] == []
