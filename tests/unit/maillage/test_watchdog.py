"""When a process of the stack is taken to hang."""

from __future__ import annotations

from maillage.stack.watchdog import Patience, Pulse

PATIENCE = Patience()


def hangs(pulse: Pulse, *, start: float, every_s: float, times: int, answered: bool = False) -> list[bool]:
    return [pulse.note(answered=answered, now=start + n * every_s) for n in range(times)]


def test_one_that_answered_and_stopped_hangs_after_six_questions_and_thirty_seconds() -> None:
    pulse = Pulse(PATIENCE, 0.0)
    assert not pulse.note(answered=True, now=5.0)
    assert hangs(pulse, start=10.0, every_s=5.0, times=6) == [False] * 6, "six, but only 25 s"
    assert pulse.note(answered=False, now=40.0)


def test_long_waits_alone_are_not_enough() -> None:
    pulse = Pulse(PATIENCE, 0.0)
    pulse.note(answered=True, now=5.0)
    assert hangs(pulse, start=15.0, every_s=10.0, times=6) == [False] * 5 + [True]


def test_an_answer_begins_anew() -> None:
    pulse = Pulse(PATIENCE, 0.0)
    pulse.note(answered=True, now=5.0)
    assert not any(hangs(pulse, start=10.0, every_s=6.0, times=5))
    assert not pulse.note(answered=True, now=40.0)
    assert not any(hangs(pulse, start=45.0, every_s=5.0, times=6))


def test_a_machine_that_was_paused_is_no_hung_process() -> None:
    pulse = Pulse(PATIENCE, 0.0)
    pulse.note(answered=True, now=5.0)
    assert not any(hangs(pulse, start=10.0, every_s=5.0, times=5))
    assert not pulse.note(answered=False, now=3_600.0), "nobody ran for an hour: it has to be seen again"
    assert not any(hangs(pulse, start=3_605.0, every_s=5.0, times=5))


def test_a_new_process_has_longer_for_its_first_answer() -> None:
    pulse = Pulse(PATIENCE, 0.0)
    assert not any(hangs(pulse, start=5.0, every_s=10.0, times=11))
    assert pulse.note(answered=False, now=120.0)
