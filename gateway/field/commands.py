"""What goes over the command topics of the locks: the gateway's own commands, and those of anybody else.

The connection that sends the commands is subscribed to their topics, too. So the broker returns each command of ours
once, in its order, and a count of what was sent tells ours from another's, though their bytes are the same. A broker
without a session returns nothing of an earlier connection, and what was sent by that one is forgotten with it: after
a restart there is nothing to remember. The subscription is of QoS 0, by which nothing is delivered twice.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from gateway.contract.configuration import Device
from gateway.drivers import DriverError
from gateway.drivers.registry import installed, trespass
from gateway.mqtt.filters import Routes
from gateway.mqtt.loop import Message
from gateway.place import Place

log = logging.getLogger(__name__)

QOS: Final = 0


class Commands:
    """The command topics of one process's locks. Its methods may be called from any thread."""

    def __init__(self, places: Iterable[Place], others: Routes[tuple[Place, str]]) -> None:
        """Find the topics.

        Args:
            others: what the same connection is subscribed to besides; where these match a topic, the broker may return
                a command by them.
        """
        self._sent: Counter[tuple[str, bytes]] = Counter()
        self._counting = threading.Lock()
        self.follow(places, others)

    def follow(self, places: Iterable[Place], others: Routes[tuple[Place, str]]) -> None:
        """Find the topics again: a place has other devices now. From any thread."""
        filters: dict[str, None] = {}
        locks: Routes[tuple[Place, Device]] = Routes()
        for place in places:
            for device in place.config.devices:
                driver = installed().get(device.driver)
                if driver is None or driver.field_side is None or "unlocks" not in driver.capabilities:
                    continue
                if trespass(device) is not None:  # what goes over a bridge's own topics isn't ours to clear
                    continue
                try:
                    topics = driver.field_side(device.address).hears
                except DriverError:  # its address is refused elsewhere, with the reason
                    continue
                for topic in topics:
                    matching = len(others.of(topic))
                    if matching > 1:  # each subscription brings a copy: what was sent can't be counted
                        log.error("commands_unwatched", extra={"topic": topic[:512], "device": device.code})
                        continue
                    if not matching:
                        filters[topic] = None
                    locks.add(topic, (place, device))
        self.filters: Mapping[str, None] = filters
        """To be subscribed to."""
        self._locks = locks

    def sent(self, topic: str, payload: bytes) -> None:
        """A command of ours is about to go to the broker."""
        if payload and self._locks.of(topic):
            with self._counting:
                self._sent[topic, payload] += 1

    def forget(self) -> None:
        """The connection is gone: nothing that was sent by it comes back."""
        with self._counting:
            self._sent.clear()

    def is_command(self, topic: str) -> bool:
        """Return whether a message on this topic is a command."""
        return bool(self._locks.of(topic))

    def is_foreign(self, message: Message) -> bool:
        """Take in a command that the broker delivered; return whether another sent it. An empty one is none."""
        if not message.payload:
            return False
        key = message.topic, message.payload
        with self._counting:
            if message.retained or not self._sent[key]:
                return True
            self._sent[key] -= 1
            if not self._sent[key]:
                del self._sent[key]
        return False

    def locks(self, topic: str) -> list[tuple[Place, Device]]:
        """Return the locks that a command on this topic is for: several boards may share it."""
        return self._locks.of(topic)
