"""Limits by key: a window that slides."""

from __future__ import annotations

import pytest

from api.http.errors import LimitReached
from api.http.limits import Limit, Tries

LIMIT = Limit(what="tries", most=3, within_s=60)


def test_a_key_may_try_so_often_within_the_window() -> None:
    now = 0.0
    tries = Tries(clock=lambda: now)
    for second in (0.0, 10.0, 20.0):
        now = second
        tries.check(LIMIT, 1)
        tries.count(LIMIT, 1)
    with pytest.raises(LimitReached, match="3 tries within 1 minutes") as reached:
        tries.check(LIMIT, 1)
    assert reached.value.retry_s == 40
    tries.check(LIMIT, 2)  # another key
    now = 60.0
    tries.check(LIMIT, 1)
    tries.count(LIMIT, 1)
    with pytest.raises(LimitReached):
        tries.check(LIMIT, 1)
    tries.give_back(LIMIT, 1)
    tries.check(LIMIT, 1)


def test_many_at_once_fill_it() -> None:
    tries = Tries(clock=lambda: 0.0)
    tries.count(LIMIT, 1, 1000)
    with pytest.raises(LimitReached):
        tries.check(LIMIT, 1)
