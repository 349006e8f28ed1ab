"""Our reasons in the words of ONVIF and BACnet, for who integrates us with a building's other systems.

ONVIF: topics and ``DenyReason`` of the Access Control Service Specification (21.06; accesscontrol.wsdl, name space
http://www.onvif.org/ver10/accesscontrol/wsdl), the anti-passback state of the Credential Service. ``DenyReason`` is an
open list of seven; what has no word of its own there is ``Other``.

BACnet: ``BACnetAccessEvent`` of ASHRAE 135-2020, clauses 12.33 and 21 (read in the bacnet-types crate 0.9.0 and in
BACpypes, which agree). There a member's account is the *credential*, the card or PIN an *authentication factor*.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from access.model import Reason

DenyReason = Literal[
    "CredentialNotEnabled",
    "CredentialNotActive",
    "CredentialExpired",
    "InvalidPIN",
    "NotPermittedAtThisTime",
    "Unauthorized",
    "Other",
]
_DENIED: Final = "tns1:AccessControl/Denied/Credential"
_NOT_FOUND: Final = "tns1:AccessControl/Denied/CredentialNotFound/Card"
_NOBODY: Final = "tns1:AccessControl/Denied/Anonymous"


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One fact in the words of both standards."""

    onvif_topic: str
    onvif_reason: DenyReason | None
    """The ``Reason`` item of a denial; None where the topic suffices."""
    bacnet: str
    bacnet_value: int
    """``bacnet``'s number in ``BACnetAccessEvent``; 128 and more are denials."""


def _term(bacnet_value: int, bacnet: str, reason: DenyReason | None, topic: str = _DENIED) -> Term:
    return Term(onvif_topic=topic, onvif_reason=reason, bacnet=bacnet, bacnet_value=bacnet_value)


REASONS: Final[Mapping[Reason, Term]] = {
    "granted": _term(1, "granted", None, "tns1:AccessControl/AccessGranted/Credential"),
    "unknown_card": _term(129, "denied-unknown-credential", None, _NOT_FOUND),
    "card_suspended": _term(147, "denied-authentication-factor-disabled", "CredentialNotEnabled"),
    "card_lost": _term(143, "denied-authentication-factor-lost", "CredentialNotEnabled"),
    "card_expired": _term(152, "denied-credential-expired", "CredentialExpired"),
    "card_returned": _term(149, "denied-credential-unassigned", "CredentialNotEnabled"),
    "member_suspended": _term(153, "denied-credential-manual-disable", "CredentialNotEnabled"),
    "no_right_here": _term(134, "denied-point-no-access-rights", "Unauthorized"),
    "outside_schedule": _term(136, "denied-out-of-time-range", "NotPermittedAtThisTime"),
    "place_closed": _term(136, "denied-out-of-time-range", "NotPermittedAtThisTime"),
    "pass_not_started": _term(151, "denied-credential-not-yet-active", "CredentialNotActive"),
    "pass_ended": _term(152, "denied-credential-expired", "CredentialExpired"),
    "pass_used_up": _term(156, "denied-credential-max-uses", "Unauthorized"),
    "booking_required": _term(135, "denied-no-access-rights", "Unauthorized"),
    "anti_passback": _term(138, "denied-passback", "Other"),
    "space_full": _term(142, "denied-upper-occupancy-limit", "Other"),
    "pin_required": _term(131, "denied-authentication-factor-timeout", "Other"),
    "wrong_pin": _term(132, "denied-incorrect-authentication-factor", "InvalidPIN"),
    "too_many_tries": _term(140, "denied-max-attempts", "Other"),
    "lockdown": _term(128, "denied-deny-all", "Other"),
    "list_too_old": _term(130, "denied-authentication-unavailable", "Other"),
    "qr_unsigned": _term(132, "denied-incorrect-authentication-factor", "Other"),
    "qr_elsewhere": _term(134, "denied-point-no-access-rights", "Unauthorized"),
    "qr_void": _term(153, "denied-credential-manual-disable", "CredentialNotEnabled"),
    "reader_fault": _term(148, "denied-authentication-factor-error", "Other", _NOBODY),
}
"""Every reason of the closed vocabulary. Two of ours may share a foreign word; the way back is not unique."""

Happening = Literal["access_taken", "access_not_taken", "soft_anti_passback"]
HAPPENINGS: Final[Mapping[Happening, Term]] = {
    "access_taken": _term(1, "granted", None, "tns1:AccessControl/AccessTaken/Credential"),
    "access_not_taken": _term(16, "no-entry-after-granted", None, "tns1:AccessControl/AccessNotTaken/Credential"),
    "soft_anti_passback": _term(3, "passback-detected", None, "tns1:Credential/State/ApbViolation"),
}
"""Words of both for what isn't a decision's reason."""
