"""A place live, for who manages it: people, alarms, doors, head counts, the plan; in French, by role, to the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.signed_in import DESKTOP, look, nothing_found, signed_in
from tests.live_place import live_place
from tests.managed import Managed

WAIT_MS = 45_000


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with live_place(postgres_url, _template) as (one, _entry):
        yield one


def opened(context: BrowserContext, path: str) -> Page:
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda told: complaints.append(told.text) if "Content Security" in told.text else None)
    answer = page.goto(path)
    assert answer is not None and answer.status == 200, path
    assert complaints == []
    return page


PATHS = {
    "now": "/manage/limoges",
    "why": "/manage/limoges/why",
    "alarms": "/manage/limoges/alarms",
    "lockdown": "/manage/limoges/orders/lockdown?door=entry",
    "evacuate": "/manage/limoges/orders/evacuate",
    "muster": "/manage/limoges/muster",
    "count": "/manage/limoges/count",
    "door-why": "/manage/limoges/doors/why?member=m-own1&door=entry",
    "what-if": "/manage/limoges/doors/what-if",
    "plan": "/manage/limoges/plan",
}


@pytest.mark.parametrize("name", PATHS)
def test_nothing_is_found_on_any_page_whatever_the_screen(network: Managed, browser: Browser, name: str) -> None:
    looks: list[dict[str, Any]] = [
        {},
        {"color_scheme": "dark", "viewport": DESKTOP},
        {"viewport": DESKTOP, "locale": "en-GB"},
        {"color_scheme": "dark"},
        {"viewport": DESKTOP},
    ]
    network.card("m-own1", "04112233445566", status="active") if name == "door-why" else None
    for number, options in enumerate(looks):
        with signed_in(network, browser, "manager", **options) as context:
            page = opened(context, PATHS[name])
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            nothing_found(page)
            width = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert width <= 0, f"{name} is wider than the screen"
            look(page, f"live-{name}-{number}")
