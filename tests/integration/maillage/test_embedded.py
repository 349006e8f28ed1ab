"""The embedded servers hold what the guarantees and the fault tests ask of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import psycopg
from paho.mqtt.enums import CallbackAPIVersion

from gateway.mqtt.address import parse_mqtt_url
from maillage.embedded import EmbeddedMosquitto, EmbeddedPostgres
from maillage.embedded.bundle import Bundle
from tests.conftest import CentralBroker
from tests.waiting import until


class Client:
    """A plain MQTT client that remembers what it was told."""

    def __init__(self, url: str, *topics: str) -> None:
        broker = parse_mqtt_url(url)
        self.reasons: list[str] = []
        self.got: list[tuple[str, bytes]] = []
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311)
        self._client.username_pw_set(broker.username, broker.password)
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()
        until(lambda: self.reasons, what="CONNACK")
        for topic in topics:
            self._client.subscribe(topic, 1)

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self.reasons.append(str(reason))

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        self.got.append((message.topic, bytes(message.payload)))

    def publish(self, topic: str, payload: bytes) -> None:
        self._client.publish(topic, payload, qos=1).wait_for_publish(5)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def test_gateways_reach_their_own_topics_only(mqtt: CentralBroker) -> None:
    ingest = Client(mqtt.url("ingest"), "maillage/v1/+/+/+/events")
    one = Client(mqtt.url("g-1"), "maillage/v1/00/p/g-1/committed", "maillage/v1/00/p/g-2/committed", "maillage/#")
    one.publish("maillage/v1/00/p/g-2/events", b"forged")
    one.publish("maillage/v1/00/p/g-1/committed", b"forged mark")
    one.publish("maillage/v1/00/p/g-1/events", b"mine")
    until(lambda: ingest.got, what="the event")
    assert ingest.got == [("maillage/v1/00/p/g-1/events", b"mine")]
    ingest.publish("maillage/v1/00/p/g-2/committed", b"theirs")
    ingest.publish("maillage/v1/00/p/g-1/committed", b"ours")
    until(lambda: one.got, what="the mark")
    assert one.got == [("maillage/v1/00/p/g-1/committed", b"ours")]
    ingest.close()
    one.close()


def test_wrong_password_and_nobody_are_refused(mqtt: CentralBroker) -> None:
    for url in (mqtt.url("ingest").replace("of-ingest", "wrong"), f"mqtt://127.0.0.1:{mqtt.server.port}"):
        stranger = Client(url)
        assert stranger.reasons[0] == "Not authorized"
        stranger.close()


def test_enrolling_disturbs_nobody(mqtt: CentralBroker) -> None:
    ingest = Client(mqtt.url("ingest"), "maillage/v1/+/+/+/events")
    late = Client(mqtt.url("g-late"))
    late.publish("maillage/v1/00/p/g-late/events", b"hello")
    until(lambda: ingest.got, what="the event")
    assert ingest.reasons == ["Success"]
    ingest.close()
    late.close()


def test_a_message_over_the_limit_reaches_nobody(mqtt: CentralBroker) -> None:
    ingest = Client(mqtt.url("ingest"), "maillage/v1/+/+/+/events")
    sender = Client(mqtt.url("g-1"))
    sender._client.publish("maillage/v1/00/p/g-1/events", b"x" * 10_000_000, qos=0)
    until(lambda: len(sender.reasons) > 1, what="the broker to cut the line")
    sender.publish("maillage/v1/00/p/g-1/events", b"small")
    until(lambda: ingest.got, what="the small one")
    assert [payload for _, payload in ingest.got] == [b"small"]
    ingest.close()
    sender.close()


def test_postgres_keeps_what_was_committed_through_kill_9(bundle: Bundle, tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "pg", bundle=bundle, password="a b/@:'x", settings={"shared_buffers": "32MB"})
    server.start()
    try:
        port = server.port
        with psycopg.connect(server.url(), autocommit=True) as connection:
            assert connection.execute("SHOW fsync").fetchone() == ("on",)
            connection.execute("CREATE TABLE kept (n int)")
        for number in range(3):
            with psycopg.connect(server.url(), autocommit=True) as connection:
                connection.execute("INSERT INTO kept VALUES (%s)", (number,))
                server.kill9()
            server.restart()
        assert server.port == port
        with psycopg.connect(server.url()) as connection:
            assert connection.execute("SELECT array_agg(n ORDER BY n) FROM kept").fetchone() == ([0, 1, 2],)
    finally:
        server.stop()
    assert not server.running


def test_servers_of_root_keep_no_capability_and_work_in_a_closed_folder(bundle: Bundle, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    database = EmbeddedPostgres(home / "pg", bundle=bundle, password="x", settings={"shared_buffers": "32MB"})
    central = EmbeddedMosquitto(home / "central", bundle=bundle, users={"ingest": "x", "rights": "x"})
    field = EmbeddedMosquitto(home / "field", bundle=bundle)
    try:
        for server in (database, central, field):
            server.start()
        with psycopg.connect(database.url(), autocommit=True) as connection:
            connection.execute("CREATE TABLE written (n int)")
            connection.execute("CHECKPOINT")
            row = connection.execute("SELECT pg_backend_pid()").fetchone()
            assert row is not None
            pids = [row[0], database.pid, central.pid, field.pid]
            told = {pid: status_of(pid) for pid in pids}
        for status in told.values():
            if os.geteuid() == 0:
                assert status["Uid"].split() == ["65534"] * 4
                assert status["NoNewPrivs"] == "1"
            for name in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
                assert int(status[name], 16) == 0
        central.enrol({"g-new": "secret"})  # it reads its files again
        Client(central.url("g-new")).close()
        field.stop()  # it writes its store
        assert (home / "field/mosquitto.db").stat().st_size > 0
        for server in (database, field):
            server.restart()
    finally:
        for server in (database, central, field):
            server.stop()


def status_of(pid: int | None) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def test_broker_comes_back_on_its_port(field_mqtt: EmbeddedMosquitto) -> None:
    port = field_mqtt.port
    field_mqtt.kill9()
    assert not field_mqtt.running
    field_mqtt.restart()
    assert (field_mqtt.running, field_mqtt.port) == (True, port)


def test_servers_die_with_a_parent_that_is_killed(bundle: Bundle, tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time\n"
            "from pathlib import Path\n"
            "from maillage.embedded import EmbeddedMosquitto, EmbeddedPostgres, fetch\n"
            "home = Path(sys.argv[1])\n"
            "broker = EmbeddedMosquitto(home / 'mq', bundle=fetch())\n"
            "database = EmbeddedPostgres(home / 'pg', bundle=fetch(), password='x')\n"
            "broker.start(); database.start()\n"
            "print(broker.pid, database.pid, flush=True)\n"
            "time.sleep(600)\n",
            str(tmp_path),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    with parent.stdout:
        pids = [int(word) for word in parent.stdout.readline().split()]
        assert len(pids) == 2
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    until(lambda: not any(alive(pid) for pid in pids), what="the servers to end")


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"


def test_time_zones_come_with_the_server_not_with_the_machine(bundle: Bundle, postgres_url: str) -> None:
    program = (bundle.directory / "libexec/postgres").read_bytes()
    assert b"/usr/share/zoneinfo\0" not in program
    assert program.count(b"../zoneinfo\0") == 1
    with psycopg.connect(postgres_url) as connection:
        found = connection.execute(
            "SELECT timestamptz '2026-07-01 12:00+00' AT TIME ZONE 'Europe/Paris', count(*) FROM pg_timezone_names"
        ).fetchone()
    assert found is not None
    assert found[0].hour == 14
    assert found[1] > 300
