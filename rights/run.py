"""Put the rights process together and run it: the broker's thread, the worker's, the listener's, and HTTP."""

from __future__ import annotations

import logging
import os
import secrets
import threading

from prometheus_client import generate_latest

from gateway.contract.wire import SHARDS
from gateway.mqtt.loop import MqttLoop, parse_mqtt_url
from process.health import serve
from rights.hearing import Hearing
from rights.listen import listen
from rights.metrics import Metrics
from rights.settings import RightsSettings
from rights.worker import News, Worker

log = logging.getLogger(__name__)


def _states(shard: int) -> tuple[str, int]:
    """A subscription that brings the retained states of a shard, also where there was one already."""
    return f"maillage/v1/{shard:02d}/+/+/state", 1


def run(settings: RightsSettings, stop: threading.Event) -> int:
    """Run the rights process until ``stop`` is set; returns 0, or 1 where a part of it died.

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

    broker = parse_mqtt_url(settings.mqtt_url.get_secret_value())
    worker = Worker(
        settings,
        lambda topic, payload: link.publish(topic, payload, qos=1),
        metrics,
        hearing=hearing,
        ask_again=lambda shards: link.subscribe([_states(shard) for shard in shards]),
    )
    link = loop.add(
        broker,
        client_id=f"rights-{os.getpid()}-{secrets.token_hex(4)}",
        on_message=lambda message: hearing.put(message.topic, message.payload),
        on_connect=connected,
        on_disconnect=disconnected,
        subscriptions=[*map(_states, range(SHARDS)), ("maillage/v1/+/+/+/reply", 1)],
    )
    metrics.connected.labels("broker").set(0)

    def health() -> str | None:
        if not loop.alive:
            return "the broker's thread is dead: restart the rights process"
        if not threads[0].is_alive() or worker.pulse.is_stuck():
            return "the worker is dead or stuck: restart the rights process"
        return None

    def readiness() -> str | None:
        if not link.connected:
            return f"no connection to the broker at {broker.host}:{broker.port}"
        if not worker.ready.is_set():
            return "no connection to the database"
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
    log.info("rights_started", extra={"metrics_port": settings.metrics_port})
    while not stop.wait(1.0):
        health()  # somebody has to look once a second (process.pulse)
        if not threads[0].is_alive() or not loop.alive:
            log.critical("rights_thread_died")
            break
    died = not stop.is_set()
    stop.set()
    for thread in threads:
        thread.join(10.0)
    loop.stop()
    if server is not None:
        server.shutdown()
        server.server_close()
    log.info("rights_stopped")
    return 1 if died else 0
