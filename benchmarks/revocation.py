"""A card is taken out of service in the API: until the last of 154 gateways refuses it, and one that was away.

``python -m benchmarks.revocation [--revocations N] [--returns N] [--stolen N]``. Real parts, each a process of its own:
TimescaleDB, Mosquitto, API, rights process, ingest, and one gateway process with 154 gateways of an imported network,
each with some hundreds of members. Time runs from the HTTP request to the last gateway's own acknowledgement (its state
with the newer version, which it says once the list is on its disk); then that card is read at doors, and must be
refused as lost. Beside it: 154 bare MQTT subscribers that answer a message of the same size, through the same broker's
program. Then the same over TLS, where stolen gateways are shut out as well (``benchmarks.stolen``).
"""

from __future__ import annotations

import argparse
import json
import random
import threading
import time
from collections.abc import Sequence
from typing import Any, Final

import psycopg

from access import card_token, normalise
from benchmarks.report import Result, finish, progress
from benchmarks.revocation_chain import Chain, chain
from benchmarks.revocation_network import CARD_SECRET, Victim
from benchmarks.stand import Stand, stand
from benchmarks.stolen import cut_off
from gateway.contract.configuration import Device
from gateway.drivers.models.esp_rfid import Address
from gateway.mqtt.loop import Link, Message, parse_mqtt_url
from rights.card_secret import place_key

_WARM: Final = 3
_A_DAY: Final = 100
"""Changes at a place in a day, each on its own."""
_APART_S: Final = 10.0
"""A card that is read again sooner may still be at the reader, and isn't decided again (``gateway.door.presence``)."""
_PLAIN: Final = """
-- the gateways whose places ask for no PIN
SELECT g.code FROM gateway g WHERE NOT EXISTS (SELECT FROM door_rule r WHERE r.place = g.place AND r.pin)
"""
_A_CHANGE: Final = """
-- one of a day's changes at a place
UPDATE card SET status = CASE status WHEN 'active' THEN 'suspended' ELSE 'active' END WHERE lookup = sha256(%b::bytea)
"""


class Doors:
    """Reads cards at doors, as the reader's own messages on the field broker."""

    def __init__(self, chain: Chain) -> None:
        with psycopg.connect(chain.url) as connection:
            plain = {code for (code,) in connection.execute(_PLAIN)}
        self._chain = chain
        self._readers: dict[str, Address] = {}
        self._places = {one.gateway: one.place for one in chain.gateways}
        for one in chain.gateways:
            reader = next((device for device in one.devices if _reads_cards(device)), None)
            if reader is not None and one.gateway in plain:
                self._readers[one.gateway] = Address.parse(reader.address)
        self._link = chain.loop.add(
            parse_mqtt_url(chain.field.url()), client_id="bench-doors", on_message=lambda _message: None
        )
        while not self._link.connected:  # what is published before is forgotten
            time.sleep(0.05)
        self.codes = sorted(self._readers)
        """The gateways at which a card can be read."""
        self.checked = 0

    def read(self, code: str, victim: Victim, expected: str) -> None:
        """Read a card and see that the decision is the expected one."""
        centre = self._chain.centre
        token = card_token(place_key(CARD_SECRET, self._places[code]), normalise(bytes.fromhex(victim.uid)))
        centre.reasons.pop((code, token), None)
        reader = self._readers[code]
        body = {"type": "access", "uid": victim.uid, "hostname": reader.host, "isKnown": "true", "time": self.checked}
        self._link.publish(f"{reader.topic}/send", json.dumps(body).encode())
        centre.wait(lambda: (code, token) in centre.reasons, f"a card is {expected} at {code}", 30)
        if centre.reasons[code, token] != expected:
            raise SystemExit(f"{code}: {centre.reasons[code, token]}, not {expected}")
        self.checked += 1


def _reads_cards(device: Device) -> bool:
    return (
        device.driver == "esp_rfid"
        and device.model == "esp-rfid-v2"
        and device.side == "in"
        and not device.uid_reversed
    )


