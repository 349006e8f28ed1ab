"""What the routes share: one object a process, made by ``create_app``, held in ``app.state``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final, cast

from fastapi import Depends, Request
from psycopg_pool import AsyncConnectionPool

from api.audit.once import Once
from api.http.answers import Packer
from api.http.callers import Keys
from api.http.clients import Clients
from api.http.errors import Unavailable
from api.http.metrics import Metrics
from api.http.settings import ApiSettings
from api.http.tries import Tries
from api.orders.listening import Answers
from api.present.board import Board
from api.present.listen import Listener
from api.present.stream import Streams

LOADING: Final = "The network is being loaded: the database has not answered yet."


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The API's parts, put together once."""

    settings: ApiSettings
    board: Board
    listener: Listener
    streams: Streams
    clients: Clients
    pool: AsyncConnectionPool[Any]
    keys: Keys
    metrics: Metrics
    packer: Packer
    answers: Answers
    once: Once
    tries: Tries


def parts_of(request: Request) -> Parts:
    """The parts of the application that ``request`` came to."""
    return cast("Parts", request.app.state.parts)


async def loaded_board(request: Request) -> Board:
    """The board, once it knows the network.

    Raises:
        Unavailable: it has not been loaded yet.
    """
    parts = parts_of(request)
    if not parts.listener.loaded:
        raise Unavailable(LOADING)
    return parts.board


LoadedBoard = Annotated[Board, Depends(loaded_board)]
