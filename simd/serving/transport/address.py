"""Where the daemon may listen: unix sockets, TCP on loopback, and what other machines reach if callers must say who
they are.

A unix socket is the caller's alone: mode 0600, in a directory that no other user can rearrange.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import stat
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from simd.errors import ConfigError, NotNow

MAX_SOCKET_PATH = 107


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """A unix socket's path."""

    path: Path

    @property
    def target(self) -> str:
        """The address as gRPC takes it: a URI."""
        return f"unix:{quote(os.fsencode(self.path))}"

    def __str__(self) -> str:
        """The address as the setting has it."""
        return f"unix:{self.path}"


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A TCP port; port 0 means any that is free."""

    host: str
    port: int

    @property
    def target(self) -> str:
        """The address as gRPC takes it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        """The address as the setting has it."""
        return self.target


Address = UnixAddress | TcpAddress


def parse_all(text: str, *, unmet: str = "") -> tuple[Address, ...]:
    """Read the setting `listen`: addresses, separated by commas.

    Args:
        text: the setting.
        unmet: what is missing before other machines may reach the daemon; "" if nothing is.

    Raises:
        ConfigError: one is malformed, too long, given twice, or other machines could reach it and must not.
    """
    found = tuple(parse(part.strip(), unmet=unmet) for part in text.split(","))
    if len(set(found)) < len(found):
        raise ConfigError(f"cannot listen on {text}: an address is there twice", field="listen")
    return found


def parse(text: str, *, unmet: str) -> Address:
    """Read one address.

    Raises:
        ConfigError: malformed, too long, or other machines could reach it and must not.
    """
    if text.startswith("unix:"):
        return _unix(text)
    host, separator, port = text.rpartition(":")
    if not separator or not host or not port.isdecimal() or int(port) > 65535:
        raise ConfigError(f"cannot listen on {text!r}: write unix:PATH or HOST:PORT", field="listen")
    host = host.removeprefix("[").removesuffix("]")
    literal = "127.0.0.1" if host == "localhost" else host
    if unmet and not is_loopback(literal):
        raise ConfigError(
            f"cannot listen on {text}: other machines could reach it, and {unmet}",
            field="listen",
            remedy="set tls_cert and tls_key, and token_file or tls_client_ca; "
            "or use unix:PATH, or 127.0.0.1:PORT and a tunnel such as ssh -L",
        )
    return TcpAddress(literal, int(port))


def parse_local(text: str, *, field: str) -> TcpAddress:
    """Read `HOST:PORT` of something that only this machine may reach.

    Raises:
        ConfigError: malformed, or other machines could reach it.
    """
    host, separator, port = text.rpartition(":")
    host = "127.0.0.1" if host == "localhost" else host.removeprefix("[").removesuffix("]")
    if not separator or not is_loopback(host) or not port.isdecimal() or int(port) > 65535:
        raise ConfigError(
            f"setting `{field}` cannot be {text!r}: a loopback address is needed, as other machines must not reach it",
            field=field,
            remedy="write 127.0.0.1:PORT or [::1]:PORT",
        )
    return TcpAddress(host, int(port))


def _unix(text: str) -> UnixAddress:
    path = text.removeprefix("unix:")
    if path.startswith("//"):
        path = path.removeprefix("//")
    if not path:
        raise ConfigError(f"cannot listen on {text!r}: the path is missing", field="listen")
    absolute = os.path.abspath(path)
    if len(os.fsencode(absolute)) > MAX_SOCKET_PATH:
        raise ConfigError(
            f"cannot listen on unix:{absolute}: a socket's path has at most {MAX_SOCKET_PATH} bytes",
            field="listen",
            remedy="choose a shorter one",
        )
    return UnixAddress(Path(absolute))


def is_loopback(host: str) -> bool:
    """Whether an address is this machine's own, and no name."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def prepare_socket(address: UnixAddress) -> None:
    """Make the place for a socket: its directory exists and is safe, and no stale socket is in the way.

    Raises:
        ConfigError: the directory is not ours, another process answers there, or something else has that name.
    """
    path = address.path
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_directory(path.parent)
        if not path.is_socket():
            if path.exists() or path.is_symlink():
                raise ConfigError(f"cannot listen on {path}: it exists and is not a socket", field="listen")
            return
        if _answers(path):
            raise NotNow(
                f"cannot listen on {path}: another process answers there",
                field="listen",
                remedy="stop it, or choose another address",
            )
        path.unlink()
    except OSError as error:
        raise ConfigError(f"cannot listen on {path}: {error.strerror}", field="listen") from error


def _check_directory(directory: Path) -> None:
    """No user but us and root may put another socket in the place of ours."""
    info = directory.stat()
    writable_by_others = info.st_mode & stat.S_IWOTH and not info.st_mode & stat.S_ISVTX
    if info.st_uid not in (os.getuid(), 0) or writable_by_others:
        raise ConfigError(
            f"cannot listen in {directory}: it belongs to another user, or anybody may write to it",
            field="listen",
            remedy="choose a directory of your own",
        )


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except TimeoutError:
            return True
        return True
