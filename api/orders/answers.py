"""Gateways' answers to orders: one listener for each process wakes the requests that wait, so that none polls.

A notification names the order that was answered; the request that waits for it then reads the answer from the database.
A forged notification wakes it for nothing; after a missed one it waits until its timeout.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, Final, cast

from fastapi import Request
from psycopg import AsyncConnection

from database.listening import QUIET_S, listen_to, stay_connected
from database.pace import Flood

log = logging.getLogger(__name__)

ANSWER: Final = "maillage_answer"
_PROBE_S: Final = 15.0
_QUERY_S: Final = 10.0


class PendingAnswers:
    """A request that waits for the answers to some orders."""

    def __init__(self, ids: Iterable[str]) -> None:
        self._missing = set(ids)
        self._woken = asyncio.Event()

    def answered(self, order: str) -> None:
        """Note that ``order`` was answered."""
        self._missing.discard(order)
        if not self._missing:
            self._woken.set()

    def wake(self) -> None:
        """Let the request read the orders, since a notification may have been missed."""
        self._woken.set()

    async def wait(self, seconds: float) -> bool:
        """Wait until all are answered or a notification may have been missed; False: ``seconds`` have passed."""
        try:
            await asyncio.wait_for(self._woken.wait(), seconds)
        except TimeoutError:
            return False
        self._woken.clear()
        return True


class OrderAnswers:
    """Listens for answers, for as long as ``run`` runs."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._waiting: dict[str, list[PendingAnswers]] = {}
        self.connected = False

    @contextmanager
    def expecting(self, ids: Iterable[str]) -> Iterator[PendingAnswers]:
        """Wait for the answers to ``ids``; enter it before their transaction commits, so that none is missed."""
        wanted = list(ids)
        one = PendingAnswers(wanted)
        for order in wanted:
            self._waiting.setdefault(order, []).append(one)
        try:
            yield one
        finally:
            for order in wanted:
                self._waiting[order].remove(one)
                if not self._waiting[order]:
                    del self._waiting[order]

    async def run(self) -> None:
        """Listen until cancelled, and reconnect when the connection is lost."""
        await stay_connected(self._url, self._follow, self._lost, application_name="maillage-api-answers")

    def _lost(self, error: Exception) -> bool:
        worked, self.connected = self.connected, False
        log.warning("answers_connection_lost", extra={"error": type(error).__name__})
        return worked

    async def _follow(self, conn: AsyncConnection[Any]) -> None:
        """Listen until there are too many notifications, or the connection is lost."""
        await listen_to(conn, [ANSWER])
        self.connected = True
        self._wake()  # orders may have been answered before
        flood = Flood()
        while True:
            notes = [note async for note in conn.notifies(timeout=_PROBE_S, stop_after=1)]
            for note in notes:
                for waiting in list(self._waiting.get(note.payload, ())):
                    waiting.answered(note.payload)
            if flood.rises(len(notes), sum(len(note.payload) for note in notes), monotonic()):
                await conn.close()
                await self._wake_all_for_a_while()
                return
            if not notes:
                await asyncio.wait_for(conn.execute("SELECT 1"), _QUERY_S)

    def _wake(self) -> None:
        for waiting in [one for many in self._waiting.values() for one in many]:
            waiting.wake()

    async def _wake_all_for_a_while(self) -> None:
        """After a flood of notifications, wake all waiting requests once a second."""
        log.error("notifications_flooded", extra={"quiet_s": QUIET_S})
        end = monotonic() + QUIET_S
        while monotonic() < end:
            self._wake()
            await asyncio.sleep(1.0)


def order_answers(request: Request) -> OrderAnswers:
    """Return the application's listener for answers."""
    return cast("OrderAnswers", request.app.state.order_answers)
