"""What an import says at the top of its report: what of the file was chosen, guessed or dropped. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from api.transfer.columns import Columns
from api.transfer.lines import cell_of, is_day_with_a_time, is_never
from api.transfer.text import Table


def notes_of(table: Table, columns: Columns, passes: Sequence[str] = ()) -> list[str]:
    """Return sentences; ``passes``: what is to be said of the passes (``PassPlanner.notes``)."""
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
