"""Tokens and hashes under a place's key. The vectors are what released lists and databases hold."""

from __future__ import annotations

import time

import pytest
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from access import CardError, card_token, code_token, pin_hash
from access.tokens import COST, hard_pin, listed_pin
from rights.card_secret import CardKeys, lookup_key, opening_key, place_key

SECRET = bytes(range(32))


def test_the_vectors() -> None:
    gare = place_key(SECRET, "gare")
    assert gare.hex() == "8ba815d6b76f7cc003ab5f2fed02d06302c4412f38cab91bbb2b2e793f9a9733"
    assert card_token(gare, "04A2245AC16D80") == "db588adda6a9f23388724d20bde79eabc0479f3c0341819dba95b74d17aad8df"
    assert code_token(gare, "271828") == "28c3bfc531fff46a87a0d1ce579633b5858f3ba6aa692864cf0769001dc5018b"
    assert hard_pin("m-anna", "314159") == "b24e7d72df4577d991eb49e9e0317374"
    assert pin_hash(gare, "m-anna", "314159") == "7ec3b2d976fbf82ace96ca182cdef172"
    assert (
        CardKeys.of(SECRET).found_by("04A2245AC16D80").hex()
        == "680bb029fbe31aa6d0b9e3f60fc62727417b0b7be2af41cb297cfd57b98a4385"
    )
    assert CardKeys.of(SECRET).sealing_text == "feAUZ/UVnoxXgasM6yF3p4aGP/OiFMayJ3bupZMJFic="


def test_a_place_says_nothing_of_another_s_cards_codes_and_pins() -> None:
    keys = [place_key(SECRET, place) for place in ("gare", "port", "gare1")]
    assert len({card_token(key, "04A2245AC16D80") for key in keys}) == 3
    assert len({code_token(key, "271828") for key in keys}) == 3
    assert len({pin_hash(key, "m-anna", "314159") for key in keys}) == 3
    assert len({*keys, lookup_key(SECRET), opening_key(SECRET)}) == 5
    assert pin_hash(keys[0], "m-anna", "314159") != pin_hash(keys[0], "m-ben", "314159"), "salted by the member"


def test_each_try_costs_memory() -> None:
    salt = b"maillage pin\0m-anna"
    assert COST >= 1 << 13
    hashed = Scrypt(salt=salt, length=32, n=COST, r=8, p=1).derive(b"314159")
    assert hard_pin("m-anna", "314159") == hashed[:16].hex()
    assert pin_hash(SECRET, "m-anna", "314159") == listed_pin(SECRET, hashed[:16].hex())
    began = time.process_time()
    code_token(SECRET, "271828")
    assert time.process_time() - began > 0.002, "all codes of six digits in less than an hour"


@pytest.mark.parametrize("digits", ["", "123", "1234567890123", "12a4", "１２３４", "1234\n"])
def test_digits_that_are_no_code_and_no_pin(digits: str) -> None:
    with pytest.raises(CardError):
        code_token(SECRET, digits)
    with pytest.raises(CardError):
        hard_pin("m-anna", digits)
