"""Who may join a waiting list, and when an offer can be answered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from booking.waiting import MOST, refused_answer, refused_joining

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def test_one_waits_for_what_is_taken_and_not_for_everything() -> None:
    free, many = refused_joining(0, free=True), refused_joining(MOST, free=False)
    assert (free and free.rule, many and many.rule) == ("free", "waiting")
    assert refused_joining(MOST - 1, free=False) is None


def test_an_offer_is_answered_before_its_deadline_and_once() -> None:
    later = NOW + timedelta(seconds=1)
    assert refused_answer("offered", later, NOW) is None
    assert "lapsed" in (refused_answer("offered", NOW, NOW) or "")
    for status in ("waiting", "accepted", "declined", "lapsed", "left", "ended"):
        assert refused_answer(status, later, NOW), status
