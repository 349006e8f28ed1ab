"""Shared by all routes: one object for each process, created by ``create_app``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from fastapi import Request
from psycopg_pool import AsyncConnectionPool

from access.tokens import token_key
from api.http.answers import Packer
from api.http.callers import KeyChecker
from api.http.clients import Clients
from api.http.errors import Unavailable
from api.http.limits import Tries
from api.http.metrics import Metrics
from api.http.settings import ApiSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What any route may use; a subject's own state is beside it in ``app.state``."""

    settings: ApiSettings
    clients: Clients
    pool: AsyncConnectionPool[Any]
    keys: KeyChecker
    metrics: Metrics
    packer: Packer
    tries: Tries


def shared(request: Request) -> Shared:
    """Return the shared objects of the application."""
    return cast("Shared", request.app.state.shared)


def card_key(request: Request) -> bytes:
    """Return the network's key for card tokens and PINs, 32 bytes.

    Raises:
        Unavailable: this server has no key.
    """
    given = shared(request).settings.card_key
    if given is None:
        raise Unavailable("This server can't accept cards, codes or PINs: it was started without MAILLAGE_CARD_KEY.")
    return token_key(given.get_secret_value())
