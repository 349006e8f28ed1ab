"""What a session makes of the packets of a broker."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Iterator, Sequence

import pytest

from gateway.mqtt.address import Broker
from gateway.mqtt.read_ahead import ReadAhead
from gateway.mqtt.session import Message, Session

CONNACK = b"\x20\x02\x00\x00"


class Talk:
    """A session and its broker's end of the connection."""

    def __init__(self, *, keeps: bool) -> None:
        self.heard: list[Message] = []
        self.broker, sock = socket.socketpair()
        self.broker.settimeout(10)
        sock.setblocking(False)
        self.session = Session(
            broker=Broker(host="h", port=1),
            client_id="x",
            keepalive_s=10,
            will=None,
            keeps=keeps,
            on_message=self.heard.append,
            on_accepted=lambda _resumed: None,
            on_refused=lambda _: None,
            on_closing=lambda: None,
        )
        assert self.session.start(sock)
        assert self.session.write()
        assert self.broker.recv(1000)[0] == 0x10  # CONNECT
        self.says(CONNACK)

    def says_all(self, pieces: Sequence[bytes]) -> None:
        """Say one piece after the other, each read to its end."""
        for piece in pieces:
            assert self.says(piece)
            sock = self.session.socket()
            while sock is not None and sock.pending():
                assert self.session.read()
        for _ in range(3):  # what a read has left
            assert self.session.read()

    def says(self, packet: bytes) -> bool:
        """Send a packet to the session, and read it there; False: the session gives the connection up."""
        self.broker.sendall(packet)
        return self.session.read()

    def answer(self) -> bytes:
        """What the session has written since."""
        while self.session.wants_write():
            assert self.session.write()
        self.broker.setblocking(False)
        try:
            return self.broker.recv(1000)
        except BlockingIOError:
            return b""


@pytest.fixture
def talk() -> Iterator[Talk]:
    made = Talk(keeps=False)
    yield made
    made.session.drop()
    made.broker.close()


@pytest.fixture
def keeping() -> Iterator[Talk]:
    made = Talk(keeps=True)
    yield made
    made.session.drop()
    made.broker.close()


def publish(topic: bytes, payload: bytes, *, flags: int = 0, mid: int | None = None) -> bytes:
    """A PUBLISH packet."""
    body = len(topic).to_bytes(2, "big") + topic + (b"" if mid is None else mid.to_bytes(2, "big")) + payload
    length, rest = bytearray(), len(body)
    while rest > 127:
        length.append(rest % 128 + 128)
        rest //= 128
    return bytes((0x30 | flags, *length, rest)) + body


def test_a_message_is_heard_as_it_was_sent(talk: Talk) -> None:
    assert talk.says(publish("é/b".encode(), b"\x00\xff"))
    assert talk.says(publish(b"a", b"", flags=1))
    assert talk.heard == [
        Message(topic="é/b", payload=b"\x00\xff", retained=False),
        Message(topic="a", payload=b"", retained=True),
    ]
    assert talk.answer() == b""  # QoS 0


@pytest.mark.parametrize("size", [0, 122, 123, 124, 125, 16_379, 16_380, 16_381, 60_000])
def test_a_message_of_any_size_is_heard_however_it_arrives(talk: Talk, size: int) -> None:
    payload = bytes(n % 251 for n in range(size))
    packets = publish(b"ab", payload) + publish(b"c", b"x")
    expected = [Message(topic="ab", payload=payload, retained=False), Message(topic="c", payload=b"x", retained=False)]
    for pieces in (
        [packets],
        [packets[:1], packets[1:]],
        [packets[:3], packets[3:4], packets[4:]],
        [packets[:-1], b"x"],
    ):
        talk.heard.clear()
        talk.says_all(pieces)
        assert talk.heard == expected


def test_the_end_of_the_connection_is_noticed(talk: Talk) -> None:
    talk.broker.close()
    assert not talk.session.read()


def test_a_message_of_qos_1_is_acknowledged_at_once(talk: Talk) -> None:
    assert talk.says(publish(b"a", b"x", flags=2, mid=0x1234))
    assert talk.heard == [Message(topic="a", payload=b"x", retained=False)]
    assert talk.answer() == b"\x40\x02\x12\x34"


def test_where_messages_are_kept_they_are_acknowledged_when_the_caller_says_so(keeping: Talk) -> None:
    assert keeping.says(publish(b"a", b"x", flags=2, mid=0x1234))
    (message,) = keeping.heard
    assert message.receipt == (1, 0x1234)
    assert keeping.answer() == b""
    assert message.receipt is not None
    keeping.session.acknowledge([message.receipt])
    assert keeping.answer() == b"\x40\x02\x12\x34"


