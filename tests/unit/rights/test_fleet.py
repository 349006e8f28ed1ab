from __future__ import annotations

from typing import Any

import pytest

from gateway.contract.wire import Address, State
from rights.fleet import ANSWER_S, COMPARED_S, Gateway, GatewayList, Target

GOOD, BAD = "a" * 64, "b" * 64


def side() -> GatewayList:
    return GatewayList(gateway=Gateway(id=1, code="g", place=1, address=Address(shard=0, place="p", gateway="g")))


def says(version: int | None, fingerprint: str | None = GOOD, **more: Any) -> State:
    return State(online=True, boot="b", list_version=version, list_fingerprint=fingerprint, **more)


TARGET = Target(version=5, fingerprint=GOOD)


def test_nothing_goes_to_who_is_away_or_has_it_or_has_no_place() -> None:
    one = side()
    assert one.step(TARGET, 0)[0] == "nothing"
    one.heard(says(5))
    assert one.step(TARGET, 0)[0] == "nothing"
    one.heard(says(4))
    assert one.step(None, 0)[0] == "nothing"
    one.heard(State(online=False))
    assert one.step(TARGET, 0)[0] == "nothing"


def test_a_delta_from_what_it_holds_and_the_whole_to_who_holds_nothing() -> None:
    one = side()
    one.heard(says(3, BAD))
    assert one.step(TARGET, 0) == ("delta", 3)
    other = side()
    other.heard(says(None, None))
    assert other.step(TARGET, 0)[0] == "whole"


def test_while_one_is_on_its_way_the_next_builds_on_it() -> None:
    one = side()
    one.heard(says(3, BAD))
    one.sending(4, 500, 0.0, whole=False)
    assert one.step(Target(version=4, fingerprint=BAD), 1)[0] == "nothing"
    assert one.step(TARGET, 1) == ("delta", 4)
    one.sending(5, 500, 1.0, whole=False)
    one.heard(says(4, BAD))  # the first one's answer
    assert one.step(TARGET, 2)[0] == "nothing"
    one.heard(says(5))
    assert one.step(TARGET, 2)[0] == "nothing"
    assert one.settled(TARGET)


def test_no_answer_the_same_again_then_the_whole_then_with_ever_longer_rests() -> None:
    one = side()
    one.heard(says(4, BAD))
    now, steps, rests = 0.0, [], []
    for _ in range(6):
        begun = now
        while (step := one.step(TARGET, now)[0]) == "nothing":
            now += 1.0
        steps.append(step)
        rests.append(now - begun)
        one.sending(5, 500, now, whole=step == "whole")
    assert steps == ["delta", "delta", "whole", "whole", "whole", "whole"]
    assert rests[1] == pytest.approx(ANSWER_S, abs=1.1)
    assert rests[3] < rests[4] < rests[5]


def test_who_has_just_taken_a_whole_list_is_sent_the_next_change_at_once() -> None:
    one = side()
    one.heard(says(None, None))
    for number in range(3):  # the first two in vain: it rests for longer each time
        one.sending(4, 5000, number * 100.0, whole=True)
    one.heard(says(4, BAD))
    assert one.step(TARGET, 200.1) == ("delta", 4), "made while it took that list"


def test_who_comes_back_is_sent_to_at_once() -> None:
    one = side()
    one.heard(says(4, BAD))
    one.sending(5, 500, 0.0, whole=False)
    one.heard(State(online=False))
    one.heard(says(4, BAD))
    assert one.step(TARGET, 0.1) == ("delta", 4)
    one.sending(5, 500, 0.1, whole=False)
    one.heard(says(4, BAD).model_copy(update={"boot": "another"}))
    assert one.step(TARGET, 0.2) == ("delta", 4)


def test_a_refusal_brings_the_whole_once_not_with_every_word() -> None:
    one = side()
    one.heard(says(4, BAD))
    one.sending(5, 500, 0.0, whole=False)
    one.heard(says(4, BAD, list_refused="what?"))
    assert one.step(TARGET, 0.1)[0] == "whole"
    one.sending(5, 500, 0.1, whole=True)
    one.heard(says(4, BAD, list_refused="what?"))
    assert one.step(TARGET, 0.2)[0] == "nothing"
    assert one.step(TARGET, 6.0)[0] == "whole"


def test_who_stands_on_too_many_deltas_asks_and_gets_the_same_version_whole() -> None:
    one = side()
    one.heard(says(5, list_refused="1000 deltas"))
    assert one.step(TARGET, 0)[0] == "whole"
    one.sending(5, 500, 0.0, whole=True)
    one.heard(says(5))
    assert one.step(TARGET, 1)[0] == "nothing"
    assert one.sent is None


def test_the_same_version_but_another_list_is_asked_for_then_mended() -> None:
    one = side()
    one.heard(says(5, BAD))
    assert one.step(TARGET, 0)[0] == "compare"
    assert one.step(TARGET, 1)[0] == "nothing"
    one.told()
    assert one.step(TARGET, 1.1)[0] == "whole"
    silent = side()
    silent.heard(says(5, BAD))
    silent.step(TARGET, 0)
    assert silent.step(TARGET, COMPARED_S + 1)[0] == "whole"


def test_who_is_ahead_is_told_of_once_a_minute() -> None:
    one = side()
    one.heard(says(9))
    assert [one.step(TARGET, now)[0] for now in (0, 1, 30, 61)] == ["ahead", "nothing", "nothing", "ahead"]
