"""One line of an import's report as a page shows it: the columns' names and values as a person reads them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from api.http.language import Language
from api.transfer.french import CELLS, HEADERS

_COLUMNS: Final = {
    "pass.label": "pass",
    "card.valid_from": "card_from",
    "card.valid_until": "card_until",
    "card.status": "card_status",
    "card": "card",
    "pass": "pass",
    "pass.everywhere": "places",
    "pass.supervises": "host",
}
"""What changed, where its column isn't named by the last part."""
_WHOLE: Final = {"card": "Badge"}
_MOMENTS: Final = frozenset(("card_from", "card_until", "valid_from", "valid_until"))
_FOR_PROGRAMS: Final = re.compile(r";\s*/v1/|[:(]\s*(?:GET|POST) /v1/")
"""Where the end of a sentence begins that names a route of the API."""


def line_words(line: Mapping[str, Any], language: Language) -> dict[str, Any]:
    """Return a line with its changes and problems in words; where ``is_moment``, a value is a time with its zone."""
    changes = line.get("changes", ())
    new_pass = any(one["what"] == "pass" for one in changes)  # its name comes a second time as ``pass.label``
    return {
        "line": line["line"],
        "outcome": line["outcome"],
        "changes": [_change(one, language) for one in changes if not (new_pass and one["what"] == "pass.label")],
        "problems": [
            {"column": _named(one["column"], language), "what": _FOR_PROGRAMS.split(one["what"], 1)[0].rstrip()}
            for one in line.get("problems", ())
        ],
        "card": line.get("card"),
    }


def _change(change: Mapping[str, Any], language: Language) -> dict[str, Any]:
    column = _COLUMNS.get(change["what"], change["what"].rpartition(".")[2])
    return {
        "column": _named(column, language),
        "was": _value(column, change["from"], language),
        "becomes": _value(column, change["to"], language),
        "is_moment": column in _MOMENTS,
    }


def _named(column: str | None, language: Language) -> str:
    if column is None:
        return ""
    known: Mapping[str, str] = {**HEADERS, **_WHOLE}  # type: ignore[dict-item]
    return known.get(column, column) if language == "fr" else column.replace("_", " ").capitalize()


def _value(column: str, value: Any, language: Language) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) and column == "places":
        return "*" if value else ""
    if isinstance(value, bool):
        value = "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_value(column, one, language) for one in value)
    words = CELLS.get(column, {}) if language == "fr" else {}
    return words.get(str(value), str(value))
