"""A simulated morning through the whole chain: what is stored in the end is what is, line cut or not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from maillage.embedded.bundle import Bundle
from simulator.faults import Faults
from simulator.run import Simulation
from simulator.settings import SimulatorSettings
from tests.e2e.chain import Chain, start_chain
from tests.waiting import until

PRESENT = """
-- how many people are in each place, as the fold has it
SELECT p.code, t.present FROM space_state t JOIN space s ON s.id = t.space JOIN place p ON p.id = s.place
WHERE s.parent IS NULL
"""

REASONS = "SELECT DISTINCT r.name FROM event e JOIN reason r ON r.id = e.reason WHERE e.kind = 1"


@pytest.fixture
def chain(tmp_path: Path, bundle: Bundle) -> Iterator[Chain]:
    made = start_chain(tmp_path, bundle, places=5)
    yield made
    made.stop()


def test_the_system_says_what_is(chain: Chain) -> None:
    settings = SimulatorSettings(
        field_mqtt_url=SecretStr(chain.field.url()),
        speed=1000,
        start=datetime(2026, 3, 3, 8, 0),  # noqa: DTZ001  (by the clock on the wall)
        simulator_port=0,
        announce_s=0.5,
        faults=Faults(duplicate_rate=0.2),
    )
    simulation = Simulation(chain.gateways, settings)
    town, stop = simulation.town, threading.Event()
    clock = town.scheduler.clock
    thread = threading.Thread(target=simulation.run, args=(stop,))
    thread.start()
    try:
        until(lambda: town.truth.present() > 5, what="the first are in")
        chain.line.cut()
        before = town.openings
        until(lambda: clock.now() > 9.25 * 3600 and town.openings > before + 3, what="doors open offline")
        chain.line.mend()
        until(lambda: clock.now() > 10.25 * 3600)
    finally:
        stop.set()
        thread.join(60)
    # The line was cut, and no door cared: who was refused has a pass that is no good, or a card that nobody enrolled.
    reasons = {name for (name,) in chain.rows(REASONS)}
    assert not reasons & {"list_too_old", "reader_fault", "lockdown"}, reasons
    assert town.refused <= 3
    truth = {code: one["present"] for code, one in town.truth.tell()["places"].items()}
    assert sum(truth.values()) > 8  # at night by our clock only those come whose passes open then
    # Whoever stood up a moment ago is still held by a sensor: one or two a place.
    until(lambda: _close(dict(chain.rows(PRESENT)), truth), what=f"{truth} against {dict(chain.rows(PRESENT))}")


def _close(said: dict[str, int | None], truth: dict[str, int]) -> bool:
    errors = [abs((said.get(code) or 0) - people) for code, people in truth.items()]
    return max(errors) <= 2 and sum(errors) <= 4
