"""Every page in Chromium: two checkers of accessibility, its weight, no fault of a script, no wider than a phone."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page, Response

from tests.e2e.furnished import VALUES, furnished, opened_here
from tests.e2e.signed_in import DESKTOP, PHONE, look, nothing_found, second_finds_nothing, signed_in
from tests.managed import Managed, managed
from tests.page_routes import filled, parameters

_PHONE: Final = {"locale": "fr-FR", "color_scheme": "light", "viewport": PHONE}
_DESKTOP: Final = {"locale": "en-GB", "color_scheme": "dark", "viewport": DESKTOP}
ALL: Final[list[dict[str, Any]]] = [
    {"locale": language, "color_scheme": scheme, "viewport": size}
    for language in ("fr-FR", "en-GB")
    for scheme in ("light", "dark")
    for size in (PHONE, DESKTOP)
]
WAYS: Final = ALL if os.environ.get("MAILLAGE_EVERY_WAY") else [_PHONE, _DESKTOP]
"""Between the two each language, each scheme and each size. MAILLAGE_EVERY_WAY=1: all eight."""
MOST_BYTES: Final = 100_000
MOST_REQUESTS: Final = 10


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        yield one


@pytest.fixture(scope="module")
def values(network: Managed) -> dict[str, dict[str, str]]:
    return furnished(network)


def opened(network: Managed, browser: Browser, path: str, given: dict[str, str], options: dict[str, Any]) -> Page:
    """Open a page and hold what any page must hold: its weight, its scripts, its width."""
    who = "member" if path.startswith("/me") else "manager"
    if path in VALUES["administrator"]:
        who = "admin"
    context = signed_in(network, browser, who, **options)
    page = context.new_page()
    answers: list[Response] = []
    complaints: list[str] = []
    page.on("response", lambda one: answers.append(one))  # noqa: PLW0108 — Playwright marks what it calls
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None)
    answer = page.goto(filled(path, given))
    assert answer is not None
    assert answer.status == 200, (path, answer.status, page.locator("main").inner_text())
    page.wait_for_load_state("load")
    pieces = [one for one in answers if not one.url.startswith("data:") and "/v1/stream" not in one.url]
    weight = sum(int(one.headers.get("content-length", "0")) for one in pieces)
    assert complaints == []
    assert len(pieces) <= MOST_REQUESTS, [one.url for one in pieces]
    assert weight < MOST_BYTES, [(one.url, one.headers.get("content-length")) for one in pieces]
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wider <= 0, f"{path} is {wider} px wider than the screen"
    return page


@pytest.mark.parametrize(
    "options", WAYS, ids=lambda one: f"{one['locale']}-{one['color_scheme']}-{one['viewport']['width']}"
)
@pytest.mark.parametrize("path", opened_here())
def test_every_page(
    network: Managed, values: dict[str, dict[str, str]], browser: Browser, path: str, options: dict[str, Any]
) -> None:
    given = {"place": "limoges", **values.get(path, {})}
    assert set(parameters(path)) <= set(given), f"say in tests/e2e/furnished.py what {path} is opened with"
    page = opened(network, browser, path, given, options)
    try:
        width = options["viewport"]["width"]
        look(page, f"{path.strip('/').replace('/', '-').replace('{', '').replace('}', '')}-{width}")
        nothing_found(page)
        second_finds_nothing(page)
        assert page.locator("h1").count() == 1
        ran_together = re.findall(r"[a-zé][.?!][A-ZÀÉ][a-zé]+ .{0,20}", page.locator("main").inner_text())
        assert ran_together == [], "sentences without a space between them"
        _holds_with_wide_text(page)
        _holds_at_400_percent(page)
    finally:
        page.context.close()


_WIDE: Final = """* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important }
    p { margin-bottom: 2em !important }"""
_CUT: Final = """() => [...document.querySelectorAll("main *, header *, nav *")].filter((one) => {
    const style = getComputedStyle(one);
    return !one.closest(".heard, svg, caption") && style.textOverflow !== "ellipsis"
        && (style.overflowX === "hidden" && one.scrollWidth > one.clientWidth + 1);
}).map((one) => one.outerHTML.slice(0, 80))"""


def _holds_with_wide_text(page: Page) -> None:
    """WCAG 1.4.12: with wider lines, letters and words no text is cut and the page is no wider than the screen."""
    page.evaluate(
        "(css) => { const one = new CSSStyleSheet(); one.replaceSync(css); document.adoptedStyleSheets = [one]; }",
        _WIDE,
    )
    try:
        wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert (wider, page.evaluate(_CUT)) == (0, [])
    finally:
        page.evaluate("() => { document.adoptedStyleSheets = []; }")


def _holds_at_400_percent(page: Page) -> None:
    """WCAG 1.4.10: 1,280 px at 400 % are 320; tables may scroll in their own box."""
    page.set_viewport_size({"width": 320, "height": 640})
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wider <= 0, f"{wider} px wider than 320"
