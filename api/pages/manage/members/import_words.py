"""One line of an import's report as a page shows it: the columns' names and values as a person reads them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from api.http.language import Language
from api.transfer.french import CELLS, HEADERS

_COLUMNS: Final = {
    "card.valid_from": "card_from",
    "card.valid_until": "card_until",
    "card.status": "card_status",
    "card": "card",
    "pass": "pass",
}
"""What changed, where its column isn't named by the last part."""
_WHOLE: Final = {"card": "Badge"}


def line_words(line: Mapping[str, Any], language: Language) -> dict[str, Any]:
    """Return a line with ``changes`` as pairs of a column's name and what becomes of it."""
    return {
        "line": line["line"],
        "outcome": line["outcome"],
        "changes": [_change(one, language) for one in line.get("changes", ())],
        "problems": [
            {"column": _named(one["column"], language), "what": one["what"]} for one in line.get("problems", ())
        ],
        "card": line.get("card"),
    }


def _change(change: Mapping[str, Any], language: Language) -> dict[str, str]:
    column = _COLUMNS.get(change["what"], change["what"].rpartition(".")[2])
    return {
        "column": _named(column, language),
        "was": _value(column, change["from"], language),
        "becomes": _value(column, change["to"], language),
    }


def _named(column: str | None, language: Language) -> str:
    if column is None:
        return ""
    known: Mapping[str, str] = {**HEADERS, **_WHOLE}  # type: ignore[dict-item]
    return known.get(column, column) if language == "fr" else column.replace("_", " ").capitalize()


def _value(column: str, value: Any, language: Language) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        value = "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_value(column, one, language) for one in value)
    words = CELLS.get(column, {}) if language == "fr" else {}
    return words.get(str(value), str(value))
