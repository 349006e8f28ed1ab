"""What ``benchmarks.revocation`` runs: every process of the chain on an imported network, and what the centre hears."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg

from api.keys.owner import create_key
from benchmarks.report import progress
from benchmarks.revocation_network import CARD_SECRET, PLACES, Victim, fill
from benchmarks.secure import Joined, remember
from benchmarks.stand import SECRET, Stand, create_login
from gateway.config import GatewayConfig, write_gateways
from gateway.contract.signing import new_seed, public_key
from gateway.contract.wire import parse_topic
from gateway.mqtt.loop import Broker, Message, MqttLoop, parse_mqtt_url
from maillage.embedded import EmbeddedMosquitto, fetch
from maillage.embedded.central import EmbeddedCentral
from maillage.embedded.process import free_port
from maillage.network.gateways import export_gateways
from maillage.stack.children import Child
from rights.card_secret import CardKeys
from simulator.line import Line

_LOGINS: Final = {"ingest_1": "ingest", "rights_1": "rights", "api_1": "api", "broker_1": "broker"}


class Centre:
    """Hears what gateways say: states and events, with the times of receipt (seconds that only grow)."""

    def __init__(self, loop: MqttLoop, broker: Broker) -> None:
        self.versions: dict[str, int] = {}
        self.at: dict[str, float] = {}
        """When each gateway's version last moved."""
        self.configured: set[str] = set()
        """Gateways that hold a configuration from the centre."""
        self.online: dict[str, bool] = {}
        self.reasons: dict[tuple[str, str], str] = {}
        """By gateway and token: what was last decided."""
        self.changed = threading.Condition()
        loop.add(
            broker,
            client_id="bench-centre",
            on_message=self._hear,
            subscriptions=[("maillage/v1/+/+/+/state", 1), ("maillage/v1/+/+/+/events", 1)],
        )

    def _hear(self, message: Message) -> None:
        now = time.monotonic()
        found = parse_topic(message.topic)
        if found is None or not message.payload:
            return
        code, body = found[0].gateway, json.loads(message.payload)
        with self.changed:
            if found[1] == "events":
                for event in body["events"]:
                    if event["kind"] == "access" and "card" in event:
                        self.reasons[code, event["card"]] = event["reason"]
            else:
                self.online[code] = body["online"]
                if body.get("config_version"):
                    self.configured.add(code)
                version = body.get("list_version") or 0
                if body["online"] and version != self.versions.get(code):
                    self.versions[code], self.at[code] = version, now
            self.changed.notify_all()

    def wait(self, condition: Any, what: str, deadline_s: float = 120.0) -> None:
        """Wait for ``condition()``."""
        with self.changed:
            if not self.changed.wait_for(condition, deadline_s):
                raise SystemExit(f"not within {deadline_s:g} s: {what}")


class TimedLine(Line):
    """The line to the centre, which notes when it takes a connection through."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port)
        self.accepted_at = 0.0

    async def _accept(self, owner: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted_at = time.monotonic()
        await super()._accept(owner, reader, writer)


@dataclass(slots=True, kw_only=True)
class Chain:
    """What runs."""

    url: str
    gateways: tuple[GatewayConfig, ...]
    field: EmbeddedMosquitto
    line: TimedLine
    """Between gateways and broker; not over TLS."""
    joined: list[Joined]
    """Over TLS: the gateways' identities."""
    api: http.client.HTTPConnection
    key: str
    centre: Centre
    loop: MqttLoop
    children: dict[str, Child]
    sizes: list[int]
    """Bytes of the list messages that were heard, topic and header included."""

    def lose(self, victim: Victim) -> None:
        """Take a card out of service, over HTTP."""
        self._ask("PATCH", f"/v1/cards/{victim.ref}", json.dumps({"status": "lost"}))

    def shut_out(self, gateway: str) -> None:
        """Revoke a stolen gateway, over HTTP."""
        self._ask("POST", f"/v1/gateways/{gateway}/revoke", None)

    def _ask(self, method: str, path: str, body: str | None) -> None:
        headers = {"Authorization": f"Bearer {self.key}", "If-Match": "*", "Content-Type": "application/json"}
        self.api.request(method, path, body=body, headers=headers)
        answer = self.api.getresponse()
        said = answer.read()
        self.api.close()  # the API ends idle connections; the next request opens another
        if answer.status != 200:
            raise SystemExit(f"the API answers {answer.status}: {said.decode()[:300]}")


