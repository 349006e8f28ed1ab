"""The contract between a gateway and the centre: topics, events, batches, marks, states, lists, orders.

Everything that crosses the broker is defined here and nowhere else. Times are whole microseconds since the Unix
epoch, UTC, by the gateway's clock. Unknown fields are ignored, so that an older centre reads a newer gateway; the
version is the ``v1`` of the topic. Events are typed dictionaries rather than models: pydantic checks them in half
the time (1.5 µs against 2.8 µs an event, docs/decisions/0003), and the ingest checks a hundred thousand a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from typing_extensions import NotRequired, TypedDict  # noqa: UP035  (pydantic asks for these before Python 3.12)

from access.model import Reason
from gateway.contract import device_reports as of

SHARDS: Final = 64
MAX_BATCH_EVENTS: Final = 500
MAX_EVENT_BYTES: Final = 16_384
MAX_BATCH_BYTES: Final = 512_000
"""The limit of a batch; the broker's limit (1 MiB) and the ingest's are above it."""
MAX_MESSAGE_BYTES: Final = 1_048_576
"""Of any message: the limit that our brokers are configured with."""
WINDOW: Final = 4
"""Batches in flight before the committed mark must move…"""
WIDEST_WINDOW: Final = 16
"""…and at most, while the centre confirms each within a moment (``gateway.uplink.window``)."""
MAX_BOOTS: Final = 16
MAX_LIVES: Final = 64

_CODE = r"^[a-z0-9][a-z0-9._-]{0,63}$"
Code = Annotated[str, Field(pattern=_CODE)]
"""A name in topics and in the database: lower case, digits, ``. _ -``; 1 to 64 characters."""
DeviceCode = Annotated[str, Field(min_length=1, max_length=64)]
Micros = Annotated[int, Field(ge=-(2**62), le=2**62)]
"""Microseconds since 1970-01-01T00:00:00Z."""
Seq = Annotated[int, Field(ge=1, le=2**62)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
"""Of all events up to one (``gateway.spool.ledger.link``); the centre stores it and never computes it."""
Small = Annotated[int, Field(ge=0, le=2**31 - 1)]
Total = Annotated[int, Field(ge=0, le=2**32 - 1)]
"""A counter's own total, which begins again where its bits are full."""
Text = Annotated[str, Field(max_length=2000)]
Token = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""HMAC-SHA-256 of a normalised card number, in hexadecimal."""


class _Event(TypedDict):
    """What every event has."""

    at: Micros
    device: DeviceCode
    """The device's code, unique within its gateway; the gateway itself is ``gateway``."""
    device_at: NotRequired[Annotated[str, Field(max_length=64)]]
    """The time by the device's own clock, as it wrote it; kept, never trusted."""


class AccessEvent(_Event):
    """A card read and the decision the gateway took on it."""

    kind: Literal["access"]
    decision: Literal["granted", "denied"]
    reason: Reason
    side: Literal["in", "out"]
    """``in``: towards the door's ``to`` space; ``out``: egress."""
    card: NotRequired[Token]
    member: NotRequired[Annotated[str, Field(max_length=64)]]
    """The pseudonymous member reference of the access list."""
    list_version: NotRequired[Small]
    list_age_s: NotRequired[Small]
    rule: NotRequired[Annotated[str, Field(max_length=32)]]
    """The check that decided (``access.model.Decision.rule``)."""
    by: NotRequired[Literal["card", "code", "order", "qr"]]
    """What was presented, where it wasn't a card: a code typed at a keypad, an order of the member themselves, or a
    guest's QR."""
    pass_ref: NotRequired[Annotated[str, Field(max_length=64)]]
    """Of a grant: the pass that opened."""
    slots: NotRequired[Annotated[list[Annotated[int, Field(ge=-(2**62), le=2**62)]], Field(max_length=64)]]
    """Slots of that pass's allowance that this use begins (``access.passes``); of an exit: of the stay that ends."""
    noted: NotRequired[Literal["anti_passback", "overuse"]]
    """What a grant overlooked."""
    host: NotRequired[bool]
    """Of a grant: by a right that supervises."""
    awaits: NotRequired[bool]
    """Of a grant: whether the door has a contact, so that ``access_taken`` or ``access_not_taken`` follows."""
    tries: NotRequired[Small]
    """Of a wrong PIN, a wrong code or an unknown card that begins a pause: how many there were recently."""
    bits: NotRequired[Small]
    """Of a card of unknown format: its length; ``card`` is then a keyed hash of its bits."""


