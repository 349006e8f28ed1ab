from __future__ import annotations

from datetime import UTC, datetime, timedelta

from rights.backlog import ASIDE, PLACES_A_TURN, SLOW, Backlog, Dirty

NOW = datetime(2026, 3, 3, tzinfo=UTC)


def dirt(
    number: int, member: str | None = None, place: int | None = None, *, age_s: float = 0, hurry: bool = True
) -> Dirty:
    return Dirty(id=number, member=member, place=place, at=NOW - timedelta(seconds=age_s), hurry=hurry)


def test_what_is_slow_waits_unless_somebody_takes_it_along() -> None:
    backlog = Backlog()
    slow = [dirt(1, "a", hurry=False), dirt(2, "b", hurry=False, age_s=1)]
    assert backlog.due(slow, NOW) == []
    assert [row.id for row in backlog.due([*slow, dirt(3, "b")], NOW)] == [2, 3]
    assert len(backlog.due(slow, NOW + SLOW)) == 2


def test_rows_are_done_with_when_their_place_is_and_those_of_all_at_the_end() -> None:
    backlog = Backlog()
    backlog.add(1, NOW, [dirt(1, place=1), dirt(2, place=1)])
    backlog.add_all([1, 2], NOW, [dirt(3)])
    rows = [dirt(number) for number in (1, 2, 3, 4)]
    assert [row.id for row in backlog.fresh(rows, NOW)] == [4]
    assert backlog.rebuilt([1]) == {1, 2}
    assert backlog.rebuilt([2]) == {3}
    assert not backlog.waits(NOW)


def test_places_are_taken_some_at_a_time() -> None:
    backlog = Backlog()
    backlog.add_all(range(100), NOW, [])
    assert backlog.next_places(NOW) == list(range(PLACES_A_TURN))


def test_places_that_take_long_are_taken_fewer_at_a_time() -> None:
    backlog = Backlog()
    backlog.add_all(range(100), NOW, [])
    for _ in range(10):
        backlog.took(30.0)
    assert backlog.next_places(NOW) == [0]
    for _ in range(10):
        backlog.took(0.01)
    assert len(backlog.next_places(NOW)) == PLACES_A_TURN


def test_what_fails_is_tried_alone_and_then_set_aside() -> None:
    backlog = Backlog()
    rows = [dirt(1, "a"), dirt(2, "b"), dirt(3, "a")]
    assert not backlog.failed(backlog.due(rows, NOW), [], NOW)
    alone = backlog.due(rows, NOW)
    assert [row.id for row in alone] == [1, 3]
    assert backlog.failed(alone, [], NOW)
    assert [row.id for row in backlog.fresh(rows, NOW)] == [2]
    assert len(backlog.fresh(rows, NOW + ASIDE)) == 3
    backlog.add_all([7, 8], NOW, [])
    assert backlog.next_places(NOW) == [7]
    assert backlog.failed([], [7], NOW)
    assert backlog.next_places(NOW) == [8]
    backlog.forget()
    backlog.add_all([7], NOW, [])
    assert not backlog.waits(NOW)
    assert backlog.waits(NOW + ASIDE)
