"""Keeps gateways' configurations new and sends them until each gateway holds its newest. In the worker's thread."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import psycopg
from pydantic import ValidationError

from gateway.contract.configuration import Secrets
from gateway.contract.sealed import SealError
from gateway.contract.wire import Address, State
from rights import configuration_rows, gateways, store
from rights.configuring import GatewayConfigured, Layout, Said, Step, TooLong, content_again, content_of, target_of
from rights.fleet import Gateway, Target
from rights.layout import layouts
from rights.metrics import Metrics
from rights.packing import configuration_message
from rights.store import Connection

log = logging.getLogger(__name__)

_PLACES_AT_ONCE: Final = 100
_SENT_AT_ONCE: Final = 100
"""So many at a time, some 0.2 s: lists and orders wait no longer."""
_ASIDE_S: Final = 60.0
"""What fails for one gateway is tried again after this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finding:
    """An alarm of a gateway's configuration."""

    kind: str
    text: str


_DRIFT: Final = "it holds {what}. Was its disk or the database restored? It is sent the newest."
_FINDINGS: Final[Mapping[Step, _Finding]] = {
    "refused": _Finding(
        kind="configuration_refused", text="it doesn't use the configuration that it was sent: {reason}"
    ),
    "silent": _Finding(
        kind="configuration_refused",
        text="it doesn't acknowledge the configuration that it is sent. Has it the right key? It says: {reason}",
    ),
    "differs": _Finding(
        kind="configuration_drift", text=_DRIFT.format(what="another configuration under the number of the newest")
    ),
    "ahead": _Finding(kind="configuration_drift", text=_DRIFT.format(what="a newer configuration than the centre")),
    "went_back": _Finding(kind="configuration_drift", text=_DRIFT.format(what="an older configuration than it had")),
}


