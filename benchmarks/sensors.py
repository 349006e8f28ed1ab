"""Zigbee desk sensors that change at a steady rate: a process of its own, so that it disturbs nobody's clock.

Reads its orders as JSON from standard input: ``{"url", "topics", "rate", "seconds"}``, a line for each run.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Final

from gateway.mqtt.loop import MqttLoop, parse_mqtt_url

_TICK_S: Final = 0.002


def main() -> None:
    """Speak as ordered, and say how many messages went out and in how many seconds."""
    loop = MqttLoop("sensors")
    loop.start()
    link = None
    number = 0
    for line in sys.stdin:
        orders = json.loads(line)
        if link is None:
            link = loop.add(parse_mqtt_url(orders["url"]), client_id="sensors", on_message=lambda _message: None)
            while not link.connected:
                time.sleep(0.01)
        topics, rate = orders["topics"], orders["rate"]
        started = time.monotonic()
        sent = 0
        while (passed := time.monotonic() - started) < orders["seconds"]:
            due = int(passed * rate) - sent
            for _ in range(due):
                taken = "true" if number // len(topics) % 2 == 0 else "false"
                link.publish(topics[number % len(topics)], b'{"occupancy":%s,"linkquality":90}' % taken.encode(), qos=0)
                number += 1
            sent += due
            time.sleep(_TICK_S)
        print(json.dumps({"sent": sent, "seconds": time.monotonic() - started}), flush=True)
    loop.stop()


if __name__ == "__main__":
    main()
