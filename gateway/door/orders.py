"""Orders from the centre: checked, executed at once or not at all, answered.

An order is executed only if it is signed with the centre's key, for this gateway, not retained, not expired, and if its
nonce is new. The nonce is on the disk before the order is executed, so that a crash never makes it new again.

The time is the gateway's clock, but never earlier than what the centre has signed (``gateway.lists.signed_time``): a
list's ``made_at``, an order's expiry less the longest lifetime. A clock that is far behind (a board without a battery)
refuses orders, whose lifetime seems too long, until a list corrects it; a clock that is ahead finds them expired. A
nonce is deleted when a later order proves that its own has expired, and never by the clock, which may be set back.
"""

from __future__ import annotations

import base64
import binascii
import logging
from collections import Counter
from collections.abc import Callable
from typing import Final, Literal, Protocol

from pydantic import ValidationError

from access import Decision
from access.model import Reason
from gateway.config import GatewayConfig
from gateway.contract.sealed import ENROLLED, SealError, seal
from gateway.contract.signing import SignatureError, verify
from gateway.contract.wire import AuditEvent, EnrolledCard, Order, OrderBody, Reply
from gateway.errors import GatewayError
from gateway.lists.signed_time import SignedTime
from gateway.spool.changes import LONGEST_LIFE_US, NONCE
from gateway.spool.spool import Spool
from gateway.spool.sqlite_file import SpoolError

log = logging.getLogger(__name__)

REMEMBERED_US: Final = 86_400_000_000
"""How long nonces are kept beyond their expiry, at least."""
DISK_WAIT_S: Final = 2.0
"""A disk that doesn't store a nonce within this time refuses."""
_URGENT: Final = frozenset({"lockdown", "evacuate"})
"""Executed even if the disk refuses: people may be in danger. The nonce stays in memory until the disk takes it."""

Outcome = Literal["done", "refused", "expired", "unknown_door", "unknown_device", "failed"]


class OrderRefused(GatewayError):
    """An order that isn't the centre's, or is for another gateway: it gets no answer."""


class Actions(Protocol):
    """What an order may do at a place (``gateway.place.Place``), from any thread. A door of None: the whole place."""

    def unlock(self, door: str) -> bool:
        """Open a door once; False: its lock can't be reached."""

    def admit(self, door: str, card: str, at: int) -> Decision | None:
        """Decide on a card at a door as if it were read outside, and open; None: there is no reader outside."""

    def lock_down(self, locked: bool, door: str | None) -> object:
        """Begin or end a lockdown."""

    def evacuate(self, on: bool, door: str | None) -> object:
        """Begin or end an evacuation."""

    def release(self, door: str | None) -> object:
        """End lockdown and evacuation."""

    def enrol(self, device: str, until: int, on_card: Callable[[EnrolledCard | None], None]) -> bool:
        """Call back with the next card at reader ``device``, or None at ``until`` (µs); False: no such reader."""