@contextmanager
def chain(where: Stand, victims: int, *, tls: bool = False) -> Iterator[tuple[Chain, list[Victim]]]:
    """Start everything; gives also the cards that will be lost. ``tls``: everyone connects with a certificate."""
    name = "revocation_tls" if tls else "revocation"
    url, folder, seed = where.database_url(name), where.directory / name, new_seed()
    folder.mkdir()
    progress(f"importing {PLACES} places, each with some hundreds of members")
    with psycopg.connect(url) as connection:
        people = fill(connection, victims)
        key = create_key(connection, "revocation", role="network_administrator")
        gateways = export_gateways(
            connection, password=lambda _code: SECRET, list_key=public_key(seed), card_secret=CARD_SECRET
        )
        for login, group in _LOGINS.items():
            create_login(connection, login, f"maillage_{group}")
        joined = []
        if tls:
            addresses = [(one.shard, one.place, one.gateway) for one in gateways]
            joined = where.secure.join(folder / "identities", addresses, seed)
            remember(connection, joined)
    if not tls:
        where.broker.enrol({one.gateway: SECRET for one in gateways})
        write_gateways(folder / "gateways.json", gateways)
    field = EmbeddedMosquitto(folder / "field", bundle=fetch())
    field.start()
    line = TimedLine(where.broker.host, where.broker.port)
    ports = {name: free_port() for name in ("ingest", "rights", "api", "gateway")}
    children = _children(where, folder, url, seed, field=field, line=line.start(), ports=ports, tls=tls)
    loop = MqttLoop("bench")
    loop.start()
    try:
        for child in children:
            child.start()
        for child in children:
            child.wait_until_well(deadline_s=120, stopped=lambda: False)
        centre = Centre(loop, where.secure.process("ingest") if tls else parse_mqtt_url(where.broker.url("ingest")))
        built = Chain(
            url=url,
            gateways=gateways,
            field=field,
            line=line,
            joined=joined,
            api=http.client.HTTPConnection("127.0.0.1", ports["api"], timeout=30),
            key=key,
            centre=centre,
            loop=loop,
            children={child.name: child for child in children},
            sizes=[],
        )
        codes = {one.gateway for one in gateways}
        progress(f"waiting for the lists of {len(codes)} gateways")
        centre.wait(lambda: all(centre.versions.get(code, 0) > 0 for code in codes), "every gateway has its list")
        if tls:  # the readers, too, come from the centre then, and may come after the list
            centre.wait(lambda: codes <= centre.configured, "every gateway has its configuration")
        yield built, people
    finally:
        for child in reversed(children):
            child.stop()
        loop.stop()
        line.close()
        field.stop()


def _children(
    where: Stand,
    folder: Path,
    url: str,
    seed: str,
    *,
    field: EmbeddedMosquitto,
    line: int,
    ports: dict[str, int],
    tls: bool,
) -> list[Child]:
    def login(name: str) -> str:
        return url.replace("postgres:", f"{name}:", 1)

    given: dict[str, dict[str, str]] = {
        "ingest": {
            "MAILLAGE_DATABASE_URL": login("ingest_1"),
            **where.environment("ingest", tls=tls),
            "MAILLAGE_METRICS_PORT": str(ports["ingest"]),
        },
        "rights": {
            "MAILLAGE_DATABASE_URL": login("rights_1"),
            **where.environment("rights", tls=tls),
            **({"MAILLAGE_AUTHORITY": str(where.secure.authority)} if tls else {}),
            "MAILLAGE_LIST_SIGNING_KEY": seed,
            "MAILLAGE_CARD_SECRET": CARD_SECRET.hex(),
            "MAILLAGE_METRICS_PORT": str(ports["rights"]),
        },
        "api": {
            "MAILLAGE_DATABASE_URL": login("api_1"),
            "MAILLAGE_HTTP_PORT": str(ports["api"]),
            "MAILLAGE_CARD_SEALING_KEY": CardKeys.of(CARD_SECRET).sealing_text,
            "MAILLAGE_CARD_LOOKUP_KEY": CardKeys.of(CARD_SECRET).lookup.hex(),
        },
        "gateway": {
            **(
                {"MAILLAGE_IDENTITY": str(folder / "identities")}
                if tls
                else {
                    "MAILLAGE_MQTT_URL": f"mqtt://127.0.0.1:{line}",
                    "MAILLAGE_GATEWAYS_FILE": str(folder / "gateways.json"),
                }
            ),
            "MAILLAGE_FIELD_MQTT_URL": field.url(),
            "MAILLAGE_SPOOL": str(folder / "spool.sqlite"),
            "MAILLAGE_METRICS_PORT": str(ports["gateway"]),
        },
    }
    children = [
        Child(
            name=name,
            arguments=[name],
            environment={**settings, "MAILLAGE_LOG_LEVEL": "WARNING"},
            log=folder / f"{name}.log",
            health=f"http://127.0.0.1:{ports[name]}/{'healthz' if name == 'gateway' else 'readyz'}",
        )
        for name, settings in given.items()
    ]
    return [*children, _watcher(where.secure.broker, login("broker_1"), folder)] if tls else children


def _watcher(broker: EmbeddedCentral, url: str, folder: Path) -> Child:
    owner = ["--owner", "nobody"] if os.geteuid() == 0 else []
    return Child(
        name="watcher",
        arguments=[
            *("broker", "watch", str(broker.directory), "--pid", str(broker.pid)),
            *("--watcher-port", str(broker.watcher_port), *owner),
        ],
        environment={"MAILLAGE_DATABASE_URL": url, "MAILLAGE_LOG_LEVEL": "WARNING"},
        log=folder / "watcher.log",
        health=None,
    )
