"""How a gateway gets its next certificate over its connection: it asks, the rights process answers, signed."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from gateway.contract.wire import Micros, Name, Signature

Pem = Annotated[str, Field(max_length=16_000)]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class CertificateRequest(_Message):
    """A gateway asks for a certificate; leaf ``request``."""

    request: Annotated[str, Field(max_length=4000)]
    """PKCS #10, PEM. The same again gets the same answer."""


class CertificateAnswer(_Message):
    """The centre's answer; leaf ``certificate``."""

    body: Annotated[str, Field(max_length=40_000)]
    """JSON of a ``CertificateBody``."""
    signature: Signature
    """Over ``body``, purpose ``certificate``."""


class CertificateBody(_Message):
    """What is signed."""

    gateway: Name
    at: Micros
    """When it was signed: an older one than the last that was taken is refused."""
    certificate: Pem | None = None
    """None: the authority is being changed, and the gateway is to ask for a certificate of the new one."""
    authority: Pem
    """Whom to believe as the broker from now on."""
