"""What the service is told from outside: environment variables `SCREENER_*`, each with a default that is safe."""

from __future__ import annotations

import ipaddress
import os
import secrets
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from screener.errors import WrongUse

__all__ = ["Settings", "is_loopback"]

# Random text of 32 characters cannot be guessed; what somebody made up in a hurry is shorter.
_SHORTEST_SECRET = 32

_WRITTEN_OUT = {"changeme", "change-me", "secret", "password", "example"}


def _data_home() -> Path:
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "screener"


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Settings(BaseSettings):
    """The one place of all settings. `SCREENER_MODE=clinic` in the environment sets `mode`, and so on.

    Attributes:
        mode: `personal` (one person, this machine alone, no accounts) or `clinic` (accounts, roles, many clinics).
        host, port: where to listen. Personal mode listens on loopback only.
        data_dir: where everything is kept unless an URL below says otherwise.
        database_url: SQLite in `data_dir` unless given; `postgresql+psycopg://...` for PostgreSQL.
        files_url: a folder in `data_dir` unless given; `s3://bucket/folder` for an object store.
        secret: keys the hashes of sessions, API keys and links; another one ends them all. Made at the first start
            on loopback; must be given off loopback.
        allowed_hosts: further values of the Host header that are answered, besides loopback.
        allowed_origins: further origins whose pages may call, such as `https://screener.example.org`.
        max_upload_mb, upload_idle_s: bounds on one upload: its size, and how long it may stand still.
        unfinished_hours: after that an upload that was begun and not finished is deleted.
        retention_days: how long a recording and the pictures made from it are kept; 0 deletes them as soon as
            the numbers are there. Unless given: 0 in personal mode, 30 in clinic mode.
        workers: recordings analysed at once by this process; 0 leaves the work to `screener work` elsewhere.
        scheduler: the address of a Dask scheduler, `tcp://...`; then its workers analyse.
        job_memory_mb, job_cpu_s, job_wall_s: bounds on the process that opens one recording.
        lease_s: how long a job stays with a worker that gives no sign of life.
        log_format: `json` for machines, `text` for people.
    """

    model_config = SettingsConfigDict(env_prefix="SCREENER_", extra="ignore", frozen=True)

    mode: Literal["personal", "clinic"] = "personal"
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    data_dir: Path = Field(default_factory=_data_home)
    database_url: str = ""
    files_url: str = ""
    secret: SecretStr = SecretStr("")
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = ()
    max_upload_mb: Annotated[int, Field(ge=1)] = 4096
    upload_idle_s: Annotated[float, Field(gt=0)] = 60.0
    unfinished_hours: Annotated[float, Field(gt=0)] = 24.0
    retention_days: Annotated[int, Field(ge=0)] | None = None
    workers: Annotated[int, Field(ge=0)] = 1
    scheduler: str = ""
    job_memory_mb: Annotated[int, Field(ge=512)] = 6144
    job_cpu_s: Annotated[int, Field(ge=10)] = 3600
    job_wall_s: Annotated[float, Field(gt=0)] = 3600.0
    lease_s: Annotated[float, Field(gt=0)] = 15.0
    log_format: Literal["json", "text"] = "text"

    @classmethod
    def told(cls, **given: Any) -> Self:
        """Those that are given, and the others from the environment.

        Raises:
            WrongUse: one of them is not understood, or not safe.
        """
        try:
            return cls(**given)
        except ValidationError as error:
            first = error.errors()[0]
            name = "_".join(str(step) for step in first["loc"]).upper()
            raise WrongUse(f"SCREENER_{name}: {first['msg']}.", "docs/operations.md tells every setting.") from None

    @model_validator(mode="before")
    @classmethod
    def _split(cls, given: dict[str, object]) -> dict[str, object]:
        """Lists come from the environment as text with commas."""
        for name in ("allowed_hosts", "allowed_origins"):
            if isinstance(text := given.get(name), str):
                given[name] = tuple(part.strip() for part in text.split(",") if part.strip())
        return given

    @model_validator(mode="after")
    def _safe(self) -> Self:
        if is_loopback(self.host):
            return self
        if self.mode == "personal":
            raise WrongUse(
                f"Personal mode has no accounts and would answer anybody on {self.host}.",
                "Leave SCREENER_HOST at 127.0.0.1, or set SCREENER_MODE=clinic.",
            )
        given = self.secret.get_secret_value()
        if len(given) < _SHORTEST_SECRET or given.lower() in _WRITTEN_OUT or len(set(given)) < 10:
            raise WrongUse(
                f"Off loopback SCREENER_SECRET must be random text of {_SHORTEST_SECRET} characters or more.",
                "Make one: python3 -c 'import secrets; print(secrets.token_urlsafe(48))'",
            )
        return self

    @property
    def database(self) -> str:
        """The URL of the database."""
        return self.database_url or f"sqlite:///{self.data_dir / 'screener.sqlite3'}"

    @property
    def files(self) -> str:
        """The path or URL of the file store."""
        return self.files_url or str(self.data_dir / "files")

    @property
    def uploads(self) -> Path:
        """Where uploads grow until they are whole."""
        return self.data_dir / "uploads"

    @property
    def keep_days(self) -> int:
        """How long recordings are kept."""
        if self.retention_days is not None:
            return self.retention_days
        return 0 if self.mode == "personal" else 30

    def prepared(self) -> Self:
        """The settings with the folders made and a secret in them, which is kept for the next start."""
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.uploads.mkdir(exist_ok=True, mode=0o700)
        if self.secret.get_secret_value():
            return self
        kept = self.data_dir / "secret"
        try:
            with open(os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:  # noqa: PTH123
                file.write(secrets.token_urlsafe(48))
        except FileExistsError:
            pass
        return self.model_copy(update={"secret": SecretStr(kept.read_text(encoding="ascii"))})
