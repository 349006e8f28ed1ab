"""The board of this process, its listener and its streams, for the routes that answer from memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Final, cast

from fastapi import Depends, Request

from api.http.errors import Unavailable
from api.present.board import Board
from api.present.curves import Forecasts
from api.present.demand import Demand
from api.present.gazetteer import Gazetteer
from api.present.listen import Listener
from api.present.passes_held import PassesHeld
from api.present.stream import Streams

LOADING: Final = "The network is still being loaded from the database."


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """The board, its listener and the live streams; what searches for seats keep."""

    board: Board
    listener: Listener
    streams: Streams
    forecasts: Forecasts
    gazetteer: Gazetteer
    demand: Demand
    passes: PassesHeld = field(default_factory=PassesHeld)


def present(request: Request) -> Present:
    """Return the board of the application with its listener and streams."""
    return cast("Present", request.app.state.present)


async def loaded_board(request: Request) -> Board:
    """Return the board, once the network is loaded.

    Raises:
        Unavailable: it isn't loaded yet.
    """
    now = present(request)
    if not now.listener.loaded:
        raise Unavailable(LOADING)
    return now.board


LoadedBoard = Annotated[Board, Depends(loaded_board)]