def revocations(chain: Chain, doors: Doors, victims: Sequence[Victim]) -> list[float]:
    """Lose card after card; returns the seconds until the last gateway knew."""
    rng, took = random.Random(7), []
    centre = chain.centre
    samples = [rng.sample(doors.codes, 3) for _ in victims]
    for victim, sample in zip(victims, samples, strict=True):
        for code in sample:
            doors.read(code, victim, "granted")
    time.sleep(_APART_S)
    for victim, sample in zip(victims, samples, strict=True):
        before = dict(centre.versions)
        begun = time.monotonic()
        chain.lose(victim)
        centre.wait(lambda before=before: all(centre.versions[code] > before[code] for code in before), "all know")
        took.append(max(centre.at.values()) - begun)
        for code in sample:
            doors.read(code, victim, "card_lost")
    return took


def returns(chain: Chain, doors: Doors, victims: Sequence[Victim]) -> list[float]:
    """Take a gateway off the line for a day's worth of changes; returns the seconds from its connection on."""
    rng, took = random.Random(11), []
    centre = chain.centre
    with psycopg.connect(chain.url, autocommit=True) as connection:
        away = [rng.choice(doors.codes) for _ in victims]
        for victim, code in zip(victims, away, strict=True):
            doors.read(code, victim, "granted")
        time.sleep(_APART_S)
        for victim, code in zip(victims, away, strict=True):
            held = centre.versions[code]
            chain.line.take_offline([code])
            centre.wait(lambda code=code: not centre.online[code], f"{code} is away")
            place = connection.execute("SELECT place FROM gateway WHERE code = %s", (code,)).fetchone()
            assert place is not None
            for number in range(1, _A_DAY + 1):
                connection.execute(_A_CHANGE, (f"m-{place[0]:05}{number:05}",))
                if number % 5 == 0:  # else a quick machine makes one version of many changes
                    _newest(connection, place[0])
            chain.lose(victim)
            newest = _newest(connection, place[0])
            if newest < held + _A_DAY // 10:
                raise SystemExit(f"only {newest - held} versions in a day")
            chain.line.take_offline([])
            mended = time.monotonic()
            centre.wait(lambda code=code, newest=newest: centre.versions[code] == newest, f"{code} knows")
            took.append(centre.at[code] - max(mended, chain.line.accepted_at))
            doors.read(code, victim, "card_lost")
    return took


def _newest(connection: psycopg.Connection[Any], place: int) -> int:
    """The version of a place's list once nothing is dirty."""
    for _ in range(3000):
        row = connection.execute(
            "SELECT version FROM access_list WHERE place = %s AND NOT EXISTS (SELECT FROM access_dirty)", (place,)
        ).fetchone()
        if row is not None:
            return int(row[0])
        time.sleep(0.02)
    raise SystemExit("the lists don't get new")


def overhear(chain: Chain, where: Stand) -> None:
    """Measure list messages as three gateways with the longest names get them."""
    for one in sorted(chain.gateways, key=lambda one: len(one.place), reverse=True)[:3]:

        def hear(message: Message) -> None:
            chain.sizes.append(len(message.payload) + len(message.topic) + 8)

        chain.loop.add(
            parse_mqtt_url(where.broker.url(one.gateway)),
            client_id=f"bench-{one.gateway}",
            on_message=hear,
            subscriptions=[(one.address.topic("list"), 1)],
        )


def bare_round_trips(chain: Chain, rounds: int) -> list[float]:
    """The limit: a message of 600 bytes to each of 154 subscribers, and an answer from each; seconds until the last."""
    answered = threading.Semaphore(0)
    links: list[Link] = []
    url = parse_mqtt_url(chain.field.url())
    for number in range(len(chain.gateways)):

        def answer(_message: Message, number: int = number) -> None:
            links[number].publish("echo/answers", b"x" * 300)

        links.append(
            chain.loop.add(url, client_id=f"echo-{number}", on_message=answer, subscriptions=[(f"echo/{number}", 1)])
        )
    asker = chain.loop.add(
        url, client_id="asker", on_message=lambda _m: answered.release(), subscriptions=[("echo/answers", 1)]
    )
    while not all(link.connected for link in (*links, asker)):
        time.sleep(0.05)
    time.sleep(0.5)  # their subscriptions stand
    took = []
    for _ in range(rounds):
        begun = time.monotonic()
        for number in range(len(links)):
            asker.publish(f"echo/{number}", b"x" * 600)
        for _ in links:
            if not answered.acquire(timeout=30):
                raise SystemExit("an echo got lost")
        took.append(time.monotonic() - begun)
    for link in (*links, asker):
        link.close()
    return took


