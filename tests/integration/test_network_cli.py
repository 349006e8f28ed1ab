"""``maillage network`` as typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.config import read_gateways
from maillage.cli import app
from maillage.network.errors import KeyMissingError, NetworkError, SelectionError

CORSICA = ("network", "import", "--region", "corse")
SAMPLE = ("sample", "create", "--region", "corse")


@pytest.fixture(autouse=True)
def _environment(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILLAGE_DATABASE_URL", database_url)
    monkeypatch.setenv("MAILLAGE_CARD_SECRET", "0f" * 32)
    monkeypatch.setenv("MAILLAGE_GATEWAYS_FILE", str(tmp_path / "gateways.json"))


def _run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words), catch_exceptions=False)


def test_from_the_inventory_to_the_gateways_file(tmp_path: Path) -> None:
    done = _run(*CORSICA, "--report", str(tmp_path / "report.json"))
    assert "line 849: SPRING BOX COWORKING: refused, unconfirmed: no postcode" in done.stdout
    assert "7 places added, 0 updated, 0 unchanged." in done.stdout
    assert json.loads((tmp_path / "report.json").read_text())["added"] == 7
    assert "nothing changed: all 7 places are there already." in _run(*CORSICA).stdout
    assert "7 places with" in _run(*SAMPLE).stdout
    assert "nothing to make: the 7 places have their equipment already." in _run(*SAMPLE).stdout
    assert "7 gateways with" in _run("network", "gateways").stdout
    gateways = read_gateways(tmp_path / "gateways.json")
    assert len(gateways) == 7
    one = tmp_path / "one.json"
    _run("network", "gateways", "--place", gateways[0].place, "--out", str(one))
    assert read_gateways(one) == gateways[:1]
    (region,) = json.loads(_run("network", "show", "--json").stdout)
    assert (region["region"], region["places"], region["lists"]) == ("Corse", 7, 0)
    assert _run("network", "show").stdout.splitlines()[-1].startswith("total")


@pytest.mark.parametrize(
    ("words", "unset", "error", "message"),
    [
        (SAMPLE, "MAILLAGE_CARD_SECRET", KeyMissingError, "MAILLAGE_CARD_SECRET is not set"),
        (
            (
                "network",
                "gateways",
            ),
            None,
            SelectionError,
            "run `maillage sample create`",
        ),
        (("network", "gateways", "--place", "nowhere"), None, SelectionError, "no gateway in service in nowhere"),
        (("network", "import", "no-such-file.csv"), None, NetworkError, "cannot read no-such-file.csv"),
    ],
)
def test_what_is_missing_is_told(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], unset: str | None, error: type[Exception], message: str
) -> None:
    if unset:
        monkeypatch.delenv(unset)
    with pytest.raises(error, match=message):
        _run(*words)


def test_an_import_needs_no_key_and_says_what_comes_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAILLAGE_CARD_SECRET")
    done = _run(*CORSICA).stdout
    assert "7 places added" in done
    assert "next: fit your places out: `maillage place export CODE`" in done
