"""Follows the database for a central Mosquitto: rewrites its files, lets it read them, cuts off who is shut out."""

from __future__ import annotations

import logging
import queue
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import psycopg

from database.listening import listen
from database.pool import Connection, connect
from database.reasons import reason_of
from maillage.central.admin import Admin, BrokerAway
from maillage.central.files import PROBE, Give, write_acl, write_authorities

log = logging.getLogger(__name__)

_CHANNELS: Final = ("maillage_network", "maillage_authority")
_POLL_S: Final = 5.0
_RETRY_S: Final = 1.0
_RELOADED_WITHIN_S: Final = 10.0
_PROBE_EVERY_S: Final = 0.01
_CUT_AGAIN_S: Final = 600.0
_SAY_EVERY: Final = timedelta(seconds=5)
_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)

_GATEWAYS = """
-- every gateway that has joined, where it may speak, and since when it or a certificate of its is shut out
SELECT gateway, address, cut_at FROM broker_gateways()
"""
_CLOCK = "SELECT now()"
_KNOWS = """
-- the broker knows all that stood in the database then
SELECT broker_knows(%b)
"""
_AUTHORITY = """
-- whom to believe, and whom no longer
SELECT certificates, processes, revocations FROM broker_authority()
"""


class WatchError(Exception):
    """The broker's files can't be made, or it doesn't read them; the text says why."""


class NotPublished(WatchError):
    """The rights process has published no authority yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the broker should know."""

    where: Mapping[str, str]
    """Shard and place of each gateway that may speak."""
    cut_at: Mapping[str, datetime]
    """When a gateway or a certificate of its was last shut out."""
    certificates: str
    processes: str
    revocations: str
    read_at: datetime = field(compare=False)
    """By the database's clock; before anything was read."""


def read(connection: Connection) -> Wanted:
    """Return what the broker should know by now.

    Raises:
        NotPublished: the rights process has published no authority yet.
    """
    clock = connection.execute(_CLOCK).fetchone()
    row = connection.execute(_AUTHORITY).fetchone()
    if row is None or clock is None:
        raise NotPublished(
            "no authority is published yet: start the rights process with MAILLAGE_AUTHORITY (docs/enrolment.md)."
        )
    gateways = connection.execute(_GATEWAYS).fetchall()
    return Wanted(
        where={gateway: address for gateway, address, _ in gateways if address is not None},
        cut_at={gateway: at for gateway, _, at in gateways if at is not None},
        certificates=row[0],
        processes=row[1],
        revocations=row[2],
        read_at=clock[0],
    )


def write(directory: Path, wanted: Wanted, generation: str, *, give: Give) -> None:
    """Write the files that change."""
    write_authorities(
        directory,
        certificates=wanted.certificates,
        processes=wanted.processes,
        revocations=wanted.revocations,
        give=give,
    )
    write_acl(directory, wanted.where, generation, give=give)


class Watcher:
    """Keeps one broker's files true."""

    def __init__(self, directory: Path, *, admin: Admin, reload: Callable[[], None], give: Give) -> None:
        """``reload`` sends SIGHUP; ``give`` hands a file to the broker's user."""
        self._directory = directory
        self._admin = admin
        self._reload = reload
        self._give = give
        self._known: Wanted | None = None
        self._generation = ""
        self._cut: dict[str, datetime] = {}
        self._recent: dict[str, float] = {}
        """Gateways that were cut off lately, and when (monotonic)."""
        self._said = _NEVER
        """Until when the database was last told that the broker knows all."""

    def apply(self, wanted: Wanted) -> bool:
        """Make the broker know ``wanted``; return whether anything was to be done.

        A broker that has read other files since (an old copy, those of `maillage broker files`) is given ours again.

        A gateway that is shut out loses its rights first, then its connection. The revocation list may come a moment
        later: what connected meanwhile, without rights, is cut then.

        Raises:
            BrokerAway: the broker doesn't answer; to be called again.
            WatchError: it doesn't read its files.
        """
        now = time.monotonic()
        if self._known == wanted:
            if self._is_read(self._generation):
                return False
            log.error("broker_reads_other_files")
            self._cut = {}
        cut = {gateway for gateway, at in wanted.cut_at.items() if self._cut.get(gateway) != at}
        if self._known is None or self._known.revocations != wanted.revocations:
            self._recent = {gateway: at for gateway, at in self._recent.items() if now - at < _CUT_AGAIN_S}
            cut |= self._recent.keys()
        self._known, generation = None, secrets.token_hex(8)
        write(self._directory, wanted, generation, give=self._give)
        self._reload()
        self._wait_until_read(generation)
        self._admin.cut(sorted(cut))
        self._cut = dict(wanted.cut_at)
        self._recent |= dict.fromkeys(cut, now)
        self._known, self._generation = wanted, generation
        log.info("broker_changed", extra={"gateways": len(wanted.where), "cut": sorted(cut)[:50]})
        return True

    def run(self, url: str, stop: threading.Event) -> None:
        """Follow the database until ``stop``."""
        news: queue.Queue[str] = queue.Queue()
        hearing = threading.Thread(
            target=lambda: listen(url, _CHANNELS, news.put, stop, application_name="maillage broker listen"),
            name="listen",
            daemon=True,
        )
        hearing.start()
        while not stop.is_set():
            try:
                with connect(url, application_name="maillage broker", autocommit=True) as connection:
                    self._follow(connection, news, stop)
            except NotPublished as error:
                log.info("authority_awaited", extra={"reason": str(error)})
                stop.wait(_RETRY_S)
            except (psycopg.Error, BrokerAway, WatchError, OSError) as error:
                log.error("broker_watch_failed", extra={"reason": reason_of(error)})
                stop.wait(_RETRY_S)
        hearing.join(2)

    def _follow(self, connection: Connection, news: queue.Queue[str], stop: threading.Event) -> None:
        while not stop.is_set():
            wanted = read(connection)
            if self.apply(wanted) or wanted.read_at - self._said >= _SAY_EVERY or wanted.read_at < self._said:
                connection.execute(_KNOWS, (wanted.read_at,))
                self._said = wanted.read_at
            end = time.monotonic() + _POLL_S
            while not stop.is_set() and (left := end - time.monotonic()) > 0:
                try:
                    news.get(timeout=min(left, 0.5))
                    break
                except queue.Empty:
                    continue
            while not news.empty():
                news.get()

    def _wait_until_read(self, generation: str) -> None:
        end = time.monotonic() + _RELOADED_WITHIN_S
        while not self._is_read(generation):
            if time.monotonic() > end:
                if self._admin.may_publish(f"{PROBE}/refused"):
                    raise WatchError(
                        "the broker lets everybody speak: it can't read its acl. Give the files to its user."
                    )
                raise WatchError(
                    "the broker doesn't read its files again: does --pid or --pid-file name it, and may it read them?"
                )
            time.sleep(_PROBE_EVERY_S)

    def _is_read(self, generation: str) -> bool:
        """Return whether the broker goes by the acl of that name, and so refuses what is not in it."""
        return self._admin.may_publish(f"{PROBE}/{generation}") and not self._admin.may_publish(f"{PROBE}/refused")
