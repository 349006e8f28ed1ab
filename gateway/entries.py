"""Decisions at the doors of one gateway: on a card, a PIN or a code.

The lock is told before anything is remembered or stored. What a grant leaves behind counts at once where nobody will
tell whether the door was passed, and when the door's contact tells where there is one that speaks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from access import AccessList, CardError, Decision, Reading, after, card_token, decide, pin_hash, slots_used
from access.formats import Card, read_bits, read_code
from gateway.access_lists import ListHolder
from gateway.clock import instant
from gateway.config import Device, GatewayConfig
from gateway.doors import DoorWatch
from gateway.drivers import CardRead, Typed
from gateway.enrolment import Enrolments, enrolled
from gateway.keypads import Keypads
from gateway.locks import Locks
from gateway.memory import Memory
from gateway.repeats import Repeats
from gateway.standing import Standing
from gateway.wire import AccessEvent, AuditEvent, Event

_MOST: Final = 2**31 - 1
_NO_PIN: Final = "-"
"""What no PIN's hash is: too short or too long a PIN is a wrong one."""
_NO_CODE: Final = "?code"
"""Stands for what was typed and can be no code: nobody's token, so that it counts as a wrong one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What was presented at a door."""

    device: str
    reading: Reading
    device_at: str | None = None
    pin: str | None = None
    bits: int | None = None
    """Of a card that nobody can read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Granted:
    """A grant of which the door's contact has still to tell."""

    decision: Decision
    reading: Reading
    access_list: AccessList | None


