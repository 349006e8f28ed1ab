"""The field side hears every configured device, whenever its configuration comes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from gateway.equipment import equip
from gateway.field.runtime import Runtime
from gateway.mqtt.loop import Broker, MqttLoop
from gateway.spool.spool import Spool
from tests.unit.gateway.hall import AT, Hall, config


class Connection:
    """What the broker is asked for over one connection."""

    def __init__(self, subscriptions: Sequence[tuple[str, int]]) -> None:
        self.filters = {topic for topic, _ in subscriptions}

    def subscribe(self, filters: Sequence[tuple[str, int]]) -> None:
        self.filters |= {topic for topic, _ in filters}

    def unsubscribe(self, filters: Sequence[str]) -> None:
        self.filters -= set(filters)

    def acknowledge(self, receipts: Sequence[tuple[int, int]]) -> None:
        """Nothing arrives here."""


class Loop:
    """An MQTT loop to which something happens when the first connection is made."""

    def __init__(self, on_first: Callable[[], None]) -> None:
        self.connections: list[Connection] = []
        self._on_first = on_first

    def add(self, _broker: Broker, *, subscriptions: Sequence[tuple[str, int]], **_options: Any) -> Connection:
        self.connections.append(Connection(subscriptions))
        if len(self.connections) == 1:
            self._on_first()
        return self.connections[-1]


def test_a_configuration_that_comes_while_the_process_connects_is_heard(tmp_path: Path) -> None:
    hall = Hall()
    wanted = hall.place.equipment
    hall.place.become(equip(config(devices=[], doors=[])))
    spool = Spool(tmp_path / "spool.sqlite")
    runtime = Runtime([hall.place], spool=spool, boot="b", version="v", clock=lambda: AT)

    def arrives() -> None:
        hall.place.become(wanted)
        runtime.reroute()

    downlink = threading.Thread(target=arrives)

    def first() -> None:
        downlink.start()
        downlink.join(0.2)  # it may have to wait until both connections are made

    loop = Loop(first)
    try:
        runtime.start(cast("MqttLoop", loop), Broker(host="localhost", port=1883))
        downlink.join(10)
        cards, sensors = loop.connections
        assert {"gare/in/send", "gare/out/send", "gare/lab/send", "z/keys", "gare/in/cmd"} <= cards.filters
        assert "z/contact" in sensors.filters
    finally:
        runtime.stop()
        spool.close()
