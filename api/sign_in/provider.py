"""Asks an OpenID Connect provider who somebody is (OpenID Connect Core 1.0, the authorization code flow with PKCE).

What must come back with the person (state, nonce, verifier) is kept in their own browser, in a cookie that only our own
pages set, so any API process can take the answer. The ID token is checked as in 3.1.3.7: signature by the provider's
keys, issuer, audience, expiry, nonce; the answer's issuer by RFC 9207. The address comes from the ID token, or from the
provider's userinfo, which may be a signed JWT (ProConnect's is).
"""

from __future__ import annotations

import asyncio
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from time import monotonic, time
from typing import Any, Final
from urllib.parse import urlencode

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

_ALGORITHMS: Final = ["RS256", "PS256", "ES256", "EdDSA"]
_KEPT_S: Final = 3600.0
_AGAIN_S: Final = 60.0
"""Keys that aren't known are looked for again this seldom."""
_TIMEOUT_S: Final = 8.0
_LEEWAY_S: Final = 60
_MOST_BYTES: Final = 200_000


class NotSignedIn(Exception):
    """The provider didn't say who it is; the text is for the log, without anything personal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A way to the provider that has begun; kept in the person's browser until they come back."""

    state: str
    nonce: str
    verifier: str
    next: str

    def as_cookie(self) -> str:
        """Return it as a cookie's value."""
        return urlsafe_b64encode(json.dumps([self.state, self.nonce, self.verifier, self.next]).encode()).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Whom the provider knows."""

    address: str
    id_token: str
    """For signing out there too."""


@dataclass(slots=True, kw_only=True)
class Provider:
    """One provider, as configured; its document and keys are kept for an hour."""

    name: str
    """As the sign-in page shows it."""
    issuer: str
    client_id: str
    client_secret: str
    scopes: str
    acr: str
    vouches: bool
    redirect_uri: str
    _read: tuple[float, dict[str, Any], KeySet] | None = field(default=None, init=False)
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def begin(self, to: str) -> tuple[str, Started]:
        """Return the address to send the person to, and what to keep; ``to``: the page that they wanted.

        Raises:
            NotSignedIn: the provider doesn't answer.
        """
        document, _ = await self._known()
        started = Started(
            state=secrets.token_urlsafe(24),
            nonce=secrets.token_urlsafe(24),
            verifier=secrets.token_urlsafe(48),
            next=to,
        )
        challenge = urlsafe_b64encode(sha256(started.verifier.encode()).digest()).rstrip(b"=").decode()
        question = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": self.scopes,
            "state": started.state,
            "nonce": started.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            **({"acr_values": self.acr} if self.acr else {}),
        }
        return f"{document['authorization_endpoint']}?{urlencode(question)}", started

    async def finish(self, started: Started, code: str, issuer: str | None) -> Known:
        """Return whom the provider knows behind ``code``; ``issuer``: the answer's ``iss`` (RFC 9207).

        Raises:
            NotSignedIn: it doesn't answer, or something of its answer isn't right.
        """
        document, _ = await self._known()
        if issuer is not None and issuer != self.issuer:
            raise NotSignedIn("the answer is another provider's")
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": started.verifier,
        }
        how: dict[str, Any] = {"auth": (self.client_id, self.client_secret)}
        if "client_secret_basic" not in document.get("token_endpoint_auth_methods_supported", ("client_secret_basic",)):
            form |= {"client_id": self.client_id, "client_secret": self.client_secret}
            how = {}
        answer = await self._ask("POST", document["token_endpoint"], data=form, **how)
        id_token = str(_json(answer).get("id_token", ""))
        claims = await self._signed(id_token)
        self._check(claims, started.nonce)
        if "email" not in claims and "userinfo_endpoint" in document:
            claims = await self._with_userinfo(
                document["userinfo_endpoint"], str(_json(answer)["access_token"]), claims
            )
        address = claims.get("email")
        if not isinstance(address, str) or not address:
            raise NotSignedIn("no address came back: is it in MAILLAGE_OIDC_SCOPES?")
        if claims.get("email_verified", self.vouches) is not True:
            raise NotSignedIn("the provider doesn't vouch for the address")
        return Known(address=address, id_token=id_token)

    async def end(self, id_token: str, to: str) -> str | None:
        """Return the address at which the person signs out there too (RP-Initiated Logout 1.0); None: there is none."""
        document, _ = await self._known()
        if "end_session_endpoint" not in document:
            return None
        question = {"id_token_hint": id_token, "post_logout_redirect_uri": to, "client_id": self.client_id}
        return f"{document['end_session_endpoint']}?{urlencode(question)}"

    def _check(self, claims: dict[str, Any], nonce: str) -> None:
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        if claims.get("iss") != self.issuer or self.client_id not in audiences:
            raise NotSignedIn("the ID token is of another provider or for another client")
        if len(audiences) > 1 and claims.get("azp") != self.client_id:
            raise NotSignedIn("the ID token was given to another client")
        expires, begins = claims.get("exp"), claims.get("iat")
        now = time()
        if not isinstance(expires, int | float) or expires < now - _LEEWAY_S:
            raise NotSignedIn("the ID token has expired")
        if not isinstance(begins, int | float) or begins > now + _LEEWAY_S:
            raise NotSignedIn("the ID token comes from the future")
        if not secrets.compare_digest(str(claims.get("nonce")), nonce):
            raise NotSignedIn("the ID token answers another question")
        if self.acr and claims.get("acr") not in self.acr.split():
            raise NotSignedIn("the person signed in less surely than MAILLAGE_OIDC_ACR asks for")

    async def _with_userinfo(self, address: str, token: str, claims: dict[str, Any]) -> dict[str, Any]:
        answer = await self._ask("GET", address, headers={"authorization": f"Bearer {token}"})
        if answer.headers.get("content-type", "").startswith("application/jwt"):
            found = await self._signed(answer.text)
            if found.get("iss", self.issuer) != self.issuer:
                raise NotSignedIn("the userinfo is another provider's")
        else:
            found = _json(answer)
        if found.get("sub") != claims.get("sub"):
            raise NotSignedIn("the userinfo is another person's")
        return {**claims, **found}

    async def _signed(self, token: str) -> dict[str, Any]:
        """Return the claims of a signed token; keys that aren't known yet are looked for once."""
        for again in (False, True):
            _, keys = await self._known(again=again)
            try:
                return dict(jwt.decode(token, keys, algorithms=_ALGORITHMS).claims)
            except (JoseError, ValueError):
                continue
        raise NotSignedIn("a token's signature isn't good")

    async def _known(self, *, again: bool = False) -> tuple[dict[str, Any], KeySet]:
        async with self._reading:
            read = self._read
            if read is not None and monotonic() - read[0] < (_AGAIN_S if again else _KEPT_S):
                return read[1], read[2]
            where = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
            document = _json(await self._ask("GET", where))
            if document.get("issuer") != self.issuer:
                raise NotSignedIn(f"the provider calls itself {document.get('issuer')!r}, not as MAILLAGE_OIDC_ISSUER")
            keys = _json(await self._ask("GET", str(document.get("jwks_uri"))))
            signing = [one for one in keys.get("keys", ()) if one.get("use", "sig") == "sig"]
            try:
                key_set = KeySet.import_key_set({"keys": signing})
            except (JoseError, ValueError, KeyError) as error:
                raise NotSignedIn(f"its keys can't be read: {type(error).__name__}") from error
            self._read = (monotonic(), document, key_set)
            return document, key_set

    async def _ask(self, method: str, address: str, **given: Any) -> httpx.Response:
        try:
            async with httpx.AsyncClient(timeout=_TIMEOUT_S, follow_redirects=False) as client:
                answer = await client.request(method, address, **given)
        except httpx.HTTPError as error:
            raise NotSignedIn(f"it doesn't answer: {type(error).__name__}") from error
        if not answer.is_success or len(answer.content) > _MOST_BYTES:
            raise NotSignedIn(f"{method} {address.partition('?')[0]} was answered with {answer.status_code}")
        return answer


def started_of(cookie: str) -> Started | None:
    """Read what ``as_cookie`` made; None: it can't be read."""
    try:
        state, nonce, verifier, to = json.loads(urlsafe_b64decode(cookie.encode()))
    except (ValueError, TypeError):
        return None
    parts = (state, nonce, verifier, to)
    if not all(isinstance(one, str) for one in parts):
        return None
    return Started(state=state, nonce=nonce, verifier=verifier, next=to)


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise NotSignedIn("its answer is no JSON object")
    return body
