"""The key that signs lists changes in two steps, and not before every gateway believes the next one."""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path

import pytest

from gateway.contract.signing import new_seed, public_key
from maillage.complaint import Complaint
from maillage.network.founding import read_environment, write_environment
from maillage.signing_key import begin, finish
from tests.api_server import Centre


def test_the_next_key_signs_once_every_gateway_believes_it(database_url: str, tmp_path: Path) -> None:
    with contextlib.closing(Centre(database_url)) as centre:
        _change(centre, tmp_path / "rights.env")


def _change(centre: Centre, file: Path) -> None:
    centre.place("gare")
    centre.place("never-joined")
    sql = centre.conn
    sql.execute("UPDATE gateway SET joined_at = now(), sealing_key = %s WHERE code = 'gare-1'", (bytes(32),))
    old = new_seed()
    write_environment(file, {"MAILLAGE_DATABASE_URL": "postgresql://x", "MAILLAGE_LIST_SIGNING_KEY": old})
    with pytest.raises(Complaint, match="no next key"):
        finish(file, sql, anyway=False)
    begin(file)
    with pytest.raises(Complaint, match="next key already"):
        begin(file)
    settings = read_environment(file)
    following = settings["MAILLAGE_LIST_SIGNING_KEY_NEXT"]
    assert settings["MAILLAGE_LIST_SIGNING_KEY"] == old != following
    assert file.stat().st_mode & 0o777 == 0o600

    def holds(version: int, *seeds: str) -> None:
        body = json.dumps({"list_keys": [public_key(seed) for seed in seeds]})
        fingerprint = hashlib.sha256(body.encode()).hexdigest()
        sql.execute(
            "INSERT INTO gateway_configuration (gateway, place, version, body, fingerprint, made_of)"
            " SELECT id, place, %s, %s, %s, '' FROM gateway WHERE code = 'gare-1'",
            (version, body, fingerprint),
        )
        sql.execute(
            "INSERT INTO gateway_state"
            " (gateway, place, online, heard_at, changed_at, config_version, config_fingerprint)"
            " SELECT id, place, true, now(), now(), %s, %s FROM gateway WHERE code = 'gare-1'"
            " ON CONFLICT (gateway) DO UPDATE"
            " SET config_version = excluded.config_version, config_fingerprint = excluded.config_fingerprint",
            (version, fingerprint),
        )

    for version in (1, 2):
        holds(version, old)
        with pytest.raises(Complaint, match="gare-1"):
            finish(file, sql, anyway=False)
    holds(3, old, following)
    finish(file, sql, anyway=False)
    assert read_environment(file) == {
        "MAILLAGE_DATABASE_URL": "postgresql://x",
        "MAILLAGE_LIST_SIGNING_KEY": following,
    }
