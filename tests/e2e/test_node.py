"""The example for Node: a client that knows nothing but the wire contract."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.daemon import HERE, PHOTOS, Daemon

pytestmark = pytest.mark.model

EXAMPLE = HERE / "examples" / "node"
MODULES = HERE / ".cache" / "node"
OFFLINE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "E403")


@pytest.fixture(scope="module")
def example() -> Path:
    """A copy of the example with what it depends on, as `npm ci` installs it from the lock file."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("node and npm are not installed")
    lock = (EXAMPLE / "package-lock.json").read_bytes()
    MODULES.mkdir(parents=True, exist_ok=True)
    installed = MODULES / "node_modules"
    kept = MODULES / "package-lock.json"
    for source in EXAMPLE.iterdir():
        if source.is_file() and source != EXAMPLE / kept.name:
            shutil.copy(source, MODULES)
    if not installed.exists() or not kept.exists() or kept.read_bytes() != lock:
        kept.write_bytes(lock)
        done = subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"],
            cwd=MODULES,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if done.returncode:
            kept.unlink()
            if any(word in done.stderr for word in OFFLINE):
                pytest.skip("the npm registry cannot be reached")
            pytest.fail(done.stderr)
    return MODULES


def search(example: Path, *arguments: str | Path, token: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["node", "search.mjs", *map(str, arguments)],
        cwd=example,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "SIMD_TOKEN": token},
    )


def found(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    matches: list[dict[str, Any]] = json.loads(done.stdout)["matches"]
    return matches


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.mark.timeout(300)
def test_node_searches_by_the_protos_and_by_reflection_on_a_socket_and_on_a_port(example: Path, daemon: Daemon) -> None:
    for photo in sorted(PHOTOS.iterdir())[:3]:
        shutil.copy(photo, daemon.root)
    port = f"127.0.0.1:{free_port()}"
    unix, daemon.address = daemon.address, f"{daemon.address},{port}"
    daemon.launch()
    daemon.address = unix
    daemon.until(lambda: daemon.ask("health").returncode == 0, "the daemon to answer")
    daemon.wait()
    query = sorted(daemon.root.iterdir())[1]
    expected = [match["path"] for match in daemon.search(query)["matches"]]
    for address in (unix, port):
        by_protos, by_reflection = (
            found(search(example, address, query, *protos)) for protos in ((HERE / "protos",), ())
        )
        assert by_protos == by_reflection
        assert [match["path"] for match in by_protos] == expected
        assert by_protos[0]["path"] == str(query) and by_protos[0]["distance"] == 0
    broken = daemon.work / "broken.jpg"
    broken.write_bytes(b"no image")
    refused = search(example, unix, broken)
    assert refused.returncode == 1 and "INVALID_ARGUMENT" in refused.stderr


@pytest.mark.timeout(300)
def test_node_sends_a_token_also_to_be_told_how_to_speak(example: Path, daemon: Daemon) -> None:
    shutil.copy(sorted(PHOTOS.iterdir())[0], daemon.root)
    token = "reader-token-of-the-test-0123456789"
    file = daemon.work / "token"
    file.write_text(token)
    file.chmod(0o600)
    daemon.launch(env={"SIMD_READ_TOKEN_FILE": str(file)})
    daemon.until(lambda: daemon.ask("health").returncode == 0, "the daemon to answer")
    waited = daemon.simctl("wait", "--timeout", "120", "--token-file", str(file))
    assert waited.returncode == 0, waited.stderr
    (query,) = daemon.root.iterdir()
    assert [match["path"] for match in found(search(example, daemon.address, query, token=token))] == [str(query)]
    refused = search(example, daemon.address, query)
    assert refused.returncode == 1 and "UNAUTHENTICATED" in refused.stderr
