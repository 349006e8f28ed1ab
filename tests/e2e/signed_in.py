"""Browsers in which somebody is signed in, and what every page must hold, for the tests of pages."""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

from tests.managed import Managed

PICTURES: Final = os.environ.get("MAILLAGE_PICTURES")
"""A folder: pictures of the pages are put there, to be looked at."""
_AXE: Final = Axe()
PHONE: Final[ViewportSize] = {"width": 390, "height": 800}
DESKTOP: Final[ViewportSize] = {"width": 1280, "height": 900}
_SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")


def signed_in(network: Managed, browser: Browser, who: str, **options: Any) -> BrowserContext:
    """Return a browser with the session of a key of ``network``: French and a phone, unless ``options`` differ."""
    context = browser.new_context(**{"locale": "fr-FR", "viewport": PHONE, "base_url": base(network), **options})
    host = urlsplit(base(network)).hostname or ""
    where: dict[str, Any] = {"url": f"https://{host}/", "secure": True, "httpOnly": True, "sameSite": "Lax"}
    context.add_cookies([{"name": "__Host-maillage", "value": network.keys[who], **where}])  # type: ignore[typeddict-item]
    return context


def each_screen(page: Page) -> Iterator[str]:
    """Give an open page the scheme and size of four screens in turn; yield what to call them, as in phone-dark.

    To open it anew for each costs several times as much as to check it.
    """
    for scheme in _SCHEMES:
        for size, name in ((PHONE, "phone"), (DESKTOP, "desktop")):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size(size)
            yield f"{name}-{scheme}"


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
    if not page.evaluate("'axe' in window"):
        page.evaluate(_AXE.axe_script)
    found = page.evaluate("axe.run({resultTypes: ['violations']}).then((all) => all.violations)")
    assert not found, [(one["id"], [node["html"] for node in one["nodes"]]) for one in found]
