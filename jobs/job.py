"""What a job is: work that runs by the clock, in one process at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from database.leases import Fenced

EVERY: Final = timedelta(minutes=15)
RETRY: Final = timedelta(minutes=1)
"""A job that failed runs again after this, then after twice as long each time, up to its usual interval."""
OVERDUE: Final = timedelta(days=1)
"""A deletion that the law requires and that hasn't succeeded for this long makes its process "not ready"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one run of a job gets."""

    connection: Fenced
    """In autocommit mode; its transactions fail once another process has taken the lead."""
    now: datetime
    keep: timedelta
    """How long personal traces are kept."""
    log: Callable[[str], None]
    """Takes lines of progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job. ``work`` raises what goes wrong; the other jobs run all the same."""

    name: str
    work: Callable[[Round], None]
    every: timedelta = EVERY
    required_by_law: bool = False
    """It deletes what may not be kept: its failure is an alarm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a job's last runs went; see the table ``job``."""

    succeeded_at: datetime | None = None
    failed_at: datetime | None = None
    failures: int = 0


def is_due(job: Job, last: Outcome, now: datetime) -> bool:
    """Return whether ``job`` is to run at ``now``, by the clock that ``last`` was stored with.

    An outcome of the future says nothing: that clock was set back since.
    """
    ran_at = last.failed_at or last.succeeded_at
    if ran_at is None or now < ran_at:
        return True
    wait = job.every
    if last.failed_at is not None:
        wait = min(RETRY * 2 ** min(max(last.failures - 1, 0), 10), job.every)
    return now >= ran_at + wait


def is_overdue(job: Job, last: Outcome, now: datetime) -> bool:
    """Return whether ``job`` deletes what the law doesn't allow to keep, and has not done so for a day."""
    if not job.required_by_law:
        return False
    if last.succeeded_at is None:
        return last.failed_at is not None
    return now >= last.succeeded_at + OVERDUE
