"""What the rights process does about the configuration that a gateway holds, and when there is a new version."""

from __future__ import annotations

import base64
import json
from itertools import pairwise
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.contract.configuration import LONGEST, SEALED_FOR, Secrets
from gateway.contract.sealed import new_pair, unseal
from gateway.contract.wire import Address, State
from rights.configuring import (
    ANSWER_S,
    IN_VAIN,
    REFUSED_AGAIN_S,
    GatewayConfigured,
    Layout,
    Said,
    TooLong,
    content_again,
    content_of,
)
from rights.fleet import Gateway, Target

GOOD, BAD = "a" * 64, "b" * 64
TARGET = Target(version=5, fingerprint=GOOD)
GATEWAY = Gateway(id=1, code="g", place=1, address=Address(shard=3, place="p", gateway="g"))
PRIVATE, PUBLIC = new_pair()
KEYS = ("A" * 44,)


def side() -> GatewayConfigured:
    return GatewayConfigured(gateway=GATEWAY)


def says(version: int | None, fingerprint: str | None = GOOD, **more: Any) -> State:
    return State(online=True, boot="b", config_version=version, config_fingerprint=fingerprint, **more)


def test_nothing_goes_to_one_that_is_away_or_holds_it_or_shall_hold_none() -> None:
    one = side()
    assert one.step(TARGET, 0) == "nothing"
    one.heard(says(5))
    assert one.step(TARGET, 0) == "nothing"
    one.heard(says(4))
    assert one.step(None, 0) == "nothing"
    one.heard(State(online=False))
    assert one.step(TARGET, 0) == "nothing"


def test_what_is_not_acknowledged_is_sent_again_less_and_less_often_and_told_once() -> None:
    one, now, at, told = side(), 0.0, [], 0
    one.heard(says(4))
    while now < 2000:
        step = one.step(TARGET, now)
        if step == "send":
            at.append(now)
            one.sending(5, now)
        told += step == "silent"
        now += 1
    assert told == 1
    gaps = [later - earlier for earlier, later in pairwise(at)]
    assert gaps[0] == ANSWER_S
    assert gaps == sorted(gaps)
    assert gaps[-1] == 300
    assert at[IN_VAIN] > 0
    one.heard(says(5))
    assert one.step(TARGET, now) == "nothing"


def test_a_newer_version_goes_out_at_once_and_so_does_the_newest_after_a_restart() -> None:
    one = side()
    one.heard(says(4))
    one.step(TARGET, 0)
    one.sending(5, 0)
    assert one.step(TARGET, 1) == "nothing"
    newer = Target(version=6, fingerprint=BAD)
    assert one.step(newer, 1) == "send"
    one.sending(6, 1)
    one.heard(says(4).model_copy(update={"boot": "c"}))
    assert one.step(newer, 2) == "send"


def test_a_refusal_is_told_once_and_tried_again_rarely() -> None:
    one, sent, told = side(), 0, 0
    one.heard(says(4))
    one.step(TARGET, 0)
    one.sending(5, 0)
    one.heard(says(4, config_refused="no such driver", config_refused_version=5))
    for now in range(int(REFUSED_AGAIN_S * 3)):
        step = one.step(TARGET, now)
        told += step == "refused"
        if step == "send":
            sent += 1
            one.sending(5, now)
    assert (told, sent) == (1, 2)
    assert one.step(Target(version=6, fingerprint=BAD), 10_000) == "send", "the refusal says nothing of the next"


def test_drift_is_found_and_told_once() -> None:
    one = side()
    one.heard(says(5, BAD))
    assert [one.step(TARGET, 0), one.step(TARGET, 1)] == ["differs", "nothing"]
    one = side()
    one.heard(says(7))
    assert [one.step(TARGET, 0), one.step(TARGET, 1)] == ["ahead", "nothing"]
    one = side()
    one.heard(says(5))
    one.step(TARGET, 0)
    one.heard(says(3))
    assert [one.step(TARGET, 1), one.step(TARGET, 1)] == ["went_back", "send"]
    one = side()
    one.heard(says(5))
    one.step(TARGET, 0)
    one.heard(says(3, config_refused="it died", config_refused_version=5))
    assert one.step(TARGET, 1) == "refused"


def said(**changes: Any) -> Said:
    values: dict[str, Any] = {
        "devices": ({"code": "desk", "driver": "zigbee2mqtt", "address": "z/desk"},),
        "doors": ({"code": "entry", "unlock_s": 5.0},),
        **{name: value for name, value in changes.items() if name in ("devices", "doors")},
    }
    layout = Layout(gateway=GATEWAY, time_zone="Europe/Paris", sealing_key=changes.get("sealing_key", PUBLIC), **values)
    return Said(
        layout=layout,
        back_to=changes.get("back_to"),
        secrets=changes.get("secrets", Secrets(card_key="5a" * 32)),
        list_keys=changes.get("list_keys", KEYS),
        content=content_of(layout),
    )


@pytest.mark.parametrize(
    "change",
    [
        {"devices": ()},
        {"doors": ({"code": "entry", "unlock_s": 6.0},)},
        {"secrets": Secrets(card_key="5b" * 32)},
        {"list_keys": ("B" * 44,)},
        {"sealing_key": new_pair()[1]},
        {"back_to": 3},
    ],
)
def test_whatever_changes_makes_a_new_version_and_nothing_else_does(change: dict[str, Any]) -> None:
    assert said().made_of == said().made_of
    assert said(**change).made_of != said().made_of


def test_a_body_holds_its_secrets_sealed_and_can_be_gone_back_to() -> None:
    body = said().body(7)
    told = json.loads(body)
    assert "5a5a" not in body
    opened = Secrets.model_validate_json(unseal(PRIVATE, base64.b64decode(told["sealed"]), SEALED_FOR))
    assert opened.card_key == "5a" * 32
    assert (told["version"], told["shard"], told["place"], told["gateway"]) == (7, 3, "p", "g")
    again = content_again(body)
    assert again["devices"] == [{"code": "desk", "driver": "zigbee2mqtt", "address": "z/desk"}]
    assert set(again) == {"time_zone", "doors", "devices"}


def test_what_no_gateway_could_read_is_no_version() -> None:
    with pytest.raises(ValidationError):
        said(devices=({"code": "", "driver": "zigbee2mqtt", "address": "z"},)).body(1)
    many = tuple(
        {"code": f"d{number}", "driver": "zigbee2mqtt", "address": "z" * 100} for number in range(LONGEST // 120)
    )
    with pytest.raises(TooLong):
        said(devices=many).body(1)
