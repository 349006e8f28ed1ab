"""Browsers in which somebody is signed in, and what every page must hold, for the tests of pages."""

from __future__ import annotations

import gzip
import os
import re
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, BrowserContext, Page

from tests.managed import Managed

PICTURES: Final = os.environ.get("MAILLAGE_PICTURES")
"""A folder: pictures of the pages are put there, to be looked at."""
PHONE: Final = {"width": 390, "height": 800}
DESKTOP: Final = {"width": 1280, "height": 900}


def signed_in(network: Managed, browser: Browser, who: str, **options: Any) -> BrowserContext:
    """Return a browser with the session of a key of ``network``: French and a phone, unless ``options`` differ."""
    context = browser.new_context(**{"locale": "fr-FR", "viewport": PHONE, "base_url": base(network), **options})
    host = urlsplit(base(network)).hostname or ""
    where: dict[str, Any] = {"url": f"https://{host}/", "secure": True, "httpOnly": True, "sameSite": "Lax"}
    context.add_cookies([{"name": "__Host-maillage", "value": network.keys[who], **where}])  # type: ignore[typeddict-item]
    return context


def base(network: Managed) -> str:
    """Return the address of the pages."""
    return str(network.api.base_url).rstrip("/")


def look(page: Page, name: str) -> None:
    """Keep a picture of the page, if pictures are wanted."""
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


def second_finds_nothing(page: Page) -> None:
    """Hold a page against IBM Equal Access (tests/data/checkers): no violation of WCAG 2.1."""
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")  # so that it is read too
    if not page.evaluate("'ace' in window"):
        page.evaluate(_second() + "\nwindow.ace = ace; 0")
    found = page.evaluate("""async () => {
        const report = await new ace.Checker().check(document, ["WCAG_2_1"]);
        return report.results.filter((one) => one.value[0] === "VIOLATION" && one.value[1] === "FAIL")
            .map((one) => [one.ruleId, one.message, one.snippet]);
    }""")
    assert not found, found


@cache
def _second() -> str:
    return gzip.decompress((Path(__file__).parents[1] / "data" / "checkers" / "ace.js.gz").read_bytes()).decode()


def reach(page: Page, role: Any, name: str | re.Pattern[str], then: str = "Enter") -> None:
    """Go by the Tab key to what has this role and name, and press the key ``then``; of several the first."""
    target = page.get_by_role(role, name=name).first
    target.wait_for()
    for _ in range(150):
        if target.evaluate("(one) => one === document.activeElement"):
            page.keyboard.press(then)
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no way to the {role} {name} by Tab")


def write(page: Page, name: str, words: str) -> None:
    """Go by the Tab key to a field, and write into it in place of what it has."""
    reach(page, "textbox", name, "Control+a")
    page.keyboard.type(words)


def nothing_found(page: Page) -> None:
    """Hold a page against axe-core: no violation."""
    found = Axe().run(page).response["violations"]
    assert not found, [(one["id"], [node["html"] for node in one["nodes"]]) for one in found]
