"""Answers without a key beside those with one: what the board publishes for whom, and what no subtraction tells."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from api.present.badge import badge_svg, badge_text
from api.present.board import Board
from api.present.network import Network, Place
from api.present.reach import NOBODY, Reach, published_for
from api.present.view import View
from occupancy.public import Rule
from occupancy.staleness import SECOND
from tests.unit.api.network_of import NOW, a_gateway, a_place, a_state

NUMBERS = Rule(numbers=True)


def a_house(rule: Rule, *capacities: int) -> Place:
    """Place 1: the root, spaces 11, 12 … of these capacities."""
    plain = a_place(1, public=rule)
    root, inner = plain.spaces
    spaces = [
        replace(inner, id=11 + number, code=f"space-{number}", capacity=one) for number, one in enumerate(capacities)
    ]
    return replace(plain, spaces=(replace(root, capacity=sum(capacities)), *spaces))


def a_board(place: Place, *present: int | None) -> Board:
    """Show the root's number and its spaces'; None: nothing was heard of it."""
    board = Board(boot="b0")
    board.set_network(Network([place]), NOW)
    board.apply([a_state(10 + n, 1, one, ttl_s=120) for n, one in enumerate(present) if one is not None], NOW)
    board.hear([a_gateway(1)], NOW)
    return board


def public(board: Board) -> View:
    view = board.public.latest(board.network.places[0])
    assert view is not None
    return view


def said(board: Board) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(public(board).body)
    return answer


def bands(board: Board) -> list[Any]:
    """The number, the band or None (unknown) of the root and each space."""
    answer = said(board)
    return [
        one["present"] if one["present"] is not None else one["band"] and tuple(one["band"].values())
        for one in (answer, *answer["spaces"])
    ]


@pytest.mark.parametrize("rule", [NUMBERS, Rule()])
def test_a_few_people_are_one_band_that_nobody_takes_for_unknown_or_zero(rule: Rule) -> None:
    answers = {public(a_board(a_house(rule, 8), n, n)).body for n in range(4)}
    assert len(answers) == 1, "whoever is in"
    answer = json.loads(answers.pop())
    top = 3 if rule.numbers else 7
    assert (answer["present"], answer["low"], answer["high"]) == (None, None, None)
    assert (answer["band"], answer["quality"], answer["changed_at"]) == ({"from": 0, "to": top}, "degraded", None)
    assert answer["free"] == {"low": 8 - top, "high": 8}


def test_a_number_that_is_shown_has_no_end_within_the_band() -> None:
    board = a_board(a_house(NUMBERS, 24), None)
    board.apply([a_state(10, 1, 5, low=2, high=9)], NOW)
    assert (said(board)["present"], said(board)["low"], said(board)["high"]) == (5, 0, 9)
    assert said(board)["band"] is None


@pytest.mark.parametrize(
    ("present", "expected"),
    [
        ((12, 10, 2), [12, (4, 12), (0, 3)]),  # 12 - 10 would be 2
        ((12, 7, 5), [12, 7, 5]),
        ((12, 10, None), [12, (4, 12), None]),  # the other may be known by what is left
        ((7, 4, 3), [7, (4, 7), (0, 3)]),
        ((6, 4, 2), [(4, 7), (4, 7), (0, 3)]),  # 6 - at least 4 would be 2 at most
        ((4, 4, 0), [(4, 7), (4, 7), (0, 3)]),
        ((3, 2, 1), [(0, 3), (0, 3), (0, 3)]),
        ((6, 3, 3), [6, (0, 6), (0, 6)]),  # 6 - at most 3 would be 3
        ((4, 3, 1), [4, (0, 4), (0, 4)]),
    ],
)
def test_a_place_minus_its_other_spaces_is_no_space(present: tuple[int | None, ...], expected: list[Any]) -> None:
    assert bands(a_board(a_house(NUMBERS, 24, 24), *present)) == expected


def test_no_two_numbers_of_a_small_space_can_be_told_apart_by_the_others() -> None:
    """Each answer is made by every number in the band: with the same sum, and with the same neighbour."""
    for whole in range(4, 30):
        made: dict[bytes, set[int]] = {}
        for small in range(min(4, whole + 1)):
            if whole - small > 3:
                body = public(a_board(a_house(NUMBERS, 30, 8), whole, whole - small, small)).body
                made.setdefault(body, set()).add(small)
        assert len(made) == 1, (whole, made)


def test_bands_of_a_place_and_its_spaces_say_no_more_together() -> None:
    # 28 or more in all and 21 at most in the large space would be 7 at least in the small one
    assert bands(a_board(a_house(Rule(), 24, 6), 28, 21, 5)) == [(28, 30), (0, 24), (0, 6)]
    assert bands(a_board(a_house(Rule(), 24, 6), 10, 9, 1)) == [(0, 27), (0, 21), (0, 5)]


def test_the_public_stream_moves_when_the_public_answer_does_not_when_the_number_does() -> None:
    board = a_board(a_house(NUMBERS, 24), 1)
    number, hidden, cursor = board.public.number, board.full.number, board.public.cursor()
    for revision, present in enumerate((2, 3, 0, 1), 2):
        board.apply([a_state(10, revision, present, at=NOW + revision * SECOND, ttl_s=120)], NOW + revision * SECOND)
    assert board.full.number == hidden + 4
    assert (board.public.number, board.public.cursor(), board.public.since(number)) == (number, cursor, [])
    board.apply([a_state(10, 9, 4, at=NOW + 9 * SECOND, ttl_s=120)], NOW + 9 * SECOND)
    assert [view.root.present for view in board.public.since(number)] == [4]


def test_a_public_answer_is_as_old_as_the_gateways_word_not_as_the_last_visit() -> None:
    board = a_board(a_house(NUMBERS, 24), 1)
    before = said(board)["at"]
    board.apply([a_state(10, 2, 2, at=NOW + 100 * SECOND, ttl_s=120)], NOW + 100 * SECOND)
    assert said(board)["at"] == before
    board.age(NOW + 121 * SECOND)
    assert said(board)["quality"] == "stale", "the gateways said nothing, whoever came"
    board.hear([a_gateway(1, heard=NOW + 130 * SECOND)], NOW + 130 * SECOND)
    assert (said(board)["quality"], said(board)["band"]) == ("degraded", {"from": 0, "to": 3})


def test_sensors_without_a_word_are_unknown_and_readers_without_a_card_are_few_people() -> None:
    house = a_house(NUMBERS, 24)
    assert bands(a_board(house, None, None)) == [None, None]
    readers = replace(house, spaces=tuple(replace(one, read_only=one.parent is None) for one in house.spaces))
    assert bands(a_board(readers, None, None)) == [(0, 3), None]
    board = Board(boot="b0")
    board.set_network(Network([readers]), NOW)
    assert said(board)["quality"] == "unknown", "no gateway has told anything yet"


def test_each_caller_sees_the_numbers_of_the_places_of_its_key() -> None:
    places = [replace(a_house(NUMBERS, 24), code="mine"), replace(a_place(2, public=NUMBERS), code="other")]
    board = Board(boot="b0")
    board.set_network(Network(places), NOW)
    board.apply([a_state(10, 1, 2), a_state(20, 1, 2)], NOW)
    everything, mine, nothing = (
        published_for(board, to) for to in (Reach(places=None), Reach(places=frozenset({1})), NOBODY)
    )

    def numbers(feed: Any) -> dict[str, int | None]:
        return {view.place.code: view.root.present for view in feed.since(0)}

    assert numbers(everything) == {"mine": 2, "other": 2}
    assert numbers(mine) == {"mine": 2, "other": None}
    assert numbers(nothing) == {"mine": None, "other": None}
    cursor = mine.cursor()
    assert mine.since(mine.number_of(cursor)) == []
    board.apply([a_state(10, 2, 3), a_state(20, 2, 3)], NOW + SECOND)
    assert [(view.place.code, view.root.present) for view in mine.since(mine.number_of(cursor))] == [("mine", 3)]
    assert nothing.number_of(cursor) == 0, "a position of another feed means everything"
    latest = [view for place in places if (view := mine.latest(place)) is not None]
    assert [view.root.present for view in latest] == [3, None]
    assert mine.digest == latest[0].digest ^ latest[1].digest
    rows = json.loads(b"[" + mine.joined(lean=True) + b"]")
    assert [(row["place"], row["present"]) for row in rows] == [("mine", 3), ("other", None)]


def test_a_badge_says_what_everybody_may_know() -> None:
    few = public(a_board(replace(a_house(NUMBERS, 24), name="L'Étage <&>"), 1, 1))
    assert badge_text(few, "fr") == "3 personnes ou moins · 21–24 libres"
    assert badge_text(few, "en") == "3 people or fewer · 21–24 free"
    picture = badge_svg(few, "fr").decode()
    assert picture.startswith("<svg ")
    assert "L&#x27;Étage &lt;&amp;&gt;" in picture
    assert badge_text(public(a_board(a_house(NUMBERS, 24), 9, 9)), "en") == "9 people · 15 free"
    assert badge_text(public(a_board(a_house(NUMBERS, 24), None, None)), "fr") == "inconnu"
    assert badge_text(public(a_board(a_house(NUMBERS, 24), 2, 2)), "en") == badge_text(few, "en"), "whoever is in"
