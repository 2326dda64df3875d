"""Rendering a page: the templates, what each of them may use, and errors as a page instead of a problem document."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import date
from functools import cache
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, PackageLoader, StrictUndefined

from api.access import Permission, Principal
from api.problems import DATABASE_AWAY, Problem
from api.records.types import AWAY
from screener.days import day_in_words

__all__ = ["PageRoute", "render"]


def _day(at: date | str | None) -> str:
    """As `day_in_words`; nothing where there is no day."""
    return day_in_words(at) if at is not None else ""


def _in_words(identifier: str) -> str:
    """`single_leg_squat` as `Single leg squat`."""
    said = identifier.replace("_", " ")
    return said[:1].upper() + said[1:]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("api.clinic"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"day": _day, "in_words": _in_words}
    return environment


def render(request: Request, template: str, principal: Principal | None, status: int = 200, **given: Any) -> Response:
    """A page.

    Args:
        request: whose path the navigation marks.
        template: a name in `templates/`, without its suffix.
        principal: whose permissions decide what is offered; None before sign-in.
        status: of the answer.
        given: what the template shows. Everything is escaped.
    """
    text = (
        _environment()
        .get_template(f"{template}.html.j2")
        .render(
            path=request.url.path,
            principal=principal,
            may={each.value: principal is not None and principal.may(each) for each in Permission},
            has_accounts=principal is not None and principal.kind != "personal",
            **given,
        )
    )
    return HTMLResponse(text, status)


class PageRoute(APIRoute):
    """A route whose errors are pages too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with problems told in HTML."""
        handle = super().get_route_handler()

        async def as_page(request: Request) -> Response:
            try:
                return await handle(request)
            except Problem as problem:
                status, says, what_to_do = problem.status, problem.message, problem.what_to_do
            except RequestValidationError:
                status, says, what_to_do = 404, "There is no such page.", "Begin at the list of people."
            except AWAY:
                status, (_, says, what_to_do) = 503, DATABASE_AWAY
            principal = getattr(request.state, "principal", None)
            title = HTTPStatus(status).phrase
            return render(request, "error", principal, status, title=title, says=says, what_to_do=what_to_do)

        return as_page
