"""``maillage gateway doctor``: what a gateway's machine lacks, whether its process runs or not."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from gateway.clock import micros
from gateway.config import ConfigError, read_gateways
from gateway.devices.watch import BUILT
from gateway.errors import GatewayError
from gateway.identity import Identity, IdentityError, read_identities
from gateway.lists.signed_time import KEPT as SIGNED_TIME
from gateway.lists.signed_time import TOLERANCE_US
from gateway.mqtt.address import Broker, Certificate, parse_mqtt_url
from gateway.mqtt.session import connect
from gateway.settings import GatewaySettings
from maillage.doctor.finding import Finding, bad, good, note
from maillage.doctor.gateway_state import look_at_state

_SOON: Final = timedelta(days=10)
"""A certificate that ends so soon should have been renewed."""
_DISK_LOW_MB: Final = 500
_DISK_FULL_MB: Final = 50
_WAITING: Final = 1000
"""So many events in the spool of a gateway that doesn't run are worth a word."""
_ANSWER_S: Final = 5.0


def examine_gateway(settings: GatewaySettings) -> Iterator[Finding]:
    """Look at identity, clock and disk; then ask the process or, where it doesn't run, look at its files and lines."""
    identities: tuple[Identity, ...] = ()
    if settings.identity is not None:
        try:
            identities = read_identities(settings.identity)
        except IdentityError as error:
            yield bad("identity", str(error), "maillage gateway join URL CODE, with a code of maillage gateway enrol")
        for one in identities:
            yield good("identity", f"gateway {one.gateway} of {one.place}, in {one.directory}")
            yield _certificate(one, datetime.now(UTC))
    else:
        yield from _file(settings.gateways_file)
    yield from _clock(settings.spool, micros())
    yield from _disk(settings.spool)
    status = _status(settings)
    if isinstance(status, Finding):
        yield status
        yield from _spool(settings.spool)
        yield from _lines(settings, identities)
    else:
        yield good("process", "runs and answers")
        yield from look_at_state(status)


def _file(path: Path) -> Iterator[Finding]:
    try:
        found = read_gateways(path)
    except ConfigError as error:
        yield bad(
            "identity",
            f"MAILLAGE_IDENTITY is not set, and {error}",
            "maillage gateway join URL CODE makes the identity; set MAILLAGE_IDENTITY to its folder",
        )
        return
    yield good("gateways", f"{', '.join(one.gateway for one in found[:5])} ({len(found)}), of the file {path}")


def _certificate(identity: Identity, now: datetime) -> Finding:
    from cryptography import x509

    try:
        ends = x509.load_pem_x509_certificate(identity.certificate.read_bytes()).not_valid_after_utc
    except (OSError, ValueError) as error:
        return bad("certificate", f"{identity.certificate} can't be read: {error}", "join again: maillage gateway join")
    if ends <= now:
        return bad(
            "certificate",
            f"ended on {ends:%Y-%m-%d}: the broker refuses this gateway",
            "join again: maillage gateway enrol makes a code for it, at the centre",
        )
    left = f"holds until {ends:%Y-%m-%d}, {(ends - now).days} days"
    if ends - now < _SOON:
        return bad(
            "certificate", f"{left}: it wasn't renewed", "look at the line to the centre and at the rights process"
        )
    return good("certificate", left)


def _clock(spool: Path, now: int) -> Iterator[Finding]:
    if now < BUILT.timestamp() * 1e6:
        yield bad("clock", f"it shows {_day(now)}, before this program was built", "timedatectl set-ntp true")
        return
    signed = max((int(value) for value in _kept(spool, SIGNED_TIME) if value.isdecimal()), default=0)
    if signed - now > TOLERANCE_US:
        yield bad(
            "clock",
            f"it is at least {(signed - now) // 60_000_000} minutes behind what the centre has signed",
            "timedatectl set-ntp true; let port 123 (UDP) through",
        )
        return
    synchronised = _ntp()
    if synchronised is False:
        yield note("clock", "no time server sets it", "timedatectl set-ntp true; let port 123 (UDP) through")
    else:
        yield good(
            "clock", "right by a time server" if synchronised else "plausible; nothing here says who keeps it right"
        )


