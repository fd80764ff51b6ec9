"""Where the daemon is: what the caller says, else `SIMD_ADDRESS`, else the default socket of `simd serve`.

Where that is not there and the host runs simd as a service, it is the service's.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from simctl.errors import DaemonUnreachable, SimctlError

_SYSTEM_SOCKET = "/run/simd/simd.sock"
"""Where the host's service listens, and a container's."""


def resolve(given: str | None, environ: Mapping[str, str], system_socket: str = _SYSTEM_SOCKET) -> str:
    """The address in force: `unix:PATH` or `HOST:PORT`.

    Raises:
        SimctlError: it is neither.
        DaemonUnreachable: the default socket's directory belongs to somebody else.
    """
    address = given or environ.get("SIMD_ADDRESS")
    if address:
        return _checked(address)
    own = _own_socket(environ)
    return f"unix:{system_socket}" if os.path.exists(system_socket) and not os.path.exists(own) else f"unix:{own}"


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
        return address
    host, _, port = address.rpartition(":")
    if host and port.isdecimal() and int(port) <= 65535:
        return address
    raise SimctlError(f"the address {address!r} is neither unix:PATH nor HOST:PORT", exit_code=2)
