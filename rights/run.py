"""Puts the rights process together and runs it: the threads of the broker, the worker and the listener, and HTTP."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import psycopg
from prometheus_client import generate_latest

from database import samples
from database.listening import listen
from gateway.contract.wire import SHARDS
from gateway.mqtt.expiry import own_until, shown_until, unix_time
from gateway.mqtt.loop import MqttLoop, parse_mqtt_url
from process.harness import run_parts
from process.readings import Readings
from rights.hearing import Hearing
from rights.metrics import Metrics
from rights.settings import RightsSettings
from rights.worker import News, What, Worker

_CHANNELS: Final[dict[str, What]] = {
    "maillage_access": "access",
    "maillage_command": "command",
    "maillage_network": "network",
    "maillage_enrolment": "enrolment",
    "maillage_configuration": "configuration",
}


def _states(shard: int) -> tuple[str, int]:
    """A subscription that brings the retained states of a shard, also where there was one already."""
    return f"maillage/v1/{shard:02d}/+/+/state", 1


def run(settings: RightsSettings, stop: threading.Event) -> int:
    """Run the rights process until ``stop`` is set; return 0, or 1 where a part of it died.

    Raises:
        MqttUrlError: ``mqtt_url`` can't be read.
        OSError: the metrics port is taken.
    """
    metrics = Metrics()
    loop = MqttLoop("mqtt-rights")

    hearing = Hearing(metrics, lambda connection: worker.tell(News("heard", connection)))

    def connected() -> None:
        metrics.connected.labels("broker").set(1)
        worker.tell(News("found"))

    def disconnected() -> None:
        metrics.connected.labels("broker").set(0)
        hearing.lost()
        worker.tell(News("lost"))

    broker = parse_mqtt_url(settings.mqtt_url.get_secret_value(), tls=settings.mqtt_tls)

    def ends() -> dict[str, datetime | None]:
        if broker.login is None or not link.connected:
            return {}
        shown = shown_until(broker)
        metrics.certificate.labels("broker").set(unix_time(shown))
        return {"the rights process": own_until(broker), "the broker": shown}

    worker = Worker(
        settings,
        lambda topic, payload: link.publish(topic, payload, qos=1),
        metrics,
        hearing=hearing,
        ask_again=lambda shards: link.subscribe([_states(shard) for shard in shards]),
        ends=ends,
    )
    link = loop.add(
        broker,
        client_id=f"rights-{os.getpid()}-{secrets.token_hex(4)}",
        on_message=lambda message: hearing.put(message.topic, message.payload),
        on_connect=connected,
        on_disconnect=disconnected,
        subscriptions=[*map(_states, range(SHARDS)), ("maillage/v1/+/+/+/reply", 1), ("maillage/v1/+/+/+/request", 1)],
    )
    metrics.connected.labels("broker").set(0)
    if broker.login is not None:
        metrics.certificate.labels("own").set_function(lambda: unix_time(own_until(broker)))

    def readiness() -> str | None:
        if not link.connected:
            return f"no connection to the broker at {broker.host}:{broker.port}"
        if not worker.ready.is_set():
            return "no connection to the database"
        return None

    url = settings.database_url.get_secret_value()
    return run_parts(
        "rights",
        stop,
        threads={
            "worker": lambda: worker.run(stop),
            "listen": lambda: _listen(url, worker, stop),
            "samples": lambda: samples.watch(url, "rights", _sampler(metrics), stop),
        },
        readiness=readiness,
        http=(settings.http_host, settings.metrics_port, lambda: generate_latest(metrics.registry)),
        loop=loop,
        stuck=worker.pulse.is_stuck,
    )


def _sampler(metrics: Metrics) -> Callable[[psycopg.Connection[Any]], samples.Sample]:
    readings = Readings(metrics.registry.collect)

    def look(_connection: psycopg.Connection[Any]) -> samples.Sample:
        readings.look()
        median, slow = readings.quantiles("maillage_rights_sent_seconds", 0.5, 0.99)
        sent = "maillage_rights_messages_sent_total"
        return samples.Sample(
            done=readings.increase(sent, lambda labels: labels["kind"] in {"delta", "part"}),
            failed=readings.increase("maillage_rights_failures_total"),
            p50_s=median,
            p99_s=slow,
        )

    return look


def _listen(url: str, worker: Worker, stop: threading.Event) -> None:
    """Tell ``worker`` when rights or the network changed, or an order was given."""
    listen(
        url,
        _CHANNELS,
        lambda channel: worker.tell(News(_CHANNELS[channel])),
        stop,
        application_name="maillage rights listen",
    )