class Configurations:
    """The gateways that have joined, what they should hold, and how it gets there."""

    def __init__(
        self,
        publish: Callable[[str, bytes], None],
        seed: str,
        metrics: Metrics,
        *,
        list_keys: Sequence[str],
        secrets: Callable[[str], Secrets],
    ) -> None:
        """Take the network's keys.

        Args:
            publish: sends a message (topic, payload) with QoS 1, not retained.
            seed: signs (Ed25519, base64).
            list_keys: the public keys that gateways shall believe.
            secrets: gives a place's secrets by its code.
        """
        self._publish = publish
        self._seed = seed
        self._metrics = metrics
        self._list_keys = tuple(list_keys)
        self._secrets = secrets
        self._sides: dict[str, GatewayConfigured] = {}
        self._targets: dict[int, Target] = {}
        self._touched: set[str] = set()
        self._forced: dict[int, int] = {}
        """Gateways that get a new version, above the given one, even where nothing has changed."""
        self._aside: dict[str, float] = {}
        """When a gateway for which sending failed is tried again."""
        self._careful = False
        """Whether places are looked at one by one, because some failed together."""
        self._sent = 0
        self._due: dict[int, None] = {}
        """Places whose gateways are to be looked at, the oldest first."""

    @property
    def waits(self) -> bool:
        """Whether there is more to do at once."""
        return bool(self._due or self._forced)

    def load(self, known: Iterable[Gateway], said: Callable[[Address], State | None]) -> None:
        """Follow the gateways in service; what is known of those that stay remains."""
        before, self._sides = self._sides, {}
        for one in known:
            side = before.get(one.code)
            if side is None or side.gateway != one:
                side = GatewayConfigured(gateway=one)
                state = said(one.address)
                if state is not None:
                    side.heard(state)
                self._touched.add(one.code)
            self._sides[one.code] = side

    def begin(self, connection: Connection) -> None:
        """Take the lead: every gateway is looked at, since the keys may be others than the last leader's."""
        self._due |= dict.fromkeys(configuration_rows.joined(connection))

    def heard(self, address: Address, state: State) -> None:
        """Take in a gateway's state; one at another address than its own is a stranger's."""
        side = self._sides.get(address.gateway)
        if side is not None and side.gateway.address == address:
            side.heard(state)
            self._touched.add(address.gateway)

    def lost(self) -> None:
        """The connection to the broker is lost: every gateway is unreachable until its next state."""
        for side in self._sides.values():
            side.heard(State(online=False))

    def turn(self, connection: Connection) -> None:
        """Make new versions where something has changed, of some places at a time; ``connection``: in autocommit.

        What fails though the database is there is tried place by place; one that fails alone waits for its next change.

        Raises:
            psycopg.Error: the database is away. ``begin`` again.
        """
        self._take_dirty(connection)
        places = list(itertools.islice(self._due, 1 if self._careful else _PLACES_AT_ONCE))
        if not places:
            self._careful = False
            return
        try:
            with store.snapshot(connection):
                targets = self._made(connection, layouts(connection, places=places, joined=True))
        except (psycopg.OperationalError, psycopg.InterfaceError):
            raise
        except Exception:
            log.exception("configurations_failed", extra={"places": places[:5], "alone": self._careful})
            self._metrics.failures.inc()
            if not self._careful:
                self._careful = True
                return
            targets = {}
        for side in self._sides.values():
            if side.gateway.place in places:
                self._targets.pop(side.gateway.id, None)  # one that was shut out gets none
                self._forced.pop(side.gateway.id, None)
                self._touched.add(side.gateway.code)
        self._targets |= targets
        for place in places:
            del self._due[place]

    def _take_dirty(self, connection: Connection) -> None:
        """Note what may have changed; if this process dies, the next one to lead looks at everything."""
        with connection.transaction():
            dirty, forced = configuration_rows.take_dirty(connection)
        places = {side.gateway.id: side.gateway.place for side in self._sides.values()}
        self._forced = {**dict.fromkeys(forced, 0), **self._forced}
        self._due |= dict.fromkeys(sorted(dirty | {places[one] for one in self._forced if one in places}))
        self._forced = {one: above for one, above in self._forced.items() if one in places}

    def pump(self, connection: Connection, now: float, *, everyone: bool = False) -> None:
        """Send what is due; with ``everyone``, also where nothing was heard. ``now``: seconds that only grow.

        Raises:
            psycopg.Error: the database is away; what is due stays due. Whatever else goes wrong with a gateway stays
                there.
        """
        sent = self._sent
        for code in list(self._sides) if everyone else list(self._touched):
            if self._sent - sent >= _SENT_AT_ONCE:
                return  # lists wait no longer
            side = self._sides.get(code)
            if side is not None and now >= self._aside.get(code, now):
                try:
                    self._attend(connection, side, now)
                except (psycopg.OperationalError, psycopg.InterfaceError):
                    raise
                except Exception:
                    self._aside[code] = now + _ASIDE_S
                    log.exception("configuration_not_sent", extra={"gateway": code})
            self._touched.discard(code)
        if everyone:
            online = [side for side in self._sides.values() if side.online and side.gateway.id in self._targets]
            settled = [side for side in online if side.settled(self._targets[side.gateway.id])]
            self._metrics.unconfigured.set(len(online) - len(settled))
            gateways.end_refusals(connection, "configuration_refused", settled)

    def _made(self, connection: Connection, found: Sequence[Layout]) -> dict[int, Target]:
        """Write the versions that are new; return what each gateway should hold."""
        ids = [one.gateway.id for one in found]
        newest = configuration_rows.newest(connection, ids)
        holds = configuration_rows.holds(connection, ids)
        targets: dict[int, Target] = {}
        fresh: list[configuration_rows.New] = []
        for layout in found:
            gateway = layout.gateway
            stored = newest.get(gateway.id)
            if stored is not None:
                targets[gateway.id] = stored.target
            try:
                said = self._said(layout, holds.get(gateway.id))
                if stored is not None and stored.made_of == said.made_of and gateway.id not in self._forced:
                    continue
                version = 1 + max(self._forced.get(gateway.id, 0), stored.target.version if stored is not None else 0)
                body = said.body(version)
            except (TooLong, ValidationError, SealError) as error:  # the versions before stay in force
                text = str(error) if not isinstance(error, ValidationError) else _first(error)
                log.error("configuration_unusable", extra={"gateway": gateway.code, "reason": text})
                gateways.alarm_of_configuration(connection, gateway, kind="configuration_unusable", text=text)
                continue
            targets[gateway.id] = target_of(version, body)
            fresh.append(
                configuration_rows.New(
                    gateway=gateway.id,
                    place=gateway.place,
                    version=version,
                    body=body,
                    fingerprint=targets[gateway.id].fingerprint,
                    made_of=said.made_of,
                    back_to=said.back_to,
                )
            )
        configuration_rows.write(connection, fresh)
        if fresh:
            self._metrics.configurations.inc(len(fresh))
            log.info("configurations_made", extra={"gateways": len(fresh)})
        return targets

    def _said(self, layout: Layout, hold: tuple[int, str] | None) -> Said:
        return Said(
            layout=layout,
            back_to=None if hold is None else hold[0],
            secrets=self._secrets(layout.gateway.address.place),
            list_keys=self._list_keys,
            content=content_of(layout) if hold is None else content_again(hold[1]),
        )

    def _attend(self, connection: Connection, side: GatewayConfigured, now: float) -> None:
        """Do what one gateway needs."""
        gateway, target = side.gateway, self._targets.get(side.gateway.id)
        step = side.step(target, now)
        if step == "nothing" or target is None:
            return
        if step == "send":
            body = configuration_rows.body(connection, gateway.id, target.version)
            if body is not None:
                self._send(gateway, configuration_message(body, self._seed))
                side.sending(target.version, now)
            return
        found = _FINDINGS[step]
        log.warning(found.kind, extra={"gateway": gateway.code, "version": side.version, "ours": target.version})
        text = found.text.format(reason=side.refused or "nothing")
        side.accused = True
        gateways.alarm_of_configuration(
            connection, gateway, kind=found.kind, text=text, version=side.version, ours=target.version
        )
        if step in ("ahead", "differs"):
            self._forced[gateway.id] = side.version

    def _send(self, gateway: Gateway, message: bytes) -> None:
        self._sent += 1
        self._publish(gateway.address.topic("config"), message)
        self._metrics.messages.labels("config").inc()
        self._metrics.bytes.labels("config").inc(len(message))


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