class Orders:
    """The orders to one gateway; ``execute`` is called in one thread."""

    def __init__(
        self,
        config: GatewayConfig,
        spool: Spool,
        actions: Actions,
        *,
        answer: Callable[[Reply], None],
        report: Callable[[], str | None],
        signed: SignedTime,
    ) -> None:
        """Read the nonces that were seen.

        Args:
            answer: sends a reply that comes later.
            report: returns the list's content (``gateway.contract.list_report``).
            signed: the time that the centre has signed.
        """
        self.outcomes: Counter[tuple[str, str]] = Counter()
        """How many were answered, by action and outcome."""
        self._config = config
        self._spool = spool
        self._actions = actions
        self._answer = answer
        self._report = report
        self._signed = signed
        self._nonces: set[str] = set()
        self._nonces_read = False
        self._read_nonces()
        self.become(config)

    def become(self, config: GatewayConfig) -> None:
        """Follow a new configuration."""
        devices = {device.code for device in config.devices}
        self._config, self._has_lock = config, {door.code: door.lock in devices for door in config.doors}

    def execute(self, payload: bytes, *, retained: bool, now: int) -> Reply | None:
        """Execute the order in ``payload``; return the answer, or None where it comes later. ``now``: µs since 1970.

        Raises:
            OrderRefused: it isn't signed by the centre, isn't an order, or is for another gateway.
        """
        try:
            order = Order.model_validate_json(payload)
            verify(self._config.believed_keys, "command", order.body, order.signature)
            body = OrderBody.model_validate_json(order.body)
        except ValidationError as error:
            raise OrderRefused("not an order") from error
        except SignatureError as error:
            raise OrderRefused(str(error)) from error
        if body.gateway != self._config.gateway:
            raise OrderRefused("it is for another gateway")
        reply = self._checked(body, retained=retained, now=self._signed.believed(now), at=now)
        return None if reply is None else self._counted(body, reply)

    def _checked(self, body: OrderBody, *, retained: bool, now: int, at: int) -> Reply | None:
        if body.expires_at <= now:
            return Reply(id=body.id, outcome="expired")
        nonces_read = self._read_nonces()
        if retained or body.nonce in self._nonces or body.expires_at - now > LONGEST_LIFE_US:
            return Reply(id=body.id, outcome="refused")
        self._signed.seen(body.expires_at - LONGEST_LIFE_US)
        self._nonces.add(body.nonce)
        written = self._spool.keep_now(
            self._config.gateway,
            NONCE + body.nonce,
            str(body.expires_at),
            until=body.expires_at + REMEMBERED_US,
            within_s=DISK_WAIT_S,
        )
        outcome: Outcome | None
        reason: Reason | None = None
        if not (written and nonces_read) and body.do not in _URGENT:
            outcome = "failed"
        elif body.do == "report_list":
            entries = self._report()
            return Reply(id=body.id, outcome="failed" if entries is None else "done", entries=entries)
        elif body.do == "unlock" and body.card is not None:
            outcome, reason = self._admitted(body, body.card, at)
        else:
            outcome = self._executed(body)
        self._audit(body, outcome, now)
        return None if outcome is None else Reply(id=body.id, outcome=outcome, reason=reason)

    def _read_nonces(self) -> bool:
        """Read the nonces that were seen; False: the disk can't be read, and any order may be an old one."""
        if not self._nonces_read:
            try:
                kept = self._spool.kept(self._config.gateway)
            except SpoolError:
                return False
            for name, value in kept.items():
                if name.startswith(NONCE):
                    self._nonces.add(name.removeprefix(NONCE))
                    if value.isdecimal():  # an older version kept the order's id
                        self._signed.seen(int(value) - LONGEST_LIFE_US)
            self._nonces_read = True
        return True

    def _executed(self, body: OrderBody) -> Outcome | None:
        """Execute it; None: the answer comes later."""
        if body.do == "enrol":
            known = body.device is not None and self._actions.enrol(
                body.device, body.expires_at, lambda card: self._enrolled(body, card)
            )
            return None if known else "unknown_device"
        door = body.door
        if door is not None and door not in self._has_lock:
            # of a door that was taken away, what was ordered before can still be ended
            return "done" if body.do == "release" and self._actions.release(door) else "unknown_door"
        if body.do == "unlock":
            if door is None or not self._has_lock[door]:
                return "unknown_door"
            return "done" if self._actions.unlock(door) else "failed"
        if body.do == "lockdown":
            self._actions.lock_down(True, door)
        elif body.do == "evacuate":
            self._actions.evacuate(True, door)
        else:
            self._actions.release(door)
        return "done"

    def _admitted(self, body: OrderBody, card: str, at: int) -> tuple[Outcome, Reason | None]:
        """Let a member in who asks for it; the decision is stored as that of a card read is."""
        if body.door is None or not self._has_lock.get(body.door):
            return "unknown_door", None
        decision = self._actions.admit(body.door, card, at)
        if decision is None:
            return "unknown_door", None
        return ("done", None) if decision.granted else ("refused", decision.reason)

    def _enrolled(self, body: OrderBody, card: EnrolledCard | None) -> None:
        """Answer with the card that was presented, or None: there was none in time. From any thread."""
        if card is not None and card.bits is not None and body.seal_for is not None:
            try:
                public = base64.b64decode(body.seal_for, validate=True)
                sealed = seal(public, card.bits.encode("ascii"), ENROLLED + body.id.encode())
            except (binascii.Error, SealError) as error:
                log.error("enrolment_not_sealed", extra={"gateway": self._config.gateway, "reason": str(error)})
                self._answer(self._counted(body, Reply(id=body.id, outcome="failed")))
                return
            card = card.model_copy(update={"bits": None, "sealed": base64.b64encode(sealed).decode()})
        reply = Reply(id=body.id, outcome="expired" if card is None else "done", card=card)
        self._answer(self._counted(body, reply))

    def _audit(self, body: OrderBody, outcome: Outcome | None, now: int) -> None:
        text = " ".join(word for word in (body.do, body.door, body.device) if word is not None)
        what = {
            "unknown_door": ": no such door",
            "unknown_device": ": no such reader",
            "failed": ": failed",
            "refused": ": denied",
        }
        if outcome is not None:
            text += what.get(outcome, "")
        event = AuditEvent(kind="audit", at=now, device="gateway", by=body.by[:64], text=text[:500])
        self._spool.append(self._config.gateway, event)

    def _counted(self, body: OrderBody, reply: Reply) -> Reply:
        self.outcomes[body.do, reply.outcome] += 1
        extra = {"gateway": self._config.gateway, "id": body.id, "do": body.do, "outcome": reply.outcome}
        log.info("command", extra=extra)
        return reply
