"""Passkeys (WebAuthn): what a browser is asked to make or to sign, and whether its answer is good. No database here."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from webauthn import (
    base64url_to_bytes,
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import options_to_json_dict
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from api.sign_in.site import Site

LONGEST: Final = 20_000
"""Characters of what a browser answers."""
_WAIT_MS: Final = 300_000
_REQUIRED: Final = UserVerificationRequirement.REQUIRED


class PasskeyRefused(Exception):
    """What the browser answered isn't good: another challenge or site, no finger or code, a wrong signature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A new passkey."""

    credential: bytes
    public_key: bytes
    sign_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What an answer says of itself, before it is believed."""

    challenge: bytes
    credential: bytes


def new_challenge() -> bytes:
    """Return 32 random bytes, to be signed once."""
    return secrets.token_bytes(32)


def to_make(
    site: Site, challenge: bytes, *, ref: str, name: str, account: str, there: Sequence[bytes] = ()
) -> dict[str, Any]:
    """Return what a browser makes a passkey by, as JSON.

    Args:
        site: of this server.
        challenge: kept by the caller.
        ref: of the person; the authenticator stores it, and it says nothing by itself.
        name: of the person, as the authenticator shows it.
        account: their address, likewise.
        there: the passkeys that they have: the same authenticator makes no second one.
    """
    options = generate_registration_options(
        rp_id=site.host,
        rp_name="Maillage",
        user_id=ref.encode(),
        user_name=account,
        user_display_name=name,
        challenge=challenge,
        timeout=_WAIT_MS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=_REQUIRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=one) for one in there],
    )
    return options_to_json_dict(options)


def to_sign(site: Site, challenge: bytes) -> dict[str, Any]:
    """Return what a browser signs to sign in, as JSON: with any passkey that it has for this site."""
    options = generate_authentication_options(
        rp_id=site.host, challenge=challenge, timeout=_WAIT_MS, user_verification=_REQUIRED
    )
    return options_to_json_dict(options)


def claim_of(text: str) -> Claim:
    """Read the challenge and the passkey that an answer names.

    Raises:
        PasskeyRefused: it isn't an answer of a browser.
    """
    try:
        answer = json.loads(text) if len(text) <= LONGEST else {}
        client = json.loads(base64url_to_bytes(answer["response"]["clientDataJSON"]))
        return Claim(challenge=base64url_to_bytes(client["challenge"]), credential=base64url_to_bytes(answer["rawId"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise PasskeyRefused("This is not the answer of a browser.") from error


def made(site: Site, challenge: bytes, text: str) -> Made:
    """Check a new passkey.

    Raises:
        PasskeyRefused: it isn't good.
    """
    try:
        found = verify_registration_response(
            credential=text,
            expected_challenge=challenge,
            expected_rp_id=site.host,
            expected_origin=site.origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError, AttributeError) as error:
        raise PasskeyRefused("This passkey is not good.") from error
    return Made(credential=found.credential_id, public_key=found.credential_public_key, sign_count=found.sign_count)


def signed(site: Site, challenge: bytes, text: str, *, public_key: bytes, sign_count: int) -> int:
    """Check a signature; return the authenticator's new counter.

    Raises:
        PasskeyRefused: it isn't good, or the counter went back.
    """
    try:
        found = verify_authentication_response(
            credential=text,
            expected_challenge=challenge,
            expected_rp_id=site.host,
            expected_origin=site.origin,
            credential_public_key=public_key,
            credential_current_sign_count=sign_count,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError, AttributeError) as error:
        raise PasskeyRefused("This signature is not good.") from error
    return found.new_sign_count
