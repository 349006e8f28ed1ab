"""Gateways learn that the authority is being changed."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from gateway.contract.signing import new_seed
from gateway.contract.wire import Address
from rights.fleet import Gateway, GatewayList
from rights.metrics import Metrics
from rights.renewals import Renewals


class _Changing:
    """An authority that is being changed: nobody has a certificate of its new key."""

    changing = "the certificates"

    def __init__(self) -> None:
        self.asked = 0

    def behind(self, _connection: object) -> list[str]:
        self.asked += 1
        return ["gare-1"]


def test_a_gateway_that_comes_online_later_is_told_at_once_and_then_now_and_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[str] = []
    certificates = _Changing()
    told = Renewals(lambda topic, _message: sent.append(topic), new_seed(), cast("Any", certificates), Metrics())
    address = Address(shard=0, place="gare", gateway="gare-1")
    side = GatewayList(gateway=Gateway(id=1, code="gare-1", place=1, address=address))

    def turn() -> int:
        told.turn(cast("Any", None), {}, {"gare-1": side}, datetime.now(UTC))
        return len(sent)

    assert turn() == 0
    side.online = True
    assert turn() == 1
    assert turn() == 1, "once a minute"
    assert certificates.asked == 1, "nor is the database asked"
    later = time.monotonic() + 61
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert turn() == 2
    side.online = False
    assert turn() == 2
    side.online = True
    assert turn() == 3
