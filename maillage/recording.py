"""Recordings of device messages: one JSON object a line, with ``time``, ``topic`` and ``payload`` or ``payload_b64``.

``time`` is RFC 3339 with a zone, or seconds since the epoch. ``payload`` is text, ``payload_b64`` bytes in base64.
``mosquitto_sub -v -t '#' -F %j`` writes such lines too: its ``tst`` is the time. Other fields are ignored.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

_LONGEST_TOPIC = 65_535
"""Bytes, as MQTT's length field has it."""


class LineError(Exception):
    """A line that is no message; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One message of a recording."""

    time_s: float
    """Seconds since the epoch, by the recorder's clock."""
    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class BadLine:
    """A line that could not be read."""

    number: int
    """From 1."""
    reason: str


def read_line(line: str) -> Recorded:
    """Read one line.

    Raises:
        LineError: no JSON object, no time, no topic to publish to, not exactly one payload.
    """
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise LineError("it is not JSON") from error
    if not isinstance(value, dict):
        raise LineError("it is not a JSON object")
    return Recorded(
        time_s=_time(value.get("time", value.get("tst"))), topic=_topic(value.get("topic")), payload=_payload(value)
    )


def _time(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e11 and math.isfinite(value):
        return float(value)
    if not isinstance(value, str):
        raise LineError("time is neither RFC 3339 nor seconds since the epoch")
    try:
        when = datetime.fromisoformat(value)
    except ValueError as error:
        raise LineError("time is neither RFC 3339 nor seconds since the epoch") from error
    if when.tzinfo is None:
        raise LineError("time has no zone")
    return when.timestamp()


def _topic(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise LineError("topic is missing")
    if any(char in value for char in "+#\0") or not 1 <= len(value.encode("utf-8", "replace")) <= _LONGEST_TOPIC:
        raise LineError("topic holds a wildcard or is too long: nobody can publish to it")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise LineError("topic is not Unicode") from error
    return value


def _payload(value: dict[str, Any]) -> bytes:
    text, encoded = value.get("payload"), value.get("payload_b64")
    if isinstance(text, str) and encoded is None:
        return text.encode("utf-8", "surrogatepass")
    if isinstance(encoded, str) and text is None:
        try:
            return base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError) as error:
            raise LineError("payload_b64 is not base64") from error
    raise LineError("there must be one of payload (text) and payload_b64 (base64)")


def read_recording(lines: Iterable[bytes]) -> Iterator[Recorded | BadLine]:
    """Read lines into messages, and into bad lines with their numbers; empty lines are skipped."""
    for number, raw in enumerate(lines, 1):
        if not raw.strip():
            continue
        try:
            yield read_line(raw.decode())
        except UnicodeDecodeError:
            yield BadLine(number=number, reason="it is not UTF-8")
        except LineError as error:
            yield BadLine(number=number, reason=str(error))


def moved(message: Recorded, prefixes: Sequence[tuple[str, str]]) -> Recorded:
    """Return ``message`` with the first fitting (old, new) prefix of its topic replaced."""
    for old, new in prefixes:
        if message.topic.startswith(old):
            return replace(message, topic=new + message.topic[len(old) :])
    return message


def parse_map(text: str) -> tuple[str, str]:
    """Read ``OLD_PREFIX=NEW_PREFIX``.

    Raises:
        LineError: there is no ``=``, or nothing before it.
    """
    old, equals, new = text.partition("=")
    if not equals or not old:
        raise LineError(f"a map is written OLD_PREFIX=NEW_PREFIX, not {text!r}")
    return old, new
