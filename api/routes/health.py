"""Whether the service is alive, whether it can do its work, and its figures."""

from __future__ import annotations

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, Field

from api.context import Context
from api.metrics import page
from api.problems import Problem, problems

router = APIRouter(tags=["service"])


class Health(BaseModel):
    """It answers."""

    status: str = Field(examples=["ok"])


@router.get("/healthz", summary="Is the process alive")
def healthz() -> Health:
    """Answers as long as the process does."""
    return Health(status="ok")


@router.get("/readyz", summary="Can it do its work", responses=problems(503))
def readyz(context: Context) -> Health:
    """Answers `ok` when the database and the file store do."""
    for what, answers in (("database", context.database.answers), ("file store", context.files.answers)):
        try:
            answers()
        except Exception as error:
            raise Problem(503, f"The {what} does not answer.", "Try again; the log tells more.") from error
    return Health(status="ok")


@router.get(
    "/metrics",
    summary="Figures, for Prometheus",
    response_class=Response,
    responses={200: {"description": "Figures", "content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def metrics(context: Context) -> Response:
    """Requests, uploads and jobs in figures. In clinic mode it takes an API key that may read."""
    return Response(page(context.database), media_type=CONTENT_TYPE_LATEST)
