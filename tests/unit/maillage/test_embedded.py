from __future__ import annotations

import base64
import hashlib
import stat
from pathlib import Path

from maillage.broker import password_hash
from maillage.embedded.secrets import load_secrets


def test_password_is_hashed_as_mosquitto_reads_it() -> None:
    _, scheme, rounds, salt, digest = password_hash("s3cret").split("$")
    assert scheme == "7"
    expected = hashlib.pbkdf2_hmac("sha512", b"s3cret", base64.b64decode(salt), int(rounds))
    assert base64.b64decode(digest) == expected
    assert password_hash("s3cret") != password_hash("s3cret")


def test_secrets_are_made_once_and_read_by_their_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    made = load_secrets(path)
    assert load_secrets(path) == made
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(bytes.fromhex(made.card_key)) == 32
    assert len(base64.b64decode(made.list_signing_key)) == 32
    assert len({made.postgres, *made.logins.values(), *made.mqtt.values()}) == 1 + len(made.logins) + len(made.mqtt)
