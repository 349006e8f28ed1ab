"""The routes of members' pages, the fixed paths before those with a reference."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from api.pages.manage.members import cards, editing, enrolling, finding, importing, making, member, passes, proofs

router: Final = APIRouter(include_in_schema=False)
for _one in (finding, importing, making, editing, proofs, enrolling, cards, passes, member):
    router.routes.extend(_one.router.routes)
