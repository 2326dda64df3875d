"""What docs/operations.md says of backup and restore, done."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import psycopg
from fastapi.testclient import TestClient

from api.app import create_app
from api.settings import Settings
from tests.api.conftest import BASE


def _fill(client: TestClient) -> str:
    made = client.post("/v1/screenings", json={"name": "squat.mp4", "consent": {"how": "spoken"}}).json()
    client.put(f"/v1/screenings/{made['id']}/video", content=b"moving pictures")
    return str(made["id"])


def _holds(settings: Settings, screening_id: str) -> None:
    """The restored service tells of the screening, and has its recording."""
    with TestClient(create_app(settings), base_url=BASE) as client:
        told = client.get(f"/v1/screenings/{screening_id}").json()
        assert (told["name"], told["has_recording"], told["progress"]["state"]) == ("squat.mp4", True, "queued")
        with client.app.state.service.files.open("personal", screening_id, told["sha256"]) as file:  # type: ignore[attr-defined]
            assert file.read() == b"moving pictures"


def test_a_backup_of_sqlite_made_while_it_runs_is_whole(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", workers=0)
    restored = tmp_path / "restored"
    restored.mkdir()
    with TestClient(create_app(settings), base_url=BASE) as client:
        screening_id = _fill(client)
        # `.backup` of the sqlite3 program is this.
        with (
            closing(sqlite3.connect(settings.data_dir / "screener.sqlite3")) as source,
            closing(sqlite3.connect(restored / "screener.sqlite3")) as target,
        ):
            source.backup(target)
        shutil.copytree(settings.data_dir / "files", restored / "files")
        shutil.copy(settings.data_dir / "secret", restored / "secret")
    _holds(settings.model_copy(update={"data_dir": restored}), screening_id)


def test_a_dump_of_postgresql_is_restored(tmp_path: Path, postgres: str, postgres_at_this_version: str) -> None:
    with psycopg.connect(f"postgresql://screener@{postgres}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE to_dump TEMPLATE {postgres_at_this_version}")
        connection.execute("CREATE DATABASE to_restore")
    url = f"postgresql+psycopg://screener@{postgres}/"
    settings = Settings(data_dir=tmp_path / "data", workers=0, database_url=f"{url}to_dump")
    with TestClient(create_app(settings), base_url=BASE) as client:
        screening_id = _fill(client)
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
        plain = f"postgresql://screener@{postgres}/"
        dump = tmp_path / "records.dump"
        subprocess.run([programs / "pg_dump", "-Fc", "-f", dump, f"{plain}to_dump"], check=True)
        shutil.copytree(settings.data_dir / "files", tmp_path / "restored" / "files")
    subprocess.run([programs / "pg_restore", "-d", f"{plain}to_restore", dump], check=True)
    update = {"data_dir": tmp_path / "restored", "database_url": f"{url}to_restore"}
    _holds(settings.model_copy(update=update), screening_id)
