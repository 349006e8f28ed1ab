"""Debian's Chromium for the tests that look at pages."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import playwright
import pytest
from playwright.sync_api import Browser, sync_playwright

_QUIET: Final = [  # a test's browser speaks to nobody but the page's server
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
