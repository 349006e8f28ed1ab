"""The rights process on a real database and a real broker, with gateways that read what it sends as the edge does."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from access.compare import fingerprint
from gateway.config import GatewayConfig
from gateway.contract.sealed import ENROLLED
from gateway.contract.sealed import seal as seal_for_centre
from gateway.contract.signing import new_seed, public_key
from gateway.contract.wire import Address, EnrolledCard, Reply
from gateway.lists.access_lists import ListHolder
from gateway.mqtt.loop import MqttLoop
from maillage.embedded.process import free_port
from maillage.stack.children import Child
from rights.place_tokens import NumberBox
from rights.run import run
from rights.sealing import public_bytes, reply_key, unseal
from rights.settings import RightsSettings
from tests.cards import CARD_SECRET, KEYS, SECRET, token_at
from tests.conftest import CentralBroker, Database
from tests.e2e.chain import kill9
from tests.integration.rights.hearer import Hearer
from tests.integration.rights.network import PLACES, Network, lookup, token
from tests.waiting import until

SEED = new_seed()


@dataclass(slots=True, kw_only=True)
class Stage:
    """The network, its broker, its gateways, and the rights process once it is started."""

    network: Network
    database: Database
    mqtt: CentralBroker
    loop: MqttLoop
    hearers: dict[str, Hearer]
    stop: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None

    def start(self) -> None:
        self.network.rights.close()  # it doesn't lead any more
        settings = RightsSettings(
            database_url=SecretStr(self.database.as_login("rights_1")),
            mqtt_url=SecretStr(self.mqtt.url("rights")),
            list_signing_key=SecretStr(SEED),
            card_secret=SecretStr(CARD_SECRET),
            metrics_port=0,
        )
        self.thread = threading.Thread(target=run, args=(settings, self.stop), daemon=True)
        self.thread.start()

    def newest(self, place: str) -> tuple[int, str]:
        rows = self.network.run(
            "SELECT l.version, l.fingerprint FROM access_list l WHERE l.place = at(%(place)s)", place=place
        )
        return rows[0] if rows else (0, "")

    def settled(self, *places: str) -> bool:
        """Whether these places' gateways hold the newest list, and have nothing waiting."""
        return self.network.dirty() == 0 and all(
            (self.hearers[place].version, self.hearers[place].lists.fingerprint or "") == self.newest(place)
            for place in places
        )

    def until_settled(self, *places: str) -> None:
        until(lambda: self.settled(*places), what=f"{places} hold the newest list")


def keep_states(network: Network) -> None:
    """Add the rows in which the ingest keeps what gateways say of themselves."""
    network.run(
        "INSERT INTO gateway_state (gateway, place, online, heard_at, changed_at)"
        " SELECT id, place, true, now(), now() FROM gateway"
    )


@pytest.fixture
def stage(network: Network, database: Database, mqtt: CentralBroker) -> Iterator[Stage]:
    loop = MqttLoop("hearers")
    hearers = {
        place: Hearer(loop, mqtt.url, Address(shard=number, place=place, gateway=f"{place}-1"), public_key(SEED))
        for number, place in enumerate(PLACES, start=1)
    }
    for one in ("gare-1", "port-1", "halle-1"):
        mqtt.url(one)
    loop.start()
    found = Stage(network=network, database=database, mqtt=mqtt, loop=loop, hearers=hearers)
    yield found
    found.stop.set()
    if found.thread is not None:
        found.thread.join(60)
    loop.stop()


