"""What is presented at a door, and the event that a decision on it makes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from access import AccessList, Attempt, Decision
from access.guest_qr import GuestQr
from gateway.contract.wire import AccessEvent

_MOST: Final = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """What was presented at a door."""

    device: str
    attempt: Attempt
    device_at: str | None = None
    pin: str | None = None
    bits: int | None = None
    """Of a card whose format is unknown."""
    by_order: bool = False
    """Its member didn't show the card, but asked by the centre."""
    qr: GuestQr | None = None
    """A guest's QR, where ``attempt.by`` is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """A grant that waits for the door's contact."""

    decision: Decision
    attempt: Attempt
    access_list: AccessList | None
    repeated: bool
    """An entry that has counted already."""
    counted: bool
    """It counts already: the contact only confirms that the member went through."""


def access_event(presented: Presented, decision: Decision, held: AccessList | None, at: int) -> AccessEvent:
    """Return the event of ``decision``, taken at ``at`` by the list ``held``."""
    attempt = presented.attempt
    event = AccessEvent(
        kind="access",
        at=at,
        device=presented.device,
        decision="granted" if decision.granted else "denied",
        reason=decision.reason,
        side=attempt.side,
        rule=decision.rule,
    )
    if attempt.by != "card":
        event["by"] = attempt.by
    elif presented.by_order:
        event["by"] = "order"
    # The token of a wrong code has no owner: stored, it could only be used to guess the code.
    if attempt.card_token is not None and (attempt.by != "code" or decision.member is not None):
        event["card"] = attempt.card_token
    if decision.member is not None:
        event["member"] = decision.member
    if decision.pass_ref is not None:
        event["pass_ref"] = decision.pass_ref
    if decision.noted is not None:
        event["noted"] = decision.noted
    if decision.host:
        event["host"] = True
    if presented.bits is not None:
        event["bits"] = presented.bits
    if presented.device_at is not None:
        event["device_at"] = presented.device_at[:64]
    if held is not None:
        age_s = (attempt.at - held.made_at) // timedelta(seconds=1)
        event["list_version"] = held.version
        event["list_age_s"] = min(max(age_s, 0), _MOST)
    return event
