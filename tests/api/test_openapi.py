"""The OpenAPI document: it reads well, and what it says holds for whatever is sent (schemathesis)."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import schemathesis
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from api.app import create_app
from api.settings import Settings
from tests.api.clinics import ROLES, Clinics, found_clinic
from tests.api.conftest import BASE, in_thread
from tests.conftest import free_port

# A few for every run; `SCREENER_EXAMPLES=200` looks longer.
_EXAMPLES = int(os.environ.get("SCREENER_EXAMPLES", "3"))

# That a document's "integer" is no 1.0 for a strict form is no fault, so what it calls valid may be refused (with
# a problem that names the field).
_CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


@contextmanager
def _listening(app: FastAPI) -> Iterator[str]:
    """The application behind uvicorn, as it is in use; its URL."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, lifespan="on"))
    with in_thread(server.run):
        while not server.started:
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
        server.should_exit = True


@pytest.fixture(scope="module")
def personal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FastAPI, str]]:
    """A service in personal mode, with a screening in it, and its URL."""
    app = create_app(Settings(data_dir=tmp_path_factory.mktemp("personal"), workers=0, upload_idle_s=2.0))
    with _listening(app) as url:
        client = TestClient(app, base_url=BASE)
        screening = client.post("/v1/screenings", json={"consent": {"how": "on_screen"}}).json()
        client.put(f"/v1/screenings/{screening['id']}/video", content=b"moving pictures")
        yield app, url


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FastAPI, str, Clinics]]:
    """A service in clinic mode, with people of every role, and its URL."""
    folder = tmp_path_factory.mktemp("clinic")
    app = create_app(Settings(data_dir=folder, mode="clinic", workers=0, upload_idle_s=2.0))
    with _listening(app) as url:
        yield app, url, found_clinic(app.state.service, "north", {"trials": []}, folder)


@pytest.fixture
def app(personal: tuple[FastAPI, str]) -> FastAPI:
    """The application of personal mode."""
    return personal[0]


# The one event stream that would wait for an end is that of a screening which nobody works on; no identifier that is
# made up names it, so every stream here is a 404.
@pytest.mark.parametrize("who", ["personal", "nobody", *ROLES])
def test_whatever_is_sent_is_answered_as_documented(request: pytest.FixtureRequest, who: str) -> None:
    """Every operation as everyone: no 5xx, and no answer that the document does not tell of."""
    headers: dict[str, str] = {}
    if who == "personal":
        app, url = request.getfixturevalue("personal")
    else:
        app, url, clinics = request.getfixturevalue("clinic")
        headers = clinics.headers.get(who, {})
    schema = schemathesis.openapi.from_dict(app.openapi())
    operations = [operation.ok() for operation in schema.get_all_operations()]
    assert len(operations) > 30
    for operation in operations:

        @hypothesis_settings(
            max_examples=_EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            # Not made smaller when it fails: a minute of requests would pass.
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def answered(case: Any) -> None:
            case.call_and_validate(base_url=url, headers=headers, checks=_CHECKS, timeout=120)

        answered()


def test_every_operation_says_what_it_does(app: FastAPI) -> None:
    document = app.openapi()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation.get("description") or operation.get("summary"), where
            assert operation["tags"], where
            for status, told in operation["responses"].items():
                if int(status) >= 400:
                    assert list(told["content"]) == ["application/problem+json"], f"{where} {status}"


def test_the_examples_of_the_document_are_taken(app: FastAPI) -> None:
    client = TestClient(app, base_url=BASE)
    schemas = app.openapi()["components"]["schemas"]
    for name, path in (("ScreeningGiven", "/v1/screenings"), ("PlanAsked", "/v1/plans")):
        for example in schemas[name]["examples"]:
            answer = client.post(path, json=example)
            assert answer.status_code in (200, 201), answer.text