def test_lists_go_out_changes_as_deltas_and_what_was_missed_as_one(stage: Stage) -> None:
    network, gare, port = stage.network, stage.hearers["gare"], stage.hearers["port"]
    network.member("anna", "gare", cards=2)
    network.member("bela", everywhere=True)
    keep_states(network)
    gare.connect()
    port.connect()
    stage.start()
    stage.until_settled("gare", "port")
    assert (len(gare.parts), len(gare.deltas), gare.version) == (1, 0, 1)

    network.run("UPDATE card SET status = 'lost' WHERE member = 'm-bela'")
    stage.until_settled("gare", "port")
    for one in (gare, port):
        assert len(one.deltas) == 1
        assert len(one.deltas[0]) < 1024
        assert one.lists.current is not None
        assert one.lists.current.entries[token("bela-0", one.lists.current.place)].status == "lost"
    assert len(gare.parts) == 1

    def known() -> bool:
        return network.run(
            "SELECT count(*) FROM gateway_state s JOIN access_list l USING (place)"
            " WHERE (s.list_version, s.list_fingerprint) = (l.version, l.fingerprint)"
        ) == [(2,)]

    until(known, what="the database says that every door knows")

    port.disconnect()
    for status in ("suspended", "returned", "active"):
        network.run("UPDATE card SET status = %(s)s WHERE member = 'm-bela'", s=status)
        stage.until_settled("gare")
    network.run("DELETE FROM card WHERE lookup = %(t)s", t=lookup("anna-1"))
    stage.until_settled("gare")
    assert port.version == 2
    port.connect()
    stage.until_settled("port")
    assert (len(port.deltas), len(port.parts), port.version) == (2, 1, 5)
    assert len(gare.deltas) == 5
    assert gare.lists.current is not None
    assert gare.lists.fingerprint == fingerprint(gare.lists.current)