def test_a_topic_that_is_no_text_is_acknowledged_and_dropped(keeping: Talk, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert keeping.says(publish(b"\xff", b"x", flags=2, mid=7))
    assert keeping.heard == []
    assert caplog.messages == ["mqtt_topic_unreadable"]
    assert keeping.answer() == b"\x40\x02\x00\x07"


@pytest.mark.parametrize(
    "packet",
    [
        b"\x30\x00",
        b"\x30\x01\x00",
        b"\x30\x02\x00\x00",  # no topic
        b"\x30\x03\x00\x05a",  # a topic that ends beyond the packet
        b"\x32\x04\x00\x01a\x00",  # half an identifier
        publish(b"a", b"x", flags=4, mid=1),  # QoS 2, which nobody subscribes with
        publish(b"a", b"x", flags=6, mid=1),
    ],
)
def test_a_packet_that_breaks_the_protocol_ends_the_connection(talk: Talk, packet: bytes) -> None:
    assert not talk.says(packet)
    assert talk.heard == []


@pytest.mark.parametrize("size", [0, 123, 16_379, 300_000])
def test_a_message_is_sent_once_and_forgotten(talk: Talk, size: int) -> None:
    payload = b"x" * size
    got = b""
    for qos in (0, 1, 1):
        talk.session.publish("é", payload, qos=qos, retain=qos == 1)
    while talk.session.wants_write():
        assert talk.session.write()
        got += talk.broker.recv(1_000_000)
    expected = (publish("é".encode(), payload, flags=0 if mid is None else 3, mid=mid) for mid in (None, 1, 2))
    assert got == b"".join(expected)
    assert talk.says(b"\x40\x02\x00\x01\x40\x02\x00\x02")
    assert talk.answer() == b""
    talk.session.drop()
    talk.session.publish("a", b"late", qos=1, retain=False)
    assert not talk.session.wants_write(), "without a connection it is dropped"


@pytest.mark.parametrize("topic", ["", "a/+", "#", "x" * 65_536])
def test_a_topic_that_no_message_may_have_is_refused(talk: Talk, topic: str) -> None:
    with pytest.raises(ValueError):
        talk.session.publish(topic, b"x", qos=1, retain=False)
    assert talk.answer() == b""


def test_confirmations_are_passed_over_however_they_arrive(talk: Talk) -> None:
    confirmed = b"\x40\x02\x12\x34"
    packets = confirmed * 2 + publish(b"a", b"x") + confirmed + publish(b"b", b"y", flags=2, mid=9) + confirmed
    expected = [Message(topic=topic, payload=payload, retained=False) for topic, payload in (("a", b"x"), ("b", b"y"))]
    for cut in range(1, len(packets)):
        talk.heard.clear()
        talk.says_all([packets[:cut], packets[cut:]])
        assert talk.heard == expected
        assert talk.answer() == b"\x40\x02\x00\x09"


def test_what_waits_is_written_in_one_piece(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: list[bytes] = []
    send = ReadAhead.send

    def counted(sock: ReadAhead, data: bytes) -> int:
        pieces.append(bytes(data))
        return send(sock, data)

    monkeypatch.setattr(ReadAhead, "send", counted)
    for number in range(3):
        talk.session.publish("a", b"%d" % number, qos=0, retain=False)
    assert talk.session.write()
    expected = b"".join(publish(b"a", b"%d" % number) for number in range(3))
    assert pieces == [expected]
    assert talk.answer() == expected


def test_what_the_broker_takes_slowly_arrives_whole_and_in_order(talk: Talk) -> None:
    payloads = [bytes([number]) * 30_000 for number in range(60)]
    got = b""
    talk.broker.settimeout(10)
    for payload in payloads:
        talk.session.publish("a", payload, qos=0, retain=False)
    while talk.session.wants_write():
        assert talk.session.write()
        got += talk.broker.recv(100_000)
    expected = b"".join(publish(b"a", payload) for payload in payloads)
    while len(got) < len(expected):
        got += talk.broker.recv(100_000)
    assert got == expected


class _Records(ssl.SSLSocket):
    """A TLS connection on which records have come: each call gives one."""

    def __init__(self, *records: bytes) -> None:
        self._waiting = list(records)

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        if not self._waiting:
            raise ssl.SSLWantReadError
        return self._waiting.pop(0)

    def pending(self) -> int:
        return 0


def test_all_messages_that_have_come_over_tls_are_read_at_once() -> None:
    """A broker writes each message as a record; one for each wake of the thread would be 500 a second at most."""
    packet = b"\x30\x05\x00\x01txy"
    ahead = ReadAhead(_Records(b"\x40\x02\x00\x01", packet, packet, packet))
    assert not ahead.skip_confirmations()
    assert [ahead.publish() is not None for _ in range(4)] == [True, True, True, False]
    with pytest.raises(ssl.SSLWantReadError):
        ahead.recv(1)
    ended = ReadAhead(_Records(packet, b""))
    assert ended.recv(100) == packet
