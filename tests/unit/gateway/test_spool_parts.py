"""What the spool holds in memory: the rows written last, and the marks that wait."""

from __future__ import annotations

import pytest

from gateway.spool.ledger import Row
from gateway.spool.marks import EVERY_S, Marks
from gateway.spool.newest import Newest


def rows(first: int, last: int, body: bytes = b"{}") -> list[Row]:
    return [(n, body, n.to_bytes(8, "big"), n) for n in range(first, last + 1)]


def test_the_rows_written_last_are_held() -> None:
    newest = Newest()
    newest.add("g", rows(1, 3))
    newest.add("h", rows(7, 7))
    newest.add("g", rows(4, 5))
    assert newest.between("g", 0, 5) == rows(1, 5)
    assert newest.between("g", 3, 4) == rows(4, 4)
    assert newest.between("g", 5, 5) == []
    assert newest.chain_at("g", 4) == (4).to_bytes(8, "big")
    assert newest.chain_at("h", 7) == (7).to_bytes(8, "big")
    for gateway, after, last in (("g", 0, 6), ("h", 5, 7), ("x", 0, 1)):
        assert newest.between(gateway, after, last) is None, "the disk has them, or nobody"
    assert newest.chain_at("g", 6) is None
    assert newest.chain_at("x", 1) is None
    newest.forget()
    assert newest.between("g", 3, 4) is None


def test_of_many_rows_only_the_last_are_held_and_none_across_a_gap() -> None:
    newest = Newest()
    newest.add("g", rows(1, 1000))
    assert newest.between("g", 0, 1000) is None
    assert newest.between("g", 990, 1000) == rows(991, 1000)
    newest.add("g", rows(1003, 1004))
    assert newest.between("g", 990, 1004) is None
    assert newest.between("g", 1002, 1004) == rows(1003, 1004)
    newest.add("g", rows(1005, 1005, b"x" * 10_000))
    assert newest.between("g", 1003, 1005) is None, "large ones are read back from the disk"
    newest.add("g", rows(1006, 1006))
    assert newest.between("g", 1005, 1006) == rows(1006, 1006)


def test_a_mark_after_a_pause_is_due_at_once_and_the_next_a_while_later() -> None:
    marks = Marks()
    assert marks.due_at() is None
    marks.put("g", 5, 100.0)
    assert marks.take(100.0) == {"g": 5}
    marks.put("g", 6, 100.1)
    marks.put("h", 1, 100.2)
    marks.put("g", 9, 100.3)
    assert (marks.get("g"), marks.get("h"), len(marks)) == (9, 1, 2)
    assert marks.take(100.4) == {"h": 1}
    assert marks.due_at() == pytest.approx(100.0 + EVERY_S)
    assert marks.take(100.9) == {}
    assert marks.take(100.0 + EVERY_S) == {"g": 9}
    assert (marks.get("g"), len(marks)) == (0, 0)


def test_all_marks_are_taken_or_forgotten_where_that_is_asked_for() -> None:
    marks = Marks()
    for number in (1, 2):
        marks.put("g", number, 100.0)
        assert marks.take(100.0, everything=True) == {"g": number}
    marks.put("g", 3, 100.0)
    marks.forget()
    assert marks.take(1000.0) == {}
    assert marks.due_at() is None


def test_a_mark_that_is_dropped_is_never_due() -> None:
    marks = Marks()
    marks.put("g", 3, 100.0)
    marks.drop("g")
    marks.drop("x")
    assert marks.take(200.0) == {}
    assert marks.due_at() is None
    marks.put("g", 4, 200.0)
    assert marks.take(200.0) == {"g": 4}
