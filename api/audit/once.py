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
        """Return whether ``what`` (key, action, subject …) has to be told."""
        return self._told.get(what, -_ONCE_S) + _ONCE_S <= monotonic()

    def told(self, *what: object) -> None:
        """It was told, and that is committed: a line that was taken back must be told again."""
        self._told[what] = monotonic()
        self._told.move_to_end(what)
        while len(self._told) > _KEPT:
            self._told.popitem(last=False)
