"""``maillage audit key`` and ``sign``: receipts of the audit's head, and the key that signs them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from maillage.commands.walk import follow
from maillage.complaint import Complaint

if TYPE_CHECKING:
    from maillage.receipts import Receipt

Against = Annotated[
    list[Path] | None, typer.Option(help="A receipt of `maillage audit sign`: its line must be there. Repeatable.")
]
_KEY_EXAMPLE: Final = "Example: maillage audit key --out /media/auditor/audit.key"
_SIGN_EXAMPLE: Final = (
    "Example: maillage audit sign --key /media/auditor/audit.key --out /media/auditor/2027-02.receipt "
    "--against /media/auditor/2027-01.receipt"
)


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("key", short_help="Make a key that signs receipts.", epilog=_KEY_EXAMPLE)(make_key)
    app.command(short_help="Sign the chain's head, to be kept elsewhere.", epilog=_SIGN_EXAMPLE)(sign)


def make_key(
    out: Annotated[Path, typer.Option(help="File for the private key; the public key goes beside it, with .pub.")],
) -> None:
    """Make an Ed25519 key for receipts and print its public half. It needs no database.

    Make it and keep it where neither the database's owner nor a process of Maillage can read it.
    """
    from gateway.contract.signing import new_seed, public_key

    public = out.with_name(f"{out.name}.pub")
    if out.exists():
        raise _exists(out)
    seed = new_seed()
    _create(public, f"{public_key(seed)}\n", mode=0o644)
    _create(out, f"{seed}\n", mode=0o600)
    print(public_key(seed))


def sign(
    key: Annotated[Path, typer.Option(help="The private key's file, which `maillage audit key` made.")],
    out: Annotated[
        Path | None, typer.Option(help="File for the receipt; it must not exist yet. Without: printed.")
    ] = None,
    against: Against = None,
) -> None:
    """Follow the whole chain and, if it is right, sign its last line: number, hash and time.

    The receipt proves later that up to this line nothing was removed or replaced (`maillage audit verify --against`).
    Give the last receipt too, so that a chain that was written anew since is not signed.

    Settings: MAILLAGE_DATABASE_URL (as the owner of the database, or a login that may read the audit).
    """
    from gateway.contract.signing import SignatureError, public_key
    from maillage.receipts import Receipt, write

    if out is not None and out.exists():
        raise _exists(out)
    seed = _private_key(key)
    try:
        own = public_key(seed)
    except SignatureError as error:
        raise Complaint(f"{key} holds no key that `maillage audit key` made: {error}.") from error
    walk = follow("audit sign", read_receipts(against or (), own))
    if walk.state.head is None or walk.chain is None or walk.at_us is None:
        raise Complaint("the audit has no lines yet: there is nothing to sign.")
    number, digest = walk.state.head
    receipt = Receipt(
        chain=walk.chain,
        line=number,
        hash=digest,
        written_at=datetime.fromtimestamp(0, UTC) + timedelta(microseconds=walk.at_us),
        signed_at=datetime.now(UTC),
    )
    if out is None:
        print(write(receipt, seed), end="")
        return
    _create(out, write(receipt, seed), mode=0o644)
    print(f"{out}: line {number:,} is signed. Keep it where this database's owner can't change it.")


def read_receipts(paths: Iterable[Path], key: str) -> dict[Path, Receipt]:
    """Return the receipts in ``paths``, each signed by ``key``: the public key, or the name of its file.

    Raises:
        Complaint: a file can't be read, is no receipt, or another key signed it.
    """
    from gateway.contract.signing import SignatureError
    from maillage.receipts import ReceiptError, read

    own = _text(Path(key)).strip() if Path(key).is_file() else key.strip()
    receipts = {}
    for path in paths:
        try:
            receipts[path] = read(_text(path), own)
        except ReceiptError as error:
            raise Complaint(f"{path}: {error}.") from error
        except SignatureError as error:
            raise Complaint(f"{path}: {error}. The receipt was altered, or the public key is not one.") from error
    return receipts


def _private_key(path: Path) -> str:
    text = _text(path).strip()
    if path.stat().st_mode & 0o077:
        raise Complaint(f"others may read the key in {path}: chmod 600 {path}, and make a new one if they have.")
    return text


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise Complaint(f"{path} can't be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise Complaint(f"{path} is not a text.") from error


def _create(path: Path, text: str, *, mode: int) -> None:
    """Write a new file; one that is there stays as it is."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError as error:
        raise _exists(path) from error
    except OSError as error:
        raise Complaint(f"{path} can't be written: {error.strerror}.") from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _exists(path: Path) -> Complaint:
    return Complaint(f"{path} exists already and is not overwritten: name another file.")
