"""Reads messages into batches, states and letters, and refuses those whose sender may not send them.

The worker has this done for what arrives next while the database commits what came before.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from ingest.messages import Letter, Message, ReadBatch, Refusal, glance, read, sender
from ingest.metrics import Metrics
from ingest.splitting import Repeats
from ingest.states import Said, read_state
from occupancy.topology import Gateway, Topology

log = logging.getLogger(__name__)

_NO_DEVICES: Final = "the database has no device of this gateway: add them; its events are kept by the gateway"
_REFUSED_LOG_EVERY_S: Final = 60.0
"""Of each reason: one who must not send may send a lot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Messages and what was read of them, by a topology and for the shards that were owned then."""

    topology: Topology
    owned: frozenset[int]
    messages: list[Message] = field(default_factory=list)
    readings: list[ReadBatch] = field(default_factory=list)
    unreadable: list[Letter] = field(default_factory=list)
    states: list[Said] = field(default_factory=list)


class Reader:
    """Reads what the broker handed over."""

    def __init__(self, metrics: Metrics, stored: Callable[[Gateway, str], int]) -> None:
        """``stored``: up to which number a gateway's events of an epoch are stored, as far as is known."""
        self._metrics = metrics
        self._stored = stored
        self._repeats = Repeats()
        self._log_at: dict[str, float] = {}
        self.doubtful = False
        """A message came from a gateway that the topology doesn't know."""

    def read(self, taken: Taken, messages: Iterable[Message]) -> None:
        """Read ``messages`` and add them to ``taken``."""
        for message in messages:
            taken.messages.append(message)
            found = sender(taken.topology, message.topic)
            if isinstance(found, Refusal):
                self.refuse(found)
                continue
            gateway, leaf = found
            if gateway.shard not in taken.owned:
                continue
            if leaf == "events":
                if not gateway.devices:
                    self.refuse(Refusal(topic=message.topic, reason="no_devices", error=_NO_DEVICES))
                    continue
                self._add(taken, self._answered(gateway, message) or self._read(gateway, message))
            elif leaf == "state":
                self._add(taken, read_state(gateway, message))
            else:
                self.refuse(Refusal(topic=message.topic, reason="forged_topic", error=f"nothing is heard on {leaf!r}"))

    @staticmethod
    def _add(taken: Taken, one: ReadBatch | Said | Letter | None) -> None:
        if isinstance(one, ReadBatch):
            taken.readings.append(one)
        elif isinstance(one, Said):
            taken.states.append(one)
        elif one is not None:
            taken.unreadable.append(one)
            message = one.message
            what = {"reason": one.reason, "error": one.error, "bytes": len(message.payload)}
            where = {"gateway": one.gateway.code if one.gateway else None, "topic": message.topic}
            log.warning("dead_letter", extra={**where, **what})

    def refuse(self, refusal: Refusal) -> None:
        """Count a message that isn't taken, and log it once a minute and reason. From any thread."""
        self.doubtful |= refusal.reason in ("unknown_gateway", "no_devices")
        self._metrics.refused.labels(refusal.reason).inc()
        now = time.monotonic()
        if now >= self._log_at.get(refusal.reason, 0.0):
            self._log_at[refusal.reason] = now + _REFUSED_LOG_EVERY_S
            log.warning(
                "message_refused",
                extra={"topic": refusal.topic[:300], "reason": refusal.reason, "error": refusal.error[:300]},
            )

    def _answered(self, gateway: Gateway, message: Message) -> ReadBatch | None:
        """Return a batch of which everything is stored, without its events: it only needs the mark; None: read it.

        After an overload most of what comes is such, and reading takes half of a batch's time.
        """
        found = glance(message.payload)
        if found is None:
            return None
        epoch, first, most = found
        if not most or first + most - 1 > self._stored(gateway, epoch):
            return None
        self._metrics.received.inc(most)
        self._metrics.duplicate.inc(most)
        return ReadBatch(gateway=gateway, message=message, epoch=epoch, first=first, sent_at=0, events=[])

    def _read(self, gateway: Gateway, message: Message) -> ReadBatch | Letter:
        """Read a batch; one that is no JSON is taken apart when it comes again and again: its mark would never move."""
        one = read(gateway, message)
        if (
            isinstance(one, Letter)
            and one.reason == "invalid_json"
            and self._repeats.unreadable(gateway, message.payload, message.received_at)
        ):
            return read(gateway, message, single_out=True)
        return one
