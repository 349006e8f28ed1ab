"""Debian's Chromium for the tests that look at pages, and the live page of a small network."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import playwright
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from psycopg.types.json import Jsonb

from access.schedules import DAYS
from tests.api_server import Centre
from tests.conftest import Database
from tests.e2e.pages import Api, Open

_WITHOUT: Final = (
    # For every window the whole Chromium loads two pages of its address bar, which nobody sees: 0.7 s of a core.
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
    # What Playwright says, whose switch ours replaces.
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable",
    "LensOverlay",
    "MediaRouter",
    "PaintHolding",
    "ThirdPartyStoragePartitioning",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "TcpPortRandomizationWin",
    "OptimizationHints",
    "NetworkTimeServiceQuerying",
    "AimEnabled",
    "PreconnectToSearch",
)
_QUIET: Final = [  # a test's browser speaks to nobody but the page's server
    f"--disable-features={','.join(_WITHOUT)}",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of Chromium; without it the test is skipped, except in CI, where it fails."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is not None and _driver_runs():
        return found
    what = "Chromium" if found is None else "libatomic1, which Playwright's driver needs,"
    text = f"{what} is not installed: apt-get install chromium libatomic1, or run scripts/test as root"
    if os.environ.get("CI"):
        pytest.fail(text)
    pytest.skip(text)


def _driver_runs() -> bool:
    """Whether the Node.js that comes with Playwright starts; a minimal Debian lacks one of its libraries."""
    driver = Path(playwright.__file__).parent / "driver" / "node"
    return subprocess.run([driver, "--version"], capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """Yield a browser; each test opens its own context. Of a module, so that its event loop is gone with the module."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=_QUIET)
        yield running
        running.close()


@pytest.fixture
def centre(database: Database) -> Iterator[Centre]:
    """Yield the database's writer, with two places: one always open with 5 of 30, one without data, hours unknown."""
    writer = Centre(database.url)
    always = Jsonb({day: [["00:00", "24:00"]] for day in DAYS})
    where: dict[str, Any] = {"commune": "Limoges", "postcode": "87000", "region": "Nouvelle-Aquitaine"}
    writer.place("limoges", name="La Boutique", opening_hours=always, **where)
    writer.place("ussel", name="L'Étage", commune="Ussel", postcode="19200", latitude=45.55, longitude=2.31)
    writer.state("limoges", present=5)
    writer.state("limoges", "open-space", present=5, low=4, high=7, quality="degraded")
    yield writer
    writer.close()


@pytest.fixture
def api(centre: Centre, database: Database) -> Iterator[Api]:
    """Yield the running API."""
    running = Api(database.as_login("api_1"))
    yield running
    running.stop()


@pytest.fixture
def open_page(api: Api, centre: Centre, browser: Browser) -> Iterator[Open]:
    """Yield a function that opens the page; afterwards no request may have gone elsewhere, no script have failed."""
    key = centre.key()
    contexts = []
    asked: list[str] = []
    complaints: list[str] = []

    def opened(path: str = "/", *, keyed: bool = True, **options: Any) -> Page:
        headers = {"extra_http_headers": key} if keyed else {}  # a page of a manager's proxy shows numbers
        usual = {"locale": "fr-FR", "viewport": {"width": 1280, "height": 800}, **headers}
        context = browser.new_context(**{**usual, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None)
        page.goto(api.base + path)
        expect(page.locator("#line")).to_have_attribute("data-line", "live")
        page.evaluate("window.sameDocument = true")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert {urlsplit(url).netloc for url in asked} == {f"127.0.0.1:{api.port}"}
    assert complaints == []
