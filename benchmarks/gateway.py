"""What a gateway costs the small computer that it runs on, and how long a card with its PIN takes there.

``python -m benchmarks.gateway [--pins N] [--others N]``. A gateway process as in life, with its field broker, a central
one and a list: its memory, its processor time while nothing happens, and the bytes that it has written to its disk for
each event, as the kernel counts them (``/proc/PID/io``), beside bare SQLite commits of the same rows. Then, with the
gateway and its field broker on one core, a card and its PIN are presented one right after the other, at a door that
asks for both. Then memory and processor time of one process that runs the gateways of 225 places.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from access import pin_hash, token_key
from access.compare import fingerprint
from access.rules import DoorRules, PlaceRules
from benchmarks.door_stand import DESKS, KEY, Stand, card, deliver_list, driven, member_of, small_list, stand
from benchmarks.report import Result, finish, progress
from benchmarks.spool import bare_rate, fill
from benchmarks.tap import Tapper, quantile
from benchmarks.usage import cpu_s, rss_mb, written_bytes
from gateway.mqtt.loop import Message, MqttLoop, parse_mqtt_url
from rights.packing import list_messages

_REST_S: Final = 10.0
_EVENTS: Final = 1_000
_EVENTS_PER_S: Final = 100.0
_HELD: Final = 100_000
_CARDS_ELSEWHERE: Final = 200


def at_rest(where: Stand) -> float:
    """Return the percentage of a core that the gateway uses while nothing happens."""
    time.sleep(3.0)  # what began before is over
    used, begun = cpu_s(where.pid), time.monotonic()
    time.sleep(_REST_S)
    return (cpu_s(where.pid) - used) / (time.monotonic() - begun) * 100


def bytes_written(where: Stand, tapper: Tapper) -> float:
    """Return how many bytes the gateway has written to its disk for each of some events, which come one by one."""
    before = written_bytes(where.pid)
    for number in range(_EVENTS):
        payload = json.dumps({"occupancy": number // DESKS % 2 == 0}).encode()
        tapper.link.publish(f"zigbee2mqtt/desk-{number % DESKS}", payload)
        time.sleep(1 / _EVENTS_PER_S)
    time.sleep(1.0)
    return (written_bytes(where.pid) - before) / _EVENTS


def bytes_held() -> float:
    """Return the bytes of the spool's file for each event that it holds."""
    with tempfile.TemporaryDirectory(prefix="maillage-held-") as directory:
        path = Path(directory) / "spool.sqlite"
        fill(path, _HELD)
        return path.stat().st_size / _HELD


def bytes_bare() -> float:
    """Return how many bytes a bare loop writes for each such event, a commit each."""
    with tempfile.TemporaryDirectory(prefix="maillage-bare-") as directory:
        before = written_bytes(os.getpid())
        bare_rate(Path(directory) / "bare.sqlite", _EVENTS, 1)
        return (written_bytes(os.getpid()) - before) / _EVENTS


def on_one_core(pids: Iterable[int]) -> None:
    """Bind processes with all of their threads to one core, as ``taskset -a`` does."""
    core = {min(os.sched_getaffinity(0))}
    for pid in pids:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), core)


def pins(where: Stand, loop: MqttLoop, times: int) -> list[float]:
    """Present cards, each followed at once by its PIN; return the milliseconds from the card to the lock's command."""
    numbers = range(0, 2 * times, 2)  # one card of each member: digits that come again at once are a repeat
    key = token_key(KEY)
    typed = {number: f"0{number:05}" for number in numbers}
    hashes = {member_of(number): pin_hash(key, member_of(number), typed[number]) for number in numbers}
    rules = PlaceRules(doors={"entry": DoorRules(pin=True)})
    tapper = Tapper(where, loop)
    deliver_list(where, loop, small_list(cards=2 * times, pins=hashes, rules=rules))
    on_one_core((where.pid, where.field.pid or 0))
    took = []
    for number in numbers:
        shown = {"type": "access", "uid": card(number), "hostname": "reader", "isKnown": "false", "time": number}
        digits = {"type": "access", "uid": typed[number], "hostname": "keypad", "isKnown": "false", "time": number}
        tapper.link.publish("bench/entry/send", json.dumps(shown).encode())
        took.append(tapper.round_trip("bench/keypad/send", json.dumps(digits).encode(), "bench/entry/cmd"))
    return took


def deliver_everywhere(where: Stand, loop: MqttLoop) -> None:
    """Send every gateway of the process a list, and wait until each has said that it has it."""
    waiting = {one.gateway for one in where.gateways}
    all_have = threading.Event()

    def hear(message: Message) -> None:
        if json.loads(message.payload).get("list_version") == 1:
            waiting.discard(message.topic.split("/")[-2])
            if not waiting:
                all_have.set()

    rights = loop.add(
        parse_mqtt_url(where.central.url("rights")),
        client_id="rights",
        on_message=hear,
        subscriptions=[("maillage/v1/+/+/+/state", 1)],
    )
    while not all_have.wait(2.0):
        for one in where.gateways:
            if one.gateway in waiting:
                whole = small_list(place=one.place, cards=_CARDS_ELSEWHERE)
                for part in list_messages(whole, fingerprint(whole), where.seed):
                    rights.publish(one.address.topic("list"), part)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pins", type=int, default=400, help="cards with a PIN (default 400)")
    parser.add_argument("--others", type=int, default=224, help="gateways beside the first (default 224)")
    choice = parser.parse_args()
    with stand() as where, driven() as loop:
        tapper = Tapper(where, loop)
        deliver_list(where, loop)
        tapper.warm()
        resting = at_rest(where)
        written = bytes_written(where, tapper)
        memory = rss_mb(where.pid)
    progress(f"one gateway: {memory:.0f} MB, {resting:.2f} % of a core at rest, {written:,.0f} bytes an event")
    bare, held = bytes_bare(), bytes_held()
    with stand() as where, driven() as loop:
        took = pins(where, loop, choice.pins)
    progress(f"card and PIN to unlock: p50 {quantile(took, 0.5):.1f} ms, p99 {quantile(took, 0.99):.1f} ms")
    with stand(others=choice.others) as where, driven() as loop:
        deliver_everywhere(where, loop)
        resting_many, memory_many = at_rest(where), rss_mb(where.pid)
    many = choice.others + 1
    progress(f"{many} gateways: {memory_many:.0f} MB, {resting_many:.2f} % of a core at rest")
    finish(
        "gateway",
        [
            Result(name="rss_mb", value=memory, unit="MB"),
            Result(name=f"rss_mb_{many}_gateways", value=memory_many, unit="MB"),
            Result(name="cpu_at_rest_percent", value=resting, unit="% of a core"),
            Result(name=f"cpu_at_rest_percent_{many}_gateways", value=resting_many, unit="% of a core"),
            Result(
                name="bytes_per_event",
                value=written,
                unit="B",
                reference="bare SQLite, a commit an event, nothing deleted",
                reference_value=bare,
            ),
            Result(name="bytes_held_per_event", value=held, unit="B"),
            Result(name="pin_to_unlock_p50_ms", value=quantile(took, 0.5), unit="ms"),
            Result(
                name="pin_to_unlock_p99_ms",
                value=quantile(took, 0.99),
                unit="ms",
                reference="goal",
                reference_value=60,
            ),
        ],
    )


if __name__ == "__main__":
    main()
