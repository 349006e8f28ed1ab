"""What a sensor reports of the true state: it notices late and holds its value for a while."""

from __future__ import annotations

from typing import Protocol

from simulator.clock import Scheduler


class Sensor(Protocol):
    """A virtual presence sensor of any maker."""

    @property
    def name(self) -> str:
        """``PLACE/DEVICE``."""
        ...

    @property
    def notices_s(self) -> float:
        """Delay until it reports presence, virtual seconds."""
        ...

    @property
    def hold_s(self) -> float:
        """Delay after the last person left, virtual seconds."""
        ...

    def report(self, *, occupied: bool, whole: bool) -> None:
        """Send the state."""
        ...

    def heartbeat(self, *, occupied: bool) -> None:
        """Send a sign of life."""
        ...

    def join(self) -> None:
        """Say that it is there."""
        ...


class Watch:
    """One sensor and what it watches: a seat, or a room."""

    def __init__(self, sensor: Sensor, scheduler: Scheduler, *, heartbeat_s: float) -> None:
        """Watch with ``sensor``; it gives a sign of life every ``heartbeat_s`` real seconds."""
        self.sensor = sensor
        self.there = False
        """Whether a person is really there."""
        self.said = False
        """What the sensor last said."""
        self._scheduler = scheduler
        self._heartbeat_s = heartbeat_s
        self._changes = 0

    def start(self, after_real_s: float) -> None:
        """Join, report the first state, then repeat."""
        self._scheduler.after_real(after_real_s, self._first)

    def change(self, *, there: bool) -> None:
        """Report presence or absence."""
        if there == self.there:
            return
        self.there = there
        self._changes += 1
        number = self._changes
        delay_s = self.sensor.notices_s if there else self.sensor.hold_s
        self._scheduler.after(delay_s, lambda: self._settle(number))

    def _settle(self, number: int) -> None:
        if number == self._changes and self.there != self.said:
            self.said = self.there
            self.sensor.report(occupied=self.said, whole=False)

    def _first(self) -> None:
        self.said = self.there
        self.sensor.join()
        self.sensor.report(occupied=self.said, whole=True)
        self._scheduler.after_real(self._heartbeat_s, self._beat)

    def _beat(self) -> None:
        self.sensor.heartbeat(occupied=self.said)
        self._scheduler.after_real(self._heartbeat_s, self._beat)
