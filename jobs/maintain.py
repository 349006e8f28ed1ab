"""One round of the jobs: under the lease that makes one process the leader, each job apart, each outcome stored."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg

from database.leases import LEASE_LOST, Keeper, connect
from jobs.catalogue import JOBS
from jobs.job import Job, Outcome, Round
from jobs.traces import KEEP, RetentionBlocked

_log = logging.getLogger(__name__)

LEASE: Final = "maintain"
"""One process runs jobs at a time: the one that holds it."""

_OUTCOMES = """
-- how each job's last runs went
SELECT name, succeeded_at, failed_at, failures FROM job
"""
_SUCCEEDED = """
-- a job has succeeded
INSERT INTO job (name, succeeded_at) VALUES (%s, now())
ON CONFLICT (name) DO UPDATE SET succeeded_at = now(), failed_at = NULL, failures = 0, error = NULL
"""
_FAILED = """
-- a job has failed
INSERT INTO job AS j (name, failed_at, failures, error) VALUES (%s, now(), 1, %s)
ON CONFLICT (name) DO UPDATE SET failed_at = now(), failures = j.failures + 1, error = excluded.error
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


def maintain(
    url: str,
    *,
    jobs: Sequence[Job] = JOBS,
    log: Callable[[str], None] = _say,
    now: datetime | None = None,
    keep: timedelta = KEEP,
    ran: Callable[[Job, BaseException | None], None] = lambda _job, _error: None,
) -> bool:
    """Run ``jobs`` once; return False, with nothing done, where another process runs jobs at this moment.

    Runs again without harm. A job that fails doesn't stop the others; ``ran`` is called after each, with what went
    wrong. ``now`` is for tests.

    Raises:
        RetentionBlocked: all is done but the dropping of old events.
        JobsFailed: which jobs failed, and why.
        psycopg.OperationalError: the database can't be reached.
    """
    moment = now or datetime.now(UTC)
    keeper = Keeper(url, [LEASE], application_name="maillage jobs lease")
    failed: list[tuple[Job, Exception]] = []
    with connect(url, application_name="maillage jobs", statement_timeout_s=1800) as connection:
        keeper.take(connection)
        connection.fences = keeper.held
        if not connection.fences:
            log("jobs: another process runs them; nothing done")
            return False
        with keeper:
            for job in jobs:
                error = _run(job, Round(connection=connection, now=moment, keep=keep, log=log))
                if getattr(error, "sqlstate", None) == LEASE_LOST:
                    log("jobs: another process has taken over; what was under way is undone")
                    return False
                ran(job, error)
                if error is not None:
                    failed.append((job, error))
    if failed:
        if len(failed) == 1 and isinstance(failed[0][1], RetentionBlocked):
            raise failed[0][1]
        raise JobsFailed("; ".join(f"{job.name}: {' '.join(str(error).split())}" for job, error in failed))
    return True


def _run(job: Job, round_: Round) -> Exception | None:
    """Run one job and store how it went; return what went wrong.

    Raises:
        psycopg.Error: the connection is lost, or the outcome can't be stored.
    """
    try:
        job.work(round_)
    except Exception as error:
        if round_.connection.closed:
            raise
        if getattr(error, "sqlstate", None) == LEASE_LOST:
            return error
        reason = " ".join(str(error).split())[:500]
        _log.exception("job_failed", extra={"job": job.name, "required_by_law": job.required_by_law})
        with round_.connection.transaction():
            round_.connection.execute(_FAILED, (job.name, reason))
            if job.required_by_law and not isinstance(error, RetentionBlocked):
                round_.connection.execute(_ALARM, {"job": job.name, "error": reason})
        return error
    with round_.connection.transaction():
        round_.connection.execute(_SUCCEEDED, (job.name,))
    return None
