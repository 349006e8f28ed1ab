"""A network with its own authority: API, rights, a central Mosquitto with TLS and its watcher, as real processes."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg

from api.keys.owner import create_key
from gateway.contract.signing import new_seed, public_key
from gateway.identity import Identity
from gateway.mqtt.loop import Link, Message, MqttLoop, parse_mqtt_url
from maillage.authority import create, issue_process
from maillage.embedded.bundle import Bundle
from maillage.embedded.central import EmbeddedCentral
from maillage.embedded.process import free_port
from maillage.join import Trust, join
from tests.api_server import Centre, api_process, shared_database
from tests.cards import CARD_SECRET
from tests.conftest import Database
from tests.waiting import until


@dataclass(slots=True, kw_only=True)
class Heard:
    """A connection of the tests and what it hears."""

    link: Link
    messages: list[Message]
    connects: list[None]
    disconnects: list[None]

    def payloads(self, topic: str) -> list[bytes]:
        """What came on a topic."""
        return [one.payload for one in self.messages if one.topic == topic]


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """The network, and what a test needs of it."""

    api: httpx.Client
    key: str
    centre: Centre
    database: Database
    broker: EmbeddedCentral
    authority: Path
    processes: Path
    """What ingest connects with."""
    loop: MqttLoop
    list_key: str
    folder: Path

    def post(self, path: str, body: Any = None, key: str | None = None) -> httpx.Response:
        return self.api.post(path, json=body, headers={"Authorization": f"Bearer {key or self.key}"})

    def sql(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        cursor = self.centre.conn.execute(query.encode(), values)
        return cursor.fetchall() if cursor.description else []

    def place(self, code: str) -> None:
        """Make a place with a gateway CODE-1."""
        self.centre.place(code)

    def code(self, place: str, *, replaces: bool = False) -> str:
        """A new enrolment code; ``replaces``: also where a machine has joined already."""
        answer = self.post(f"/v1/places/{place}/enrolment-code", {"confirm_replace": replaces})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["code"])

    def joined(self, place: str, name: str = "", *, replaces: bool = False) -> Identity:
        """A gateway that has joined, and that the broker knows."""
        identity = join(
            str(self.api.base_url), self.code(place, replaces=replaces), self.folder / (name or place), Trust()
        )
        acl = self.broker.directory / "acl"
        until(lambda: f"user {identity.gateway}\n" in acl.read_text(), what="the broker knows the gateway")
        return identity

    def refusals(self) -> int:
        """How many certificates the broker has refused by now."""
        return (self.broker.directory / "mosquitto.log").read_text().count("certificate verify failed")

    def listen(self, url: str, tls: Path, topics: Sequence[str] = ()) -> Heard:
        """Connect with the certificate in ``tls`` under a new client id; the connection may be refused."""
        messages: list[Message] = []
        connects: list[None] = []
        disconnects: list[None] = []
        link = self.loop.add(
            parse_mqtt_url(url, tls=tls),
            client_id=f"test-{uuid.uuid4().hex}",
            on_message=messages.append,
            on_connect=lambda: connects.append(None),
            on_disconnect=lambda: disconnects.append(None),
            subscriptions=[(topic, 1) for topic in topics],
        )
        return Heard(link=link, messages=messages, connects=connects, disconnects=disconnects)

    def as_ingest(self) -> Heard:
        """Hear what ingest hears."""
        heard = self.listen(
            self.broker.processes_url, self.processes, ["maillage/v1/+/+/+/events", "maillage/v1/+/+/+/state"]
        )
        until(lambda: heard.link.connected)
        return heard

    def as_gateway(self, identity: Identity) -> Heard:
        """Connect as a gateway does."""
        return self.listen(identity.broker, identity.directory, [identity.address.topic("list")])


@contextlib.contextmanager
def enrolled(server_url: str, template: str, bundle: Bundle, folder: Path) -> Iterator[Enrolled]:
    """Yield the network, running."""
    authority = folder / "authority"
    now = datetime.now(UTC)
    create(authority, now)
    for name in ("ingest", "rights"):
        issue_process(authority, name, folder / name, now=now)
    broker = EmbeddedCentral(folder / "central", bundle=bundle, authority=authority)
    loop = MqttLoop("tests")
    seed = new_seed()
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(shared_database(server_url, template))
        centre = stack.enter_context(contextlib.closing(Centre(database.url)))
        with psycopg.connect(database.url) as conn:
            key = create_key(conn, "admin", role="network_administrator")
        broker.start()
        stack.callback(broker.stop)
        metrics = free_port()
        rights = _process(
            stack,
            "rights",
            MAILLAGE_DATABASE_URL=database.as_login("rights_1"),
            MAILLAGE_MQTT_URL=broker.processes_url,
            MAILLAGE_MQTT_TLS=str(folder / "rights"),
            MAILLAGE_LIST_SIGNING_KEY=seed,
            MAILLAGE_CARD_SECRET=CARD_SECRET,
            MAILLAGE_AUTHORITY=str(authority),
            MAILLAGE_METRICS_PORT=str(metrics),
        )
        watcher = _process(
            stack,
            *("broker", "watch", str(broker.directory), "--pid", str(broker.pid)),
            *("--watcher-port", str(broker.watcher_port)),
            *(("--owner", "nobody") if os.geteuid() == 0 else ()),
            MAILLAGE_DATABASE_URL=database.as_login("broker_1"),
        )
        api = stack.enter_context(api_process(database.as_login("api_1"), MAILLAGE_BROKER_ADDRESS=broker.gateways_url))
        loop.start()
        stack.callback(loop.stop)
        acl = broker.directory / "acl"

        def ready() -> bool:
            assert rights.poll() is None, "rights has ended"
            assert watcher.poll() is None, "the watcher has ended"
            return "watch/none" not in acl.read_text()

        until(ready, what="the watcher has looked")
        yield Enrolled(
            api=api,
            key=key,
            centre=centre,
            database=database,
            broker=broker,
            authority=authority,
            processes=folder / "ingest",
            loop=loop,
            list_key=public_key(seed),
            folder=folder,
        )


def _process(stack: contextlib.ExitStack, *words: str, **settings: str) -> subprocess.Popen[bytes]:
    """Start a command; it is stopped with the stack."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAILLAGE_")}
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "maillage", *words],
        env={**environment, "MAILLAGE_RUNTIME": "/nonexistent", **settings},
    )

    def end() -> None:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    stack.callback(end)
    return process
