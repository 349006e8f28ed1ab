"""Tasks that use the database end, whatever becomes of a cancellation."""

from __future__ import annotations

import asyncio

from database.listening import end_tasks


def test_a_task_that_loses_a_cancellation_ends_all_the_same() -> None:
    lost = 0

    async def forgetful() -> None:
        nonlocal lost
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:  # as ``wait_for`` does, with the answer at hand
                if lost:
                    raise
                lost += 1

    async def ended() -> bool:
        task = asyncio.create_task(forgetful())
        await asyncio.sleep(0)
        await asyncio.wait_for(end_tasks([task]), 30)
        return task.cancelled()

    assert asyncio.run(ended())
    assert lost == 1
