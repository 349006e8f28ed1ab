"""Answers every batch with a mark at once, as the ingest would after its commit; a process of its own.

``python -m benchmarks.committer`` reads its orders as JSON from standard input and connects. It answers from the next
line of the input on: then it says ``begun``, and at the end how long the expected number of events took. A batch that
doesn't follow the one before isn't taken: the same mark goes out again, as the ingest does it.
"""

from __future__ import annotations

import json
import sys
import threading
import time

from gateway.mqtt.loop import Link, Message, MqttLoop, parse_mqtt_url


class _Committer:
    """The centre's side of one gateway's stream."""

    def __init__(self, topic: str, wanted: int) -> None:
        self.topic = topic
        self.wanted = wanted
        self.link: Link
        self.committed = 0
        self.repeated = 0
        self.epoch = ""
        self.digest: str | None = None
        self.answers = False
        self.ended = 0.0
        self.enough = threading.Event()

    def hear(self, message: Message) -> None:
        """Take a batch; answer it once answers are asked for."""
        batch = json.loads(message.payload)
        if batch["first"] == self.committed + 1:
            self.epoch, self.digest = batch["epoch"], batch["digest"]
            self.committed += len(batch["events"])
        elif self.answers:
            self.repeated += 1
        if self.answers:
            self.answer()

    def answer(self) -> None:
        """Publish the mark."""
        mark = {"epoch": self.epoch, "seq": self.committed, "digest": self.digest}
        self.link.publish(self.topic + "/committed", json.dumps(mark).encode(), retain=True)
        if self.committed >= self.wanted and not self.enough.is_set():
            self.ended = time.perf_counter()
            self.enough.set()


def main() -> None:
    """Answer until the standard input ends."""
    orders = json.loads(sys.stdin.readline())
    committer = _Committer(orders["topic"], orders["events"])
    loop = MqttLoop("committer")
    committer.link = loop.add(
        parse_mqtt_url(orders["url"]),
        client_id="committer",
        on_message=committer.hear,
        subscriptions=[(committer.topic + "/events", 1)],
    )
    loop.start()
    sys.stdin.readline()
    while not committer.committed:
        time.sleep(0.01)
    begun = time.perf_counter()
    before = committer.committed
    committer.answers = True
    committer.answer()
    print(json.dumps({"begun": before}), flush=True)
    committer.enough.wait()
    said = {
        "seconds": committer.ended - begun,
        "events": committer.committed - before,
        "repeated": committer.repeated,
    }
    print(json.dumps(said), flush=True)
    sys.stdin.readline()
    loop.stop()


if __name__ == "__main__":
    main()
