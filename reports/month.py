"""A calendar month, and the months that a report compares it with. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

_TEXT: Final = re.compile(r"(20[0-9]{2}|21[0-9]{2})-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Month:
    """A month, by its first day."""

    first: date

    @classmethod
    def of(cls, day: date) -> Month:
        """Return the month that ``day`` lies in."""
        return cls(first=day.replace(day=1))

    @classmethod
    def parsed(cls, text: str) -> Month:
        """Return the month of ``2026-10``.

        Raises:
            ValueError: it is no month of the years 2000 to 2199.
        """
        if _TEXT.fullmatch(text) is None:
            raise ValueError(f"{text!r} is no month: write it as 2026-10")
        return cls(first=date.fromisoformat(f"{text}-01"))

    @property
    def after(self) -> date:
        """The first day of the month after it."""
        return (self.first + timedelta(days=32)).replace(day=1)

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.after - self.first).days

    @property
    def before(self) -> Month:
        """The month before it."""
        return Month.of(self.first - timedelta(days=1))

    @property
    def next(self) -> Month:
        """The month after it."""
        return Month(first=self.after)

    @property
    def year_before(self) -> Month:
        """The same month of the year before."""
        return Month(first=self.first.replace(year=self.first.year - 1))

    def starts(self, zone: ZoneInfo) -> datetime:
        """Return its first instant in ``zone``."""
        return datetime(self.first.year, self.first.month, 1, tzinfo=zone)

    def ends(self, zone: ZoneInfo) -> datetime:
        """Return the first instant in ``zone`` that is no longer in it."""
        return self.next.starts(zone)

    def __str__(self) -> str:
        return f"{self.first:%Y-%m}"
