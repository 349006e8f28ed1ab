"""Keep the board true: load it, listen, reload what a gap or a lost connection made doubtful."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from time import monotonic
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection, Notify, sql

from api import load
from api.board import Board
from api.occupancy import GatewayState, SpaceState
from api.times import now_us
from database.pool import conninfo

log = logging.getLogger(__name__)

OCCUPANCY: Final = "maillage_occupancy"
GATEWAY: Final = "maillage_gateway"
NETWORK: Final = "maillage_network"
HOURS: Final = "maillage_hours"
"""A closure or a lockdown: part of the network as the API tells it."""
BOOKINGS: Final = "maillage_bookings"
_PROBE_S: Final = 15.0
"""Silent for so long: ask the database whether it is still there."""
_QUERY_S: Final = 30.0
_NETWORK_WAIT_S: Final = 0.5
"""An import is many transactions: its places are read again at most so often."""
_FIRST_RETRY_S: Final = 0.1
_LAST_RETRY_S: Final = 2.0
_AGE_EVERY_S: Final = 0.5


class Listener:
    """Feeds one board from one database connection, for as long as ``run`` runs."""

    def __init__(self, url: str, board: Board, publish: Callable[[], None]) -> None:
        """``publish`` is called after every change of the board."""
        self._url = conninfo(url, application_name="maillage-api-board")
        self._board = board
        self._tell = publish
        self._told = 0
        self.loaded = False
        """The whole network was read at least once."""
        self.connected = False
        self.loads = 0
        self.gaps = 0
        self.unreadable = 0

    def _publish(self) -> None:
        self._told = self._board.number
        self._tell()

    async def run(self) -> None:
        """Listen until cancelled, however often the database goes away."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._age())
            tasks.create_task(self._stay_connected())

    async def _age(self) -> None:
        while True:
            await asyncio.sleep(_AGE_EVERY_S)
            self._board.age(now_us())
            if self._board.number != self._told:  # a request may have aged the board before
                self._publish()

    async def _stay_connected(self) -> None:
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
                log.warning("board_connection_lost", extra={"error": str(error).strip(), "retry_s": round(retry_s, 2)})
            await asyncio.sleep(retry_s * random.uniform(0.7, 1.3))  # spread the replicas' return
            retry_s = min(retry_s * 2, _LAST_RETRY_S)

    async def _follow(self, conn: AsyncConnection[Any]) -> None:
        # Listen first, then read: what is committed in between is both read and notified, once to no effect.
        for channel in (OCCUPANCY, GATEWAY, NETWORK, HOURS, BOOKINGS):
            await conn.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
        await self._load(conn)
        reload_at: float | None = None
        bookings_alone = True
        while True:
            wait_s = _PROBE_S if reload_at is None else max(0.0, reload_at - monotonic())
            notes = [note async for note in conn.notifies(timeout=wait_s, stop_after=1)]
            doubtful, network, bookings = self._take(notes)
            if doubtful:
                states = await asyncio.wait_for(load.load_states_of(conn, sorted(doubtful)), _QUERY_S)
                self._board.apply(states, now_us())
                self._publish()
            bookings_alone = bookings_alone and not network
            if (network or bookings) and reload_at is None:
                reload_at = monotonic() + _NETWORK_WAIT_S
            if reload_at is not None and monotonic() >= reload_at:
                await (self._load_bookings(conn) if bookings_alone else self._load(conn))
                reload_at, bookings_alone = None, True
            elif not notes:
                await asyncio.wait_for(conn.execute("SELECT 1"), _QUERY_S)

    async def _load(self, conn: AsyncConnection[Any]) -> None:
        network = await asyncio.wait_for(load.load_network(conn), _QUERY_S)
        bookings = await asyncio.wait_for(load.load_bookings(conn), _QUERY_S)
        states, gateways = await asyncio.wait_for(load.load_states(conn), _QUERY_S)
        self._board.set_network(network, now_us())
        self._board.set_bookings(bookings, now_us())
        self._board.load(states, gateways, now_us())
        self.loads += 1
        self.loaded = self.connected = True
        self._publish()
        log.info(
            "board_loaded",
            extra={"places": len(self._board.network.places), "spaces": len(states), "gateways": len(gateways)},
        )

    async def _load_bookings(self, conn: AsyncConnection[Any]) -> None:
        self._board.set_bookings(await asyncio.wait_for(load.load_bookings(conn), _QUERY_S), now_us())
        self._publish()

    def _take(self, notes: list[Notify]) -> tuple[set[int], bool, bool]:
        """Apply notifications at once. Return the spaces to reload, and whether the network or bookings changed."""
        states: list[SpaceState] = []
        gateways: list[GatewayState] = []
        network = bookings = False
        for note in notes:
            try:
                if note.channel == OCCUPANCY:
                    states += load.read_occupancy(note.payload)
                elif note.channel == GATEWAY:
                    gateways += load.read_gateways(note.payload)
                elif note.channel == BOOKINGS:
                    bookings = True
                else:
                    network = True
            except (ValueError, TypeError, KeyError) as error:
                self.unreadable += 1
                log.error("notification_unreadable", extra={"channel": note.channel, "error": str(error)})
        if not states and not gateways:
            return set(), network, bookings
        now = now_us()
        gaps = self._board.apply(states, now)
        self._board.hear(gateways, now)
        self._publish()
        self.gaps += len(gaps)
        strangers = {state.space for state in states} - self._board.network.spaces.keys()
        return gaps, network or bool(strangers), bookings
