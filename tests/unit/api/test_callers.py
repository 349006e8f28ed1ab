"""Keys that the API doesn't know yet: requests with the same one share one look-up."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fastapi import Request

from api.http.callers import CachedCaller, KeyChecker
from api.http.clients import Clients
from api.http.errors import KeyRefused, LimitReached
from api.http.settings import ApiSettings

MOST = 3
GOOD = CachedCaller(id=7, role="front_desk", scopes=[], places=None)


class _Checker(KeyChecker):
    """Asks a test instead of the database."""

    def __init__(self) -> None:
        settings = ApiSettings.model_validate({"database_url": "postgresql://x/y", "client_wrong_keys": MOST})
        super().__init__(cast("Any", None), Clients(settings))
        self.asked: list[str] = []
        self.answers = asyncio.Event()

    async def _look_up(self, key: str, digest: bytes) -> CachedCaller | None:
        self.asked.append(key)
        await self.answers.wait()
        return GOOD if key == "mk_good" else None


def _request(key: str) -> Request:
    headers = {"authorization": f"Bearer {key}"}
    return cast("Request", SimpleNamespace(headers=headers, client=SimpleNamespace(host="192.0.2.7")))


def test_64_first_requests_with_one_key_are_one_look_up() -> None:
    async def ask() -> None:
        checker = _Checker()
        tasks = [asyncio.create_task(checker.known(_request("mk_good"))) for _ in range(64)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        tasks[0].cancel()  # its client has gone: the others still get their answer
        await asyncio.sleep(0)
        checker.answers.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(found[0], asyncio.CancelledError)
        assert found[1:] == [GOOD] * 63
        assert checker.asked == ["mk_good"]

    asyncio.run(ask())


def test_wrong_keys_still_count_one_by_one() -> None:
    async def ask() -> None:
        checker = _Checker()
        checker.answers.set()
        for number in range(MOST):
            with pytest.raises(KeyRefused):
                await checker.known(_request(f"mk_wrong{number}"))
        with pytest.raises(LimitReached):
            await checker.known(_request("mk_another"))
        assert len(checker.asked) == MOST

    asyncio.run(ask())
