"""A place's file without a server: the examples, what is refused and how, the spreadsheet, the plan, the schema."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gateway.drivers.registry import device_key
from maillage.place import spreadsheet
from maillage.place.drivers import device_fault, unlocks
from maillage.place.faults import FileRefused
from maillage.place.merging import with_devices
from maillage.place.model import Fitting, Row, Stored, key_of
from maillage.place.nodes import Record, Text, read_yaml
from maillage.place.plan import make_plan, moved
from maillage.place.quoting import quoted
from maillage.place.reading import read_devices, read_place
from maillage.place.schema import json_schema, schema_text
from maillage.place.words import plan_lines
from maillage.place.writing import write_place
from tests.tables import ROOT

PLACES: Final = ROOT / "docs" / "places"
EXAMPLES: Final = sorted(PLACES.glob("*.yaml"))
SMALL: Final = """\
place:
  code: halle
  name: La Halle
  latitude: 45.8
  longitude: 1.2
  commune_code: 87085
spaces:
  - {code: salle, name: Salle, kind: open_space, capacity: 2}
  - {code: bureau, name: Bureau, kind: meeting_room}
desks:
  - {code: d1, space: salle}
  - {code: d2, space: salle}
doors:
  - {code: entree, name: Entrée, to: place}
gateways:
  - code: halle-g1
devices:
  - {code: lecteur, kind: reader, driver: esp_rfid, address: "halle/entree#esp-1", door: entree}
  - {code: s1, kind: desk_sensor, driver: chirpstack, model: VS341, address: app/24e124535b000001, desk: d1}
  - {code: s2, kind: desk_sensor, driver: chirpstack, model: VS341, address: app/24e124535b000002, desk: d2}
