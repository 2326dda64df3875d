"""What the tests of the service share: both databases, empty and at this version, and a service on them."""

from __future__ import annotations

import os
import pwd
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from fastapi.testclient import TestClient

from api.analysis import Limits, Outcome, Work
from api.app import create_app
from api.context import Service
from api.files import Files, sha256_of
from api.records.database import Database
from api.settings import Settings
from tests.conftest import free_port

#: As a client of the service names it.
BASE = "http://127.0.0.1:8000"


class Postgres:
    """A PostgreSQL cluster of our own, on a loopback port, run by a user who is not root; it can be killed."""

    def __init__(self, programs: Path) -> None:
        root = os.geteuid() == 0
        user = "postgres" if root else pwd.getpwuid(os.geteuid()).pw_name
        self._programs = programs
        self._become = ["runuser", "-u", user, "--"] if root else []
        self._folder = Path(tempfile.mkdtemp(prefix="screener-postgres-"))
        if root:
            shutil.chown(self._folder, user)
        self._run("initdb", "-U", "screener", "-A", "trust", "--no-sync")
        self._port = free_port()
        self.address = f"127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        # What is lost when the machine dies does not matter here; what a killed process has written stays.
        options = f"-p {self._port} -k {self._folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=200"
        self._run("pg_ctl", "-w", "-l", str(self._folder / "log"), "-o", options, "start")

    def kill(self) -> None:
        """Kill every process of it where it stands."""
        first = self._first()
        everybody = [first, *children(first)]
        for each in everybody:
            kill(each)
        while any(Path(f"/proc/{each}").exists() for each in everybody):
            time.sleep(0.01)

    def kill_one(self, chance: random.Random) -> None:
        """Kill the process behind one connection; the others end and begin anew because of it."""
        backends = [each for each in children(self._first()) if b"127.0.0.1" in _read(f"/proc/{each}/cmdline")]
        if backends:
            kill(chance.choice(backends))

    def remove(self) -> None:
        """Stop it and leave nothing."""
        if (self._folder / "data" / "postmaster.pid").exists():
            self._run("pg_ctl", "-w", "-m", "immediate", "stop", check=False)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _first(self) -> int:
        """The process that started the others."""
        return int((self._folder / "data" / "postmaster.pid").read_text(encoding="ascii").split()[0])

    def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        command = [*self._become, str(self._programs / program), "-D", str(self._folder / "data"), *arguments]
        subprocess.run(command, check=check, stdout=subprocess.DEVNULL, cwd=self._folder)


def children(pid: int) -> list[int]:
    """The processes that a process started; none where it has just ended."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [int(each) for thread in threads for each in _read(thread / "children").split()]


def kill(pid: int) -> None:
    """Kill a process where it stands, if it is still there."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _read(path: str | Path) -> bytes:
    """What /proc says; nothing of a process that has just ended."""
    try:
        return Path(path).read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


