"""The passwords of a place's broker: made once, kept on the gateway in one file that only its owner reads."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from maillage.field.logins import FieldError

_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without those that look alike on paper."""


def new_password() -> str:
    """Return a password of 99 bits that a person can type from paper."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(4))


def read_passwords(path: Path) -> dict[str, str]:
    """Return the passwords by user; none where there is no such file yet.

    Raises:
        FieldError: the file cannot be read.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["passwords"]
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise FieldError(f"cannot read {path}: {error.strerror}. Run the command as root.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise FieldError(f"{path} is damaged. Move it away: each board then gets a new password.") from error
    return dict(found)


def passwords_for(users: Iterable[str], kept: Mapping[str, str], *, rotate: Iterable[str] = ()) -> dict[str, str]:
    """Return a password for each of ``users``: the kept one, or a new one. Those of other users are dropped."""
    renewed = set(rotate)
    return {user: kept[user] if user in kept and user not in renewed else new_password() for user in users}


def write_passwords(path: Path, passwords: Mapping[str, str]) -> None:
    """Write ``passwords`` in one step, for the owner of the folder only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.part")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({"passwords": dict(passwords)}, file, indent=1)
    if os.geteuid() == 0:  # the gateway's process reads it, under the user that the folder belongs to
        folder = path.parent.stat()
        os.chown(partial, folder.st_uid, folder.st_gid)
    partial.replace(path)
