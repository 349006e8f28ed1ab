"""The line between the places and the centre: a TCP relay that can be cut, mended and made slow, for all or for one.

For tests and demonstrations of a gateway that is offline for a while: put its address where the broker's would be.
Whose connection it is, the relay reads in the user name or client id of MQTT's first packet, CONNECT (MQTT 3.1.1, 3.1).
Under TLS it can't: there each gateway gets a port of its own.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterable, Sequence
from functools import partial
from typing import Final

_CHUNK: Final = 65_536


class Line:
    """Relays connections on a free local port to a target; runs in a thread of its own."""

    def __init__(self, host: str, port: int, *, listen: int = 0, gateways: Sequence[str] = ()) -> None:
        """Relay to ``host:port`` from the local port ``listen`` (0: any free one), and from one for each gateway.

        The ports of ``gateways`` are the next ones after ``listen``, in this order (0: any free ones).
        """
        self._listen_on = listen
        self._gateways = tuple(gateways)
        self.ports: dict[str, int] = {}
        """The port of each gateway, once started."""
        self.bytes_relayed = 0
        self.tried = 0
        """Connections that were asked for, also while the line was cut."""
        self.delay_s = 0.0
        """How long each piece of data is held back, in each direction."""
        self._target = (host, port)
        self._loop = asyncio.new_event_loop()
        self._up = True
        self._still = asyncio.Event()
        self._writers: dict[asyncio.StreamWriter, str] = {}
        self._offline: frozenset[str] = frozenset()
        self._relays: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.Server] = []
        self._thread = threading.Thread(target=self._loop.run_forever, name="line", daemon=True)

    def start(self) -> int:
        """Listen, and return the port."""
        self._thread.start()
        return asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    @property
    def port(self) -> int:
        """Return the port that it listens on, once started."""
        return self._listen_on

    def cut(self) -> None:
        """Break every connection and refuse new ones."""
        self._call(self._cut)

    def take_offline(self, gateways: Iterable[str]) -> None:
        """Keep these gateways (their codes; ``*``: all) off the line, and only these; the others come back."""
        offline = frozenset(gateways)
        self._call(lambda: self._take_offline(offline))

    def hang(self) -> None:
        """Let connections stand, but nothing through: what a dead radio link looks like."""
        self._call(self._still.clear)

    def mend(self) -> None:
        """Let everything through again."""
        self._call(self._mend)

    def close(self) -> None:
        """Break everything and end."""
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(5)
        self._loop.close()

    def _call(self, what: Callable[[], None]) -> None:
        async def run() -> None:
            what()

        asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    # The rest runs in the line's thread.

    async def _listen(self) -> int:
        self._still.set()
        first = self._listen_on
        self._listen_on = await self._serve("", first)
        for number, gateway in enumerate(self._gateways, start=1):
            self.ports[gateway] = await self._serve(gateway, first + number if first else 0)
        return self._listen_on

    async def _serve(self, gateway: str, port: int) -> int:
        server = await asyncio.start_server(partial(self._accept, gateway), "127.0.0.1", port)
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    def _cut(self) -> None:
        self._up = False
        for writer in self._writers:
            writer.transport.abort()

    def _take_offline(self, offline: frozenset[str]) -> None:
        self._offline = offline
        for writer, gateway in self._writers.items():
            if self._is_offline(gateway):
                writer.transport.abort()

    def _is_offline(self, gateway: str) -> bool:
        return gateway in self._offline or "*" in self._offline

    def _mend(self) -> None:
        self._up = True
        self._still.set()

    async def _close(self) -> None:
        self._cut()
        for server in self._servers:
            server.close()
        for relay in self._relays:
            relay.cancel()
        await asyncio.gather(*self._relays, return_exceptions=True)

    async def _accept(self, owner: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Relay a connection of the gateway ``owner``; "": of the one that its first packet names."""
        task = asyncio.current_task()
        assert task is not None
        self.tried += 1
        self._relays.add(task)
        self._writers[writer] = ""
        far: asyncio.StreamWriter | None = None
        try:
            if not self._up:
                return
            first = await reader.read(_CHUNK)
            gateway = self._writers[writer] = owner or caller(first)
            if self._is_offline(gateway):
                return
            far_reader, far = await asyncio.open_connection(*self._target)
            self._writers[far] = gateway
            far.write(first)
            if self._up and not self._is_offline(gateway):
                await _first_of(self._relay(reader, far), self._relay(far_reader, writer))
        except (OSError, asyncio.CancelledError):
            return
        finally:
            for one in (writer, far):
                if one is not None:
                    self._writers.pop(one, None)
                    one.transport.abort()
            self._relays.discard(task)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK):
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            await self._still.wait()
            writer.write(data)
            await writer.drain()
            self.bytes_relayed += len(data)


def caller(packet: bytes) -> str:
    """Return the user name of an MQTT CONNECT packet, or where there is none its client id; "" where it is none."""
    try:
        if packet[0] != 0x10:
            return ""
        start = 1
        while packet[start] & 0x80:  # the packet's length, in one to four bytes
            start += 1
        at = start + 1
        name = int.from_bytes(packet[at : at + 2], "big")
        flags = packet[at + 2 + name + 1]
        at += 2 + name + 4  # protocol name, level, flags, keep-alive
        fields = []
        for _ in range(1 + (2 if flags & 0x04 else 0) + (1 if flags & 0x80 else 0)):
            size = int.from_bytes(packet[at : at + 2], "big")
            fields.append(packet[at + 2 : at + 2 + size])
            at += 2 + size
        return fields[-1 if flags & 0x80 else 0].decode()
    except (IndexError, UnicodeDecodeError):
        return ""


async def _first_of(*relays: Coroutine[None, None, None]) -> None:
    """Run both directions until one ends, then end the other."""
    tasks = [asyncio.ensure_future(relay) for relay in relays]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