def test_one_that_is_deaf_is_told_again_and_then_the_whole(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rights.fleet.ANSWER_S", 0.3)
    network, gare = stage.network, stage.hearers["gare"]
    network.member("anna", "gare")
    keep_states(network)
    gare.connect()
    stage.start()
    stage.until_settled("gare")
    held = "SELECT list_version FROM gateway_state s JOIN gateway g ON g.id = s.gateway WHERE g.code = 'gare-1'"
    until(lambda: network.run(held) == [(gare.version,)], what="the process has heard that the gateway holds the list")
    before = len(gare.deltas), len(gare.parts)
    gare.answers = False
    network.run("UPDATE card SET status = 'lost'")
    until(lambda: len(gare.parts) > before[1], what="the whole list comes, since nobody answers")
    assert len(gare.deltas) == before[0] + 2
    gare.answers = True
    stage.until_settled("gare")
    # A base that the history doesn't hold: the whole list again.
    gare.disconnect()
    network.run("DELETE FROM list_version WHERE version <= %(v)s", v=gare.version)
    network.run("UPDATE card SET status = 'active'")
    until(lambda: network.dirty() == 0, what="the list is new")
    deltas = len(gare.deltas)
    gare.connect()
    stage.until_settled("gare")
    assert len(gare.deltas) == deltas


def test_a_list_that_went_bad_is_told_and_mended(stage: Stage) -> None:
    network, gare = stage.network, stage.hearers["gare"]
    network.member("anna", "gare", cards=3)
    gare.connect()
    stage.start()
    stage.until_settled("gare")
    gare.lose_an_entry()
    until(lambda: network.run("SELECT 1 FROM alarm"), what="an alarm")
    stage.until_settled("gare")
    ((kind, detail),) = network.run("SELECT kind, detail FROM alarm")
    assert kind == "list_drift"
    assert (detail["missing"], detail["extraneous"], detail["different"]) == (1, 0, 0)
    assert len(detail["tokens"]["missing"][0]) == 8
    assert network.run("SELECT do_what, outcome FROM command") == [("report_list", "done")]
    assert len(gare.parts) == 2


def test_one_that_asks_for_the_whole_list_gets_it(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.lists.access_lists.MANY_DELTAS", 2)
    network, gare = stage.network, stage.hearers["gare"]
    network.member("anna", "gare")
    gare.connect()
    stage.start()
    stage.until_settled("gare")
    for status in ("lost", "active"):
        network.run("UPDATE card SET status = %(s)s", s=status)
        stage.until_settled("gare")
    until(lambda: len(gare.parts) == 2, what="the whole list comes, of the version that it has")
    until(lambda: gare.lists.deltas == 0, what="it stands on no delta")


def test_one_that_is_ahead_gets_a_newer_list_and_a_stranger_gets_nothing(stage: Stage) -> None:
    network, gare = stage.network, stage.hearers["gare"]
    network.member("anna", "gare")
    gare.connect()
    stage.start()
    stage.until_settled("gare")
    port = Address(shard=2, place="port", gateway="gare-1")
    gare.say(address=port, list_version=99)
    network.run("UPDATE card SET status = 'lost'")
    stage.until_settled("gare")
    assert gare.version == 2
    gare.say(list_version=70)
    until(lambda: stage.newest("gare")[0] == 71, what="a version above the gateway's")
    stage.until_settled("gare")
    assert network.run("SELECT kind FROM alarm") == [("list_ahead",)]
    assert stage.newest("port")[0] == 1


def test_one_with_another_key_is_told_of_and_stops_nobody(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rights.fleet.ANSWER_S", 0.1)
    network, gare, port = stage.network, stage.hearers["gare"], stage.hearers["port"]
    network.member("anna", "gare", "port")
    with_its_key = gare.lists
    gare.lists = ListHolder(GatewayConfig(shard=1, place="gare", gateway="gare-1", list_key=public_key(new_seed())))
    gare.connect()
    port.connect()
    stage.start()
    stage.until_settled("port")
    until(lambda: network.run("SELECT kind FROM alarm") == [("list_refused",)], what="an alarm")
    gare.reply(Reply(id="\0", outcome="done"))
    network.run("UPDATE card SET status = 'lost'")
    stage.until_settled("port")
    assert gare.version == 0
    gare.disconnect()
    gare.lists = with_its_key
    gare.connect()
    over = "SELECT acknowledged_by FROM alarm WHERE until_at IS NOT NULL"
    until(lambda: network.run(over) == [("rights",)], what="it has the right key now: the alarm is over")


def test_orders_are_signed_answered_and_given_up(stage: Stage) -> None:
    network, gare = stage.network, stage.hearers["gare"]
    gare.connect()
    stage.start()
    order = (
        "INSERT INTO command (id, place, gateway, door, device, do_what, ordered_by, ordered_at, expires_at)"
        " SELECT %(id)s, g.place, g.id, CASE WHEN %(do)s = 'unlock' THEN door(p.code, 'entry') END,"
        " CASE WHEN %(do)s = 'enrol' THEN (SELECT id FROM device v WHERE v.gateway = g.id) END, %(do)s, 'key:1', now(),"
        " now() + make_interval(secs => %(life)s) FROM gateway g JOIN place p ON p.id = g.place WHERE g.code = %(g)s"
    )
    network.run(order, id="o-1", do="unlock", g="gare-1", life=60)
    body = gare.orders.get(timeout=60)
    assert (body.id, body.gateway, body.do, body.door, body.by) == ("o-1", "gare-1", "unlock", "entry", "key:1")
    with psycopg.connect(stage.database.url, autocommit=True) as listening:
        listening.execute("LISTEN maillage_answer")
        gare.reply(Reply(id="o-1", outcome="done"))
        (told,) = listening.notifies(timeout=60, stop_after=1)
        assert (told.channel, told.payload) == ("maillage_answer", "o-1")

        network.run(order, id="o-2", do="enrol", g="gare-1", life=60)
        network.run("INSERT INTO enrolment (id, place) VALUES ('o-2', at('gare'))")
        key = reply_key(b"k" * 32)
        network.run("INSERT INTO enrolment_answer (id, reply_key) VALUES ('o-2', %(key)s)", key=public_bytes(key))
        body = gare.orders.get(timeout=60)
        assert (body.do, body.device) == ("enrol", "reader")
        bits = "10110011" * 4
        assert body.seal_for is not None
        sealed = seal_for_centre(base64.b64decode(body.seal_for), bits.encode(), ENROLLED + b"o-2")
        card = EnrolledCard(
            token=token_at("gare", "B3B3B3B3"), last4="B3B3", format="MIFARE4", sealed=base64.b64encode(sealed).decode()
        )
        gare.reply(Reply(id="o-2", outcome="done", card=card))
        heard = [(one.channel, one.payload) for one in listening.notifies(timeout=60, stop_after=1)]
        assert heard == [("maillage_answer", "o-2")], "no bits in what every login may hear"
        ((sealed,),) = network.run("SELECT sealed FROM enrolment_answer")
        assert unseal(key, bytes(sealed), about="o-2") == bits
    network.run("UPDATE enrolment_answer SET at = now() - interval '3 minutes'")
    until(lambda: network.run("SELECT FROM enrolment_answer") == [], what="they are forgotten")
    found_by = KEYS.found_by("B3B3B3B3")
    assert network.run("SELECT lookup, last4, format, bits FROM enrolment") == [(found_by, "B3B3", "MIFARE4", 32)]
    ((sealed, boxed),) = network.run("SELECT sealed, boxed FROM card_number WHERE lookup = %(l)s", l=found_by)
    assert (sealed, NumberBox(SECRET).opened(found_by, boxed)) == (None, "B3B3B3B3")
    # Another gateway's answer is none; an order for who is away waits, and is given up when it expires.
    network.run(order, id="o-3", do="lockdown", g="port-1", life=1)
    gare.reply(Reply(id="o-3", outcome="done"))
    network.run(order, id="o-4", do="lockdown", g="halle-1", life=30)
    stage.hearers["halle"].connect()
    assert stage.hearers["halle"].orders.get(timeout=60).id == "o-4"
    until(
        lambda: network.run("SELECT outcome FROM command WHERE id = 'o-3'") == [("undelivered",)],
        what="it is given up",
    )
    assert network.run("SELECT outcome, sent_at FROM command WHERE id = 'o-3'") == [("undelivered", None)]


def test_a_broker_that_dies_loses_nothing(stage: Stage) -> None:
    network, gare = stage.network, stage.hearers["gare"]
    network.member("anna", "gare")
    gare.connect()
    stage.start()
    stage.until_settled("gare")
    stage.mqtt.server.kill9()
    network.run("UPDATE card SET status = 'lost'")
    until(lambda: network.dirty() == 0, what="the list is new, though nobody can hear of it")
    stage.mqtt.server.restart()
    stage.until_settled("gare")
    assert gare.version == 2


def test_kill_9_of_the_leader_and_what_was_committed_but_not_sent(stage: Stage, tmp_path: Path) -> None:
    network, gare = stage.network, stage.hearers["gare"]
    network.member("anna", "gare")
    network.refresh()
    gare.connect()
    network.run("UPDATE card SET status = 'lost'")
    network.refresh()  # as the leader does it, which then dies before it sends
    assert stage.newest("gare")[0] == 2
    network.rights.close()
    children = []
    for name in ("one", "two"):
        port = free_port()
        child = Child(
            name=name,
            arguments=["rights"],
            environment={
                "MAILLAGE_DATABASE_URL": stage.database.as_login("rights_1"),
                "MAILLAGE_MQTT_URL": stage.mqtt.url("rights"),
                "MAILLAGE_LIST_SIGNING_KEY": SEED,
                "MAILLAGE_CARD_SECRET": CARD_SECRET,
                "MAILLAGE_METRICS_PORT": str(port),
            },
            log=tmp_path / f"{name}.log",
            health=f"http://127.0.0.1:{port}/readyz",
        )
        child.start()
        children.append(child)
    try:
        for child in children:
            child.wait_until_well(deadline_s=120, stopped=lambda: False)
        stage.until_settled("gare")
        leading = [child for child in children if '"leads"' in child.log.read_text()]
        assert len(leading) == 1
        for number in range(8):
            network.run("UPDATE card SET status = %(s)s", s=("active", "lost")[number % 2])
            if number == 3:
                kill9(leading[0])
        stage.until_settled("gare")
        assert gare.lists.current is not None
        assert gare.lists.current.entries[token("anna-0", "gare")].status == "lost"
        (other,) = (child for child in children if child is not leading[0])
        assert '"leads"' in other.log.read_text()
    finally:
        for child in children:
            child.stop()
