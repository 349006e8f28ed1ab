"""Keep the board true: load it, listen, reload what a gap or a lost connection made doubtful."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from time import monotonic
from typing import Any, Final

from psycopg import AsyncConnection, Notify

from api.http.clock import now_us
from api.present import load
from api.present.board import Board
from api.present.load import read_ids
from api.present.occupancy import GatewayState, SpaceState
from database.listening import QUIET_S, listen_to, stay_connected
from database.pace import Flood, Pace
from database.reasons import reason_of
from process import garbage

log = logging.getLogger(__name__)

OCCUPANCY: Final = "maillage_occupancy"
GATEWAY: Final = "maillage_gateway"
NETWORK: Final = "maillage_network"
HOURS: Final = "maillage_hours"
"""A closure or a lockdown: part of the network as the API tells it."""
BOOKINGS: Final = "maillage_bookings"
FORECAST: Final = "maillage_forecast"
"""The usual weeks of some spaces were learned."""
_LOOK_S: Final = 5.0
"""So often what was stored lately is read, told or not; it also shows whether the database is still there."""
_LATE_S: Final = 60.0
"""As long as a transaction may be under way before what it stored is seen."""
_BLIND_LOOK_S: Final = 0.25
"""As `_LOOK_S`, while nobody listens after a flood of notifications."""
_QUERY_S: Final = 30.0
_LOAD_S: Final = 300.0
"""As `_QUERY_S`, for all places, bookings or states: a hundred times the network takes a minute or two."""
_NETWORK_WAIT_S: Final = 0.5
"""An import is many transactions: its places are read again at most so often."""
_MOST_AT_ONCE: Final = 500
"""Rows that one look reads; the rest follows, so that requests are answered in between."""
_AGE_EVERY_S: Final = 0.5


class Listener:
    """Feeds one board from one database connection, for as long as ``run`` runs."""

    def __init__(
        self, url: str, board: Board, publish: Callable[[], None], learnt: Callable[[], None] = lambda: None
    ) -> None:
        """``publish`` is called after every change of the board, ``learnt`` when usual weeks were learned."""
        self._url = url
        self._board = board
        self._tell = publish
        self._learnt = learnt
        self._told = 0
        self.loaded = False
        """The whole network was read at least once."""
        self.connected = False
        self.loads = 0
        self.looks = 0
        """How often rows were read because a notification named them."""
        self.floods = 0
        self._spaces: set[int] = set()
        self._gateways: set[int] = set()
        """Named and not looked at yet."""
        self._network = self._bookings = False
        self._booked: set[int] = set()
        """Places whose bookings changed, if not those of all (``_bookings``)."""
        self._pace = Pace(share=0.25, least_s=0.005)
        self._network_pace = Pace(share=0.1, least_s=_NETWORK_WAIT_S)

    def _number(self) -> int:
        """Grows with each publication for anybody."""
        return self._board.full.number + self._board.public.number

    def _publish(self) -> None:
        self._told = self._number()
        self._tell()

    async def run(self) -> None:
        """Listen until cancelled, however often the database goes away."""
        await stay_connected(self._url, self._follow, self._lost, application_name="maillage-api-board")

    async def age(self) -> None:
        """Let time pass on the board until cancelled, whatever becomes of the database."""
        while True:
            await asyncio.sleep(_AGE_EVERY_S)
            self._board.age(now_us())
            if self._number() != self._told:  # a request may have aged the board before
                self._publish()

    def _lost(self, error: Exception) -> bool:
        worked, self.connected = self.connected, False
        log.warning("board_connection_lost", extra={"error": reason_of(error)})
        return worked

    async def _follow(self, conn: AsyncConnection[Any]) -> None:
        """Listen and look until the connection is lost."""
        while True:
            # Listen first, then read: what is committed in between is both read and notified, once to no effect.
            await listen_to(conn, (OCCUPANCY, GATEWAY, NETWORK, HOURS, BOOKINGS, FORECAST))
            if self.loaded:
                self._learnt()  # perhaps, while nobody listened
            await self._load(conn)
            await self._listen(conn)
            self.floods += 1
            log.error("notifications_flooded", extra={"quiet_s": QUIET_S})
            await conn.execute("UNLISTEN *")
            end = monotonic() + QUIET_S
            while monotonic() < end:
                await self._look_for_late(conn)
                await asyncio.sleep(_BLIND_LOOK_S)

    async def _listen(self, conn: AsyncConnection[Any]) -> None:
        """Look where notifications say, and now and then everywhere, until there are too many of them."""
        flood = Flood()
        look_at = monotonic() + _LOOK_S
        network_at: float | None = None
        while True:
            due = [look_at]
            if self._spaces or self._gateways:
                due.append(monotonic() + self._pace.wait_s(monotonic()))
            if network_at is not None:
                due.append(network_at)
            wait_s = max(0.0, min(due) - monotonic())
            notes = [note async for note in conn.notifies(timeout=wait_s, stop_after=1)]
            if flood.rises(len(notes), sum(len(note.payload) for note in notes), monotonic()):
                return
            self._note(notes)
            now = monotonic()
            if (self._network or self._bookings or self._booked) and network_at is None:
                network_at = now + max(_NETWORK_WAIT_S, self._network_pace.wait_s(now))
            if network_at is not None and now >= network_at:
                network_at = None
                await (self._load_network(conn) if self._network else self._load_bookings(conn))
                self._network_pace.done(now, monotonic())
            if (self._spaces or self._gateways) and self._pace.wait_s(now) == 0.0:
                vain = await self._look(conn)
                self._pace.done(now, monotonic(), vain=vain)
            if monotonic() >= look_at:
                await self._look_for_late(conn)
                look_at = monotonic() + _LOOK_S

    def _note(self, notes: list[Notify]) -> None:
        """Remember where to look."""
        for note in notes:
            if note.channel == OCCUPANCY:
                self._spaces |= read_ids(note.payload) & self._board.network.spaces.keys()
            elif note.channel == GATEWAY:
                self._gateways |= read_ids(note.payload) & self._board.network.gateways.keys()
            elif note.channel == BOOKINGS:
                places = read_ids(note.payload)
                self._booked |= places & self._board.network.by_id.keys()
                self._bookings = self._bookings or not places or len(self._booked) > _MOST_AT_ONCE
            elif note.channel == FORECAST:
                self._learnt()
            else:
                self._network = True

    async def _look(self, conn: AsyncConnection[Any]) -> float:
        """Read what was named, if it is news; return the part of it that wasn't.

        What the ingest stored is news once, so that only names that others sent, or that came twice, wait for the pace.
        """
        spaces = [self._spaces.pop() for _ in range(min(len(self._spaces), _MOST_AT_ONCE))]
        gateways = [self._gateways.pop() for _ in range(min(len(self._gateways), _MOST_AT_ONCE))]
        async with asyncio.timeout(_QUERY_S):
            states = await load.load_states_of(conn, self._board.revisions(spaces)) if spaces else []
            heard = await load.load_gateways_of(conn, gateways) if gateways else []
        self.looks += 1
        news = len(states) + sum(self._board.is_news(one) for one in heard)
        self._apply(states, heard)
        return 1 - news / (len(spaces) + len(gateways))

    async def _look_for_late(self, conn: AsyncConnection[Any]) -> None:
        """Read what was stored lately."""
        self._apply(*await asyncio.wait_for(load.load_late(conn, _LATE_S), _QUERY_S))

    def _apply(self, states: list[SpaceState], gateways: list[GatewayState]) -> None:
        now = now_us()
        self._board.apply(states, now)
        self._board.hear(gateways, now)
        if self._number() != self._told:
            self._publish()

    async def _load(self, conn: AsyncConnection[Any]) -> None:
        """Read all."""
        self._bookings = True
        await self._load_network(conn)

    async def _load_network(self, conn: AsyncConnection[Any]) -> None:
        """Read places and states; of bookings only those of new places, unless a notification may have been missed."""
        self._network = False
        network = await asyncio.wait_for(load.load_network(conn), _LOAD_S)
        states, gateways = await asyncio.wait_for(load.load_states(conn), _LOAD_S)
        self._booked |= network.by_id.keys() - self._board.network.by_id.keys()
        self._board.set_network(network, now_us())
        await self._read_bookings(conn)
        self._board.load(states, gateways, now_us())
        garbage.settle()
        self.loads += 1
        self.loaded = self.connected = True
        self._publish()
        log.info(
            "board_loaded",
            extra={"places": len(self._board.network.places), "spaces": len(states), "gateways": len(gateways)},
        )

    async def _load_bookings(self, conn: AsyncConnection[Any]) -> None:
        await self._read_bookings(conn)
        self._publish()

    async def _read_bookings(self, conn: AsyncConnection[Any]) -> None:
        self._bookings = self._bookings or len(self._booked) > _MOST_AT_ONCE
        every, places = self._bookings, list(self._booked)
        self._bookings = False
        self._booked.clear()
        if every:
            self._board.set_bookings(await asyncio.wait_for(load.load_bookings(conn), _LOAD_S), now_us())
        elif places:
            found = await asyncio.wait_for(load.load_bookings_of(conn, places), _QUERY_S)
            self._board.put_bookings(places, found, now_us())
