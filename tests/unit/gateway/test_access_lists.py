"""Lists in parts and deltas: what is in force is always something that the centre signed, whole, and never older."""

from __future__ import annotations

import base64
import gc
import json
import tracemalloc
import zlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from access import AccessList, Entry, Member, Right
from access.compare import fingerprint
from gateway.contract.list_messages import LIST_MESSAGE, ListDelta, ListHead, ListPart
from gateway.contract.list_parts import LARGEST_LIST, Whole
from gateway.contract.list_report import list_report
from gateway.contract.signing import new_seed, sign
from gateway.lists import access_lists
from gateway.lists.access_lists import AppliedList, ListHolder, ListRefused, WholeNeeded
from gateway.lists.store import KeptDelta
from rights import packing
from tests.unit.gateway.place_parts import AT, SEED, S, access_list, change, config, signed

HOSTILE = new_seed()


def long_list(version: int, cards: int = 40, **changes: Any) -> AccessList:
    """A list in which every version says something else."""
    members = [
        Member(
            ref=f"m-{number}-{version if number == version else 0}",
            status="active",
            rights=(Right(doors=None, schedule=None),),
        )
        for number in range(cards)
    ]
    entries = {
        token: Entry(token=token, member=one, status="lost" if number < version else "active")
        for number, one in enumerate(members)
        for token in [sha256(str(number).encode()).hexdigest()]
    }
    return replace(access_list(version, made_at=AT + version * S), entries=entries, **changes)


def in_parts(one: AccessList, piece: int = 300, seed: str = SEED) -> list[bytes]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packing, "MAX_PART_BYTES", piece)
        return packing.list_messages(one, fingerprint(one), seed)


def holder(version: int | None = None, **changes: Any) -> ListHolder:
    made = ListHolder(config(**changes))
    if version is not None:
        made.take(signed(access_list(version)))
    return made


LISTS = {version: long_list(version) for version in range(1, 6)}
PARTS = {version: in_parts(one) for version, one in LISTS.items()}
DELTAS = {(old, new): change(LISTS[old], LISTS[new]) for old in LISTS for new in LISTS if old < new}
assert all(len(parts) >= 4 for parts in PARTS.values())


@given(st.data())
def test_parts_make_the_newest_list_in_whatever_order_they_come(data: st.DataObject) -> None:
    messages = [*PARTS[4], *PARTS[5], *data.draw(st.lists(st.sampled_from([*PARTS[4], *PARTS[5]]), max_size=12))]
    lists = holder()
    for message in data.draw(st.permutations(messages)):
        with suppress(ListRefused):  # older than what is whole already
            lists.take(message)
        assert lists.current in (None, LISTS[4], LISTS[5])
    assert lists.current == LISTS[5]
    assert lists.fingerprint == fingerprint(LISTS[5])
    assert lists.complaint is None


def test_no_more_than_one_list_is_assembled_and_an_older_part_does_not_disturb_it() -> None:
    lists = holder()
    for part in PARTS[5][:-1]:
        assert lists.take(part) is None
    for part in PARTS[3]:
        assert lists.take(part) is None, "on its way already: something newer"
    assert lists._assembly._pieces.keys() == set(range(len(PARTS[5]) - 1))
    assert lists.take(PARTS[5][-1]) is not None
    assert lists.take(PARTS[5][0]) is None, "no news"
    assert lists._assembly.arriving is None


