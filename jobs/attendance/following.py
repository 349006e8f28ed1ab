"""Follows the stored events, and lets bookings follow them."""

from __future__ import annotations

import logging
import threading
from datetime import datetime
from typing import Any, Final

import psycopg

from database.pool import connect
from database.reasons import reason_of
from jobs.attendance import no_shows, sightings, statuses
from jobs.maintain import clock

log = logging.getLogger(__name__)

_LOOK_S: Final = 1.0
_AWAY_S: Final = 5.0


def watch(url: str, stop: threading.Event) -> None:
    """Follow until ``stop``; a database that is away is waited for."""
    while not stop.is_set():
        try:
            with connect(url, application_name="maillage attendance", autocommit=True) as connection:
                while not stop.is_set():
                    if follow(connection, clock(connection)):
                        stop.wait(_LOOK_S)
        except psycopg.Error as error:
            log.warning("attendance_database_away", extra={"reason": reason_of(error)})
            stop.wait(_AWAY_S)


def follow(connection: psycopg.Connection[Any], now: datetime) -> bool:
    """Take the next stored events, and what time has brought, in one transaction; False: more events wait.

    Where another process follows at the moment, nothing is done.
    """
    with connection.transaction():
        all_noted = sightings.note(connection)
        if all_noted is None:
            return True
        if all_noted:
            sightings.look_inside(connection, now)
        statuses.follow(connection, now)
        if all_noted:
            warned, released = no_shows.warn(connection, now), no_shows.release(connection, now)
            if warned or released:
                log.info("no_shows", extra={"warned": warned, "released": released})
    return all_noted
