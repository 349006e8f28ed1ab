"""What ``benchmarks.revocation`` runs: every process of the chain on an imported network, and what the centre hears."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import psycopg

from access import normalise
from api.keys.owner import create_key
from benchmarks.report import progress
from benchmarks.stand import SECRET, Stand
from gateway.config import GatewayConfig, write_gateways
from gateway.contract.signing import new_seed, public_key
from gateway.contract.wire import parse_topic
from gateway.mqtt.loop import Message, MqttLoop, parse_mqtt_url
from maillage.embedded import EmbeddedMosquitto, fetch
from maillage.embedded.process import free_port
from maillage.network.gateways import export_gateways
from maillage.sample.creating import create_sample
from maillage.stack.children import Child
from rights.card_secret import CardKeys
from rights.place_tokens import NumberBox
from simulator.line import Line

PLACES: Final = 154
_MORE: Final = 200
"""Members of each place beside the generated ones."""
CARD_SECRET: Final = bytes.fromhex("5a" * 32)
_LOGINS: Final = {"ingest_1": "ingest", "rights_1": "rights", "api_1": "api"}
_CROWD: Final = """
-- hundreds of members at each place
WITH more AS (
  INSERT INTO member (ref, home) SELECT 'm-' || lpad(p.id::text, 5, '0') || lpad(n::text, 5, '0'), p.id
  FROM place p, generate_series(1, %(more)s) AS n RETURNING ref, home
), cards AS (
  INSERT INTO card (lookup, member) SELECT sha256(ref::bytea), ref FROM more
), passes AS (
  INSERT INTO pass (ref, member) SELECT 'p' || substr(ref, 2), ref FROM more
)
INSERT INTO pass_place (pass, place) SELECT 'p' || substr(ref, 2), home FROM more
"""
_NUMBERLESS: Final = """
-- the cards of these
SELECT lookup FROM card c WHERE NOT EXISTS (SELECT FROM card_number n WHERE n.lookup = c.lookup)
"""
_VICTIM: Final = """
-- somebody with a pass for everywhere, at any hour, whose card will be lost
WITH one AS (INSERT INTO member (ref) VALUES (%(ref)s) RETURNING ref), more AS (
  INSERT INTO pass (member, everywhere, outside_hours, supervises) SELECT ref, true, true, true FROM one
)
INSERT INTO card (lookup, member) SELECT %(lookup)s, ref FROM one RETURNING card.ref
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Victim:
    """A card that will be lost: its reference in the API, its bytes on the reader."""

    ref: str
    uid: str


