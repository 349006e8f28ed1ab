"""What the API is measured against: FastAPI with one route that answers nothing."""

from __future__ import annotations

from fastapi import FastAPI

app = FastAPI()


@app.get("/")
async def empty() -> dict[str, str]:
    """Answer an empty object."""
    return {}
