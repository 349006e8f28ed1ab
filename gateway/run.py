"""Builds and runs the parts of a gateway process."""

from __future__ import annotations

import logging
import secrets
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from gateway.clock import micros
from gateway.config import ConfigError, GatewayConfig, read_gateways
from gateway.configuration.holder import ConfigurationHolder
from gateway.configuration.store import ConfigurationStore
from gateway.contract.wire import Event, State
from gateway.door.hashing import Hasher
from gateway.drivers import DriverError
from gateway.equipment import Equipment
from gateway.field.listening import Listening
from gateway.field.login import logged_in
from gateway.field.runtime import Runtime
from gateway.http.metrics import MetricsServer, ProcessMetrics
from gateway.http.muster import MusterService
from gateway.http.status import Status
from gateway.identity import Identity, IdentityError, read_identities
from gateway.mqtt.loop import Broker, MqttLoop, parse_mqtt_url
from gateway.place import Place
from gateway.settings import GatewaySettings
from gateway.spool.spool import Spool
from gateway.spool.sqlite_file import SpoolError
from gateway.spool.values import Unit
from gateway.uplink.downlink import NEWEST_CONFIGURATION, Downlink
from gateway.uplink.renewal import Renewals
from gateway.uplink.uplink import Uplink
from process import garbage

log = logging.getLogger(__name__)

_UNWELL_SHOWN = 50
_SENSORS_APART_S: Final = 0.004
"""What sensors say is read so far apart: each wake of the threads costs more than a message. A card's connection has a
thread of its own, which doesn't wait."""
_CENTRE_APART_S: Final = 0.002
"""Likewise marks and orders."""


