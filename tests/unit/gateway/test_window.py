"""The sending rules against a line that loses, repeats and reorders, and a centre that stores what fits."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway.contract.wire import MAX_BATCH_EVENTS, WIDEST_WINDOW, WINDOW, Mark
from gateway.spool.values import Position
from gateway.uplink.window import LOW_FOR_S, MARK_WAIT_S, QUICK_S, RESEND_S, SLOW_S, Meaning, Window


@dataclass
class Centre:
    """The ingest's rule: a batch is taken from where it continues; beyond a gap it is ignored; either way a mark."""

    stored: dict[str, list[int]] = field(default_factory=dict)

    def take(self, epoch: str, first: int, events: list[int]) -> Mark:
        stored = self.stored.setdefault(epoch, [])
        if first <= len(stored) + 1:
            stored.extend(events[len(stored) + 1 - first :])
        return Mark(epoch=epoch, seq=len(stored))


@dataclass
class Disk:
    """The spool: events since the start of the epoch, of which the first ``committed`` are gone."""

    epoch: str = "aaaaaaaa"
    events: list[int] = field(default_factory=list)
    committed: int = 0

    def position(self) -> Position:
        return Position(epoch=self.epoch, committed=self.committed, last=len(self.events))

    def read(self, after: int, limit: int) -> list[int]:
        assert after >= self.committed, "asked for what is gone"
        return self.events[after : after + limit]

    def renew(self) -> None:
        self.events = self.events[self.committed :]
        self.committed = 0
        self.epoch = f"{int(self.epoch, 16) + 1:08x}"


