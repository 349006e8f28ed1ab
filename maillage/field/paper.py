"""What a person types into each board and bridge: on paper, and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from maillage.field.logins import Login


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Where the broker is."""

    host: str
    """In the place's network."""
    port: int
    tls_port: int | None


def paper(logins: Sequence[Login], passwords: Mapping[str, str], reach: Reach, certificate: str | None) -> str:
    """Return one table for each login: the field of the settings, and what to type there."""
    return "\n\n".join(_table(login, passwords[login.user], reach, certificate) for login in logins)


def _table(login: Login, password: str, reach: Reach, certificate: str | None) -> str:
    if login.bridge:
        title = f"{login.label}, for {_some(login.devices)}"
        where = [("Server, on this machine", "127.0.0.1"), ("Port", str(reach.port))]
        if reach.tls_port is not None:
            where += [("Server, on another", reach.host), ("Port, with TLS", str(reach.tls_port))]
            if certificate is not None:
                where.append(("CA certificate", f"a copy of {certificate}"))
    else:
        title = f"{login.devices[0]} ({login.label})"
        where = [("MQTT host", reach.host), ("MQTT port", str(reach.port))]
    rows = [*where, ("User name", login.user), ("Password", password)]
    rows += [("Topic" if len(login.topics) == 1 else "Topics", topic) for topic in login.topics]
    width = max(len(name) for name, _ in rows)
    return "\n".join((title, *(f"  {name:{width}}  {value}" for name, value in rows)))


def _some(devices: Sequence[str]) -> str:
    shown = ", ".join(devices[:5])
    return shown if len(devices) <= 5 else f"{shown} and {len(devices) - 5} more"


def json_text(logins: Sequence[Login], passwords: Mapping[str, str], reach: Reach) -> str:
    """Return the same for programs, with the topics of each; ``simulator.wires`` reads it."""
    return json.dumps(
        {
            "host": reach.host,
            "port": reach.port,
            "tls_port": reach.tls_port,
            "logins": [
                {
                    "user": login.user,
                    "password": passwords[login.user],
                    "devices": login.devices,
                    "topics": login.topics,
                    "says": login.says,
                    "hears": login.hears,
                    "bridge": login.bridge,
                }
                for login in logins
            ],
        },
        ensure_ascii=False,
        indent=1,
    )
