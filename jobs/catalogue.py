"""The jobs, in the order in which one round runs them."""

from __future__ import annotations

from typing import Final

from jobs import (
    arrivals,
    commuting,
    confirmations,
    counters,
    hours,
    notices,
    published,
    retention,
    revocations,
    samples,
    statements,
    thinning,
    traces,
    waiting,
    worth,
)
from jobs.forecast import make_forecasts
from jobs.job import Job, Round
from jobs.reports import make_reports
from jobs.rollup import roll_up


def _roll_up(round_: Round) -> None:
    roll_up(round_.connection, now=round_.now, keep=round_.keep, log=round_.log)


def _look_ahead(round_: Round) -> None:
    learnt, made = make_forecasts(round_.connection, now=round_.now)
    round_.log(f"forecast: {made} forecasts made, {learnt} spaces learned")


def _note_head(round_: Round) -> None:
    """Log the head of the audit's chain: a log collector elsewhere can prove later that its end was not cut off."""
    if head := retention.head(round_.connection):
        round_.log(f"audit: head at line {head[0]}, hash {head[1]}")


JOBS: Final = (
    Job(name="rollup", work=_roll_up),
    Job(name="published", work=published.write_down),
    Job(name="worth", work=worth.count_worth),
    # before the events that they count are deleted
    Job(name="reports", work=make_reports),
    Job(name="commuting", work=commuting.count_commuting, every=commuting.EVERY),
    Job(name="forecast", work=_look_ahead),
    Job(name="arrivals", work=arrivals.learn_arrivals, every=arrivals.EVERY),
    Job(name="notices", work=notices.tell_members),
    # before the traces that statements count are deleted
    Job(name="statements", work=statements.close_months),
    Job(name="events", work=traces.drop, required_by_law=True),
    Job(name="traces", work=retention.forget, required_by_law=True),
    Job(name="thinning", work=thinning.thin, every=thinning.EVERY),
    Job(name="samples", work=samples.drop, every=samples.EVERY),
    Job(name="confirmations", work=confirmations.lapse, every=confirmations.EVERY),
    Job(name="waiting", work=waiting.offer, every=waiting.EVERY),
    Job(name="hours", work=hours.look_at_hours, every=hours.EVERY),
    Job(name="counters", work=counters.look_at_counters, every=counters.EVERY),
    Job(name="revocations", work=revocations.look_at_revocations, every=revocations.EVERY),
    Job(name="audit_head", work=_note_head),
)
