"""The report of an import: the result of each line, notes on the file, and its question. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from api.http.timestamps import rfc3339, to_us
from api.transfer.card_column import FormatQuestion
from api.transfer.columns import Columns
from api.transfer.lines import Line, LineProblem, cell_of, is_day_with_a_time, is_never
from api.transfer.text import Table

Outcome = Literal["created", "changed", "unchanged", "refused"]


class LineRefused(Exception):
    """A line is refused; never raised outside this package."""

    def __init__(self, column: str | None, what: str) -> None:
        super().__init__(what)
        self.wrong = LineProblem(column=column, what=what)


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueChange:
    """One value that a line changes, as text."""

    what: str
    was: Any
    becomes: Any


@dataclass(slots=True, kw_only=True)
class LineReport:
    """The result of one line."""

    number: int
    outcome: Outcome = "unchanged"
    member: str | None = None
    pass_ref: str | None = None
    changes: list[ValueChange] = field(default_factory=list)
    wrong: list[LineProblem] = field(default_factory=list)


def counts(lines: Sequence[LineReport]) -> dict[str, int]:
    """Return the number of lines by outcome."""
    found = Counter(one.outcome for one in lines)
    return {outcome: found[outcome] for outcome in ("created", "changed", "unchanged", "refused")}


def line_as_json(report: LineReport, *, unmade: Collection[str] = (), card: Line | None = None) -> dict[str, Any]:
    """Format one line; members in ``unmade`` would be created, and have no reference yet.

    With ``card``, it includes how the card number was read.
    """
    line: dict[str, Any] = {"line": report.number, "outcome": report.outcome}
    if report.member is not None and report.member not in unmade:
        line["member"] = report.member
    if card is not None and card.card_number is not None:
        line["card"] = {"format": card.card_format, "reader_sends": card.card_number}
    if report.changes:
        line["changes"] = [
            {"what": one.what, "from": _plain(one.was), "to": _plain(one.becomes)} for one in report.changes
        ]
    if report.wrong:
        line["problems"] = [{"column": one.column, "what": one.what} for one in report.wrong]
    return line


def question_as_json(question: FormatQuestion) -> dict[str, Any]:
    """Format the question about the card numbers."""
    return {
        "column": "card",
        "line": question.line,
        "numbers": question.count,
        "what": (
            f"Are the card numbers decimal or hexadecimal? {question.count} have decimal digits only, and each reading "
            "is another card. Say it for the file by card_format, or in a column card_format. This is what a reader "
            f"would send for the card of line {question.line} (XX, ??: a byte that isn't printed). In doubt, read this "
            "card at a reader (POST /v1/enrolments)."
        ),
        "choices": [{"card_format": one.format, "reader_sends": one.reader_sends} for one in question.choices],
    }


def _plain(value: Any) -> Any:
    return rfc3339(to_us(value)) if isinstance(value, datetime) else value


def notes_of(table: Table, columns: Columns, passes: Sequence[str] = ()) -> list[str]:
    """Return notes on the file: what was chosen, guessed or ignored; ``passes``: from ``PassPlanner.notes``."""
    found = [
        f"The encoding was chosen by the letters: {table.encoding}. If names look wrong, say another by encoding."
        if table.guessed
        else f"The encoding is {table.encoding}."
    ]
    if columns.ignored:
        found.append(f"Not used, and dropped: {_listed(columns.ignored)}.")
    if columns.name_of:
        found.append(f"The name is made of: {_listed(columns.name_of)}.")
    if columns.read_as:
        found.append(f"Columns read as: {', '.join(f'{name!r} → {column}' for name, column in columns.read_as)}.")
    ends = [cell_of(cells, columns.at, end) for _, cells in table.lines for end in ("card_until", "valid_until")]
    if never := sum(map(is_never, ends)):
        found.append(f"{never} ends in the year 9999 are read as without end.")
    if whole := sum(map(is_day_with_a_time, ends)):
        found.append(f"{whole} ends at 00:00 or 23:59 are read as days: the last day is included.")
    return [*found, *passes]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names)
