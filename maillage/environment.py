"""The stack that runs here, for the commands typed beside it: its settings, its processes and their addresses."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from maillage import proc
from maillage.paths import runtime_directory

_NAME: Final = "environment.json"
PART: Final = "MAILLAGE_PART"
"""Set for the stack's own processes: they are given what they need, and must not see the rest."""
_DATABASE: Final = "MAILLAGE_DATABASE_URL"
_ADDRESSES: Final = ("MAILLAGE_MQTT_URL", "MAILLAGE_FIELD_MQTT_URL")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One process of the stack, and where it answers; None: nowhere."""

    pid: int
    url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """The stack that runs in this runtime directory (``maillage up``)."""

    pid: int
    settings: Mapping[str, str]
    parts: Mapping[str, Part] = field(default_factory=dict)
    """By name; empty until they are started."""
    api: str | None = None
    """The address of its API."""
    instance_key: str | None = None
    """With it the API proves that it is this stack's (``api.http.instance``)."""


def write(
    settings: Mapping[str, str],
    *,
    parts: Mapping[str, Part] | None = None,
    api: str | None = None,
    instance_key: str | None = None,
) -> Path:
    """Keep what runs here for other commands, while it does; readable by its owner only."""
    path = runtime_directory() / _NAME
    partial = path.with_suffix(".part")
    partial.unlink(missing_ok=True)
    body = {
        "pid": os.getpid(),
        "started": proc.started(os.getpid()),
        "parts": {name: [part.pid, part.url] for name, part in (parts or {}).items()},
        "api": api,
        "instance_key": instance_key,
        **settings,
    }
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(body, file, indent=1)
    partial.replace(path)
    return path


def remove() -> None:
    """Forget it: the stack has ended."""
    (runtime_directory() / _NAME).unlink(missing_ok=True)


def running() -> Running | None:
    """Return the stack that runs here; None: none does. What a dead one has left is not believed."""
    try:
        kept = json.loads((runtime_directory() / _NAME).read_text(encoding="utf-8"))
        pid, started = int(kept.pop("pid")), kept.pop("started", None)
        parts = {name: Part(pid=number, url=url) for name, (number, url) in kept.pop("parts", {}).items()}
        api, instance_key = kept.pop("api", None), kept.pop("instance_key", None)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if not proc.is_alive(pid) or started not in (None, proc.started(pid)):
        return None
    return Running(pid=pid, settings=kept, parts=parts, api=api, instance_key=instance_key)


def load() -> bool:
    """Set what the environment lacks from the stack that runs here; return whether one does.

    A database that was given and isn't the stack's belongs to another network: then nothing of this stack is taken, its
    keys least of all. What a command talks to instead of this stack is printed.
    """
    if PART in os.environ:
        return False
    stack = running()
    if stack is None:
        return False
    given = os.environ.get(_DATABASE)
    if given is not None and given != stack.settings.get(_DATABASE, given):
        _say(f"{_DATABASE} is set: nothing of the stack that runs in {runtime_directory()} is used")
        return False
    for name, value in stack.settings.items():
        if name in _ADDRESSES and os.environ.get(name, value) != value:
            _say(f"{name} is set: it is used, not that of the stack that runs in {runtime_directory()}")
        os.environ.setdefault(name, value)
    return True


def _say(line: str) -> None:
    print(f"maillage: {line}", file=sys.stderr)
