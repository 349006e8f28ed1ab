"""How a gateway's devices are: battery, link, and states that can't be true any more. Pure.

The rules are in ``judge``. A reading at a threshold would come and go, so each trouble ends at another value than it
begins at. Times are µs since 1970 by the gateway's clock.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from gateway.contract.wire import Event

Trouble = Literal["low_battery", "bad_link", "stuck"]

HOUR_US: Final = 3_600_000_000
LONGEST_PRESENCE_US: Final = 30 * HOUR_US
"""Nobody sits at a desk, or in a room, for so long: the sensor is covered, or broken."""
SAME_MEASURE_US: Final = 72 * HOUR_US
SAME_MEASURE_TIMES: Final = 24
"""So many reports of exactly the same value, over ``SAME_MEASURE_US``: air is never so still."""
VARYING: Final = ("temperature", "humidity", "co2")
"""Measures that never stand still. Light does, in a dark room."""
KEPT_US: Final = 6 * HOUR_US
"""A run of one state that is this long outlives a restart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When a device of some model is in trouble, and when it no longer is."""

    battery_low: float = 15
    """Percent."""
    battery_well: float = 25
    linkquality_bad: float = 20
    """Zigbee's 0 to 255, smoothed over some messages."""
    linkquality_well: float = 40
    margin_bad: float = 2
    """LoRa: dB above the noise at which its spreading factor can still be read, likewise."""
    margin_well: float = 5


@dataclass(slots=True, kw_only=True)
class Run:
    """A state that hasn't changed: since when, and how often it was reported."""

    value: float
    since: int
    times: int = 1


@dataclass(slots=True, kw_only=True)
class Vitals:
    """What is known of one device."""

    heard_at: int | None = None
    battery: float | None = None
    rssi: float | None = None
    """dBm, of the last message."""
    snr: float | None = None
    linkquality: float | None = None
    smooth_linkquality: float | None = None
    smooth_margin: float | None = None
    links: int = 0
    """Messages that told how well they were heard."""
    runs: dict[str, Run] = field(default_factory=dict)
    """By what it reports: ``occupied`` while it is, and each measure of ``VARYING``."""
    troubles: frozenset[Trouble] = frozenset()


_SETTLED: Final = 4
"""After so many messages the link's smoothed value is believed."""
_SMOOTH: Final = 0.3


def judge(vitals: Vitals, limits: Limits, at: int) -> frozenset[Trouble]:
    """Return the troubles of a device at ``at``."""
    found: set[Trouble] = set()
    if vitals.battery is not None:
        low = limits.battery_well if "low_battery" in vitals.troubles else limits.battery_low
        if vitals.battery < low:
            found.add("low_battery")
    was_bad = "bad_link" in vitals.troubles
    links = (
        (vitals.smooth_linkquality, limits.linkquality_well if was_bad else limits.linkquality_bad),
        (vitals.smooth_margin, limits.margin_well if was_bad else limits.margin_bad),
    )
    if vitals.links >= _SETTLED and any(value is not None and value < least for value, least in links):
        found.add("bad_link")
    if any(_is_stuck(name, run, at) for name, run in vitals.runs.items()):
        found.add("stuck")
    return frozenset(found)


def presence_is_stuck(vitals: Vitals, at: int) -> bool:
    """Return whether a device has reported presence for longer than anybody stays."""
    run = vitals.runs.get("occupied")
    return run is not None and _is_stuck("occupied", run, at)


def _is_stuck(name: str, run: Run, at: int) -> bool:
    if name == "occupied":
        return at - run.since >= LONGEST_PRESENCE_US
    return at - run.since >= SAME_MEASURE_US and run.times >= SAME_MEASURE_TIMES


def sentence(trouble: Trouble, vitals: Vitals, at: int) -> str:
    """Say what a trouble is, for example ``low battery: 9 %``."""
    if trouble == "low_battery":
        return f"low battery: {vitals.battery or 0:g} %"
    if trouble == "bad_link":
        if vitals.smooth_margin is not None:
            return f"bad link: {vitals.rssi or 0:g} dBm, {vitals.snr or 0:g} dB"
        return f"bad link: link quality {vitals.linkquality or 0:g} of 255"
    name, run = next((name, run) for name, run in vitals.runs.items() if _is_stuck(name, run, at))
    hours = (at - run.since) // HOUR_US
    what = "occupied" if name == "occupied" else f"{name} {run.value:g}"
    return f"stuck: {what} for {hours} h"


def smoothed(before: float | None, value: float) -> float:
    """Return the moving mean of a link's readings: one bad message is no bad link."""
    return value if before is None else before + _SMOOTH * (value - before)


def note(vitals: Vitals, event: Event) -> None:
    """Take one event of a device into its vitals."""
    at = event["at"]
    if event["kind"] == "desk":
        _run(vitals, "occupied", 1.0 if event["occupied"] else None, at)
    elif event["kind"] == "measure":
        if event["name"] in VARYING:
            _run(vitals, event["name"], event["value"], at)
        elif event["name"] == "linkquality":
            vitals.linkquality = event["value"]
            vitals.smooth_linkquality = smoothed(vitals.smooth_linkquality, event["value"])
            vitals.links += 1
    elif event["kind"] == "device" and event["what"] == "battery":
        vitals.battery = event.get("value")


def _run(vitals: Vitals, name: str, value: float | None, at: int) -> None:
    run = vitals.runs.get(name)
    if value is None:
        vitals.runs.pop(name, None)
    elif run is None or run.value != value or run.since > at:
        vitals.runs[name] = Run(value=value, since=at)
    else:
        run.times += 1


def long_runs(vitals: Vitals, at: int) -> tuple[tuple[str, int], ...]:
    """Return the runs of a device that outlive a restart, each by name and since when."""
    return tuple((name, run.since) for name, run in vitals.runs.items() if at - run.since >= KEPT_US)


def runs_to_json(devices: Mapping[str, Vitals], at: int) -> str:
    """Return the runs that outlive a restart; empty: there are none."""
    long = {
        device: {
            name: [run.value, run.since, run.times] for name, run in vitals.runs.items() if at - run.since >= KEPT_US
        }
        for device, vitals in devices.items()
    }
    kept = {device: runs for device, runs in sorted(long.items()) if runs}
    return json.dumps(kept, separators=(",", ":")) if kept else ""


def runs_from_json(text: str) -> dict[str, dict[str, Run]]:
    """Read ``runs_to_json``'s text.

    Raises:
        ValueError, TypeError, AttributeError: it isn't one.
    """
    return {
        str(device): {
            str(name): Run(value=float(value), since=int(since), times=int(times))
            for name, (value, since, times) in runs.items()
        }
        for device, runs in (json.loads(text) if text else {}).items()
    }
