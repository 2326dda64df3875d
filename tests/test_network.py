"""Screening talks to nobody: under `strace`, nothing but loopback is addressed and no name is looked up."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# A socket address as strace prints it, of a call that names whom it talks to.
_ADDRESS = re.compile(
    r"\b(?P<call>connect|bind|sendto|sendmsg|sendmmsg)\(.*?sa_family=AF_INET6?,.*?"
    r"(?:htons\((?P<port>\d+)\)).*?(?:inet_addr\(\"(?P<v4>[^\"]+)\"\)|inet_pton\(AF_INET6, \"(?P<v6>[^\"]+)\")"
)

DNS_PORT = "53"


def addressed(tmp_path: Path, *arguments: str) -> list[str]:
    """Runs Python so and returns every network address beyond loopback that it named, and every name look-up."""
    strace = shutil.which("strace")
    if strace is None:
        if os.environ.get("CI"):
            pytest.fail("strace is not installed; .ci/run must install it")
        pytest.skip("strace is not installed")
    log = tmp_path / "network.log"
    done = subprocess.run(
        [strace, "-f", "--seccomp-bpf", "-e", "trace=%network", "-o", str(log), sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    named = [match for line in log.read_text().splitlines() if (match := _ADDRESS.search(line))]
    return [
        match.group(0)
        for match in named
        if match["port"] == DNS_PORT or not ((match["v4"] or "").startswith("127.") or match["v6"] == "::1")
    ]


def test_the_demo_addresses_nothing_but_loopback(tmp_path: Path) -> None:
    assert addressed(tmp_path, "-m", "screener.cli", "demo", "--out", str(tmp_path / "demo")) == []


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_an_address_beyond_loopback_would_be_noticed(tmp_path: Path, address: str) -> None:
    # Connecting a UDP socket names an address (of a range kept for documentation) and sends nothing.
    family = "AF_INET6" if ":" in address else "AF_INET"
    code = f"import socket; socket.socket(socket.{family}, socket.SOCK_DGRAM).connect_ex(({address!r}, 9))"
    (found,) = addressed(tmp_path, "-c", code)
    assert address in found


def test_a_look_up_at_a_resolver_on_loopback_would_be_noticed_and_a_local_server_is_not(tmp_path: Path) -> None:
    code = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect_ex(('127.0.0.53', {port}))"
    assert len(addressed(tmp_path, "-c", code.format(port=53))) == 1
    assert addressed(tmp_path, "-c", code.format(port=8000)) == []
