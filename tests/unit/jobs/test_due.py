"""When a job is due, and when a deletion is overdue."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jobs.job import EVERY, OVERDUE, Job, Outcome, is_due, is_overdue

NOW = datetime(2026, 3, 3, 8, 0, tzinfo=UTC)
HOURLY = Job(name="hourly", work=lambda _round: None, every=timedelta(hours=1))
DELETION = Job(name="deletion", work=lambda _round: None, required_by_law=True)


@pytest.mark.parametrize(("failures", "minutes"), [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (8, 60), (100_000, 60)])
def test_a_job_that_fails_is_tried_again_after_twice_as_long_each_time_up_to_its_interval(
    failures: int, minutes: int
) -> None:
    last = Outcome(failed_at=NOW, failures=failures)
    assert is_due(HOURLY, last, NOW + timedelta(minutes=minutes))
    assert not is_due(HOURLY, last, NOW + timedelta(minutes=minutes, seconds=-1))


@pytest.mark.parametrize("last", [Outcome(succeeded_at=NOW), Outcome(failed_at=NOW, failures=9)])
def test_an_outcome_of_the_future_puts_no_run_off(last: Outcome) -> None:
    """The database's clock was set back since, or it was restored on a machine with another clock."""
    assert not is_due(HOURLY, last, NOW)
    assert is_due(HOURLY, last, NOW - timedelta(minutes=1))


def test_a_deletion_that_has_not_succeeded_for_a_day_is_overdue_also_where_no_failure_was_stored() -> None:
    for failed_at in (None, NOW + OVERDUE):
        last = Outcome(succeeded_at=NOW, failed_at=failed_at, failures=failed_at is not None)
        assert is_overdue(DELETION, last, NOW + OVERDUE)
        assert not is_overdue(DELETION, last, NOW + OVERDUE - timedelta(seconds=1))
        assert not is_overdue(HOURLY, last, NOW + OVERDUE)
    assert not is_overdue(DELETION, Outcome(), NOW)
    assert EVERY < OVERDUE
