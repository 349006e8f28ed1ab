"""Listens for devices that aren't configured: a connection of its own, to the wildcard topics of every driver.

Doors and sensors don't depend on it. What configured devices say comes here too and is dropped by its topic alone. Of
the rest, as much is read as fits a short queue; the broker and the disk keep nothing of it.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.clock import micros
from gateway.config import GatewayConfig
from gateway.contract.configuration import Device
from gateway.contract.device_reports import UnassignedDevice
from gateway.devices.unassigned import Key, Unassigned
from gateway.drivers import DriverError
from gateway.drivers.introductions import Introduced, Introduction
from gateway.drivers.registry import device_key, installed, trespass
from gateway.mqtt.filters import Routes
from gateway.mqtt.loop import Broker, Link, Message, MqttLoop
from gateway.place import Place

log = logging.getLogger(__name__)

LARGEST: Final = 524_288
"""Bytes: a Zigbee bridge's list of a hundred devices."""
_WAITING_MAX: Final = 200
_READ_MAX: Final = 50
"""Messages a second that are read; further ones are dropped."""
_ARRIVALS_MAX: Final = 2_000
"""Messages a second that are looked at, those of configured devices too: a board that floods takes no more time."""
_FURTHER_MAX: Final = 20
"""Topic filters that devices' messages may add."""


@dataclass(slots=True)
class _Of:
    """One gateway: what it hears, and what its configuration has (made anew when that is another one)."""

    unassigned: Unassigned = field(default_factory=Unassigned)
    config: GatewayConfig | None = None
    assigned: frozenset[Key] = frozenset()


