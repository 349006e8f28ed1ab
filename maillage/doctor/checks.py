"""Everything that the doctor looks at, in the order of telling."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from maillage.doctor.broker import look_at_broker
from maillage.doctor.centre import look_at_centre, network_folder
from maillage.doctor.database import look_at_database
from maillage.doctor.finding import Finding, bad, good, note
from maillage.doctor.machine import look_at_machine
from maillage.doctor.processes import look_at_processes
from maillage.environment import Running
from maillage.paths import runtime_directory


def examine(stack: Running | None) -> Iterator[Finding]:
    """Look at the machine, at the processes of ``stack`` where one runs here, then at what the settings name.

    Of a network that `maillage init` founded: at its centre, and at nothing that only the demo has.
    """
    centre = network_folder() if stack is None else None
    yield from look_at_machine(stack, real=centre is not None)
    if stack is not None:
        yield from look_at_processes(stack)
    if centre is not None:
        yield from look_at_centre(centre)
    elif stack is None and os.environ.get("MAILLAGE_DATABASE_URL"):
        yield note(
            "centre",
            "its processes, broker and certificates are not looked at: MAILLAGE_AUTHORITY names no folder of `init`",
            "set -a; . /etc/maillage/owner.env; set +a",
        )
    yield from look_at_database(os.environ.get("MAILLAGE_DATABASE_URL"))
    if centre is None or os.environ.get("MAILLAGE_MQTT_URL"):
        yield from look_at_broker("MAILLAGE_MQTT_URL", "central broker", tls="MAILLAGE_MQTT_TLS")
    if centre is None or os.environ.get("MAILLAGE_FIELD_MQTT_URL"):
        yield from look_at_broker("MAILLAGE_FIELD_MQTT_URL", "field broker", logins="MAILLAGE_FIELD_LOGINS")
    if centre is None or os.environ.get("MAILLAGE_GATEWAYS_FILE"):
        yield from _gateways()
    yield from _card_secret()


def _gateways() -> Iterator[Finding]:
    from gateway.config import ConfigError, read_gateways
    from gateway.drivers import DriverError
    from gateway.drivers.registry import Unusable, drivers_for

    path = Path(os.environ.get("MAILLAGE_GATEWAYS_FILE", str(runtime_directory() / "gateways.json")))
    if not path.exists():
        yield note("gateways", f"no {path}", "maillage network gateways writes it")
        return
    try:
        found = read_gateways(path)
    except ConfigError as error:
        yield bad("gateways", str(error), "write it again with maillage network gateways")
        return
    for one in found:
        try:
            drivers = drivers_for(one.devices)
        except DriverError as error:
            yield bad(
                "gateways", f"{one.gateway}: {error.reason}", "correct the device, or install its driver's package"
            )
            return
        for name, driver in drivers.items():
            if isinstance(driver, Unusable):
                yield bad(f"driver {name}", f"{one.gateway}: {driver.reason}", "install its package again")
    devices = sum(len(one.devices) for one in found)
    yield good("gateways", f"{len(found)} gateways with {devices} devices in {path}")


def _card_secret() -> Iterator[Finding]:
    key = os.environ.get("MAILLAGE_CARD_SECRET")
    if key is None:
        return
    try:
        right = len(bytes.fromhex(key)) == 32
    except ValueError:
        right = False
    if right:
        yield good("card secret", "set")
    else:
        yield bad(
            "card secret",
            "MAILLAGE_CARD_SECRET isn't 64 hexadecimal digits",
            "openssl rand -hex 32 makes one",
        )
