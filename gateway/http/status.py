"""``/status``: what the process knows of its gateways, for ``maillage gateway doctor`` on the same machine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from gateway.contract.wire import State
from gateway.field.listening import Listening
from gateway.field.runtime import Runtime
from gateway.place import Place
from gateway.uplink.uplink import Uplink

_HERE: Final = ("127.0.0.1", "::1", "::ffff:127.0.0.1")


class Status:
    """Answers with the state of each gateway as the centre gets it, its connection and its unassigned devices."""

    def __init__(
        self, places: Mapping[str, Place], *, account: Callable[[str], State], uplink: Uplink, runtime: Runtime,
        listening: Listening,
    ) -> None:  # fmt: skip
        """``account`` returns a gateway's state."""
        self._places = places
        self._account = account
        self._uplink = uplink
        self._runtime = runtime
        self._listening = listening

    def text(self) -> str:
        """Return the answer as JSON."""
        return json.dumps(
            {
                "field_connected": self._runtime.connected,
                "gateways": {code: self._of(code) for code in self._places},
            }
        )

    def _of(self, code: str) -> dict[str, Any]:
        state = self._account(code).model_dump(mode="json", exclude_none=True, exclude={"reports", "unassigned"})
        unassigned = [one.model_dump(mode="json", exclude_none=True) for one in self._listening.all(code)]
        return {
            **state,
            "place": self._places[code].config.place,
            "connected": self._uplink.is_connected(code),
            "unassigned": unassigned,
        }


def is_here(client: str, headers: Iterable[str]) -> bool:
    """Return whether a request with these headers comes from this machine, and not through a proxy on it."""
    return client in _HERE and not any(name.lower() in ("forwarded", "x-forwarded-for") for name in headers)
