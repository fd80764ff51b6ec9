"""Encrypted addresses: who gets in, with which certificate, and what is refused before the daemon starts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import simctl

from simd.errors import ConfigError
from simd.serving.readiness import Readiness
from simd.serving.server import Server
from simd.serving.transport.auth import Tokens
from simd.serving.transport.tls import Tls, TlsFiles
from tests.certificates import Authority, Identity
from tests.serving.doubles import serving

TOKEN = "t" * 32
RED = b"picture 200 10 10"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "tls")


@pytest.fixture
def server(authority: Authority) -> Identity:
    return authority.issue("127.0.0.1")


@pytest.fixture
def token_file(tmp_path: Path) -> Iterator[str]:
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    path.chmod(0o600)
    yield str(path)


def files(identity: Identity, client_ca: Path | None = None) -> Tls:
    return Tls(TlsFiles(identity.cert, identity.key, client_ca))


def test_with_tls_and_a_token_every_address_may_be_listened_on(
    authority: Authority, server: Identity, token_file: str
) -> None:
    with serving(listen="0.0.0.0:0", tls=files(server), tokens=Tokens([TOKEN])) as bench:
        address = bench.listen.replace("0.0.0.0", "127.0.0.1")
        with simctl.Client(address, tls_ca=str(authority.file), token_file=token_file, timeout=10) as client:
            assert client.search(image=RED).searched == 0
            assert client.status().ready
            assert next(client.watch_status()).ready
            assert client.health() == "SERVING"
        with simctl.Client(address, tls_ca=str(authority.file), timeout=10) as client:
            assert client.health() == "SERVING"
            with pytest.raises(simctl.SimctlError, match="asks for a token") as caught:
                client.status()
            assert (caught.value.code, caught.value.reason) == ("UNAUTHENTICATED", "UNAUTHENTICATED")
        assert bench.server.answers(10)


def test_a_certificate_of_another_authority_is_not_trusted(server: Identity, token_file: str, tmp_path: Path) -> None:
    other = Authority(tmp_path / "other")
    with serving(listen="127.0.0.1:0", tls=files(server), tokens=Tokens([TOKEN])) as bench:
        client = simctl.Client(bench.listen, tls_ca=str(other.file), token_file=token_file, timeout=10)
        with client, pytest.raises(simctl.DaemonUnreachable, match=r"certificate of .* is not trusted.*--tls-ca"):
            client.status()


def test_a_certificate_of_another_host_is_not_trusted(authority: Authority, token_file: str) -> None:
    elsewhere = authority.issue("images.example")
    with serving(listen="127.0.0.1:0", tls=files(elsewhere), tokens=Tokens([TOKEN])) as bench:
        client = simctl.Client(bench.listen, tls_ca=str(authority.file), token_file=token_file, timeout=10)
        with client, pytest.raises(simctl.DaemonUnreachable, match="is for another host"):
            client.status()


def test_who_speaks_in_the_clear_to_an_encrypted_port_gets_nothing(server: Identity, token_file: str) -> None:
    with serving(listen="127.0.0.1:0", tls=files(server), tokens=Tokens([TOKEN])) as bench:
        with simctl.Client(bench.listen, timeout=10) as client:
            with pytest.raises(simctl.DaemonUnreachable, match="if it speaks TLS"):
                client.status()


def test_who_expects_tls_of_a_port_in_the_clear_is_told_and_sends_no_token(
    authority: Authority, token_file: str
) -> None:
    with serving(listen="127.0.0.1:0", tokens=Tokens([TOKEN])) as bench:
        client = simctl.Client(bench.listen, tls_ca=str(authority.file), token_file=token_file, timeout=10)
        with client, pytest.raises(simctl.DaemonUnreachable, match="does not speak TLS"):
            client.status()


def test_a_client_with_a_certificate_of_the_right_authority_needs_no_token(
    authority: Authority, server: Identity, tmp_path: Path
) -> None:
    mine = authority.issue("me.example")
    stranger = Authority(tmp_path / "other").issue("me.example")
    with serving(listen="0.0.0.0:0", tls=files(server, authority.file)) as bench:
        address = bench.listen.replace("0.0.0.0", "127.0.0.1")

        def status_of(identity: Identity | None) -> bool:
            cert, key = (str(identity.cert), str(identity.key)) if identity else (None, None)
            ca = str(authority.file)
            with simctl.Client(address, tls_ca=ca, tls_cert=cert, tls_key=key, timeout=10) as client:
                return client.status().ready

        assert status_of(mine)
        for identity in (None, stranger):
            with pytest.raises(simctl.DaemonUnreachable, match="--tls-cert"):
                status_of(identity)
        assert bench.server.answers(10)


def test_a_certificate_and_a_token_may_both_be_asked_for(
    authority: Authority, server: Identity, token_file: str
) -> None:
    mine = authority.issue("me.example")
    with serving(listen="127.0.0.1:0", tls=files(server, authority.file), tokens=Tokens([TOKEN])) as bench:
        given = {"tls_ca": str(authority.file), "tls_cert": str(mine.cert), "tls_key": str(mine.key)}
        with simctl.Client(bench.listen, timeout=10, patience=0, **given) as client:
            with pytest.raises(simctl.SimctlError, match="asks for a token"):
                client.status()
        with simctl.Client(bench.listen, timeout=10, patience=0, token_file=token_file, **given) as client:
            assert client.status().ready


def test_a_socket_beside_an_encrypted_port_is_in_the_clear_and_asks_for_the_same_token(
    server: Identity, token_file: str, tmp_path: Path
) -> None:
    listen = f"unix:{tmp_path}/s, 127.0.0.1:0"
    with serving(listen=listen, tls=files(server), tokens=Tokens([TOKEN])) as bench:
        assert bench.listen.startswith(f"unix:{tmp_path}/s, 127.0.0.1:")
        with simctl.Client(f"unix:{tmp_path}/s", token_file=token_file, timeout=10) as client:
            assert client.status().ready
        with simctl.Client(f"unix:{tmp_path}/s", timeout=10) as client:
            with pytest.raises(simctl.SimctlError, match="asks for a token"):
                client.status()


def test_a_renewed_certificate_is_taken_up_by_the_next_connection(
    authority: Authority, server: Identity, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    renewer = Authority(tmp_path / "renewed")
    tls = files(server)
    with serving(listen="127.0.0.1:0", tls=tls, tokens=Tokens([TOKEN])) as bench:

        def health(ca: Path) -> str:
            with simctl.Client(bench.listen, tls_ca=str(ca), timeout=10) as client:
                return client.health()

        assert health(authority.file) == "SERVING"
        fresh = renewer.issue("127.0.0.1")
        shutil.copyfile(fresh.cert, server.cert)
        # The key is still the old one: the pair does not fit, so the old pair is shown.
        assert health(authority.file) == "SERVING"
        assert "cannot be used" in caplog.text
        shutil.copyfile(fresh.key, server.key)
        assert health(renewer.file) == "SERVING"


def test_a_key_that_everybody_may_read_is_refused(server: Identity) -> None:
    server.key.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600") as caught:
        files(server)
    assert caught.value.field == "tls_key"


def test_files_that_are_no_pair_are_refused_before_anything_is_bound(authority: Authority, server: Identity) -> None:
    other = authority.issue("other.example")
    for cert, key in ((server.cert, other.key), (server.key, server.key), (other.key, server.key)):
        with pytest.raises(ConfigError, match="are not a certificate and its unencrypted private key"):
            Tls(TlsFiles(cert, key))
    with pytest.raises(ConfigError, match="No such file"):
        Tls(TlsFiles(server.cert.with_name("missing"), server.key))
    server.cert.write_bytes(b"\x00\xff not PEM")
    with pytest.raises(ConfigError, match="are not a certificate"):
        files(server)


def test_an_authority_that_is_none_is_refused(server: Identity) -> None:
    with pytest.raises(ConfigError, match="holds no certificate") as caught:
        files(server, server.key)
    assert caught.value.field == "tls_client_ca"


@pytest.mark.parametrize("given", [{"cert"}, {"key"}, {"client_ca"}, {"client_ca", "cert"}, {"client_ca", "key"}])
def test_half_of_what_tls_needs_is_refused_with_what_is_missing(given: set[str]) -> None:
    paths = {name: Path(name) if name in given else None for name in ("cert", "key", "client_ca")}
    with pytest.raises(ConfigError, match=r"TLS needs tls_(cert|key) as well"):
        TlsFiles.of(**paths)
    assert TlsFiles.of(None, None, None) is None


def test_without_tls_or_without_anybody_to_ask_other_machines_are_kept_out(server: Identity) -> None:
    with pytest.raises(ConfigError, match="nothing would be encrypted"):
        Server("0.0.0.0:0", Readiness(), max_request_bytes=1000, authorizer=Tokens([TOKEN]))
    with pytest.raises(ConfigError, match="nothing would ask them who they are"):
        Server("0.0.0.0:0", Readiness(), max_request_bytes=1000, tls=files(server))


def test_the_private_socket_of_an_encrypted_server_goes_with_it(server: Identity) -> None:
    with serving(listen="127.0.0.1:0", tls=files(server), tokens=Tokens([TOKEN])) as bench:
        assert bench.server.answers(10)
        probed = bench.server._listeners[0]._probed.removeprefix("unix:")
        assert os.stat(os.path.dirname(probed)).st_mode & 0o777 == 0o700
    assert not os.path.exists(os.path.dirname(probed))