class AccessTakenEvent(_Event):
    """Whether a grant was taken, by the door's contact."""

    kind: Literal["access_taken", "access_not_taken"]
    access_at: Micros
    pass_ref: NotRequired[Annotated[str, Field(max_length=64)]]
    slots: NotRequired[Annotated[list[Annotated[int, Field(ge=-(2**62), le=2**62)]], Field(max_length=64)]]
    """As in ``AccessEvent``, where the contact confirms the entry: only then is it known what the grant used."""


class DoorEvent(_Event):
    """A report of a door contact or tamper switch."""

    kind: Literal["door"]
    state: Literal["open", "closed", "forced", "held", "tamper"]
    unsure: NotRequired[bool]
    """Of ``forced``: a person inside may have used the handle; reported once a day for each door."""


class DeskEvent(_Event):
    """A report of an occupancy sensor of a desk (or of a space, if the device has no desk); ``None``: unknown."""

    kind: Literal["desk"]
    occupied: bool | None


class CountEvent(_Event):
    """A report of a counter: people in and out since its last report, or the people it sees now."""

    kind: Literal["count"]
    entered: NotRequired[Small]
    left: NotRequired[Small]
    present: NotRequired[Small | None]
    entered_total: NotRequired[Total]
    """All whom the device has counted in, by its own memory: the difference heals reports that were lost."""
    left_total: NotRequired[Total]


class MeasureEvent(_Event):
    """A physical quantity."""

    kind: Literal["measure"]
    name: Annotated[str, Field(min_length=1, max_length=32)]
    """``co2`` in ppm, ``temperature`` in °C, ``humidity`` in %, ``illuminance`` in lx; ``wifi_stations``."""
    value: Annotated[float, Field(allow_inf_nan=False)]


class DeviceEvent(_Event):
    """A device's own health. ``battery`` in percent; ``link``: 1 online, 0 silent; ``fault``: see ``text``."""

    kind: Literal["device"]
    what: Literal["battery", "link", "fault"]
    value: NotRequired[Annotated[float, Field(allow_inf_nan=False)]]
    text: NotRequired[Text]
    commanded: NotRequired[Literal["command", "retained", "opened"]]  # by another: ``gateway.door.foreign``
    trouble: NotRequired[Annotated[str, Field(max_length=32)]]  # of a ``fault``: ``gateway.devices.health.Trouble``


class GatewayEvent(_Event):
    """The gateway about itself. ``driver_fault`` is what a driver could not read: topic, reason, bytes (base64)."""

    kind: Literal["gateway"]
    what: Literal["start", "clock_step", "spool", "driver_fault", "list"]
    value: NotRequired[Annotated[float, Field(allow_inf_nan=False)]]
    """``clock_step``: seconds that the clock jumped (positive: forwards). ``list``: the version now applied, or else
    the gateway refused a message: ``refused`` says which, ``text`` why.
    ``driver_fault``: how many before this one were not reported. ``spool``: how many events were lost."""
    text: NotRequired[Text]
    refused: NotRequired[Annotated[str, Field(max_length=32)]]
    """Of ``list`` with a text: which message, by the last part of its topic: ``list``, ``config``, ``command`` or
    ``certificate``. A word of its own in ``what`` would be a dead letter at an older centre. Older gateways begin
    ``text`` with it."""
    topic: NotRequired[Annotated[str, Field(max_length=512)]]
    payload: NotRequired[Annotated[str, Field(max_length=12_000)]]
    """Base64. ``driver_fault``: a device's message. ``spool``: the event, damaged on the disk, that it replaces."""


