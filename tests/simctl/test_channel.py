"""How the client speaks to an address: in the clear or not, with which token, and what files it refuses."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import simctl
from simctl.channel import Security, connect

from simd.serving.transport.auth import Tokens
from tests.serving.doubles import environment, serving

TOKEN = "t" * 32
PREFACE = b"PRI * HTTP/2.0"


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(f"# mine\n{TOKEN}\nlater{TOKEN}\n")
    return path


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A port of this machine that writes down what it is sent."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        yield server


def first_bytes(listener: socket.socket, host: str = "127.0.0.1", tls_ca: str | None = None) -> bytes:
    """What a client sends first."""
    address = f"{host}:{listener.getsockname()[1]}"
    found = bytearray()

    def accept() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(20)
            found.extend(connection.recv(64))

    thread = threading.Thread(target=accept)
    thread.start()
    with simctl.Client(address, timeout=20, tls_ca=tls_ca) as connected, pytest.raises(simctl.SimctlError):
        connected.status()
    thread.join(20)
    return bytes(found)


def test_loopback_is_spoken_to_in_the_clear(listener: socket.socket) -> None:
    assert first_bytes(listener).startswith(PREFACE)


def test_loopback_is_spoken_to_with_tls_once_an_authority_is_named(listener: socket.socket) -> None:
    authorities = ssl.get_default_verify_paths().cafile or ssl.get_default_verify_paths().openssl_cafile
    found = first_bytes(listener, tls_ca=authorities)
    assert found and not found.startswith(PREFACE)


def test_what_is_not_loopback_is_always_spoken_to_with_tls(listener: socket.socket) -> None:
    found = first_bytes(listener, "0.0.0.0")
    assert found and not found.startswith(PREFACE)


def test_the_environment_says_what_is_not_given() -> None:
    environ = {"SIMD_TLS_CA": "ca", "SIMD_CLIENT_CERT": "cert", "SIMD_CLIENT_KEY": "key", "SIMD_TOKEN_FILE": "token"}
    assert Security().completed(environ) == Security("ca", "cert", "key", "token")
    assert Security("a", "b", "c", "d").completed(environ) == Security("a", "b", "c", "d")
    assert Security().completed({"SIMD_TOKEN_FILE": ""}) == Security()


def test_a_token_is_sent_with_every_kind_of_call(token_file: Path) -> None:
    with serving(tokens=Tokens([TOKEN])) as bench:
        with simctl.Client(bench.listen, token_file=str(token_file), timeout=10) as client:
            assert client.status().ready
            assert next(client.watch_status()).ready
            assert client.wait(10).settled
            assert list(client.errors()) == []


def test_the_command_takes_a_token_from_the_environment_or_a_flag(token_file: Path) -> None:
    with serving(tokens=Tokens([TOKEN])) as bench:
        command = [sys.executable, "-m", "simctl", "status", "--json", "--address", bench.listen]
        refused = subprocess.run(command, capture_output=True, text=True, check=False, env=environment({}))
        assert refused.returncode == 1 and '"UNAUTHENTICATED"' in refused.stdout and "--token-file" in refused.stderr
        for more, variables in (
            ([], {"SIMD_TOKEN_FILE": str(token_file)}),
            (["--token-file", str(token_file)], {}),
        ):
            run = subprocess.run(
                [*command, *more], capture_output=True, text=True, check=False, env=environment(variables)
            )
            assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot read"), ("", "holds no token"), ("# none\n", "holds no token"), ("tö ken\n", "holds no token")],
)
def test_a_file_without_a_token_is_a_usage_error(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_text(content)
    with pytest.raises(simctl.SimctlError, match=message) as caught:
        simctl.Client("unix:/nowhere", token_file=str(path))
    assert caught.value.exit_code == 2


def test_a_certificate_without_a_key_and_a_file_that_is_not_there_are_usage_errors(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    for given in (Security(tls_cert=missing), Security(tls_key=missing), Security(tls_ca=missing)):
        with pytest.raises(simctl.SimctlError) as caught:
            connect("images.example:5000", given)
        assert caught.value.exit_code == 2
