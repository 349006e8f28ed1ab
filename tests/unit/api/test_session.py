"""What the reads of one page look up again is asked for once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

import psycopg
import pytest

from api.http.session import Session


class _Counting(Session):
    asked: ClassVar[list[object]] = []

    async def row(self, query: str, values: Mapping[str, Any] | Sequence[Any] | None = None) -> dict[str, Any] | None:
        self.asked.append(values)
        await asyncio.sleep(0)
        if query == "bad":
            raise psycopg.DataError("bad")
        return {"values": values}


def _session(*, shares: bool) -> Session:
    _Counting.asked.clear()
    nothing = cast("Any", None)
    return _Counting(conn=nothing, caller=nothing, request_id="", found={} if shares else None)


def test_reads_at_the_same_time_share_a_row() -> None:
    async def ask() -> None:
        s = _session(shares=True)
        found = await asyncio.gather(*(s.row_once("q", (code,)) for code in ("a", "b", "a")))
        assert found == [{"values": ("a",)}, {"values": ("b",)}, {"values": ("a",)}]
        assert await s.row_once("q", ("a",)) == {"values": ("a",)}
        assert _Counting.asked == [("a",), ("b",)]

    asyncio.run(ask())


def test_a_transaction_that_may_change_something_asks_each_time() -> None:
    async def ask() -> None:
        s = _session(shares=False)
        await s.row_once("q", ("a",))
        await s.row_once("q", ("a",))
        assert _Counting.asked == [("a",), ("a",)]

    asyncio.run(ask())


def test_each_of_them_learns_of_a_refusal() -> None:
    async def ask() -> None:
        s = _session(shares=True)
        found = await asyncio.gather(*(s.row_once("bad", ("a",)) for _ in range(2)), return_exceptions=True)
        assert [type(one) for one in found] == [psycopg.DataError, psycopg.DataError]
        with pytest.raises(psycopg.DataError):
            await s.row_once("bad", ("a",))

    asyncio.run(ask())