class Centre(RuleBasedStateMachine):
    """Everything that ever went over the line, again, in any order, changed or not, with restarts in between."""

    def __init__(self) -> None:
        super().__init__()
        self.lists = holder()
        self.disk: tuple[Whole | None, list[ListDelta]] = (None, [])
        self.newest = 0

    def take(self, message: bytes) -> None:
        before = (self.lists.current, self.lists.fingerprint)
        try:
            taken = self.lists.take(message)
        except ListRefused:
            taken = None
        if taken is None:
            assert (self.lists.current, self.lists.fingerprint) == before
            return
        self.newest = max(self.newest, taken.version)
        self.disk = stored(self.disk, taken)

    @rule(version=st.sampled_from(sorted(PARTS)), data=st.data())
    def a_part(self, version: int, data: st.DataObject) -> None:
        self.take(data.draw(st.sampled_from(PARTS[version])))

    @rule(version=st.sampled_from(sorted(PARTS)))
    def all_parts(self, version: int) -> None:
        for part in PARTS[version]:
            self.take(part)

    @rule(which=st.sampled_from(sorted(DELTAS)))
    def a_delta(self, which: tuple[int, int]) -> None:
        self.take(DELTAS[which])

    @rule(which=st.sampled_from(sorted(DELTAS)), seed=st.just(HOSTILE))
    def a_forged_delta(self, which: tuple[int, int], seed: str) -> None:
        self.take(change(LISTS[which[0]], replace(LISTS[which[1]], version=99), seed=seed))

    @rule(data=st.data(), version=st.sampled_from(sorted(PARTS)))
    def a_changed_message(self, data: st.DataObject, version: int) -> None:
        message = bytearray(data.draw(st.sampled_from([*PARTS[version], *DELTAS.values()])))
        where = data.draw(st.integers(0, len(message) - 1))
        if data.draw(st.booleans()):
            message[where] ^= data.draw(st.integers(1, 255))
        else:
            del message[where:]
        self.take(bytes(message))

    @rule(kind=st.sampled_from(["place", "forged"]))
    def a_foreign_list(self, kind: str) -> None:
        one = long_list(9, place="ailleurs") if kind == "place" else long_list(9)
        self.take(signed(one, seed=SEED if kind == "place" else HOSTILE))

    @rule()
    def restart(self) -> None:
        before = (self.lists.current, self.lists.fingerprint)
        self.lists = holder()
        self.lists.restore(*self.disk, newest=self.newest)
        assert (self.lists.current, self.lists.fingerprint) == before

    @invariant()
    def what_is_in_force_was_signed_and_is_the_newest_that_was_ever_whole(self) -> None:
        current = self.lists.current
        assert current is None or current == LISTS[current.version]
        assert (0 if current is None else current.version) == self.newest
        assert self.lists.fingerprint == (None if current is None else fingerprint(current))


TestWhateverComesOverTheLine = Centre.TestCase
TestWhateverComesOverTheLine.settings = settings(max_examples=60, stateful_step_count=30)


def stored(disk: tuple[Whole | None, list[ListDelta]], taken: AppliedList) -> tuple[Whole | None, list[ListDelta]]:
    if isinstance(taken.keep, KeptDelta):
        return disk[0], [*disk[1], taken.keep.signed]
    return taken.keep, []


def kept(messages: Iterable[bytes]) -> tuple[Whole | None, list[ListDelta]]:
    """What a disk holds after ``messages``."""
    lists, disk = holder(), (None, [])  # type: tuple[ListHolder, tuple[Whole | None, list[ListDelta]]]
    for message in messages:
        taken = lists.take(message)
        disk = disk if taken is None else stored(disk, taken)
    return disk


def test_a_kept_list_and_its_deltas_are_checked_again() -> None:
    whole, deltas = kept([*PARTS[1], DELTAS[1, 2], DELTAS[2, 4]])
    assert whole is not None
    lists = holder()
    lists.restore(whole, deltas)
    assert (lists.current, lists.deltas, lists.complaint) == (LISTS[4], 2, None)

    broken = [deltas[0], deltas[1].model_copy(update={"body": deltas[1].body[:-1]})]
    lists = holder()
    lists.restore(whole, broken)
    assert lists.current == LISTS[2], "the list before the broken link goes on"
    assert "after 1 of 2 deltas" in str(lists.complaint)

    lists = holder()
    lists.restore(whole, deltas[1:])
    assert lists.current == LISTS[1]
    assert lists.complaint is not None
    assert lists.take(DELTAS[1, 5]) is not None
    assert lists.complaint is None

    for bad in (
        replace(whole, data=whole.data[:-1]),
        replace(whole, head=whole.head.replace('"version":1', '"version":2')),
    ):
        lists = holder()
        lists.restore(bad, deltas)
        assert lists.current is None
        assert lists.complaint is not None
    lists = holder(list_key=None)
    lists.restore(whole, deltas)
    assert lists.current is None


def test_whatever_became_of_the_kept_list_no_older_one_comes_in() -> None:
    lists = holder()
    lists.restore(None, [], newest=4)
    with pytest.raises(ListRefused, match="older than 4"):
        lists.take(signed(LISTS[3]))
    assert lists.take(signed(LISTS[4])) is not None


def test_the_same_again_is_no_news() -> None:
    lists = holder(3)
    before = lists.current
    assert lists.take(signed(access_list(3))) is None
    assert lists.current is before
    lists = ListHolder(config())
    for message in (*PARTS[1], DELTAS[1, 2]):
        lists.take(message)
    assert lists.take(DELTAS[1, 2]) is None
    assert lists.version == 2
    assert lists.complaint is None


def test_another_list_of_the_same_version_repairs_but_never_goes_back() -> None:
    ours = access_list(3)
    theirs = replace(ours, lockdown=True)
    lists = holder(3)
    taken = lists.take(signed(theirs))
    assert taken is not None
    assert taken.news
    assert lists.current == theirs
    with pytest.raises(ListRefused, match="made before"):
        lists.take(signed(replace(ours, made_at=ours.made_at.replace(year=2020))))
    assert lists.current == theirs


