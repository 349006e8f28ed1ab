"""A place's broker is set up alike by the demo and by the file for real places."""

from __future__ import annotations

from pathlib import Path

from maillage.broker import write_open

DEPLOYED = Path(__file__).parents[3] / "deploy" / "field-broker.conf"


def settings(text: str) -> set[str]:
    lines = {line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")}
    return {line for line in lines if not line.startswith(("listener ", "persistence_location "))}


def test_the_file_for_a_place_says_what_the_embedded_broker_s_says(tmp_path: Path) -> None:
    write_open(tmp_path, listener="1884 127.0.0.1")
    embedded = (tmp_path / "mosquitto.conf").read_text()
    assert settings(DEPLOYED.read_text()) == settings(embedded)
    assert f"persistence_location {tmp_path}/\n" in embedded
