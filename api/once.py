"""What need not be told again for a minute. Its memory is the process's own."""

from __future__ import annotations

from collections import OrderedDict
from time import monotonic
from typing import Final

_ONCE_S: Final = 60.0
_KEPT: Final = 10_000


class Once:
    """Which readings were told within the last minute: a feed that is polled each second is one line a minute."""

    def __init__(self) -> None:
        self._told: OrderedDict[tuple[object, ...], float] = OrderedDict()

    def due(self, *what: object) -> bool:
        """Return whether ``what`` (key, action, subject …) has to be told now; it counts as told from here on."""
        now = monotonic()
        if self._told.get(what, -_ONCE_S) + _ONCE_S > now:
            return False
        self._told[what] = now
        self._told.move_to_end(what)
        while len(self._told) > _KEPT:
            self._told.popitem(last=False)
        return True

    def forget(self, *what: object) -> None:
        """It wasn't told after all."""
        self._told.pop(what, None)
