"""Runs the jobs continuously: each when it is due, by the outcomes that all such processes share in the database."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import psycopg
from prometheus_client import generate_latest

from database.pool import connect
from database.reasons import reason_of
from jobs import readers, trust
from jobs.appointments import calendars as member_calendars
from jobs.appointments import inbox
from jobs.attendance import following
from jobs.calendars import syncing
from jobs.catalogue import JOBS
from jobs.job import Job, Outcome, is_due, is_overdue
from jobs.mail import sending
from jobs.maintain import JobsFailed, clock, log_line, maintain, outcomes
from jobs.metrics import Metrics
from jobs.revocations import not_shut_out
from jobs.settings import JobsSettings
from jobs.traces import RetentionBlocked
from process.harness import run_parts

log = logging.getLogger(__name__)

_LOOK_S: Final = 5.0
"""So often a process looks which jobs are due."""


class Runner:
    """Runs what is due, in one thread."""

    def __init__(self, url: str, metrics: Metrics, jobs: Sequence[Job] = JOBS, *, look_s: float = _LOOK_S) -> None:
        """``look_s``: seconds between two looks for due jobs."""
        self._url = url
        self._metrics = metrics
        self._jobs = jobs
        self._look_s = look_s
        self._began = self._trust_at = 0.0
        self.trouble: str | None = "the database has not answered yet"
        """Why the process isn't ready; None: it is."""

    def run(self, stop: threading.Event) -> None:
        """Look for due jobs until ``stop``; a database that is away is waited for."""
        while not stop.is_set():
            try:
                if due := self._look():
                    self._began = time.monotonic()
                    with suppress(JobsFailed, RetentionBlocked):  # logged, job by job, where it happened
                        maintain(self._url, jobs=due, log=log_line, ran=self._ran, stop=stop)
                    self._look()
            except psycopg.Error as error:
                self._lost(error)
            stop.wait(self._look_s)

    def _look(self) -> list[Job]:
        """Read how the jobs went, note it, and return those that are due."""
        with connect(self._url, application_name="maillage jobs", autocommit=True) as connection:
            known, now = outcomes(connection), clock(connection)
            self._metrics.not_shut_out.set(not_shut_out(connection))
            if time.monotonic() >= self._trust_at:
                self._metrics.note_trust(trust.read(connection))
                self._trust_at = time.monotonic() + trust.EVERY_S
        self._metrics.connected.labels("database").set(1)
        last = [(job, known.get(job.name, Outcome())) for job in self._jobs]
        for job, outcome in last:
            self._metrics.note(job, outcome)
        late = [job.name for job, outcome in last if is_overdue(job, outcome, now)]
        self.trouble = f"deletions that the law requires are a day late: {', '.join(late)}" if late else None
        return [job for job, outcome in last if is_due(job, outcome, now)]

    def _lost(self, error: psycopg.Error) -> None:
        self._metrics.connected.labels("database").set(0)
        refused = isinstance(error, psycopg.ProgrammingError)  # a table or a right is missing
        self.trouble = (
            "the database is not as this release needs it: run `maillage migrate`"
            if refused
            else "no connection to the database"
        )
        log.warning("jobs_refused" if refused else "jobs_database_away", extra={"reason": reason_of(error)})

    def _ran(self, job: Job, error: BaseException | None) -> None:
        now = time.monotonic()
        self._metrics.seconds.labels(job.name).set(now - self._began)
        self._began = now
        if error is not None:
            self._metrics.failures.labels(job.name).inc()


def run(settings: JobsSettings, stop: threading.Event, jobs: Sequence[Job] = JOBS) -> int:
    """Run the jobs until ``stop`` is set; returns 0, or 1 where a thread died.

    Raises:
        OSError: the metrics port is taken.
    """
    metrics = Metrics()
    metrics.connected.labels("database").set(0)
    url = settings.database_url.get_secret_value()
    runner = Runner(url, metrics, jobs)
    return run_parts(
        "jobs",
        stop,
        threads={
            "jobs": lambda: runner.run(stop),
            "readers": lambda: readers.watch(url, stop, metrics.readers_ended.inc),
            "calendars": lambda: syncing.watch(url, stop, private=settings.calendars_private),
            "inbox": lambda: inbox.watch(url, settings, stop),
            "member calendars": lambda: member_calendars.watch(
                url, settings.booking_address, stop, private=settings.calendars_private
            ),
            "attendance": lambda: following.watch(url, stop),
            "mail": lambda: sending.watch(url, settings, stop, metrics.note_mail),
        },
        readiness=lambda: runner.trouble,
        http=(settings.http_host, settings.metrics_port, lambda: generate_latest(metrics.registry)),
    )