"""
S1, S2 = SMALL.splitlines(keepends=True)[18:20]
"""The lines of the desk sensors."""


def _read(text: str, **beside: bytes) -> Fitting:
    return read_place(
        text,
        "halle.yaml",
        beside=lambda name: beside[name.split(".")[0]],
        address_fault=device_fault,
        address_key=device_key,
    )


def _example(name: str) -> Fitting:
    text = (PLACES / name).read_text(encoding="utf-8")
    return read_place(
        text, name, beside=lambda one: (PLACES / one).read_bytes(), address_fault=device_fault, address_key=device_key
    )


def _changed(*changes: tuple[str, str]) -> str:
    text = SMALL
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def _faults(text: str, **beside: bytes) -> list[str]:
    with pytest.raises(FileRefused) as refused:
        _read(text, **beside)
    return [str(one).removeprefix("halle.yaml: ") for one in refused.value.faults]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: one.stem)
def test_an_example_has_no_fault_and_is_written_to_the_letter(example: Path) -> None:
    found = _example(example.name)
    written = write_place(found)
    assert _read(written) == found
    assert write_place(_read(written)) == written


def test_the_examples_are_what_the_issue_asks_for() -> None:
    village, fab_lab, house = (_example(f"{name}.yaml") for name in ("village", "fab-lab", "large-house"))
    assert len([one for one in village.spaces if one.kind != "place"]) == 2
    assert {"workshop", "machine_room"} <= {one.kind for one in fab_lab.spaces}
    assert len(house.doors) > 3
    assert len(house.gateways) > 1
    assert (fab_lab.place.department, fab_lab.place.region) == ("19", "Nouvelle-Aquitaine")
    assert fab_lab.place.siret == "88204561300016"
    assert village.place.prices == (
        ("Adhérent", "demi-journée", 500),
        ("Adhérent", "mois", 9000),
        ("De passage", "jour", 1250),
    )
    # the sensors of the spreadsheet are at their desks, and in their desks' space
    assert {(one.code, one.desk, one.space, one.expect_every) for one in fab_lab.devices if one.desk} == {
        (f"capteur-c{n}", f"c{n}", "coworking", 4500) for n in range(1, 7)
    }


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        # what the issue names
        (
            (", to: place}", ", to: sale}"),
            ["line 14: the door entree leads to sale, which is no space of this file; did you mean salle?"],
        ),
        (
            ("{code: entree, name: Entrée, to: place}", "{code: entree, name: Entrée}"),
            ["line 14: the door entree has no to"],
        ),
        (
            ("{code: d2, space: salle}", "{code: d1, space: bureau}"),
            [
                "line 12: the desk d1 stands in two spaces: in salle on line 11, and in bureau here",
                "line 20: the device s2 is at the desk d2, which is no desk of this file",
            ],
        ),
        (
            ("address: app/24e124535b000002", "address: app/24e124535b000001"),
            ["line 20: s1 (line 19) has the same address: one device at two desks, d1 and d2"],
        ),
        (
            ("{code: s2, kind", "{code: s1, kind"),
            ["line 20: the device s1 is at two desks: at d1 on line 19, and at d2 here"],
        ),
        (("desk: d2}", "desk: d1}"), ["line 20: the desk d1 has a sensor already: s1 (line 19)"]),
        (("desk: d2}", "desk: [d1, d2]}"), ["line 20: desk: expected a code"]),
        (("capacity: 2}", "capacity: 1}"), ["line 8: salle holds 1 people and has 2 desks: correct one of them"]),
        (
            ("address: app/24e124535b000002", "address: 24e124535b000002"),
            [
                "line 20: the device s2: ChirpStack cannot use '24e124535b000002'; write APPLICATION_ID/DEV_EUI, "
                "for example 17c82e96-be03-4f38-aef3-f83d48582d97/24e124535b000001"
            ],
        ),
        (
            ('"halle/entree#esp-1"', '"halle/+#esp-1"'),
            ["line 18: the device lecteur: esp-rfid cannot use 'halle/+#esp-1'; write TOPIC#HOSTNAME"],
        ),
        # names
        (
            ("driver: esp_rfid", "driver: esp-rfid"),
            ["line 18: the device lecteur: esp-rfid is not installed; installed are"],
        ),
        (
            ("{code: lecteur, kind: reader", "{code: lecteur, kind: keybad"),
            ["line 18: kind: there is no 'keybad' here; did you mean keypad?"],
        ),
        (
            ("kind: reader, driver: esp_rfid", "kind: reader, driver: chirpstack, model: VS341"),
            ["line 18: the device lecteur: ChirpStack reads no cards"],
        ),
        (
            ("model: VS341, address: app/24e124535b000002", "model: VS34, address: app/24e124535b000002"),
            ["line 20: the device s2: ChirpStack cannot read the model 'VS34'; write one of VS121"],
        ),
        (
            ("name: La Halle", "nmae: La Halle"),
            ["line 1: the place halle has no name", "line 3: a place has no nmae; did you mean name?"],
        ),
        (
            ("desks:", "dekss:"),
            [
                "line 10: there is no section dekss; did you mean desks?",
                "line 19: the device s1",
                "line 20: the device s2",
            ],
        ),
        (
            ("gateways:\n  - code: halle-g1\n", ""),
            ["line 16: the device lecteur names no gateway, and there is no gateway", "line 17: ", "line 18: "],
        ),
        (("{code: bureau, ", "{code: salle, "), ["line 9: the space salle is on line 8 already"]),
        # the place
        (("commune_code: 87085", "commune_code: 87000x"), ["line 6: commune_code: 87000X is no INSEE code"]),
        (
            ("commune_code: 87085", "siret: 882 045 613 00061"),
            ["line 6: siret: 88204561300061 is no SIRET: its check digit is wrong"],
        ),
        (("commune_code: 87085", "siret: 882 045 613"), ["line 6: siret: a SIRET has 14 digits, and this has 9"]),
        (
            ("commune_code: 87085", "rna: 872001234"),
            ["line 6: rna: the number of an association (RNA) is W and 9 digits"],
        ),
        (
            ("commune_code: 87085", "commune_code: 87085\n  department: 23"),
            ["line 7: the commune 87085 lies in the department 87, not in 23"],
        ),
        (("latitude: 45.8", "latitude: 95.8"), ["line 4: latitude: expected a number from -90 to 90, not 95.8"]),
        (
            ("commune_code: 87085", "opening_hours: {mon: 09:00-12:00}\n  opening_hours: {}"),
            ["line 7: opening_hours is on line 6 already"],
        ),
        (
            ("commune_code: 87085", "opening_hours: {mon: 18:00-09:00}"),
            ["line 6: opening_hours: mon: 18:00 to 09:00 crosses midnight: write 18:00 to 24:00"],
        ),
        (("commune_code: 87085", "opening_hours: {mon: 25:00-26:00}"), ["line 6: opening_hours: mon: "]),
        (
            ("commune_code: 87085", 'opening_hours: {mon: "09:00-13:00, 12:00-18:00"}'),
            ["line 6: opening_hours: mon: the hours overlap: one part ends at 13:00, the next begins at 12:00"],
        ),
        (
            ("commune_code: 87085", "opening_hours: {lun: 09:00-13:00}"),
            ["line 6: opening_hours: lun is no day; did you mean sun?"],
        ),
        (
            (", to: place}", ", to: place, unlock_s: 5.123456789}"),
            ["line 14: unlock_s: at most 2 decimals are kept: 5.123456789"],
        ),
        (
            (", to: place}", ", to: place, unlock_s: 0}"),
            ["line 14: unlock_s: expected a number above 0 up to 60, not 0"],
        ),
        (
            (", to: place}", ", to: place, passback: timed}"),
            ["line 14: the door entree: passback timed needs passback_s"],
        ),
        # numbers with a decimal comma
        (("latitude: 45.8", "latitude: 45,88"), ["line 4: latitude: 45,88 has a comma: write 45.88, with a point"]),
        (
            (", to: place}", ', to: place, unlock_s: "2,5"}'),
            ["line 14: unlock_s: 2,5 has a comma: write 2.5, with a point"],
        ),
        (
            ("commune_code: 87085", 'prices: [{category: A, unit: jour, amount: "12,50"}]'),
            ["line 6: prices: 12,50 has a comma: write 12.50, with a point"],
        ),
        # trees and kinds
        (
            ("kind: meeting_room}", "kind: meeting_room, parent: bureau}"),
            ["line 9: bureau would be a part of itself, by way of bureau"],
        ),
        (
            ("door: entree}", "desk: d1}"),
            [
                "line 18: the device lecteur is a reader and names no door",
                "line 18: the device lecteur is a reader: only a",
            ],
        ),
        (
            ("desk: d1}", "desk: d1, space: bureau}"),
            ["line 19: the device s1 is at the desk d1, which stands in salle, not in bureau"],
        ),
        (
            ("door: entree}", "door: entree, inverted: true}"),
            ["line 18: the device lecteur is a reader: inverted is for contacts"],
        ),
        # YAML
        (("  code: halle\n", "\tcode: halle\n"), ["line 2: this is no YAML"]),
        (
            ("name: La Halle", "name: La Halle: ancienne"),
            ["line 3: this is no YAML: mapping values are not allowed here. A text with a colon needs quotes"],
        ),
        (
            ("name: La Halle", "name: &a La Halle"),
            ["line 3: this is no YAML: an anchor (&) or alias (*): write the value out."],
        ),
        (("name: La Halle", "name: [" + "[" * 2000), ["line 1: lists within lists, too deep to read"]),
    ],
)
def test_what_is_wrong_is_refused_by_its_line(change: tuple[str, str], faults: list[str]) -> None:
    found = _faults(_changed(change))
    assert len(found) == len(faults), found
    for one, expected in zip(found, faults, strict=True):
        assert one.startswith(expected), one


def test_hours_come_back_as_they_were_written() -> None:
    hours = (
        '  opening_hours:\n    mon: "08:30-12:30, 13:30-24:00"\n    tue: "00:00-02:00"\n'
        '    holidays: {department: "67", hours: "10:00-16:00"}\n'
        '    except: [{days: "2026-12-24 to 2026-12-31", hours: closed}]\n'
        '    closed: ["2026-08-01 to 2026-08-15", "2027-02-28"]\n'
    )
    text = write_place(_read(_changed(("  commune_code: 87085\n", hours))))
    assert hours in text
    assert "  opening_hours:\n    holidays: closed\n" in write_place(
        _read(text.replace(hours, "  opening_hours: {holidays: closed}\n"))
    )
    assert "  opening_hours: {}\n" in write_place(_read(text.replace(hours, "  opening_hours: {}\n")))


def test_all_faults_are_named_at_once_in_the_order_of_their_lines() -> None:
    found = _faults(
        _changed(("capacity: 2}", "capacity: many}"), (", to: place}", ", to: sale}"), ("desk: d2}", "desk: d9}"))
    )
    assert [one.partition(":")[0] for one in found] == ["line 8", "line 14", "line 20"]


def test_what_is_written_is_not_guessed_at() -> None:
    found = _read(_changed(("name: La Halle", "name: NO"), ("commune_code: 87085", "postcode: 01000\n  fibre: non")))
    assert (found.place.name, found.place.postcode, found.place.fibre) == ("NO", "01000", False)
    assert '\n  name: "NO"\n  status: open\n  postcode: "01000"\n' in write_place(found)


ODD: Final = st.sampled_from("aZé09 .:#,-'\"\\/{}[]&*!|>%@`?~\n\t\x85\u00a0\u2028\ufeff")


@given(st.text(ODD, min_size=1) | st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_a_quoted_text_is_read_as_that_text_by_every_reader(text: str) -> None:
    node = read_yaml(f"a: [x, {quoted(text)}, y]\nb: {{c: {quoted(text)}}}\n", "f").values["b"]
    assert isinstance(node, Record)
    value = node.values["c"]
    assert isinstance(value, Text)
    assert value.text == text
    assert yaml.safe_load(f"[{quoted(text)}]") == [text]


def test_a_spreadsheet_of_devices_is_read_as_windows_writes_it_and_refused_by_line() -> None:
    text = _changed(
        (
            S2,
            "devices_csv: capteurs.csv\n",
        )
    )
    head = "Code;Type;Pilote;Modèle;Adresse;Poste;Toutes les\r\n"
    good = head + 's2;desk_sensor;chirpstack;VS341;"app/24e124535b000002";d2;75 min\r\n;;;;;;\r\n'
    found = _read(text, capteurs=good.encode("cp1252"))
    assert [(one.code, one.desk, one.space, one.expect_every) for one in found.devices][-1] == (
        "s2",
        "d2",
        "salle",
        4500,
    )
    bad = good + "s3;desk_sensor;chirpstack;VS341;app/24e124535b000003;d3;\r\ns4;desk_sensor\r\n"
    with pytest.raises(FileRefused) as refused:
        _read(text, capteurs=bad.encode("cp1252"))
    assert [str(one) for one in refused.value.faults] == [
        "capteurs.csv: line 4: the device s3 is at the desk d3, which is no desk of this file",
        "capteurs.csv: line 5: 2 cells where the first line has 7 columns",
    ]
    with pytest.raises(FileRefused, match=r"capteurs.csv: line 1: there is no column 'adress'; did you mean address\?"):
        _read(text, capteurs=b"code,adress\n")
    for name in ('"../capteurs.csv"', "/dev/zero", '"a\\0b"'):
        with pytest.raises(FileRefused, match="devices_csv: name a CSV file beside this one"):
            _read(text.replace("capteurs.csv", name), capteurs=good.encode("cp1252"))


def test_a_spreadsheet_is_read_in_a_time_that_grows_with_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    halle = _read(SMALL)
    compared = 0

    class Cell(str):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    monkeypatch.setattr(spreadsheet, "_column", Cell)
    wide = ",".join(f"c{number}" for number in range(20_000)).encode()
    with pytest.raises(FileRefused, match=r"line 1: more than 100 columns: is this the right file\?"):
        read_devices(wide, "s.csv", halle)
    assert compared < 20_000
    monkeypatch.undo()
    with pytest.raises(FileRefused, match="line 5002: more than 5000 devices") as refused:
        read_devices(b"code,kind\n" + b"x\n" * 100_000, "s.csv", halle)
    assert len(refused.value.faults) <= 5_001


def test_a_spreadsheets_formula_is_no_code_and_no_model() -> None:
    halle = _read(SMALL)
    head = b"code,kind,driver,model,address,desk\n"
    # an apostrophe before what a spreadsheet would run is the spreadsheet's, as in every CSV that we write
    (found,) = read_devices(head + b"s1,desk_sensor,chirpstack,'=VS340,app/24e1,d1\n", "s.csv", halle)
    assert found.model == "=VS340"
    for model in ("=1+1", "+1", "-1", "@SUM(1)"):
        fault = device_fault(replace(found, model=model, driver="zigbee2mqtt", address="z/a"))
        assert fault is not None
        assert fault[0] == "model", model
        with pytest.raises(FileRefused, match="begins with a letter or a digit"):
            read_devices(head + f"{model},desk_sensor,chirpstack,VS340,app/24e1,d1\n".encode(), "s.csv", halle)


@pytest.mark.parametrize(
    ("driver", "address", "other"),
    [
        ("esp_rfid", "halle/entree#esp-1", "halle/entree#esp-1@192.168.1.20"),
        ("chirpstack", "app/24e124535b000001", "app/24:E1:24:53:5B:00:00:01"),
        ("chirpstack", "app/24e124535b000001", "APP/24-E1-24-53-5B-00-00-01"),
    ],
)
def test_one_device_is_not_two_however_its_address_is_written(driver: str, address: str, other: str) -> None:
    (line,) = (one for one in SMALL.splitlines(keepends=True) if address in one)
    twin = line.replace(address, other).replace("code: ", "code: zz-")
    faults = _faults(SMALL.replace(line, line + twin))
    assert any("has the same address: one device twice" in one for one in faults), faults


def test_zigbee_names_that_differ_by_a_capital_are_two_devices() -> None:
    sensor = "  - {{code: {0}, kind: presence_sensor, driver: zigbee2mqtt, address: z/{0}, space: salle}}\n"
    assert len(_read(SMALL + sensor.format("pir") + sensor.format("PIR")).devices) == 5


def test_devices_of_a_spreadsheet_replace_those_of_their_codes_and_no_others() -> None:
    halle = _read(SMALL)
    more = read_devices(
        b"code,kind,driver,model,address,desk\ns1,desk_sensor,chirpstack,VS340,app/24e1,d1\n", "s.csv", halle
    )
    found = with_devices(halle, more)
    assert [(one.code, one.model) for one in found.devices] == [("lecteur", None), ("s1", "VS340"), ("s2", "VS341")]


def _stored(fitting: Fitting) -> Stored:
    parts: dict[str, tuple[Any, ...]] = {
        "space": fitting.spaces, "desk": fitting.desks, "door": fitting.doors, "gateway": fitting.gateways,
        "device": fitting.devices,
    }  # fmt: skip
    rows = {
        what: {key_of(one): Row(id=n, revision=1, retired=False, part=one) for n, one in enumerate(those, start=1)}
        for what, those in parts.items()
    }
    return Stored(id=1, revision=1, fitting=fitting, rows=rows)


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ((), []),
        ([("capacity: 2}", "capacity: 3}")], ["~ space   place  capacity: 2 → 3", "~ space   salle  capacity: 2 → 3"]),
    ],
)
def test_a_plan_says_what_changes(changes: list[tuple[str, str]], lines: list[str]) -> None:
    before = _changed(
        (
            "{code: bureau, name: Bureau, kind: meeting_room}",
            "{code: bureau, name: Bureau, kind: meeting_room, capacity: 0}",
        )
    )
    after = before
    for old, new in changes:
        after = after.replace(old, new)
    plan = make_plan(_read(after), _stored(_read(before)), unlocks=unlocks)
    assert plan_lines(plan)[1:-1] == lines


def test_a_plan_of_a_new_place_says_that_it_is_not_open_yet() -> None:
    said = "! until its status is open it offers no seat, and its doors open to hosts only"
    for status, expected in (("preparation", 1), ("closed", 1), ("open", 0)):
        wanted = _read(_changed(("name: La Halle", f"name: La Halle\n  status: {status}")))
        assert plan_lines(make_plan(wanted, None, unlocks=unlocks)).count(said) == expected


@pytest.mark.parametrize(
    ("was", "becomes", "line"),
    [
        (
            "opening_hours: {mon: 09:00-12:00, sat: 10:00-12:00}",
            'opening_hours: {mon: "08:30-12:30, 13:30-19:00", tue: 09:00-12:00, wed: 09:00-12:00, sat: 10:00-12:00, '
            "holidays: closed, closed: [2026-08-01 to 2026-08-15]}",
            "opening_hours: mon 09:00-12:00 → 08:30-12:30, 13:30-19:00; tue, wed closed → 09:00-12:00; "
            "holidays, 2026-08-01 to 2026-08-15 not there → closed",
        ),
        (
            "fibre: true",
            "fibre: true\n  opening_hours: {mon: 09:00-12:00}",
            "opening_hours: mon not there → 09:00-12:00; tue, wed, thu, fri, sat, sun not there → closed",
        ),
        (
            "prices: [{category: A, unit: jour, amount: 12}, {category: B, unit: jour, amount: 5}]",
            "prices: [{category: A, unit: jour, amount: 12.50}]",
            "prices: A, jour 12 € → 12.50 €; B, jour 5 € → not there",
        ),
        (
            "equipment: [Imprimante, Cuisine]",
            "equipment: [Cuisine, Scanner]",
            "equipment: Scanner not there → there; Imprimante there → not there",
        ),
    ],
)
def test_a_plan_shows_hours_and_prices_in_plain_words_and_only_what_changes(was: str, becomes: str, line: str) -> None:
    before, after = (_read(_changed(("commune_code: 87085", one))) for one in (was, becomes))
    plan = make_plan(after, _stored(before), unlocks=unlocks)
    assert plan_lines(plan)[1:-1] == [f"~ place   halle  {line}"]


def test_a_plan_names_what_is_moved_retired_and_left_without_a_lock() -> None:
    wanted = _read(
        _changed(
            ("  - {code: d2, space: salle}\n", "  - {code: d2, space: bureau}\n"),
            (
                "  - {code: lecteur, kind: reader, driver: esp_rfid",
                "  - {code: lecteur, side: out, kind: reader, driver: esp_rfid",
            ),
            (
                S1,
                "",
            ),
        )
    )
    plan = make_plan(wanted, _stored(_read(SMALL)), unlocks=unlocks)
    assert plan_lines(plan)[1:] == [
        "> desk    d2  space: salle → bureau",
        "~ device  halle-g1/lecteur  side: in → out",
        "- device  halle-g1/s1  retired",
        "! the door entree would have no lock: nobody could open it from outside",
        f"1 changed, 1 moved, 1 retired (seen {plan.seen})",
    ]


def test_a_door_whose_reader_can_open_nothing_is_named() -> None:
    keypad = (
        'kind: reader, driver: esp_rfid, address: "halle/entree#esp-1"',
        "kind: keypad, driver: zigbee2mqtt, address: z/k",
    )
    plan = make_plan(_read(_changed(keypad)), None, unlocks=unlocks)
    assert plan.unopened == ("entree",)
    assert any(line.startswith("! the door entree has a reader or keypad and no lock") for line in plan_lines(plan))
    assert make_plan(_read(SMALL), None, unlocks=unlocks).unopened == ()


def test_a_place_that_moved_since_the_plan_is_told_apart() -> None:
    stored = _stored(_read(SMALL))
    desks = {**stored.rows["desk"], "d1": replace(stored.rows["desk"]["d1"], revision=2)}
    assert moved(stored, stored) == ()
    assert moved(stored, replace(stored, rows={**stored.rows, "desk": desks})) == ("the desk d1",)
    assert moved(None, stored) == ("it has been made",)


def test_the_whole_place_keeps_the_code_that_it_has() -> None:
    known = _read(
        _changed(
            ("spaces:\n", "spaces:\n  - {code: maison, name: La Halle, kind: place, capacity: 9}\n"),
            (", to: place}", ", to: maison}"),
        )
    )
    plan = make_plan(_read(SMALL), _stored(known), unlocks=unlocks)
    assert plan_lines(plan)[1:-1] == ["~ space   maison  capacity: 9 → nothing"]


def test_the_schema_is_the_committed_one_and_takes_the_examples() -> None:
    assert (PLACES / "place.schema.json").read_text(encoding="utf-8") == schema_text(), (
        "run maillage place schema > docs/places/place.schema.json"
    )
    validator = jsonschema.Draft202012Validator(json_schema())
    for example in EXAMPLES:
        assert list(validator.iter_errors(yaml.safe_load(example.read_text(encoding="utf-8")))) == []
        assert list(validator.iter_errors(yaml.safe_load(write_place(_example(example.name))))) == []
    assert list(validator.iter_errors(json.loads('{"place": {"code": "a", "nmae": "b"}}')))
