"""Makes the schedules of lists from those of the database: links and departments filled in. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from access import ListError, Schedule
from access.schedules import schedule_from_json, with_department

NEVER: Final = schedule_from_json({})
_DEEPEST: Final = 8
"""Links of links, as ``access.schedules`` reads them."""


class Timetables:
    """Schedules by id; each is read once for a department, and shared by thousands of rights."""

    def __init__(self, rows: Iterable[tuple[int, Mapping[str, Any], Sequence[int]]]) -> None:
        """``rows``: id, hours, ids of what is linked."""
        self._rows = {number: (hours, linked) for number, hours, linked in rows}
        self._read: dict[tuple[int, str | None], Schedule | None] = {}
        self.broken: dict[int, str] = {}
        """What could not be read, and why: opens nothing."""

    def add(self, rows: Iterable[tuple[int, Mapping[str, Any], Sequence[int]]]) -> None:
        """Take in more rows; one that is known already stays."""
        for number, hours, linked in rows:
            self._rows.setdefault(number, (hours, linked))

    def get(self, number: int, department: str | None) -> Schedule | None:
        """Return the schedule ``number`` with the holidays of ``department``; None: it can't be read.

        A linked one that can't be read closes what it is linked to as well; one that isn't there any more adds nothing.
        """
        key = (number, department)
        if key not in self._read:
            try:
                self._read[key] = schedule_from_json(self._json(number, department, 0))
            except ListError as error:
                self.broken.setdefault(number, str(error))
                self._read[key] = None
        return self._read[key]

    def _json(self, number: int, department: str | None, depth: int) -> dict[str, Any]:
        if number not in self._rows:
            raise ListError("there is no such schedule")
        if depth > _DEEPEST:
            raise ListError("schedules are linked too deeply, or in a circle")
        hours, linked = self._rows[number]
        body = with_department(hours, department)
        if linked:
            body["linked"] = [self._json(one, department, depth + 1) for one in linked if one in self._rows]
        return body
