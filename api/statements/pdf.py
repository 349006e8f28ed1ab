"""Answers with a document as PDF."""

from __future__ import annotations

import asyncio

from starlette.responses import Response

from process.documents import Document, as_pdf


async def pdf_answer(document: Document, name: str) -> Response:
    """Return ``document`` as a PDF file called ``name``; it is made beside the event loop."""
    made = await asyncio.to_thread(as_pdf, document)
    headers = {"Content-Disposition": f'attachment; filename="{name}.pdf"', "Cache-Control": "no-store"}
    return Response(made, media_type="application/pdf", headers=headers)
