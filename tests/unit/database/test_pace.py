"""How often something may be done that others can ask for."""

from __future__ import annotations

from database.pace import Pace


def test_work_in_vain_takes_its_share_of_the_time() -> None:
    pace = Pace(share=0.25, least_s=0.005)
    pace.done(10.0, 10.1)
    assert round(pace.wait_s(10.1), 6) == 0.3
    pace.done(20.0, 20.001)  # short work waits for the least time between two beginnings
    assert round(pace.wait_s(20.001), 6) == 0.004


def test_work_that_brought_something_is_not_paced() -> None:
    pace = Pace(share=0.25, least_s=0.005)
    pace.done(10.0, 10.1, vain=0.0)
    assert pace.wait_s(10.1) == 0.0
    pace.done(20.0, 20.1, vain=0.5)
    assert round(pace.wait_s(20.1), 6) == 0.15
