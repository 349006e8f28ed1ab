"""The centre of a real network, by the folder of `maillage init`: API, processes, brokers, watcher, certificates."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gateway.mqtt.address import Broker, MqttUrlError, parse_mqtt_url
from gateway.mqtt.expiry import peer_until
from maillage.complaint import Complaint
from maillage.doctor.broker import look_at_broker, look_at_end
from maillage.doctor.finding import Finding, bad, good, note
from maillage.doctor.processes import get

if TYPE_CHECKING:
    from database.pool import Connection
    from maillage.reissue import Held

_ANSWER_S: Final = 5.0
_ROOT: Final = "run this as root, with owner.env: set -a; . FOLDER/owner.env; set +a"

_CONNECTED: Final = """
-- whose connections there are: processes name theirs
SELECT application_name, count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE 'maillage%' GROUP BY 1
"""
_WORKED: Final = """
-- jobs have no connection between their rounds of 15 minutes: whether one has succeeded lately
SELECT 'maillage jobs', 1 FROM job WHERE succeeded_at > now() - interval '20 minutes' LIMIT 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Process:
    port: int
    setting: str
    connects_as: str
    """How its connections to the database begin."""
    unit: str
    rests: bool = False
    """Whether it has no connection between its rounds."""


_PROCESSES: Final = {
    "rights": _Process(
        port=9467, setting="MAILLAGE_METRICS_PORT", connects_as="maillage rights", unit="maillage@rights"
    ),
    "ingest": _Process(
        port=9464, setting="MAILLAGE_METRICS_PORT", connects_as="maillage ingest", unit="maillage@ingest"
    ),
    "jobs": _Process(
        port=9468, setting="MAILLAGE_METRICS_PORT", connects_as="maillage jobs", unit="maillage@jobs", rests=True
    ),
    "api": _Process(port=8080, setting="MAILLAGE_HTTP_PORT", connects_as="maillage-api", unit="maillage@api"),
}
_WATCHER: Final = "maillage broker"


def network_folder() -> Path | None:
    """Return the folder of `maillage init` that the settings name by MAILLAGE_AUTHORITY; None: they name none."""
    authority = os.environ.get("MAILLAGE_AUTHORITY")
    folder = Path(authority).parent if authority else None
    return folder if folder is not None and (folder / "owner.env").exists() else None


def look_at_centre(folder: Path) -> Iterator[Finding]:
    """Look at all that runs at the centre; what can't be looked at is said with the reason."""
    settings: dict[str, Mapping[str, str]] = {}
    for name in (*_PROCESSES, "broker"):
        found = _settings(folder / f"{name}.env")
        if isinstance(found, Finding):
            yield found
        else:
            settings[name] = found
    connected = _connected()
    if connected is None:
        yield note("processes", "the database doesn't say who is connected to it", "mend what `database` says below")
    for name, process in _PROCESSES.items():
        yield _process(name, process, settings.get(name, {}), connected)
    yield from _api_key()
    for name in ("rights", "ingest"):
        if name in settings:
            yield from look_at_broker(
                "MAILLAGE_MQTT_URL", f"broker, {name}", tls="MAILLAGE_MQTT_TLS", settings=settings[name], ends=False
            )
        else:
            yield note(f"broker, {name}", f"not looked at: {name}.env can't be read", _ROOT)
    yield _watcher(connected)
    yield from _broker_files(folder / "broker")
    yield from _certificates(folder, settings.get("api", {}).get("MAILLAGE_BROKER_ADDRESS"))


def _settings(path: Path) -> Mapping[str, str] | Finding:
    from maillage.network.founding import read_environment

    try:
        if not path.exists():
            return note("settings", f"there is no {path}", "where that process runs on another machine, look there too")
        return read_environment(path)
    except OSError as error:
        return note("settings", f"{path} can't be read: {error.strerror}", _ROOT)


def _connected() -> dict[str, int] | None:
    from database.pool import DATABASE_ERROR

    try:
        with _database() as connection:
            found: dict[str, int] = dict(connection.execute(_CONNECTED).fetchall())
            if connection.execute("SELECT to_regclass('job') IS NOT NULL").fetchone() == (True,):
                found |= dict(connection.execute(_WORKED).fetchall())
            return found
    except (DATABASE_ERROR, Complaint):
        return None


def _database() -> Connection:
    from database.pool import connect

    url = os.environ.get("MAILLAGE_DATABASE_URL")
    if not url:
        raise Complaint("MAILLAGE_DATABASE_URL is not set")
    return connect(url, application_name="maillage doctor", statement_timeout_s=10)


def _process(name: str, process: _Process, own: Mapping[str, str], connected: Mapping[str, int] | None) -> Finding:
    given = own.get(process.setting, "")
    port = int(given) if given.isdecimal() else process.port
    host = own.get("MAILLAGE_HTTP_HOST", "127.0.0.1")
    url = f"http://{'127.0.0.1' if host in ('0.0.0.0', '::') else host}:{port}"  # noqa: S104  (compared, not bound)
    answer = get(url, "/readyz") if port else None
    log = f"its log: journalctl -u {process.unit}"
    here = None if connected is None else any(one.startswith(process.connects_as) for one in connected)
    if answer is not None and answer.status != 200:
        return bad(name, f"not ready: {answer.text}", f"mend that; {log}")
    if answer is not None and here is False and not process.rests:
        other = f"what answers on port {port} isn't connected to this database: another program, or another network's"
        return bad(name, other, f"end it, or set {process.setting} in {name}.env; {log}")
    if answer is not None:
        return good(name, f"answers on port {port} and is ready")
    if here:
        return note(
            name, f"is connected to the database, and nothing answers at {url}: it runs elsewhere", "look there"
        )
    unknown = "" if here is not None else "; whether it runs elsewhere isn't known"
    return bad(name, f"nothing answers at {url}{unknown}", f"systemctl enable --now {process.unit}; {log}")


