"""Alarms for what people forget, raised with the rights process' own rights."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from maillage.doctor.fleet import look_at_fleet
from rights.reminders import certificates_that_end, remind
from tests.integration.rights.network import Network


def test_a_gateway_that_was_set_back_is_recalled_each_week(network: Network) -> None:
    network.run(
        "INSERT INTO gateway_configuration (gateway, place, version, body, fingerprint, made_of)"
        " SELECT id, place, n, '{}', encode(sha256('x'), 'hex'), '' FROM gateway, generate_series(1, 3) AS n"
    )
    network.run(
        "INSERT INTO configuration_hold (gateway, place, version, held_at)"
        " SELECT id, place, 2, now() - interval '1 day' * CASE code WHEN 'gare-1' THEN 8 ELSE 6 END FROM gateway"
        " WHERE code IN ('gare-1', 'port-1')"
    )
    ends = certificates_that_end({"the broker": datetime.now(UTC) + timedelta(days=3)}, datetime.now(UTC))
    for _ in range(2):
        remind(network.rights, ends)
    alarms = "SELECT kind, text, times FROM alarm ORDER BY kind"
    certificate, held = network.run(alarms)
    assert certificate[0] == "certificate_ending"
    assert held[0] == "configuration_held"
    assert "gateway gare-1: an operator set it back to its configuration 2 on" in held[1]
    assert "`maillage gateway configuration gare-1 --newest` ends that." in held[1]
    assert held[2] == 1
    (note,) = (one for one in look_at_fleet(network.owner) if "set back" in one.text)
    assert "set back by an operator: gare-1, port-1" in note.text
    assert "--newest" in note.mend

    network.run("UPDATE alarm SET raised_at = raised_at - interval '8 days', acknowledged_at = now()")
    remind(network.rights, [])
    assert [(kind, times) for kind, _, times in network.run(alarms)][1:] == [("configuration_held", 1)] * 2
    network.run("DELETE FROM configuration_hold")
    network.run("UPDATE alarm SET raised_at = raised_at - interval '8 days'")
    remind(network.rights, [])
    assert len(network.run(alarms)) == 3