class Centre:
    """Hears what gateways say: states and events, with the times of receipt (seconds that only grow)."""

    def __init__(self, loop: MqttLoop, url: str) -> None:
        self.versions: dict[str, int] = {}
        self.at: dict[str, float] = {}
        """When each gateway's version last moved."""
        self.online: dict[str, bool] = {}
        self.reasons: dict[tuple[str, str], str] = {}
        """By gateway and token: what was last decided."""
        self.changed = threading.Condition()
        loop.add(
            parse_mqtt_url(url),
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
    api: http.client.HTTPConnection
    key: str
    centre: Centre
    loop: MqttLoop
    metrics: dict[str, int]
    sizes: list[int]
    """Bytes of the list messages that were heard, topic and header included."""

    def lose(self, victim: Victim) -> None:
        """Take a card out of service, over HTTP."""
        self.api.request(
            "PATCH",
            f"/v1/cards/{victim.ref}",
            body=json.dumps({"status": "lost"}),
            headers={"Authorization": f"Bearer {self.key}", "If-Match": "*", "Content-Type": "application/json"},
        )
        answer = self.api.getresponse()
        said = answer.read()
        self.api.close()  # the API ends idle connections; the next request opens another
        if answer.status != 200:
            raise SystemExit(f"the API answers {answer.status}: {said.decode()[:300]}")


@contextmanager
def chain(where: Stand, victims: int) -> Iterator[tuple[Chain, list[Victim]]]:
    """Start everything; gives also the cards that will be lost."""
    url = where.database_url("revocation")
    seed = new_seed()
    progress(f"importing {PLACES} places, each with some hundreds of members")
    with psycopg.connect(url) as connection:
        create_sample(
            connection,
            region="Nouvelle-Aquitaine",
            places=PLACES,
            card_secret=CARD_SECRET,
            log=lambda _line: None,
        )
        connection.execute(_CROWD, {"more": _MORE})
        for (lookup,) in connection.execute(_NUMBERLESS).fetchall():
            _keep_number(connection, lookup, lookup.hex()[:14].upper())
        people = [_victim(connection, number) for number in range(victims)]
        key = create_key(connection, "revocation", role="network_administrator")
        gateways = export_gateways(
            connection, password=lambda _code: SECRET, list_key=public_key(seed), card_secret=CARD_SECRET
        )
        for login, group in _LOGINS.items():
            connection.execute(f"CREATE ROLE {login} LOGIN PASSWORD '{SECRET}' IN ROLE maillage_{group}")
    where.broker.enrol({one.gateway: SECRET for one in gateways})
    write_gateways(where.directory / "gateways.json", gateways)
    field = EmbeddedMosquitto(where.directory / "field", bundle=fetch())
    field.start()
    line = TimedLine(where.broker.host, where.broker.port)
    ports = {name: free_port() for name in ("ingest", "rights", "api", "gateway")}
    children = _children(where, url, seed, field=field, line=line.start(), ports=ports)
    loop = MqttLoop("bench")
    loop.start()
    try:
        for child in children:
            child.start()
        for child in children:
            child.wait_until_well(deadline_s=120, stopped=lambda: False)
        centre = Centre(loop, where.broker.url("ingest"))
        built = Chain(
            url=url,
            gateways=gateways,
            field=field,
            line=line,
            api=http.client.HTTPConnection("127.0.0.1", ports["api"], timeout=30),
            key=key,
            centre=centre,
            loop=loop,
            metrics=ports,
            sizes=[],
        )
        codes = {one.gateway for one in gateways}
        progress(f"waiting for the lists of {len(codes)} gateways")
        centre.wait(lambda: all(centre.versions.get(code, 0) > 0 for code in codes), "every gateway has its list")
        yield built, people
    finally:
        for child in reversed(children):
            child.stop()
        loop.stop()
        line.close()
        field.stop()


def _victim(connection: psycopg.Connection[Any], which: int) -> Victim:
    uid = f"04{which:06x}"
    number = normalise(bytes.fromhex(uid))
    lookup = CardKeys.of(CARD_SECRET).found_by(number)
    _keep_number(connection, lookup, number)
    row = connection.execute(_VICTIM, {"ref": f"m-victim{which:04}", "lookup": lookup}).fetchone()
    assert row is not None
    return Victim(ref=row[0], uid=uid)


def _keep_number(connection: psycopg.Connection[Any], lookup: bytes, number: str) -> None:
    boxed = NumberBox(CARD_SECRET).boxed(lookup, number)
    connection.execute("INSERT INTO card_number (lookup, boxed) VALUES (%s, %s)", (lookup, boxed))


def _children(
    where: Stand, url: str, seed: str, *, field: EmbeddedMosquitto, line: int, ports: dict[str, int]
) -> list[Child]:
    def login(name: str) -> str:
        return url.replace("postgres:", f"{name}:", 1)

    given: dict[str, dict[str, str]] = {
        "ingest": {
            "MAILLAGE_DATABASE_URL": login("ingest_1"),
            "MAILLAGE_MQTT_URL": where.broker.url("ingest"),
            "MAILLAGE_METRICS_PORT": str(ports["ingest"]),
        },
        "rights": {
            "MAILLAGE_DATABASE_URL": login("rights_1"),
            "MAILLAGE_MQTT_URL": where.broker.url("rights"),
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
            "MAILLAGE_MQTT_URL": f"mqtt://127.0.0.1:{line}",
            "MAILLAGE_FIELD_MQTT_URL": field.url(),
            "MAILLAGE_GATEWAYS_FILE": str(where.directory / "gateways.json"),
            "MAILLAGE_SPOOL": str(where.directory / "spool.sqlite"),
            "MAILLAGE_METRICS_PORT": str(ports["gateway"]),
        },
    }
    return [
        Child(
            name=name,
            arguments=[name],
            environment={**settings, "MAILLAGE_LOG_LEVEL": "WARNING"},
            log=where.directory / f"{name}.log",
            health=f"http://127.0.0.1:{ports[name]}/{'healthz' if name == 'gateway' else 'readyz'}",
        )
        for name, settings in given.items()
    ]
