"""A gateway that only hears: the edge's own reading of lists and orders, on a real connection, without doors."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import replace

from access.compare import fingerprint
from gateway.config import GatewayConfig
from gateway.contract.list_report import list_report
from gateway.contract.signing import verify
from gateway.contract.wire import Address, Order, OrderBody, Reply, State
from gateway.lists.access_lists import ListHolder, ListRefused
from gateway.mqtt.loop import Link, Message, MqttLoop, parse_mqtt_url


class Hearer:
    """One gateway; ``lists`` is what it would decide by."""

    def __init__(self, loop: MqttLoop, url: Callable[[str], str], address: Address, key: str) -> None:
        """``url`` gives the broker's for a user; ``key`` is the centre's public one."""
        self._loop = loop
        self._url = url
        self._address = address
        config = GatewayConfig(shard=address.shard, place=address.place, gateway=address.gateway, list_key=key)
        self.lists = ListHolder(config)
        self.deltas: list[bytes] = []
        self.parts: list[bytes] = []
        self.orders: queue.Queue[OrderBody] = queue.Queue()
        self.answers = True
        """Whether it says its state after a list."""
        self._key = key
        self._link: Link | None = None
        self._boots = 0
        self._made = threading.Event()

    @property
    def version(self) -> int:
        return self.lists.version or 0

    def connect(self) -> None:
        self._boots += 1
        self._made.clear()
        will = (self._address.topic("state"), State(online=False).model_dump_json().encode())
        self._link = self._loop.add(
            parse_mqtt_url(self._url(self._address.gateway)),
            client_id=f"{self._address.gateway}-{self._boots}",
            on_message=self._hear,
            on_connect=self.say,
            subscriptions=[(self._address.topic("list"), 1), (self._address.topic("command"), 1)],
            will=will,
        )
        self._made.set()

    def disconnect(self) -> None:
        assert self._link is not None
        self._link.publish(self._address.topic("state"), State(online=False).model_dump_json().encode(), retain=True)
        self._link.close()

    def say(self, *, address: Address | None = None, **changes: object) -> None:
        """Say its state, retained; ``changes``: otherwise than it is."""
        self._made.wait(60)
        assert self._link is not None
        state = State(
            online=True,
            boot=f"b{self._boots}",
            list_version=self.lists.version,
            list_fingerprint=self.lists.fingerprint,
            list_refused=self.lists.complaint,
        ).model_copy(update=changes)
        self._link.publish((address or self._address).topic("state"), state.model_dump_json().encode(), retain=True)

    def reply(self, reply: Reply) -> None:
        assert self._link is not None
        self._link.publish(self._address.topic("reply"), reply.model_dump_json().encode())

    def lose_an_entry(self) -> None:
        """Its list goes bad by itself."""
        assert self.lists.current is not None
        entries = dict(self.lists.current.entries)
        entries.popitem()
        self.lists.current = replace(self.lists.current, entries=entries)
        self.lists.fingerprint = fingerprint(self.lists.current)
        self.say()

    def _hear(self, message: Message) -> None:
        if message.topic.endswith("/command"):
            command = Order.model_validate_json(message.payload)
            verify(self._key, "command", command.body, command.signature)
            body = OrderBody.model_validate_json(command.body)
            if body.do == "report_list":
                self.reply(Reply(id=body.id, outcome="done", entries=list_report(self.lists.current)))
            self.orders.put(body)
            return
        (self.deltas if b'"delta"' in message.payload[:20] else self.parts).append(message.payload)
        try:
            self.lists.take(message.payload)
        except ListRefused:
            pass
        if self.answers:
            self.say()
