"""The demo's gateways join as any gateway does: a code each from the API, keys and a certificate in a folder each."""

from __future__ import annotations

import json
import shutil
import time
import urllib.request
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final
from urllib.parse import quote

from gateway.identity import DESCRIPTION, read_identity, replace_files
from maillage.join import Trust, join

_AT_ONCE: Final = 4
_TIMEOUT_S: Final = 60.0
_REPORT_S: Final = 10.0


def join_all(
    api: str,
    key: str,
    gateways: Mapping[str, str],
    folder: Path,
    *,
    say: Callable[[str], None] = lambda _line: None,
    stopped: Callable[[], bool] = lambda: False,
) -> int:
    """Let every gateway join that has no identity in ``folder``/CODE; return how many. Other identities there go.

    Args:
        api: the API's address.
        key: of a network administrator.
        gateways: the place of each, by its code.
        folder: for MAILLAGE_IDENTITY.
        say: takes a line of progress every 10 s.
        stopped: whether to give up.

    Raises:
        Complaint, OSError: the API refuses or doesn't answer.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for old in folder.iterdir():
        if old.name not in gateways:
            shutil.rmtree(old)
    missing = [code for code in gateways if not (folder / code / DESCRIPTION).exists()]

    def one(code: str) -> None:
        if not stopped():
            join(api, _code(api, key, gateways[code], code), folder / code, Trust())

    report = time.monotonic() + _REPORT_S
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="join") as threads:
        for number, _ in enumerate(threads.map(one, missing), start=1):
            if time.monotonic() > report:
                say(f"gateways: {number} of {len(missing)} have joined")
                report = time.monotonic() + _REPORT_S
    return len(missing)


def dial(folder: Path, ports: Mapping[str, int]) -> None:
    """Let each gateway reach the central broker by its own port of the line that the simulator holds.

    Raises:
        IdentityError: an identity can't be read or written.
    """
    for code, port in ports.items():
        identity = read_identity(folder / code)
        scheme = identity.broker.partition(":")[0]
        moved = identity.model_copy(update={"broker": f"{scheme}://127.0.0.1:{port}"})
        replace_files(folder / code, {DESCRIPTION: moved.model_dump_json(indent=1).encode() + b"\n"})


def _code(api: str, key: str, place: str, gateway: str) -> str:
    url = f"{api}/v1/places/{quote(place)}/gateways/{quote(gateway)}/enrolment-code"
    request = urllib.request.Request(  # noqa: S310  (our own API)
        url,
        data=b'{"confirm_replace": true}',  # an identity that was lost from the folder is made again
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
        return str(json.loads(answer.read())["code"])
