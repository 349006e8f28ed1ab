"""Adds devices to a place that is known, or changes those that it has. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from maillage.place.model import Device, Fitting, key_of, ordered


def with_devices(fitting: Fitting, devices: Iterable[Device]) -> Fitting:
    """Return ``fitting`` with ``devices``; each replaces the one with its gateway and code."""
    listed = list(devices)
    keys = {key_of(one) for one in listed}
    kept = (one for one in fitting.devices if key_of(one) not in keys)
    return ordered(replace(fitting, devices=(*kept, *listed)))
