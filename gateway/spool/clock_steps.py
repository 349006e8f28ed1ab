"""Changes of the gateway's clock among the events of the spool. Pure.

A small computer without a battery-backed clock starts in 1970 or at the time it saved last, and jumps when it gets the
correct time. Events before the jump have a wrong time; their batch says by how much. Times are µs since
1970.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from gateway.contract.wire import MAX_BOOTS, GatewayEvent
from gateway.spool.ledger import ClockChange, encoded

STEP_S: Final = 1.0
"""A wall clock that departs from the monotonic one by more than this between two checks has stepped."""
_STEP: Final = b'"clock_step"'
_AT: Final = re.compile(rb'"at":(-?[0-9]{1,18})[,}]')


def noticed(n: int, body: bytes) -> ClockChange | None:
    """Return the clock's step that the event of row ``n`` reports, if it is one."""
    if _STEP not in body:
        return None
    event: Any = json.loads(body)
    value = event.get("value")
    if event.get("kind") != "gateway" or event.get("what") != "clock_step" or value is None:
        return None
    step = round(value * 1e6)
    return ClockChange(n=n, step=step, began=event["at"], ended=event["at"] - step)


def after_a_pause(n: int, jumped: int | None, *, began: int, ended: int) -> tuple[bytes | None, ClockChange | None]:
    """Compare a process's first event with the last of the process before it.

    Args:
        n: the row that comes next.
        jumped: µs that the clock jumped meanwhile; None: the machine was off.
        began: when the first event happened.
        ended: when the last event before it happened, by the clock of then.

    Returns:
        An event that reports a jump, to be written as row ``n``; and the change, where the event alone doesn't hold it.
    """
    event: GatewayEvent = {"kind": "gateway", "what": "clock_step", "at": began, "device": "gateway"}
    if jumped is not None:
        if abs(jumped) <= STEP_S * 1e6:
            return None, None
        event["value"], event["text"] = jumped / 1e6, "while the gateway did not run"
        return encoded(event), None
    change = ClockChange(n=n, step=None, began=began, ended=ended)
    if began >= ended:
        return None, change
    event["text"] = "the machine started, and its clock shows an earlier time than the last event's"
    return encoded(event), change


def stepped(changes: Sequence[ClockChange], n: int) -> int:
    """Return by how many µs the clock was stepped after row ``n``, until the machine's next start."""
    total = 0
    for change in changes:
        if change.n > n:
            if change.step is None:
                break
            total += change.step
    return total


def starts(changes: Sequence[ClockChange], n: int) -> list[list[int]]:
    """Return the machine's starts after row ``n``: ``[ended, began]`` each, by the clock before and the one after.

    Both are on the clock as it was at the end of their run, all its steps counted in.
    """
    found = [
        [change.ended, change.began + stepped(changes, change.n)]
        for change in changes
        if change.n > n and change.step is None
    ]
    return found[:1] + found[1:][-(MAX_BOOTS - 1) :]


def end_of_run(changes: Sequence[ClockChange], after: int, last: int) -> int:
    """Return the last row, at most ``last``, that was written before the machine's next start after row ``after``."""
    return min((change.n - 1 for change in changes if change.step is None and change.n > after + 1), default=last)


def time_of(body: bytes) -> int | None:
    """Return when an event happened, also of one that is damaged elsewhere."""
    found = _AT.search(body)
    return None if found is None else int(found[1])
