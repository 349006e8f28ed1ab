"""Certificates of processes and broker are made again in time, for the same names, and an alarm says what ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from maillage.authority import create, finish, issue_process, issue_server, renew
from maillage.reissue import BEFORE, held, reissue
from rights.authority import load
from rights.reminders import authorities_that_end, certificates_that_end

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)


def _network(folder: Path, *, ends: datetime) -> Path:
    create(folder / "authority", NOW)
    for name in ("ingest", "rights"):
        issue_process(folder / "authority", name, folder / name, now=NOW)
    names = ("broker.example.org", "192.0.2.7", "localhost")
    issue_server(folder / "authority", names, folder / "broker/server", now=NOW, life=ends - NOW)
    return folder


def test_what_ends_soon_is_made_again_for_the_same_names(tmp_path: Path) -> None:
    network = _network(tmp_path, ends=NOW + BEFORE - DAY)
    key = (network / "broker/server/key.pem").read_bytes()
    assert [one.whose for one in reissue(network, NOW)] == ["broker"]
    (ingest, rights, broker) = held(network)
    assert (broker.names, broker.until) == (("broker.example.org", "192.0.2.7", "localhost"), NOW + 365 * DAY)
    assert (network / "broker/server/key.pem").read_bytes() != key
    assert {(path.stat().st_mode & 0o777) for path in (network / "broker/server").iterdir()} == {0o600}
    assert reissue(network, NOW) == []
    assert [one.whose for one in reissue(network, NOW + 276 * DAY)] == ["ingest", "rights", "broker"]
    assert [one.whose for one in reissue(network, NOW, every=True)] == ["ingest", "rights", "broker"]
    assert ingest.until == rights.until == NOW + 365 * DAY


def test_what_the_key_before_has_signed_is_made_again(tmp_path: Path) -> None:
    network = _network(tmp_path, ends=NOW + 365 * DAY)
    assert reissue(network, NOW) == []
    renew(network / "authority", NOW)
    assert [one.whose for one in reissue(network, NOW)] == ["ingest", "rights", "broker"]
    assert reissue(network, NOW) == []
    finish(network / "authority")
    assert [one.whose for one in reissue(network, NOW)] == ["ingest", "rights"], "they believe the key before no longer"
    assert (network / "rights/authority.pem").read_text() == load(network / "authority").pem()
    assert reissue(network, NOW) == []


def test_an_alarm_comes_well_before_the_end() -> None:
    ends = {"the broker": NOW + 29 * DAY, "the rights process": NOW + 31 * DAY, "nobody": None}
    (alarm,) = certificates_that_end(ends, NOW)
    assert alarm.kind == "certificate_ending"
    assert alarm.text.startswith(
        f"the certificate of the broker ends on {NOW + 29 * DAY:%Y-%m-%d}: `maillage authority"
    )
    (alarm,) = authorities_that_end({"gateways": NOW + 399 * DAY, "processes": NOW + 401 * DAY}, NOW)
    assert "the authority of gateways ends" in alarm.text
    assert "`maillage authority renew`" in alarm.text
