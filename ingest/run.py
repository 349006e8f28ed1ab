"""Put the ingest together and run it: the broker's thread, the worker's, the listener's, and HTTP."""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time

from prometheus_client import generate_latest

from gateway.contract.wire import SHARDS
from gateway.mqtt.loop import Message as MqttMessage
from gateway.mqtt.loop import MqttLoop, parse_mqtt_url
from ingest.inbox import Inbox
from ingest.listen import listen
from ingest.messages import Message
from ingest.metrics import Metrics
from ingest.settings import IngestSettings
from ingest.worker import Worker
from process.health import serve

log = logging.getLogger(__name__)


def run(settings: IngestSettings, stop: threading.Event) -> int:
    """Run the ingest until ``stop`` is set; returns 0.

    Raises:
        MqttUrlError: ``mqtt_url`` can't be read.
        OSError: the metrics port is taken.
    """
    metrics = Metrics()
    inbox = Inbox(settings.queue_bytes)
    metrics.queued.set_function(lambda: inbox.bytes)
    loop = MqttLoop("mqtt-ingest")

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

    broker = parse_mqtt_url(settings.mqtt_url.get_secret_value())
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
    worker = Worker(
        settings, inbox, lambda topic, payload, retain: link.publish(topic, payload, qos=1, retain=retain), metrics
    )

    def health() -> str | None:
        if not loop.alive:
            return "the broker's thread is dead: restart the ingest"
        if not threads[0].is_alive() or worker.pulse.is_stuck():
            return "the worker is dead or stuck: restart the ingest"
        return None

    def readiness() -> str | None:
        if not link.connected:
            return f"no connection to the broker at {broker.host}:{broker.port}"
        if not worker.ready.is_set():
            trouble = worker.trouble
            return f"nothing can be stored: {trouble}" if trouble else "the worker is starting"
        return health()

    url = settings.database_url.get_secret_value()
    threads = [
        threading.Thread(target=worker.run, args=(stop,), name="worker", daemon=True),
        threading.Thread(target=listen, args=(url, worker, stop), name="listen", daemon=True),
    ]
    server = (
        serve(settings.http_host, settings.metrics_port, lambda: generate_latest(metrics.registry), health, readiness)
        if settings.metrics_port
        else None
    )
    for thread in threads:
        thread.start()
    loop.start()
    log.info("ingest_started", extra={"shards": settings.shards, "metrics_port": settings.metrics_port})
    while not stop.wait(1.0):
        health()  # somebody has to look once a second (process.pulse)
        if not threads[0].is_alive() or not loop.alive:
            log.critical("ingest_thread_died")
            break
    died = not stop.is_set()
    stop.set()
    loop.stop()
    for thread in threads:
        thread.join(10.0)
    if server is not None:
        server.shutdown()
        server.server_close()
    log.info("ingest_stopped")
    return 1 if died else 0


def _filters(shards: frozenset[int]) -> list[str]:
    """What to subscribe to: everything in one filter, or each shard's own."""
    names = ["+"] if len(shards) == SHARDS else [f"{shard:02d}" for shard in sorted(shards)]
    return [f"maillage/v1/{name}/+/+/{leaf}" for name in names for leaf in ("events", "state")]
