"""Does what invitations ask for, as soon as `maillage jobs` has read them, one after the other."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from api.appointments import appointments as rows
from api.appointments.answering import answer
from api.appointments.applying import apply
from api.bookings.making import now_of
from api.http.session import Caller, Session
from database.listening import listen_to, stay_connected
from database.reasons import reason_of

log = logging.getLogger(__name__)

CHANNEL: Final = "maillage_invitations"
_PROBE_S: Final = 15.0
_PAUSE_S: Final = 0.05


class Booker:
    """Books for members' calendars, for as long as ``run`` runs. Every API process may have one."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def run(self) -> None:
        """Wait for invitations until cancelled, and reconnect when the connection is lost."""
        await stay_connected(self._url, self._follow, self._lost, application_name="maillage-api-appointments")

    def _lost(self, error: Exception) -> bool:
        log.warning("appointments_connection_lost", extra={"error": type(error).__name__})
        return True

    async def _follow(self, conn: AsyncConnection[Any]) -> None:
        await conn.execute("SET statement_timeout = '10s'")
        await listen_to(conn, [CHANNEL])
        while True:
            while await book_next(conn):
                pass
            async for _ in conn.notifies(timeout=_PROBE_S, stop_after=1):
                pass
            await asyncio.sleep(_PAUSE_S)


async def book_next(conn: AsyncConnection[Any]) -> bool:
    """Do what the next invitation asks for, on a connection in autocommit mode; False: none waits.

    One that fails is tried again in five minutes, five times.

    Raises:
        psycopg.Error: the connection is lost.
    """
    row = await (await conn.execute(rows.TAKE.encode())).fetchone()
    if row is None or row[0] is None:
        return False
    number = int(row[0])
    try:
        async with conn.transaction():
            await _book(conn, number)
    except Exception as error:  # whatever it is, the next one must not wait for it
        if conn.closed:
            raise
        why = reason_of(error) if isinstance(error, psycopg.Error) else type(error).__name__
        log.error("invitation_failed", extra={"invitation": number, "reason": why})
    return True


async def _book(conn: AsyncConnection[Any], number: int) -> None:
    invitation = await (await conn.cursor(row_factory=dict_row).execute(rows.ENTER.encode(), (number,))).fetchone()
    if invitation is None:
        return
    caller = Caller(
        id=0,
        name="invitation",
        role="member",
        scopes=(),
        places=None,
        member=invitation["member"],
        gateway=None,
    )
    s = Session(conn=conn, caller=caller, request_id=f"invitation-{number}")
    now = await now_of(s)
    outcomes = await apply(s, invitation, now)
    await answer(s, invitation, outcomes, now)
    await s.run(rows.DONE, {"id": number})
