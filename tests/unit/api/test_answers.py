"""Conditional and compressed answers."""

from __future__ import annotations

import asyncio
import gzip

import pytest
from starlette.datastructures import Headers

from api.http.answers import Packer, known

BODY = b"x" * 100_000
ETAG = b'W/"abc"'


@pytest.mark.parametrize("header", ['W/"abc"', '"abc"', '"x", W/"abc"', "*", ' W/"abc" '])
def test_a_validator_is_known_however_it_is_written(header: str) -> None:
    assert known(Headers({"if-none-match": header}), ETAG)


@pytest.mark.parametrize("header", ['"abcd"', "abc", "", 'W/"ab"'])
def test_another_is_not(header: str) -> None:
    assert not known(Headers({"if-none-match": header}), ETAG)


def test_long_answers_are_compressed_for_who_asks_and_told_apart_by_key() -> None:
    async def ask() -> None:
        packer, asks = Packer(), Headers({"accept-encoding": "gzip, br"})
        plain = await packer.answer(Headers({}), BODY, etag=ETAG)
        assert plain.body == BODY
        packed = await packer.answer(asks, BODY, etag=ETAG)
        assert gzip.decompress(bytes(packed.body)) == BODY
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.headers["content-length"] == str(len(packed.body))
        other = await packer.answer(asks, BODY[1:], etag=ETAG, key=b"limit=1")
        assert gzip.decompress(bytes(other.body)) == BODY[1:]
        assert (await packer.answer(asks, b"short", etag=ETAG, key=b"s")).body == b"short"
        for number in range(40):
            await packer.answer(asks, BODY, etag=ETAG, key=b"%d" % number)
        again = await packer.answer(asks, BODY, etag=ETAG)
        assert gzip.decompress(bytes(again.body)) == BODY

    asyncio.run(ask())
