"""What is wrong with a gateway or a device, and what kinds of devices are called, for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from api.pages.rendering import text
from reports.words import KINDS, word_of

Say = Callable[[str], str]
"""A text of ours in the reader's language."""

_TROUBLES: Final[Mapping[str, str]] = {
    "low_battery": text("Battery nearly empty"),
    "bad_link": text("Bad radio link"),
    "stuck": text("Seems stuck: it never changes"),
}
_OFFLINE: Final = text("Not connected")
_NEVER_JOINED: Final = text("No machine has joined yet")
_SHUT_OUT: Final = text("Shut out")
_UNSENT: Final = text("Keeps events that it couldn't send yet")
_CLOCK: Final = text("Its clock is wrong")
_OLD_LIST: Final = text("Decides by an older access list")
_CERTIFICATE: Final = text("Its certificate ends soon")
_CONFIGURATION: Final = text("Refused its configuration")
_SILENT: Final = text("Silent")
_UNHEARD: Final = text("Never heard yet")
_CLOCK_MS: Final = 2_000
_SOON: Final = timedelta(days=7)
_MANY_UNSENT: Final = 100


def gateway_faults(gateway: Mapping[str, Any], now: datetime, say: Say) -> list[str]:
    """Return what is wrong with a gateway of the API's list; empty: nothing."""
    if gateway["revoked_at"] is not None:
        return [say(_SHUT_OUT)]
    if gateway["heard_at"] is None and gateway["joined_at"] is None:
        return [say(_NEVER_JOINED)]
    until = gateway["certificate_until"]
    newest, used = gateway["newest_list_version"], gateway["list_version"]
    found = [
        (not gateway["online"], _OFFLINE),
        ((gateway["spool_depth"] or 0) > _MANY_UNSENT, _UNSENT),
        (abs(gateway["clock_offset_ms"] or 0) > _CLOCK_MS, _CLOCK),
        (newest is not None and used is not None and used < newest, _OLD_LIST),
        (until is not None and datetime.fromisoformat(until) < now + _SOON, _CERTIFICATE),
        (gateway["config_refused"] is not None, _CONFIGURATION),
    ]
    return [say(words) for wrong, words in found if wrong]


def device_faults(device: Mapping[str, Any], say: Say) -> list[str]:
    """Return what is wrong with a device of the API's list; empty: nothing."""
    state = device["state"]
    if state is None or state["heard_at"] is None:
        return [say(_UNHEARD)]
    silent = [say(_SILENT)] if state["silent_since"] is not None else []
    return [*silent, *(say(_TROUBLES.get(one, one)) for one in state["troubles"])]


def kind_word(kind: str | None, language: Any) -> str:
    """Return what a kind of device is called."""
    word = word_of(kind or "?", KINDS, language)
    return word[:1].upper() + word[1:]


def kinds(language: Any) -> list[tuple[str, str]]:
    """Return the kinds of devices to choose from."""
    return [(kind, kind_word(kind, language)) for kind in KINDS]
