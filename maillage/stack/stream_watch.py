"""A client of the live stream, which measures how old news is when it arrives."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import SecretStr

_KEEP: Final = 200_000
"""Measurements that are kept; an hour's demo stays below."""


class StreamWatch:
    """Reads ``/v1/stream`` in a thread of its own and measures, for each number that moves: event ``at`` to receipt."""

    def __init__(self, *, host: str, port: int, key: SecretStr) -> None:
        """``key``: of the API, since what is public doesn't move with each event."""
        self._host = host
        self._port = port
        self._headers = {"Accept": "text/event-stream", "X-Api-Key": key.get_secret_value()}
        self._stop = threading.Event()
        self._shown: dict[str, tuple[Any, ...]] = {}
        self._latencies_ms: list[float] = []
        self._thread = threading.Thread(target=self._watch, name="stream-watch", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """Stop reading."""
        self._stop.set()
        self._thread.join(timeout=2.0)

    @property
    def measured(self) -> int:
        """How many changes were measured."""
        return len(self._latencies_ms)

    def quantile_ms(self, share: float) -> float | None:
        """Return the latency that ``share`` (0 to 1) of the changes stayed below; None: nothing was measured."""
        ordered = sorted(self._latencies_ms)
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1) if ordered else None

    def _watch(self) -> None:
        while not self._stop.is_set():
            connection = http.client.HTTPConnection(self._host, self._port, timeout=20)
            try:
                connection.request("GET", "/v1/stream", headers=self._headers)
                response = connection.getresponse()
                while not self._stop.is_set() and (line := response.readline()):
                    if line.startswith(b"data:"):
                        self._take(json.loads(line[5:]), time.time())
            except (OSError, http.client.HTTPException, ValueError):
                self._stop.wait(0.5)  # the API is starting, or starting again
            finally:
                connection.close()

    def _take(self, message: Mapping[str, Any], now: float) -> None:
        """Measure one message by the oldest of its numbers that moved."""
        place = message.get("place")
        ages = []
        for one in (message, *message.get("spaces", ())):
            key = f"{place}/{one.get('space', '')}"
            shown = (one.get("present"), one.get("low"), one.get("high"))
            before, self._shown[key] = self._shown.get(key), shown
            # the first sight of a space, and what the clock alone changed, are no events
            if before is not None and before != shown and one.get("quality") in ("live", "degraded"):
                ages.append((now - datetime.fromisoformat(one["at"]).timestamp()) * 1000)
        if ages and len(self._latencies_ms) < _KEEP:
            self._latencies_ms.append(max(ages))
