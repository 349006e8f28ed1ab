from __future__ import annotations

import base64
import hashlib
import json
import random
import zlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from access import AccessList, Entry, Member, Right, from_json
from access.compare import delta, fingerprint
from access.deltas_json import delta_from_json
from gateway.contract.list_messages import LIST_MESSAGE, MAX_PART_BYTES, ListDelta, ListHead, ListPart
from gateway.contract.signing import SignatureError, new_seed, public_key, verify
from gateway.contract.wire import Order, OrderBody
from rights.packing import delta_message, list_messages, order_message

SEED = new_seed()
AT = datetime(2026, 3, 3, tzinfo=UTC)


def a_list(cards: int, version: int = 1) -> AccessList:
    rng = random.Random(3)
    member = Member(ref="m-1", status="active", rights=(Right(doors=None, schedule=None),))
    tokens = [rng.randbytes(32).hex() for _ in range(cards)]
    return AccessList(
        place="gare",
        version=version,
        made_at=AT,
        time_zone="Europe/Paris",
        entries={token: Entry(token=token, member=member, status="active") for token in tokens},
    )


@pytest.mark.parametrize("cards", [0, 3, 12_000])
def test_a_whole_list_comes_back_from_its_parts(cards: int) -> None:
    whole = a_list(cards)
    parts = [LIST_MESSAGE.validate_json(one) for one in list_messages(whole, fingerprint(whole), SEED)]
    assert all(isinstance(one, ListPart) for one in parts)
    data = b""
    for number, one in enumerate(parts):
        assert isinstance(one, ListPart)
        verify(public_key(SEED), "list", one.head, one.signature)
        assert one.index == number
        piece = base64.b64decode(one.data)
        assert len(piece) <= MAX_PART_BYTES
        data += piece
    assert isinstance(parts[0], ListPart)
    head = ListHead.model_validate_json(parts[0].head)
    text = zlib.decompress(data)
    assert (head.parts, head.bytes, head.digest) == (len(parts), len(text), hashlib.sha256(data).hexdigest())
    assert (head.place, head.version, head.fingerprint) == ("gare", 1, fingerprint(whole))
    assert fingerprint(from_json(text.decode())) == head.fingerprint
    assert (len(parts) > 1) == (cards > 10_000)


def test_one_lost_card_is_short_and_signed_as_a_delta() -> None:
    old = a_list(300)
    token = next(iter(old.entries))
    lost = replace(old.entries[token], status="lost")
    new = replace(old, version=2, entries={**old.entries, token: lost})
    message = delta_message(delta(old, new), SEED)
    assert len(message) < 600
    read = LIST_MESSAGE.validate_json(message)
    assert isinstance(read, ListDelta)
    verify(public_key(SEED), "delta", read.body, read.signature)
    with pytest.raises(SignatureError):
        verify(public_key(SEED), "list", read.body, read.signature)
    assert delta_from_json(read.body).cards[0].token == token


def test_an_order_is_signed_as_one() -> None:
    body = OrderBody(id="o-1", gateway="g", do="unlock", door="entry", expires_at=1, nonce="n", by="key:1")
    command = Order.model_validate_json(order_message(body, SEED))
    verify(public_key(SEED), "command", command.body, command.signature)
    assert OrderBody.model_validate_json(command.body) == body
    assert "device" not in json.loads(command.body)