def _api_key() -> Iterator[Finding]:
    url, key = os.environ.get("MAILLAGE_API_URL"), os.environ.get("MAILLAGE_API_KEY")
    if not url or not key:
        yield note("API key", "not tried: MAILLAGE_API_URL or MAILLAGE_API_KEY is not set", _ROOT)
        return
    answer = get(url, "/v1/alarms?limit=1", {"Authorization": f"Bearer {key}"})
    if answer is None:
        yield note("API key", f"not tried: nothing answers at {url}", "mend what `api` says")
    elif answer.status == 200:
        yield good("API key", f"good at {url}")
    else:
        what = f"{url} says {answer.status}: {answer.text}"
        yield bad("API key", what, "maillage key create NAME --role network_administrator; put it into owner.env")


def _watcher(connected: Mapping[str, int] | None) -> Finding:
    if connected is None:
        return note("broker watch", "not looked at: its connection to the database shows it", "mend the database first")
    if any(one == _WATCHER for one in connected):
        return good("broker watch", "follows the database")
    return bad(
        "broker watch",
        "doesn't run: no gateway that joins is let in, and none that is shut out is cut off",
        "systemctl enable --now maillage-broker-watch; its log: journalctl -u maillage-broker-watch",
    )


def _broker_files(broker: Path) -> Iterator[Finding]:
    """Compare what the broker reads with what the database says."""
    from database.pool import DATABASE_ERROR
    from maillage.broker import acl
    from maillage.central.watch import NotPublished, read

    try:
        text = (broker / "acl").read_text(encoding="utf-8")
        with _database() as connection:
            wanted = read(connection)
    except NotPublished as error:
        yield bad("broker files", str(error), "systemctl enable --now maillage@rights")
        return
    except OSError as error:
        yield note("broker files", f"not looked at: {error.filename}: {error.strerror}", _ROOT)
        return
    except (DATABASE_ERROR, Complaint):
        yield note("broker files", "not looked at: the database doesn't answer", "mend the database first")
        return
    if text.startswith(acl(wanted.where, wanted.where)):
        yield good("broker files", f"as the database says: {len(wanted.where)} gateways may speak")
    else:
        yield bad(
            "broker files",
            f"{broker}/acl isn't what the database says: who joined or is shut out isn't known there",
            "systemctl restart maillage-broker-watch; its log: journalctl -u maillage-broker-watch",
        )


def _certificates(folder: Path, address: str | None) -> Iterator[Finding]:
    from maillage.reissue import BROKER, held
    from rights.authority import AuthorityError, load
    from rights.reminders import authorities_that_end

    try:
        found = held(folder)
        ends = {"gateways": load(folder / "authority"), "processes": load(folder / "authority/processes")}
    except (Complaint, AuthorityError, OSError) as error:
        yield note("certificates", f"not looked at: {error}", _ROOT)
        return
    until = {whose: one.present.certificate.not_valid_after_utc for whose, one in ends.items()}
    over = authorities_that_end(until, datetime.now(UTC))
    for alarm in over:
        yield bad("authority", alarm.text.partition(":")[0], "maillage authority renew (docs/enrolment.md)")
    if not over:
        yield good("authority", f"signs until {min(until.values()):%Y-%m-%d}")
    for one in found:
        yield look_at_end(f"the certificate of {one.whose}", one.until)
    if address is None:
        yield note("gateways' broker", "not looked at: api.env doesn't say MAILLAGE_BROKER_ADDRESS", _ROOT)
    else:
        shown = next((one for one in found if one.whose == BROKER), None)
        yield _for_gateways(address, folder / "authority/authority.pem", shown)


def _for_gateways(address: str, authority: Path, ours: Held | None) -> Finding:
    """Reach the broker as gateways do, as far as that goes without a certificate."""
    what = "gateways' broker"
    try:
        broker: Broker = parse_mqtt_url(address)
        context = ssl.create_default_context(cafile=str(authority))
        with (
            socket.create_connection((broker.host, broker.port), timeout=_ANSWER_S) as plain,
            context.wrap_socket(plain, server_hostname=broker.host) as sock,
        ):
            until = peer_until(sock)
    except MqttUrlError as error:
        return bad(what, f"{address}: {error}", "mend MAILLAGE_BROKER_ADDRESS in api.env")
    except ssl.SSLCertVerificationError as error:
        return bad(
            what,
            f"{address}: its certificate isn't good: {error.verify_message}",
            "gateways refuse it too: maillage authority issue broker FOLDER --host NAME, then SIGHUP",
        )
    except OSError as error:
        return note(
            what,
            f"{address}: {error}",
            "is the broker up, does the name lead here, is the port open? Some networks reach it from outside only",
        )
    if until is not None and ours is not None and until != ours.until:
        return bad(
            what, f"{address} shows a certificate until {until:%Y-%m-%d}, not that of {ours.folder}",
            "systemctl reload maillage-broker",
        )  # fmt: skip
    return good(what, f"{address} shows its certificate by the name that gateways use")
