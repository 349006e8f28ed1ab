"""A stuck thread is distinguished from a paused process."""

from __future__ import annotations

from process.pulse import Pulse


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def look(pulse: Pulse, clock: Clock, seconds: int, *, beats: bool = False) -> list[bool]:
    found = []
    for _ in range(seconds):
        clock.now += 1.0
        if beats:
            pulse.beat()
        found.append(pulse.is_stuck())
    return found


def test_a_thread_that_does_not_beat_is_stuck_until_it_does() -> None:
    clock = Clock()
    pulse = Pulse(10.0, clock)
    assert not any(look(pulse, clock, 30, beats=True))
    assert look(pulse, clock, 12) == [False] * 10 + [True] * 2
    assert not any(look(pulse, clock, 1, beats=True))


def test_a_process_that_was_paused_has_no_stuck_thread() -> None:
    clock = Clock()
    pulse = Pulse(10.0, clock)
    look(pulse, clock, 5, beats=True)
    for _ in range(3):
        clock.now += 3600.0
        assert not pulse.is_stuck(), "the one that looks wakes first"
        look(pulse, clock, 1, beats=True)
    clock.now += 3600.0
    assert True in look(pulse, clock, 12), "a thread that does not go on afterwards is found all the same"


def test_several_may_look() -> None:
    clock = Clock()
    pulse = Pulse(10.0, clock)
    for _ in range(99):
        clock.now += 0.1
        assert not pulse.is_stuck()
    clock.now += 0.2
    assert pulse.is_stuck()
