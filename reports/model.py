"""What a monthly report says, as it is stored and answered. ``None``: not known. Shares are 0 to 1. Pure."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Scope = Literal["place", "department", "network"]


class _Value(BaseModel):
    """A part of a report; a later release may store more than this one knows."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Use(_Value):
    """The use of a place or space in opening hours (docs/worth.md), of the days that are counted."""

    month: str = Field(description="For example 2026-10.")
    days: int = Field(description="Days that were counted.")
    open_hours: float
    known_hours: float = Field(description="Of these, those with a number and a capacity.")
    seat_hours: float = Field(description="Offered: capacity × the known hours.")
    person_hours: float | None = Field(description="Taken, in the known hours; null: nothing is known.")
    sure_hours: float = Field(description="Quarter hours that are known for at least half, in hours.")
    busy_hours: float = Field(description="Of these, those over 80 % of the capacity.")
    utilisation: float | None = Field(description="person_hours / seat_hours.")
    busy_share: float | None = Field(description="busy_hours / sure_hours.")
    known: float | None = Field(description="known_hours / open_hours; null: it never was open.")
    peak: float | None = Field(description="The highest mean of a quarter hour.")
    peak_at: str | None = Field(description="Its start in local time; of a group, its day.")
    peak_capacity: int | None = Field(description="The seats at that time.")


class Day(_Value):
    """A local day, at all hours."""

    day: date
    person_hours: float | None = Field(description="People × hours, of what is known; null: nothing is known.")
    peak: float | None
    known: float = Field(description="The share of the day with a number.")


class Hour(_Value):
    """A local hour of a weekday, over the month."""

    weekday: int = Field(ge=1, le=7, description="1: Monday.")
    hour: int = Field(ge=0, le=23)
    people: float | None = Field(description="People, on average over what is known; null: nothing is known.")


class SpaceUse(Use):
    """The use of a space."""

    code: str
    name: str


class Desks(_Value):
    """Desks by their sensors (docs/worth.md)."""

    used: int
    unused: int
    unknown: int = Field(description="Never taken as far as is known; the sensor was silent for half of the time.")
    without_sensor: int
    never_used: tuple[str, ...] = Field(description="The names of the unused desks, at most 200.")


class Bookings(_Value):
    """Members' bookings that began in the month and are over."""

    held: int = Field(description="Kept until their time: used or not.")
    hours: float = Field(description="Hours of these.")
    no_shows: int = Field(description="Nobody came, and they were released.")
    cancelled: int


class Refusal(_Value):
    """Refusals at doors for one reason."""

    reason: str
    count: int


class Category(_Value):
    """Days on which members of a category were let in; a member counts once a day."""

    name: str | None = Field(description="null: members without a category.")
    members: int
    days: int


class Categories(_Value):
    """Use by category. Groups of fewer than five members are added up in ``others``, or not said at all."""

    groups: tuple[Category, ...]
    others: Category | None
    withheld: bool = Field(description="Whether some days are not said, since too few members are behind them.")


class Device(_Value):
    """A device that was silent, or whose battery is known."""

    code: str
    kind: str
    silent_hours: float = Field(description="In this month.")
    silent_now: bool = Field(description="When the report was made.")
    battery: float | None = Field(description="Percent, as last reported by the time the report was made.")


class Devices(_Value):
    """The health of devices."""

    total: int
    silent: int = Field(description="Of them, those that were silent for at least a day of the month in sum.")
    silent_hours: float
    low_battery: int = Field(description="At most 20 percent.")
    worst: tuple[Device, ...] = Field(description="Those that were silent or have a low battery, at most 50.")


class Certainty(_Value):
    """How sure the numbers are."""

    hours: float = Field(description="Hours of the counted days, day and night, from the first number on.")
    known: float | None = Field(description="The share of these with a number; null: no day is counted.")
    degraded: float | None = Field(description="Of what is known, the share that is less sure.")
    unknown_hours: float
    head_counts: int = Field(description="How often a manager counted the people in the month.")
    compared: int = Field(description="Of these, those that had a published number to compare with.")
    error: float | None = Field(description="People, on average; null: fewer than five were compared.")
    within: float | None = Field(description="The share inside the published interval; null likewise.")


class PlaceRow(_Value):
    """A place in a report of a group."""

    code: str
    name: str
    department: str | None
    open_hours: float
    person_hours: float | None
    utilisation: float | None
    peak: float | None
    known: float | None


class Changed(_Value):
    """A figure that differs from the version before."""

    figure: str
    before: float | int | str | bool | None
    after: float | int | str | bool | None


class _Days(_Value):
    """What is known by day and by hour of a weekday."""

    by_day: tuple[Day, ...]
    by_hour: tuple[Hour, ...]

    @property
    def all_person_hours(self) -> float | None:
        """People-hours at all hours; None: nothing is known."""
        known = [one.person_hours for one in self.by_day if one.person_hours is not None]
        return round(sum(known), 2) if known else None


class Report(_Days):
    """A month of a place, a department or the network."""

    scope: Scope
    code: str | None = Field(description="The place's code, or the department; null: the network.")
    name: str
    department: str | None
    month: str
    time_zone: str
    counted_until: date = Field(description="The first day that is not counted; before the month's end: it still runs.")
    complete: bool = Field(description="Whether the whole month is counted.")
    since: date | None = Field(description="The first day with a number ever; null: there is none.")
    sensors: bool = Field(description="Whether any device tells how many people there are.")
    capacity: int | None
    places: int = Field(description="1, or the places of the group.")
    places_known: int = Field(description="Places with a number in this month.")
    use: Use | None = Field(description="null: no day was counted.")
    before: Use | None = Field(description="The month before.")
    year_before: Use | None = Field(description="The same month of the year before.")
    spaces: tuple[SpaceUse, ...] = ()
    desks: Desks | None = None
    bookings: Bookings | None = Field(default=None, description="null: too old, they are deleted.")
    let_in: int | None = Field(default=None, description="Times that a reader let people in; null: events are deleted.")
    refusals: tuple[Refusal, ...] | None = Field(default=None, description="Most frequent first; null likewise.")
    categories: Categories | None = None
    devices: Devices | None = None
    certainty: Certainty
    rows: tuple[PlaceRow, ...] = Field(default=(), description="Of a group: its places, the fullest first.")

    @property
    def refused(self) -> int | None:
        """How often somebody was refused at a door; None: events are deleted."""
        return None if self.refusals is None else sum(one.count for one in self.refusals)


class PublicReport(_Days):
    """What everybody may know of a month: made of what was published, in bands (docs/privacy.md)."""

    scope: Scope
    code: str | None
    name: str
    month: str
    time_zone: str
    counted_until: date
    complete: bool
    capacity: int | None
    places: int
    person_hours: float | None = Field(description="At all hours, from the middles of bands; null: nothing is known.")
    peak: float | None = Field(description="The highest mean of a quarter hour, likewise.")
    known: float | None = Field(description="The share of the time in which gateways were heard.")


class Stored(_Value):
    """A version of a report; ``number`` null: made now and not stored."""

    number: int | None
    version: int | None
    made_at: datetime
    changed: tuple[Changed, ...]
    report: Report
