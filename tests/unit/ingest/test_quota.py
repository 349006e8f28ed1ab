from __future__ import annotations

from dataclasses import replace

from ingest.letters import DeadLetter
from ingest.quota import A_DAY, A_MINUTE, BYTES_A_DAY, READABLE_A_DAY, Quota

MINUTE, DAY = 60_000_000, 86_400_000_000
LETTER = DeadLetter(
    origin="ingest", reason="invalid_event", error="at: not a number", topic="t", gateway=7, stream=3, seq=1,
    received_at=0, sent_at=0, payload=b"{}",
)  # fmt: skip


def taken(quota: Quota, count: int, now: int, letter: DeadLetter = LETTER) -> int:
    quota.begin()
    kept = sum(quota.admits(replace(letter, seq=n), now) for n in range(1, count + 1))
    quota.settle()
    return kept


def test_a_gateway_has_a_share_of_the_minute_and_of_the_day() -> None:
    quota, now = Quota(), 20_000 * DAY
    assert taken(quota, 150, now) == A_MINUTE
    assert taken(quota, 5, now) == 0
    assert taken(quota, 5, now, replace(LETTER, gateway=8)) == 5
    later = [taken(quota, 2 * A_MINUTE, now + n * MINUTE) for n in range(1, 60)]
    assert sum(later) == A_DAY - A_MINUTE
    assert taken(quota, 5, now + DAY) == 5
    large = replace(LETTER, payload=b"x" * 65_536)
    assert taken(quota, 100, now + 2 * DAY, large) == BYTES_A_DAY // 65_536


def test_what_can_still_be_read_is_kept_by_the_thousand() -> None:
    quota = Quota()
    assert taken(quota, 2 * READABLE_A_DAY, DAY, replace(LETTER, reason="unknown_device")) == READABLE_A_DAY
    assert taken(quota, 1, DAY) == 1


def test_what_is_not_kept_is_counted_and_a_trial_costs_nothing() -> None:
    quota = Quota()
    for _ in range(5):  # transactions that were taken back
        quota.begin()
        assert sum(quota.admits(replace(LETTER, seq=n), DAY) for n in range(1, 301)) == A_MINUTE
    assert quota.exceeded(7)
    assert not quota.exceeded(8)
    (excess,) = quota.excess.values()
    assert (excess.stream, excess.reason, excess.events, excess.stored) == (3, "invalid_event", 200, False)
    assert (excess.first_seq, excess.last_seq, excess.error) == (101, 300, "at: not a number")
    quota.settle()
    assert quota.excess == {}
