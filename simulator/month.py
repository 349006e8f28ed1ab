"""A month of one place in a few seconds: virtual people and devices, and the gateway's real drivers and decisions.

Everything runs in this process and in virtual time, without a broker. What the devices say goes through
``gateway.place.Place``; what that appends is what the spool would hold, in its order.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

from access import AccessList, Entry, Member, Right, card_token, token_key
from access.holidays import is_holiday
from access.schedules import Closure, Holidays, Period, Schedule
from gateway.config import GatewayConfig
from gateway.contract.wire import Event
from gateway.drivers import DriverError
from gateway.mqtt.filters import Routes
from gateway.place import Place
from simulator.days import DAY_S
from simulator.faults import Faults
from simulator.groups import Fitting, fit
from simulator.life import Life
from simulator.rates import Rates
from simulator.sample.people import cleaners_card
from simulator.town import Town
from simulator.wear import Failure, failures, in_force

ZONE: Final = "Europe/Paris"
_FIRST_MONDAY: Final = date(2026, 11, 2)
_MONDAYS: Final = 8
"""A run begins on one of so many Mondays: weeks with and without holidays, and no change of the clocks."""
MOST_DAYS: Final = 84
ANSWERS_AFTER_S: Final = 0.05
"""What the gateway and the broker take to unlock."""
_TICK_S: Final = 600.0
_TICKS_AFTER_CARD_S: Final = (12.0, 40.0)
"""The gateway looks at the time every second. Here it does when a grant may have run out or a door be held open, and
else so seldom that a device is found silent up to ten minutes late."""
_CLOSED_FROM_DAYS: Final = 21


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """What happened in one place, what its gateway stored of it, and what was true."""

    group: str
    seed: int
    fitting: Fitting
    hours: Schedule
    first: int
    last: int
    """µs since the epoch, UTC."""
    events: list[tuple[Event, int]]
    """As stored, each with its instant."""
    truth: dict[str, list[tuple[int, int]]]
    """By space: from each instant on, so many people; the root's are all in the place."""
    failures: tuple[Failure, ...]
    town: Town
    """As it stood in the end."""

    def is_open(self, at: int) -> bool:
        """Return whether the place is open at ``at``."""
        return self.hours.covers(datetime.fromtimestamp(at / 1e6, UTC), ZoneInfo(ZONE))

    def dead_share(self, at: int) -> float:
        """Return the share of devices that are dead at ``at``."""
        at_s = (at - self.first) / 1e6
        dead = {one.device for one in self.failures if one.what == "dead" and one.first_s <= at_s < one.last_s}
        return len(dead) / max(1, len(self.fitting.config.devices))


def live(group: str, seed: int, days: int = 28, rates: Rates | None = None) -> Month:
    """Let ``group``'s place of ``seed`` live for so many days.

    Raises:
        KeyError: there is no such group.
        ValueError: fewer than 1 day or more than ``MOST_DAYS``.
    """
    if not 1 <= days <= MOST_DAYS:
        raise ValueError(f"{days} days: a run has 1 to {MOST_DAYS}")
    rates = rates or Rates()
    return _Run(group, seed, days, rates).run()