class Process:
    """The gateways of one process, running."""

    def __init__(
        self, settings: GatewaySettings, gateways: tuple[GatewayConfig, ...], identities: tuple[Identity, ...] = ()
    ) -> None:
        """Open the spool, restore what it kept, start every part.

        Args:
            gateways: of the gateways' file.
            identities: of gateways that take their configuration from the centre.

        Raises:
            GatewayError: the spool is in use, an address or a key can't be read.
            OSError: the spool's folder or the metrics' port is unavailable.
        """
        central = parse_mqtt_url(settings.mqtt_url.get_secret_value())
        field = logged_in(parse_mqtt_url(settings.field_mqtt_url.get_secret_value()), settings.field_logins)
        boot = secrets.token_hex(4)
        self._version = _version()
        self._passphrase_file = settings.passphrase_file
        limit = None if settings.spool_max_mb is None else settings.spool_max_mb * 1_000_000
        self.spool = Spool(settings.spool, on_commit=self._committed, max_bytes=limit)
        self.places: dict[str, Place] = {}
        self.hasher = Hasher()
        self.listening = Listening(self.places, announce=self._publish_state)
        for config in gateways:
            self.spool.open(config.gateway)
            self.places[config.gateway] = self._place(config.gateway, config)
        store = ConfigurationStore(settings.spool.with_name(settings.spool.name + ".configurations"))
        self.holders = {one.gateway: self._holder(one, store) for one in identities}
        self._log_what_is_missing()
        self._loops = {
            "field": MqttLoop("field"),
            "sensors": MqttLoop("sensors", apart_s=_SENSORS_APART_S),
            "centre": MqttLoop("centre", apart_s=_CENTRE_APART_S),
        }
        self.runtime = Runtime(
            self.places.values(), spool=self.spool, boot=boot, version=self._version, store=self._store
        )
        self._renewals = Renewals(
            [one for one in identities if one.broker.startswith("mqtts://")],
            keys=lambda gateway: self.places[gateway].config.believed_keys,
        )
        lists = settings.spool.with_name(settings.spool.name + ".lists")
        self.downlink = Downlink(
            self.places,
            self.spool,
            lists,
            lambda: self.uplink,
            holders=self.holders,
            reroute=self.runtime.reroute,
            take_certificate=self._renewals.take,
        )
        self.uplink = Uplink(
            gateways=tuple(place.config for place in self.places.values()),
            broker=central,
            brokers={one.gateway: _broker(one) for one in identities},
            spool=self.spool,
            loop=self._loops["centre"],
            boot=boot,
            handler=self.downlink.take,
            account=self._account,
            clock=micros,
        )
        measures = ProcessMetrics(
            places=self.places,
            spool=self.spool,
            uplink=self.uplink,
            downlink=self.downlink,
            runtime=self.runtime,
            hasher=self.hasher,
            loops=self._loops,
            listening=self.listening,
        )
        self.metrics = (
            MetricsServer(
                measures,
                host=settings.http_host,
                port=settings.metrics_port,
                muster=MusterService(self.places.values()),
                status=Status(
                    self.places,
                    account=self.uplink.state_of,
                    uplink=self.uplink,
                    runtime=self.runtime,
                    listening=self.listening,
                ),
            )
            if settings.metrics_port
            else None
        )
        self.health: Callable[[], dict[str, bool]] = measures.health
        for loop in self._loops.values():
            loop.start()
        self.uplink.start()
        self.runtime.start(self._loops["field"], field, sensors_loop=self._loops["sensors"])
        self.listening.start(self._loops["sensors"], field, boot=boot, claimed=self.runtime.claims)
        log.info("gateway_started", extra={"gateways": len(self.places), "boot": boot, "version": self._version})

    def look(self) -> None:
        """Note that the process is still running; to be called about once a second."""
        for holder in self.holders.values():
            holder.look()
        self._renewals.look(self.uplink.request)

    def stop(self, *, asked: bool = True) -> None:
        """Process and store what has arrived, then disconnect. ``asked``: it ends because it was asked to."""
        if asked:
            for holder in self.holders.values():
                holder.stopped()
        self._loops["sensors"].stop()
        self._loops["field"].stop()
        self.listening.stop()
        self.runtime.stop()
        self.hasher.close()
        self.uplink.stop()
        self._loops["centre"].stop()
        if self.metrics is not None:
            self.metrics.close()
        self.downlink.close()
        self.spool.close()
        log.info("gateway_stopped")

    def _committed(self, gateways: set[str]) -> None:
        runtime: Runtime | None = getattr(self, "runtime", None)
        if runtime is not None:
            runtime.stored()
        uplink: Uplink | None = getattr(self, "uplink", None)
        if uplink is not None:  # the spool opens before the uplink exists, which reads the spool when it starts
            uplink.on_commit(gateways)

    def _log_what_is_missing(self) -> None:
        """Log what an operator should know at once; none of it stops the process."""
        for code, depth in self.spool.depths().items():
            if code not in self.places and depth:
                # Its events stay: it may be in the file again later, or run elsewhere with this spool.
                log.warning("spool_of_another_gateway", extra={"gateway": code, "depth": depth})
        for code, place in self.places.items():
            if not place.config.card_key.get_secret_value() and code not in self.holders:
                log.error("no_card_key", extra={"gateway": code})
            if not place.config.believed_keys:
                log.error("no_list_key", extra={"gateway": code})

    def _holder(self, identity: Identity, store: ConfigurationStore) -> ConfigurationHolder:
        """Build an identity's place by the configuration that its disk holds."""
        code = identity.gateway
        base = GatewayConfig(shard=identity.shard, place=identity.place, gateway=code, list_keys=identity.list_keys)
        sealing_key = identity.sealing_key(self._passphrase_file)
        holder = ConfigurationHolder(base, store, sealing_key=sealing_key)
        self.spool.open(code)
        try:
            newest = self.spool.kept(code).get(NEWEST_CONFIGURATION, "")
        except SpoolError as error:
            newest = ""
            log.error("kept_state_unreadable", extra={"gateway": code, "reason": str(error)})
        self.places[code] = self._place(code, holder.begin(newest))
        return holder

    def _place(self, code: str, config: GatewayConfig | Equipment) -> Place:
        try:
            return Place(
                config,
                append=partial(self._happened, code),
                publish=self._to_device,
                now=time.monotonic(),
                keep=partial(self.spool.keep, code),
                hashing=self.hasher,
                introduced=partial(self.listening.hear, code),
            )
        except DriverError as error:
            self.spool.close()
            raise ConfigError(f"gateway {code}: {error.reason}") from error

    def _happened(self, gateway: str, event: Event) -> None:
        self.spool.append(gateway, event)
        self._publish_change(gateway, event)

    def _store(self, unit: Unit) -> None:
        self.spool.append_unit(unit)
        for gateway, event in unit.events:
            self._publish_change(gateway, event)

    def _publish_change(self, gateway: str, event: Event) -> None:
        """Publish a gateway's state at once if the event changes it."""
        if event["kind"] == "device" and (event["what"] == "link" or "trouble" in event):
            self.uplink.state_changed(gateway)

    def _publish_state(self, gateway: str) -> None:
        self.uplink.state_changed(gateway)

    def _to_device(self, topic: str, payload: bytes, sent: Callable[[], None] | None) -> None:
        self.runtime.publish(topic, payload, sent)

    def _disk(self) -> str | None:
        """Return why the disk refuses at present."""
        trouble = self.spool.trouble or self.downlink.store.trouble
        return None if trouble is None else trouble[:2000]

    def _account(self, gateway: str) -> State:
        place = self.places[gateway]
        list_version, list_fingerprint = place.lists.in_force
        unwell, reports = place.condition()
        holder = self.holders.get(gateway)
        config_version, config_fingerprint = (None, None) if holder is None else holder.acknowledged
        return State(
            online=True,
            version=self._version,
            list_version=list_version,
            list_fingerprint=list_fingerprint,
            list_refused=place.lists.complaint,
            config_version=config_version,
            config_fingerprint=config_fingerprint,
            config_refused=None if holder is None else holder.refused,
            config_refused_version=None if holder is None else holder.refused_version,
            lockdown=place.lockdown,
            evacuation=place.evacuation,
            disk=self._disk(),
            clock=place.clock_complaint,
            devices=len(place.config.devices),
            unwell=unwell[:_UNWELL_SHOWN],
            reports=reports,
            unassigned=self.listening.page(gateway),
        )


