"""The shapes of forecasts, for OpenAPI; tests check the answers against them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from api.http.models import Answer, Code, Question


class SpaceQuestion(Question):
    """Which space."""

    space: Code | None = Field(default=None, description="Its code; without it: the whole place. Needs a key.")


class Seen(Answer):
    """A quarter hour that is over."""

    at: datetime = Field(description="Its start.")
    mean: float | None = Field(
        description="People, as known by now; without a key as published. null: not known, or not without a key."
    )
    low: float | None = Field(description="Without a key the band that the number lies in; else the number.")
    high: float | None


class Expected(Answer):
    """A quarter hour to come."""

    at: datetime = Field(description="Its start.")
    open: bool | None = Field(description="By its hours; null: unknown.")
    median: float | None = Field(description="People; null: not known, or not without a key.")
    low: float | None = Field(description="The 5 % quantile; without a key the lower end of its band.")
    high: float | None = Field(description="The 95 % quantile; without a key the upper end of its band.")
    chance: float | None = Field(
        description="That at least one more person fits in, 0 to 1; null: not known. While it is closed: as if open.",
        ge=0,
        le=1,
    )


class ForecastAnswer(Answer):
    """The last twelve hours and the next 24 of one space."""

    place: str
    space: str
    capacity: int | None
    made_at: datetime | None = Field(description="null: there is no forecast, since too little is known of the space.")
    past: list[Seen]
    ahead: list[Expected]


class UsualHourAnswer(Answer):
    """What is usual in one local hour."""

    day: Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun", "holiday"]
    hour: int = Field(ge=0, le=23)
    median: float | None
    low: float | None = Field(description="The 5 % quantile of the hours' means.")
    high: float | None = Field(description="The 95 % quantile.")
    days: int | None = Field(
        description="Such days in the history; 0: it is known from similar days only; null without a key.", ge=0
    )


class UsualAnswer(Answer):
    """What is usual in one space, outside school holidays."""

    place: str
    space: str
    capacity: int | None
    learnt_at: datetime | None = Field(description="null: nothing is known yet.")
    hours: list[UsualHourAnswer]