def test_many_deltas_ask_for_a_whole_list_which_is_kept_in_their_stead(monkeypatch: pytest.MonkeyPatch) -> None:
    lists = holder()
    for message in (*PARTS[1], DELTAS[1, 2], DELTAS[2, 3]):
        lists.take(message)
    assert lists.complaint is None
    monkeypatch.setattr(access_lists, "MANY_DELTAS", 2)
    assert lists.complaint == "2 deltas since the last whole list"
    held = lists.current
    taken = [lists.take(part) for part in PARTS[3]][-1]
    assert taken is not None
    assert (taken.news, taken.version, lists.deltas, lists.complaint) == (False, 3, 0, None)
    assert lists.current is held
    assert lists.take(PARTS[3][0]) is None
    monkeypatch.setattr(access_lists, "MANY_BYTES", 10)
    lists.take(DELTAS[3, 4])
    assert lists.complaint == "1 deltas since the last whole list"


def test_a_disk_that_lost_the_list_asks_for_it_until_it_is_there_again() -> None:
    lists = holder()
    for part in PARTS[1]:
        lists.take(part)
    lists.lost()
    assert lists.complaint == "the list that was kept is lost"
    assert lists.take(DELTAS[1, 2]) is not None
    assert lists.complaint == "the list that was kept is lost"
    assert [lists.take(part) for part in PARTS[2]][-1] is not None
    assert lists.complaint is None


def head_of(message: bytes) -> ListHead:
    part = LIST_MESSAGE.validate_json(message)
    assert isinstance(part, ListPart)
    return ListHead.model_validate_json(part.head)


def part_with(data: bytes, **changes: Any) -> bytes:
    """A part that is signed as it should be, but of a head that says what ``changes`` say."""
    text = head_of(GOOD).model_copy(update={"digest": sha256(data).hexdigest(), **changes}).model_dump_json()
    encoded = base64.b64encode(data).decode()
    return ListPart(head=text, signature=sign(SEED, "list", text), index=0, data=encoded).model_dump_json().encode()


GOOD = signed(access_list(9))
GOOD_DELTA = change(access_list(3), access_list(9, max_age_s=60))
NONSENSE = zlib.compress(b"{}")


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (signed(access_list(2)), "older"),
        (signed(access_list(9), seed=HOSTILE), "signature"),
        (signed(access_list(9, place="ailleurs")), "another place"),
        (GOOD[:-40], "neither a part"),
        (GOOD.replace(b'\\"version\\":9', b'\\"version\\":8'), "signature"),
        (GOOD.replace(b'"index":0', b'"index":1'), "beyond the last"),
        (GOOD.replace(b'"index":0', b'"index":-1'), "neither a part"),
        (b"", "neither a part"),
        (b"\xff\xfe", "neither a part"),
        (b"[]", "neither a part"),
        (part_with(NONSENSE, bytes=LARGEST_LIST + 1), "at most"),
        (part_with(b""), "without data"),
        (part_with(b"x" * 300_000), "too much"),
        (change(access_list(2), access_list(3)), "made|older|delta"),
        (change(access_list(1), access_list(2)), "older"),
        (change(access_list(3), access_list(4), seed=HOSTILE), "signature"),
        (change(access_list(3, place="port"), access_list(4, place="port")), "another place"),
        (GOOD_DELTA.replace(b'\\"max_age_s\\":60', b'\\"max_age_s\\":61'), "signature"),
        (GOOD_DELTA[:-40], "neither a part"),
    ],
)
def test_what_is_refused_changes_nothing(payload: bytes, why: str) -> None:
    lists = holder(3)
    lists.take(change(access_list(3), replace(access_list(4), lockdown=True)))
    before = lists.current
    with pytest.raises(ListRefused, match=why):
        lists.take(payload)
    assert lists.current is before
    assert lists.refusals == 1
    assert lists.complaint is None or "older" not in why


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (part_with(zlib.compress(b"{}"), digest="0" * 64), "what was signed"),
        (part_with(b"not zlib", bytes=8), "unpacked"),
        (part_with(NONSENSE, bytes=3), "another length"),
        (part_with(NONSENSE, bytes=1), "another length"),
        (part_with(NONSENSE + b"and more", bytes=2), "another length"),
        (part_with(NONSENSE[:-4], bytes=2), "another length"),
        (part_with(zlib.compress(b"\xff"), bytes=1), "unpacked"),
        (part_with(NONSENSE, bytes=2), "missing|place|members|time_zone"),
        (part_with(zlib.compress(b"x" * 5), bytes=5), "JSON"),
        (part_with(b"x" * 1000, bytes=5), "more than was signed"),
        (part_with(base64.b64decode(json.loads(GOOD)["data"]), version=8), "head says"),
        (part_with(base64.b64decode(json.loads(GOOD)["data"]), fingerprint="0" * 64), "fingerprint says"),
        (change(access_list(7), access_list(8)), "delta for version 7, and 3 is held"),
        (change(access_list(3, lockdown=True), access_list(4, lockdown=True)), "another list than the centre's"),
    ],
)
def test_what_is_the_centres_but_no_use_asks_for_the_whole_list(payload: bytes, why: str) -> None:
    lists = holder(3)
    before = lists.current
    with pytest.raises(WholeNeeded, match=why):
        lists.take(payload)
    assert lists.current is before
    assert lists.complaint is not None
    assert lists.take(GOOD) is not None
    assert lists.complaint is None