def _ntp() -> bool | None:
    """Return whether a time server keeps the clock right; None: nothing tells."""
    try:
        done = subprocess.run(
            ["timedatectl", "show", "--property=NTPSynchronized", "--value"],
            capture_output=True, text=True, timeout=5, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return {"yes": True, "no": False}.get(done.stdout.strip())


def _disk(spool: Path) -> Iterator[Finding]:
    folder = next((one for one in (spool.parent, *spool.parent.parents) if one.exists()), Path("/"))
    free = shutil.disk_usage(folder).free // 2**20
    if free < _DISK_FULL_MB:
        yield bad("disk", f"{free} MB free in {folder}: events can't be written", "delete what isn't Maillage's")
    elif free < _DISK_LOW_MB:
        yield note("disk", f"{free} MB free in {folder}", "delete what isn't Maillage's, or use a larger disk")
    else:
        yield good("disk", f"{free} MB free in {folder}")
    aside = sorted(spool.parent.glob(f"{spool.name}.unreadable-*")) if spool.parent.exists() else []
    for one in aside:
        yield note("disk", f"{one} was set aside, being damaged", f"stop the gateway; maillage spool recover {one}")


def _status(settings: GatewaySettings) -> dict[str, Any] | Finding:
    """Return what the process says of itself, or why it doesn't."""
    if not settings.metrics_port:
        return note("process", "MAILLAGE_METRICS_PORT is 0: it can't be asked", "set it to 9465")
    host = "127.0.0.1" if settings.http_host in ("0.0.0.0", "::", "") else settings.http_host  # noqa: S104
    url = f"http://{host}:{settings.metrics_port}/status"
    again = "systemctl status maillage-gateway; journalctl -u maillage-gateway"
    try:
        with urllib.request.urlopen(url, timeout=_ANSWER_S) as answer:
            found = json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return bad("process", f"what answers at {url} is no gateway of this version ({error.code})", again)
    except (OSError, ValueError) as error:
        return bad("process", f"it doesn't run, or doesn't answer at {url}: {error}", again)
    return found if isinstance(found, dict) else bad("process", f"what answers at {url} is no gateway", again)


def _kept(spool: Path, name: str) -> list[str]:
    return [str(value) for (value,) in _rows(spool, "SELECT value FROM kept WHERE name = ?", name)]


def _rows(spool: Path, query: str, *values: str) -> list[Any]:
    """Read the spool's file without changing anything in it; nothing where it can't be read."""
    if not spool.exists():
        return []
    try:
        with sqlite3.connect(f"{spool.absolute().as_uri()}?mode=ro", uri=True, timeout=2) as connection:
            found = connection.execute(query, values).fetchall()
        connection.close()
    except sqlite3.Error:
        return []
    return found


def _spool(spool: Path) -> Iterator[Finding]:
    if not spool.exists():
        yield note("spool", f"there is no {spool} yet", "the gateway makes it at its first start")
        return
    rows = _rows(spool, "SELECT gateway, count(*) FROM event GROUP BY gateway")
    waiting = sum(count for _, count in rows)
    if waiting > _WAITING:
        yield note("spool", f"{waiting} events wait in {spool}", "start the gateway, which sends them; don't delete it")
    else:
        yield good("spool", f"{waiting} events wait in {spool}")


def _lines(settings: GatewaySettings, identities: tuple[Identity, ...]) -> Iterator[Finding]:
    """Connect to both brokers; whether they accept the login, only the running process knows."""
    field = settings.field_mqtt_url.get_secret_value()
    yield _line("field broker", field, None, "systemctl status mosquitto; MAILLAGE_FIELD_MQTT_URL")
    for one in identities:
        login = Certificate.in_folder(one.directory) if one.broker.startswith("mqtts") else None
        yield _line("central broker", one.broker, login, "look at this machine's network; ask its operator")


def _line(what: str, url: str, login: Certificate | None, mend: str) -> Finding:
    try:
        broker: Broker = parse_mqtt_url(url)
        if login is not None:
            broker = broker.with_certificate(login)
        connect(broker).close()
    except (GatewayError, OSError) as error:
        return bad(what, f"{url.rpartition('@')[2].removeprefix('mqtt://')} doesn't answer: {error}", mend)
    return good(what, f"{broker.host}:{broker.port} answers")


def _day(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1e6, UTC):%Y-%m-%d}"