class AuditEvent(_Event):
    """Who did what at the edge."""

    kind: Literal["audit"]
    by: Annotated[str, Field(max_length=64)]
    text: Text


Event = Annotated[
    AccessEvent
    | AccessTakenEvent
    | DoorEvent
    | DeskEvent
    | CountEvent
    | MeasureEvent
    | DeviceEvent
    | GatewayEvent
    | AuditEvent,
    Field(discriminator="kind"),
]


class Was(TypedDict):
    """Events of a batch that had other numbers before: the centre may have stored them under those."""

    epoch: Annotated[str, Field(pattern=r"^[0-9a-f]{8,32}$")]
    index: Annotated[int, Field(ge=0, le=MAX_BATCH_EVENTS)]
    """Of the first of them in the batch."""
    first: Seq
    """Its earlier sequence number; the others follow."""
    count: Annotated[int, Field(ge=1, le=MAX_BATCH_EVENTS)]


class Batch(TypedDict):
    """Consecutive events of one gateway: the i-th has sequence number ``first + i``. At most 500, never none.

    Gateways before version 2 of the spool send the first three fields and the events.
    """

    epoch: Annotated[str, Field(pattern=r"^[0-9a-f]{8,32}$")]
    first: Seq
    sent_at: Micros
    after: NotRequired[Digest]
    """Of all events before ``first``. The batch is stored only if this equals the stored mark's digest."""
    digest: NotRequired[Digest]
    """Of all events up to the last one; the mark carries it back."""
    was: NotRequired[Annotated[list[Was], Field(max_length=MAX_LIVES)]]
    stepped: NotRequired[Micros]
    """How far the clock was stepped after the last event, until the machine's next start."""
    boots: NotRequired[
        Annotated[list[Annotated[list[Micros], Field(min_length=2, max_length=2)]], Field(max_length=MAX_BOOTS)]
    ]
    """The machine's starts since the last event: when the last event before it happened and when it began, each by the
    clock of its run at that run's end."""
    events: Annotated[list[Event], Field(min_length=1, max_length=MAX_BATCH_EVENTS)]


EVENT: Final[TypeAdapter[Event]] = TypeAdapter(Event)
BATCH: Final[TypeAdapter[Batch]] = TypeAdapter(Batch)


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Mark(_Message):
    """Every event of ``epoch`` up to and including ``seq`` is stored; 0: none yet."""

    epoch: Annotated[str, Field(max_length=64)]
    seq: int = Field(ge=0, le=2**62)
    digest: Annotated[str, Field(max_length=64)] | None = None
    """Of the batch that ended with ``seq``: a spool with another digest at ``seq`` did not send it."""


Name = Annotated[str, Field(max_length=64, pattern=r"^[^\x00-\x1f]*$")]
Signature = Annotated[str, Field(max_length=128)]


class State(_Message):
    """A gateway's report on itself; retained, and published as ``online: false`` by its last will."""

    online: bool
    at: Micros | None = None
    version: Name | None = None
    boot: Name | None = None
    """Random, new at each start: two values that alternate mean two machines with one gateway's identity."""
    epoch: Name | None = None
    list_version: Small | None = None
    list_fingerprint: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    """Of the list that it decides by (``access.compare.fingerprint``): with the version, its acknowledgement."""
    list_refused: Text | None = None
    """Why it couldn't use the last list or delta: the centre then sends the whole list."""
    config_version: Small | None = None
    """Of the configuration in force that is on its disk (``gateway.contract.configuration``)."""
    config_fingerprint: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    config_refused: Text | None = None
    config_refused_version: Small | None = None
    """Why it doesn't use the last configuration that it was sent, and that one's version."""
    lockdown: bool = False  # of the whole place
    evacuation: bool = False
    spool_depth: Small | None = None  # events not yet known to be committed
    newest_seq: Annotated[int, Field(ge=0, le=2**53 - 1)] | None = None
    """Of the last event of ``epoch`` on its disk; the centre compares it with the stored mark."""
    disk: Text | None = None  # why the disk refuses at present: events wait in memory
    clock: Text | None = None
    """Why its clock can't be right: it is behind the time that the centre has signed."""
    clock_offset_ms: float | None = None
    """The gateway's clock minus the centre's, if the gateway knows it."""
    devices: Small | None = None
    unwell: of.Unwell = ()
    reports: of.Reports = ()
    """How its devices are; of many, the next ones at each report. Likewise:"""
    unassigned: of.Unassigned = ()
    """Devices that it hears and that aren't in its configuration."""


