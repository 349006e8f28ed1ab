"""The machine: Python, extras, the embedded servers, apt, a browser, ports."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from maillage import proc
from maillage.doctor.finding import Finding, bad, good, note
from maillage.embedded.bundle import find
from maillage.environment import Running
from maillage.paths import runtime_directory
from maillage.stack.ports import is_free

_EXTRAS: Final = {
    "centre": ("psycopg", "psycopg_pool", "prometheus_client"),
    "api": ("fastapi", "uvicorn", "uvloop", "httptools"),
    "dashboards": ("grafana_client",),
}
_PORTS: Final = {8080: "API and page", 9464: "ingest", 9465: "gateway", 9466: "simulator", 9467: "rights", 9468: "jobs"}


def look_at_machine(stack: Running | None, *, real: bool = False) -> Iterator[Finding]:
    """Look at what is installed and free here; ``real``: for a network that `maillage init` founded, no demo."""
    yield good("python", f"{platform.python_version()} ({sys.executable})")
    for extra, modules in _EXTRAS.items():
        missing = [name for name in modules if importlib.util.find_spec(name) is None]
        if missing:
            yield note(f"extra {extra}", f"not installed ({', '.join(missing)})", f"pip install 'maillage[{extra}]'")
        else:
            yield good(f"extra {extra}", "installed")
    if real:
        return
    yield from _embedded()
    chromium = shutil.which("chromium")
    if chromium:
        yield good("browser", chromium)
    else:
        yield note("browser", "no Chromium: browser tests are skipped", "apt-get install chromium libatomic1")
    yield from _ports(stack)


def _embedded() -> Iterator[Finding]:
    versions = find().versions()
    given = os.environ.get("MAILLAGE_DATABASE_URL") and os.environ.get("MAILLAGE_MQTT_URL")
    apt = shutil.which("apt-get")
    if versions:
        yield good("servers", ", ".join(f"{name} {number}" for name, number in versions.items()))
    elif given:
        yield good("servers", "not unpacked, and not needed: database and broker are given")
    elif apt:
        yield note("servers", f"not unpacked in {find().directory}", "scripts/fetch-servers (maillage up does it too)")
    else:
        yield bad(
            "servers",
            "not unpacked, and this machine has no apt to fetch them with",
            "docker compose -f deploy/compose.yaml up, or set MAILLAGE_DATABASE_URL and MAILLAGE_MQTT_URL",
        )
    runtime = runtime_directory()
    parent = runtime if runtime.exists() else runtime.parent
    if os.access(parent, os.W_OK):
        free = shutil.disk_usage(parent).free
        text = f"{runtime}, {free // 2**20} MB free"
        if free > 500 * 2**20:
            yield good("runtime", text)
        else:
            yield bad("runtime", text, "free 500 MB, or set MAILLAGE_RUNTIME to a larger disk")
    else:
        yield bad("runtime", f"{runtime} can't be written", "set MAILLAGE_RUNTIME to a folder of yours")
    if os.geteuid() == 0 and versions and shutil.which("setpriv") is None:
        yield bad("setpriv", "missing: PostgreSQL refuses to run as root", "apt-get install util-linux, or use a user")


def _ports(stack: Running | None) -> Iterator[Finding]:
    ours = {urlsplit(part.url).port: part for part in stack.parts.values() if part.url} if stack else {}
    for port, what in _PORTS.items():
        if is_free(port):
            yield good(f"port {port}", f"free ({what})")
        elif port in ours and proc.listens(ours[port].pid, port) is not False:
            yield good(f"port {port}", f"in use ({what}): by the stack that runs here")
        else:
            yield note(
                f"port {port}",
                f"in use by another program ({what})",
                "nothing, the stack has taken another one" if stack else "maillage up takes another one and says so",
            )
