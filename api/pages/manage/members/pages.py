"""The routes of members' pages, the fixed paths before those with a reference."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from api.pages.manage.members import APIRouter, False, Final, _one, cards, editing, enrolling, finding, for, in, include_in_schema, making, member, passes, proofs, router
    router.routes.extend(_one.router.routes)
