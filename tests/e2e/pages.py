"""The live page, opened by tests in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from playwright.sync_api import Locator, Page, expect

from tests.api_server import api_process

expect.set_options(timeout=60_000)

Open = Callable[..., Page]


class Api:
    """The API process of a test; it can be stopped and started again at the same address."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._running = ExitStack()
        self.port = 0
        self.start()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        client = self._running.enter_context(api_process(self._url, port=self.port))
        self.port = int(client.base_url.port or 0)

    def stop(self) -> None:
        self._running.close()


def row(page: Page, place: str) -> Locator:
    return page.locator(f'#list a[data-place="{place}"]')
