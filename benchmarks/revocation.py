"""A card is taken out of service in the API: until the last of 154 gateways refuses it, and one that was away.

``python -m benchmarks.revocation [--revocations N] [--returns N]``. Real parts, each a process of its own: TimescaleDB,
Mosquitto, API, rights process, ingest, and one gateway process with 154 gateways of an imported network, each with some
hundreds of members. Time runs from the HTTP request to the last gateway's own acknowledgement (its state with the newer
version, which it says once the list is on its disk); then that card is read at doors, and must be refused as lost.
Beside it: 154 bare MQTT subscribers that answer a message of the same size, through the same broker's program.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import psycopg

from access import card_token, normalise, token_key
from api.keys.owner import create_key
from benchmarks.report import Result, finish, progress
from benchmarks.stand import SECRET, Stand, stand
from gateway.config import Device, GatewayConfig, write_gateways
from gateway.contract.signing import new_seed, public_key
from gateway.contract.wire import parse_topic
from gateway.drivers.esp_rfid import Address
from gateway.mqtt.loop import Link, Message, MqttLoop, parse_mqtt_url
from maillage.embedded import EmbeddedMosquitto, fetch
from maillage.embedded.process import free_port
from maillage.network.gateways import export_gateways
from maillage.sample.creating import create_sample
from maillage.stack.children import Child
from simulator.line import Line

PLACES: Final = 154
_MORE: Final = 200
"""Members of each place beside the generated ones."""
_A_DAY: Final = 100
"""Changes at a place in a day, each on its own."""
_KEY: Final = "5a" * 32
_LOGINS: Final = {"ingest_1": "ingest", "rights_1": "rights", "api_1": "api"}
_CROWD: Final = """
-- hundreds of members at each place
WITH more AS (
  INSERT INTO member (ref, home) SELECT 'm-' || lpad(p.id::text, 5, '0') || lpad(n::text, 5, '0'), p.id
  FROM place p, generate_series(1, %(more)s) AS n RETURNING ref, home
), cards AS (
  INSERT INTO card (token, member) SELECT sha256(ref::bytea), ref FROM more
), passes AS (
  INSERT INTO pass (ref, member) SELECT 'p' || substr(ref, 2), ref FROM more
)
INSERT INTO pass_place (pass, place) SELECT 'p' || substr(ref, 2), home FROM more
"""
_VICTIM: Final = """
-- somebody with a pass for everywhere, at any hour, whose card will be lost
WITH one AS (INSERT INTO member (ref) VALUES (%(ref)s) RETURNING ref), more AS (
  INSERT INTO pass (member, everywhere, outside_hours, supervises) SELECT ref, true, true, true FROM one
)
INSERT INTO card (token, member) SELECT %(token)s, ref FROM one RETURNING card.ref
"""
_PLAIN: Final = """
-- the gateways whose places ask for no PIN
SELECT g.code FROM gateway g WHERE NOT EXISTS (SELECT FROM door_rule r WHERE r.place = g.place AND r.pin)
"""
_A_CHANGE: Final = """
-- one of a day's changes at a place
UPDATE card SET status = CASE status WHEN 'active' THEN 'suspended' ELSE 'active' END WHERE token = sha256(%b::bytea)
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

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted_at = time.monotonic()
        await super()._accept(reader, writer)


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
            card_key=bytes.fromhex(_KEY),
            log=lambda _line: None,
        )
        connection.execute(_CROWD, {"more": _MORE})
        people = [_victim(connection, number) for number in range(victims)]
        key = create_key(connection, "revocation", role="network_administrator")
        gateways = export_gateways(connection, password=lambda _code: SECRET, list_key=public_key(seed), card_key=_KEY)
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


