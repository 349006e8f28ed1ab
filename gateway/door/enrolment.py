"""Enrolling a card by showing it at a chosen reader: the next one there isn't decided on, but told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from access.formats import Card
from gateway.contract.wire import EnrolledCard

OnCard = Callable[[EnrolledCard | None], None]
"""Called once; None: nobody showed a card in time, or another order took the reader."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    until: int
    told: OnCard


class Enrolments:
    """The readers of one gateway that wait for a card. Times in µs since 1970, by the gateway's clock."""

    def __init__(self) -> None:
        self._orders: dict[str, _Order] = {}

    def begin(self, device: str, until: int, told: OnCard) -> None:
        """Wait for a card at reader ``device``; an order that it had is over."""
        before = self._orders.pop(device, None)
        self._orders[device] = _Order(until=until, told=told)
        if before is not None:
            before.told(None)

    def take(self, device: str, at: int) -> OnCard | None:
        """Return whom to tell of a card at ``device``; the order is then done."""
        if not self._orders:
            return None
        order = self._orders.get(device)
        if order is None or at >= order.until:
            return None
        del self._orders[device]
        return order.told

    def tick(self, at: int) -> None:
        """Look at the time: tell those whose time is over."""
        for device in [device for device, order in self._orders.items() if at >= order.until]:
            self._orders.pop(device).told(None)


def enrolled(card: Card | None, token: str | None, bits: str) -> EnrolledCard:
    """Return what is told of a card; of a format that nobody knows only its bits."""
    if card is None or token is None:
        return EnrolledCard(bits=bits)
    return EnrolledCard(token=token, last4=card.number[-4:], format=card.format, bits=bits)
