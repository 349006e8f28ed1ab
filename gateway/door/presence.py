"""Which cards are at which readers: a card that stays is read again and again, and counts once.

A presence ends when its card was not read for longer than its reader takes to read it again, or when the clock jumps.
Times in µs since 1970 by the gateway's clock. What is kept survives a restart while the card stays at the reader.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.spool.values import Keep

log = logging.getLogger(__name__)

PREFIX: Final = "presence:"
SLACK_US: Final = 1_000_000
"""A reader may be this late. Readers that report only arriving cards, and hubs that repeat, repeat within it."""
_OTHERS_MOST: Final = 3
"""How many reads of other cards in between are allowed for. Each takes the reader time: a card that is read again
sooner was presented again."""
_CARDS_MOST: Final = 4
"""Cards remembered at one reader."""
_KEPT_EVERY_US: Final = 10_000_000
"""A card that stays is written to the disk no more often than this."""
_AFTER_RESTART_US: Final = 30_000_000
"""A card that was there before a restart is still there if it is read again within this."""


@dataclass(slots=True, kw_only=True)
class Presence:
    """A card (or typed digits) at a reader, and the outcome."""

    mark: str = field(repr=False)
    """The card's token, or another identifier."""
    last_at: int
    others: int = 0
    """Reads of other cards since."""
    granted_at: int | None = None
    """None: denied, or taken for an enrolment."""
    open_until: int = 0
    """When the lock that it opened closes again."""
    reopened: int = 0
    """How many times the lock was opened again because the card stayed."""
    passed: bool = False
    """The door's contact reported that the grant was taken."""
    enrolled: bool = False
    kept_at: int | None = None
    """``last_at`` as on the disk; None: it isn't kept."""
    restored: bool = False
    counted: bool = False
    """The card went through before a restart and is read again: whether it stayed or came back, it has entered once."""


class Presences:
    """The readers of one gateway."""

    def __init__(self, keep: Keep) -> None:
        self._keep = keep
        self._at: dict[str, dict[str, Presence]] = {}

    def restore(self, kept: Mapping[str, str]) -> None:
        """Restore what was kept before a restart; what cannot be read is forgotten."""
        for name, text in kept.items():
            device = name.removeprefix(PREFIX)
            if device == name or not text:
                continue
            try:
                self._at[device] = {
                    mark: Presence(
                        mark=mark,
                        last_at=int(last_at),
                        granted_at=None if granted_at is None else int(granted_at),
                        open_until=int(open_until),
                        reopened=int(reopened),
                        passed=bool(passed),
                        enrolled=bool(was_enrolled),
                        kept_at=int(last_at),
                        restored=True,
                    )
                    for mark, last_at, granted_at, open_until, reopened, passed, was_enrolled in json.loads(text)
                }
            except (ValueError, TypeError) as error:
                log.error("presence_unreadable", extra={"device": device, "reason": type(error).__name__})

    def read(self, device: str, mark: str, at: int, again_s: float | None) -> tuple[Presence, bool]:
        """Take a read; return its presence, and whether that presence began earlier.

        Args:
            again_s: how often the reader reads a card that stays; None: it reports only cards that arrive.
        """
        here = self._at.setdefault(device, {})
        for there in self._at.values():
            if there is not here:
                there.pop(mark, None)  # a card presented elsewhere has left
        found = here.pop(mark, None)
        stays = found is not None and _stays(found, at, again_s)
        if found is None or not stays:
            presence = Presence(mark=mark, last_at=at)
        elif found.restored and found.passed:
            presence, stays = Presence(mark=mark, last_at=at, counted=True), False
        else:
            presence = found
        for other in here.values():
            other.others += 1
        while len(here) >= _CARDS_MOST:
            del here[next(iter(here))]
        here[mark] = presence
        presence.last_at, presence.others, presence.restored = at, 0, False
        if presence.kept_at is not None and at - presence.kept_at >= _KEPT_EVERY_US:
            self.save(device, presence)
        return presence, stays

    def save(self, device: str, presence: Presence) -> None:
        """Keep ``presence``, and the other cards at its reader that are kept."""
        presence.kept_at = presence.last_at
        rows = [
            [one.mark, one.last_at, one.granted_at, one.open_until, one.reopened, one.passed, one.enrolled]
            for one in self._at[device].values()
            if one.kept_at is not None
        ]
        self._keep(PREFIX + device, json.dumps(rows))

    def taken(self, device: str, granted_at: int) -> None:
        """Note that the grant of ``granted_at`` at reader ``device`` was taken."""
        for presence in self._at.get(device, {}).values():
            if presence.granted_at == granted_at:
                presence.passed = True
                if presence.kept_at is not None:
                    self.save(device, presence)


def _stays(presence: Presence, at: int, again_s: float | None) -> bool:
    since_us = at - presence.last_at
    if presence.restored:
        return 0 <= since_us <= _AFTER_RESTART_US
    if again_s is None:
        return presence.others == 0 and 0 <= since_us < SLACK_US
    reads = 1 + min(presence.others, _OTHERS_MOST)
    expected_us = round(again_s * reads * 1e6)
    soonest_us = expected_us - SLACK_US if presence.others else 0
    return soonest_us <= since_us < expected_us + SLACK_US
