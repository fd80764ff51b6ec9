"""Where the daemon may listen, and how it makes room for its socket."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from simd.errors import ConfigError
from simd.serving.transport.address import TcpAddress, UnixAddress, parse, parse_all, prepare_socket
from tests.serving.doubles import short_directory


@pytest.fixture
def directory() -> Iterator[Path]:
    with short_directory() as path:
        yield path


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("127.0.0.1:5000", "127.0.0.1:5000"),
        ("127.8.0.1:5000", "127.8.0.1:5000"),
        ("localhost:0", "127.0.0.1:0"),
        ("[::1]:5000", "[::1]:5000"),
        ("unix:/run/simd/simd.sock", "unix:/run/simd/simd.sock"),
        ("unix:///run/simd/simd.sock", "unix:/run/simd/simd.sock"),
        ("unix:/run/100%41?a=b#c d\udcff", "unix:/run/100%2541%3Fa%3Db%23c%20d%FF"),
    ],
)
def test_unix_sockets_and_loopback_are_accepted(text: str, target: str) -> None:
    assert parse(text, unmet="nothing would be encrypted").target == target


REACHABLE = ["0.0.0.0:5000", "[::]:5000", "192.168.1.7:5000", "images.example:5000", "*:5000", "127.0.0.1.example:5000"]


@pytest.mark.parametrize("text", REACHABLE)
def test_an_address_that_other_machines_reach_is_refused_with_what_is_missing_and_a_remedy(text: str) -> None:
    with pytest.raises(ConfigError, match=r"unix:PATH, or 127\.0\.0\.1:PORT and a tunnel") as caught:
        parse(text, unmet="nothing would be encrypted")
    assert caught.value.field == "listen"
    assert "nothing would be encrypted" in str(caught.value) and "token_file" in str(caught.value)


@pytest.mark.parametrize("text", REACHABLE)
def test_an_address_that_other_machines_reach_is_accepted_once_nothing_is_missing(text: str) -> None:
    assert parse(text, unmet="").target == text


def test_several_addresses_are_separated_by_commas() -> None:
    found = parse_all("unix:/run/s, 127.0.0.1:5000", unmet="nothing would be encrypted")
    assert found == (UnixAddress(Path("/run/s")), TcpAddress("127.0.0.1", 5000))
    with pytest.raises(ConfigError, match=r"cannot listen on 0\.0\.0\.0:5000"):
        parse_all("unix:/run/s,0.0.0.0:5000", unmet="nothing would be encrypted")
    with pytest.raises(ConfigError, match="twice"):
        parse_all("127.0.0.1:5000,localhost:5000", unmet="")
    with pytest.raises(ConfigError, match="write unix:PATH or HOST:PORT"):
        parse_all("unix:/run/s,", unmet="")


@pytest.mark.parametrize("text", ["", "unix:", "5000", ":5000", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:70000"])
def test_a_malformed_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="cannot listen on"):
        parse(text, unmet="")


def test_a_socket_path_longer_than_the_kernel_takes_is_refused_with_the_limit() -> None:
    assert isinstance(parse("unix:/" + "x" * 106, unmet=""), UnixAddress)
    with pytest.raises(ConfigError, match="at most 107 bytes"):
        parse("unix:/" + "x" * 107, unmet="")


def test_the_sockets_directory_is_made_for_the_owner_alone(directory: Path) -> None:
    prepare_socket(UnixAddress(directory / "new/simd.sock"))
    assert stat.S_IMODE((directory / "new").stat().st_mode) == 0o700


def test_a_stale_socket_is_taken_away(directory: Path) -> None:
    path = directory / "simd.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    prepare_socket(UnixAddress(path))
    assert not path.exists()


def test_a_socket_that_somebody_answers_is_left_alone(directory: Path) -> None:
    path = directory / "simd.sock"
    with socket.socket(socket.AF_UNIX) as alive:
        alive.bind(str(path))
        alive.listen()
        with pytest.raises(ConfigError, match="another process answers there"):
            prepare_socket(UnixAddress(path))
    assert path.is_socket()


def test_a_file_in_the_sockets_place_is_left_alone(directory: Path) -> None:
    path = directory / "simd.sock"
    path.write_text("precious")
    with pytest.raises(ConfigError, match="is not a socket"):
        prepare_socket(UnixAddress(path))
    assert path.read_text() == "precious"


def test_a_directory_that_anybody_may_write_to_is_refused(directory: Path) -> None:
    shared = directory / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    with pytest.raises(ConfigError, match="anybody may write to it"):
        prepare_socket(UnixAddress(shared / "simd.sock"))
    shared.chmod(0o1777)
    prepare_socket(UnixAddress(shared / "simd.sock"))


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_another_user_is_refused(directory: Path) -> None:
    os.chown(directory, 12345, 12345)
    with pytest.raises(ConfigError, match="belongs to another user"):
        prepare_socket(UnixAddress(directory / "simd.sock"))


def test_localhost_is_loopback_whatever_a_hosts_file_says() -> None:
    assert parse("localhost:5000", unmet="nothing would be encrypted") == TcpAddress("127.0.0.1", 5000)
