"""How often people and devices of a virtual place do what a count stumbles over; pure values.

Where each default comes from stands in docs/simulator.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from simulator.errors import FaultError

Share = Annotated[float, Field(ge=0, le=1)]


class Rates(BaseModel):
    """The habits of people and the failings of devices. The defaults are those of a real place."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    held_for_two: Share = 0.04
    """Share of members' entries through a door that another holds open: one badge, two people at once."""
    tailgating: Share = 0.02
    """Share of members' entries in which one slips in behind another before the door has shut."""
    forgotten_out: Share = 0.07
    """Share of members' exits at a door with a reader inside without a badge: by the handle or behind another."""
    guests: Share = 0.05
    """Share of members' days with a guest, who has no card and is let in."""
    evenings: Share = 0.05
    """Chance of an evening event, a working day: people without cards, whom a host lets in."""
    cleaning_days: int = Field(default=2, ge=0, le=7)
    """Nights a week on which a cleaner comes, with a card."""
    closed_week: bool = True
    """Whether a run of three weeks or more has a week in which the place is closed. For ``simulator.month``."""

    counter_missed_in: Share = 0.03
    """Share of single people that a counter misses on their way in."""
    counter_missed_out: Share = 0.05
    """The same on the way out."""
    counter_missed_crowd: Share = 0.2
    """Share of those who pass within two seconds of another that a counter misses for it, whichever way."""
    counter_turned: Share = 0.01
    """Share of passages beside which another person turns round in the doorway and is counted both ways or one."""
    counter_absurd_a_month: float = Field(default=0.05, ge=0, le=30)
    """Reports of hundreds or thousands of people, for each counter and month: a reset, a broken message."""
    pir_still_s: float = Field(default=90.0, gt=0)
    """Seconds between two movements that a passive infrared sensor sees of one seated person: the median of people's
    means, some of whom sit far stiller than others."""
    pir_ghosts: float = Field(default=1.0, ge=0, le=1000)
    """Times a day that a room's sensor sees a person where there is none: sun, a heater, a curtain."""
    desk_gaps: float = Field(default=0.05, ge=0, le=60)
    """Times an hour that a seat's sensor loses the person on it for one to six minutes."""
    bags: Share = 0.15
    """Share of breaks in which a bag stays on the seat, and its pad says occupied."""
    bags_overnight: Share = 0.01
    """Share of days after which something stays on the seat until the next."""

    dead_a_month: float = Field(default=0.02, ge=0, le=30)
    """Batteries that run out, for each device and month (30 days)."""
    frozen_a_month: float = Field(default=0.005, ge=0, le=30)
    """Sensors that go on reporting their last value, for each device and month."""
    swapped: Share = 0.05
    """Share of counters that are mounted the wrong way round."""
    outages_a_month: float = Field(default=0.3, ge=0, le=30)
    """Times a month that no antenna hears any LoRaWAN device, for hours."""
    repair_days: float = Field(default=7.0, gt=0)
    """Mean days until a dead, frozen or swapped device is put right."""
    lost_uplinks: Share = 0.01
    """Share of LoRaWAN messages that no antenna hears."""

    ventilated: Share = 0.3
    """Share of places whose ventilation keeps CO2 near that of the air outside."""
    windows: float = Field(default=0.15, ge=0, le=60)
    """Times an hour that a window is opened while people are there."""
    co2_error_ppm: float = Field(default=30.0, ge=0, le=1000)
    """Standard deviation of a CO2 sensor's offset."""

    @model_validator(mode="after")
    def _leaders_for_followers(self) -> Rates:
        if self.held_for_two + self.tailgating > 0.5:
            raise ValueError("held_for_two and tailgating: at most half of the entries can be behind another person")
        return self

    @property
    def unbadged_in(self) -> float:
        """The share of members' entries without a badge of their own."""
        return self.held_for_two + self.tailgating


FLAWLESS: Final = Rates(
    held_for_two=0, tailgating=0, forgotten_out=0, guests=0, evenings=0, cleaning_days=0, closed_week=False,
    counter_missed_in=0, counter_missed_out=0, counter_missed_crowd=0, counter_turned=0, counter_absurd_a_month=0,
    pir_still_s=1e-3, pir_ghosts=0, desk_gaps=0, bags=0, bags_overnight=0, dead_a_month=0, frozen_a_month=0, swapped=0,
    outages_a_month=0, lost_uplinks=0, ventilated=0, windows=0, co2_error_ppm=0,
)  # fmt: skip
"""Everybody badges, and every device is right: to see one fault by itself, with ``model_copy(update=…)``."""
MILD: Final = FLAWLESS.model_copy(
    update={"held_for_two": 0.01, "tailgating": 0.01, "forgotten_out": 0.05, "pir_still_s": 15.0, "bags": 0.05}
)
"""Those of ``maillage simulate``: small errors, no alarms, and nobody whom the sample network hasn't enrolled."""


def given_rates(rates: Rates, text: str | Mapping[str, Any]) -> Rates:
    """Return ``rates`` with those replaced that a JSON object names.

    Raises:
        FaultError: no JSON object, no such rate, or a value that makes no sense; the text names it.
    """
    if isinstance(text, str):
        try:
            value = json.loads(text)
        except ValueError as error:
            raise FaultError("the rates are not JSON") from error
    else:
        value = dict(text)
    if not isinstance(value, dict):
        raise FaultError('the rates are no JSON object like {"tailgating": 0.05}')
    unknown = sorted(value.keys() - Rates.model_fields.keys())
    if unknown:
        raise FaultError(f"there is no rate {unknown[0]!r}; the rates are {', '.join(Rates.model_fields)}")
    try:
        return Rates.model_validate(rates.model_dump() | value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where, said = ".".join(str(part) for part in first["loc"]), first["msg"].removeprefix("Value error, ")
        raise FaultError(f"{where}: {said}" if where else said) from error
