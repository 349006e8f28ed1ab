"""Orders from the centre: checked, done at once or not at all, answered.

A command is obeyed only if it is signed by the centre's key, for this gateway, not retained, not expired and not seen
before. That it was seen is on the disk before it is obeyed, so that no crash makes it new again.

Time is the gateway's clock, but never earlier than what the centre has signed (``gateway.lists.signed_time``): a list's
``made_at``, a command's expiry less the longest life. A clock that is far behind (a board without a battery) refuses
commands as living too long, until the list tells better; one that is ahead finds them expired. A nonce goes when a
later order proves that its own has expired, and never by the clock, which may be set back again.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from pydantic import ValidationError

from gateway.config import GatewayConfig
from gateway.contract.signing import SignatureError, verify
from gateway.contract.wire import AuditEvent, Command, CommandBody, EnrolledCard, Reply
from gateway.errors import GatewayError
from gateway.lists.signed_time import SignedTime
from gateway.spool.changes import LONGEST_LIFE_US, NONCE
from gateway.spool.spool import Spool, SpoolError

log = logging.getLogger(__name__)

REMEMBERED_US: Final = 86_400_000_000
"""Nonces are kept for so long beyond their expiry."""
DISK_WAIT_S: Final = 2.0
"""A disk that doesn't take a nonce within this is one that refuses."""
_URGENT: Final = frozenset({"lockdown", "evacuate"})
"""Obeyed whatever the disk does: people may be in danger. The nonce is in memory, and written when there is room."""

Outcome = Literal["done", "refused", "expired", "unknown_door", "unknown_device", "failed"]


class CommandRefused(GatewayError):
    """A command that is nobody's, or another's: no answer is due."""


class Acts(Protocol):
    """What commands may do at a place (``gateway.place.Place``); from any thread. A door of None: the whole place."""

    def unlock(self, door: str) -> bool:
        """Open a door once; False: its lock can't be told."""

    def lock_down(self, locked: bool, door: str | None) -> object:
        """Begin or end a lockdown."""

    def evacuate(self, on: bool, door: str | None) -> object:
        """Begin or end an evacuation."""

    def release(self, door: str | None) -> object:
        """End lockdown and evacuation."""

    def enrol(self, device: str, until: int, told: Callable[[EnrolledCard | None], None]) -> bool:
        """Tell of the next card at reader ``device``, or None at ``until`` (µs since 1970); False: no such reader."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What the commands of one gateway need beside its place."""

    answer: Callable[[Reply], None]
    """Sends what isn't answered at once."""
    report: Callable[[], str | None]
    """What the list says (``gateway.contract.list_report``)."""
    signed: SignedTime
    """The time that the centre has signed."""


class Commands:
    """The commands of one gateway; ``obey`` is called in one thread."""

    def __init__(self, config: GatewayConfig, spool: Spool, acts: Acts, desk: Desk) -> None:
        self.outcomes: Counter[tuple[str, str]] = Counter()
        """How many were answered, by what they order and the outcome."""
        self._config = config
        self._spool = spool
        self._acts = acts
        self._desk = desk
        self._nonces: set[str] = set()
        self._remembers = False
        self._remember()
        locks = {device.code for device in config.devices}
        self._doors = {door.code: door.lock in locks for door in config.doors}

    def obey(self, payload: bytes, *, retained: bool, now: int) -> Reply | None:
        """Do what ``payload`` orders and return the answer, or None where it comes later; ``now``: µs since 1970.

        Raises:
            CommandRefused: it isn't signed by the centre, isn't a command, or is for another gateway.
        """
        try:
            command = Command.model_validate_json(payload)
            verify(self._config.list_key, "command", command.body, command.signature)
            body = CommandBody.model_validate_json(command.body)
        except ValidationError as error:
            raise CommandRefused("not a command") from error
        except SignatureError as error:
            raise CommandRefused(str(error)) from error
        if body.gateway != self._config.gateway:
            raise CommandRefused("it is for another gateway")
        reply = self._judged(body, retained=retained, now=self._desk.signed.believed(now))
        return None if reply is None else self._counted(body, reply)

    def _judged(self, body: CommandBody, *, retained: bool, now: int) -> Reply | None:
        if body.expires_at <= now:
            return Reply(id=body.id, outcome="expired")
        remembers = self._remember()
        if retained or body.nonce in self._nonces or body.expires_at - now > LONGEST_LIFE_US:
            return Reply(id=body.id, outcome="refused")
        self._desk.signed.seen(body.expires_at - LONGEST_LIFE_US)
        self._nonces.add(body.nonce)
        written = self._spool.keep_now(
            self._config.gateway,
            NONCE + body.nonce,
            str(body.expires_at),
            until=body.expires_at + REMEMBERED_US,
            within_s=DISK_WAIT_S,
        )
        if not (written and remembers) and body.do not in _URGENT:
            outcome: Outcome | None = "failed"
        elif body.do == "report_list":
            entries = self._desk.report()
            return Reply(id=body.id, outcome="failed" if entries is None else "done", entries=entries)
        else:
            outcome = self._done(body)
        self._say(body, outcome, now)
        return None if outcome is None else Reply(id=body.id, outcome=outcome)

    def _remember(self) -> bool:
        """Read the nonces that were seen; False: the disk doesn't give them, and any order may be an old one."""
        if not self._remembers:
            try:
                kept = self._spool.kept(self._config.gateway)
            except SpoolError:
                return False
            for name, value in kept.items():
                if name.startswith(NONCE):
                    self._nonces.add(name.removeprefix(NONCE))
                    if value.isdecimal():  # an older version kept the order's id
                        self._desk.signed.seen(int(value) - LONGEST_LIFE_US)
            self._remembers = True
        return True

    def _done(self, body: CommandBody) -> Outcome | None:
        """Do it; None: the answer comes later."""
        if body.do == "enrol":
            known = body.device is not None and self._acts.enrol(
                body.device, body.expires_at, lambda card: self._enrolled(body, card)
            )
            return None if known else "unknown_device"
        door = body.door
        if door is not None and door not in self._doors:
            return "unknown_door"
        if body.do == "unlock":
            if door is None or not self._doors[door]:
                return "unknown_door"
            return "done" if self._acts.unlock(door) else "failed"
        if body.do == "lockdown":
            self._acts.lock_down(True, door)
        elif body.do == "evacuate":
            self._acts.evacuate(True, door)
        else:
            self._acts.release(door)
        return "done"

    def _enrolled(self, body: CommandBody, card: EnrolledCard | None) -> None:
        """A card was presented, or none in time; in whichever thread heard of it."""
        reply = Reply(id=body.id, outcome="expired" if card is None else "done", card=card)
        self._desk.answer(self._counted(body, reply))

    def _say(self, body: CommandBody, outcome: Outcome | None, now: int) -> None:
        text = " ".join(word for word in (body.do, body.door, body.device) if word is not None)
        what = {"unknown_door": ": no such door", "unknown_device": ": no such reader", "failed": ": failed"}
        if outcome is not None:
            text += what.get(outcome, "")
        event = AuditEvent(kind="audit", at=now, device="gateway", by=body.by[:64], text=text[:500])
        self._spool.append(self._config.gateway, event)

    def _counted(self, body: CommandBody, reply: Reply) -> Reply:
        self.outcomes[body.do, reply.outcome] += 1
        extra = {"gateway": self._config.gateway, "id": body.id, "do": body.do, "outcome": reply.outcome}
        log.info("command", extra=extra)
        return reply
