"""Every reason has its words in ONVIF and BACnet, and they are words that the standards have."""

from __future__ import annotations

from typing import Final, get_args

from access.model import Reason
from access.vocabulary import HAPPENINGS, REASONS, DenyReason, Happening

BACNET: Final = {
    1: "granted", 3: "passback-detected", 16: "no-entry-after-granted", 128: "denied-deny-all",
    129: "denied-unknown-credential", 130: "denied-authentication-unavailable",
    131: "denied-authentication-factor-timeout", 132: "denied-incorrect-authentication-factor",
    133: "denied-zone-no-access-rights", 134: "denied-point-no-access-rights", 135: "denied-no-access-rights",
    136: "denied-out-of-time-range", 137: "denied-threat-level", 138: "denied-passback",
    139: "denied-unexpected-location-usage", 140: "denied-max-attempts", 141: "denied-lower-occupancy-limit",
    142: "denied-upper-occupancy-limit", 143: "denied-authentication-factor-lost",
    144: "denied-authentication-factor-stolen", 145: "denied-authentication-factor-damaged",
    146: "denied-authentication-factor-destroyed", 147: "denied-authentication-factor-disabled",
    148: "denied-authentication-factor-error", 149: "denied-credential-unassigned",
    150: "denied-credential-not-provisioned", 151: "denied-credential-not-yet-active",
    152: "denied-credential-expired", 153: "denied-credential-manual-disable", 154: "denied-credential-lockout",
    155: "denied-credential-max-days", 156: "denied-credential-max-uses", 157: "denied-credential-inactivity",
    158: "denied-credential-disabled", 159: "denied-no-accompaniment", 160: "denied-incorrect-accompaniment",
    161: "denied-lockout", 162: "denied-verification-failed", 163: "denied-verification-timeout", 164: "denied-other",
}  # fmt: skip
"""ASHRAE 135-2020, BACnetAccessEvent, as far as decisions go."""


def test_the_table_is_complete() -> None:
    assert set(REASONS) == set(get_args(Reason))
    assert set(HAPPENINGS) == set(get_args(Happening))


def test_the_words_are_the_standards() -> None:
    for term in [*REASONS.values(), *HAPPENINGS.values()]:
        assert BACNET[term.bacnet_value] == term.bacnet
        assert term.onvif_reason is None or term.onvif_reason in get_args(DenyReason)


def test_a_denial_of_ours_is_a_denial_of_theirs() -> None:
    for reason, term in REASONS.items():
        assert (term.bacnet_value >= 128) == (reason != "granted")
        assert ("/Denied/" in term.onvif_topic) == (reason != "granted")
        assert (term.onvif_reason is None) == (reason in ("granted", "unknown_card"))
