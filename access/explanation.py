"""Explains a decision check by check: for "why was I refused?" and for what-if questions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from access.case import Case
from access.checks import CHECKS
from access.decision import NO_STATE
from access.guest_qr import QrFault
from access.model import AccessList, By, Decision, Side, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One check and its answer."""

    check: str
    """Its name in ``access.checks``."""
    decision: Decision | None
    """None: it had nothing against it, the next one asked."""
    rights: int
    """How many of the member's rights still stood after it; 0 before they are looked at."""


def explain(
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
) -> tuple[Step, ...]:
    """Return every check that ``access.decide`` makes of the same arguments; the last one holds its decision."""
    case = Case(
        access_list=access_list, token=card_token, door=door, side=side, at=at, state=state, pin=pin, by=by, fault=fault
    )
    steps: list[Step] = []
    for name, check in CHECKS:
        decision = check(case)
        steps.append(Step(check=name, decision=decision, rights=len(case.rights)))
        if decision is not None:
            break
    return tuple(steps)
