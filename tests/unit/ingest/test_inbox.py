"""The inbox: little waits for more until a given moment, much wakes whoever waits at once."""

from __future__ import annotations

import threading
import time

from ingest.inbox import Inbox
from ingest.messages import Message


def message(first: int, size: int = 10) -> Message:
    payload = b'{"epoch":"00000000aaaaaaaa","first":%d,"sent_at":1,"events":[%s]}' % (first, b"1," * (size // 2) + b"1")
    return Message(topic="maillage/v1/01/p/g/events", payload=payload, received_at=1, retained=False)


def gathering(inbox: Inbox, until: float, enough_bytes: int) -> threading.Thread:
    thread = threading.Thread(target=inbox.gather, args=(until, enough_bytes), daemon=True)
    thread.start()
    return thread


def test_what_comes_after_the_moment_does_not_wait() -> None:
    inbox = Inbox(10**6)
    gathering(inbox, time.monotonic(), 10**6).join(30)
    assert inbox.put(message(1))
    assert len(inbox.take(10**6, wait_s=30)) == 1


def test_little_waits_until_the_moment() -> None:
    inbox = Inbox(10**6)
    began = time.monotonic()
    thread = gathering(inbox, began + 0.2, 10_000)
    assert inbox.put(message(1))
    assert inbox.put(message(2))
    thread.join(30)
    assert not thread.is_alive()
    assert time.monotonic() - began >= 0.2
    assert [one.payload for one in inbox.take(10**6, wait_s=0)] == [message(1).payload, message(2).payload]


def test_much_is_taken_at_once() -> None:
    inbox = Inbox(10**6)
    thread = gathering(inbox, time.monotonic() + 3600, 10_000)
    assert inbox.put(message(1))
    assert inbox.put(message(2, size=20_000))
    thread.join(30)
    assert not thread.is_alive()
    assert len(inbox.take(10**6, wait_s=0)) == 2


def test_whoever_waits_for_the_first_message_is_woken_by_it_after_a_gathering() -> None:
    inbox = Inbox(10**6)
    inbox.gather(time.monotonic() + 0.01, 10_000)
    taken: list[Message] = []
    thread = threading.Thread(target=lambda: taken.extend(inbox.take(10**6, wait_s=3600)), daemon=True)
    thread.start()
    assert inbox.put(message(1))
    thread.join(30)
    assert len(taken) == 1
