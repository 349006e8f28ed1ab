"""What a gateway remembers, part by part: nothing is lost by a restart, and little is written by a badge."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from access import Period, State
from access.state import Movement, Tries
from gateway.door.memory import Memory
from tests.unit.gateway.hall import ANNA, AT, BEN, HOST, Hall, S

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")
KEYS = st.sampled_from(["m-1", "m-2", "door:entry", "é:ü"])
TIMES = st.integers(0, 10**6).map(lambda seconds: NOON + timedelta(seconds=seconds))
MOVEMENTS = st.builds(
    Movement,
    space=st.none() | KEYS,
    door=KEYS,
    at=TIMES,
    entered_at=st.none() | TIMES,
    host=st.booleans(),
    pass_ref=KEYS,
)
STATES = st.builds(
    State,
    lockdown=st.booleans(),
    locked_doors=st.frozensets(KEYS, max_size=2),
    evacuation=st.booleans(),
    evacuated_doors=st.frozensets(KEYS, max_size=2),
    movements=st.dictionaries(KEYS, MOVEMENTS, max_size=3),
    unseen=st.dictionaries(KEYS, MOVEMENTS, max_size=3),
    counts=st.dictionaries(KEYS, st.integers(0, 99), max_size=3),
    hosts=st.integers(0, 9),
    used=st.dictionaries(KEYS, st.frozensets(st.integers(0, 10**9), min_size=1, max_size=3), max_size=3),
    tries=st.dictionaries(
        KEYS,
        st.builds(
            Tries,
            count=st.integers(1, 9),
            last_at=TIMES,
            recent=st.lists(st.tuples(TIMES, st.sampled_from([None, "0a1b2c3d"])), max_size=3).map(tuple),
        ),
        max_size=3,
    ),
    held_open=st.dictionaries(
        KEYS, st.tuples(st.just(date(2026, 11, 23)), st.just(Period(start_min=480, end_min=600))), max_size=2
    ),
)


class Disk(dict[str, str]):
    def keep(self, name: str, value: str, *, until: int | None = None) -> None:
        if until == 0:
            self.pop(name, None)
        else:
            self[name] = value


@given(st.lists(STATES, min_size=1, max_size=4))
def test_whatever_came_last_is_what_is_found_again(states: list[State]) -> None:
    disk = Disk()
    memory = Memory(PARIS, disk.keep)
    for state in states:
        memory.become(state)
    again = Memory(PARIS, disk.keep)
    assert again.restore(disk) == 0
    assert again.state == states[-1]


def test_every_field_of_a_state_is_kept() -> None:
    assert {field.name for field in fields(State)} == {
        *("lockdown", "locked_doors", "evacuation", "evacuated_doors", "movements", "unseen"),
        *("counts", "hosts", "used", "tries", "held_open"),
    }, "another one needs a place in gateway.door.memory"


def test_a_badge_in_a_full_place_writes_as_little_as_in_an_empty_one() -> None:
    inside = {f"m-{n}": Movement(space="hall", door="entry", at=NOON, entered_at=NOON) for n in range(1000)}
    disk = Disk()
    memory = Memory(PARIS, disk.keep)
    memory.become(State(movements=inside, counts={"hall": 1000}))
    disk.clear()
    one = Movement(space=None, door="entry", at=NOON)
    memory.become(State(movements={**inside, "m-7": one}, counts={"hall": 999}))
    assert set(disk) == {"state:movements:m-7", "state:counts"}
    assert sum(map(len, disk.values())) < 800


def test_what_cannot_be_read_is_forgotten_and_the_rest_is_not() -> None:
    hall = Hall()
    hall.badge(ANNA)
    hall.badge(BEN)
    hall.place.lock_down(True)
    for broken in ("[]", "{", '{"lockdown": 1}', "\x00"):
        kept: dict[str, Any] = {**hall.kept, "state:movements:m-ben": broken, "state:xyz": "{}", "other": "?"}
        again = Hall(kept=kept)
        assert again.place.lockdown
        assert set(again.place.memory.state.movements) == {"m-anna"}
        assert "state:movements:m-ben" not in again.kept
        (said,) = again.told("gateway")
        assert said["text"] == "2 parts of the remembered state can't be read and are forgotten"


def test_a_restart_keeps_passback_uses_tries_hosts_and_orders() -> None:
    hall = Hall()
    hall.pass_through(ANNA)
    hall.badge(HOST, "lab")
    hall.type("0000")
    hall.place.evacuate(True, "lab")
    before = hall.place.memory.state
    again = Hall(kept=dict(hall.kept), now=5.0, at=hall.at + 30 * S)
    assert again.place.memory.state == before
    assert again.commands, "a door that shall stand open is told so at once"
    assert again.badge(ANNA)["reason"] == "anti_passback"


def test_a_lockdown_kept_by_an_earlier_version_holds_and_can_be_ended() -> None:
    hall = Hall(kept={"lockdown": "yes"})
    assert hall.place.lockdown
    hall.place.release()
    assert not Hall(kept=dict(hall.kept)).place.lockdown


def test_the_night_forgets_who_never_badged_out_also_while_it_was_off() -> None:
    hall = Hall()
    hall.badge(ANNA)
    hall.wait(16 * 3600)  # 01:20 UTC, 02:20 in Paris
    assert hall.place.memory.state.movements
    hall.wait(2 * 3600)
    assert not hall.place.memory.state.movements
    assert hall.badge(ANNA)["decision"] == "granted"

    hall = Hall()
    hall.badge(ANNA)
    assert not Hall(kept=dict(hall.kept), at=AT + 24 * 3600 * S).place.memory.state.movements
    hall = Hall(at=AT + 16 * 3600 * S)
    hall.badge(ANNA)
    hall.wait(3 * 3600)
    assert hall.place.memory.state.movements, "who came three hours ago is still there at four"
