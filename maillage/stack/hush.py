"""Make every simulated device silent, and every gateway's line whole, so that the spools can empty."""

from __future__ import annotations

import json
import urllib.request
from typing import Final

from maillage.stack.errors import StackError

_HUSH: Final = {"dead": ["*"], "offline": [], "loss_rate": 0.0}


def silence(url: str) -> None:
    """Tell the simulator whose faults are at ``url``.

    Raises:
        StackError: it doesn't answer.
    """
    request = urllib.request.Request(  # noqa: S310  (our own http address)
        url, data=json.dumps(_HUSH).encode(), headers={"Content-Type": "application/json"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=5):  # noqa: S310
            return
    except OSError as error:
        raise StackError(f"the simulator does not fall silent: {error}") from error
