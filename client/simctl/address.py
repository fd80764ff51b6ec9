"""Where the daemon is: what the caller says, else `SIMD_ADDRESS`, else the default socket of `simd serve`.

Where that is not there and the host runs simd as a service, it is the service's.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from urllib.parse import quote

from simctl.errors import EXIT_USAGE, DaemonUnreachable, SimctlError

_SYSTEM_SOCKET = "/run/simd/simd.sock"
"""Where the host's service listens, and a container's."""
_MAX_SOCKET_PATH = 107


def resolve(given: str | None, environ: Mapping[str, str], system_socket: str = _SYSTEM_SOCKET) -> str:
    """The address in force: `unix:PATH` or `HOST:PORT`.

    Raises:
        SimctlError: it is neither, or the path is too long.
        DaemonUnreachable: the default socket's directory belongs to another user.
    """
    address = given or environ.get("SIMD_ADDRESS")
    if address:
        return _checked(address)
    own = _own_socket(environ)
    is_system = os.path.exists(system_socket) and not os.path.exists(own)
    return _checked(f"unix:{system_socket if is_system else own}")


def uri_of(address: str) -> str:
    """An address as gRPC takes it: in a URI, `%`, `?` and `#` of a path would mean something else."""
    kind, _, path = address.partition("unix:")
    return address if kind or not path else f"unix:{quote(os.fsencode(path))}"


def is_loopback(host: str) -> bool:
    """Whether a host is this machine alone: `localhost`, or an address such as 127.0.0.1 or ::1."""
    # Imported here: a command that asks a unix socket does without.
    import ipaddress

    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _own_socket(environ: Mapping[str, str]) -> str:
    if runtime := environ.get("XDG_RUNTIME_DIR"):
        return f"{runtime}/simd/simd.sock"
    directory = f"/tmp/simd-{os.getuid()}"
    # Anybody may make that directory, and then listen in our daemon's place.
    if os.path.exists(directory) and os.stat(directory).st_uid != os.getuid():
        raise DaemonUnreachable(f"{directory} belongs to another user, so what listens there is not your daemon")
    return f"{directory}/simd.sock"


def _checked(address: str) -> str:
    if address.startswith("unix:") and len(address) > len("unix:"):
        length = len(os.fsencode(address.removeprefix("unix:")))
        if length > _MAX_SOCKET_PATH:
            raise SimctlError(
                f"the path of the socket {address} has {length} bytes, and a socket's path has at most "
                f"{_MAX_SOCKET_PATH}; have the daemon listen at a shorter one",
                exit_code=EXIT_USAGE,
            )
        return address
    host, _, port = address.rpartition(":")
    if host and port.isdecimal() and int(port) <= 65535:
        return address
    raise SimctlError(f"the address {address!r} is neither unix:PATH nor HOST:PORT", exit_code=EXIT_USAGE)