class _Run:
    """One place, from the first midnight to the last."""

    def __init__(self, group: str, seed: int, days: int, rates: Rates) -> None:
        self._group = group
        self._seed = seed
        self._fitting = fit(group, seed)
        config = self._fitting.config
        dice = random.Random(f"{group}/{seed}/month")
        monday = _FIRST_MONDAY + timedelta(weeks=dice.randrange(_MONDAYS))
        self._hours = _hours(dice, monday, days if rates.closed_week else 0)
        self._days = days
        start = datetime.combine(monday, datetime.min.time())
        self._base = round(start.replace(tzinfo=ZoneInfo(ZONE)).timestamp() * 1e6)
        self._now_s = 0.0
        self._failures = failures(config.place, config.devices, rates, days, dice)
        self._events: list[tuple[Event, int]] = []
        self._town = Town(
            (config,),
            self._publish,
            start=start,
            speed=1.0,
            seed=seed,
            rates=rates,
            buildings={config.place: self._fitting.building},
            closed=self._is_closed,
            monotonic=lambda: self._now_s,
            micros=self._micros,
        )
        self._place = Place(config, append=self._append, publish=self._command, now=0.0)
        self._place.lists.current = _everybody(config, self._town.lives[0], seed, self._micros())
        self._routes: Routes[str] = Routes()
        for name, driver in self._place.drivers.items():
            for topic in driver.subscriptions():
                self._routes.add(topic, name)
        self._driver_of: dict[str, str | None] = {}

    def run(self) -> Month:
        scheduler, end_s = self._town.scheduler, self._days * DAY_S
        self._wear()
        self._tick()
        self._town.begin(60.0)
        while (due := scheduler.next_due) is not None and due <= end_s:
            self._now_s = max(self._now_s, due)
            scheduler.run_due()
        self._now_s = end_s
        return Month(
            group=self._group,
            seed=self._seed,
            fitting=self._fitting,
            hours=self._hours,
            first=self._base,
            last=self._micros(),
            events=self._events,
            truth=self._town.truth.steps(self._fitting.config.place),
            failures=tuple(self._failures),
            town=self._town,
        )

    def _micros(self) -> int:
        return self._base + round(self._now_s * 1e6)

    def _is_closed(self, day: date) -> bool:
        closures = self._hours.closures
        return any(one.first <= day <= one.last for one in closures) or is_holiday(day, None)

    def _append(self, event: Event) -> None:
        self._events.append((event, event["at"]))

    def _publish(self, topic: str, payload: bytes, _retain: bool) -> bool:
        if topic not in self._driver_of:
            self._driver_of[topic] = next(iter(self._routes.of(topic)), None)
        driver, at = self._driver_of[topic], self._micros()
        if driver is None:
            return True
        try:
            self._place.hear(driver, topic, payload, at=at, now=self._now_s, decided=_nothing)
        except DriverError as error:
            self._place.fault(topic, payload, error.reason, at=at, now=self._now_s, driver=driver)
        return True

    def _command(self, topic: str, payload: bytes, sent: Callable[[], None] | None) -> None:
        if sent is not None:
            sent()
        self._town.scheduler.after(ANSWERS_AFTER_S, partial(self._town.command, topic, payload))
        for after_s in _TICKS_AFTER_CARD_S:
            self._town.scheduler.after(after_s, self._look)

    def _look(self) -> None:
        self._place.tick(self._now_s, self._micros())

    def _tick(self) -> None:
        self._look()
        self._town.scheduler.after(_TICK_S, self._tick)

    def _wear(self) -> None:
        """Put the failures in force, each at its time."""
        for at_s in {0.0, *(at for one in self._failures for at in (one.first_s, one.last_s))}:
            self._town.scheduler.at(at_s, partial(self._break, at_s))

    def _break(self, at_s: float) -> None:
        self._town.air.faults = in_force(self._failures, at_s, Faults())


def _nothing() -> None:
    pass


def _everybody(config: GatewayConfig, life: Life, seed: int, at: int) -> AccessList:
    """Return a list by which everybody's card opens at any hour, the cleaner's too."""
    key = token_key(config.card_key.get_secret_value())
    always = (Right(doors=None, schedule=None),)
    cards = {one.ref: one.card for one in life.people} | {one.ref: one.card for one in life.visitors if one.card}
    cards["m-cleaner"] = cleaners_card(seed, config.place)
    entries = {
        (token := card_token(key, card)): Entry(
            token=token, member=Member(ref=ref, status="active", rights=always), status="active"
        )
        for ref, card in cards.items()
    }
    made_at = datetime.fromtimestamp(at / 1e6, UTC)
    return AccessList(place=config.place, version=1, made_at=made_at, time_zone=ZONE, entries=entries)


def _hours(dice: random.Random, monday: date, days: int) -> Schedule:
    """Return a place's opening hours, with a closed week where the run is long enough."""
    opens, closes = dice.choice(((8, 19), (9, 18), (7, 20), (8, 20)))
    workday = (Period(start_min=opens * 60, end_min=closes * 60),)
    saturday = dice.choice(((), (), (Period(start_min=9 * 60, end_min=13 * 60),)))
    closures: tuple[Closure, ...] = ()
    if days >= _CLOSED_FROM_DAYS:
        first = monday + timedelta(weeks=dice.randrange(1, days // 7))
        closures = (Closure(first=first, last=first + timedelta(days=6)),)
    return Schedule(days=(workday,) * 5 + (saturday, ()), holidays=Holidays(periods=()), closures=closures)
