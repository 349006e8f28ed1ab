"""The identity folder: written for its owner only, read back whole, refused where others may read it."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from gateway.identity import FILES, Identity, IdentityError, read_identities, read_identity, write_identity

_LIST_KEY = base64.b64encode(bytes(range(32))).decode()


def _write(directory: Path, gateway: str = "gw-essai") -> Identity:
    identity = Identity(
        directory=directory,
        shard=7,
        place="essai",
        gateway=gateway,
        broker="mqtts://broker.example.org:8883",
        api="https://api.example.org",
        list_keys=(_LIST_KEY,),
    )
    write_identity(identity, key=b"KEY", certificate=b"CERTIFICATE", authority=b"AUTHORITY", sealing_key=bytes(32))
    return identity


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    written = _write(tmp_path / "identity")
    read = read_identity(tmp_path / "identity")
    assert read == written
    assert read.sealing_key() == bytes(32)
    assert read.key.read_bytes() == b"KEY"
    assert read.address.topic("events") == "maillage/v1/07/essai/gw-essai/events"


def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    directory = _write(tmp_path / "identity").directory
    assert directory.stat().st_mode & 0o777 == 0o700
    assert {name: (directory / name).stat().st_mode & 0o777 for name in FILES} == dict.fromkeys(FILES, 0o600)


def test_a_folder_of_identities_is_read_sorted(tmp_path: Path) -> None:
    for name in ("b", "a"):
        _write(tmp_path / name, f"gw-{name}")
    (tmp_path / "notes").mkdir()
    assert [one.gateway for one in read_identities(tmp_path)] == ["gw-a", "gw-b"]
    assert [one.gateway for one in read_identities(tmp_path / "b")] == ["gw-b"]


@pytest.mark.parametrize("name", ["key.pem", "sealing.key", "."])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, name: str) -> None:
    directory = _write(tmp_path / "identity").directory
    (directory / name).chmod(0o750)
    with pytest.raises(IdentityError, match=r"others may read .*chmod [67]00"):
        read_identity(directory)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    directory = _write(tmp_path / "identity").directory
    (directory / name).unlink()
    with pytest.raises(IdentityError, match=name):
        read_identity(directory)


def test_a_folder_without_an_identity_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IdentityError, match="maillage gateway join"):
        read_identities(tmp_path)


@pytest.mark.parametrize(
    ("field", "value"),
    [("shard", 64), ("place", "Essai!"), ("broker", "http://x"), ("list_keys", []), ("list_keys", ["c2hvcnQ="])],
)
def test_a_field_that_does_not_fit_is_named(tmp_path: Path, field: str, value: object) -> None:
    directory = _write(tmp_path / "identity").directory
    path = directory / "identity.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), field: value}))
    with pytest.raises(IdentityError, match=field):
        read_identity(directory)


def test_a_description_that_is_no_json_is_refused(tmp_path: Path) -> None:
    directory = _write(tmp_path / "identity").directory
    (directory / "identity.json").write_text("[1")
    with pytest.raises(IdentityError, match=r"identity\.json"):
        read_identity(directory)