class Order(_Message):
    """An order to a gateway, never retained; ``signature`` covers the ``body`` (``gateway.contract.signing``)."""

    body: Annotated[str, Field(max_length=16_384)]
    signature: Signature


Do = Literal["unlock", "lockdown", "release", "evacuate", "enrol", "report_list"]
"""``unlock``: a door, once. ``lockdown``, ``evacuate``: a door or (none named) the place, until ``release``.
``enrol``: the next card at reader ``device`` is not decided on but reported in the reply, until the order expires.
``report_list``: answer with the list's content, to be compared."""


class OrderBody(_Message):
    """What is ordered; refused after ``expires_at`` and if its nonce was seen before."""

    id: Name
    gateway: Name
    """The gateway that it is for; any other refuses it."""
    do: Do
    door: Name | None = None
    device: Name | None = None  # of ``enrol``: the reader's code
    expires_at: Micros
    nonce: Name
    by: Annotated[str, Field(max_length=400)]
    card: Token | None = None
    """Of ``unlock``: the card of the member who asks. The door opens only if that card would open it from outside."""
    seal_for: Annotated[str, Field(max_length=64)] | None = None  # of ``enrol``: the key for the card's bits, base64


class EnrolledCard(_Message):
    """A card that was presented to be enrolled; without token, last4 and format where its format is unknown."""

    token: Token | None = None
    last4: Annotated[str, Field(max_length=4)] | None = None
    format: Annotated[str, Field(max_length=32)] | None = None
    bits: Annotated[str, Field(max_length=512)] | None = None
    sealed: Annotated[str, Field(max_length=1024)] | None = None
    """The bits as read (0 and 1), sealed (base64) for ``ENROLLED`` and the order's id; ``bits``: an earlier centre."""


class Reply(_Message):
    """The outcome of an order."""

    id: Annotated[str, Field(max_length=64)]
    outcome: Literal["done", "refused", "expired", "unknown_door", "unknown_device", "failed"]
    """``refused``: retained, seen before, or with too long a lifetime; of an ``unlock`` with a card also: denied
    (``reason``). ``failed``: the lock's driver refused."""
    reason: Reason | None = None
    """Of an ``unlock`` with a card that was denied."""
    card: EnrolledCard | None = None
    """Of ``enrol``; ``expired`` without a card: none was presented in time."""
    entries: Annotated[str, Field(max_length=MAX_MESSAGE_BYTES)] | None = None
    """Of ``report_list``: base64 of zlib of the JSON object {token: first 16 digits of its entry's digest}."""


Leaf = Literal["events", "committed", "state", "list", "command", "config", "reply", "request", "certificate"]
"""The last level of a gateway's topics."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a gateway lives in the topic tree."""

    shard: int
    place: str
    gateway: str

    def topic(self, leaf: Leaf) -> str:
        """The gateway's topic for ``leaf``, for example ``maillage/v1/07/gare-de-l-est/gare-de-l-est-1/events``."""
        return f"maillage/v1/{self.shard:02d}/{self.place}/{self.gateway}/{leaf}"


def parse_topic(topic: str) -> tuple[Address, str] | None:
    """Return address and leaf of a topic; ``None``: it isn't one of ours."""
    parts = topic.split("/")
    if len(parts) != 6 or parts[0] != "maillage" or parts[1] != "v1" or not (parts[2].isdigit() and len(parts[2]) == 2):
        return None
    shard = int(parts[2])
    if shard >= SHARDS or not parts[3] or not parts[4]:
        return None
    return Address(shard=shard, place=parts[3], gateway=parts[4]), parts[5]
