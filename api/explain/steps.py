"""A decision step by step, in sentences and in the terms of ONVIF and BACnet. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from access.aftermath import Attempt
from access.explanation import Step, explain
from access.model import AccessList, Decision, Reason, State
from access.vocabulary import REASONS as TERMS
from api.explain.card_reads import StoredCardRead
from api.explain.words import CHECKS, REASONS, UNKNOWN_TO_CENTRE
from api.http.words import Words

_OTHER_PIN: Final = "0" * 32
"""The hash of no PIN, which stands for a wrong one."""


def at_that_time(access_list: AccessList | None, at: datetime, age_s: int | None) -> AccessList | None:
    """Return the list with the age it had: ``age_s`` seconds; None: unknown, taken as new."""
    if access_list is None:
        return None
    return replace(access_list, made_at=at - timedelta(seconds=age_s or 0))


def typed(access_list: AccessList | None, token: str | None, reason: Reason | None) -> str | None:
    """Return the hash of the PIN that must have been typed for the gateway to decide ``reason``; None: none."""
    entry = None if access_list is None or token is None else access_list.entries.get(token)
    if entry is None or reason in (None, "pin_required"):
        return None
    return _OTHER_PIN if reason == "wrong_pin" else entry.member.pin


def steps_of(access_list: AccessList | None, read: Attempt, *, state: State, pin: str | None) -> Sequence[Step]:
    """Return the checks in order, each with its result."""
    return explain(
        access_list,
        read.card_token,
        read.door,
        read.side,
        read.at,
        state=state,
        pin=pin,
        by=read.by,
        fault=read.fault,
    )


def steps_json(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """Format each check: its question and its result."""
    checks = []
    for step in steps:
        answer = "passed" if step.decision is None else "granted" if step.decision.granted else "denied"
        words = CHECKS[step.check]
        if step.decision is not None:
            reason = REASONS[step.decision.reason]
            words = Words(en=f"{words.en} {reason.en}", fr=f"{words.fr} {reason.fr}")
        checks.append({"check": step.check, "answer": answer, "rights": step.rights, "words": words._asdict()})
    return checks


def decision_json(decision: Decision) -> dict[str, Any]:
    """Format a decision with its reason in sentences and in the terms of both standards."""
    term = TERMS[decision.reason]
    return {
        "decision": "granted" if decision.granted else "denied",
        "reason": decision.reason,
        "rule": decision.rule,
        "member": decision.member,
        "pass": decision.pass_ref,
        "words": REASONS[decision.reason]._asdict(),
        "onvif": {"topic": term.onvif_topic, "reason": term.onvif_reason},
        "bacnet": {"event": term.bacnet, "value": term.bacnet_value},
    }


def comparison(event: StoredCardRead, decision: Decision) -> dict[str, Any]:
    """Format the gateway's decision, whether the explanation agrees, and what only the gateway knew."""
    agrees = event.granted == decision.granted and event.reason == decision.reason
    rule = event.rule
    own = UNKNOWN_TO_CENTRE.get(rule or "") or UNKNOWN_TO_CENTRE.get(decision.rule)
    return {
        "stream": event.stream,
        "seq": event.seq,
        "decision": "granted" if event.granted else "denied",
        "reason": event.reason,
        "rule": rule,
        "list_version": event.list_version,
        "list_age_s": event.list_age_s,
        "agrees": agrees,
        "only_the_gateway_knew": None if agrees or own is None else own._asdict(),
    }
