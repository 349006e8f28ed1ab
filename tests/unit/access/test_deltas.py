"""Deltas come late, twice, in another order, cut or altered: what is held is always a list that the centre made."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from access import AccessList, Entry, ListError, Member, Right, decide, to_json
from access.compare import Delta, apply, compare, delta, delta_of, digest, fingerprint, moved, settings_digest
from access.deltas_json import delta_from_json, delta_to_json
from access.rules import Allowance, Terms
from access.schedules import DAYS, schedule_from_json
from tests.unit.access.test_compare import NOON, TOKENS, lists


@st.composite
def chains(draw: st.DrawFn) -> list[AccessList]:
    return [draw(lists(version=version)) for version in range(1, draw(st.integers(3, 6)))]


def texts(chain: list[AccessList]) -> list[str]:
    return [delta_to_json(delta(old, new)) for old, new in pairwise(chain)]


class Gateway:
    """Holds a list and takes what fits it, as a gateway does after a signature was checked."""

    def __init__(self, held: AccessList) -> None:
        self.held = held
        self.known = fingerprint(held)

    def take(self, text: str) -> bool:
        try:
            change = delta_from_json(text)
            self.held = apply(self.held, change, known=self.known)
        except ListError:
            return False
        self.known = change.fingerprint
        return True


@settings(max_examples=30, deadline=None)
@given(chains())
def test_a_chain_of_deltas_is_the_full_list_and_its_fingerprint(chain: list[AccessList]) -> None:
    gateway = Gateway(chain[0])
    for text, full in zip(texts(chain), chain[1:], strict=True):
        assert gateway.take(text)
        assert gateway.held == full
        assert to_json(gateway.held) == to_json(full)
        assert gateway.known == fingerprint(full)


@settings(max_examples=30, deadline=None)
@given(chains(), st.data())
def test_lost_late_twice_or_in_another_order(chain: list[AccessList], data: st.DataObject) -> None:
    sent = texts(chain)
    gateway = Gateway(chain[0])
    for number in data.draw(st.lists(st.integers(0, len(sent) - 1), max_size=12)):
        before = gateway.held
        fits = before.version == number + 1
        assert gateway.take(sent[number]) is fits
        assert fits or gateway.held is before
        assert gateway.held == chain[gateway.held.version - 1]
        assert gateway.known == fingerprint(gateway.held)


@settings(max_examples=150, deadline=None)
@given(lists(), lists(version=2), st.data())
def test_cut_or_altered_it_is_refused_or_says_the_same(old: AccessList, new: AccessList, data: st.DataObject) -> None:
    """Without any signature: of what opens doors nothing can change unseen. Versions and ages are the signature's."""
    text = delta_to_json(delta(old, new))
    if not text.startswith("{") and data.draw(st.booleans()):
        text = zlib.decompress(base64.b85decode(text)).decode()
    at = data.draw(st.integers(0, len(text) - 1))
    how = data.draw(st.sampled_from(["cut", "put", "drop", "twice"]))
    put = data.draw(st.sampled_from('0123456789abcdef",:[]{}truefalsn'))
    altered = {
        "cut": text[:at],
        "put": text[:at] + put + text[at + 1 :],
        "drop": text[:at] + text[at + 1 :],
        "twice": text[:at] + text[at] + text[at:],
    }[how]
    gateway = Gateway(old)
    if gateway.take(altered):
        assert not compare(new, gateway.held)
        assert fingerprint(gateway.held) == fingerprint(new)
        for token in TOKENS:
            assert decide(gateway.held, token, "lab", "in", NOON) == decide(new, token, "lab", "in", NOON) or (
                gateway.held.made_at != new.made_at or gateway.held.max_age_s != new.max_age_s
            )
    else:
        assert gateway.held is old