@contextmanager
def _cluster() -> Iterator[Postgres]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL is not installed: .ci/run installs it")
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    made = Postgres(found[-1].parent)
    try:
        made.start()
        yield made
    finally:
        made.remove()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL of this session."""
    with _cluster() as made:
        yield made.address


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[Postgres]:
    """A PostgreSQL of these tests alone, which they may kill."""
    with _cluster() as made:
        yield made


KINDS = ["sqlite", "postgresql"]


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of each kind, for this test alone."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'records.sqlite3'}"
    else:
        with own_database(request.getfixturevalue("postgres"), "template0") as url:
            yield url


@pytest.fixture(scope="session")
def sqlite_at_this_version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared database, to be copied: making one anew takes a second."""
    path = tmp_path_factory.mktemp("sqlite") / "records.sqlite3"
    _prepare(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_at_this_version(postgres: str) -> str:
    """The same of PostgreSQL, by its name."""
    _tell(postgres, "CREATE DATABASE prepared")
    _prepare(f"postgresql+psycopg://screener@{postgres}/prepared")
    return "prepared"


def _prepare(url: str) -> None:
    database = Database(url)
    database.prepare()
    database.close()


@pytest.fixture(params=KINDS)
def prepared_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of each kind at this version, for this test alone."""
    if request.param == "sqlite":
        path = tmp_path / "records.sqlite3"
        shutil.copyfile(request.getfixturevalue("sqlite_at_this_version"), path)
        yield f"sqlite:///{path}"
    else:
        template = request.getfixturevalue("postgres_at_this_version")
        with own_database(request.getfixturevalue("postgres"), template) as url:
            yield url


@contextmanager
def own_database(address: str, template: str) -> Iterator[str]:
    """The URL of a new database, for as long as it is needed."""
    name = f"test_{time.time_ns()}"
    _tell(address, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield f"postgresql+psycopg://screener@{address}/{name}"
    _tell(address, f"DROP DATABASE {name} WITH (FORCE)")


def _tell(address: str, command: str) -> None:
    with psycopg.connect(f"postgresql://screener@{address}/postgres", autocommit=True) as connection:
        connection.execute(command)


@pytest.fixture
def settings(prepared_url: str, tmp_path: Path) -> Settings:
    """Of a service that takes work in and does none."""
    return Settings(data_dir=tmp_path / "data", database_url=prepared_url, workers=0).prepared()


@pytest.fixture
def service(settings: Settings) -> Iterator[Service]:
    """The parts of a service, its database at this version; nothing runs."""
    made = Service(settings)
    yield made
    made.database.close()


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    """A client of a service in personal mode."""
    with TestClient(create_app(settings), base_url=BASE) as made:
        yield made


@dataclass
class Scripted:
    """A performer whose outcomes a test decides, and who remembers what was asked of it."""

    outcome: Callable[[Work, Callable[[str, float], bool]], Outcome]
    asked: list[Work] = field(default_factory=list)

    def perform(self, work: Work, tell: Callable[[str, float], bool]) -> Outcome:
        """What the test decided."""
        self.asked.append(work)
        return self.outcome(work, tell)

    def close(self) -> None:
        """There is nothing to close."""


@dataclass
class Server:
    """`screener serve` as a process with its children, which can be killed and started again on the same data."""

    data_dir: Path
    environment: dict[str, str] = field(default_factory=dict)
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it; it may not answer yet."""
        self.port = self.port or free_port()
        self.data_dir.mkdir(parents=True, exist_ok=True)
        command = [str(Path(sys.executable).parent / "screener"), "serve", "--port", str(self.port)]
        with (self.data_dir.parent / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                env=os.environ | {"SCREENER_DATA_DIR": str(self.data_dir)} | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """Kill it where it stands. Its children are not told."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> None:
        """End it and whatever it started."""
        if self.process is not None:
            try:
                os.killpg(self.process.pid, signal.SIGTERM)
                self.process.wait(20)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


@pytest.fixture
def new_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """A server of this test's own: `new_server(SCREENER_WORKERS="2")`, not started yet."""
    made: list[Server] = []

    def new(**environment: str) -> Server:
        made.append(Server(tmp_path / f"server-{len(made)}" / "data", environment))
        return made[-1]

    yield new
    for server in made:
        server.stop()


@contextmanager
def in_thread(work: Callable[[], Any], patience_s: float = 30) -> Iterator[threading.Thread]:
    """Work that goes on beside the block, and is then waited for."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield thread
    thread.join(patience_s)


def work_on(tmp_path: Path, video: Path, name: str = "squat.mp4", **limits: float) -> Work:
    """An analysis of a stored copy of a recording, as a job asks for it."""
    files = Files(str(tmp_path / "files"))
    (copy := tmp_path / "copy").write_bytes(video.read_bytes())
    sha256 = sha256_of(copy)
    files.put(copy, "clinic", "screening", sha256)
    bounds = {"memory_mb": 6144, "cpu_s": 600, "wall_s": 600.0} | limits
    return Work(
        files_url=files.url,
        clinic_id="clinic",
        screening_id="screening",
        name=name,
        video=sha256,
        landmarks=None,
        settings={},
        subject_code=None,
        height_m=None,
        intake=None,
        programme="evidence",
        pictures=False,
        limits=Limits(**bounds),  # type: ignore[arg-type]
    )
