"""Virtual keypads and contacts say what the gateway's driver reads as it was meant."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.contract.configuration import Device
from gateway.contract.wire import EVENT
from gateway.drivers import Decoded
from gateway.drivers.transports.zigbee2mqtt import Zigbee2Mqtt
from simulator.air import Air
from simulator.clock import Clock, Scheduler
from simulator.devices.contact import VirtualContact
from simulator.devices.keypad import VirtualKeypad
from simulator.faults import Faults

START = datetime(2026, 11, 23, 8)  # noqa: DTZ001  (by the clock on the wall)


class Heard:
    """Air that leads straight into the driver."""

    def __init__(self, **more: Any) -> None:
        self.device = Device.model_validate(
            {"code": "d", "driver": "zigbee2mqtt", "address": "z/d", "door": "entry", **more}
        )
        self.driver = Zigbee2Mqtt((self.device,))
        self.said: list[Decoded] = []
        self.air = Air(self._take, Scheduler(Clock(START, 1)), faults=Faults(), seed=1)

    def _take(self, topic: str, payload: bytes, retain: bool) -> bool:
        assert retain is topic.endswith("/availability")
        self.said.append(self.driver.decode(topic, payload, 0))
        return True

    def kinds(self) -> list[tuple[str, Any]]:
        events: list[dict[str, Any]] = [dict(event) for one in self.said for event in one.events]
        for event in events:
            EVENT.validate_python(event)
        return [(event["kind"], event.get("state") or event.get("what") or event.get("name")) for event in events]


@given(
    digits=st.text("0123456789", min_size=1, max_size=12),
    uid=st.binary(min_size=4, max_size=10),
    side=st.sampled_from(["in", "out"]),
    reversed_=st.booleans(),
)
def test_keypads(digits: str, uid: bytes, side: str, reversed_: bool) -> None:
    heard = Heard(kind="keypad", side=side, uid_reversed=reversed_)
    keypad = VirtualKeypad("p/d", heard.device, heard.air)
    keypad.join()
    keypad.heartbeat()
    keypad.type(digits)
    keypad.tag(uid.hex())
    keypad.emergency()
    (typed,) = (typed for one in heard.said for typed in one.typed)
    (read,) = (read for one in heard.said for read in one.reads)
    assert (typed.digits, typed.side, typed.door) == (digits, side, "entry")
    assert (read.uid, read.side, read.door) == (uid, side, "entry")
    assert heard.kinds()[-1] == ("device", "fault")
    assert all(one.heard == ("d",) for one in heard.said)


def test_contacts() -> None:
    heard = Heard(kind="contact")
    contact = VirtualContact("p/d", heard.device, heard.air)
    contact.join()
    contact.heartbeat()
    contact.door(is_open=True)
    contact.tamper()
    contact.door(is_open=False)
    states = [state for kind, state in heard.kinds() if kind == "door"]
    assert states == ["closed", "open", "open", "tamper", "closed"]
