"""Shared by all routes: one object for each process, created by ``create_app``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from fastapi import Request
from psycopg_pool import AsyncConnectionPool

from api.http.answers import Packer
from api.http.callers import KeyChecker
from api.http.clients import Clients
from api.http.errors import Unavailable
from api.http.limits import Tries
from api.http.metrics import Metrics
from api.http.settings import ApiSettings
from api.http.turns import Turns
from rights.card_secret import CardKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What any route may use; a subject's own state is beside it in ``app.state``."""

    settings: ApiSettings
    clients: Clients
    pool: AsyncConnectionPool[Any]
    turns: Turns
    """The pool, for sessions."""
    keys: KeyChecker
    metrics: Metrics
    packer: Packer
    tries: Tries


def shared(request: Request) -> Shared:
    """Return the shared objects of the application."""
    return cast("Shared", request.app.state.shared)


def card_keys(request: Request) -> CardKeys:
    """Return what cards are stored with.

    Raises:
        Unavailable: this server has no keys.
    """
    keys = shared(request).settings.card_keys
    if keys is None:
        raise Unavailable(
            "This server can't accept cards or codes: it was started without MAILLAGE_CARD_SEALING_KEY and "
            "MAILLAGE_CARD_LOOKUP_KEY."
        )
    return keys
