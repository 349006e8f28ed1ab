"""Leases: which process works on what. A row with a fencing number that each commit of its holder checks.

A ``Keeper`` renews one process's leases on a connection and in a thread of its own, so that a long transaction loses
none. What a process believes to hold may be old: it was frozen, or its keeper can't reach the database. So each of its
transactions checks the fences before it commits, in the database (``Fenced``). Time is the database's.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from types import TracebackType
from typing import Any, Final, Self

import psycopg
from psycopg.pq import TransactionStatus

from database.arrays import numbers
from database.pool import STATEMENT_TIMEOUT_S, conninfo
from database.pool import connect as connect_plainly

log = logging.getLogger(__name__)

LIFE: Final = timedelta(seconds=5)
"""A holder that hasn't renewed for this long loses its leases as soon as another process wants them."""
EVERY_S: Final = 1.0
"""Seconds between two renewals of a holder, and between two requests of a process that stands by."""
LEASE_LOST: Final = "MA002"
"""SQLSTATE of a lease that another process has taken."""

_KEEP: Final = """
-- renew, take what is free, and return what is held
SELECT name, fence FROM keep_leases(%s, %s, %s)
"""
_RELEASE: Final = """
-- another may take them at once
DELETE FROM lease_holder WHERE id = %s
"""
_CHECK_WRITTEN: Final = """
-- the same where something was written: a lock would make a writer of who only reads
SELECT check_leases(%b::text[], %s::bigint[]) WHERE pg_current_xact_id_if_assigned() IS NOT NULL
"""
_OURS: Final = """
-- how many of these leases are still ours
SELECT count(*) FROM lease JOIN unnest(%b::text[], %b::bigint[]) AS known (name, fence) USING (name, fence)
"""
_CHECK: Final = """
-- refuse unless these leases are still ours; they stay ours until this transaction ends
SELECT check_leases(%b::text[], %s::bigint[])
"""


class Fenced(psycopg.Connection[Any]):
    """A connection whose ``transaction()`` commits only while ``fences`` (name of a lease → number) are still right."""

    fences: Mapping[str, int] = {}

    def check(self, names: Iterable[str] | None = None) -> None:
        """Check the fences of ``names``, or of all; one that isn't known here is lost.

        Raises:
            psycopg.Error: with SQLSTATE ``LEASE_LOST``. In pipeline mode it comes with the pipeline's end.
        """
        wanted = sorted(self.fences if names is None else names)
        if wanted:
            self.execute(_CHECK, (wanted, numbers(self.fences.get(name, -1) for name in wanted)))

    def still_ours(self) -> bool:
        """Whether all fences are right at this moment: before something is done that no transaction takes back."""
        row = self.execute(_OURS, (list(self.fences), list(self.fences.values()))).fetchone()
        return row is not None and row[0] == len(self.fences)

    @contextmanager
    def transaction(
        self, savepoint_name: str | None = None, force_rollback: bool = False
    ) -> Iterator[psycopg.Transaction]:
        """As psycopg's, with the check as the last statement where anything was written.

        Raises:
            psycopg.Error: with SQLSTATE ``LEASE_LOST``; nothing was stored.
        """
        with super().transaction(savepoint_name, force_rollback) as opened:
            yield opened
            if self.fences:
                self.execute(_CHECK_WRITTEN, (list(self.fences), numbers(self.fences.values())))

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Run a transaction like ``transaction()`` whose statements all travel together, BEGIN and COMMIT included.

        An answer that the block reads makes it wait for the server, as it does anywhere else.

        Raises:
            psycopg.Error: nothing was stored.
        """
        try:
            with self.pipeline():
                self.execute("BEGIN")
                yield
                if self.fences:
                    self.execute(_CHECK_WRITTEN, (list(self.fences), numbers(self.fences.values())))
                self.execute("COMMIT")
        except BaseException:
            if not self.closed and self.info.transaction_status != TransactionStatus.IDLE:
                self.execute("ROLLBACK")
            raise


def connect(url: str, *, application_name: str, statement_timeout_s: int = STATEMENT_TIMEOUT_S) -> Fenced:
    """Open a connection whose transactions check leases, in autocommit mode.

    Raises:
        psycopg.OperationalError: the server can't be reached, or refuses.
    """
    return Fenced.connect(
        conninfo(url, application_name=application_name, statement_timeout_s=statement_timeout_s), autocommit=True
    )


class Keeper:
    """Takes and renews leases from entering it until leaving it, which releases them."""

    def __init__(
        self, url: str, names: Iterable[str], *, application_name: str, alive: Callable[[], bool] = lambda: True
    ) -> None:
        """``names``: what this process may hold. ``alive``: False while its work hangs, and its leases are let go."""
        self._url = url
        self._names = sorted(names)
        self._application_name = application_name
        self._alive = alive
        self._holder = secrets.token_hex(16)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
        self.held: Mapping[str, int] = {}
        """What was held when the database last answered: each lease's name and fence."""
        self.asked = threading.Event()
        """Set once the database has answered."""

    def __enter__(self) -> Self:
        """Begin; the first answer comes soon after (``asked``)."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release what is held."""
        self._stop.set()
        self._thread.join(10.0)
        self.held = {}

    def take(self, connection: psycopg.Connection[Any]) -> None:
        """Ask now, on this connection: renew, and take what is free."""
        self.held = dict(connection.execute(_KEEP, (self._holder, self._names, LIFE)).fetchall())
        self.asked.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with connect_plainly(
                    self._url, application_name=self._application_name, autocommit=True, statement_timeout_s=5
                ) as connection:
                    self._keep(connection)
            except psycopg.Error as error:
                log.warning("leases_unknown", extra={"reason": " ".join(str(error).split())[:200]})
                self._stop.wait(EVERY_S)

    def _keep(self, connection: psycopg.Connection[Any]) -> None:
        while not self._stop.is_set():
            if self._alive():
                self.take(connection)
            self._stop.wait(EVERY_S)
        connection.execute(_RELEASE, (self._holder,))
