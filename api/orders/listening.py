"""Answers to orders, heard once a process: whoever waits for one is woken, and nobody asks the database in a loop.

What a reader read for an enrolment comes by the same connection: its bits are kept here for two minutes, in memory
only, for the key that ordered it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection

from database.pool import conninfo

log = logging.getLogger(__name__)

ANSWER: Final = "maillage_answer"
ENROLLED: Final = "maillage_enrolled"
BITS_S: Final = 120.0
_PROBE_S: Final = 15.0
_QUERY_S: Final = 10.0
_FIRST_RETRY_S: Final = 0.2
_LAST_RETRY_S: Final = 2.0
_MOST_BITS: Final = 1000


class Waiting:
    """Somebody who waits for the answers to some orders."""

    def __init__(self, ids: Iterable[str]) -> None:
        self._missing = set(ids)
        self._woken = asyncio.Event()

    def told(self, order: str) -> None:
        """Take note that ``order`` was answered."""
        self._missing.discard(order)
        if not self._missing:
            self._woken.set()

    def wake(self) -> None:
        """Let it look for itself: something may have gone by unheard."""
        self._woken.set()

    async def until_told(self, seconds: float) -> bool:
        """Wait until all have been answered, or something may have been missed; False: ``seconds`` have passed."""
        try:
            await asyncio.wait_for(self._woken.wait(), seconds)
        except TimeoutError:
            return False
        self._woken.clear()
        return True


class Answers:
    """Listens for answers, for as long as ``run`` runs."""

    def __init__(self, url: str) -> None:
        self._url = conninfo(url, application_name="maillage-api-answers")
        self._waiting: dict[str, list[Waiting]] = {}
        self._bits: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self.connected = False

    @contextmanager
    def expecting(self, ids: Iterable[str]) -> Iterator[Waiting]:
        """Wait for the answers to ``ids``: to be entered before their transaction commits, so that none is missed."""
        wanted = list(ids)
        one = Waiting(wanted)
        for order in wanted:
            self._waiting.setdefault(order, []).append(one)
        try:
            yield one
        finally:
            for order in wanted:
                self._waiting[order].remove(one)
                if not self._waiting[order]:
                    del self._waiting[order]

    def bits_of(self, enrolment: str) -> str | None:
        """The raw bits of what was read for an enrolment in the last two minutes; None: not known here (any more)."""
        self._forget()
        found = self._bits.get(enrolment)
        return found[1] if found is not None else None

    async def run(self) -> None:
        """Listen until cancelled, however often the database goes away."""
        retry_s = _FIRST_RETRY_S
        while True:
            try:
                conn = await AsyncConnection.connect(self._url, autocommit=True)
                async with conn:
                    await self._follow(conn)
            except (psycopg.Error, OSError, TimeoutError) as error:
                if self.connected:
                    retry_s = _FIRST_RETRY_S
                self.connected = False
                log.warning("answers_connection_lost", extra={"error": type(error).__name__})
            await asyncio.sleep(retry_s * random.uniform(0.7, 1.3))
            retry_s = min(retry_s * 2, _LAST_RETRY_S)

    async def _follow(self, conn: AsyncConnection[Any]) -> None:
        for channel in (ANSWER, ENROLLED):
            await conn.execute(f"LISTEN {channel}".encode())
        self.connected = True
        for waiting in [one for many in self._waiting.values() for one in many]:
            waiting.wake()  # what was answered while nobody listened
        while True:
            notes = [note async for note in conn.notifies(timeout=_PROBE_S, stop_after=1)]
            for note in notes:
                if note.channel == ENROLLED:
                    self._read(note.payload)
                else:
                    for waiting in list(self._waiting.get(note.payload, ())):
                        waiting.told(note.payload)
            self._forget()
            if not notes:
                await asyncio.wait_for(conn.execute("SELECT 1"), _QUERY_S)

    def _read(self, payload: str) -> None:
        try:
            told = json.loads(payload)
            enrolment, bits = told["id"], told["bits"]
        except (ValueError, TypeError, KeyError):
            log.error("enrolled_unreadable")  # never its text: it holds a card's bits
            return
        if isinstance(enrolment, str) and isinstance(bits, str) and set(bits) <= {"0", "1"}:
            self._bits[enrolment] = (monotonic() + BITS_S, bits)
            while len(self._bits) > _MOST_BITS:
                self._bits.popitem(last=False)

    def _forget(self) -> None:
        now = monotonic()
        while self._bits and next(iter(self._bits.values()))[0] < now:
            self._bits.popitem(last=False)
