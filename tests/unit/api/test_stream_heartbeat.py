"""A quiet stream shows that it is alive, however often its bell rings for news of others."""

from __future__ import annotations

import asyncio

from pydantic import SecretStr
from starlette.types import Message

from api.http.clients import Clients
from api.http.settings import ApiSettings
from api.present.board import Board
from api.present.stream import EventStream, Streams


def test_heartbeat_comes_though_the_bell_rings_all_the_time() -> None:
    async def scenario() -> bytes:
        clients = Clients(ApiSettings(database_url=SecretStr("postgresql://nowhere/nothing")))
        streams = Streams(limit=1, clients=clients)
        board = Board(boot="0")
        stream = EventStream(board, board.full, streams, host="192.0.2.1", number=0, wanted=None, heartbeat_s=0.2)
        beaten: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        async def receive() -> Message:
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message: Message) -> None:
            if b"event: heartbeat" in message.get("body", b"") and not beaten.done():
                beaten.set_result(message["body"])

        async def ring() -> None:
            while True:
                streams.ring()
                await asyncio.sleep(0.01)  # far more often than the heartbeat

        tasks = [asyncio.ensure_future(stream({"method": "GET"}, receive, send)), asyncio.ensure_future(ring())]
        try:
            return await asyncio.wait_for(beaten, 60)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    assert b"data: {}\n\n" in asyncio.run(scenario())