class Listening:
    """The unassigned devices of the gateways of one process."""

    def __init__(
        self, places: Mapping[str, Place], *, announce: Callable[[str], None], clock: Callable[[], int] = micros
    ) -> None:
        """Prepare; ``start`` connects.

        Args:
            places: by gateway; their configurations may change.
            announce: called with the gateway that hears a new one.
            clock: µs since 1970.
        """
        self.dropped = 0
        """Messages that came too fast."""
        self._places = places
        self._announce = announce
        self._claimed: Callable[[str], bool] = lambda _topic: False
        self._clock = clock
        self._of: dict[str, _Of] = {}
        self._topics: Routes[str] = Routes()
        for name, driver in installed().items():
            for topic in driver.listens if driver.introduce is not None else ():
                self._topics.add(topic, name)
        self._further: set[str] = set()
        self._levels: Mapping[str, str | None] = {}
        self._levels_made_of: tuple[int, ...] = ()
        """The configurations that ``_levels`` was made of."""
        self._second = (0, 0)
        """The present second, and how many messages have been taken in it."""
        self._arrivals, self._arrivals_in = 0, 0
        """Messages of all devices in a second; what is beyond ``_ARRIVALS_MAX`` stays at the broker."""
        self._waiting: queue.Queue[Message | None] = queue.Queue(_WAITING_MAX)
        self._link: Link | None = None
        self._thread = threading.Thread(target=self._run, name="listening", daemon=True)

    @property
    def connected(self) -> bool:
        """Whether the place's broker is connected."""
        return self._link is not None and self._link.connected

    def start(self, loop: MqttLoop, broker: Broker, *, boot: str, claimed: Callable[[str], bool]) -> None:
        """Connect, and start the thread; ``claimed`` returns whether a topic belongs to a configured device."""
        self._claimed = claimed
        self._thread.start()
        self._link = loop.add(
            broker,
            client_id=f"maillage-listening-{boot}",
            on_message=self._arrived,
            subscriptions=[(topic, 0) for topic in self._topics.filters],
            may_read=lambda: self._arrivals < _ARRIVALS_MAX or int(time.monotonic()) != self._arrivals_in,
        )

    def stop(self) -> None:
        """End the thread; what waits is dropped."""
        try:
            self._waiting.put_nowait(None)
        except queue.Full:
            self._waiting.get_nowait()
            self._waiting.put(None)
        if self._thread.is_alive():
            self._thread.join(5)

    def page(self, gateway: str) -> tuple[UnassignedDevice, ...]:
        """Return the next unassigned devices of ``gateway`` for its report."""
        of = self._gateway(gateway)
        return of.unassigned.page(of.assigned)

    def all(self, gateway: str) -> tuple[UnassignedDevice, ...]:
        """Return every unassigned device of ``gateway``."""
        of = self._gateway(gateway)
        of.unassigned.page(of.assigned)
        return of.unassigned.all()

    def hear(self, gateway: str, driver: str, one: Introduced) -> None:
        """Note a device that isn't configured. From any thread."""
        of = self._gateway(gateway)
        description = installed()[driver]
        key = (driver, description.key(one.address))
        if trespass(Device(code="unassigned", driver=driver, address=one.address)) is not None:
            return  # a name that a stranger gave it at the bridge
        if key not in of.assigned and of.unassigned.hear(
            key, one, at=self._clock(), now=time.monotonic(), needs_model=description.needs_model
        ):
            log.info("device_unassigned", extra={"gateway": gateway, "driver": driver})
            self._announce(gateway)

    def _gateway(self, gateway: str) -> _Of:
        of, config = self._of.setdefault(gateway, _Of()), self._places[gateway].config
        if of.config is not config:
            of.assigned = frozenset(_key(device) for device in config.devices)
            of.config = config
        return of

    def _arrived(self, message: Message) -> None:
        """In the connection's thread."""
        second = int(time.monotonic())
        self._arrivals, self._arrivals_in = (self._arrivals + 1 if second == self._arrivals_in else 1), second
        if message.retained and not message.topic.endswith("/bridge/devices"):
            return  # said long ago, or by a device that is gone
        if len(message.payload) > LARGEST or self._claimed(message.topic):
            return
        taken = self._second[1] if self._second[0] == second else 0
        self._second = (second, taken + 1)
        if taken >= _READ_MAX or self._waiting.full():
            self.dropped += 1
        else:
            self._waiting.put_nowait(message)

    # The rest runs in the thread of its own.

    def _run(self) -> None:
        while (message := self._waiting.get()) is not None:
            for driver in dict.fromkeys(self._topics.of(message.topic)):
                try:
                    self._take(driver, message)
                except DriverError:
                    continue  # another maker's message on such a topic
                except Exception as error:  # another package's driver: its text may quote the message
                    log.error("introduction_failed", extra={"driver": driver, "reason": type(error).__name__})

    def _take(self, driver: str, message: Message) -> None:
        introduce = installed()[driver].introduce
        if introduce is None:
            return
        introduction: Introduction = introduce(message.topic, message.payload)
        if introduction.listen is not None and introduction.listen not in self._further:
            self._listen(introduction.listen, driver)
        for one in introduction.devices:
            gateway = self._gateway_of(one.address)
            if gateway is not None:
                self.hear(gateway, driver, one)

    def _listen(self, topic: str, driver: str) -> None:
        if len(self._further) >= _FURTHER_MAX or topic in self._topics.filters:
            return
        self._further.add(topic)
        self._topics.add(topic, driver)
        if self._link is not None:
            self._link.subscribe([(topic, 0)])

    def _gateway_of(self, address: str) -> str | None:
        """Return the gateway that ``address`` belongs to; None: several have a device with such a beginning, or none.

        Gateways that share a broker are told apart by the beginning of their devices' addresses: the LoRaWAN
        application, the Zigbee bridge's base topic, the place in a reader's topic.
        """
        if len(self._places) == 1:
            return next(iter(self._places))
        levels = self._levels_of_all()
        for level in _levels(address):
            if level in levels:
                return levels[level]
        return None

    def _levels_of_all(self) -> Mapping[str, str | None]:
        """Return the gateway of each level above a configured address; None: several gateways have devices below it."""
        places = tuple(self._places.items())
        configs = tuple(id(place.config) for _, place in places)
        if configs != self._levels_made_of:
            found: dict[str, str | None] = {}
            for name, place in places:
                for level in {level for device in place.config.devices for level in _levels(device.address)}:
                    found[level] = name if level not in found else None
            self._levels, self._levels_made_of = found, configs
        return self._levels


def _levels(address: str) -> tuple[str, ...]:
    """Return the levels above an address, the nearest first."""
    parts = address.split("/")
    return tuple("/".join(parts[:end]) for end in range(len(parts) - 1, 0, -1))


def _key(device: Device) -> Key:
    return device_key(device.driver, device.address)
