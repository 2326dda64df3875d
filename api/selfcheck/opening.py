"""Opening the page as soon as the service answers: what `screener webcam` adds to `screener serve`."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
import webbrowser

__all__ = ["open_when_it_answers"]

_PATIENCE_S = 60.0


def open_when_it_answers(url: str) -> bool:
    """Wait for the service and open its page; false where it never answered, or there is no browser."""
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"{url}healthz", timeout=2).close()
        except (OSError, urllib.error.URLError):
            time.sleep(0.2)
            continue
        return webbrowser.open(url)
    return False
