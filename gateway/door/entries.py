"""Decisions at the doors of one gateway: on a card, a PIN, a code or a guest's QR.

The unlock command goes out before anything is remembered or stored. A grant counts as an entry when the door's contact
reports that the door opened. It counts at once where there is no contact, where the contact isn't believed, and where
anti-passback is hard: a magnet on the contact must not let a card in twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from access import AccessList, Attempt, Decision, State, after, braked, decide, passed, seen, slots_used
from access.guest_qr import list_for
from access.inside import went_through
from access.rules import DOOR, NO_RULES
from gateway.config import GatewayConfig
from gateway.contract.configuration import Device
from gateway.contract.instants import instant
from gateway.contract.wire import AuditEvent, Event
from gateway.devices.repeats import Repeats
from gateway.door.access_events import Granted, Presented, access_event
from gateway.door.credentials import identified, outer_reader, scanned_qr
from gateway.door.door_watch import GRACE_S, DoorWatch
from gateway.door.enrolment import Enrolments, enrolled
from gateway.door.hashing import Then, Work
from gateway.door.held_open import HeldOpenDoors
from gateway.door.keypads import Keypads
from gateway.door.locks import Locks
from gateway.door.memory import Memory
from gateway.door.presence import Presence, Presences
from gateway.door.recent_grants import RecentGrants
from gateway.door.typed import TypedDigits
from gateway.drivers import CardRead, Opened, Scanned, Typed
from gateway.drivers.registry import installed
from gateway.lists.access_lists import ListHolder
from gateway.lists.signed_time import SignedTime
from gateway.spool.values import Keep

_GRACE_US: Final = round(GRACE_S * 1e6)
_REOPENED_MOST: Final = 3
"""How often a lock opens again for a card that stays; a card that was forgotten there holds no door open."""


class Entries:
    """The decisions of one gateway. ``at``: µs since 1970 by its clock; ``now``: seconds of a monotonic one."""

    def __init__(
        self,
        config: GatewayConfig,
        *,
        card_key: bytes | None,
        lists: ListHolder,
        signed: SignedTime,
        memory: Memory,
        locks: Locks,
        repeats: Repeats,
        append: Callable[[Event], None],
        keep: Keep,
        hash_: Callable[[Work, Then], None],
    ) -> None:
        """``hash_``: as of ``TypedDigits``."""
        self.enrolments = Enrolments()
        self._lists = lists
        self._signed = signed
        self._memory = memory
        self._locks = locks
        self._repeats = repeats
        self._append = append
        self._keypads = Keypads()
        self._typed = TypedDigits(self._keypads, lists, memory, hash_=hash_, decide=self._decide, time=self._time)
        self._presences = Presences(keep)
        self._grants = RecentGrants(keep)
        self._unlock_us: dict[str, int] = {}
        self._devices: dict[str, Device] = {}
        self._judging: frozenset[str] = frozenset()
        self.watches: dict[str, DoorWatch] = {}
        self._granted: dict[tuple[str, int], Granted] = {}
        """By reader and instant of the grant."""
        self.held_open = HeldOpenDoors(
            self.watches,
            lists=lists,
            signed=signed,
            memory=memory,
            locks=locks,
            say=lambda at, text: self._audit("gateway", at, text),
        )
        self.become(config, card_key)

    def become(self, config: GatewayConfig, card_key: bytes | None, others: Iterable[str] = ()) -> None:
        """Follow a new configuration; what is going on at a door that stays goes on.

        Args:
            others: codes of devices that belong to other things now, or to none.
        """
        self._card_key = card_key
        self._place, self._centre_keys = config.place, config.believed_keys
        self._unlock_us = {door.code: round(door.unlock_s * 1e6) for door in config.doors}
        self._devices = {device.code: device for device in config.devices}
        judges = {name for name, driver in installed().items() if driver.judges_doors}
        self._judging = frozenset(device.code for device in config.devices if device.driver in judges)
        leaving = {device.door for device in config.devices if device.side == "out" and device.door is not None}
        for door in config.doors:
            watch, sees_egress = self.watches.get(door.code), door.code in leaving
            times = {"unlock_s": door.unlock_s, "held_after_s": door.held_after_s}
            if watch is None:
                self.watches[door.code] = DoorWatch(**times, sees_egress=sees_egress)
            else:
                watch.set_times(**times, sees_egress=sees_egress)
        for code in [code for code in self.watches if code not in self._unlock_us]:
            del self.watches[code]
            self.held_open.forget(code)
            self._granted = {of: one for of, one in self._granted.items() if one.attempt.door != code}
        for code in others:
            self.silent(code)

    def restore(self, kept: Mapping[str, str]) -> None:
        """Restore what was kept before a restart: cards at readers, recent grants."""
        self._presences.restore(kept)
        self._grants.restore(kept)

    def _time(self, at: int) -> datetime:
        """Return the time to decide by when the clock shows ``at``: it may have been set back."""
        return instant(self._signed.believed(at))

    def card(self, read: CardRead, at: int, now: float, decided: Callable[[], None]) -> None:
        """Decide on a card at a reader, or report it if the reader waits for a card to enrol."""
        card, token, unknown = identified(self._card_key, read)
        presence, stays = self._presences.read(read.device, token or f"?{read.bits}", at, read.again_s)
        on_card = None if presence.enrolled else self.enrolments.take(read.device, at)
        if on_card is not None:
            presence.enrolled = True
            on_card(enrolled(card, token, read.bits))
            self._audit(read.device, at, "a card was presented for enrolment")
            if read.side == "in":
                presence.granted_at = None
                return  # on the way out the door opens all the same
        presented = Presented(
            device=read.device,
            attempt=Attempt(card_token=token, door=read.door, side=read.side, at=self._time(at)),
            device_at=read.device_at,
            bits=unknown,
        )
        if stays:
            self._repeats.dropped += 1
            self._stays(presented, presence, at, now, decided)
            return
        decision = self._decide(presented, at, decided, presence)
        if decision.reason == "pin_required" and token is not None and decision.member is not None:
            self._keypads.ask(read.door, token, decision.member, now)

    def typed(self, typed: Typed, at: int, now: float, decided: Callable[[], None]) -> None:
        """Decide on typed digits: the PIN that the door waits for, else a code."""

        def again(mark: str) -> bool:
            _, stays = self._presences.read(typed.device, mark, at, None)
            self._repeats.dropped += stays
            return stays

        self._typed.take(self._card_key, typed, at=at, now=now, decided=decided, again=again)

    def ordered(self, door: str, token: str, at: int) -> Decision | None:
        """Decide on a card that its member didn't show but named in an order; None: no reader outside of ``door``.

        What follows is that of a card read there: the event, the passage, the use of a pass.
        """
        reader = outer_reader(self._devices.values(), door)
        if reader is None:
            return None
        attempt = Attempt(card_token=token, door=door, side="in", at=self._time(at))
        return self._decide(Presented(device=reader.code, attempt=attempt, by_order=True), at, lambda: None)

    def scanned(self, scan: Scanned, at: int, now: float, decided: Callable[[], None]) -> None:
        """Decide on what a QR reader scanned."""
        if self._card_key is None:
            return  # without the place's key no list is understood either
        qr = scanned_qr(self._card_key, self._centre_keys, self._place, scan.text, self._unlock_us)
        presence, stays = self._presences.read(scan.device, qr.token, at, scan.again_s)
        time = self._time(at)
        _, fault = list_for(self._lists.current, qr, time)
        attempt = Attempt(card_token=qr.token, door=scan.door, side=scan.side, at=time, by="qr", fault=fault)
        presented = Presented(device=scan.device, attempt=attempt, device_at=scan.device_at, qr=qr)
        if stays:
            self._repeats.dropped += 1
            self._stays(presented, presence, at, now, decided)
        else:
            self._decide(presented, at, decided, presence)

    def door(self, event: Event) -> bool:
        """Check a driver's event of a door; return whether it is to be passed on."""
        if event["kind"] != "door":
            return True
        device = self._devices.get(event["device"])
        watch = self.watches.get(device.door) if device is not None and device.door is not None else None
        if device is None or watch is None:
            return True
        # Some boards report a tamper whenever the door opens without their own relay: DriverDescription.judges_doors.
        return not (event["state"] in ("tamper", "held") and device.code in self._judging and watch.is_open)

    def contact(self, event: Event) -> None:
        """Take in that a door opened or closed; the driver's own event has been passed on."""
        if event["kind"] != "door" or event["state"] not in ("open", "closed"):
            return
        device = self._devices.get(event["device"])
        watch = self.watches.get(device.door) if device is not None and device.door is not None else None
        if watch is None:
            return
        before, inside = watch.unexplained, self._memory.anyone_inside
        self._tell(watch.contact(event["device"], event["at"], is_open=event["state"] == "open", anyone_inside=inside))
        if watch.unexplained != before:
            self._memory.unsure_passage(openings=1)

    def opened(self, report: Opened, at: int) -> None:
        """A board opened its lock: by its exit button, the door's opening is explained."""
        device = self._devices.get(report.device)
        watch = self.watches.get(device.door) if device is not None and device.door is not None else None
        if report.by == "button" and watch is not None:
            watch.unlocked(at)

    def silent(self, device: str) -> None:
        """A device fell silent: if it is a contact, its door's state is unknown."""
        for watch in self.watches.values():
            watch.lost(device)

    def tick(self, now: float, at: int) -> None:
        """Look at the time."""
        for watch in self.watches.values():
            self._tell(watch.tick(at))
        self.enrolments.tick(at)
        self.held_open.look(now, at)

    def clock_stepped(self, by_us: int) -> None:
        """The wall clock jumped."""
        for watch in self.watches.values():
            watch.clock_stepped(by_us)

    def _stays(
        self, presented: Presented, presence: Presence, at: int, now: float, decided: Callable[[], None]
    ) -> None:
        """Take in that a card stays at its reader: no further event, no further use.

        A card that was denied opens as soon as it may. The lock opens again once its time is over, if the door did
        not open; on the way out in any case.
        """
        attempt = presented.attempt
        if attempt.card_token is not None:
            self._keypads.stays(attempt.door, attempt.card_token, now)
        denied = presence.granted_at is None
        if presence.enrolled if denied else at < presence.open_until:
            return
        if not denied and attempt.side == "in" and (presence.passed or presence.reopened >= _REOPENED_MOST):
            return
        watch, held = self.watches.get(attempt.door), self._list_for(presented)
        state = self._state_for(attempt, held, at)
        again = decide(
            held,
            attempt.card_token,
            attempt.door,
            attempt.side,
            attempt.at,
            state=state,
            by=attempt.by,
            fault=attempt.fault,
        )
        if not again.granted:
            return
        presence.reopened += not denied
        waits = not denied and watch is not None and watch.opened_again(presented.device, presence.granted_at or 0, at)
        if denied or (watch is not None and watch.believed and not waits and not presence.passed):
            self._decide(presented, at, decided, presence)  # the grant has run out: this is another one
            return
        self._locks.unlock(attempt.door, decided)
        if watch is not None:
            watch.unlocked(at)
        presence.open_until = at + self._unlock_us.get(attempt.door, 0)
        self._keep(presented, presence)
        if presence.reopened <= _REOPENED_MOST:
            self._audit(presented.device, at, "the lock was opened again for a card that stayed at the reader")

    def _decide(
        self, presented: Presented, at: int, decided: Callable[[], None], presence: Presence | None = None
    ) -> Decision:
        attempt, held, before = presented.attempt, self._list_for(presented), self._memory.state
        decision = decide(
            held,
            attempt.card_token,
            attempt.door,
            attempt.side,
            attempt.at,
            state=self._state_for(attempt, held, at),
            pin=presented.pin,
            by=attempt.by,
            fault=attempt.fault,
        )
        if decision.granted:
            self._locks.unlock(attempt.door, decided)
        watch = self.watches.get(attempt.door)
        speaks = decision.granted and watch is not None and watch.reports
        awaits = speaks and watch is not None and watch.believed
        waits = awaits and not self._is_hard(attempt)
        whose = decision.member or attempt.card_token
        who = f"{attempt.side}:{whose}" if whose is not None else None
        repeated = decision.granted and (
            (decision.member is not None and self._grants.repeated(before, attempt.door, decision.member, at))
            or (watch is not None and who is not None and watch.went_through(who))
            or (presence is not None and presence.counted)
        )
        state = after(decision, attempt, held, before, taken=went_through(awaits=waits, outcome=None) is True)
        if repeated:
            state = replace(state, used=before.used)
        if speaks and not waits:
            state = passed(decision, attempt, held, state, taken=False)  # not confirmed by the contact yet
        event = access_event(presented, decision, held, at)
        if decision.granted:
            event["awaits"] = awaits
        if (tries := braked(before, state, held.rules if held is not None else NO_RULES)) is not None:
            event["tries"] = tries
        if (used := slots_used(before, state)) is not None:
            event["pass_ref"], event["slots"] = used[0], list(used[1])
        self._memory.become(state)
        open_until = at + self._unlock_us.get(attempt.door, 0)
        counts = decision.granted and attempt.side == "in" and not waits and not repeated and state is not before
        if counts and decision.member is not None:
            self._grants.counted(
                attempt.door, decision.member, decision.pass_ref, before, at=at, until=open_until + _GRACE_US
            )
        if presence is not None:
            presence.granted_at = at if decision.granted else None
            presence.open_until, presence.passed = open_until, False
            self._keep(presented, presence)
        self._append(event)
        if attempt.side == "out" and decision.member is None:
            self._memory.unsure_passage(strangers=1)
        if decision.granted and watch is not None:
            if speaks:
                self._granted[presented.device, at] = Granted(
                    decision=decision, attempt=attempt, access_list=held, repeated=repeated, counted=not waits
                )
            self._tell(watch.granted(presented.device, at, who))
        return decision

    def _is_hard(self, attempt: Attempt) -> bool:
        """Return whether a card let in by ``attempt`` must not be let in again, whatever the contact reports."""
        held = self._lists.current
        rules = held.rules.doors.get(attempt.door, DOOR) if held is not None else DOOR
        return attempt.side == "in" and rules.passback == "hard"

    def _list_for(self, presented: Presented) -> AccessList | None:
        """Return the list to decide by: for a guest's QR, with the visit."""
        held = self._lists.current
        return held if presented.qr is None else list_for(held, presented.qr, presented.attempt.at)[0]

    def _state_for(self, attempt: Attempt, held: AccessList | None, at: int) -> State:
        """Return the state to decide by: a grant that is being repeated is no reason to refuse."""
        state = self._memory.state
        entry = held.entries.get(attempt.card_token) if held is not None and attempt.card_token is not None else None
        if held is None or entry is None or attempt.side == "out":
            return state
        return self._grants.before(state, attempt.door, entry.member.ref, at, held.rules)

    def _keep(self, presented: Presented, presence: Presence) -> None:
        """Keep a card's presence; an unreadable card leaves no trace on the disk."""
        if presented.attempt.card_token is not None:
            self._presences.save(presented.device, presence)

    def _tell(self, events: tuple[Event, ...]) -> None:
        """Pass on a door's events; a grant that was taken counts as an entry from now on."""
        for event in events:
            if event["kind"] == "access_taken" or event["kind"] == "access_not_taken":
                granted = self._granted.pop((event["device"], event["access_at"]), None)
                if granted is not None and event["kind"] == "access_taken":
                    before = self._memory.state
                    if granted.counted:
                        state = seen(before, granted.decision.member, granted.attempt.at)
                        if granted.decision.member is not None:
                            self._grants.taken(granted.attempt.door, granted.decision.member)
                    else:
                        state = passed(granted.decision, granted.attempt, granted.access_list, before)
                    if granted.repeated:
                        state = replace(state, used=before.used)
                    self._presences.taken(event["device"], event["access_at"])
                    if granted.decision.pass_ref is not None:
                        event["pass_ref"] = granted.decision.pass_ref
                    if (used := slots_used(before, state)) is not None:
                        event["pass_ref"], event["slots"] = used[0], list(used[1])
                    self._memory.become(state)
            self._append(event)

    def _audit(self, device: str, at: int, text: str) -> None:
        self._append(AuditEvent(kind="audit", at=at, device=device, by="gateway", text=text))