class Entries:
    """One gateway's. ``at``: µs since 1970 by its clock; ``now``: seconds of a monotonic one."""

    def __init__(
        self,
        config: GatewayConfig,
        *,
        card_key: bytes | None,
        lists: ListHolder,
        memory: Memory,
        locks: Locks,
        repeats: Repeats,
        append: Callable[[Event], None],
    ) -> None:
        self.enrolments = Enrolments()
        self._card_key = card_key
        self._lists = lists
        self._memory = memory
        self._locks = locks
        self._repeats = repeats
        self._append = append
        self._keypads = Keypads()
        self._devices: dict[str, Device] = {device.code: device for device in config.devices}
        leaving = {device.door for device in config.devices if device.side == "out" and device.door is not None}
        self.watches = {
            door.code: DoorWatch(
                unlock_s=door.unlock_s, held_after_s=door.held_after_s, sees_egress=door.code in leaving
            )
            for door in config.doors
        }
        self._granted: dict[tuple[str, int], _Granted] = {}
        """By reader and instant of the grant."""
        self.standing = Standing(
            self.watches, lists=lists, memory=memory, locks=locks, say=lambda at, text: self._audit("gateway", at, text)
        )

    def card(self, read: CardRead, at: int, now: float, decided: Callable[[], None]) -> None:
        """Decide on a card, or tell it to who enrols one at this reader."""
        card, token, unknown = self._identified(read)
        if token is not None and not self._repeats.is_new_read(read.device, token, at):
            return
        told = self.enrolments.take(read.device, at)
        if told is not None:
            told(enrolled(card, token, read.bits))
            self._audit(read.device, at, "a card was shown for enrolment")
            if read.side == "in":
                return  # whoever wants out goes out all the same
        asked = _Asked(
            device=read.device,
            reading=Reading(card_token=token, door=read.door, side=read.side, at=instant(at)),
            device_at=read.device_at,
            bits=unknown,
        )
        decision = self._decide(asked, at, decided)
        if decision.reason == "pin_required" and token is not None and decision.member is not None:
            self._keypads.ask(read.door, token, decision.member, now)

    def typed(self, typed: Typed, at: int, now: float, decided: Callable[[], None]) -> None:
        """Decide on what was typed: the PIN that the door waits for, else a code."""
        key = self._card_key
        waiting = self._keypads.waiting(typed.door, now) if typed.side == "in" else None
        token: str | None = None
        pin: str | None = None
        by: Literal["card", "code"] = "code"
        if key is not None:
            mark = card_token(key, f"{'PIN' if waiting else 'K'}{typed.digits}")
            if not self._repeats.is_new_read(typed.device, mark, at):
                return
            if waiting is not None:
                by, token, pin = "card", waiting.token, _pin(key, waiting.member, typed.digits)
            else:
                token = _code(key, typed.digits)
        asked = _Asked(
            device=typed.device,
            reading=Reading(card_token=token, door=typed.door, side=typed.side, at=instant(at), by=by),
            device_at=typed.device_at,
            pin=pin,
        )
        decision = self._decide(asked, at, decided)
        if waiting is not None and decision.reason != "wrong_pin":
            self._keypads.done(typed.door)

    def door(self, event: Event) -> bool:
        """Take in what a driver says of a door; return whether the event is to be passed on."""
        if event["kind"] != "door":
            return True
        device = self._devices.get(event["device"])
        watch = self.watches.get(device.door) if device is not None and device.door is not None else None
        if device is None or watch is None:
            return True
        # A board calls it tampering whenever its door opens without its own relay, and has its own idea of held.
        return not (event["state"] in ("tamper", "held") and device.driver == "esp_rfid" and watch.is_open)

    def contact(self, event: Event) -> None:
        """Draw the conclusions from a door that opened or closed; its own event has been passed on."""
        if event["kind"] != "door" or event["state"] not in ("open", "closed"):
            return
        device = self._devices.get(event["device"])
        watch = self.watches.get(device.door) if device is not None and device.door is not None else None
        if watch is None:
            return
        before = watch.unexplained
        self._tell(watch.contact(event["device"], event["at"], is_open=event["state"] == "open"))
        if watch.unexplained != before:
            self._memory.unsure_passage(openings=1)

    def silent(self, device: str) -> None:
        """A device fell silent: no contact of its will tell."""
        for watch in self.watches.values():
            watch.lost(device)

    def tick(self, now: float, at: int) -> None:
        """Look at the time."""
        for watch in self.watches.values():
            self._tell(watch.tick(at))
        self.enrolments.tick(at)
        self.standing.look(now, at)

    def clock_stepped(self, by_us: int) -> None:
        """The wall clock jumped."""
        for watch in self.watches.values():
            watch.clock_stepped(by_us)

    def _decide(self, asked: _Asked, at: int, decided: Callable[[], None]) -> Decision:
        reading, held, before = asked.reading, self._lists.current, self._memory.state
        decision = decide(
            held, reading.card_token, reading.door, reading.side, reading.at, state=before, pin=asked.pin, by=reading.by
        )
        if decision.granted:
            self._locks.unlock(reading.door, decided)
        watch = self.watches.get(reading.door)
        waits = decision.granted and watch is not None and watch.speaks
        state = after(decision, reading, held, before, taken=not waits)
        event = self._event(asked, decision, held, at)
        if (used := slots_used(before, state)) is not None:
            event["pass_ref"], event["slots"] = used[0], list(used[1])
        self._memory.become(state)
        self._append(event)
        if reading.side == "out" and decision.member is None:
            self._memory.unsure_passage(strangers=1)
        if decision.granted and watch is not None:
            if waits:
                self._granted[asked.device, at] = _Granted(decision=decision, reading=reading, access_list=held)
            self._tell(watch.granted(asked.device, at))
        return decision

    def _event(self, asked: _Asked, decision: Decision, held: AccessList | None, at: int) -> AccessEvent:
        reading = asked.reading
        event = AccessEvent(
            kind="access",
            at=at,
            device=asked.device,
            decision="granted" if decision.granted else "denied",
            reason=decision.reason,
            side=reading.side,
            rule=decision.rule,
        )
        if reading.by == "code":
            event["by"] = "code"
        # A wrong code is nobody's: its token would only lie there to be guessed.
        if reading.card_token is not None and (reading.by == "card" or decision.member is not None):
            event["card"] = reading.card_token
        if decision.member is not None:
            event["member"] = decision.member
        if decision.pass_ref is not None:
            event["pass_ref"] = decision.pass_ref
        if decision.noted is not None:
            event["noted"] = decision.noted
        if decision.host:
            event["host"] = True
        if asked.bits is not None:
            event["bits"] = asked.bits
        if asked.device_at is not None:
            event["device_at"] = asked.device_at[:64]
        if held is not None:
            age_s = (reading.at - held.made_at) // timedelta(seconds=1)
            event["list_version"] = held.version
            event["list_age_s"] = min(max(age_s, 0), _MOST)
        return event

    def _tell(self, events: tuple[Event, ...]) -> None:
        """Pass on what a door's contact tells; an access that was taken leaves behind now what it leaves."""
        for event in events:
            if event["kind"] == "access_taken" or event["kind"] == "access_not_taken":
                granted = self._granted.pop((event["device"], event["access_at"]), None)
                if granted is not None and event["kind"] == "access_taken":
                    before = self._memory.state
                    state = after(granted.decision, granted.reading, granted.access_list, before)
                    if granted.decision.pass_ref is not None:
                        event["pass_ref"] = granted.decision.pass_ref
                    if (used := slots_used(before, state)) is not None:
                        event["pass_ref"], event["slots"] = used[0], list(used[1])
                    self._memory.become(state)
            self._append(event)

    def _identified(self, read: CardRead) -> tuple[Card | None, str | None, int | None]:
        """Return the card, the token to decide on, and the length of what is no card that we know."""
        key = self._card_key
        try:
            found = read_bits(read.bits)
        except CardError:
            return None, None, None
        if isinstance(found, Card):
            return found, card_token(key, found.number) if key is not None else None, None
        if found.why == "parity" or key is None:
            return None, None, found.bits  # a misreading is no card at all
        return None, card_token(key, f"?{found.bits}:{read.bits}"), found.bits

    def _audit(self, device: str, at: int, text: str) -> None:
        self._append(AuditEvent(kind="audit", at=at, device=device, by="gateway", text=text))


def _pin(key: bytes, member: str, digits: str) -> str:
    try:
        return pin_hash(key, member, digits)
    except CardError:
        return _NO_PIN


def _code(key: bytes, digits: str) -> str:
    try:
        return card_token(key, read_code(digits).number)
    except CardError:
        return card_token(key, _NO_CODE)
