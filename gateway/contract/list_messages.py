"""Access lists on the wire: a whole list in signed parts, or a signed change of the list that a gateway holds."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from gateway.contract.wire import MAX_MESSAGE_BYTES, Name, Signature, Small


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ListHead(_Message):
    """Describes a whole list; signed as a text (purpose ``list``), so that no part needs a signature."""

    place: Name
    version: Small
    parts: int = Field(ge=1, le=4096)
    bytes: int = Field(ge=1, le=512 * 1024 * 1024)
    """Of the list's JSON (``access.listing``), before compression."""
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of the compressed text: of all the parts' data, one after the other."""
    fingerprint: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ListPart(_Message):
    """One part of a whole list; parts come in any order, any number of times."""

    kind: Literal["part"] = "part"
    head: Annotated[str, Field(max_length=4096)]
    """JSON of a ``ListHead``."""
    signature: Signature
    """Over ``head``, purpose ``list`` (``gateway.contract.signing``, base64)."""
    index: int = Field(ge=0, le=4096)
    data: Annotated[str, Field(max_length=MAX_MESSAGE_BYTES)]
    """Base64: this part's piece of the list's JSON, compressed by zlib."""


class ListDelta(_Message):
    """Turns the list that a gateway holds into a newer one."""

    kind: Literal["delta"] = "delta"
    body: Annotated[str, Field(max_length=MAX_MESSAGE_BYTES)]
    """What ``access.deltas_json`` writes: JSON, compressed where it is long."""
    signature: Signature
    """Over ``body``, purpose ``delta``."""


ListMessage = Annotated[ListPart | ListDelta, Field(discriminator="kind")]
LIST_MESSAGE: Final[TypeAdapter[ListPart | ListDelta]] = TypeAdapter(ListMessage)
MAX_PART_BYTES: Final = 256_000
"""Of a part's compressed data, before base64."""
