"""The earliest time that a gateway believes, and what it opens while its clock is set back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from gateway.contract.instants import instant, micros_of
from gateway.lists.signed_time import KEPT, TOLERANCE_US, SignedTime
from tests.unit.gateway.place_parts import AT, Bench, access_list, badge, signed

S = 1_000_000
DAY = 86_400 * S


def test_time_goes_on_from_what_was_signed_whatever_the_clock_does() -> None:
    steady = [500 * S]
    kept: dict[str, str] = {}
    time = SignedTime(keep=lambda name, value, *, until=None: kept.update({name: value}), steady=lambda: steady[0])
    assert (time.now(), time.believed(7)) == (0, 7)
    time.seen(AT)
    steady[0] += 3 * DAY
    assert time.believed(AT - 10 * DAY) == AT + 3 * DAY
    assert time.believed(AT + 4 * DAY) == AT + 4 * DAY, "a clock that is ahead is believed"
    assert time.now() == AT + 3 * DAY, "and proves nothing"
    time.seen(AT + DAY)
    assert time.now() == AT + 3 * DAY
    time.tick()
    later = SignedTime(steady=lambda: 0)
    later.restore(kept)
    assert later.now() == AT + 3 * DAY
    later.restore({KEPT: "rubbish"})


def test_a_clock_that_is_behind_what_was_signed_is_complained_of_until_it_is_right() -> None:
    time = SignedTime(steady=lambda: 0)
    assert time.complaint(7) is None, "nothing was signed yet"
    time.seen(AT)
    assert time.complaint(AT - TOLERANCE_US) is None
    assert time.complaint(AT + 365 * DAY) is None, "it may be as late as that"
    assert "86400 s behind" in (time.complaint(AT - DAY) or "")
    bench = Bench()
    place = bench.build()
    place.signed.seen(bench.at + DAY)
    place.tick(bench.now, bench.at)
    assert place.clock_complaint is not None
    place.tick(bench.now, bench.at + DAY)
    assert place.clock_complaint is None


def _grants(bench: Bench) -> list[str]:
    return [event["reason"] for event in bench.events if event["kind"] == "access"]


def test_a_list_grows_old_though_the_clock_is_set_back() -> None:
    steady = [0]
    bench = Bench()
    place = bench.build()
    place.signed._steady = lambda: steady[0]
    held = replace(access_list(4), made_at=instant(AT), max_age_s=3600)
    place.lists.take(signed(held))
    bench.hear("esp_rfid", "gare/in/send", badge("in"))
    bench.at -= 2 * DAY
    bench.hear("esp_rfid", "gare/in/send", badge("in"), after_s=60)
    steady[0] = 3601 * S
    bench.hear("esp_rfid", "gare/in/send", badge("in"), after_s=60)
    assert _grants(bench) == ["granted", "granted", "list_too_old"], "who may come in does, until the list is too old"


def test_a_pass_that_ended_before_the_list_was_made_stays_ended_though_the_clock_is_set_back() -> None:
    bench = Bench()
    place = bench.build()
    held = access_list(4)
    entry = next(iter(held.entries.values()))
    over = instant(AT) - timedelta(days=1)
    rights = tuple(replace(right, valid_until=over) for right in entry.rights)
    ended = replace(entry, member=replace(entry.member, rights=rights))
    place.lists.take(signed(replace(held, made_at=instant(AT), entries={entry.token: ended})))
    bench.at -= 5 * DAY
    bench.hear("esp_rfid", "gare/in/send", badge("in"))
    assert _grants(bench) == ["pass_ended"]
    assert place.signed.now() >= micros_of(instant(AT))
