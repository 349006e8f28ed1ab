"""Puts the ingest together and runs it: the threads of the broker, the worker and the listener, and HTTP."""

from __future__ import annotations

import os
import secrets
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import psycopg
from prometheus_client import generate_latest

from database import samples
from database.listening import listen
from gateway.contract.wire import SHARDS
from gateway.mqtt.expiry import own_until, unix_time
from gateway.mqtt.loop import Message as MqttMessage
from gateway.mqtt.loop import MqttLoop, parse_mqtt_url
from ingest.inbox import Inbox
from ingest.messages import Message
from ingest.metrics import Metrics
from ingest.settings import IngestSettings
from ingest.worker import Worker
from process.harness import run_parts
from process.readings import Readings

_APART_S: Final = 0.002
"""Batches that come so soon after each other are read together: a thread's wake costs more than a small batch."""


def run(settings: IngestSettings, stop: threading.Event) -> int:
    """Run the ingest until ``stop`` is set; return 0, or 1 where a part of it died.

    Raises:
        MqttUrlError: ``mqtt_url`` can't be read.
        OSError: the metrics port is taken.
    """
    # The broker's thread takes turns with the worker every 0.5 ms, not 5: a gateway waits for its mark.
    sys.setswitchinterval(0.0005)
    metrics = Metrics()
    inbox = Inbox(settings.queue_bytes)
    metrics.queued.set_function(lambda: inbox.bytes)
    loop = MqttLoop("mqtt-ingest", apart_s=_APART_S)

    def heard(message: MqttMessage) -> None:
        if not worker.admits(message.topic):
            return
        taken = inbox.put(
            Message(
                topic=message.topic,
                payload=message.payload,
                received_at=time.time_ns() // 1000,
                retained=message.retained,
            )
        )
        if not taken:
            metrics.shed.inc()

    broker = parse_mqtt_url(settings.mqtt_url.get_secret_value(), tls=settings.mqtt_tls)
    link = loop.add(
        broker,
        client_id=f"ingest-{os.getpid()}-{secrets.token_hex(4)}",
        on_message=heard,
        on_connect=lambda: metrics.connected.labels("broker").set(1),
        on_disconnect=lambda: metrics.connected.labels("broker").set(0),
        subscriptions=[(topic, 1) for topic in _filters(settings.shard_set)],
        may_read=inbox.has_room,
    )
    metrics.connected.labels("broker").set(0)
    if broker.login is not None:
        metrics.certificate.labels("own").set_function(lambda: unix_time(own_until(broker)))
    worker = Worker(
        settings, inbox, lambda topic, payload, retain: link.publish(topic, payload, qos=0, retain=retain), metrics
    )

    def readiness() -> str | None:
        if not link.connected:
            return f"no connection to the broker at {broker.host}:{broker.port}"
        if not worker.ready.is_set():
            trouble = worker.trouble
            return f"nothing can be stored: {trouble}" if trouble else "the worker is starting"
        return None

    url = settings.database_url.get_secret_value()
    return run_parts(
        "ingest",
        stop,
        threads={
            "worker": lambda: worker.run(stop),
            "listen": lambda: _listen(url, worker, stop),
            "samples": lambda: samples.watch(url, "ingest", _sampler(metrics), stop),
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
        median, slow = metrics.lag.take()
        return samples.Sample(
            done=readings.increase("maillage_ingest_events_committed_total"),
            failed=readings.increase("maillage_ingest_dead_letters_total"),
            p50_s=median,
            p99_s=slow,
            bytes=round(readings.value("maillage_ingest_queue_bytes")),
        )

    return look


def _listen(url: str, worker: Worker, stop: threading.Event) -> None:
    """Tell ``worker`` when the network changed, when dead letters are to be read again, when there are head counts."""
    events = {
        "maillage_network": worker.topology_stale,
        "maillage_replay": worker.replay_requested,
        "maillage_head_count": worker.head_counts_waiting,
        "maillage_booking_news": worker.bookings_waiting,
    }
    listen(url, events, lambda channel: events[channel].set(), stop, application_name="maillage ingest listen")


def _filters(shards: frozenset[int]) -> list[str]:
    """What to subscribe to: everything in one filter, or each shard's own."""
    names = ["+"] if len(shards) == SHARDS else [f"{shard:02d}" for shard in sorted(shards)]
    return [f"maillage/v1/{name}/+/+/{leaf}" for name in names for leaf in ("events", "state")]
