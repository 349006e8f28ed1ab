"""Receipts of the audit's head: what is signed, what is forged, and what contradicts one."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

import pytest

from gateway.contract.signing import SignatureError, new_seed, public_key, verify
from maillage.receipts import Receipt, ReceiptError, contradiction, read, write

SEED: Final = new_seed()
KEY: Final = public_key(SEED)
RECEIPT: Final = Receipt(
    chain=sha256(b"first").digest(),
    line=1234,
    hash=sha256(b"head").digest(),
    written_at=datetime(2028, 2, 29, 23, 59, 58, 7, UTC),
    signed_at=datetime(2028, 3, 1, 0, 0, 1, tzinfo=UTC),
)


def test_a_receipt_is_a_text_that_its_key_verifies() -> None:
    text = write(RECEIPT, SEED)
    assert read(text, KEY) == RECEIPT
    body, _, rest = text.partition("key: ")
    assert body == (
        f"maillage audit receipt 1\nchain: {RECEIPT.chain.hex()}\nline: 1234\nhash: {RECEIPT.hash.hex()}\n"
        "written: 2028-02-29T23:59:58.000007Z\nsigned: 2028-03-01T00:00:01.000000Z\n"
    )
    verify(KEY, "audit", body, rest.splitlines()[1].removeprefix("signature: "))


def test_the_mail_may_change_its_line_ends() -> None:
    assert read("\r\n" + write(RECEIPT, SEED).replace("\n", " \r\n") + "\r\n", KEY) == RECEIPT


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("line: 1234", "line: 1233"),
        (RECEIPT.hash.hex(), RECEIPT.chain.hex()),
        ("chain: " + RECEIPT.chain.hex(), "chain: " + RECEIPT.hash.hex()),
        ("signed: 2028-03-01", "signed: 2028-03-02"),
        ("written: 2028-02-29", "written: 2028-02-28"),
    ],
)
def test_a_forged_receipt_is_refused(was: str, becomes: str) -> None:
    text = write(RECEIPT, SEED)
    assert was in text
    with pytest.raises(SignatureError):
        read(text.replace(was, becomes), KEY)


def test_another_key_is_named() -> None:
    other = new_seed()
    with pytest.raises(ReceiptError, match="signed with another key"):
        read(write(RECEIPT, other), KEY)
    with pytest.raises(SignatureError):
        read(write(RECEIPT, other).replace(public_key(other), KEY), KEY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "maillage audit receipt 1\n",
        write(RECEIPT, SEED).replace("receipt 1", "receipt 2"),
        write(RECEIPT, SEED).partition("signature")[0],
        write(RECEIPT, SEED).replace("line: 1234", "line: 0"),
        write(RECEIPT, SEED) + "line: 7\n",
        write(RECEIPT, SEED).replace("2028-02-29", "2027-02-29"),
    ],
)
def test_what_is_no_receipt_is_refused(text: str) -> None:
    with pytest.raises(ReceiptError):
        read(text, KEY)


def test_what_contradicts_a_receipt() -> None:
    chain, digest = RECEIPT.chain, RECEIPT.hash
    assert contradiction(RECEIPT, chain=chain, head=1234, digest=digest) is None
    assert contradiction(RECEIPT, chain=None, head=9999, digest=digest) is None  # the walk began in the middle
    cut = contradiction(RECEIPT, chain=chain, head=1233, digest=None)
    assert cut is not None and "removed from its end: it ends at line 1233, but line 1234 was signed" in cut
    anew = contradiction(RECEIPT, chain=chain, head=1300, digest=sha256(b"x").digest())
    assert anew is not None and anew.startswith("it was written anew: line 1234")
    other = contradiction(RECEIPT, chain=sha256(b"x").digest(), head=3, digest=None)
    assert other is not None and "another network" in other
    empty = contradiction(RECEIPT, chain=None, head=0, digest=None)
    assert empty is not None and "removed from its end" in empty
