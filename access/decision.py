"""Decides whether a door opens: the one function that gateway, API and tests share."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from access.case import Case, too_old
from access.checks import CHECKS
from access.guest_qr import QrFault
from access.model import AccessList, By, Decision, Side, State

__all__ = ["NO_STATE", "decide", "too_old"]

NO_STATE: Final = State()


def decide(
    access_list: AccessList | None,
    card_token: str | None,
    door: str,
    side: Side,
    at: datetime,
    *,
    state: State = NO_STATE,
    pin: str | None = None,
    by: By = "card",
    fault: QrFault | None = None,
) -> Decision:
    """Decide on a card at ``door``, at ``at`` (aware, by the edge's clock).

    Egress is always granted, whatever the list, the card or the clock. Otherwise the checks of ``access.checks`` ask in
    their order, and the first that answers gives the one reason. Rights add up: one that opens is enough, in any order.

    Args:
        access_list: None where the gateway holds no valid one: nothing opens but egress.
        card_token: None where the reader could not read the card.
        state: what the gateway remembers; ``access.aftermath.after`` makes the next one.
        pin: hash (``access.tokens.pin_hash``) of what was typed with the card; None: nothing was.
        by: ``code`` where ``card_token`` is that of a code typed at a keypad, ``qr`` where it is a guest's QR's.
        fault: what is wrong with a QR (``access.guest_qr.list_for``, which also gives the list).
    """
    case = Case(
        access_list=access_list, token=card_token, door=door, side=side, at=at, state=state, pin=pin, by=by, fault=fault
    )
    for _, check in CHECKS:
        decision = check(case)
        if decision is not None:
            return decision
    raise AssertionError("the last check always answers")
