"""The gateway's key at rest."""

from __future__ import annotations

import io
import stat
from pathlib import Path

import pytest

from gateway import sealing
from gateway.identity import Identity, IdentityError, seal_identity, write_identity
from gateway.sealing import PassphraseSeal, SealingError, TpmSeal, read_secret, write_secret

KEY = bytes(range(32))
# Stands in for systemd-creds: "seals" by turning the letters round, and remembers nothing.
_STAND_IN = """#!/bin/sh
[ "$2" = "--name=maillage-sealing-key" ] || exit 3
case "$1" in
  encrypt) [ "$3" = "--with-key=tpm2" ] || exit 4; base64 -w0 | tr 'A-Za-z' 'N-ZA-Mn-za-m' ;;
  decrypt) tr 'A-Za-z' 'N-ZA-Mn-za-m' | base64 -d ;;
esac
"""


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "_COST", 1 << 10)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)


@pytest.fixture
def identity(tmp_path: Path) -> Identity:
    made = Identity(
        directory=tmp_path / "gare-1",
        shard=1,
        place="gare",
        gateway="gare-1",
        broker="mqtts://broker:8883",
        api="https://api",
        list_keys=("A" * 43 + "=",),
    )
    write_identity(made, key=b"key", certificate=b"certificate", authority=b"authority", sealing_key=KEY)
    return made


def _never() -> str:
    raise AssertionError("nobody is asked")


def test_plain_and_by_a_passphrase() -> None:
    assert read_secret(write_secret(KEY, None), _never) == KEY
    sealed = write_secret(KEY, PassphraseSeal(lambda: "rain in Limoges"))
    assert read_secret(sealed, lambda: "rain in Limoges") == KEY
    with pytest.raises(SealingError, match="passphrase"):
        read_secret(sealed, lambda: "sun in Limoges")
    assert KEY not in sealed
    assert sealed != write_secret(KEY, PassphraseSeal(lambda: "rain in Limoges")), "salted"
    for broken in (b"{}", b'{"sealed_by": "magic"}', b"{", b"not base64!", sealed[:-40]):
        with pytest.raises(SealingError):
            read_secret(broken, lambda: "rain in Limoges")


def test_by_the_tpm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with monkeypatch.context() as nothing:
        nothing.setenv("PATH", str(tmp_path))
        with pytest.raises(SealingError, match="isn't installed"):
            write_secret(KEY, TpmSeal())
    program = tmp_path / "systemd-creds"
    program.write_text(_STAND_IN)
    program.chmod(0o755)
    sealed = write_secret(KEY, TpmSeal())
    assert KEY not in sealed
    assert read_secret(sealed, _never) == KEY
    with pytest.raises(SealingError, match="failed"):
        write_secret(KEY, TpmSeal(key="host"))


def test_a_sealed_identity_needs_its_passphrase_at_a_start(identity: Identity, tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_text("rain in Limoges\n")
    assert identity.sealing_key() == KEY
    seal_identity(identity, PassphraseSeal(lambda: "rain in Limoges"), file)
    path = identity.directory / "sealing.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"sealed_by" in path.read_bytes()
    assert identity.sealing_key(file) == KEY
    file.write_text("sun")
    with pytest.raises(IdentityError, match="passphrase"):
        identity.sealing_key(file)
    file.unlink()
    with pytest.raises(IdentityError, match="can't be read"):
        identity.sealing_key(file)
    file.write_text("rain in Limoges")
    seal_identity(identity, None, file)
    assert identity.sealing_key() == KEY


def test_the_passphrase_of_systemd(identity: Identity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seal_identity(identity, PassphraseSeal(lambda: "rain"), _file(tmp_path / "given", "rain"))
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(IdentityError, match="MAILLAGE_PASSPHRASE_FILE"):
        identity.sealing_key()
    _file(tmp_path / "maillage-passphrase", "rain")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert identity.sealing_key() == KEY


def _file(path: Path, text: str) -> Path:
    path.write_text(text)
    return path