class Line(RuleBasedStateMachine):
    """One gateway, one centre and everything that a line can do to them."""

    LATEST_S = 4.0

    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0
        self.disk = Disk()
        self.centre = Centre()
        self.window = Window(self.disk.position())
        self.made = 0
        self.up: list[tuple[str, int, list[int]]] = []
        self.down: list[tuple[float, Mark]] = []
        self.retained: Mark | None = None
        self.connected = False

    @rule(number=st.integers(1, 7))
    def happen(self, number: int) -> None:
        self.disk.events.extend(range(self.made, self.made + number))
        self.made += number
        self.pump()

    @rule(seconds=st.sampled_from([0.01, 0.3, 1.1, 2.1, 5.1]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.down = [(at, mark) for at, mark in self.down if self.now - at < self.LATEST_S]
        self.window.tick(self.now)
        self.pump()

    @rule(with_retained=st.booleans())
    def connect(self, with_retained: bool) -> None:
        self.connected = True
        self.window.connected(self.now)
        if with_retained and self.retained is not None:
            self.hear(self.retained)
        self.pump()

    @rule(keep=st.booleans())
    def cut(self, keep: bool) -> None:
        self.connected = False
        self.window.disconnected()
        self.down.clear()
        if not keep:
            self.up.clear()  # otherwise the broker has them already and hands them on

    @rule()
    def restart(self) -> None:
        self.connected = False
        self.down.clear()
        self.window = Window(self.disk.position())

    @rule(data=st.data(), fate=st.sampled_from(["deliver", "deliver", "deliver", "twice", "lose"]))
    def batch(self, data: st.DataObject, fate: str) -> None:
        if not self.up:
            return
        epoch, first, events = self.up.pop(data.draw(st.integers(0, len(self.up) - 1)))
        for _ in range({"deliver": 1, "twice": 2, "lose": 0}[fate]):
            self.retained = self.centre.take(epoch, first, events)
            self.down.append((self.now, self.retained))

    @rule(data=st.data(), fate=st.sampled_from(["deliver", "deliver", "twice", "lose"]))
    def mark(self, data: st.DataObject, fate: str) -> None:
        if not self.down:
            return
        _, mark = self.down.pop(data.draw(st.integers(0, len(self.down) - 1)))
        for _ in range({"deliver": 1, "twice": 2, "lose": 0}[fate]):
            if self.connected:
                self.hear(mark)
        self.pump()

    def hear(self, mark: Mark) -> None:
        self.window.position(self.disk.position(), self.now)
        meaning = self.window.mark(mark, self.now)
        assert meaning in (Meaning.NOTHING, Meaning.ADVANCE), "nobody lost anything here"
        if meaning is Meaning.ADVANCE:
            self.disk.committed = max(self.disk.committed, mark.seq)

    def pump(self) -> None:
        self.window.position(self.disk.position(), self.now)
        while (after := self.window.send_after(self.now)) is not None:
            events = self.disk.read(after, 3)
            assert events
            assert len(self.up) < 10_000
            self.up.append((self.window.epoch, after + 1, events))
            self.window.sent(after + len(events), self.now)

    @invariant()
    def in_order_and_once(self) -> None:
        stored = self.centre.stored.get(self.disk.epoch, [])
        assert stored == list(range(len(stored)))
        assert self.disk.committed <= len(stored)

    def teardown(self) -> None:
        """However it went: a line that works for a while brings everything over."""
        self.up.clear()
        self.connect(with_retained=False)
        for _ in range(40 + self.made):
            while self.up:
                epoch, first, events = self.up.pop(0)
                self.down.append((self.now, self.centre.take(epoch, first, events)))
            while self.down:
                self.hear(self.down.pop(0)[1])
            self.pump()
            if self.disk.committed == self.made:
                break
            if not self.up:
                self.wait(2.1)
        assert self.centre.stored.get(self.disk.epoch, []) == list(range(self.made))
        assert self.disk.committed == self.made


Line.TestCase.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
TestLine = Line.TestCase


def window(last: int, committed: int = 0) -> Window:
    return Window(Position(epoch="aaaaaaaa", committed=committed, last=last))


def fill(one: Window, now: float, size: int = 1) -> list[int]:
    sent = []
    while (after := one.send_after(now)) is not None:
        one.sent(after + size, now)
        sent.append(after + size)
    return sent


def mark(seq: int, epoch: str = "aaaaaaaa") -> Mark:
    return Mark(epoch=epoch, seq=seq)


def test_waits_for_the_retained_mark_then_sends_without_it() -> None:
    one = window(last=9)
    assert one.send_after(0.0) is None
    one.connected(10.0)
    assert one.send_after(10.0) is None
    assert one.send_after(10.0 + MARK_WAIT_S) == 0


def test_a_mark_of_another_epoch_ends_the_wait_and_moves_nothing() -> None:
    one = window(last=9)
    one.connected(10.0)
    assert one.mark(mark(700, epoch="bbbbbbbb"), 10.1) is Meaning.NOTHING
    assert one.send_after(10.1) == 0


def test_the_window_holds_four_batches() -> None:
    one = window(last=100)
    one.connected(0.0)
    one.mark(mark(0), 0.1)
    assert fill(one, 0.1) == [1, 2, 3, 4]
    assert len(fill(one, 0.1)) + 4 == WINDOW
    assert one.mark(mark(2), 0.2 + QUICK_S) is Meaning.ADVANCE
    assert fill(one, 0.2 + QUICK_S) == [5, 6]


def test_the_window_widens_while_marks_come_at_once_and_no_longer() -> None:
    one = window(last=1000)
    one.connected(0.0)
    one.mark(mark(0), 0.0)
    sent = fill(one, 1.0)
    for n in range(1, 20):
        one.mark(mark(n), 1.0 + n * 0.001)
        sent += fill(one, 1.0 + n * 0.001)
    assert len(sent) - 19 == WIDEST_WINDOW > WINDOW
    late = 1.02 + QUICK_S
    one.mark(mark(len(sent) - WINDOW), late)
    assert fill(one, late) == [], "a slow centre has no more in its queue than before"
    one.mark(mark(len(sent)), late)
    assert len(fill(one, late)) == WINDOW


def test_a_backlog_begins_with_one_full_batch_and_stays_at_one_while_the_centre_has_a_queue() -> None:
    one = window(last=100_000)
    one.connected(0.0)
    one.mark(mark(0), 0.0)
    assert fill(one, 0.0, size=MAX_BATCH_EVENTS) == [500], "a thousand others may have come back, too"
    one.mark(mark(500), SLOW_S)
    assert fill(one, SLOW_S, size=MAX_BATCH_EVENTS) == [1000]
    one.mark(mark(1000), SLOW_S + 0.01)
    assert fill(one, SLOW_S + 0.01, size=MAX_BATCH_EVENTS) == [1500, 2000], "it has room: more at a time"
    one.mark(mark(1000), SLOW_S + 2.0)
    assert fill(one, SLOW_S + 2.0, size=MAX_BATCH_EVENTS) == [1500], "after a loss as at the beginning"


def test_a_loss_narrows_the_window() -> None:
    one = window(last=1000)
    one.connected(0.0)
    one.mark(mark(0), 0.0)
    fill(one, 1.0)
    one.mark(mark(4), 1.01)
    assert fill(one, 1.01) == list(range(5, 13))
    one.mark(mark(4), 2.5)
    assert fill(one, 2.5) == [5, 6, 7, 8]


def test_no_progress_goes_back_with_one_batch_until_somebody_answers() -> None:
    one = window(last=100)
    one.connected(0.0)
    one.mark(mark(0), 0.0)
    fill(one, 0.0)
    one.tick(RESEND_S - 0.1)
    assert one.send_after(RESEND_S - 0.1) is None
    one.tick(RESEND_S)
    assert fill(one, RESEND_S) == [1]
    one.mark(mark(1), RESEND_S + 0.1)
    assert fill(one, RESEND_S + 0.1) == [2, 3, 4, 5]


def test_the_same_mark_again_goes_back_at_once_but_once_for_one_loss() -> None:
    one = window(last=100)
    one.connected(0.0)
    one.mark(mark(0), 0.0)
    assert fill(one, 2.0) == [1, 2, 3, 4]
    one.mark(mark(0), 2.1)
    assert fill(one, 2.1) == [1, 2, 3, 4]
    one.mark(mark(0), 2.2)
    one.mark(mark(0), 2.3)
    assert fill(one, 2.3) == []
    assert one.resends == 1


def test_a_centre_that_lost_events_is_believed_only_after_repeating_itself() -> None:
    one = window(last=100, committed=50)
    one.connected(0.0)
    assert one.mark(mark(20), 1.0) is Meaning.NOTHING
    assert one.mark(mark(20), 2.0) is Meaning.NOTHING
    assert one.mark(mark(20), 3.0) is Meaning.NOTHING
    assert one.mark(mark(20), 1.0 + LOW_FOR_S) is Meaning.CENTRE_LOST


def test_one_good_mark_clears_a_stale_one() -> None:
    one = window(last=100, committed=50)
    one.connected(0.0)
    one.mark(mark(20), 1.0)
    one.mark(mark(20), 5.0)
    one.mark(mark(50), 6.0)
    assert one.mark(mark(20), 30.0) is Meaning.NOTHING


def test_a_mark_beyond_what_was_ever_written_means_that_the_spool_is_an_old_copy() -> None:
    one = window(last=10)
    one.connected(0.0)
    assert one.mark(mark(11), 0.1) is Meaning.SPOOL_LOST


def test_a_new_epoch_starts_over() -> None:
    one = window(last=100, committed=50)
    one.connected(0.0)
    one.mark(mark(50), 0.1)
    fill(one, 0.1)
    one.position(Position(epoch="cccccccc", committed=0, last=51), 0.2)
    assert one.epoch == "cccccccc"
    assert one.send_after(0.2) == 0
    assert one.mark(mark(60), 0.3) is Meaning.NOTHING


def test_another_digest_at_the_mark_means_that_the_spool_is_an_old_copy_however_far_it_has_grown() -> None:
    one = window(last=500, committed=100)
    one.connected(0.0)
    theirs = Mark(epoch="aaaaaaaa", seq=300, digest="11" * 8)
    assert one.mark(theirs, 0.1, ours="22" * 8) is Meaning.SPOOL_LOST
    assert one.mark(theirs, 0.1, ours="11" * 8) is Meaning.ADVANCE
    assert one.mark(Mark(epoch="aaaaaaaa", seq=300, digest="33" * 8), 0.2, ours="11" * 8) is Meaning.SPOOL_LOST


def test_digests_that_one_side_does_not_know_prove_nothing() -> None:
    one = window(last=500, committed=100)
    one.connected(0.0)
    assert one.mark(mark(200), 0.1, ours="22" * 8) is Meaning.ADVANCE
    assert one.mark(Mark(epoch="aaaaaaaa", seq=300, digest="11" * 8), 0.2) is Meaning.ADVANCE


def test_a_mark_within_a_batch_in_flight_starts_again_behind_it() -> None:
    one = window(last=100)
    one.connected(0.0)
    one.mark(mark(0), 0.0)
    assert fill(one, 2.0, size=10) == [10, 20, 30, 40]
    assert one.mark(mark(15), 2.1) is Meaning.ADVANCE
    assert one.send_after(2.1) == 15
