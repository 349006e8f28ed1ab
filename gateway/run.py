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

from pydantic import SecretStr

from gateway.clock import micros
from gateway.config import ConfigError, GatewayConfig, read_gateways
from gateway.contract.wire import Event, State
from gateway.drivers import DriverError
from gateway.field.runtime import Runtime
from gateway.http.metrics import MetricsServer, ProcessMetrics
from gateway.http.muster import MusterService
from gateway.mqtt.loop import MqttLoop, parse_mqtt_url
from gateway.place import Place
from gateway.settings import GatewaySettings
from gateway.spool.spool import Spool
from gateway.spool.values import Unit
from gateway.uplink.downlink import Downlink
from gateway.uplink.uplink import Uplink

log = logging.getLogger(__name__)

_UNWELL_SHOWN = 50


class Process:
    """The gateways of one process, running."""

    def __init__(self, settings: GatewaySettings, gateways: tuple[GatewayConfig, ...]) -> None:
        """Open the spool, restore what it kept, start every part.

        Raises:
            GatewayError: the spool is in use, an address or a key can't be read.
            OSError: the spool's folder or the metrics' port is unavailable.
        """
        central = parse_mqtt_url(settings.mqtt_url.get_secret_value())
        field = parse_mqtt_url(settings.field_mqtt_url.get_secret_value())
        boot = secrets.token_hex(4)
        self._version = _version()
        limit = None if settings.spool_max_mb is None else settings.spool_max_mb * 1_000_000
        self.spool = Spool(settings.spool, on_commit=self._committed, max_bytes=limit)
        self.places: dict[str, Place] = {}
        for config in gateways:
            self.spool.open(config.gateway)
            self.places[config.gateway] = self._place(config)
        self._log_what_is_missing()
        lists = settings.spool.with_name(settings.spool.name + ".lists")
        self.downlink = Downlink(self.places, self.spool, lists, lambda: self.uplink)
        self._loops = {"field": MqttLoop("field"), "centre": MqttLoop("centre")}
        self.runtime = Runtime(
            self.places.values(), spool=self.spool, boot=boot, version=self._version, store=self._store
        )
        self.uplink = Uplink(
            gateways=gateways,
            broker=central,
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
            loops=self._loops,
        )
        self.metrics = (
            MetricsServer(
                measures,
                host=settings.http_host,
                port=settings.metrics_port,
                muster=MusterService(self.places.values()),
            )
            if settings.metrics_port
            else None
        )
        self.health: Callable[[], dict[str, bool]] = measures.health
        for loop in self._loops.values():
            loop.start()
        self.uplink.start()
        self.runtime.start(self._loops["field"], field)
        log.info("gateway_started", extra={"gateways": len(gateways), "boot": boot, "version": self._version})

    def stop(self) -> None:
        """Process and store what has arrived, then disconnect."""
        self._loops["field"].stop()
        self.runtime.stop()
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
            if not place.config.card_key.get_secret_value():
                log.error("no_card_key", extra={"gateway": code})
            if place.config.list_key is None:
                log.error("no_list_key", extra={"gateway": code})

    def _place(self, config: GatewayConfig) -> Place:
        try:
            return Place(
                config,
                append=partial(self._happened, config.gateway),
                publish=self._to_device,
                now=time.monotonic(),
                keep=partial(self.spool.keep, config.gateway),
            )
        except DriverError as error:
            self.spool.close()
            raise ConfigError(f"gateway {config.gateway}: {error.reason}") from error

    def _happened(self, gateway: str, event: Event) -> None:
        self.spool.append(gateway, event)
        self._publish_change(gateway, event)

    def _store(self, unit: Unit) -> None:
        self.spool.append_unit(unit)
        for gateway, event in unit.events:
            self._publish_change(gateway, event)

    def _publish_change(self, gateway: str, event: Event) -> None:
        """Publish a gateway's state at once if the event changes it."""
        if event["kind"] == "device" and event["what"] == "link":
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
        return State(
            online=True,
            version=self._version,
            list_version=list_version,
            list_fingerprint=list_fingerprint,
            list_refused=place.lists.complaint,
            lockdown=place.lockdown,
            evacuation=place.evacuation,
            disk=self._disk(),
            clock=place.clock_complaint,
            devices=len(place.config.devices),
            unwell=place.devices.unwell()[:_UNWELL_SHOWN],
        )


def run(settings: GatewaySettings, stop: threading.Event) -> int:
    """Run the gateways of the file until ``stop``; 0: stopped, 1: a part died.

    Raises:
        ConfigError: the gateways' file can't be used, or lacks the chosen gateways.
        GatewayError: the spool is in use, an address or a key can't be read.
        OSError: the spool's folder or the metrics' port is unavailable.
    """
    # A thread that computes (a batch, a list) yields after 0.5 ms, not 5: a person may be waiting at a door.
    sys.setswitchinterval(0.0005)
    process = Process(settings, chosen(settings))
    try:
        while not stop.wait(1.0):
            dead = [part for part, alive in process.health().items() if not alive]
            if dead:
                # The supervisor restarts the process; the spool holds everything.
                log.critical("gateway_part_died", extra={"parts": dead})
                return 1
    finally:
        process.stop()
    return 0


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
    key = settings.card_key.get_secret_value()
    if key:
        found = tuple(
            one if one.card_key.get_secret_value() else one.model_copy(update={"card_key": SecretStr(key)})
            for one in found
        )
    return found


def _version() -> str:
    try:
        return version("maillage")
    except PackageNotFoundError:
        return "unknown"
