"""What a door contact tells beside the decisions: taken, not taken, forced, held."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.contract.wire import Event
from gateway.door.door_watch import GRACE_S, DoorWatch

S = 1_000_000


def door(*, sees_egress: bool = True) -> DoorWatch:
    watch = DoorWatch(unlock_s=5, held_after_s=30, sees_egress=sees_egress)
    assert watch.contact("contact", 0, is_open=False) == ()
    return watch


def test_opening_after_a_grant_takes_it() -> None:
    watch = door()
    assert watch.granted("reader", 10 * S) == ()
    (event,) = watch.contact("contact", 12 * S, is_open=True)
    assert event == {"kind": "access_taken", "at": 12 * S, "device": "reader", "access_at": 10 * S}
    assert watch.contact("contact", 14 * S, is_open=False) == ()
    assert watch.tick(60 * S) == ()


def test_a_grant_that_nobody_used() -> None:
    watch = door()
    watch.granted("reader", 10 * S)
    last = 10 * S + round((5 + GRACE_S) * S)
    assert watch.tick(last) == ()
    (event,) = watch.tick(last + 1)
    assert event == {"kind": "access_not_taken", "at": last + 1, "device": "reader", "access_at": 10 * S}
    assert watch.tick(last + 2) == ()


def test_opened_without_a_grant_is_forced_only_where_egress_is_seen() -> None:
    (event,) = door().contact("contact", 9 * S, is_open=True)
    assert (event["kind"], event.get("state")) == ("door", "forced")
    assert door(sees_egress=False).contact("contact", 9 * S, is_open=True) == ()


def test_a_grant_too_long_ago_does_not_excuse() -> None:
    watch = door()
    watch.granted("reader", 10 * S)
    (event,) = watch.contact("contact", 18 * S, is_open=True)
    assert event.get("state") == "forced"
    (late,) = watch.tick(18 * S)
    assert late["kind"] == "access_not_taken"


def test_the_first_word_of_a_contact_forces_nothing() -> None:
    watch = DoorWatch(unlock_s=5, held_after_s=30, sees_egress=True)
    assert watch.contact("contact", 5 * S, is_open=True) == ()


def test_a_second_badge_at_an_open_door_is_taken_at_once() -> None:
    watch = door()
    watch.granted("reader", 10 * S)
    watch.contact("contact", 11 * S, is_open=True)
    (event,) = watch.granted("reader", 12 * S)
    assert event["kind"] == "access_taken"


def test_held_open_is_said_and_said_again() -> None:
    watch = door()
    watch.granted("reader", 0)
    watch.contact("contact", 1 * S, is_open=True)
    assert watch.contact("contact", 20 * S, is_open=True) == ()
    assert watch.tick(31 * S) == ()
    (event,) = watch.tick(32 * S)
    assert event.get("state") == "held"
    assert watch.tick(500 * S) == ()
    assert watch.tick(932 * S) == ()
    (again,) = watch.tick(933 * S)
    assert again.get("state") == "held", "a quarter of an hour later"
    watch.clock_stepped(3600 * S)
    assert watch.tick(4534 * S) == ()
    watch.contact("contact", 5001 * S, is_open=False)
    watch.granted("reader", 5002 * S)
    watch.contact("contact", 5003 * S, is_open=True)
    assert len(watch.tick(5040 * S)) == 1


def test_without_a_contact_nothing_is_ever_said() -> None:
    watch = DoorWatch(unlock_s=5, held_after_s=30, sees_egress=True)
    assert watch.granted("reader", 0) == ()
    assert watch.tick(10**15) == ()


def test_a_clock_step_does_not_end_a_grant() -> None:
    watch = door()
    watch.granted("reader", 10 * S)
    watch.clock_stepped(3600 * S)
    assert watch.tick(3611 * S) == ()
    (event,) = watch.contact("contact", 3612 * S, is_open=True)
    assert event["kind"] == "access_taken"


@given(
    st.lists(st.tuples(st.sampled_from(["grant", "open", "close", "tick"]), st.integers(0, 20 * S)), max_size=40),
)
@example(steps=[*[("grant", 0)] * 5, ("tick", 7 * S + 1), ("grant", 0)])
def test_every_grant_is_told_at_most_once(steps: list[tuple[str, int]]) -> None:
    watch = door()
    now, granted, awaited, told = 0, 0, 0, 0
    for what, after in steps:
        now += after
        if what == "grant":
            granted += 1
            awaited += watch.believed or watch.is_open
            events = watch.granted("reader", now)
        elif what == "tick":
            events = watch.tick(now)
        else:
            events = watch.contact("contact", now, is_open=what == "open")
        told += sum(event["kind"].startswith("access_") for event in events)
        assert told <= granted
    told += sum(event["kind"].startswith("access_") for event in watch.tick(now + 3600 * S))
    assert awaited <= told <= granted  # what a contact that isn't believed should say is not awaited


def test_who_may_be_leaving_by_the_handle_is_told_of_once_a_day() -> None:
    watch = door()
    told: list[Event] = []
    for hour in range(1, 49):
        told += watch.contact("contact", hour * 3600 * S, is_open=True, anyone_inside=True)
        watch.contact("contact", (hour * 3600 + 5) * S, is_open=False, anyone_inside=True)
    assert [(event["at"] // S // 3600, event.get("state"), event.get("unsure")) for event in told] == [
        (1, "forced", True),
        (25, "forced", True),
    ]
    assert watch.unexplained == 48
    (event,) = watch.contact("contact", 50 * 3600 * S, is_open=True, anyone_inside=False)
    assert (event.get("state"), event.get("unsure")) == ("forced", None), "nobody is inside who could leave"


def test_a_contact_that_never_opens_is_not_believed_until_it_does() -> None:
    watch = door()
    events: list[Event] = []
    for number in range(1, 9):
        events += watch.granted("reader", number * 20 * S)
        events += watch.tick((number * 20 + 10) * S)
        assert watch.believed == (number < 5)
    assert [event["kind"] for event in events].count("access_not_taken") == 5, "from then on it isn't its word"
    (fault,) = [event for event in events if event["kind"] == "device"]
    assert (fault["device"], fault["what"], fault["at"]) == ("contact", "fault", 110 * S)
    watch.granted("reader", 300 * S)
    (taken,) = watch.contact("contact", 301 * S, is_open=True)
    assert taken["kind"] == "access_taken"
    assert watch.believed
