"""Bits that are sealed for the API are opened by it alone, and only as they were."""

from __future__ import annotations

import pytest

from rights.sealing import public_bytes, reply_key, seal, unseal

KEY = reply_key(b"k" * 32)


def test_what_is_sealed_is_opened_by_every_replica() -> None:
    sealed = seal(public_bytes(KEY), "0110", about="o-1")
    assert unseal(reply_key(b"k" * 32), sealed, about="o-1") == "0110"
    assert b"0110" not in sealed
    assert sealed != seal(public_bytes(KEY), "0110", about="o-1"), "equal cards look different"


def test_nobody_else_opens_it_nor_for_another_enrolment_nor_changed() -> None:
    sealed = seal(public_bytes(KEY), "0110", about="o-1")
    assert unseal(reply_key(b"x" * 32), sealed, about="o-1") is None
    assert unseal(KEY, sealed, about="o-2") is None
    assert unseal(KEY, sealed[:-1] + bytes([sealed[-1] ^ 1]), about="o-1") is None
    assert unseal(KEY, b"", about="o-1") is None
    with pytest.raises(ValueError, match="32 bytes"):
        seal(b"short", "0110", about="o-1")
