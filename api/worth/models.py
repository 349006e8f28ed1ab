"""The questions about worth, and the shape of the answers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from api.http.models import Answer, Question

_COMMUTING = "Ways saved, of members who gave where they live and work; null: no figure for any whole month."
_TIME = "^[0-9]{4}-[0-9]{2}-[0-9]{2}.*$"


class WorthQuestion(Question):
    """Which days, and in which format."""

    from_: str | None = Field(
        default=None,
        alias="from",
        max_length=40,
        json_schema_extra={"pattern": _TIME},
        description="A local day. Default: 31 days before `to`.",
        examples=["2026-03-01"],
    )
    to: str | None = Field(
        default=None,
        max_length=40,
        json_schema_extra={"pattern": _TIME},
        description="A local day, not included. Default: today; days count when they are over.",
        examples=["2026-04-01"],
    )
    format: Literal["json", "csv"] = "json"


class NetworkWorthQuestion(WorthQuestion):
    """Which days, and what a row is about."""

    by: Literal["network", "department", "place"] = "department"


class Figures(Answer):
    """How much of what is offered in opening hours is taken."""

    open_hours: float = Field(description="Opening hours in these days; of a group, those of its places together.")
    seat_hours: float = Field(description="Offered: seats × the opening hours that are known.")
    person_hours: float = Field(description="Taken, over the same time.")
    utilisation: float | None = Field(description="person_hours / seat_hours; null: nothing is known.")
    known: float | None = Field(description="The share of the opening hours with a number; null: never open.")
    busy_hours: float = Field(description="Quarter hours with a mean over 80 % of the capacity, as hours.")
    busy_share: float | None = Field(description="Their share of the quarter hours that are known.")
    peak: float | None = Field(description="The highest mean of a quarter hour, people.")
    peak_at: str | None = Field(description="When it began; of a department or the network its day.")
    peak_share: float | None = Field(description="The peak, of the capacity; null for groups.")


class SpaceWorth(Figures):
    """A space."""

    space: str
    name: str


class DeskWorth(Answer):
    """A desk in service."""

    desk: str
    name: str
    space: str
    state: Literal["used", "unused", "unknown", "no_sensor"] = Field(
        description="`unused`: never taken, and its sensor spoke in at least half of the opening hours. `unknown`: its "
        "sensor never said that it was taken and was silent for longer than that."
    )
    open_hours: float
    taken_hours: float
    utilisation: float | None = Field(description="Taken, of the opening hours in which its sensor spoke.")
    known: float | None = Field(description="The share of the opening hours in which its sensor spoke.")
    heard_at: str | None = Field(description="When its sensor was last heard, whatever the period.")
    silent_since: str | None = Field(description="Since when its sensor is silent now.")


class QuartilesAnswer(Answer):
    """About a quarter of the peers is below `low`, half below `median`, three quarters below `high`."""

    low: float
    median: float
    high: float


class PeersAnswer(Answer):
    """Places of the same kind and size class, this one not included."""

    places: int
    utilisation: QuartilesAnswer
    busy_share: QuartilesAnswer


class CommutingMonth(Answer):
    """What visits of a month saved against the way to the usual workplace."""

    month: str
    places: int = Field(description="Places with a figure.")
    withheld: int = Field(description="Places without one, since fewer than five members are behind it, or none.")
    members: int = Field(description="In fives, rounded down; who comes to two places counts at both.")
    visit_days: int = Field(description="To the nearest 5 of each place.")
    km: int = Field(description="There and back, to the nearest 250 of each place. Below 0: the ways were longer.")
    hours: int


class Commuting(Answer):
    """The months that lie wholly in the period and were counted."""

    visit_days: int
    km: int
    hours: int
    months: list[CommutingMonth]


class PlaceWorth(Answer):
    """What a place is worth: it as a whole, its spaces and desks, and its peers."""

    place: str
    from_: str = Field(alias="from")
    to: str
    time_zone: str
    days: int = Field(description="Days that were counted.")
    hours: Literal["known", "assumed"] = Field(description="assumed: Monday to Friday, 8:00 to 19:00.")
    whole: Figures | None = Field(description="The place as a whole; null: no day was counted.")
    spaces: list[SpaceWorth]
    desks: list[DeskWorth]
    peers: PeersAnswer | None = Field(description="null: fewer than five.")
    commuting: Commuting | None = Field(description=_COMMUTING)


class GroupWorth(Figures):
    """A place, a department or the network."""

    name: str = Field(description="The place's code, the department, or `*`.")
    places: int = Field(description="Places that were counted.")
    desks: int = Field(description="Desks in service that have, or had, a sensor.")
    unused_desks: int
    unknown_desks: int
    commuting: Commuting | None = Field(description=_COMMUTING)


class NetworkWorth(Answer):
    """The places that the key reaches, summed up."""

    by: Literal["network", "department", "place"]
    from_: str = Field(alias="from")
    to: str
    rows: list[GroupWorth]
