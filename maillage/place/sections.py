"""The format of a place's file: its sections and their fields. Reading, writing, schema and docs follow it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from maillage.place import forms
from maillage.place.forms import Form
from maillage.place.model import Desk, Device, Door, Gateway, Place, Space

SPACE_KINDS: Final = (
    "place", "open_space", "meeting_room", "fab_lab", "workshop", "machine_room", "phone_box", "kitchen", "other",
)  # fmt: skip
"""As in the database's ``space_kind``."""
DEVICE_KINDS: Final = (
    "reader", "keypad", "lock", "contact", "desk_sensor", "presence_sensor", "counter", "climate", "access_point",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One key of a record."""

    name: str
    """As it is written."""
    form: Form
    says: str
    required: bool = False
    attr: str = ""
    """As the model names it, where that differs."""

    @property
    def attribute(self) -> str:
        """The attribute of the model that holds it."""
        return self.attr or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One section: a record (``place``) or a list of them."""

    name: str
    one: str
    """What a record of it is called."""
    makes: type[Any]
    says: str
    fields: tuple[Field, ...]


def _field(name: str, form: Form, says: str, *, required: bool = False, attr: str = "") -> Field:
    return Field(name=name, form=form, says=says, required=required, attr=attr)


PLACE: Final = Section(
    name="place", one="place", makes=Place,
    says="What the place is, and what it says of itself.",
    fields=(
        _field("code", forms.CODE, "its name in topics, addresses and commands; it never changes", required=True),
        _field("name", forms.text(200), "as people know it", required=True),
        _field("status", forms.choice(("building", "preparation", "open", "closed")),
               "open to members and the public; else it offers no seat, and its doors open to hosts only. "
               "Without it: `open`"),
        _field("address", forms.text(500), "street and number"),
        _field("postcode", forms.pattern("a postcode of 5 digits", "[0-9]{5}"), "postcode"),
        _field("commune", forms.text(200), "the town's name"),
        _field("commune_code", forms.COMMUNE, "the commune in the official code (COG)"),
        _field("department", forms.pattern("a department's number, as 01, 2A or 974", "[0-9]{2}|2[AB]|97[1-8]"),
               "without it: that of the commune's code"),
        _field("region", forms.text(200), "without it: the department's"),
        _field("latitude", forms.number(-90, 90), "degrees, WGS 84", required=True),
        _field("longitude", forms.number(-180, 180), "degrees, WGS 84", required=True),
        _field("time_zone", forms.ZONE, "without it: the department's, `Europe/Paris` for most"),
        _field("opening_hours", forms.HOURS, "local time; also `holidays`, `except`, `closed` (below)"),
        _field("siret", forms.SIRET, "the operator's establishment"),
        _field("rna", forms.RNA, "an association's number"),
        _field("contact_name", forms.text(200), "who answers for the place"),
        _field("phone", forms.pattern("a telephone number", r"\+?[0-9][0-9 .()-]{1,29}"), "its telephone"),
        _field("email", forms.pattern("an e-mail address", r"[^@\s]+@[^@\s]+", 254), "its address for mail"),
        _field("website", forms.pattern("an address with https://", r"https?://\S+", 500), "its site"),
        _field("logo", forms.pattern("an address with https://", r"https?://\S+", 500), "an image's address"),
        _field("typology", forms.text(100), "the word of the network's list of places, for example `fab_lab`"),
        _field("accessibility", forms.WORDS, "for example `[Entrée de plain-pied, Toilettes adaptées]`"),
        _field("equipment", forms.WORDS, "for example `[Imprimante A3, Découpe laser]`"),
        _field("fibre", forms.FLAG, "whether its line is optical fibre"),
        _field("prices", forms.PRICES, "by category"),
        _field("public_threshold", forms.whole(1, 1_000),
               "up to so many people are one band in answers without a key ([privacy.md](privacy.md)). Without it: 3"),
        _field("public_numbers", forms.FLAG,
               "whether larger numbers are shown without a key; else only whether a space is nearly full"),
    ),
)  # fmt: skip
SPACES: Final = Section(
    name="spaces", one="space", makes=Space,
    says="Its rooms, as a tree. The one of kind `place` is the whole; without it, it is made: code `place`, the "
    "place's name, and what its rooms hold together.",
    fields=(
        _field("code", forms.CODE, "its name within the place", required=True),
        _field("name", forms.text(200), "as people know it", required=True),
        _field("kind", forms.choice(SPACE_KINDS),
               "what it is; says also whether its seats are for work", required=True),
        _field("parent", forms.CODE, "the space that it is a part of; without it: the whole place"),
        _field("capacity", forms.whole(0, 100_000), "how many people it holds; no fewer than it has desks"),
        _field("person_limit", forms.whole(0, 100_000),
               "how many people the law or the lease allows: the door refuses more"),
        _field("for_work", forms.FLAG, "whether its seats are seats to work at, where that differs from its kind"),
    ),
)  # fmt: skip
DESKS: Final = Section(
    name="desks", one="desk", makes=Desk,
    says="Its seats to work at.",
    fields=(
        _field("code", forms.CODE, "its name within the place", required=True),
        _field("name", forms.text(200), "without it: the code"),
        _field("space", forms.CODE, "the space that it stands in", required=True),
    ),
)  # fmt: skip
_SCHEDULE: Final = forms.pattern(
    "a schedule's code, or PLACE/CODE", "([a-z0-9][a-z0-9._-]{0,63}/)?[a-z0-9][a-z0-9._-]{0,63}"
)
DOORS: Final = Section(
    name="doors", one="door", makes=Door,
    says="What leads from one space into another, and what it asks for. Schedules are named by their code, those of a "
    "place as `PLACE/CODE`; they must be in the database before the file is applied.",
    fields=(
        _field("code", forms.CODE, "its name within the place", required=True),
        _field("name", forms.text(200), "as people know it", required=True),
        _field("from", forms.CODE, "the space that it leads from; without it: outside", attr="from_space"),
        _field("to", forms.CODE, "the space that it leads into", required=True, attr="to_space"),
        _field("unlock_s", forms.number(0, 60, above=True, decimals=2),
               "how long the lock is released, in seconds; without it: 5"),
        _field("held_after_s", forms.number(0, 3600, above=True, decimals=2),
               "a door open for longer is an alarm, in seconds; without it: 30"),
        _field("pin", forms.FLAG, "asks for the member's PIN with the card"),
        _field("pin_while", _SCHEDULE, "only in these hours"),
        _field("passback", forms.choice(("off", "soft", "hard", "timed")), "what happens to a card that enters twice"),
        _field("passback_s", forms.whole(0, 86_400), "with `timed`: for how many seconds"),
        _field("supervised", _SCHEDULE, "in these hours it opens only while a host is inside"),
        _field("first_card", _SCHEDULE, "in these hours it stays open once a host has come in"),
    ),
)  # fmt: skip
GATEWAYS: Final = Section(
    name="gateways", one="gateway", makes=Gateway,
    says="Its computers.",
    fields=(_field("code", forms.CODE, "its name, unique in the whole network: `PLACE-g1`", required=True),),
)  # fmt: skip
DEVICES: Final = Section(
    name="devices", one="device", makes=Device,
    says="Readers, keypads, locks, contacts, sensors and counters.",
    fields=(
        _field("code", forms.DEVICE_CODE, "its name within its gateway", required=True),
        _field("gateway", forms.CODE, "the gateway that hears it; without it: the only one"),
        _field("kind", forms.choice(DEVICE_KINDS), "what it is", required=True),
        _field("driver", forms.pattern("the name of a driver", r"\S{1,64}"),
               "what reads it: docs/devices.md", required=True),
        _field("model", forms.text(100), "the maker's model, where the driver must know it: `VS341`, `wiegand`"),
        _field("address", forms.text(500), "in the form of its driver", required=True),
        _field("door", forms.CODE, "of a reader, keypad, lock, contact or counter"),
        _field("side", forms.choice(("in", "out")), "`in` for people who enter; without it: `in`"),
        _field("desk", forms.CODE, "the seat that a `desk_sensor` watches"),
        _field("space", forms.CODE, "where a `presence_sensor`, `climate`, `access_point` or `counter` senses"),
        _field("inverted", forms.FLAG, "of a contact: what it calls open is closed"),
        _field("uid_reversed", forms.FLAG, "of a reader: it writes a card's bytes in reverse order"),
        _field("bits", forms.whole(24, 64), "of a Wiegand reader: a card's bits, parity included: 26, 34, 37"),
        _field("expect_every", forms.EVERY, "how often it reports: silent for longer, it is unwell"),
    ),
)  # fmt: skip
LISTS: Final = (SPACES, DESKS, DOORS, GATEWAYS, DEVICES)
SECTIONS: Final = (PLACE, *LISTS)
DEVICES_CSV: Final = "devices_csv"
"""The key that names a CSV file of more devices, beside the file."""
