"""A driver in its own package: a people counter that publishes who came in and went out since its last message."""

from __future__ import annotations

import re

from gateway.contract.configuration import Device
from gateway.contract.wire import CountEvent
from gateway.drivers import NOTHING, Decoded, DriverError
from gateway.drivers.description import DriverDescription, FieldSide
from gateway.drivers.fields import read_object


class ShopCounter:
    """The counters of one gateway; a counter's address is its topic."""

    def __init__(self, devices: tuple[Device, ...]) -> None:
        self._codes = {device.address: device.code for device in devices}

    def subscriptions(self) -> tuple[str, ...]:
        return tuple(self._codes)

    def live_subscriptions(self) -> tuple[str, ...]:
        return ()  # it reads no cards

    def decode(self, topic: str, payload: bytes, at: int) -> Decoded:
        code = self._codes.get(topic)
        if code is None:
            return NOTHING
        message = read_object(payload)
        entered, left = message.get("in"), message.get("out")
        if not isinstance(entered, int) or not isinstance(left, int):
            raise DriverError("counts_missing")
        event = CountEvent(kind="count", at=at, device=code, entered=entered, left=left)
        return Decoded(events=(event,), heard=(code,))

    def unlock(self, device: str, seconds: float) -> tuple[str, bytes]:
        raise DriverError("unknown_lock")

    hold_open = unlock


SHOP_COUNTER = DriverDescription(
    name="shop_counter",
    label="Shop counter",
    transports=("mqtt",),
    capabilities=frozenset({"counts"}),
    address=re.compile(r"shop/[a-z0-9-]+"),
    address_form="shop/NAME",
    address_example="shop/front",
    secrets=frozenset(),
    make=ShopCounter,
    field_side=lambda address: FieldSide(topic=address, says=(address,)),
    expect_every_s=600,
)
