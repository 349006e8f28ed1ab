"""Who was let in waits for the door's contact, where there is one that tells."""

from __future__ import annotations

import json
from dataclasses import replace

from occupancy.grants import ANSWER, Grant, Grants

AT = 1_795_000_000_000_000
DOOR, READER = 7, 3
GRANT = Grant(device=READER, access_at=AT, at=AT, member="m-1", entered=1, left=None, awaits=True)


def test_what_waits_counts_when_it_is_told() -> None:
    grants = Grants()
    assert not grants.granted(GRANT, DOOR)
    assert grants.told(READER, AT, taken=True) == GRANT
    assert grants.told(READER, AT, taken=True) is None, "once"
    assert not grants.granted(GRANT, DOOR)
    assert grants.told(READER, AT, taken=False) is None
    assert not grants.waiting
    assert grants.told(READER, AT + 5, taken=True) is None, "of another grant"


def test_without_a_contact_a_grant_counts_at_once() -> None:
    grants = Grants()
    assert grants.granted(replace(GRANT, awaits=None), DOOR)
    assert grants.granted(replace(GRANT, awaits=False), DOOR)
    grants.tells.add(DOOR)
    assert grants.granted(replace(GRANT, awaits=False), DOOR), "the gateway knows better: its contact is silent"


def test_of_an_older_gateway_a_door_that_has_told_is_waited_for_but_not_for_ever() -> None:
    grants = Grants()
    grants.tells.add(DOOR)
    old = replace(GRANT, awaits=None)
    assert not grants.granted(old, DOOR)
    assert grants.due == AT + ANSWER
    assert grants.unanswered(AT + ANSWER - 1) == []
    assert grants.unanswered(AT + ANSWER) == [old]
    assert not grants.waiting
    grants.granted(old, DOOR)
    grants.passed_since("m-1", AT + 1)
    assert grants.unanswered(AT + 10 * ANSWER) == []


def test_a_promise_that_is_not_kept_counts_nobody() -> None:
    grants = Grants()
    grants.granted(GRANT, DOOR)
    assert (grants.due, grants.unanswered(AT + 10 * ANSWER)) == (None, [])
    later = replace(GRANT, access_at=AT + 11 * ANSWER, at=AT + 11 * ANSWER)
    grants.granted(later, DOOR)
    assert list(grants.waiting.values()) == [later]


def test_it_is_stored_and_read_back() -> None:
    grants = Grants()
    grants.tells.add(DOOR)
    grants.granted(GRANT, DOOR)
    again = Grants.from_json(json.loads(json.dumps(grants.to_json())))
    assert (again.waiting, again.tells) == (grants.waiting, grants.tells)
