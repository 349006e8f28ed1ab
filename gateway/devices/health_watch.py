"""Follows how the devices of one gateway are, by the rules of ``gateway.devices.health``.

A desk that has been occupied for longer than anybody stays is reported as unknown from then on: the centre must not
count it as taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from gateway.contract.configuration import Device
from gateway.contract.device_reports import MOST_REPORTED, DeviceHealth, DeviceReport
from gateway.contract.wire import DeskEvent, DeviceEvent, Event
from gateway.devices.health import (
    Limits,
    Trouble,
    Vitals,
    judge,
    long_runs,
    note,
    presence_is_stuck,
    runs_from_json,
    runs_to_json,
    sentence,
    smoothed,
)
from gateway.devices.watch import DeviceWatch
from gateway.drivers import Link
from gateway.drivers.registry import installed

KEPT: Final = "health_runs"
_LOOK_US: Final = 30_000_000
_KEEP_US: Final = 3_600_000_000
_ANY: Final = Limits()
_WELL: Final = 10.0
"""Percent: a battery is well again so much above its model's threshold."""


class HealthWatch:
    """The devices of one gateway."""

    def __init__(self, devices: Iterable[Device], keep: Callable[[str, str], None]) -> None:
        """``keep`` takes a name and a value that must survive a restart."""
        self._keep = keep
        self._of: dict[str, Vitals] = {}
        self._limits: dict[str, Limits] = {}
        self._touched: set[str] = set()
        self._looked_at = self._kept_at = 0
        self._kept = ""
        self._kept_runs: dict[str, tuple[tuple[str, int], ...]] = {}
        """By device, the runs that are kept for a restart."""
        self._next = 0
        self.become(devices)

    def become(self, devices: Iterable[Device]) -> None:
        """Follow a new configuration."""
        devices = tuple(devices)
        self._limits = {device.code: _limits(device) for device in devices}
        self._of = {code: self._of.get(code) or Vitals() for code in self._limits}

    def forget(self, device: str) -> None:
        """Another device has this code from now on, or none."""
        self._of.pop(device, None)
        if device in self._limits:
            self._of[device] = Vitals()

    def restore(self, kept: Mapping[str, str]) -> None:
        """Restore the runs that were kept before a restart; what can't be read is forgotten."""
        try:
            runs = runs_from_json(kept.get(KEPT, ""))
        except (ValueError, TypeError, AttributeError):
            return
        for device, of in runs.items():
            if device in self._of:
                self._of[device].runs.update(of)

    def heard(self, device: str, at: int, link: Link | None) -> None:
        """Note a message of a device, and how well it was heard."""
        vitals = self._of.get(device)
        if vitals is None:
            return
        vitals.heard_at = at
        if link is not None:
            vitals.rssi, vitals.snr = link.rssi, link.snr
            vitals.smooth_margin = smoothed(vitals.smooth_margin, link.margin)
            vitals.links += 1
            self._touched.add(device)

    def gone(self, device: str) -> None:
        """A device is silent: what it reported last isn't its state any more."""
        vitals = self._of.get(device)
        if vitals is not None:
            vitals.runs.clear()

    def noted(self, event: Event) -> Event:
        """Take an event of a device; return it as it may be believed."""
        vitals = self._of.get(event["device"])
        if vitals is None:
            return event
        note(vitals, event)
        self._touched.add(event["device"])
        if event["kind"] == "desk" and event["occupied"] and presence_is_stuck(vitals, event["at"]):
            return {**event, "occupied": None}
        return event

    def clock_stepped(self, by_us: int) -> None:
        """The gateway's clock jumped."""
        for vitals in self._of.values():
            if vitals.heard_at is not None:
                vitals.heard_at += by_us
            for run in vitals.runs.values():
                run.since += by_us

    def tick(self, at: int) -> tuple[Event, ...]:
        """Return the events of troubles that have begun."""
        every = not 0 <= at - self._looked_at < _LOOK_US
        looked = self._of if every else self._touched & self._of.keys()
        if every:
            self._looked_at = at
        events = [event for device in sorted(looked) for event in self._look(device, at)]
        self._touched.clear()
        if not 0 <= at - self._kept_at < _KEEP_US or events or self._has_ended(at):
            self._kept_at = at
            self._keep_runs(at)
        return tuple(events)

    def troubles(self, device: str) -> frozenset[Trouble]:
        """Return the troubles of a device."""
        vitals = self._of.get(device)
        return frozenset() if vitals is None else vitals.troubles

    def counts(self) -> dict[Trouble, int]:
        """Return how many devices have each trouble."""
        found: dict[Trouble, int] = {"low_battery": 0, "bad_link": 0, "stuck": 0}
        for vitals in tuple(self._of.values()):
            for trouble in vitals.troubles:
                found[trouble] += 1
        return found

    def unwell(self, silent: Mapping[str, int], at: int) -> tuple[DeviceHealth, ...]:
        """Return the devices that are ``silent`` (each since when) or in trouble, with what is wrong in a sentence."""
        faults = {
            device: "; ".join(sentence(trouble, vitals, at) for trouble in sorted(vitals.troubles))
            for device, vitals in self._of.items()
            if vitals.troubles
        }
        return tuple(
            DeviceHealth(
                device=device,
                silent_since=silent.get(device),
                fault=faults.get(device),
                troubles=tuple(sorted(self.troubles(device))),
            )
            for device in sorted(silent.keys() | faults.keys())
        )

    def page(self, watch: DeviceWatch) -> tuple[DeviceReport, ...]:
        """Return the next devices for a report; ``watch`` knows their rhythms, and which are silent."""
        codes = sorted(self._of)
        if len(codes) > MOST_REPORTED:
            start = self._next % len(codes)
            codes = (codes[start:] + codes[:start])[:MOST_REPORTED]
            self._next = start + MOST_REPORTED
        return tuple(self.report(code, watch) for code in codes)

    def report(self, device: str, watch: DeviceWatch) -> DeviceReport:
        """Return what is known of one device."""
        vitals = self._of[device]
        return DeviceReport(
            device=device,
            heard_at=vitals.heard_at,
            expect_every_s=watch.expected.get(device),
            silent_since=watch.silent.get(device),
            battery=vitals.battery,
            rssi=vitals.rssi,
            snr=vitals.snr,
            linkquality=vitals.linkquality,
            troubles=tuple(sorted(vitals.troubles)),
        )

    def _look(self, device: str, at: int) -> Iterable[Event]:
        vitals = self._of[device]
        found = judge(vitals, self._limits[device], at)
        begun, vitals.troubles = sorted(found - vitals.troubles), found
        for trouble in begun:
            text = sentence(trouble, vitals, at)
            if trouble == "stuck" and presence_is_stuck(vitals, at):
                yield DeskEvent(kind="desk", at=at, device=device, occupied=None)
            yield DeviceEvent(kind="device", at=at, device=device, what="fault", text=text, trouble=trouble)

    def _has_ended(self, at: int) -> bool:
        """Return whether a run that is kept is over: after a restart it would count on."""
        return any(
            not set(of) <= set(long_runs(self._of[device], at)) if device in self._of else True
            for device, of in self._kept_runs.items()
        )

    def _keep_runs(self, at: int) -> None:
        text = runs_to_json(self._of, at)
        self._kept_runs = {device: runs for device, vitals in self._of.items() if (runs := long_runs(vitals, at))}
        if text != self._kept:
            self._kept = text
            self._keep(KEPT, text)


def _limits(device: Device) -> Limits:
    driver = installed().get(device.driver)
    by_model = {} if driver is None else driver.battery_low
    low = by_model.get((device.model or "").upper(), by_model.get("", _ANY.battery_low))
    return Limits(battery_low=low, battery_well=low + _WELL)
