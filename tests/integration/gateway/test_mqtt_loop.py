"""The loop that drives connections, on a real broker."""

from __future__ import annotations

import contextlib
import itertools
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.mqtt.loop import Broker, Link, Message, MqttLoop, parse_mqtt_url
from gateway.mqtt.session import Session, connect
from maillage.authority import create, issue_process, issue_server
from maillage.embedded import EmbeddedMosquitto
from tests.conftest import CentralBroker
from tests.waiting import until


@pytest.fixture
def loop() -> Iterator[MqttLoop]:
    made = MqttLoop("test")
    made.start()
    yield made
    made.stop()


def nothing(_message: Message) -> None:
    pass


def say(link: Link, topic: str, payload: bytes) -> bool:
    """Publish; False, so that a wait goes on to what it waits for."""
    link.publish(topic, payload)
    return False


@pytest.fixture
def dead_address() -> Iterator[Broker]:
    """An address that takes connections into its backlog and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        yield Broker(host="127.0.0.1", port=listener.getsockname()[1])


def test_messages_arrive_in_order_and_once(loop: MqttLoop, field_mqtt: EmbeddedMosquitto) -> None:
    got: list[bytes] = []
    broker = parse_mqtt_url(field_mqtt.url())
    loop.add(broker, client_id="a", on_message=lambda m: got.append(m.payload), subscriptions=[("x/#", 1)])
    sender = loop.add(broker, client_id="b", on_message=nothing)
    until(lambda: sender.connected)
    until(lambda: say(sender, "x/ready", b"?") or got)
    for number in range(900):  # beyond a thousand the broker drops without a word
        sender.publish("x/y", b"%d" % number, qos=1)
    until(lambda: got[-1] == b"899")
    assert [payload for payload in got if payload != b"?"] == [b"%d" % number for number in range(900)]


def test_a_loop_that_rests_after_reading_reads_what_comes_next_later(
    loop: MqttLoop, field_mqtt: EmbeddedMosquitto
) -> None:
    heard: list[float] = []
    broker = parse_mqtt_url(field_mqtt.url())
    resting = MqttLoop("rests", apart_s=1.0)
    resting.start()
    try:
        link = resting.add(
            broker,
            client_id="rests",
            on_message=lambda _: heard.append(time.monotonic()),
            subscriptions=[("rests/#", 1)],
        )
        sender = loop.add(broker, client_id="asks", on_message=nothing)
        until(lambda: link.hears and sender.connected)
        for number in range(3):
            sender.publish("rests/x", b"%d" % number)
            until(lambda: len(heard) > number)  # noqa: B023
    finally:
        resting.stop()
    assert min(later - sooner for sooner, later in itertools.pairwise(heard)) > 0.9


def test_a_loop_that_rests_sends_at_once(loop: MqttLoop, field_mqtt: EmbeddedMosquitto) -> None:
    got: list[bytes] = []
    broker = parse_mqtt_url(field_mqtt.url())
    hears = loop.add(broker, client_id="hears", on_message=lambda m: got.append(m.payload), subscriptions=[("n/#", 1)])
    until(lambda: hears.hears)
    resting = MqttLoop("rests", apart_s=3600.0)
    resting.start()
    try:
        link = resting.add(broker, client_id="sends", on_message=nothing)
        until(lambda: link.connected)
        link.publish("n/x", b"now")
        until(lambda: got == [b"now"])
    finally:
        resting.stop()


def test_many_links_in_one_thread_and_dead_addresses_that_stall_nobody(
    loop: MqttLoop, field_mqtt: EmbeddedMosquitto, dead_address: Broker
) -> None:
    got: set[str] = set()
    for number in range(20):
        loop.add(dead_address, client_id=f"dead-{number}", on_message=nothing)
    loop.add(Broker(host="no-such-host.invalid", port=1883), client_id="nowhere", on_message=nothing)
    broker = parse_mqtt_url(field_mqtt.url())
    links = [
        loop.add(broker, client_id=f"l{n}", on_message=lambda m: got.add(m.topic), subscriptions=[(f"x/{n}", 1)])
        for n in range(150)
    ]
    until(lambda: all(link.connected for link in links))
    until(lambda: any(say(link, f"x/{n}", b"") for n, link in enumerate(links)) or len(got) == 150, every_s=0.3)
    assert loop.alive


def test_comes_back_after_the_broker_was_killed_and_subscribes_again(
    loop: MqttLoop, field_mqtt: EmbeddedMosquitto
) -> None:
    got: list[bytes] = []
    told: list[str] = []
    link = loop.add(
        parse_mqtt_url(field_mqtt.url()),
        client_id="a",
        on_message=lambda m: got.append(m.payload),
        on_connect=lambda: told.append("up"),
        on_disconnect=lambda: told.append("down"),
        subscriptions=[("x", 1)],
    )
    until(lambda: link.connected)
    field_mqtt.kill9()
    until(lambda: not link.connected)
    link.publish("x", b"said to nobody")
    field_mqtt.restart()
    until(lambda: link.connected)
    until(lambda: say(link, "x", b"again") or b"again" in got)
    assert told == ["up", "down", "up"]
    assert b"said to nobody" not in got, "what comes too late must not come at all"


def test_the_will_is_sent_when_the_line_is_cut_and_not_at_a_goodbye(
    loop: MqttLoop, field_mqtt: EmbeddedMosquitto
) -> None:
    got: list[tuple[str, bytes]] = []
    broker = parse_mqtt_url(field_mqtt.url())
    watcher = loop.add(
        broker, client_id="w", on_message=lambda m: got.append((m.topic, m.payload)), subscriptions=[("will/#", 1)]
    )
    polite = loop.add(broker, client_id="p", on_message=nothing, will=("will/polite", b"dead"))
    rude = loop.add(broker, client_id="r", on_message=nothing, will=("will/rude", b"dead"))
    until(lambda: polite.connected and rude.connected and watcher.connected)
    polite.publish("will/said", b"before the goodbye")
    polite.close()
    rude.restart()
    until(lambda: ("will/rude", b"dead") in got)
    until(lambda: ("will/said", b"before the goodbye") in got)
    until(lambda: rude.connected)
    assert ("will/polite", b"dead") not in got
    assert not polite.connected


def test_a_paused_link_reads_nothing_and_is_not_dropped_by_the_broker(
    loop: MqttLoop, field_mqtt: EmbeddedMosquitto
) -> None:
    got: list[bytes] = []
    may_read = threading.Event()
    may_read.set()
    broker = parse_mqtt_url(field_mqtt.url())
    link = loop.add(
        broker,
        client_id="paused",
        on_message=lambda m: got.append(m.payload),
        subscriptions=[("x", 1)],
        may_read=may_read.is_set,
        keepalive_s=3,  # the broker hangs up when we are silent for half as long again: room for a slow machine
    )
    sender = loop.add(broker, client_id="b", on_message=nothing)
    until(lambda: link.connected and sender.connected)
    until(lambda: say(sender, "x", b"first") or got)
    may_read.clear()
    end = time.monotonic() + 6  # beyond one and a half keep-alives, after which the broker drops a silent client
    before = len(got)
    while time.monotonic() < end:
        sender.publish("x", b"later")
        threading.Event().wait(0.02)
    assert len(got) - before <= 1
    assert link.connects == 1
    loop._next_misc = time.monotonic() + 3600  # not by the round that looks at every link once a second
    may_read.set()
    loop.wake()
    until(lambda: len(got) > before + 50)
    assert link.connects == 1


def test_a_callback_that_fails_costs_its_message_only(
    loop: MqttLoop, field_mqtt: EmbeddedMosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    got: list[bytes] = []

    def hear(message: Message) -> None:
        if message.payload == b"bad":
            raise RuntimeError("of the test")
        got.append(message.payload)

    broker = parse_mqtt_url(field_mqtt.url())
    link = loop.add(broker, client_id="a", on_message=hear, subscriptions=[("x", 1)])
    until(lambda: link.connected)
    link.publish("x", b"bad")
    link.publish("x", b"good")
    link.publish("x/+", b"no such topic")
    link.publish("x", b"better")
    until(lambda: got == [b"good", b"better"])
    assert link.connects == 1
    assert {"mqtt_callback_failed", "mqtt_publish_refused"} <= {record.message for record in caplog.records}


def test_a_refused_login_is_said_and_tried_again(
    loop: MqttLoop, mqtt: CentralBroker, caplog: pytest.LogCaptureFixture
) -> None:
    good = parse_mqtt_url(mqtt.url("gare-1"))
    wrong = loop.add(good.as_user("gare-1", "wrong"), client_id="wrong", on_message=nothing)
    right = loop.add(good, client_id="right", on_message=nothing)
    until(lambda: right.connected)
    until(lambda: sum(record.message == "mqtt_refused" for record in caplog.records) >= 2)
    assert not wrong.connected
    assert "secret of" not in caplog.text


def test_a_broker_that_says_nothing_is_left(
    loop: MqttLoop, dead_address: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.mqtt.link._ANSWER_WITHIN_S", 0.5)
    link = loop.add(dead_address, client_id="a", on_message=nothing)
    until(lambda: link._session.socket() is not None)
    until(lambda: link._session.socket() is None)
    assert link._attempts >= 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_dead_loop_shows(field_mqtt: EmbeddedMosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = MqttLoop("doomed")
    loop.start()
    until(lambda: loop.alive)

    def broken(_self: MqttLoop, _now: float) -> None:
        raise MemoryError("of the test")

    monkeypatch.setattr(MqttLoop, "_attend", broken)
    until(lambda: not loop.alive)
    loop.stop()


def test_large_messages_come_whole(loop: MqttLoop, field_mqtt: EmbeddedMosquitto) -> None:
    got: list[bytes] = []
    broker = parse_mqtt_url(field_mqtt.url())
    link = loop.add(broker, client_id="a", on_message=lambda m: got.append(m.payload), subscriptions=[("x", 1)])
    until(lambda: link.connected)
    sizes = [0, 1, 127, 128, 16_383, 16_384, 65_535, 65_536, 65_537, 500_000, 3]
    for size in sizes:
        link.publish("x", bytes(size))
    until(lambda: len(got) == len(sizes))
    assert [len(payload) for payload in got] == sizes
    assert link.connects == 1


def a_session() -> Session:
    return Session(
        broker=Broker(host="h", port=1),
        client_id="x",
        keepalive_s=10,
        will=None,
        keeps=False,
        on_message=nothing,
        on_accepted=lambda _resumed: None,
        on_refused=lambda _: None,
        on_closing=lambda: None,
    )


def test_pahos_private_names_that_the_link_overrides_are_there() -> None:
    from paho.mqtt.client import Client

    for name in (
        "_create_socket", "_handle_publish", "_mid_generate", "_pack_remaining_length", "_packet_queue", "_packet_read",
        "_packet_write", "_raise_for_invalid_topic", "_send_pingreq", "_sock_close",
    ):  # fmt: skip
        assert callable(getattr(Client, name)), name
    session = a_session()
    for name in ("_in_callback_mutex", "_in_packet", "_last_bytes_received", "_manual_ack", "_ping_t", "_sock"):
        assert hasattr(session._client, name), name


def test_a_message_is_written_by_the_thread_that_asks_and_none_comes_late(
    loop: MqttLoop, field_mqtt: EmbeddedMosquitto
) -> None:
    got: list[bytes] = []
    broker = parse_mqtt_url(field_mqtt.url())
    loop.add(broker, client_id="heard", on_message=lambda m: got.append(m.payload), subscriptions=[("n/#", 1)])
    link = loop.add(broker, client_id="now", on_message=nothing)
    until(lambda: link.connected)
    until(lambda: say(link, "n/ready", b"?") or got)
    until(lambda: not link.wants_write())
    by: list[str] = []
    link.publish_now("n/y", b"here", on_sent=lambda: by.append(threading.current_thread().name))
    assert by == [threading.current_thread().name]
    link.restart()
    until(lambda: not link.connected)
    link.publish_now("n/y", b"late")
    until(lambda: link.connected)
    until(lambda: say(link, "n/y", b"end") or b"end" in got)
    assert b"late" not in got


class _Slow(socket.socket):
    """A socket that takes seven bytes at a time."""

    def send(self, data: Any, flags: int = 0) -> int:
        return super().send(bytes(data[:7]), flags)


def test_threads_that_write_at_once_tear_no_message_apart() -> None:
    ours, broker = socket.socketpair()
    slow = _Slow(fileno=ours.detach())
    session = a_session()
    assert session.start(slow)
    session.write()
    broker.recv(1000)
    broker.sendall(bytes([0x20, 2, 0, 0]))  # CONNACK
    session.read()
    received = bytearray()

    def hear() -> None:
        while part := broker.recv(65_536):
            received.extend(part)

    def publish(letter: bytes) -> None:
        for _ in range(100):
            if not session.publish_now("t", letter * 100, 0):
                session.publish("t", letter * 100, 0, False)
                session.write()

    threads = [threading.Thread(target=publish, args=(letter,)) for letter in (b"a", b"b", b"c")]
    hearing = threading.Thread(target=hear)
    for thread in (hearing, *threads):
        thread.start()
    for thread in threads:
        thread.join(30)
    while session.wants_write():
        session.write()
    session.drop()
    hearing.join(30)
    broker.close()
    messages = {bytes([0x30, 103, 0, 1]) + b"t" + letter * 100 for letter in (b"a", b"b", b"c")}
    assert len(received) == 300 * 105
    assert {bytes(received[at : at + 105]) for at in range(0, len(received), 105)} == messages


def test_a_dropped_filter_brings_nothing_more_also_if_it_was_dropped_without_a_connection(
    loop: MqttLoop, field_mqtt: EmbeddedMosquitto
) -> None:
    got: list[str] = []
    broker = parse_mqtt_url(field_mqtt.url())
    kept = loop.add(
        broker,
        client_id="kept",
        on_message=lambda message: got.append(message.topic),
        on_session=lambda _resumed: None,
        subscriptions=[("a", 0), ("b", 0), ("c", 0), ("end", 0)],
    )
    sender = loop.add(broker, client_id="sender", on_message=nothing)
    until(lambda: kept.connected and sender.connected)

    def said() -> set[str]:
        got.clear()
        for topic in ("a", "b", "c"):
            sender.publish(topic, b"x", qos=0)
        until(lambda: say(sender, "end", b"x") or "end" in got)
        return set(got) - {"end"}

    until(lambda: said() == {"a", "b", "c"})
    kept.unsubscribe(["a"])
    until(lambda: said() == {"b", "c"})
    field_mqtt.stop()
    until(lambda: not kept.connected)
    kept.unsubscribe(["b"])
    field_mqtt.start()
    until(lambda: kept.connected and sender.connected)
    until(lambda: said() == {"c"})


@pytest.mark.parametrize(("days", "heard"), [(1, True), (-30, False)], ids=["not yet valid", "over"])
def test_a_clock_that_is_behind_keeps_no_gateway_from_its_centre(tmp_path: Path, days: int, heard: bool) -> None:
    now = datetime.now(UTC)
    create(tmp_path / "authority", now - timedelta(days=60))
    issue_process(tmp_path / "authority", "ingest", tmp_path / "client", now=now)
    shifted = now + timedelta(days=days)
    issue_server(tmp_path / "authority", ["127.0.0.1"], tmp_path / "server", now=shifted, life=timedelta(days=7))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server/certificate.pem", tmp_path / "server/key.pem")
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            for _ in range(2):
                with contextlib.suppress(OSError), context.wrap_socket(server.accept()[0], server_side=True) as taken:
                    taken.sendall(b"hello")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        broker = parse_mqtt_url(f"mqtts://127.0.0.1:{server.getsockname()[1]}", tls=tmp_path / "client")
        if heard:
            with connect(broker) as connected:
                assert connected.recv(5) == b"hello"
        else:
            with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
                connect(broker)
            socket.create_connection(server.getsockname()).close()
        thread.join(60)
