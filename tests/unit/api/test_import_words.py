"""Lines of an import's report on a page."""

from __future__ import annotations

from time import process_time
from typing import Any

import pytest

from api.pages.manage.members.import_words import line_words


def _line(*changes: tuple[str, Any, Any], problems: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "line": 2,
        "outcome": "changed",
        "changes": [{"what": what, "from": was, "to": becomes} for what, was, becomes in changes],
        "problems": [{"column": "places", "what": what} for what in problems],
    }


@pytest.mark.parametrize(
    ("change", "french", "english"),
    [
        (("member.name", None, "Léa"), ("Nom complet", "", "Léa"), ("Name", "", "Léa")),
        (("member.status", "active", "suspended"), ("Statut", "actif", "suspendu"), ("Status", "active", "suspended")),
        (("card.status", None, "lost"), ("Statut du badge", "", "perdu"), ("Card status", "", "lost")),
        (("pass.each_month", False, True), ("Par mois", "non", "oui"), ("Each month", "no", "yes")),
        (("pass.everywhere", None, True), ("Lieux", "", "*"), ("Places", "", "*")),
        (("pass.places", [], ["isle", "limoges"]), ("Lieux", "", "isle, limoges"), ("Places", "", "isle, limoges")),
    ],
)
def test_a_change_has_the_name_of_its_column_and_its_words(
    change: tuple[str, Any, Any], french: tuple[str, str, str], english: tuple[str, str, str]
) -> None:
    for language, words in (("fr", french), ("en", english)):
        (one,) = line_words(_line(change), language)["changes"]  # type: ignore[arg-type]
        assert (one["column"], one["was"], one["becomes"]) == words


def test_a_new_pass_is_named_once_and_a_renamed_one_too() -> None:
    new = line_words(_line(("pass", None, "Jour"), ("pass.label", None, "Jour")), "fr")["changes"]
    renamed = line_words(_line(("pass.label", "Jour", "Mois")), "fr")["changes"]
    assert [one["column"] for one in new] == ["Abonnement"]
    assert [(one["column"], one["becomes"]) for one in renamed] == [("Abonnement", "Mois")]


def test_a_problem_names_no_route_of_the_api() -> None:
    said = ("il n'y a pas de lieu 'a' ; /v1/places?q=… les trouve", "lisez ce badge (POST /v1/enrolments).", "b")
    problems = line_words(_line(problems=said), "fr")["problems"]
    assert [one["what"] for one in problems] == ["il n'y a pas de lieu 'a'", "lisez ce badge", "b"]


def test_a_cell_that_is_made_to_keep_us_busy_does_not() -> None:
    began = process_time()
    (one,) = line_words(_line(problems=("there is no place 'x" + " " * 100_000 + "y'",)), "fr")["problems"]
    assert process_time() - began < 1.0
    assert one["what"].endswith("y'")
