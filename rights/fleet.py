"""The access list that one gateway holds, and what to send it next. Pure: times are seconds of a monotonic clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from gateway.contract.wire import Address, State

ANSWER_S: Final = 5.0
"""Seconds after which a list that a gateway hasn't acknowledged is sent again."""
BYTES_A_SECOND: Final = 50_000
"""Of a slow line, and of a gateway that reads a large list."""
COMPARED_S: Final = 10.0
"""Seconds that a gateway may take to report its list's contents."""
_DELTAS: Final = 2
"""So often a delta is tried before the whole list is."""
_AHEAD_AGAIN_S: Final = 60.0
_LONGEST_REST_S: Final = 300.0

Step = Literal["nothing", "delta", "whole", "compare", "ahead"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A gateway in service."""

    id: int
    code: str
    place: int
    address: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The list that a place's gateways should hold."""

    version: int
    fingerprint: str


@dataclass(slots=True, kw_only=True)
class GatewayList:
    """The list of one gateway: which version it reports, and which is on its way to it."""

    gateway: Gateway
    online: bool = False
    boot: str | None = None
    version: int = 0
    fingerprint: str | None = None
    sent: int | None = None
    """The version on its way; None: none, or it is given up."""
    due: float = 0.0
    """When its answer is overdue."""
    tries: int = 0
    """Sendings since it last held what it should."""
    wholes: int = 0
    """Of these, whole lists."""
    rest_until: float = 0.0
    refused: bool = False
    """It couldn't use what it was sent last, or stands on so many deltas that it asks for the whole list."""
    accused: bool = True
    """The alarm that it takes no list may be open, as of a gateway that is new to this process."""
    compared: int | None = None
    """The version at which it was asked to report its list's contents."""
    compare_until: float = 0.0

    def heard(self, state: State) -> None:
        """Take in the gateway's state."""
        if not state.online:
            self.online = False
            self.sent = None
            return
        if not self.online or state.boot != self.boot:  # what was on its way is lost
            self.sent, self.tries, self.wholes, self.rest_until = None, 0, 0, 0.0
        moved = (state.list_version or 0) != self.version or state.list_fingerprint != self.fingerprint
        self.online, self.boot = True, state.boot
        self.version, self.fingerprint = state.list_version or 0, state.list_fingerprint
        self.refused = state.list_refused is not None
        if moved and not self.refused:
            self.tries = 0
        taken = self.sent is not None and moved and self.version >= self.sent
        if taken and not self.refused:
            self.wholes, self.rest_until = 0, 0.0  # a change that comes before the next look goes out at once
        if taken or self.refused:
            self.sent = None

    def settled(self, target: Target) -> bool:
        """Return whether it holds what it should, and doesn't ask for the whole of it."""
        return self.version == target.version and self.fingerprint == target.fingerprint and not self.refused

    def step(self, target: Target | None, now: float) -> tuple[Step, int]:
        """Return what is to be done, and the version that a delta starts from."""
        if target is None or not self.online:
            return "nothing", 0
        if self.settled(target):
            self.sent, self.tries, self.wholes, self.rest_until, self.compared = None, 0, 0, 0.0, None
            return "nothing", 0
        if self.version > target.version:
            if now < self.compare_until:
                return "nothing", 0
            self.compare_until = now + _AHEAD_AGAIN_S
            return "ahead", 0
        if self.sent is not None and now < self.due:
            return ("nothing", 0) if self.sent == target.version else ("delta", self.sent)
        self.sent = None
        if self.version == target.version and not self.refused:
            if self.compared != target.version:
                self.compared, self.compare_until = target.version, now + COMPARED_S
                return "compare", 0
            if now < self.compare_until:
                return "nothing", 0
        if now < self.rest_until:
            return "nothing", 0
        if self.version in (target.version, 0) or self.refused or self.tries >= _DELTAS:
            return "whole", 0
        return "delta", self.version

    def sending(self, version: int, size: int, now: float, *, whole: bool) -> None:
        """Note that ``size`` bytes which lead to ``version`` go out."""
        self.sent = version
        self.due = now + ANSWER_S + size / BYTES_A_SECOND
        self.tries += 1
        if whole:
            self.wholes += 1
            self.rest_until = self.due + min(_LONGEST_REST_S, ANSWER_S * 2 ** min(self.wholes - 1, 10)) - ANSWER_S

    def told(self) -> None:
        """Note that it has reported its list's contents: the whole list may be sent."""
        self.compare_until = 0.0