def run(settings: GatewaySettings, stop: threading.Event) -> int:
    """Run the gateways of the identities, or of the file, until ``stop``; 0: stopped, 1: a part died.

    Raises:
        IdentityError: an identity can't be used.
        ConfigError: the gateways' file can't be used, or lacks the chosen gateways.
        GatewayError: the spool is in use, an address or a key can't be read.
        OSError: the spool's folder or the metrics' port is unavailable.
    """
    # A thread that computes (a batch, a list) yields after 0.5 ms, not 5: a person may be waiting at a door.
    sys.setswitchinterval(0.0005)
    identities = identified(settings)
    process = Process(settings, () if identities else chosen(settings), identities)
    garbage.settle()
    asked = True
    try:
        while not stop.wait(1.0):
            process.look()
            dead = [part for part, alive in process.health().items() if not alive]
            if dead:
                # The supervisor restarts the process; the spool holds everything.
                log.critical("gateway_part_died", extra={"parts": dead})
                asked = False
                return 1
    finally:
        process.stop(asked=asked)
    return 0


def identified(settings: GatewaySettings) -> tuple[Identity, ...]:
    """Return the identities to run; none: the gateways' file says.

    Raises:
        IdentityError: see ``run``.
    """
    if settings.identity is None:
        return ()
    found = read_identities(settings.identity)
    if settings.places:
        missing = set(settings.places) - {one.place for one in found}
        if missing:
            raise IdentityError(f"{settings.identity}: no gateway of {', '.join(sorted(missing))}")
        found = tuple(one for one in found if one.place in settings.places)
    twice = {one.gateway for one in found if sum(other.gateway == one.gateway for other in found) > 1}
    if twice:
        raise IdentityError(f"{settings.identity}: gateway {min(twice)} comes twice")
    return found


def _broker(identity: Identity) -> Broker:
    """Return the broker that an identity names; with TLS the gateway logs in with its certificate."""
    tls = identity.broker.startswith("mqtts:")
    return parse_mqtt_url(identity.broker, tls=identity.directory if tls else None)


def chosen(settings: GatewaySettings) -> tuple[GatewayConfig, ...]:
    """Return the gateways to run, with the network's card key where the file holds none.

    Raises:
        ConfigError: see ``run``.
    """
    found = read_gateways(settings.gateways_file)
    if settings.places:
        missing = set(settings.places) - {one.place for one in found}
        if missing:
            raise ConfigError(f"{settings.gateways_file}: no gateway of {', '.join(sorted(missing))}")
        found = tuple(one for one in found if one.place in settings.places)
    if not found:
        raise ConfigError(f"{settings.gateways_file}: no gateway in it")
    twice = {one.gateway for one in found if sum(other.gateway == one.gateway for other in found) > 1}
    if twice:
        raise ConfigError(f"{settings.gateways_file}: gateway {min(twice)} comes twice")
    return found


def _version() -> str:
    try:
        return version("maillage")
    except PackageNotFoundError:
        return "unknown"
