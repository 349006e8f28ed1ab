"""Enrols a card by presenting it at a chosen reader: the next card there is reported instead of decided on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from access.formats import Card
from gateway.contract.wire import EnrolledCard

OnCard = Callable[[EnrolledCard | None], None]
"""Called once; None: no card was presented in time, or another order took the reader."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    until: int
    on_card: OnCard


class Enrolments:
    """The readers of one gateway that wait for a card. Times in µs since 1970, by the gateway's clock."""

    def __init__(self) -> None:
        self._orders: dict[str, _Order] = {}

    def begin(self, device: str, until: int, on_card: OnCard) -> None:
        """Wait for a card at reader ``device``; an earlier order for it ends."""
        before = self._orders.pop(device, None)
        self._orders[device] = _Order(until=until, on_card=on_card)
        if before is not None:
            before.on_card(None)

    def take(self, device: str, at: int) -> OnCard | None:
        """Return the callback for a card at ``device``, whose order is then done."""
        if not self._orders:
            return None
        order = self._orders.get(device)
        if order is None or at >= order.until:
            return None
        del self._orders[device]
        return order.on_card

    def tick(self, at: int) -> None:
        """End the orders whose time is over."""
        for device in [device for device, order in self._orders.items() if at >= order.until]:
            self._orders.pop(device).on_card(None)


def enrolled(card: Card | None, token: str | None, bits: str) -> EnrolledCard:
    """Return the reply for a card; only its bits if its format is unknown."""
    if card is None or token is None:
        return EnrolledCard(bits=bits)
    return EnrolledCard(token=token, last4=card.number[-4:], format=card.format, bits=bits)
