"""A sensor's message is acknowledged when it is on the disk; what is delivered again is known; a unit stays whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from gateway.field.acknowledgements import Acknowledgements, Receipt
from gateway.field.deliveries import REMEMBERED, SESSION, Deliveries
from gateway.spool.changes import Changes
from gateway.spool.spool import Spool
from gateway.spool.values import Kept
from tests.unit.gateway.hall import ANNA, CODE, Hall


@dataclass
class Disk:
    """How many events the spool has taken, and how many the disk has."""

    taken: int = 0
    appended: int = 0


def test_nothing_is_acknowledged_before_the_disk_has_it() -> None:
    disk = Disk()
    sent: list[Receipt] = []
    acknowledgements = Acknowledgements(cast("Spool", disk))
    acknowledgements.send = sent.extend
    acknowledgements.wait_for_disk((1, 1))
    assert sent == [(1, 1)], "nothing is on its way"
    disk.taken = 2
    acknowledgements.wait_for_disk((1, 2))
    disk.taken = 3
    acknowledgements.wait_for_disk((1, 3))
    acknowledgements.wait_for_disk((1, 4))  # made no event: perhaps that of (1, 3), delivered again
    disk.appended = 1
    acknowledgements.stored()
    assert sent == [(1, 1)]
    disk.appended = 2
    acknowledgements.stored()
    assert sent == [(1, 1), (1, 2)]
    disk.appended = 3
    acknowledgements.stored()
    assert sent == [(1, 1), (1, 2), (1, 3), (1, 4)]


def test_a_delivery_is_known_by_session_packet_and_content_also_after_a_restart() -> None:
    first = Deliveries({})
    kept = dict([first.begin()])
    for mid in range(1, REMEMBERED + 10):
        kept |= [first.note(first.session, mid, f"{mid:016x}")]
    assert len(kept) == REMEMBERED + 1, "bounded"
    later = Deliveries(kept)
    assert later.session == 1
    assert later.is_stored(1, REMEMBERED + 9, f"{REMEMBERED + 9:016x}")
    assert later.is_stored(1, 10, f"{10:016x}")
    assert not later.is_stored(1, 1, f"{1:016x}"), "another has its place"
    assert not later.is_stored(1, 10, f"{11:016x}")
    assert not later.is_stored(2, 10, f"{10:016x}"), "another session counts from 1 again"
    assert Deliveries({**kept, "delivery:0": "?"}).session == int(kept[SESSION])


@given(st.lists(st.integers(1, 5), max_size=30), st.integers(1, 12))
def test_a_disk_that_refuses_splits_no_unit(units: list[int], most: int) -> None:
    changes = Changes()
    for number, size in enumerate(units):
        row = Kept(gateway="g", name=f"n{number}", value="v", until=None)
        for left in reversed(range(size)):
            changes.add("g", b"%d" % number, None if left else (row,))
    seen: list[bytes] = []
    while changes.events:
        part = changes.part(2, most)
        seen += [body for _, body in part.events]
        whole = {number for number, size in enumerate(units) if seen.count(b"%d" % number) == size}
        assert len(seen) == sum(units[number] for number in whole)
        assert {kept.name for kept in part.tied()} == {f"n{int(body)}" for _, body in part.events}
    assert len(seen) == sum(units)


def test_what_comes_late_is_not_decided_on() -> None:
    hall = Hall()
    for driver, topic, payload in (
        ("esp_rfid", "gare/in/send", b'{"type": "access", "uid": "%s", "hostname": "in"}' % ANNA.encode()),
        ("zigbee2mqtt", "z/keys", b'{"action": "disarm", "action_code": "%s", "battery": 80}' % CODE.encode()),
    ):
        hall.place.hear(driver, topic, payload, at=hall.at, now=hall.now, decided=lambda: None, live=False)
    assert hall.commands == []
    assert [event["kind"] for event in hall.events] == ["device"], "its battery is news"


def test_cards_and_codes_come_by_no_session_that_is_kept() -> None:
    drivers = Hall().place.drivers
    live = {topic for driver in drivers.values() for topic in driver.live_subscriptions()}
    kept = {topic for driver in drivers.values() for topic in driver.subscriptions()} - live
    relays = ("io/lock", "io/lock0", "io/lock1", "io/lock2", "io/lock3")
    leaves = ("send", "tag", *relays)
    assert live == {f"gare/{reader}/{leaf}" for reader in ("in", "out", "lab") for leaf in leaves} | {"z/keys"}
    assert {"z/contact", "z/contact/availability", "z/bridge/state", "gare/in/io/+", "gare/in/avty"} <= kept
