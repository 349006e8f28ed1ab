"""What made a number, in words."""

from __future__ import annotations

from typing import Any

import pytest

from api.present.why import FAULTS as FAULT_WORDS
from api.present.why import KINDS, _explained
from occupancy.faults import FAULTS
from occupancy.witnesses import WITNESSES


def said(kind: str, **numbers: Any) -> dict[str, str]:
    found = _explained({"evidence": [{"kind": kind, "at": None, "numbers": numbers}]})["evidence"][0]
    assert found["numbers"] == numbers
    text: dict[str, str] = found["text"]
    return text


@pytest.mark.parametrize(("others", "english"), [(0.21, "hardly anybody"), (2.61, "about 3."), (0.0, "hardly anybody")])
def test_people_are_whole_in_a_sentence(others: float, english: str) -> None:
    text = said("badges", members=4, others=others)
    assert english in text["en"]
    assert "0.21" not in text["fr"]
    assert "2.61" not in text["fr"]


def test_the_learned_share_without_a_badge_is_said_in_both_languages() -> None:
    text = said("badges", members=4, others=2.61, unbadged_pct=11.6)
    assert "12 people come in without a badge for each hundred who badge" in text["en"]
    assert "pour cent personnes qui badgent, 12 entrent sans badger" in text["fr"]


def test_a_number_that_is_bounded_says_so() -> None:
    assert _explained({"evidence": [], "faults": []})["bounded"] is None
    bounded = _explained({"evidence": [], "faults": [], "bounded": True})["bounded"]
    assert "qui l’entoure" in bounded["fr"]
    assert "surrounds it" in bounded["en"]


def test_every_witness_and_every_fault_has_words() -> None:
    assert KINDS.keys() >= {*WITNESSES, "spaces"}
    assert FAULT_WORDS.keys() >= set(FAULTS)


def test_the_air_is_said_in_both_languages() -> None:
    text = said("air", ppm=780, outside=412)
    assert "780 ppm" in text["en"]
    assert "780 ppm" in text["fr"]
