"""The rows that were written last, in memory: what is sent as soon as it is on the disk isn't read back from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.spool.ledger import Row

_ROWS: Final = 32
"""Of each gateway: more than are in flight while it sends one after the other."""
_LARGEST_BYTES: Final = 4096
"""Of a row that is held: a few large ones of every gateway would take too much memory."""


class Newest:
    """The last rows of each gateway. Added to by the thread that writes, after the commit; read by any."""

    def __init__(self) -> None:
        self._rows: dict[str, tuple[Row, ...]] = {}

    def add(self, gateway: str, rows: Sequence[Row]) -> None:
        """Hold the last of ``rows``, which are in order and without a gap."""
        rows = rows[-_ROWS:]
        if any(len(row[1]) > _LARGEST_BYTES for row in rows):
            self._rows.pop(gateway, None)
            return
        before = self._rows.get(gateway, ())
        if before and before[-1][0] + 1 != rows[0][0]:
            before = ()
        self._rows[gateway] = (*before, *rows)[-_ROWS:]

    def between(self, gateway: str, after: int, last: int) -> list[Row] | None:
        """Return the rows above ``after`` up to ``last``; None: not all of them are held."""
        rows = self._rows.get(gateway)
        if not rows or after + 1 < rows[0][0] or last > rows[-1][0]:
            return None
        first = rows[0][0]
        return list(rows[after + 1 - first : last + 1 - first])

    def chain_at(self, gateway: str, n: int) -> bytes | None:
        """Return the chain's value at row ``n``; None: it isn't held."""
        rows = self._rows.get(gateway)
        if not rows or not rows[0][0] <= n <= rows[-1][0]:
            return None
        return rows[n - rows[0][0]][2]

    def forget(self) -> None:
        """Hold nothing: the file is another one."""
        self._rows.clear()
