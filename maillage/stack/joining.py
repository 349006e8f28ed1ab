"""The gateways of the stack join as those of a real place do: a one-time code, keys of their own, a certificate."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from gateway.identity import DESCRIPTION, Identity, IdentityError, read_identity, replace_files
from maillage.commands.ask import ask_as
from maillage.join import Trust, join
from maillage.stack.errors import StackError

_AT_ONCE: Final = 4
_REPORT_S: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Centre:
    """Where the gateways join, and with whose key their codes are made."""

    api: str
    key: SecretStr


def join_all(
    places: Mapping[str, str], folder: Path, centre: Centre, *, say: Callable[[str], None], stopped: Callable[[], bool]
) -> int:
    """Give every gateway its identity, below ``folder``; return how many were missing. Others that lie there go.

    ``places``: the place of each gateway.

    Raises:
        StackError: one can't join; the text says why.
    """
    for old in folder.iterdir() if folder.exists() else ():
        if old.name not in places:
            shutil.rmtree(old)
    missing = [code for code in places if not (folder / code / DESCRIPTION).exists()]
    report = time.monotonic() + _REPORT_S
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for number, failure in enumerate(
            pool.map(lambda code: _join(code, places[code], folder / code, centre, stopped), missing), start=1
        ):
            if failure is not None:
                pool.shutdown(cancel_futures=True)
                raise StackError(failure)
            if time.monotonic() > report:
                say(f"gateways: {number} of {len(missing)} have joined")
                report = time.monotonic() + _REPORT_S
    return len(missing)


def _join(code: str, place: str, directory: Path, centre: Centre, stopped: Callable[[], bool]) -> str | None:
    """Let one gateway join; return why it couldn't."""
    if stopped():
        return None
    try:
        made = ask_as(
            centre.key.get_secret_value(),
            "POST",
            f"/v1/places/{place}/gateways/{code}/enrolment-code",
            api=centre.api,
        )
        join(centre.api, str(made["code"]), directory, Trust())
    except Exception as error:
        return f"the gateway {code} can't join: {error}"
    return None


def dial(folder: Path, ports: Mapping[str, int]) -> None:
    """Let each gateway reach the centre by its own port of the line that the simulator holds.

    Raises:
        StackError: an identity can't be read or written.
    """
    for code, port in ports.items():
        try:
            identity: Identity = read_identity(folder / code)
            scheme = identity.broker.partition(":")[0]
            moved = identity.model_copy(update={"broker": f"{scheme}://127.0.0.1:{port}"})
            replace_files(folder / code, {DESCRIPTION: moved.model_dump_json(indent=1).encode() + b"\n"})
        except IdentityError as error:
            raise StackError(str(error)) from error
