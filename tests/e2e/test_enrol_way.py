"""A card is given by holding it to a reader: pages, API, broker and gateway are real; the reader is virtual."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.signed_in import look, nothing_found, signed_in
from tests.integration import test_api_operate_orders as operated
from tests.waiting import until

expect.set_options(timeout=60_000)
stage = operated.stage  # the fixture
_UID = "04D71B6C"


def _held(stage: operated.Stage, page: Page, told: str) -> None:
    """Hold the card to the reader again and again, until the page says ``told``."""

    def said() -> bool:
        if page.get_by_text(told).count():
            return True
        stage.badge(_UID)
        return False

    until(said, what=told)


@pytest.mark.parametrize("script", [True, False], ids=["with JavaScript", "without"])
def test_a_card_is_given_at_a_reader(stage: operated.Stage, browser: Browser, script: bool) -> None:
    ref = stage.network.someone(f"Held {script}")
    with signed_in(stage.network, browser, "desk", java_script_enabled=script) as context:
        page = context.new_page()
        page.goto(f"/manage/limoges/members/{ref}/cards/new?then=pass")
        page.get_by_role("button", name="Commencer").click()
        expect(page.get_by_role("progressbar")).to_be_visible()
        look(page, f"people-enrol-{script}")
        if script:
            nothing_found(page)
            before = page.locator("#seconds").text_content()
            expect(page.locator("#seconds")).not_to_have_text(before or "")
            _held(stage, page, "1B6C")
            page.get_by_role("button", name="Remettre").click()
            expect(page.get_by_role("status").filter(has_text="en service")).to_be_visible()
            assert [one["last4"] for one in stage.network.get("desk", f"/v1/members/{ref}/cards").json()["cards"]] == [
                "1B6C"
            ]
        else:
            _held(stage, page, "Held True")  # who has it
            look(page, "people-enrol-held")
            assert stage.network.get("desk", f"/v1/members/{ref}/cards").json()["cards"] == []