def p50(values: Sequence[float]) -> float:
    """The median."""
    return sorted(values)[len(values) // 2]


def p99(values: Sequence[float]) -> float:
    """The 99th percentile: of fewer than 100 values the greatest."""
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.99))]


def with_passwords(where: Stand, losses: int, comings: int) -> list[Result]:
    """Measure losses and returns, as gateways and processes log in with passwords."""
    with chain(where, _WARM + losses + comings) as (built, victims):
        doors = Doors(built)
        overhear(built, where)
        revocations(built, doors, victims[:_WARM])
        built.sizes.clear()
        took = revocations(built, doors, victims[_WARM : _WARM + losses])
        sizes = list(built.sizes)
        progress(f"{_said(took, built)}; at most {max(sizes)} bytes a gateway")
        back = returns(built, doors, victims[_WARM + losses :])
        progress(
            f"{len(back)} gateways back after {_A_DAY} changes: p50 {p50(back):.3f} s, "
            f"max {max(back):.3f} s; {doors.checked} decisions at doors were as expected"
        )
        bare = bare_round_trips(built, 100)
    return [
        Result(
            name="revocation_p99_s",
            value=p99(took),
            unit="s",
            reference="bare MQTT: a message to 154 subscribers, an answer from each",
            reference_value=p99(bare),
        ),
        Result(name="revocation_p50_s", value=p50(took), unit="s"),
        Result(name="reconnect_p99_s", value=p99(back), unit="s", reference="goal", reference_value=2.0),
        Result(
            name="bytes_per_change",
            value=max(sizes),
            unit="bytes a gateway",
            reference="goal",
            reference_value=1024,
        ),
    ]


def with_certificates(where: Stand, losses: int, thefts: int) -> tuple[list[float], list[float]]:
    """Measure losses over TLS, then how soon stolen gateways are cut off."""
    with chain(where, _WARM + losses, tls=True) as (built, victims):
        doors = Doors(built)
        revocations(built, doors, victims[:_WARM])
        took = revocations(built, doors, victims[_WARM:])
        progress(f"over TLS: {_said(took, built)}")
        built.children["gateway"].stop()
        cut = cut_off(where, built, built.joined[:thefts])
        progress(f"{len(cut)} stolen gateways cut off: p50 {p50(cut):.3f} s, max {max(cut):.3f} s")
    return took, cut


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--revocations", type=int, default=200, help="cards lost, half as many over TLS (default 200)")
    parser.add_argument("--returns", type=int, default=20, help="gateways that come back after a day (default 20)")
    parser.add_argument("--stolen", type=int, default=20, help="gateways that are stolen and shut out (default 20)")
    choice = parser.parse_args()
    with stand() as where:
        results = with_passwords(where, choice.revocations, choice.returns)
        took, cut = with_certificates(where, choice.revocations // 2, choice.stolen)
    plain = {one.name: one.value for one in results}
    results += [
        Result(
            name=f"revocation_tls_{quantile}_s",
            value=value,
            unit="s",
            reference="without TLS",
            reference_value=plain[f"revocation_{quantile}_s"],
        )
        for quantile, value in (("p99", p99(took)), ("p50", p50(took)))
    ]
    results.append(Result(name="cut_off_p99_s", value=p99(cut), unit="s", reference="goal", reference_value=1.0))
    results.append(Result(name="cut_off_p50_s", value=p50(cut), unit="s"))
    finish("revocation", results)


def _said(took: Sequence[float], built: Chain) -> str:
    return (
        f"{len(took)} cards lost at {len(built.gateways)} gateways: p50 {p50(took):.3f} s, p99 {p99(took):.3f} s, "
        f"max {max(took):.3f} s"
    )


if __name__ == "__main__":
    main()
