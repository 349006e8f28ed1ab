"""The shape of the history's JSON answers, for OpenAPI."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from api.http.models import Answer


class HistoryRow(Answer):
    """A quarter hour, hour, day, week or month."""

    place: str | None = Field(default=None, description="With `of=place`.")
    department: str | None = Field(default=None, description="With `of=department`.")
    at: str = Field(description="Its start, in local time.", examples=["2026-03-03T09:00:00+01:00"])
    minutes: int = Field(description="How much of it has passed. More than asked for: the day was thinned.")
    mean: float | None = Field(description="People, over the part that is known; null: nothing is known.")
    peak: float | None = Field(
        description="The most people at a time; of a department or the network, and without a key, the highest "
        "mean of a quarter hour."
    )
    person_hours: float
    seat_hours: float | None = Field(description="Seats × the hours that are known; null: not said without a key.")
    known: float = Field(description="The share of the time that is known, 0 to 1.", ge=0, le=1)
    quality: Literal["live", "degraded", "unknown"] | None = Field(description="Null: not said without a key.")
    capacity: int | None = Field(description="Seats, at its end; of several places, of those that are known.")


class History(Answer):
    """What was asked for, and the rows in the order of time."""

    place: str | None = Field(default=None, description="Of one place's history.")
    space: str | None = Field(default=None, description="Likewise; null: the whole place.")
    of: Literal["network", "department", "place"] | None = Field(default=None, description="Of the network's history.")
    as_: Literal["published", "known"] = Field(alias="as")
    by: Literal["quarter", "hour", "day", "week", "month"]
    since: str | None = Field(
        description="The local day of the first number, of what is asked for; null: there is none yet.",
        examples=["2026-01-12"],
    )
    time_zone: str
    from_: str = Field(alias="from")
    to: str
    public: bool = Field(
        description="Made of what everybody may know: numbers of small spaces are bands (docs/history.md)."
    )
    next: str | None = Field(description="The path of the next page; null: this is the last one.")
    rows: list[HistoryRow]
