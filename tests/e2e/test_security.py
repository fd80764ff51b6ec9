"""A daemon that other machines can reach, as systemd would start it: secrets as credentials, TLS, tokens with roles."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.e2e.daemon import PHOTOS, Daemon, run_simd

pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]

ADMIN, READER = "admin-token-of-the-test-0123456789", "reader-token-of-the-test-0123456789"


def secret(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o600)
    return str(path)


def test_strangers_get_nothing_readers_search_and_administrators_do_everything(daemon: Daemon) -> None:
    authority = Authority(daemon.work / "credentials")
    directory = daemon.work / "credentials"
    issued = authority.issue("127.0.0.1")
    issued.cert.rename(directory / "tls_cert")
    issued.key.rename(directory / "tls_key")
    admin, reader = secret(directory / "token_file", ADMIN), secret(directory / "read_token_file", READER)
    shutil.copy(PHOTOS / "owl.jpg", daemon.root)
    socket = daemon.address
    daemon.start("--listen", f"{socket}, 0.0.0.0:0", env={"CREDENTIALS_DIRECTORY": str(directory)})
    (port,) = re.findall(r"listening on unix:\S+, 0\.0\.0\.0:(\d+)", daemon.log.read_text())

    daemon.address = f"127.0.0.1:{port}"
    trust = ("--tls-ca", str(authority.file))
    settled = daemon.simctl("wait", "--timeout", "120", *trust, "--token-file", reader)
    assert settled.returncode == 0, settled.stderr + daemon.log.read_text()
    owl = str(PHOTOS / "owl.jpg")
    for token in (reader, admin):
        found = daemon.simctl("search", "--json", owl, *trust, "--token-file", token)
        assert [Path(match["path"]).name for match in json.loads(found.stdout)["matches"]] == ["owl.jpg"]
    more = daemon.root / "more.jpg"
    shutil.copy(PHOTOS / "coffee.jpg", more)
    denied = daemon.simctl("add", str(more), *trust, "--token-file", reader)
    assert denied.returncode == 1 and "the role read, this call needs admin" in denied.stderr
    added = daemon.simctl("add", str(more), *trust, "--token-file", admin)
    assert added.returncode == 0, added.stderr
    for stranger in (("search", owl), ("status",), ("scan",)):
        refused = daemon.simctl(*stranger, *trust)
        assert refused.returncode == 1 and "asks for a token" in refused.stderr
    assert daemon.simctl("health", *trust).returncode == 0
    assert daemon.simctl("status", "--token-file", admin).returncode == 3

    daemon.address = socket
    assert daemon.simctl("status").returncode == 1
    assert daemon.simctl("status", "--token-file", admin).returncode == 0
    log = daemon.log.read_text()
    assert ADMIN not in log and READER not in log


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, "nothing would be encrypted"),
        ({"token_file": "token"}, "nothing would be encrypted"),
        ({"tls_cert": "127.0.0.1.pem", "tls_key": "127.0.0.1.key"}, "nothing would ask them who they are"),
        ({"tls_cert": "127.0.0.1.pem"}, "TLS needs tls_key"),
        ({"tls_cert": "127.0.0.1.pem", "tls_key": "127.0.0.1.key", "token_file": "open"}, "chmod 600"),
        ({"tls_cert": "127.0.0.1.pem", "tls_key": "127.0.0.1.key", "token_file": "short"}, "32 to 4096"),
        ({"tls_cert": "127.0.0.1.pem", "tls_key": "127.0.0.1.key", "token_file": "missing"}, "No such file"),
    ],
)
def test_an_address_that_others_could_reach_is_refused_until_all_is_there(
    tmp_path: Path, settings: dict[str, str], named: str
) -> None:
    Authority(tmp_path).issue("127.0.0.1")
    secret(tmp_path / "token", ADMIN)
    secret(tmp_path / "short", "short")
    Path(secret(tmp_path / "open", ADMIN)).chmod(0o644)
    lines = [f'{key} = "{tmp_path / name}"' for key, name in settings.items()]
    (tmp_path / "simd.toml").write_text("\n".join([*lines, 'listen = "0.0.0.0:0"']))
    done = run_simd("serve", "--config", tmp_path / "simd.toml", "--state-dir", tmp_path / "state", cwd=tmp_path)
    assert done.returncode == 2
    assert named in done.stderr and "Traceback" not in done.stderr and ADMIN not in done.stderr
