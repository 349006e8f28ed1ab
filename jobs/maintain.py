"""One round of the jobs: under the lease that makes one process the leader, each job apart, each outcome stored."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg

from database.leases import LEASE_LOST, Fenced, Keeper, connect
from database.reasons import reason_of
from jobs.catalogue import JOBS
from jobs.job import Job, Outcome, Round
from jobs.traces import KEEP, RetentionBlocked

_log = logging.getLogger(__name__)

LEASE: Final = "maintain"
"""One process runs jobs at a time: the one that holds it."""
_AGAIN_S: Final = 30.0
"""For so long a database that went away during a job is waited for, to store that the job failed."""

_CANCEL_EVERY_S: Final = 0.5

_CLOCK = "SELECT now()"
_OUTCOMES = """
-- how each job's last runs went
SELECT name, succeeded_at, failed_at, failures FROM job
"""
_SUCCEEDED = """
-- a job has succeeded
INSERT INTO job (name, succeeded_at, every) VALUES (%s, now(), %s)
ON CONFLICT (name) DO UPDATE SET succeeded_at = now(), failed_at = NULL, failures = 0, error = NULL,
  every = excluded.every
"""
_FAILED = """
-- a job has failed
INSERT INTO job AS j (name, failed_at, failures, error, every) VALUES (%s, now(), 1, %s, %s)
ON CONFLICT (name) DO UPDATE SET failed_at = now(), failures = j.failures + 1, error = excluded.error,
  every = excluded.every
RETURNING failures
"""
_ALARM = """
-- raise the alarm that a deletion which the law requires has failed, once until it is acknowledged
INSERT INTO alarm (kind, text, detail)
SELECT 'retention_failed',
       format('Personal data could not be deleted in time (job %%s). docs/operate.md says what to do.', %(job)s::text),
       jsonb_build_object('job', %(job)s::text, 'error', %(error)s::text)
WHERE NOT EXISTS (SELECT FROM alarm WHERE kind = 'retention_failed' AND detail ->> 'job' = %(job)s
                  AND acknowledged_at IS NULL)
"""


class JobsFailed(Exception):
    """Jobs of a round have failed; the others are done."""


def _say(line: str) -> None:
    print(line, flush=True)


def log_line(line: str) -> None:
    """Take a line of progress as a log event, for a process that runs on."""
    _log.info("job", extra={"text": line})


def outcomes(connection: psycopg.Connection[Any]) -> Mapping[str, Outcome]:
    """Return how each job's last runs went, by its name; a job that never ran is missing."""
    return {
        name: Outcome(succeeded_at=succeeded, failed_at=failed, failures=failures)
        for name, succeeded, failed, failures in connection.execute(_OUTCOMES)
    }


def clock(connection: psycopg.Connection[Any]) -> datetime:
    """Return the database's time: all processes share it, and outcomes are stored with it."""
    row = connection.execute(_CLOCK).fetchone()
    assert row is not None
    moment: datetime = row[0]
    return moment


def maintain(
    url: str,
    *,
    jobs: Sequence[Job] = JOBS,
    log: Callable[[str], None] = _say,
    now: datetime | None = None,
    keep: timedelta = KEEP,
    ran: Callable[[Job, BaseException | None], None] = lambda _job, _error: None,
    stop: threading.Event | None = None,
) -> bool:
    """Run ``jobs`` once; return False where another process runs jobs at this moment, or has taken over.

    Once ``stop`` is set, the database cancels what is under way, no further job runs, and it returns False.

    Runs again without harm. A job that fails, or that loses its connection, doesn't stop the others; ``ran`` is called
    after each, with what went wrong. ``now`` is for tests; else it is the database's.

    Raises:
        RetentionBlocked: all is done but the dropping of old events.
        JobsFailed: which jobs failed, and why.
        psycopg.OperationalError: the database can't be reached.
    """
    keeper = Keeper(url, [LEASE], application_name="maillage jobs lease")
    failed: list[tuple[Job, Exception]] = []
    with ExitStack() as stack:
        connection = stack.enter_context(_connect(url))
        keeper.take(connection)
        connection.fences = keeper.held
        if not connection.fences:
            log("jobs: another process runs them; nothing done")
            return False
        moment = now or clock(connection)
        stack.enter_context(keeper)
        stop = stop or threading.Event()
        for job in jobs:
            with _cancelled_by(stop, connection):
                error = _run(job, Round(connection=connection, now=moment, keep=keep, log=log))
            if error is not None and stop.is_set():
                log(f"jobs: stopped during {job.name}; what was under way is undone")
                return False
            try:
                if lost := connection.closed:
                    connection = stack.enter_context(_connect_again(url))
                    connection.fences = keeper.held
                if not _is_lease_lost(error):
                    _store(connection, job, error, lost=lost)
            except psycopg.Error as problem:
                if not _is_lease_lost(problem):
                    raise
                error = problem
            if _is_lease_lost(error):
                log("jobs: another process has taken over; what was under way is undone")
                return False
            ran(job, error)
            if error is not None:
                failed.append((job, error))
            if stop.is_set():
                return False
    if failed:
        if len(failed) == 1 and isinstance(failed[0][1], RetentionBlocked):
            raise failed[0][1]
        raise JobsFailed("; ".join(f"{job.name}: {reason_of(error)}" for job, error in failed))
    return True


def _connect(url: str) -> Fenced:
    return connect(url, application_name="maillage jobs", statement_timeout_s=1800)


def _connect_again(url: str) -> Fenced:
    """Connect after a lost connection; a server that restarts is waited for.

    Raises:
        psycopg.OperationalError: it doesn't come back soon.
    """
    end = time.monotonic() + _AGAIN_S
    while True:
        try:
            return _connect(url)
        except psycopg.OperationalError:
            if time.monotonic() >= end:
                raise
            time.sleep(1.0)


@contextmanager
def _cancelled_by(stop: threading.Event, connection: Fenced) -> Iterator[None]:
    """Cancel each statement that runs on ``connection`` once ``stop`` is set: a server goes on without its client."""
    done = threading.Event()

    def cancel() -> None:
        while not done.wait(_CANCEL_EVERY_S):
            if stop.is_set() and not connection.closed:
                with suppress(psycopg.Error):
                    connection.cancel_safe(timeout=2.0)

    thread = threading.Thread(target=cancel, name="cancel", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _is_lease_lost(error: BaseException | None) -> bool:
    return getattr(error, "sqlstate", None) == LEASE_LOST


def _run(job: Job, round_: Round) -> Exception | None:
    """Run one job; return what went wrong."""
    try:
        job.work(round_)
    except Exception as error:
        return error
    return None


def _store(connection: Fenced, job: Job, error: Exception | None, *, lost: bool) -> None:
    """Store how a run went. One lost connection (``lost``) is no alarm: the server may have been restarted.

    Raises:
        psycopg.Error: the lead or the connection is lost.
    """
    if error is None:
        with connection.transaction():
            connection.execute(_SUCCEEDED, (job.name, job.every))
        return
    reason = reason_of(error)
    _log.error(
        "job_failed",
        extra={"job": job.name, "required_by_law": job.required_by_law, "reason": reason},
        exc_info=None if isinstance(error, psycopg.Error) else error,  # its text may hold a row, with a name
    )
    with connection.transaction():
        row = connection.execute(_FAILED, (job.name, reason, job.every)).fetchone()
        often = row is not None and row[0] > 1
        if job.required_by_law and not isinstance(error, RetentionBlocked) and (often or not lost):
            connection.execute(_ALARM, {"job": job.name, "error": reason})
