"""A broker that the settings name."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from gateway.errors import GatewayError
from gateway.field.login import logged_in
from gateway.mqtt.address import Broker, parse_mqtt_url
from gateway.mqtt.expiry import SOON, own_until, peer_until
from maillage.doctor.finding import Finding, bad, good, note


def look_at_broker(
    variable: str,
    what: str,
    *,
    tls: str | None = None,
    logins: str | None = None,
    settings: Mapping[str, str] = os.environ,
    ends: bool = True,
) -> Iterator[Finding]:
    """Connect to the broker that ``variable`` names, as the processes do.

    Args:
        variable: the name of a setting, as the others.
        what: the broker, in words.
        tls: names the certificate's folder.
        logins: names the file of a field broker's logins; such a broker should let nobody in without one.
        settings: by name.
        ends: whether to say when our certificate and the broker's end.
    """
    url = settings.get(variable)
    if not url:
        yield note(what, f"{variable} is not set", "set it, or run maillage up, which brings its own")
        return
    try:
        folder = Path(settings[tls]) if tls and settings.get(tls) else None
        broker = parse_mqtt_url(url, tls=folder)
        if logins is not None and (held := settings.get(logins)):
            broker = logged_in(broker, Path(held))
    except GatewayError as error:
        yield bad(what, str(error), f"set {variable} to mqtt://user:password@host:port")
        return
    answered = threading.Event()
    told: list[str] = []
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"doctor-{os.getpid()}", protocol=paho.MQTTv311)
    if broker.username is not None:
        client.username_pw_set(broker.username, broker.password)
    try:
        if broker.login is not None:
            client.tls_set(str(broker.login.authority), str(broker.login.certificate), str(broker.login.key))
        elif broker.tls:
            client.tls_set()
    except (OSError, ValueError) as error:
        yield bad(what, f"{folder}: {error}", "make the certificate again: maillage authority issue")
        return

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
    if broker.login is not None and ends:
        yield from _ends(client.socket(), broker)
    client.disconnect()
    client.loop_stop()
    who = f"the certificate in {folder}" if broker.login is not None else broker.username or "anybody"
    where = f"{broker.host}:{broker.port} as {who}"
    if not told:
        yield bad(what, f"{where} doesn't answer like an MQTT broker", f"mend {variable}")
    elif told[0] == "Success" and logins is not None and broker.username is None:
        yield note(what, f"{where}: it lets anybody in", "maillage gateway field gives each board a login of its own")
    elif told[0] == "Success":
        yield good(what, where)
    else:
        yield bad(what, f"{where}: {told[0]}", f"look at user and password in {logins or variable}")


def _ends(connection: object, broker: Broker) -> Iterator[Finding]:
    """Say when our certificate and the broker's end."""
    until = {"our certificate": own_until(broker), "the broker's certificate": peer_until(connection)}
    for whose, end in until.items():
        if end is not None:
            yield look_at_end(whose, end)


def look_at_end(whose: str, end: datetime) -> Finding:
    """Say when a certificate of a process or of the broker ends."""
    told = f"{whose} ends on {end:%Y-%m-%d}"
    if end - datetime.now(UTC) < SOON:
        remedy = "maillage authority reissue FOLDER, as root; in folders of your own: maillage authority issue"
        return bad("certificates", told, remedy)
    return good("certificates", told)
