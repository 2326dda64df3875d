"""The settings: safe unless told otherwise, and told from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.settings import Settings
from screener.errors import WrongUse


def test_settings_are_safe_unless_told_otherwise(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="Personal mode"):
        Settings(host="0.0.0.0", data_dir=tmp_path)
    for weak in ("", "changeme", "a" * 64, "short"):
        with pytest.raises(WrongUse, match="SCREENER_SECRET"):
            Settings(mode="clinic", host="0.0.0.0", secret=weak, data_dir=tmp_path)  # type: ignore[arg-type]
    made = Settings(data_dir=tmp_path / "new").prepared()
    assert (made.host, made.keep_days) == ("127.0.0.1", 0)
    assert len(made.secret.get_secret_value()) >= 32
    # The same at the next start, and for nobody else to read.
    assert Settings(data_dir=tmp_path / "new").prepared().secret == made.secret
    assert (tmp_path / "new" / "secret").stat().st_mode & 0o077 == 0
    assert (tmp_path / "new").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(("name", "value"), [("PORT", "http"), ("MODE", "hospital"), ("RETENTION_DAYS", "-1")])
def test_a_setting_that_is_not_understood_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"SCREENER_{name}", value)
    with pytest.raises(WrongUse, match=f"SCREENER_{name}"):
        Settings.told()


def test_lists_come_with_commas(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SCREENER_ALLOWED_HOSTS", "a.example, b.example")
    assert Settings.told(data_dir=tmp_path).allowed_hosts == ("a.example", "b.example")
