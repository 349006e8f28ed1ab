"""Codes of the second factor, by the test vectors of RFC 6238, and recovery codes."""

from __future__ import annotations

import re

import pytest

from api.sign_in import totp

SECRET = b"12345678901234567890"  # RFC 6238, appendix B


@pytest.mark.parametrize(
    ("at_s", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_vectors_of_the_rfc(at_s: int, code: str) -> None:
    assert totp.code_at(SECRET, at_s // totp.STEP_S, digits=8) == code
    assert totp.step_of(SECRET, code[2:], at_s) == at_s // totp.STEP_S


def test_a_code_is_taken_a_step_early_or_late_and_no_more() -> None:
    at = 1_000_000 * totp.STEP_S
    found = [totp.step_of(SECRET, totp.code_at(SECRET, 1_000_000 + off), at) for off in range(-2, 3)]
    assert found == [None, 999_999, 1_000_000, 1_000_001, None]
    for nonsense in ("", "12345", "٠٠٠٠٠٠", "1234567"):
        assert totp.step_of(SECRET, nonsense, at) is None


def test_the_address_of_a_qr_code_has_nothing_that_ends_it() -> None:
    address = totp.address_of(SECRET, "a&secret=X?#é@example.org")
    assert re.fullmatch(r"otpauth://totp/Maillage:[\w%@.]+\?secret=[A-Z2-7]{32}&issuer=Maillage", address)


def test_recovery_codes_are_many_and_read_however_they_are_typed() -> None:
    codes = totp.new_recovery_codes()
    assert len(set(codes)) == 10
    one = codes[0]
    assert re.fullmatch("([a-z2-7]{4}-){3}[a-z2-7]{4}", one)
    assert totp.recovery_digest(one) == totp.recovery_digest(f" {one.upper().replace('-', ' ')} ")
    assert totp.recovery_digest(one) != totp.recovery_digest(codes[1])
