"""What a running gateway says of itself (``gateway.http.status``), as findings. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from maillage.doctor.finding import Finding, bad, good, note

_DEPTH: Final = 1000
_NAMED: Final = 10


def look_at_state(status: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what is well and what is wrong with a process's gateways."""
    if status["field_connected"]:
        yield good("field broker", "connected")
    else:
        yield bad(
            "field broker", "not connected: no device is heard", "systemctl status mosquitto; maillage gateway field"
        )
    for code, state in status["gateways"].items():
        yield from _gateway(code, state)


def _gateway(code: str, state: Mapping[str, Any]) -> Iterator[Finding]:
    if state["connected"]:
        yield good("central broker", f"{code}: connected")
    else:
        yield bad(
            "central broker",
            f"{code}: not connected; the doors work, events wait here",
            "look at this machine's network; if it persists, ask whether the gateway was revoked",
        )
    depth = state.get("spool_depth", 0)
    if depth > _DEPTH:
        yield note(
            "spool", f"{code}: {depth} events wait to be stored", "nothing, where the line was down; else the centre"
        )
    else:
        yield good("spool", f"{code}: {depth} events wait")
    if state.get("disk"):
        yield bad("disk", f"{code}: {state['disk']}", "free the disk, or replace it: events wait in memory")
    if state.get("clock"):
        yield bad("clock", f"{code}: {state['clock']}", "timedatectl set-ntp true; let port 123 (UDP) through")
    yield from _list(code, state)
    if state.get("config_refused"):
        yield bad("configuration", f"{code}: {state['config_refused']}", "correct the device or door at the centre")
    elif state.get("config_version") is not None:
        yield good("configuration", f"{code}: version {state['config_version']}, {state.get('devices', 0)} devices")
    yield from _devices(code, state)


def _list(code: str, state: Mapping[str, Any]) -> Iterator[Finding]:
    if state.get("list_version") is None:
        why = state.get("list_refused")
        yield bad(
            "access list",
            f"{code}: none{f' ({why})' if why else ''}; doors stay closed for every card",
            "look at the line to the centre, and at the rights process there",
        )
    elif state.get("list_refused"):
        yield note(
            "access list", f"{code}: version {state['list_version']}; a newer one was refused: {state['list_refused']}"
        )
    else:
        yield good("access list", f"{code}: version {state['list_version']}")


def _devices(code: str, state: Mapping[str, Any]) -> Iterator[Finding]:
    unwell = state.get("unwell", ())
    for one in unwell[:_NAMED]:
        said = [one["fault"]] if one.get("fault") else []
        if one.get("silent_since") is not None:
            said.insert(0, f"silent since {_moment(one['silent_since'])}")
        yield note(
            "device", f"{code}: {one['device']}: {'; '.join(said) or 'unwell'}", "look at its power and its radio"
        )
    if len(unwell) > _NAMED:
        yield note("device", f"{code}: {len(unwell) - _NAMED} more devices are unwell")
    if not unwell:
        yield good("devices", f"{code}: {state.get('devices', 0)}, all well")
    for one in state.get("unassigned", ())[:_NAMED]:
        what = " ".join(word for word in (one["driver"], one.get("model"), one.get("kind")) if word)
        yield note(
            "unassigned",
            f"{code}: {what} {one['address']}: {one['said']}, {_moment(one['last_at'])}",
            f"maillage devices {state.get('place', '')}, then assign or dismiss it (at the centre)",
        )


def _moment(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1e6, UTC):%Y-%m-%d %H:%M}Z"