def test_a_delta_without_any_list_asks_for_one() -> None:
    lists = holder()
    with pytest.raises(WholeNeeded, match="no list is held"):
        lists.take(DELTAS[1, 2])
    assert lists.current is None


def test_a_signature_for_one_purpose_is_none_for_another() -> None:
    delta = LIST_MESSAGE.validate_json(GOOD_DELTA)
    assert isinstance(delta, ListDelta)
    crossed = delta.model_copy(update={"signature": sign(SEED, "list", delta.body)}).model_dump_json().encode()
    with pytest.raises(ListRefused, match="signature"):
        holder(3).take(crossed)
    part = LIST_MESSAGE.validate_json(GOOD)
    assert isinstance(part, ListPart)
    crossed = part.model_copy(update={"signature": sign(SEED, "delta", part.head)}).model_dump_json().encode()
    with pytest.raises(ListRefused, match="signature"):
        holder(3).take(crossed)


def test_a_part_that_contradicts_is_refused_and_the_rest_goes_on() -> None:
    lists = holder()
    lists.take(PARTS[5][0])
    wrong = json.loads(PARTS[5][0])
    wrong["data"] = base64.b64encode(b"something else").decode()
    with pytest.raises(ListRefused, match="contradicts"):
        lists.take(json.dumps(wrong).encode())
    for part in PARTS[5][1:]:
        lists.take(part)
    assert lists.current == LISTS[5]


def test_a_false_piece_spoils_its_list_and_nothing_else() -> None:
    lists = holder(3)
    wrong = json.loads(PARTS[5][0])
    wrong["data"] = base64.b64encode(b"something else").decode()
    lists.take(json.dumps(wrong).encode())
    for part in PARTS[5][1:-1]:
        assert lists.take(part) is None
    with pytest.raises(WholeNeeded, match="what was signed"):
        lists.take(PARTS[5][-1])
    assert lists.version == 3
    assert lists.complaint is not None
    for part in PARTS[5]:
        lists.take(part)
    assert lists.current == LISTS[5]


def test_a_bomb_is_not_unpacked() -> None:
    bomb = zlib.compress(b"[" * 100_000_000)
    payload = part_with(bomb, bytes=100_000)
    lists = holder()
    tracemalloc.start()
    try:
        with pytest.raises(WholeNeeded, match="another length"):
            lists.take(payload)
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()


@given(cut=st.integers(0, len(GOOD) - 1), flip=st.integers(0, 255))
def test_no_changed_byte_gets_another_list_in(cut: int, flip: int) -> None:
    changed = bytearray(GOOD)
    changed[cut] = flip
    lists = holder(3)
    try:
        lists.take(bytes(changed))
    except ListRefused:
        assert lists.version == 3
    else:
        assert lists.current in (access_list(9), access_list(3)), "only what means the same passes"


@given(cut=st.integers(0, len(GOOD_DELTA) - 1), flip=st.integers(0, 255))
def test_no_changed_byte_gets_another_delta_in(cut: int, flip: int) -> None:
    changed = bytearray(GOOD_DELTA)
    changed[cut] = flip
    lists = holder(3)
    try:
        lists.take(bytes(changed))
    except ListRefused:
        assert lists.version == 3
    else:
        assert lists.current == access_list(9, max_age_s=60), "only what means the same passes"


def test_the_collector_does_not_look_through_the_list_in_force_however_short() -> None:
    lists = holder(3)
    for part in PARTS[5]:
        lists.take(part)
    assert lists.current == LISTS[5]
    looked_through = {id(one) for one in gc.get_objects()}
    assert not any(id(entry) in looked_through for entry in lists.current.entries.values())
    assert gc.isenabled()


def test_what_a_list_says_can_be_compared() -> None:
    from access.compare import digest

    report = list_report(LISTS[3])
    assert report is not None
    told = json.loads(zlib.decompress(base64.b64decode(report)))
    assert told == {token: digest(entry).hex()[:16] for token, entry in LISTS[3].entries.items()}
    assert list_report(None) is not None
