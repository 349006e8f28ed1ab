"""What an event may still change that was a dead letter until now: history at its own time, the present only if newest.

Its row is stored at its own time in any case. The fold takes it only where nothing newer was heard: an old state of a
desk replaces no newer one, and people who went in days ago aren't counted in now. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.contract.wire import Event
from occupancy.fold import PlaceFold
from occupancy.topology import Device


def apply_late(place: PlaceFold, event: Event, device: Device | None, at: int) -> bool:
    """Fold ``event`` of ``device``, which happened at ``at`` (µs since 1970), if it is news; return whether it was."""
    if device is None:
        return False
    if place.dirty:
        place.settle()
    if not _is_news(place, event, device, at):
        return False
    place.apply(event, device, at)
    return True


def _is_news(place: PlaceFold, event: Event, device: Device, at: int) -> bool:
    if event["kind"] == "desk" and device.space is not None:
        fold = place.spaces[device.space]
        known = (fold.desks if device.at_desk else fold.rooms).get(device.id)
        return known is None or at > known[1]  # a sensor speaks for its own seat only
    return all(at > place.spaces[space].at for space in _touched(device))


def _touched(device: Device) -> Iterator[int]:
    for space in {device.space, device.counts_into, device.door_from, device.door_to}:
        if space is not None:
            yield space