@settings(max_examples=50, deadline=None)
@given(lists(), lists(version=2))
def test_a_delta_of_single_changes_is_the_delta_of_two_lists(old: AccessList, new: AccessList) -> None:
    """As the rights process makes them, from rows: whether a holder changed needs not be known."""
    changed = [entry for token, entry in new.entries.items() if old.entries.get(token) != entry]
    removed = old.entries.keys() - new.entries.keys()
    minus = [digest(old.entries[token]) for token in removed]
    minus += [digest(old.entries[entry.token]) for entry in changed if entry.token in old.entries]
    known = moved(fingerprint(old), minus, [digest(entry) for entry in changed])
    known = moved(known, [settings_digest(old)], [settings_digest(new)])
    assert known == fingerprint(new)
    change: Delta = delta_of(
        old.version,
        replace(new, entries={}),
        changed=((entry, True) for entry in changed),
        removed=removed,
        settings_changed=True,
        fingerprint=known,
    )
    assert apply(old, delta_from_json(delta_to_json(change)), known=fingerprint(old)) == new
    assert apply(old, change) == new


@settings(max_examples=50, deadline=None)
@given(lists(), lists(version=2))
def test_a_wrong_idea_of_what_is_held_is_found_out(old: AccessList, new: AccessList) -> None:
    change = delta(old, new)
    drifted = replace(old, entries={}) if old.entries else replace(old, lockdown=not old.lockdown)
    for known in (None, fingerprint(drifted)):
        try:
            made = apply(drifted, change, known=known)
        except ListError:
            continue
        assert not compare(new, made)  # everything in which it differed was in the delta


def test_what_is_not_the_shape_of_a_delta() -> None:
    member = "m-1"
    whole = json.loads(
        delta_to_json(
            delta(
                AccessList(place="gare", version=1, made_at=NOON, time_zone="Europe/Paris", entries={}),
                AccessList(place="gare", version=2, made_at=NOON, time_zone="Europe/Paris", entries={}, lockdown=True),
            )
        )
    )
    assert delta_from_json(json.dumps(whole)).settings
    for wrong in (
        {"cards": [[TOKENS[0], member, "active", None]]},
        {"cards": [[TOKENS[0], "", "active", None, None]]},
        {"cards": [["x", member, "active", None, None]]},
        {"removed": "all"},
        {"removed": ["x"]},
        {"settings": 1},
        {"base": -1},
        {"fingerprint": "0" * 63},
        {"part": None},
        {"part": {**whole["part"], "format": 3}},
    ):
        try:
            delta_from_json(json.dumps({**whole, **wrong}))
        except ListError:
            continue
        raise AssertionError(wrong)


def test_a_long_delta_travels_short() -> None:
    work = schedule_from_json({day: [["08:00", "12:30"], ["13:30", "19:30"]] for day in DAYS})
    terms = Terms(allowance=Allowance(unit="half_day", limit=20))
    right = Right(
        doors=None, schedule=work, valid_until=NOON, pass_ref="p-0123456789abcdef", terms=terms, used=(1, 2, 3)
    )
    member = Member(ref="m-0123456789abcdef", status="active", rights=(right,), pin="a" * 32, bookings=())
    entry = Entry(token=TOKENS[0], member=member, status="active")
    old = AccessList(place="gare", version=1, made_at=NOON, time_zone="Europe/Paris", entries={TOKENS[0]: entry})
    suspended = replace(entry, member=replace(member, status="suspended"))
    new = replace(old, version=2, entries={TOKENS[0]: suspended})
    text = delta_to_json(delta(old, new))
    assert len(text) < 600  # with the envelope and its signature: below 1 KB
    assert text == json.dumps(text)[1:-1]  # nothing in it wants to be escaped
    assert apply(old, delta_from_json(text)) == new
    for end in range(0, len(text), 5):
        with pytest.raises(ListError):
            delta_from_json(text[:end])
    for wrong in (text + "00000", base64.b85encode(b"{}").decode(), base64.b85encode(zlib.compress(b"[]")).decode()):
        with pytest.raises(ListError):
            delta_from_json(wrong)
