"""Sealed texts: opened by one key, for one purpose, whole."""

from __future__ import annotations

import pytest

from gateway.contract.sealed import SealError, new_pair, public_half, seal, unseal


def test_what_is_sealed_is_opened_by_its_key_alone() -> None:
    private, public = new_pair()
    other, _ = new_pair()
    sealed = seal(public, b"the text", b"test")
    assert unseal(private, sealed, b"test") == b"the text"
    assert b"the text" not in sealed
    assert seal(public, b"the text", b"test") != sealed
    assert public_half(private) == public
    with pytest.raises(SealError):
        unseal(other, sealed, b"test")


def test_a_text_sealed_for_one_purpose_is_opened_for_no_other() -> None:
    private, public = new_pair()
    with pytest.raises(SealError):
        unseal(private, seal(public, b"the text", b"test"), b"tests")


@pytest.mark.parametrize("cut", [0, 1, 31, 32, 47, 60])
def test_a_text_that_was_cut_is_not_opened(cut: int) -> None:
    private, public = new_pair()
    with pytest.raises(SealError):
        unseal(private, seal(public, b"a text of some length", b"test")[:cut], b"test")


def test_every_changed_bit_is_noticed() -> None:
    private, public = new_pair()
    sealed = seal(public, b"text", b"test")
    for index in range(len(sealed)):
        changed = bytearray(sealed)
        changed[index] ^= 1
        with pytest.raises(SealError):
            unseal(private, bytes(changed), b"test")


@pytest.mark.parametrize("key", [b"", b"short", b"\0" * 31, b"\0" * 33])
def test_a_key_of_another_length_is_refused(key: bytes) -> None:
    _, public = new_pair()
    with pytest.raises(SealError):
        seal(key, b"text", b"test")
    with pytest.raises(SealError):
        unseal(key, seal(public, b"text", b"test"), b"test")


def test_a_public_key_that_leads_to_a_known_secret_is_refused() -> None:
    with pytest.raises(SealError):
        seal(b"\0" * 32, b"text", b"test")
