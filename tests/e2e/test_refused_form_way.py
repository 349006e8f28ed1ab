"""A form that was refused, in a real browser: back, forward and reload show it as it was typed, and send nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from tests.e2e.signed_in import signed_in
from tests.managed import Managed, managed

expect.set_options(timeout=60_000)
NUMBER = "04A1B2C3D4E5A1"


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        one.card(one.someone("Whose Card"), NUMBER)
        yield one


@pytest.mark.parametrize("script", [True, False], ids=["with JavaScript", "without"])
def test_back_forward_and_reload(network: Managed, browser: Browser, *, script: bool) -> None:
    ref, sent = network.someone(f"Typed {script}"), list[str]()

    def note(request: Request) -> None:
        if request.method == "POST":
            sent.append(request.url)

    def refused(page: Page) -> None:
        expect(page.get_by_role("alert").first).to_be_visible()
        expect(page.get_by_label("Numéro du badge")).to_have_value(NUMBER)

    with signed_in(network, browser, "desk", java_script_enabled=script) as context:
        page = context.new_page()
        page.on("request", note)
        page.goto(f"/manage/limoges/members/{ref}/cards/new")
        page.get_by_label("Numéro du badge").fill(NUMBER)  # somebody else's
        page.get_by_role("button", name="Remettre ce badge").dblclick()
        refused(page)
        clicks = len(sent)
        page.reload()
        refused(page)
        page.go_back()
        expect(page.get_by_role("alert")).to_have_count(0)
        page.go_forward()
        refused(page)
        assert len(sent) == clicks, "nothing was sent again"
        page.get_by_label("Numéro du badge").fill(f"04A1B2C3D4E5B{script:d}")
        page.get_by_role("button", name="Remettre ce badge").click()
        expect(page.locator(".notice")).to_contain_text("en service")
        page.go_back()
        refused(page)
        assert len(sent) == clicks + 1
    cards = network.get("desk", f"/v1/members/{ref}/cards").json()["cards"]
    assert [one["last4"] for one in cards] == [f"E5B{script:d}"]
