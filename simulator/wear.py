"""Which devices fail when in a run, from its seed: batteries run out, sensors freeze, counters hang the wrong way."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from gateway.contract.configuration import Device
from simulator.faults import Faults
from simulator.rates import Rates

What = Literal["dead", "frozen", "swapped", "unheard"]
DAY_S: Final = 86_400.0
MONTH_S: Final = 30 * DAY_S
_WIRED: Final = ("reader", "keypad", "lock")
"""Kinds that hang on the mains: where they fail, the door does, and people stay outside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One device from ``first_s`` until just before ``last_s``, virtual seconds of the run."""

    device: str
    """``PLACE/DEVICE``."""
    what: What
    first_s: float
    last_s: float


def failures(place: str, devices: Sequence[Device], rates: Rates, days: float, dice: random.Random) -> list[Failure]:
    """Return the failures of the devices of ``place`` in so many days, by their beginning."""
    found: list[Failure] = []
    for device in devices:
        if device.kind in _WIRED:
            continue
        name = f"{place}/{device.code}"
        if device.kind == "counter" and dice.random() < rates.swapped:
            found.append(_failure(name, "swapped", 0.0, rates, dice))
        if rates.frozen_a_month and (at_s := dice.expovariate(rates.frozen_a_month / MONTH_S)) < days * DAY_S:
            found.append(_failure(name, "frozen", at_s, rates, dice))
        if device.kind != "climate" and rates.dead_a_month:  # that one is on the mains
            at_s = dice.expovariate(rates.dead_a_month / MONTH_S)
            if at_s < days * DAY_S:
                found.append(_failure(name, "dead", at_s, rates, dice))
    found += _outages(place, [one for one in devices if one.driver == "chirpstack"], rates, days, dice)
    return sorted(found, key=lambda one: one.first_s)


def in_force(those: Iterable[Failure], at_s: float, faults: Faults) -> Faults:
    """Return ``faults`` with the failures that hold at ``at_s``."""
    now = [one for one in those if one.first_s <= at_s < one.last_s]
    return faults.model_copy(
        update={
            what: tuple(one.device for one in now if one.what == what)
            for what in ("dead", "frozen", "swapped", "unheard")
        }
    )


def _outages(
    place: str, devices: Sequence[Device], rates: Rates, days: float, dice: random.Random
) -> Iterable[Failure]:
    """Yield when no antenna hears any of ``devices``: one to some ten hours."""
    at_s = 0.0
    while rates.outages_a_month and (at_s := at_s + dice.expovariate(rates.outages_a_month / MONTH_S)) < days * DAY_S:
        last_s = at_s + 3600 + dice.expovariate(1 / (4 * 3600))
        for device in devices:
            yield Failure(device=f"{place}/{device.code}", what="unheard", first_s=at_s, last_s=last_s)


def _failure(device: str, what: What, at_s: float, rates: Rates, dice: random.Random) -> Failure:
    lasts_s = dice.expovariate(1 / (rates.repair_days * DAY_S))
    return Failure(device=device, what=what, first_s=at_s, last_s=at_s + lasts_s)
