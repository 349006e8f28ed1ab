"""What waits for the runtime: a board that floods neither delays others nor fills the disk; nothing kept is lost."""

from __future__ import annotations

import queue
import threading

import pytest

from gateway.field.arrivals import A_SECOND, BURST, Arrivals
from tests.waiting import until


def drained(arrivals: Arrivals[str]) -> list[str]:
    found = []
    while len(arrivals):
        found.append(arrivals.get(0.0))
    return found


def test_a_card_comes_before_what_sensors_said_and_each_kind_in_its_order() -> None:
    arrivals: Arrivals[str] = Arrivals()
    for number in range(3):
        arrivals.put(f"sensor {number}")
        arrivals.put_live(f"card {number}", f"hall/{number}/send", 0.0)
    assert drained(arrivals) == [*(f"card {n}" for n in range(3)), *(f"sensor {n}" for n in range(3))]
    with pytest.raises(queue.Empty):
        arrivals.get(0.0)


def test_whoever_waits_is_woken_by_what_comes() -> None:
    arrivals: Arrivals[int] = Arrivals()
    taken: list[int] = []

    def take() -> None:
        while (one := arrivals.get(60.0)) >= 0:
            taken.append(one)

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    for number in range(20_000):
        arrivals.put(number)
        if number % 100 == 0:
            until(lambda: len(taken) > number)  # noqa: B023  (so that it waits again and again)
    arrivals.put(-1)
    thread.join(60)
    assert taken == list(range(20_000))


def test_of_a_board_that_floods_only_so_much_is_taken_and_the_others_lose_nothing() -> None:
    arrivals: Arrivals[str] = Arrivals()
    loud = 0
    for number in range(100_000):
        loud += arrivals.put_live("flood", "hall/bad/send", number / 10_000)  # ten seconds of it
        if number % 1000 == 0:
            assert not arrivals.put_live("card", "hall/good/send", number / 10_000)
            arrivals.put("sensor")
    assert loud > 0
    taken = drained(arrivals)
    assert taken.count("card") == 100
    assert taken.count("sensor") == 100
    assert taken.count("flood") <= BURST + 10 * A_SECOND + 1
    ((topic, dropped),) = arrivals.floods(10.0)
    assert (topic, dropped) == ("hall/bad/send", 100_000 - taken.count("flood"))
    arrivals.put_live("flood", "hall/bad/send", 10.0)
    for _ in range(300):
        arrivals.put_live("flood", "hall/bad/send", 10.0)
    assert arrivals.floods(11.0) == [], "once a minute"
    assert [topic for topic, _ in arrivals.floods(71.0)] == ["hall/bad/send"]
    drained(arrivals)
    arrivals.put_live("card", "hall/bad/send", 71.0)
    assert drained(arrivals) == ["card"], "once it is quiet, it is heard again"


def test_sensors_never_lose_a_message_however_many_come_at_once() -> None:
    arrivals: Arrivals[int] = Arrivals()
    for number in range(30_000):
        arrivals.put(number)
    assert len(arrivals) == 30_000
    assert [arrivals.get(0.0) for _ in range(30_000)] == list(range(30_000))
