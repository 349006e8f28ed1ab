"""Orders from the centre: checked, done at once or not at all, answered.

A command is obeyed only if it is signed by the centre's key, not retained, not expired and not seen before.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from gateway.config import GatewayConfig
from gateway.errors import GatewayError
from gateway.signing import SignatureError, verify
from gateway.spool import Spool
from gateway.wire import AuditEvent, Command, CommandBody, Reply

log = logging.getLogger(__name__)

LONGEST_LIFE_US: Final = 3_600_000_000
"""A command that expires later than this is refused: its nonce would have to be kept for as long."""
LOCKDOWN: Final = "lockdown"
_NONCE: Final = "nonce:"


class CommandRefused(GatewayError):
    """A command that is nobody's: no answer is due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actions:
    """What commands may do here; each returns False where there is no such door."""

    unlock: Callable[[str], bool]
    lock_down: Callable[[bool], None]


class Commands:
    """The commands of one gateway."""

    def __init__(self, config: GatewayConfig, spool: Spool, actions: Actions) -> None:
        self._config = config
        self._spool = spool
        self._actions = actions
        self._nonces = {name.removeprefix(_NONCE) for name in spool.kept(config.gateway) if name.startswith(_NONCE)}

    def obey(self, payload: bytes, *, retained: bool, now: int) -> Reply:
        """Do what ``payload`` orders and return the answer; ``now``: µs since 1970.

        Raises:
            CommandRefused: it isn't signed by the centre, or isn't a command.
        """
        try:
            command = Command.model_validate_json(payload)
            verify(self._config.list_key, "command", command.body, command.signature)
            body = CommandBody.model_validate_json(command.body)
        except ValidationError as error:
            raise CommandRefused("not a command") from error
        except SignatureError as error:
            raise CommandRefused(str(error)) from error
        outcome = self._judged(body, retained=retained, now=now)
        log.info(
            "command", extra={"gateway": self._config.gateway, "id": body.id, "do": body.do, "outcome": outcome.outcome}
        )
        return outcome

    def _judged(self, body: CommandBody, *, retained: bool, now: int) -> Reply:
        if body.expires_at <= now:
            return Reply(id=body.id, outcome="expired")
        if retained or body.nonce in self._nonces or body.expires_at - now > LONGEST_LIFE_US:
            return Reply(id=body.id, outcome="refused")
        self._nonces.add(body.nonce)
        self._spool.keep(self._config.gateway, _NONCE + body.nonce, body.id, until=body.expires_at)
        done = self._done(body)
        text = f"{body.do} {body.door}" if body.door is not None else body.do
        event = AuditEvent(
            kind="audit", at=now, device="gateway", by=body.by[:64], text=text if done else f"{text}: no such door"
        )
        self._spool.append(self._config.gateway, event)
        return Reply(id=body.id, outcome="done" if done else "unknown_door")

    def _done(self, body: CommandBody) -> bool:
        if body.do == "unlock":
            return body.door is not None and self._actions.unlock(body.door)
        locked = body.do == LOCKDOWN
        self._actions.lock_down(locked)
        self._spool.keep(self._config.gateway, LOCKDOWN, "yes" if locked else "no")
        return True
