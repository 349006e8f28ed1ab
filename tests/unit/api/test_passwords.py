"""Which passwords are refused, and that their hashes are made apart, few at once."""

from __future__ import annotations

import asyncio
import threading

import pytest

from api.http.errors import Unavailable
from api.sign_in import passwords


@pytest.mark.parametrize(
    "password",
    [
        "quatre mots au hasard",
        "correct horse battery",
        "x7#kd92!kdlqpf0",
        "Il pleut souvent à Brest",
        "ハンバーガーを毎日食べたいです本当",
    ],
)
def test_good_ones(password: str) -> None:
    assert not passwords.is_short(password)
    assert not passwords.is_common(password, "Jeanne Petit", "jeanne@example.org")


@pytest.mark.parametrize(
    "password",
    [
        "passwordpassword",
        "motdepasse2026!",
        "azertyuiopqsdfghjklm",
        "111111111111111111",
        "abcabcabcabcabc",
        "bonjour123456789",
        "maillage-maillage",
        "Jeanne Petit 2026",
        "jeanne@example.org",
    ],
)
def test_ones_that_anybody_guesses(password: str) -> None:
    assert passwords.is_common(password, "Jeanne Petit", "jeanne@example.org")


def test_length_counts_characters_as_they_are_hashed() -> None:
    assert passwords.is_short("e\u0301" * 14)  # é, composed
    assert not passwords.is_short("é" * 15)
    assert passwords.typed("e\u0301") == passwords.typed("é")


def test_a_hash_is_of_its_password_only_and_nobodys_password_is_never_right() -> None:
    async def checked() -> list[bool]:
        made = await passwords.hashed("quatre mots au hasard")
        assert made.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
        nobodys = "nobody's password: no text verifies against it"
        tries = [("quatre mots au hasard", made), ("quatre mots au hasarD", made), (nobodys, None), ("x", "no hash")]
        return [await passwords.verified(text, hash_) for text, hash_ in tries]

    assert asyncio.run(checked()) == [True, False, False, False]


def test_an_unknown_address_takes_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def verify(hash_: str, _password: str) -> bool:
        seen.append(hash_)
        return True

    monkeypatch.setattr(passwords, "_verify", verify)
    assert asyncio.run(passwords.verified("x", None)) is False
    cost = "$argon2id$v=19$m=65536,t=3,p=1$"
    assert [one[: len(cost)] for one in seen] == [cost]


def test_two_are_hashed_at_once_and_those_that_wait_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    go, lock = threading.Event(), threading.Lock()
    now = most = 0

    def slow(_hash: str, _password: str) -> bool:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        go.wait(30)
        with lock:
            now -= 1
        return True

    monkeypatch.setattr(passwords, "_verify", slow)

    async def many() -> int:
        asked = [asyncio.ensure_future(passwords.verified("x", "y")) for _ in range(60)]
        await asyncio.sleep(0)
        go.set()
        found = await asyncio.gather(*asked, return_exceptions=True)
        return sum(isinstance(one, Unavailable) for one in found)

    assert asyncio.run(many()) == 20
    assert most <= 2
