"""Sends lists to gateways until each holds what it should: deltas where they can follow, whole lists where not.

What a gateway holds it says itself (its retained ``state``). Nothing that goes out is retained. Everything here runs in
the worker's thread.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import psycopg

from access.compare import Delta
from gateway.contract.wire import Address, State
from rights import gateways, history, store
from rights.draft import Change
from rights.fleet import Gateway, GatewayList, Target
from rights.metrics import Metrics
from rights.packing import MAX_DELTA_BYTES, delta_message, list_messages
from rights.store import Connection

log = logging.getLogger(__name__)

Publish = Callable[[str, bytes], None]
"""Send a message (topic, payload) with QoS 1, not retained."""
_SHORT: Final = 50_000
"""Bytes of a delta from which on it is weighed against the whole list."""
_FAR_AHEAD: Final = 1_000_000
_WHOLES_IN_VAIN: Final = 2
_ASIDE_S: Final = 60.0
"""What fails for one gateway is tried again after this."""


@dataclass(slots=True, kw_only=True)
class Usual:
    """The delta from the version before to the newest, and when what it tells of was changed.

    It is signed when it is first sent, so that no gateway waits for the signatures of the others' deltas.
    """

    base: int
    version: int
    delta: Delta
    dirty_at: datetime
    message: bytes | None = None


class Sender:
    """The gateways, what they should hold, and how it gets there."""

    def __init__(self, publish: Publish, seed: str, metrics: Metrics) -> None:
        """``seed`` signs: Ed25519, base64."""
        self._publish = publish
        self._seed = seed
        self._metrics = metrics
        self._said: dict[Address, State] = {}
        """The newest word of every gateway in service."""
        self.sides: dict[str, GatewayList] = {}
        self._targets: dict[int, Target] = {}
        self._at_place: dict[int, list[GatewayList]] = {}
        self._usual: dict[int, Usual] = {}
        self._held: dict[int, tuple[int | None, str | None]] = {}
        self._touched: set[str] = set()

    def load(self, connection: Connection) -> None:
        """Read the gateways in service and the newest versions; what is known of gateways stays."""
        known, self.sides, self._at_place = self.sides, {}, {}
        for one in gateways.gateways(connection):
            side = known.get(one.code)
            if side is None or side.gateway != one:
                side = GatewayList(gateway=one)
                said = self._said.get(one.address)
                if said is not None:
                    side.heard(said)
            self.sides[one.code] = side
            self._at_place.setdefault(one.place, []).append(side)
        in_service = self.addresses()
        self._said = {address: said for address, said in self._said.items() if address in in_service}
        self._targets = {
            place: Target(version=one.version, fingerprint=one.fingerprint)
            for place, one in store.lists(connection, self._at_place).items()
        }
        self._touched.update(self.sides)

    def addresses(self) -> frozenset[Address]:
        """Of the gateways in service."""
        return frozenset(side.gateway.address for side in self.sides.values())

    def known(self) -> list[Gateway]:
        """Return the gateways in service."""
        return [side.gateway for side in self.sides.values()]

    def said(self, address: Address) -> State | None:
        """Return a gateway's newest state."""
        return self._said.get(address)

    def heard(self, address: Address, state: State) -> None:
        """Take in a gateway's state; one at another address than its own is a stranger's."""
        side = self.sides.get(address.gateway)
        if side is None or side.gateway.address != address:
            return
        self._said[address] = state.model_copy(update={"unwell": ()})
        was_refused = side.refused
        side.heard(state)
        if side.refused and not was_refused:
            self._metrics.refused.inc()
            log.warning("list_refused", extra={"gateway": side.gateway.code, "version": side.version})
        if state.online:
            self._held[side.gateway.id] = (state.list_version, state.list_fingerprint)
        self._touched.add(side.gateway.code)

    def lost(self) -> None:
        """The connection to the broker is lost: every gateway is unreachable until its next state."""
        self._said.clear()
        for side in self.sides.values():
            side.heard(State(online=False))

    def changed(self, changes: Iterable[Change]) -> None:
        """Aim at new versions."""
        for one in changes:
            self._targets[one.place] = Target(version=one.version, fingerprint=one.fingerprint)
            self._usual.pop(one.place, None)
            sides = self._at_place.get(one.place, ())
            if one.delta is not None and any(side.online for side in sides):
                self._usual[one.place] = Usual(
                    base=one.base, version=one.version, delta=one.delta, dirty_at=one.dirty_at
                )
            self._touched.update(side.gateway.code for side in sides)

    def pump(self, connection: Connection, now: float, *, everyone: bool = False) -> dict[int, int]:
        """Send what is due; with ``everyone``, also where nothing was heard. ``now``: seconds that only grow.

        Returns the places whose gateways are ahead of the centre, with the versions that these hold.

        Raises:
            psycopg.Error: the database is away; what is due stays due. Whatever else goes wrong with a gateway stays
                there.
        """
        codes = list(self.sides) if everyone else list(self._touched)
        ahead: dict[int, int] = {}
        for code in codes:
            side = self.sides.get(code)
            if side is not None:
                try:
                    self._attend(connection, side, now, ahead)
                except (psycopg.OperationalError, psycopg.InterfaceError):
                    raise
                except Exception:
                    side.rest_until = now + _ASIDE_S
                    log.exception("list_not_sent", extra={"gateway": code})
            self._touched.discard(code)
        if everyone:
            online = [side for side in self.sides.values() if side.online]
            self._metrics.online.set(len(online))
            self._metrics.behind.set(sum(1 for side in online if not self._is_settled(side)))
        return ahead

    def keep_held(self, connection: Connection) -> None:
        """Store the list versions that gateways report; the alarm that one takes no list ends when it has taken it."""
        held, self._held = self._held, {}
        gateways.held(connection, held)
        gateways.end_refusals(
            connection, "list_refused", [side for side in self.sides.values() if self._holds_newest(side)]
        )

    def _holds_newest(self, side: GatewayList) -> bool:
        target = self._targets.get(side.gateway.place)
        return side.online and target is not None and side.settled(target)

    def compared(self, connection: Connection, code: str, theirs: dict[str, str]) -> None:
        """Set a gateway's list (token → first digits of its entry's digest) beside ours; the whole one goes out."""
        side = self.sides.get(code)
        target = None if side is None else self._targets.get(side.gateway.place)
        if side is None or target is None or side.version != target.version:
            return
        side.told()
        self._touched.add(code)
        if not side.settled(target):
            gateways.alarm_of_drift(connection, side.gateway, target.version, theirs)

    def _is_settled(self, side: GatewayList) -> bool:
        target = self._targets.get(side.gateway.place)
        return target is None or side.settled(target)

    def _attend(self, connection: Connection, side: GatewayList, now: float, ahead: dict[int, int]) -> None:
        """Do what one gateway needs."""
        target = self._targets.get(side.gateway.place)
        late = side.sent is not None and now >= side.due and not self._is_settled(side)
        step, base = side.step(target, now)
        if step == "nothing" or target is None:
            return
        if late:
            self._metrics.again.inc()
        if step == "ahead":
            if side.version <= target.version + _FAR_AHEAD:
                ahead[side.gateway.place] = max(side.version, ahead.get(side.gateway.place, 0))
            gateways.alarm_of_lead(connection, side.gateway, side.version, target.version)
        elif step == "compare":
            self._metrics.drift.inc()
            log.warning("list_drift", extra={"gateway": side.gateway.code, "version": target.version})
            gateways.ask_for_list(connection, side.gateway)
        elif step == "whole" or not self._send_delta(connection, side, base, target, now):
            if side.wholes >= _WHOLES_IN_VAIN:
                side.accused = True
                gateways.alarm_of_refusal(connection, side.gateway, side.version)
            self._send_whole(connection, side, target, now)

    def _send_delta(self, connection: Connection, side: GatewayList, base: int, target: Target, now: float) -> bool:
        """Send what leads from ``base`` to the newest version; False: the whole list is shorter, or there is no way."""
        place = side.gateway.place
        usual = self._usual.get(place)
        if usual is not None and usual.base == base and usual.version == target.version:
            message = usual.message = usual.message or delta_message(usual.delta, self._seed)
            self._metrics.sent_seconds.observe(max(0.0, (datetime.now(UTC) - usual.dirty_at).total_seconds()))
        else:
            delta = history.since(connection, place, base, target.version, target.fingerprint)
            if delta is None:
                return False
            message = delta_message(delta, self._seed)
            if len(message) > _SHORT and len(message) > sum(map(len, self._whole(connection, place, target))):
                return False
        if len(message) > MAX_DELTA_BYTES:
            return False
        self._send(side, [message], "delta")
        side.sending(target.version, len(message), now, whole=False)
        return True

    def _send_whole(self, connection: Connection, side: GatewayList, target: Target, now: float) -> None:
        messages = self._whole(connection, side.gateway.place, target)
        self._send(side, messages, "part")
        side.sending(target.version, sum(map(len, messages)), now, whole=True)
        log.info("list_sent", extra={"gateway": side.gateway.code, "version": target.version, "parts": len(messages)})

    def _whole(self, connection: Connection, place: int, target: Target) -> list[bytes]:
        whole = history.whole(connection, place, target.version)
        return [] if whole is None else list_messages(whole, target.fingerprint, self._seed)

    def _send(self, side: GatewayList, messages: Iterable[bytes], kind: str) -> None:
        topic = side.gateway.address.topic("list")
        for message in messages:
            self._publish(topic, message)
            self._metrics.messages.labels(kind).inc()
            self._metrics.bytes.labels(kind).inc(len(message))
