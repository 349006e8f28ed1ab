"""Starts and silences the simulated devices."""

from __future__ import annotations

import json
import urllib.request
from typing import Any, Final

from maillage.stack.errors import StackError

_SILENCE: Final = {"dead": ["*"], "offline": [], "loss_rate": 0.0}
"""Every device silent and every gateway's line whole, so that the spools can empty."""


def begin(simulator: str) -> None:
    """Switch the devices on and let the people live; ``simulator`` is its address.

    Raises:
        StackError: it doesn't answer.
    """
    _post(f"{simulator}/begin", {})


def silence(simulator: str) -> None:
    """Make every device silent and mend every line.

    Raises:
        StackError: it doesn't answer.
    """
    _post(f"{simulator}/faults", _SILENCE)


def _post(url: str, body: dict[str, Any]) -> None:
    request = urllib.request.Request(  # noqa: S310  (our own http address)
        url, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=30):  # noqa: S310  it is busy where the day runs fast
            return
    except OSError as error:
        raise StackError(f"the simulator does not obey {url}: {error}") from error
