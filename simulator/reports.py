"""The front desk that people ring when a card is lost: the API, where the simulator was given a key for it."""

from __future__ import annotations

import json
import logging
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

log = logging.getLogger(__name__)

_WAITS_S: Final = 5.0


class FrontDesk:
    """Tells the API, in a thread of its own: nobody's day waits for it. ``acts`` counts what came of it."""

    def __init__(self, url: str, key: str, acts: Counter[str]) -> None:
        """Speak to the API at ``url`` with ``key``, whose role may write cards."""
        self._url = url.rstrip("/")
        self._key = key
        self._acts = acts
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="front-desk")

    def report_lost(self, member: str) -> None:
        """Take the member's card out of service."""
        self._thread.submit(self._do, "lost", lambda: self._lose(member))

    def report_found(self, member: str) -> None:
        """Give the card that turned up a new life."""
        self._thread.submit(self._do, "found", lambda: self._find(member))

    def close(self) -> None:
        """Say nothing more."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    # The rest runs in its thread.

    def _do(self, what: str, call: Callable[[], bool]) -> None:
        try:
            done = call()
        except (OSError, ValueError) as error:  # also HTTP's refusals
            status = error.code if isinstance(error, urllib.error.HTTPError) else None
            log.warning(
                "front_desk_unreachable", extra={"what": what, "status": status, "reason": type(error).__name__}
            )
            done = False
        self._acts[f"lost_card.{what}" if done else f"lost_card.{what}_failed"] += 1

    def _lose(self, member: str) -> bool:
        card = self._newest(member, "active")
        if card is None:
            return False
        self._ask("PATCH", f"/v1/cards/{card}", {"status": "lost"}, {"If-Match": "*"})
        return True

    def _find(self, member: str) -> bool:
        card = self._newest(member, "lost")
        if card is None:
            return False
        self._ask("POST", f"/v1/cards/{card}/reissue", {})
        return True

    def _newest(self, member: str, status: str) -> str | None:
        """Return the reference of the member's newest card, if that is its status."""
        cards = self._ask("GET", f"/v1/members/{member}/cards")["cards"]
        return cards[0]["ref"] if cards and cards[0]["status"] == status else None

    def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        request = urllib.request.Request(  # noqa: S310  (the address is in our own settings)
            self._url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._key}", "Content-Type": "application/json", **(headers or {})},
        )
        with urllib.request.urlopen(request, timeout=_WAITS_S) as answer:  # noqa: S310
            return json.load(answer)
