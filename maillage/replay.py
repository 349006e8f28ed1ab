"""``maillage replay FILE``: a recording of real devices, published on a place's own broker at its pace or faster."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Self

from paho.mqtt.client import Client, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion

from gateway.mqtt.address import parse_mqtt_url
from maillage.recording import BadLine, Recorded, moved, read_recording

IN_FLIGHT: Final = 100
"""Messages that the broker has not acknowledged yet: memory stays bounded however long the recording is."""
PROGRESS_EVERY_S: Final = 5.0
ACKNOWLEDGED_WITHIN_S: Final = 30.0
BAD_LINES_SAID: Final = 10
"""Bad lines that are reported one by one; of a file that begins with this many, nothing is sent."""


class ReplayError(Exception):
    """The recording cannot be played; the text says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """The outcome of a replay."""

    sent: int
    bad_lines: int
    seconds: float
    complete: bool
    """False where it was stopped."""


def replay(
    file: Path,
    *,
    mqtt_url: str,
    speed: float | None = 1.0,
    prefixes: Sequence[tuple[str, str]] = (),
    most_per_s: float | None = None,
    stop: threading.Event | None = None,
    say: Callable[[str], None] = print,
) -> Played:
    """Publish the messages of ``file`` on the field broker at ``mqtt_url`` (QoS 1, never retained).

    Bad lines are left out, and the first ones reported by their number. A line whose time lies before its predecessor's
    follows at once.

    Args:
        speed: recorded seconds in a real one; None: as fast as the broker takes them.
        prefixes: (old, new) beginnings of topics, as ``recording.parse_map`` reads them; the first that fits counts.
        most_per_s: never more messages a second. A broker drops what a slow subscriber leaves lying.
        stop: ends it early when set.
        say: called with each line about bad lines and progress.

    Raises:
        ReplayError: the file or the broker cannot be reached, or the file is no recording.
        MqttUrlError: the broker's address cannot be read.
    """
    stop = stop or threading.Event()
    began = time.monotonic()
    sent = bad = 0
    next_word = began + PROGRESS_EVERY_S
    pace = _Pace(speed=speed, most_per_s=most_per_s)
    with _opened(file) as lines, _Publisher(mqtt_url) as publisher:
        for item in _recorded(file, lines):
            if isinstance(item, BadLine):
                bad += 1
                if bad <= BAD_LINES_SAID:
                    say(f"line {item.number}: {item.reason}")
                elif bad == BAD_LINES_SAID + 1:
                    say("further bad lines are only counted")
                continue
            if stop.wait(pace.wait_s(item)):
                break
            publisher.publish(moved(item, prefixes))
            sent += 1
            if time.monotonic() >= next_word:
                say(f"{sent} messages sent")
                next_word = time.monotonic() + PROGRESS_EVERY_S
        publisher.settle()
    played = Played(sent=sent, bad_lines=bad, seconds=time.monotonic() - began, complete=not stop.is_set())
    say(
        f"{sent} messages sent in {played.seconds:.1f} s, {bad} bad lines{'' if played.complete else ', stopped early'}"
    )
    return played


class _Pace:
    """When each message is due."""

    def __init__(self, *, speed: float | None, most_per_s: float | None) -> None:
        self._speed = speed
        self._least_gap_s = 0.0 if most_per_s is None else 1 / most_per_s
        self._origin: tuple[float, float] | None = None
        self._free_at = 0.0

    def wait_s(self, message: Recorded) -> float:
        now = time.monotonic()
        if self._origin is None:
            self._origin = (message.time_s, now)
        due = self._free_at
        if self._speed is not None:
            first, began = self._origin
            due = max(due, began + (message.time_s - first) / self._speed)
        self._free_at = max(now, due) + self._least_gap_s
        return max(0.0, due - now)


class _Publisher:
    """A connection to the broker that never runs more than a few messages ahead of it."""

    def __init__(self, url: str) -> None:
        self._broker = parse_mqtt_url(url)
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._waiting: list[MQTTMessageInfo] = []

    def __enter__(self) -> Self:
        if self._broker.username is not None:
            self._client.username_pw_set(self._broker.username, self._broker.password)
        if self._broker.tls:
            self._client.tls_set()
        try:
            self._client.connect(self._broker.host, self._broker.port)
        except OSError as error:
            where = f"{self._broker.host}:{self._broker.port}"
            raise ReplayError(f"there is no broker at {where}: start it, or set MAILLAGE_FIELD_MQTT_URL.") from error
        self._client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, message: Recorded) -> None:
        self._waiting.append(self._client.publish(message.topic, message.payload, qos=1))
        if len(self._waiting) >= IN_FLIGHT:
            self.settle()

    def settle(self) -> None:
        """Wait until the broker has everything."""
        for info in self._waiting:
            info.wait_for_publish(ACKNOWLEDGED_WITHIN_S)
            if not info.is_published():
                raise ReplayError(f"the broker has not acknowledged a message for {ACKNOWLEDGED_WITHIN_S:.0f} s")
        self._waiting.clear()


def _recorded(file: Path, lines: BinaryIO) -> Iterator[Recorded | BadLine]:
    """The items of a recording.

    Raises:
        ReplayError: it begins with ``BAD_LINES_SAID`` bad lines, or holds no message at all.
    """
    items = read_recording(lines)
    first: list[Recorded | BadLine] = []
    for item in items:
        first.append(item)
        if isinstance(item, Recorded):
            break
        if len(first) == BAD_LINES_SAID:
            raise ReplayError(_no_recording(file, first[0]))
    else:
        raise ReplayError(_no_recording(file, first[0] if first else None))
    yield from first
    yield from items


def _no_recording(file: Path, first: Recorded | BadLine | None) -> str:
    why = f"line {first.number}: {first.reason}" if isinstance(first, BadLine) else "it is empty"
    return (
        f"{file} is no recording of device messages ({why}). Each line must be a JSON object with time, topic and "
        "payload, as docs/devices.md describes it."
    )


def _opened(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except OSError as error:
        raise ReplayError(f"cannot read {file}: {error.strerror}.") from error
