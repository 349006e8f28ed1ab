"""States of gateways: read, stored, notified to the API, and watched for two machines with one identity."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import psycopg
from pydantic import ValidationError

from database.alarms import Alarm, raise_alarm
from database.leases import Fenced
from gateway.contract.wire import State
from ingest import alarms, clock, records
from ingest.device_states import DeviceStates
from ingest.heard import HeardDevices
from ingest.messages import Letter, Message, describe
from ingest.metrics import Metrics
from ingest.notifications import notify
from ingest.store import Connection, when
from occupancy.topology import Gateway

log = logging.getLogger(__name__)

STUCK_US: Final = 300_000_000
"""A gateway that reports events in its spool for this long, with none stored meanwhile, is stuck."""
_OF_DEVICES: Final = tuple(kind for kind, _ in alarms.DEVICE_TROUBLES.values())
_LASTING: Final = ("mark_stuck", "disk_refuses", "clock_wrong", *_OF_DEVICES)
_BOOTS = 8
"""Of each gateway, so many starts are remembered."""


@dataclass(frozen=True, slots=True)
class Said:
    """A gateway's state, and the message that it came in."""

    gateway: Gateway
    state: State
    message: Message

    @property
    def heard_at(self) -> int:
        """When it was true, by the centre's clock; a retained message is no newer than its own time."""
        received = self.message.received_at
        return min(received, self.state.at or 0) if self.message.retained else received

    @property
    def offset_ms(self) -> float | None:
        """The gateway's clock minus the centre's; None where the message may be old."""
        if self.message.retained or self.state.at is None:
            return None
        return (self.state.at - self.message.received_at) / 1000


def read_state(gateway: Gateway, message: Message) -> Said | Letter | None:
    """Read a message of the leaf ``state``; None where it is empty, which only clears what was retained."""
    if not message.payload:
        return None
    try:
        return Said(gateway, State.model_validate_json(message.payload), message)
    except ValidationError as error:
        return Letter(gateway=gateway, message=message, reason="invalid_state", error=describe(error))


class States:
    """Stores states, and remembers when each gateway started."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._boots: dict[int, list[str]] = {}
        self._holding: dict[int, int] = {}
        """Since when each gateway has reported events in its spool."""
        self._heard = HeardDevices()
        self._devices = DeviceStates(metrics)
        self._lasting: dict[int, set[str]] = {}
        """What alarms of each gateway may last; a gateway that isn't here: any."""

    def store(self, connection: Fenced, said: Sequence[Said]) -> None:
        """Store the newest state of each gateway and notify the API.

        Where something can't be stored, each goes in alone, so that one gateway's nonsense costs only itself.
        """
        newest = list({one.gateway.id: one for one in said}.values())
        try:
            self._store(connection, newest)
        except psycopg.DataError:
            if len(newest) == 1:
                log.exception("state_refused", extra={"gateway": newest[0].gateway.code})
                self._metrics.failures.inc()
                return
            for one in newest:
                self.store(connection, [one])

    def _store(self, connection: Fenced, newest: Sequence[Said]) -> None:
        # All of it travels at once: a word with the database for each gateway would hold up the events behind it.
        ended: list[tuple[int, str]] = []
        with self._heard.or_forget(), self._devices.or_forget(), connection.at_once():
            self._devices.store(connection, [(one.gateway, one.state, one.heard_at) for one in newest])
            for one in newest:
                gateway, state = one.gateway, one.state
                records.store_state(
                    connection, gateway.id, gateway.place, state, heard_at=one.heard_at, offset_ms=one.offset_ms
                )
                if state.unassigned and state.at is not None:
                    shift = one.heard_at - state.at
                    self._heard.store(connection, gateway.id, gateway.place, state.unassigned, shift=shift)
                self._watch(connection, gateway, state)
                if state.online and not one.message.retained:
                    ended += self._last(connection, one)
                self._metrics.online.labels(gateway.code).set(state.online)
                if state.spool_depth is not None:
                    self._metrics.spool_depth.labels(gateway.code).set(state.spool_depth)
                if one.offset_ms is not None:
                    self._metrics.clock_offset.labels(gateway.code).set(one.offset_ms / 1000)
            records.end_lasting(connection, ended)
        notify(connection, "maillage_gateway", [one.gateway.id for one in newest])

    def _watch(self, connection: Connection, gateway: Gateway, state: State) -> None:
        """Two boots that alternate under one gateway are two machines with one identity."""
        if state.boot is None or not state.online:
            return
        boots = self._boots.setdefault(gateway.id, [])
        if state.boot in boots[:-1]:
            self._metrics.conflicts.inc()
            log.error("identity_conflict", extra={"gateway": gateway.code})
            text = f"two machines are running as gateway {gateway.code}. Change its password."
            alarm = Alarm(kind="identity_conflict", place=gateway.place, gateway=gateway.id, text=text)
            raise_alarm(connection, alarm)
            boots.remove(state.boot)
        if not boots or boots[-1] != state.boot:
            boots.append(state.boot)
            del boots[:-_BOOTS]

    def _last(self, connection: Connection, one: Said) -> list[tuple[int, str]]:
        """Begin the alarms that last (of the mark, the disk, the clock, the devices); return which ones have ended."""
        gateway, state, now = one.gateway, one.state, one.message.received_at
        found: dict[str, tuple[int, str]] = {}
        if state.spool_depth:
            since = self._holding.setdefault(gateway.id, now)
            if now - since >= STUCK_US and records.mark_stands(connection, gateway.id, now - STUCK_US):
                text = f"gateway {gateway.code} holds events and none of them gets stored"
                found["mark_stuck"] = (since, text)
        else:
            self._holding.pop(gateway.id, None)
        if state.disk is not None:
            text = f"the disk of gateway {gateway.code} takes nothing, events wait in its memory: {state.disk[:300]}"
            found["disk_refuses"] = (now, text)
        shift = 0 if state.at is None else clock.offset(state.at, now)
        if shift or state.clock is not None:
            found["clock_wrong"] = (now, alarms.clock_text(gateway, shift, state.clock))
        found |= alarms.devices_unwell(gateway, state.unwell, now)
        # a batch raises clock_wrong, too, also one from before the clock was right
        lasting = self._lasting.get(gateway.id, set(_LASTING)) | {"clock_wrong"}
        ended = [(gateway.id, kind) for kind in lasting - found.keys()]
        for _, kind in ended:
            self._devices.texts.pop((gateway.id, kind), None)
        for kind, (begun, text) in found.items():
            if self._devices.texts.get((gateway.id, kind)) == text:
                continue
            alarm = Alarm(kind=kind, place=gateway.place, gateway=gateway.id, text=text, from_at=when(begun))
            records.begin_lasting(connection, alarm)
            if kind in _OF_DEVICES:
                records.reword_lasting(connection, alarm)
                self._devices.texts[gateway.id, kind] = text
        self._lasting[gateway.id] = set(found)
        return ended
