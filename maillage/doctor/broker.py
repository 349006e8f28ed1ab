"""A broker that the settings name."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from gateway.errors import GatewayError
from gateway.mqtt.address import parse_mqtt_url
from maillage.doctor.finding import Finding, bad, good, note


def look_at_broker(variable: str, what: str) -> Iterator[Finding]:
    """Connect to the broker that ``variable`` names, as the processes do."""
    url = os.environ.get(variable)
    if not url:
        yield note(what, f"{variable} is not set", "set it, or run maillage up, which brings its own")
        return
    try:
        broker = parse_mqtt_url(url)
    except GatewayError as error:
        yield bad(what, str(error), f"set {variable} to mqtt://user:password@host:port")
        return
    answered = threading.Event()
    told: list[str] = []
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"doctor-{os.getpid()}", protocol=paho.MQTTv311)
    if broker.username is not None:
        client.username_pw_set(broker.username, broker.password)
    if broker.tls:
        client.tls_set()

    def on_connect(_client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        told.append(str(reason))
        answered.set()

    client.on_connect = on_connect
    try:
        client.connect(broker.host, broker.port, keepalive=10)
    except OSError as error:
        yield bad(what, f"{broker.host}:{broker.port}: {error}", f"start the broker, or mend {variable}")
        return
    client.loop_start()
    answered.wait(5.0)
    client.disconnect()
    client.loop_stop()
    where = f"{broker.host}:{broker.port} as {broker.username or 'anybody'}"
    if not told:
        yield bad(what, f"{where} doesn't answer like an MQTT broker", f"mend {variable}")
    elif told[0] == "Success":
        yield good(what, where)
    else:
        yield bad(what, f"{where}: {told[0]}", f"look at user and password in {variable}")
