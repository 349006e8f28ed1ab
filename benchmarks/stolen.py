"""A stolen gateway that is connected is shut out: how soon it is cut off, and can neither publish nor receive.

Part of ``benchmarks.revocation``. The thief has the gateway's disk: its key and certificate, with which it connects as
the gateway did. Until the end it publishes a state every few milliseconds, and as often the rights process' login sends
it something on its list's topic. It also connects again as often as it can.
"""

from __future__ import annotations

import threading
import time
from typing import Final

from benchmarks.revocation_chain import Chain
from benchmarks.secure import Joined
from benchmarks.stand import Stand
from gateway.contract.wire import State
from gateway.mqtt.loop import Link, Message

_EVERY_S: Final = 0.005
_AFTERWARDS_S: Final = 0.5
"""How long it still tries."""
_LONGEST_S: Final = 30.0


class Thief:
    """One stolen gateway, and when it last did what it should no longer be able to do (seconds that only grow)."""

    def __init__(self, chain: Chain, stolen: Joined, rights: Link, ingest: Link) -> None:
        """Connect. ``ingest`` hears states (``hear``), ``rights`` may send lists."""
        address = stolen.identity.address
        self.received = self.heard = self.cut = 0.0
        self.state_topic, self._list_topic = address.topic("state"), address.topic("list")
        self._rights, self._ingest = rights, ingest
        self._state = State(online=True, boot="thief").model_dump_json().encode()
        self._stop = threading.Event()
        self.link = chain.loop.add(
            stolen.broker,
            client_id=stolen.identity.gateway,
            on_message=self._receive,
            on_disconnect=self._disconnected,
            subscriptions=[(self._list_topic, 1)],
        )
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    @property
    def works(self) -> bool:
        """Whether it publishes and receives."""
        return self.heard > 0 and self.received > 0

    def hear(self) -> None:
        """Take note that the centre has heard it."""
        self.heard = time.monotonic()

    def end(self) -> None:
        """Stop trying."""
        self._stop.set()
        self._thread.join()
        self.link.close()

    def _receive(self, _message: Message) -> None:
        self.received = time.monotonic()

    def _disconnected(self) -> None:
        self.cut = self.cut or time.monotonic()

    def _work(self) -> None:
        while not self._stop.wait(_EVERY_S):
            self.link.publish(self.state_topic, self._state)
            self._rights.publish(self._list_topic, b"-")


def cut_off(where: Stand, chain: Chain, stolen: list[Joined]) -> list[float]:
    """Shut out connected gateway after gateway; return the seconds from the request until each was powerless."""
    thieves: dict[str, Thief] = {}

    def hear(message: Message) -> None:
        thief = thieves.get(message.topic)
        if thief is not None and message.payload:
            thief.hear()

    ingest = chain.loop.add(
        where.secure.process("ingest"),
        client_id="bench-hears",
        on_message=hear,
        subscriptions=[("maillage/v1/+/+/+/state", 1)],
    )
    rights = chain.loop.add(where.secure.process("rights"), client_id="bench-sends", on_message=lambda _message: None)
    took = []
    for one in stolen:
        thief = Thief(chain, one, rights, ingest)
        thieves[thief.state_topic] = thief
        _until(lambda thief=thief: thief.works, "the stolen gateway works")
        begun = time.monotonic()
        chain.shut_out(one.identity.gateway)
        _until(lambda thief=thief: thief.cut > 0, "the stolen gateway is cut off")
        time.sleep(_AFTERWARDS_S)
        if thief.link.connected:
            raise SystemExit("a stolen gateway is connected again")
        thief.end()
        took.append(max(thief.cut, thief.heard, thief.received) - begun)
    return took


def _until(condition: object, what: str) -> None:
    assert callable(condition)
    end = time.monotonic() + _LONGEST_S
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"not within {_LONGEST_S:g} s: {what}")
        time.sleep(0.002)
