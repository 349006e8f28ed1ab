"""Figures of use, and a place beside its peers."""

from __future__ import annotations

import pytest

from api.http.csv_cells import as_csv
from api.worth.figures import Quartiles, Use, peers_of, quartiles, size_class
from api.worth.tables import figures_json


def _use(utilisation: float, *, seats: int = 20, known: float = 1.0, hours: int = 100) -> Use:
    known_s = round(hours * 3600 * known)
    return Use(
        open_s=hours * 3600,
        known_s=known_s,
        seat_s=known_s * seats,
        person_s=round(known_s * seats * utilisation),
        quarters=known_s // 900,
        busy=known_s // 1800,
    )


def test_quartiles_are_means_of_neighbours_and_no_place_s_own_figure() -> None:
    five = [0.1, 0.15, 0.3, 0.7, 0.95]
    found = quartiles(five[::-1])
    low, middle, high = sum(five[:3]) / 3, sum(five[1:4]) / 3, sum(five[2:]) / 3
    assert (found.low, found.median, found.high) == pytest.approx((low, middle, high))
    assert not {found.low, found.median, found.high} & set(five)
    # of many places it hardly matters
    many = quartiles([float(n) for n in range(101)])
    assert (many.low, many.median, many.high) == pytest.approx((25.0, 50.0, 75.0))
    assert quartiles([7.0]) == Quartiles(low=7.0, median=7.0, high=7.0)


@pytest.mark.parametrize(
    ("seats", "size"),
    [(None, None), (0, None), (1, (1, 12)), (12.4, (1, 12)), (12.5, (13, 30)), (60, (31, 60)), (61, (61, None))],
)
def test_size_classes_have_no_gap(seats: float | None, size: tuple[int, int | None] | None) -> None:
    assert size_class(seats) == size


def test_peers_are_of_the_same_size_and_known_and_never_fewer_than_five() -> None:
    own = _use(0.5)
    four = [_use(0.1 * n) for n in range(1, 5)]
    apart = [_use(0.9, seats=40), _use(0.9, known=0.49), _use(0.9, seats=8), _use(0.9, seats=0)]
    assert peers_of(own, four + apart) is None
    peers = peers_of(own, [*four, *apart, _use(0.5)])
    assert peers is not None
    assert (peers.places, peers.busy_share.low) == (5, 0.5)
    assert peers.utilisation.median == pytest.approx(0.3)
    assert peers_of(_use(0.5, seats=0), [*four, _use(0.5)]) is None


def test_what_was_never_open_or_never_known_has_no_share() -> None:
    closed = figures_json(Use(open_s=0, known_s=0, seat_s=0, person_s=0, quarters=0, busy=0), None)
    assert {name for name, value in closed.items() if value is None} == {
        *("utilisation", "known", "busy_share", "peak", "peak_at", "peak_share")
    }


def test_a_name_never_runs_as_a_formula_in_a_spreadsheet() -> None:
    assert as_csv(("name", "hours"), [{"name": "=1+1", "hours": -1.5}, {"hours": None}]) == (
        b"name,hours\r\n'=1+1,-1.5\r\n,\r\n"
    )
