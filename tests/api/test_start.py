"""The service answers soon after its start because it loads nothing then that only an analysis or a report needs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_PROGRAM = """
import sys
from fastapi.testclient import TestClient
from api.app import create_app
with TestClient(create_app(), base_url="http://127.0.0.1:8000") as client:
    assert client.get("/readyz").json() == {"status": "ok"}
print(*sorted({"cv2", "matplotlib", "mediapipe", "numpy", "pandas", "pyarrow", "scipy"} & set(sys.modules)))
"""


def test_the_start_loads_nothing_heavy(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        env=os.environ | {"SCREENER_DATA_DIR": str(tmp_path), "SCREENER_WORKERS": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.splitlines()[-1] == "", ran.stdout
