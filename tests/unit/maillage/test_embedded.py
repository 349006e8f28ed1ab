from __future__ import annotations

import base64
import hashlib
import shutil
import stat
import subprocess
import sys
from pathlib import Path

from maillage.broker import password_hash
from maillage.embedded.bundle import Bundle
from maillage.embedded.process import free_port
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
    assert len(bytes.fromhex(made.card_secret)) == 32
    assert len(base64.b64decode(made.list_signing_key)) == 32
    assert len({made.postgres, *made.logins.values()}) == 1 + len(made.logins)


def test_a_machine_without_apt_is_told_what_else_there_is(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("bash", "sed", "dirname", "basename", "mkdir", "head"):
        found = shutil.which(name)
        assert found is not None
        (programs / name).symlink_to(found)
    script = Path(__file__).parents[3] / "maillage/embedded/fetch-servers"
    done = subprocess.run(
        [script, tmp_path / "servers"], env={"PATH": str(programs)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "no apt-get" in done.stderr
    assert "deploy/compose.yaml" in done.stderr
    assert "MAILLAGE_DATABASE_URL" in done.stderr


def test_programs_that_are_there_are_not_fetched_again(tmp_path: Path, bundle: Bundle) -> None:
    (tmp_path / "servers").symlink_to(bundle.directory)
    script = Path(__file__).parents[3] / "maillage/embedded/fetch-servers"
    done = subprocess.run([script, tmp_path / "servers"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert set(bundle.versions()) == {"postgresql", "timescaledb", "mosquitto"}


def test_a_port_is_not_one_that_the_system_gives_away_and_no_other_process_gets_it() -> None:
    """Once the API of a test found its port taken: the system had given it to a connection before the API's bind."""
    mine = {free_port() for _ in range(32)}
    assert len(mine) == 32
    given_by_the_system = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert max(mine) < given_by_the_system
    first = min(mine)
    take_all = f"""
from maillage.embedded import process
process._FIRST_OWN, process._first_given_by_the_system = {first}, lambda: {first + 50}
try:
    for _ in range(99): print(process.free_port())
except process.ServerError: pass
"""
    done = subprocess.run([sys.executable, "-c", take_all], capture_output=True, text=True, check=True)
    others = set(map(int, done.stdout.split()))
    assert others
    assert mine.isdisjoint(others)
