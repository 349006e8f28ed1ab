"""Managers' devices, doors, history, reports, team and keys, in a browser, in French."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, Page, expect

from reports.month import Month
from tests.e2e.signed_in import DESKTOP, PHONE, look, nothing_found, signed_in
from tests.furnished import PARIS, Furnished, furnish
from tests.managed import managed

PUBLIC = "https://maillage.example.org"
LAST = Month.of(datetime.now(UTC).astimezone(PARIS).date()).before
PAGES = {
    "devices": "/manage/limoges/devices",
    "device": "/manage/limoges/devices/of/limoges-1/entry-in",
    "device-new": "/manage/limoges/devices/new",
    "gateway": "/manage/limoges/devices/gateways/limoges-1",
    "doors": "/manage/limoges/doors?what=all",
    "history": "/manage/limoges/history?view=day",
    "history-week": "/manage/limoges/history?view=week",
    "history-month": "/manage/limoges/history?view=month",
    "report": f"/manage/limoges/history/reports/{LAST}",
    "team": "/manage/limoges/team",
    "invite": "/manage/limoges/team/invite",
    "key-new": "/manage/limoges/team/keys/new",
    "places": "/manage",
}


@pytest.fixture(scope="module")
def limoges(postgres_url: str, _template: str) -> Iterator[Furnished]:
    with managed(postgres_url, _template, MAILLAGE_PUBLIC_URL=PUBLIC) as one:
        yield furnish(one)


def _page(limoges: Furnished, browser: Browser, who: str = "manager", **options: object) -> Iterator[Page]:
    with signed_in(limoges.network, browser, who, **options) as context:
        page = context.new_page()
        page.set_default_timeout(60_000)
        yield page


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_found_on_any_page(limoges: Furnished, browser: Browser, name: str) -> None:
    for size, dark, language in (
        *((PHONE, "light", "fr-FR"), (DESKTOP, "dark", "fr-FR")),
        *((PHONE, "dark", "en-GB"), (DESKTOP, "light", "en-GB")),
    ):
        options = {"viewport": size, "color_scheme": dark, "locale": language}
        with signed_in(limoges.network, browser, "admin", **options) as context:
            page = context.new_page()
            answer = page.goto(PAGES[name], timeout=60_000)
            assert answer is not None and answer.status == 200
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            nothing_found(page)
            wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, f"{name} is wider than the screen by {wide}"
            look(page, f"history-{name}-{'phone' if size == PHONE else 'desktop'}-{dark}-{language[:2]}")
