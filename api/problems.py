"""Errors as the API tells them: a problem document (RFC 9457) that names the field and the mend."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from api.records.types import AWAY, why_away
from screener.errors import ScreenerError, WrongUse

__all__ = ["DATABASE_AWAY", "Problem", "install", "problems"]

MEDIA_TYPE = "application/problem+json"

#: How many seconds to wait before the next try, what is wrong, and what to do.
DATABASE_AWAY = (5, "The database does not answer.", "Try again in some seconds.")

_log = structlog.get_logger()


class FieldProblem(BaseModel):
    """One field of the request that does not hold."""

    field: str = Field(examples=["body.height_m"])
    message: str = Field(examples=["Input should be less than or equal to 2.5"])


class ProblemBody(BaseModel):
    """What went wrong and what to do about it."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Conflict"])
    status: int = Field(examples=[409])
    detail: str = Field(examples=["No consent of this person is recorded. Record it first: POST /v1/subjects/..."])
    errors: list[FieldProblem] = Field(default=[], description="The fields that do not hold, where that is known.")


class Problem(Exception):
    """Raised by a route: the status, what is wrong, and what to do about it."""

    def __init__(
        self,
        status: int,
        message: str,
        what_to_do: str,
        *,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.what_to_do = what_to_do
        self.field = field
        self.headers = dict(headers or {})


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses`: the problems that it may answer with, besides those of every route."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemBody"}}},
        }
        for status in statuses
    }


def answer(
    status: int,
    detail: str,
    errors: list[dict[str, str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """A problem document."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "errors": errors or [],
    }
    return JSONResponse(body, status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Let every error of the application be told as a problem, and the OpenAPI say so."""

    @app.exception_handler(Problem)
    def _known(request: Request, problem: Problem) -> JSONResponse:
        errors = [{"field": problem.field, "message": problem.message}] if problem.field else []
        return answer(problem.status, f"{problem.message} {problem.what_to_do}", errors, problem.headers)

    @app.exception_handler(ScreenerError)
    def _ours(request: Request, error: ScreenerError) -> JSONResponse:
        return answer(422 if isinstance(error, WrongUse) else 500, str(error))

    @app.exception_handler(HTTPException)
    def _of_the_frame(request: Request, error: HTTPException) -> JSONResponse:
        detail = error.detail
        if error.status_code == 404 and detail == "Not Found":
            detail = "There is nothing here. /openapi.json lists what there is."
        if error.status_code == 405:
            detail = "This address does not take that method. The header Allow names those it takes."
        return answer(error.status_code, detail, headers=error.headers)

    @app.exception_handler(RequestValidationError)
    def _does_not_hold(request: Request, error: RequestValidationError) -> JSONResponse:
        errors = [
            {"field": ".".join(str(step) for step in each["loc"]), "message": each["msg"]} for each in error.errors()
        ]
        first = errors[0]
        return answer(422, f"{first['field']}: {first['message']}. Mend the named fields and send again.", errors)

    def _away(request: Request, error: Exception) -> JSONResponse:
        wait_s, message, what_to_do = DATABASE_AWAY
        _log.error("database away", path_template=_template(request), why=why_away(error))
        return answer(503, f"{message} {what_to_do}", headers={"retry-after": str(wait_s)})

    for kind in AWAY:
        app.add_exception_handler(kind, _away)

    @app.exception_handler(Exception)
    def _unforeseen(request: Request, error: Exception) -> JSONResponse:
        _log.error("unforeseen", path_template=_template(request), error=type(error).__name__, exc_info=error)
        return answer(500, "The program failed. The line of the log with this request's id says how.")

    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]


def _template(request: Request) -> str:
    """The route and not the address, which may hold what somebody typed."""
    route = request.scope.get("route")
    return str(getattr(route, "path", ""))


# Any route may be refused for these before it is reached: the session, the permission, the host, the request's form,
# the database.
_OF_EVERY_ROUTE = (400, 401, 403, 421, 422, 503)


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is not None:
        return app.openapi_schema
    schema: dict[str, Any] = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
    )
    parts = schema.setdefault("components", {}).setdefault("schemas", {})
    parts.update(_definitions())
    for unused in ("HTTPValidationError", "ValidationError"):
        parts.pop(unused, None)
    common = {str(status): told for status, told in problems(*_OF_EVERY_ROUTE).items()}
    for operations in schema["paths"].values():
        for operation in operations.values():
            operation["responses"] |= common
    app.openapi_schema = schema
    return schema


def _definitions() -> dict[str, Any]:
    body = ProblemBody.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**body.pop("$defs"), "ProblemBody": body}