def _victim(connection: psycopg.Connection[Any], number: int) -> Victim:
    uid = f"04{number:06x}"
    token = bytes.fromhex(card_token(token_key(_KEY), normalise(bytes.fromhex(uid))))
    row = connection.execute(_VICTIM, {"ref": f"m-victim{number:04}", "token": token}).fetchone()
    assert row is not None
    return Victim(ref=row[0], uid=uid)


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
            "MAILLAGE_METRICS_PORT": str(ports["rights"]),
        },
        "api": {
            "MAILLAGE_DATABASE_URL": login("api_1"),
            "MAILLAGE_HTTP_PORT": str(ports["api"]),
            "MAILLAGE_CARD_KEY": _KEY,
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


class Doors:
    """Reads cards at doors, as the reader's own messages on the field broker."""

    def __init__(self, chain: Chain) -> None:
        with psycopg.connect(chain.url) as connection:
            plain = {code for (code,) in connection.execute(_PLAIN)}
        self._chain = chain
        self._readers: dict[str, Address] = {}
        for one in chain.gateways:
            reader = next((device for device in one.devices if _reads_cards(device)), None)
            if reader is not None and one.gateway in plain:
                self._readers[one.gateway] = Address.parse(reader.address)
        self._link = chain.loop.add(
            parse_mqtt_url(chain.field.url()), client_id="bench-doors", on_message=lambda _message: None
        )
        while not self._link.connected:  # what is published before is forgotten
            time.sleep(0.05)
        self.codes = sorted(self._readers)
        """The gateways at which a card can be read."""
        self.checked = 0

    def read(self, code: str, victim: Victim, expected: str) -> None:
        """Read a card and see that the decision is the expected one."""
        centre = self._chain.centre
        token = card_token(token_key(_KEY), normalise(bytes.fromhex(victim.uid)))
        centre.reasons.pop((code, token), None)
        reader = self._readers[code]
        body = {"type": "access", "uid": victim.uid, "hostname": reader.host, "isKnown": "true", "time": self.checked}
        self._link.publish(f"{reader.topic}/send", json.dumps(body).encode())
        centre.wait(lambda: (code, token) in centre.reasons, f"a card is {expected} at {code}", 30)
        if centre.reasons[code, token] != expected:
            raise SystemExit(f"{code}: {centre.reasons[code, token]}, not {expected}")
        self.checked += 1


def _reads_cards(device: Device) -> bool:
    return (
        device.driver == "esp_rfid"
        and device.model == "esp-rfid-v2"
        and device.side == "in"
        and not device.uid_reversed
    )


def revocations(chain: Chain, doors: Doors, victims: Sequence[Victim]) -> list[float]:
    """Lose card after card; returns the seconds until the last gateway knew."""
    rng, took = random.Random(7), []
    centre = chain.centre
    samples = [rng.sample(doors.codes, 3) for _ in victims]
    for victim, sample in zip(victims, samples, strict=True):
        for code in sample:
            doors.read(code, victim, "granted")
    time.sleep(1.1)  # the same card at the same reader within a second is one reading
    for victim, sample in zip(victims, samples, strict=True):
        before = dict(centre.versions)
        begun = time.monotonic()
        chain.lose(victim)
        centre.wait(lambda before=before: all(centre.versions[code] > before[code] for code in before), "all know")
        took.append(max(centre.at.values()) - begun)
        for code in sample:
            doors.read(code, victim, "card_lost")
    return took


def returns(chain: Chain, doors: Doors, victims: Sequence[Victim]) -> list[float]:
    """Take a gateway off the line for a day's worth of changes; returns the seconds from its connection on."""
    rng, took = random.Random(11), []
    centre = chain.centre
    with psycopg.connect(chain.url, autocommit=True) as connection:
        away = [rng.choice(doors.codes) for _ in victims]
        for victim, code in zip(victims, away, strict=True):
            doors.read(code, victim, "granted")
        time.sleep(1.1)
        for victim, code in zip(victims, away, strict=True):
            held = centre.versions[code]
            chain.line.take_offline([code])
            centre.wait(lambda code=code: not centre.online[code], f"{code} is away")
            place = connection.execute("SELECT place FROM gateway WHERE code = %s", (code,)).fetchone()
            assert place is not None
            for number in range(1, _A_DAY + 1):
                connection.execute(_A_CHANGE, (f"m-{place[0]:05}{number:05}",))
            chain.lose(victim)
            newest = _newest(connection, place[0])
            if newest < held + _A_DAY // 10:
                raise SystemExit(f"only {newest - held} versions in a day")
            chain.line.take_offline([])
            mended = time.monotonic()
            centre.wait(lambda code=code, newest=newest: centre.versions[code] == newest, f"{code} knows")
            took.append(centre.at[code] - max(mended, chain.line.accepted_at))
            doors.read(code, victim, "card_lost")
    return took


def _newest(connection: psycopg.Connection[Any], place: int) -> int:
    """The version of a place's list once nothing is dirty."""
    for _ in range(3000):
        row = connection.execute(
            "SELECT version FROM access_list WHERE place = %s AND NOT EXISTS (SELECT FROM access_dirty)", (place,)
        ).fetchone()
        if row is not None:
            return int(row[0])
        time.sleep(0.02)
    raise SystemExit("the lists don't get new")


def overhear(chain: Chain, where: Stand) -> None:
    """Measure list messages as three gateways with the longest names get them."""
    for one in sorted(chain.gateways, key=lambda one: len(one.place), reverse=True)[:3]:

        def hear(message: Message) -> None:
            chain.sizes.append(len(message.payload) + len(message.topic) + 8)

        chain.loop.add(
            parse_mqtt_url(where.broker.url(one.gateway)),
            client_id=f"bench-{one.gateway}",
            on_message=hear,
            subscriptions=[(one.address.topic("list"), 1)],
        )


def bare_round_trips(chain: Chain, rounds: int) -> list[float]:
    """The limit: a message of 600 bytes to each of 154 subscribers, and an answer from each; seconds until the last."""
    answered = threading.Semaphore(0)
    links: list[Link] = []
    url = parse_mqtt_url(chain.field.url())
    for number in range(len(chain.gateways)):

        def answer(_message: Message, number: int = number) -> None:
            links[number].publish("echo/answers", b"x" * 300)

        links.append(
            chain.loop.add(url, client_id=f"echo-{number}", on_message=answer, subscriptions=[(f"echo/{number}", 1)])
        )
    asker = chain.loop.add(
        url, client_id="asker", on_message=lambda _m: answered.release(), subscriptions=[("echo/answers", 1)]
    )
    while not all(link.connected for link in (*links, asker)):
        time.sleep(0.05)
    time.sleep(0.5)  # their subscriptions stand
    took = []
    for _ in range(rounds):
        begun = time.monotonic()
        for number in range(len(links)):
            asker.publish(f"echo/{number}", b"x" * 600)
        for _ in links:
            if not answered.acquire(timeout=30):
                raise SystemExit("an echo got lost")
        took.append(time.monotonic() - begun)
    for link in (*links, asker):
        link.close()
    return took


def p99(values: Sequence[float]) -> float:
    """The 99th percentile: of fewer than 100 values the greatest."""
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.99))]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--revocations", type=int, default=200, help="cards lost one after the other (default 200)")
    parser.add_argument("--returns", type=int, default=20, help="gateways that come back after a day (default 20)")
    choice = parser.parse_args()
    warm = 3
    with stand() as where, chain(where, warm + choice.revocations + choice.returns) as (built, victims):
        doors = Doors(built)
        overhear(built, where)
        revocations(built, doors, victims[:warm])
        built.sizes.clear()
        took = revocations(built, doors, victims[warm : warm + choice.revocations])
        sizes = list(built.sizes)
        progress(
            f"{len(took)} cards lost at {len(built.gateways)} gateways: p50 {sorted(took)[len(took) // 2]:.3f} s, "
            f"p99 {p99(took):.3f} s, max {max(took):.3f} s; at most {max(sizes)} bytes a gateway"
        )
        back = returns(built, doors, victims[warm + choice.revocations :])
        progress(
            f"{len(back)} gateways back after {_A_DAY} changes: p50 {sorted(back)[len(back) // 2]:.3f} s, "
            f"max {max(back):.3f} s; {doors.checked} decisions at doors were as expected"
        )
        bare = bare_round_trips(built, 100)
    finish(
        "revocation",
        [
            Result(
                name="revocation_p99_s",
                value=p99(took),
                unit="s",
                reference="bare MQTT: a message to 154 subscribers, an answer from each",
                reference_value=p99(bare),
            ),
            Result(name="revocation_p50_s", value=sorted(took)[len(took) // 2], unit="s"),
            Result(name="reconnect_p99_s", value=p99(back), unit="s", reference="goal", reference_value=2.0),
            Result(
                name="bytes_per_change",
                value=max(sizes),
                unit="bytes a gateway",
                reference="goal",
                reference_value=1024,
            ),
        ],
    )


if __name__ == "__main__":
    main()
