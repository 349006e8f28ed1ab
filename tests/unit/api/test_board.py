"""The board's rule: what may be said of a space, when it is published, and what a client that follows it ends with."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.http.timestamps import rfc3339
from api.present.board import Board
from api.present.ledger import OVERLAP
from api.present.view import View
from occupancy.staleness import SECOND
from tests.unit.api.network_of import NOW, a_gateway, a_network, a_place, a_state


@pytest.fixture
def board() -> Board:
    board = Board(boot="b0")
    board.set_network(a_network(3), NOW)
    return board


def said(board: Board, place: str = "place-1", *, now: int = NOW) -> dict[str, Any]:
    view = board.view(place, now)
    assert view is not None
    answer: dict[str, Any] = json.loads(view.body)
    return answer


def test_a_space_never_heard_of_is_unknown_with_its_capacity(board: Board) -> None:
    answer = said(board)
    assert (answer["quality"], answer["present"], answer["at"], answer["capacity"]) == ("unknown", None, None, 30)
    assert answer["changed_at"] is None


def test_a_number_past_its_time_is_stale_and_withheld_never_zero(board: Board) -> None:
    board.apply([a_state(10, 1, 0)], NOW)
    assert said(board, now=NOW + 600 * SECOND)["present"] == 0
    old = said(board, now=NOW + 600 * SECOND + 1)
    assert (old["quality"], old["present"], old["low"], old["high"]) == ("stale", None, None, None)
    assert old["ttl"] == 600


def test_unknown_stays_unknown_however_old(board: Board) -> None:
    board.apply([a_state(10, 1, None)], NOW)
    assert said(board, now=NOW + 10**6 * SECOND)["quality"] == "unknown"


def test_a_complete_gateway_keeps_old_news_fresh(board: Board) -> None:
    board.apply([a_state(10, 1, 4)], NOW)
    later = NOW + 3600 * SECOND
    assert said(board, now=later)["quality"] == "stale"
    board.hear([a_gateway(1, heard=later)], later)
    answer = said(board, now=later)
    assert (answer["quality"], answer["present"]) == ("live", 4)
    assert answer["at"] == rfc3339(later)


@pytest.mark.parametrize("state", [{"online": False}, {"spool_depth": 3}, {"spool_depth": None}])
def test_an_incomplete_gateway_proves_nothing(board: Board, state: dict[str, Any]) -> None:
    board.apply([a_state(10, 1, 4)], NOW)
    later = NOW + 3600 * SECOND
    board.hear([a_gateway(1, heard=later, **state)], later)
    assert said(board, now=later)["quality"] == "stale"


def test_what_was_complete_stays_so_while_the_spool_is_busy(board: Board) -> None:
    board.apply([a_state(10, 1, 4)], NOW)
    later = NOW + 3600 * SECOND
    board.hear([a_gateway(1, heard=later)], later)
    board.hear([a_gateway(1, heard=later + 10 * SECOND, spool_depth=8)], later + 10 * SECOND)
    assert said(board, now=later + 10 * SECOND)["quality"] == "live"
    assert said(board, now=later + 601 * SECOND)["quality"] == "stale"


def test_the_slowest_of_two_gateways_decides() -> None:
    board = Board(boot="b0")
    board.set_network(a_network(1, gateways=frozenset({1, 2})), NOW)
    board.apply([a_state(10, 1, 4)], NOW)
    later = NOW + 3600 * SECOND
    board.hear([a_gateway(1, heard=later)], later)
    assert said(board, now=later)["quality"] == "stale"


def test_an_older_revision_is_ignored_and_a_jump_is_taken(board: Board) -> None:
    board.apply([a_state(10, 1, 4), a_state(10, 2, 5)], NOW)
    board.apply([a_state(10, 1, 9)], NOW)
    assert said(board)["present"] == 5
    board.apply([a_state(10, 4, 7)], NOW)
    assert said(board)["present"] == 7
    assert board.revisions([10, 11]) == {10: 4, 11: 0}


def test_a_full_load_believes_the_database_even_backwards(board: Board) -> None:
    board.apply([a_state(10, 1, 4), a_state(10, 2, 5)], NOW)
    board.load([a_state(10, 1, 3)], [], NOW)
    assert said(board)["present"] == 3
    board.apply([a_state(10, 2, 6)], NOW)
    assert said(board)["present"] == 6


def test_ageing_is_published_without_any_row(board: Board) -> None:
    board.apply([a_state(10, 1, 4)], NOW)
    number = board.full.number
    board.age(NOW + 599 * SECOND)
    assert board.full.since(number) == []
    board.age(NOW + 601 * SECOND)
    (view,) = board.full.since(number)
    assert view.root.quality == "stale"
    assert view.changed == NOW + 600 * SECOND
    board.age(NOW + 700 * SECOND)
    assert len(board.full.since(number)) == 1


def test_a_heartbeat_is_published_only_when_a_quarter_of_the_time_to_live_has_gone(board: Board) -> None:
    board.apply([a_state(10, 1, 4)], NOW)
    number = board.full.number
    board.hear([a_gateway(1, heard=NOW + 149 * SECOND)], NOW + 149 * SECOND)
    assert board.full.since(number) == []
    board.hear([a_gateway(1, heard=NOW + 150 * SECOND)], NOW + 150 * SECOND)
    assert [view.root.at for view in board.full.since(number)] == [NOW + 150 * SECOND]


def test_the_digest_tells_content_not_history() -> None:
    one, two = Board(boot="b1"), Board(boot="b2")
    for board in (one, two):
        board.set_network(a_network(2), NOW)
    one.apply([a_state(10, 1, 4), a_state(10, 2, 5)], NOW)
    assert one.full.digest != two.full.digest
    two.load([a_state(10, 2, 5)], [], NOW)
    assert one.full.digest == two.full.digest
    assert one.full.joined(lean=False) == two.full.joined(lean=False)


def test_a_cursor_of_another_life_means_everything(board: Board) -> None:
    board.apply([a_state(10, 1, 4)], NOW)
    assert board.full.number_of(board.full.cursor()) == board.full.number
    assert board.full.number_of(board.full.cursor().replace("-b0-", "-b1-")) == 0
    assert board.full.number_of(f"0-b0-{board.full.number + 1}") == 0
    for wrong in ("", "2026-11-21T20:00:00Z", "a-b0-1", "1-b0-x", "1-b0"):
        with pytest.raises(ValueError, match="not a cursor"):
            board.full.number_of(wrong)


def test_cursors_are_ordered_by_the_centres_time_across_lives(board: Board) -> None:
    board.apply([a_state(10, 1, 4)], NOW)
    second = Board(boot="a0")
    second.set_network(a_network(1), NOW)
    second.load([a_state(10, 2, 5, at=NOW + SECOND)], [], NOW + SECOND)
    assert second.full.cursor() > board.full.cursor()


def test_changed_since_a_time_overlaps(board: Board) -> None:
    board.apply([a_state(10, 1, 4)], NOW)
    assert [view.place.code for view in board.full.changed_since(NOW + OVERLAP)] == ["place-1"]
    assert board.full.changed_since(NOW + OVERLAP + 1) == []


def test_an_unchanged_network_says_nothing_and_a_lost_place_goes(board: Board) -> None:
    board.apply([a_state(10, 1, 4)], NOW)
    number, digest = board.full.number, board.full.digest
    board.set_network(a_network(3), NOW)
    assert (board.full.number, board.full.digest) == (number, digest)
    board.set_network(a_network(2), NOW)
    assert board.view("place-3", NOW) is None
    assert b"place-3" not in board.full.joined(lean=False)
    board.set_network(a_network(3), NOW)
    assert board.full.digest == digest


def test_a_row_for_a_place_not_yet_known_waits_for_it(board: Board) -> None:
    board.apply([a_state(40, 1, 4)], NOW)
    board.set_network(a_network(4), NOW)
    assert said(board, "place-4")["present"] == 4


def test_lean_bodies_leave_out_the_spaces(board: Board) -> None:
    rows = json.loads(b"[" + board.full.joined(lean=True) + b"]")
    assert [row["place"] for row in rows] == ["place-1", "place-2", "place-3"]
    assert "spaces" not in rows[0]


Step = tuple[str, int, int, int]
_WHAT = st.sampled_from(["row", "heard", "silent", "age", "read", "network"])
_STEPS = st.lists(st.tuples(_WHAT, st.integers(1, 3), st.integers(0, 1), st.integers(0, 400)), max_size=60)


@settings(max_examples=200, deadline=None)
@given(steps=_STEPS)
def test_a_client_that_follows_ends_with_what_a_newcomer_gets(steps: list[Step]) -> None:
    """Whatever happens, whenever it reads: nothing is missed, numbers rise, and the digest is that of the bodies."""
    board = Board(boot="b0")
    board.set_network(a_network(3), NOW)
    held: dict[str, bytes] = {}
    revisions: dict[int, int] = {}
    number, now = 0, NOW

    def read(views: list[View]) -> None:
        nonlocal number
        assert [view.number for view in views] == sorted({view.number for view in views})
        held.update((view.place.code, view.body) for view in views)
        number = board.full.number

    for what, place, inner, amount in steps:
        now += amount * SECOND
        space = 10 * place + inner
        match what:
            case "row":
                revisions[space] = revisions.get(space, 0) + 1
                board.apply([a_state(space, revisions[space], amount % 7, at=now)], now)
            case "heard":
                board.hear([a_gateway(place, heard=now)], now)
            case "silent":
                board.hear([a_gateway(place, heard=now, online=False)], now)
            case "age":
                board.age(now)
            case "network":
                board.set_network(a_network(3), now)
            case _:
                board.age(now)
                read(board.full.since(number))
    board.age(now)
    read(board.full.since(number))
    assert held == {view.place.code: view.body for view in board.full.views()}
    for view in board.full.views():
        for _, one in view.occupancies:
            if one.present is not None:
                assert one.at is not None
                assert now <= one.at + one.ttl_s * SECOND + one.ttl_s * SECOND // 4
    fresh = 0
    for view in board.full.views():
        fresh ^= view.digest
    assert board.full.digest == fresh


def test_a_place_that_moved_is_filtered_where_it_is_now(board: Board) -> None:
    moved = a_place(1, name="Elsewhere")
    board.set_network(type(board.network)([moved, a_place(2), a_place(3)]), NOW)
    view = board.view("place-1", NOW)
    assert view is not None
    assert view.place.name == "Elsewhere"
