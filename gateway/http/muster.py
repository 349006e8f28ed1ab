"""Serves the evacuation list over HTTP, from the gateway itself: for the place's key, without the centre.

``GET /muster?place=CODE`` with ``Authorization: Bearer KEY``; without it a page asks for the key, and a form sends it.
JSON for ``/muster.json`` or ``Accept: application/json``.
"""

from __future__ import annotations

import hmac
import json
import logging
import secrets
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs

from gateway.clock import micros
from gateway.contract.instants import instant
from gateway.door.muster import call_roll, roll_to_json
from gateway.http.muster_page import key_page, roll_page
from gateway.place import Place

log = logging.getLogger(__name__)

LONGEST_BODY: Final = 4096
WRONG_A_MINUTE: Final = 10
"""Wrong keys of one client in a minute; further ones are answered with 429, and so is a right key that is short."""
_LONG: Final = 12
"""Characters of a key that can't be guessed (exported keys have 60 bits): it is always accepted. Behind a proxy all are
one client, and a stranger's ten wrong keys must not hide the list in an evacuation."""
_CLIENTS: Final = 1000
"""Clients whose wrong keys are remembered."""
_HTML: Final = "text/html; charset=utf-8"
_JSON: Final = "application/json"
_GUARD: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
}
_WHY: Final = {
    401: None,
    403: "Cette clé n’ouvre pas ce lieu.",
    429: "Trop d’essais : attendez une minute.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An HTTP request."""

    path: str
    """With its query string."""
    headers: Mapping[str, str]
    """By name in lower case."""
    body: bytes = b""
    """Of a form."""
    client: str = ""
    """The client's address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP response."""

    status: int
    kind: str
    text: str
    headers: Mapping[str, str] = field(default_factory=lambda: _GUARD)


class MusterService:
    """The evacuation lists of one process's places. Every method may be called from any thread."""

    def __init__(
        self,
        places: Iterable[Place],
        *,
        clock: Callable[[], int] = micros,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._places: defaultdict[str, list[Place]] = defaultdict(list)
        for place in places:
            self._places[place.config.place].append(place)
        self._clock = clock
        self._monotonic = monotonic
        self._no_key = secrets.token_hex(16)
        self._lock = threading.Lock()
        self._wrong: dict[str, list[float]] = {}

    def answer(self, request: Request) -> Answer:
        """Answer a request for ``/muster`` or ``/muster.json``."""
        path, _, query = request.path.partition("?")
        fields = {name: values[0] for name, values in parse_qs(query).items()}
        fields.pop("key", None)  # addresses end up in logs
        fields |= {name: values[0] for name, values in parse_qs(request.body.decode("utf-8", "replace")).items()}
        as_json = path.endswith(".json") or _JSON in request.headers.get("accept", "")
        code = fields.get("place", "") or (next(iter(self._places)) if len(self._places) == 1 else "")
        shown = _key(request.headers.get("authorization", ""), fields.get("key", ""))
        status = self._judged(code, shown, request.client) if shown else 401
        if status != 200:
            if status != 401:
                log.warning("muster_refused", extra={"place": code[:64], "client": request.client, "status": status})
            return _refusal(status, code, as_json=as_json)
        return self._roll(code, request.client, as_json=as_json)

    def _roll(self, code: str, client: str, *, as_json: bool) -> Answer:
        at = self._clock()
        places = self._places[code]
        roll = call_roll(((one.config, one.memory.state, one.memory.unsure) for one in places), instant(at))
        places[0].note(at, f"muster {client}", f"the muster was read: {len(roll.people)} people")
        if as_json:
            return Answer(status=200, kind=_JSON, text=json.dumps(roll_to_json(roll), ensure_ascii=False) + "\n")
        return Answer(status=200, kind=_HTML, text=roll_page(roll, places[0].zone))

    def _judged(self, code: str, shown: str, client: str) -> int:
        """Return 200, 403 (a wrong key, or a place without one) or 429 (too many wrong keys)."""
        places = self._places.get(code)
        held = places[0].config.muster_key if places else None
        wanted = _plain(held.get_secret_value()) if held is not None else ""
        with self._lock:
            now = self._monotonic()
            wrong = [then for then in self._wrong.pop(client, ()) if now - then < 60]
            if len(self._wrong) >= _CLIENTS:
                self._wrong.clear()
            self._wrong[client] = wrong
            right = hmac.compare_digest(shown.encode(), (wanted or self._no_key).encode()) and bool(wanted)
            if right and len(wanted) >= _LONG:
                return 200
            if len(wrong) >= WRONG_A_MINUTE:
                return 429
            if right:
                return 200
            wrong.append(now)
            return 403


def _key(authorization: str, typed: str) -> str:
    scheme, _, bearer = authorization.partition(" ")
    return _plain(bearer if scheme.lower() == "bearer" else typed)


def _plain(key: str) -> str:
    """Return a key as it is compared: telephones add capitals and blanks."""
    return "".join(char for char in key.casefold() if char.isalnum())


def _refusal(status: int, code: str, *, as_json: bool) -> Answer:
    headers = {**_GUARD, "WWW-Authenticate": "Bearer"} if status == 401 else dict(_GUARD)
    if status == 429:
        headers["Retry-After"] = "60"
    if as_json:
        title = {401: "key missing", 403: "key refused", 429: "too many wrong keys"}[status]
        text = json.dumps({"title": title, "status": status}) + "\n"
        return Answer(status=status, kind="application/problem+json", text=text, headers=headers)
    return Answer(status=status, kind=_HTML, text=key_page(code, _WHY[status]), headers=headers)
