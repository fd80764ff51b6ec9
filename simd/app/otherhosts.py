"""What `simd doctor` says of other machines: of the engine that has the replica, and of peers."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator

from simd.app.machine import Finding
from simd.app.peers import peer_of
from simd.app.replica import milvus
from simd.config import Settings
from simd.errors import SimdError
from simd.serving.transport.address import Address, TcpAddress

_WAIT_S = 3.0

Connect = Callable[[Address], str]
"""Connects to an address; returns why that cannot be, or nothing."""


def connected(address: Address) -> str:
    """Whether something takes calls there. What it is and whether it would answer is not asked."""
    try:
        if isinstance(address, TcpAddress):
            socket.create_connection((address.host, address.port), _WAIT_S).close()
        else:
            with socket.socket(socket.AF_UNIX) as one:
                one.settimeout(_WAIT_S)
                one.connect(os.fsencode(address.path))
    except OSError as error:
        return error.strerror or str(error)
    return ""


def replica(settings: Settings, connect: Connect = connected) -> Iterator[Finding]:
    """Whether the replica that the settings name can be had."""
    if not settings.replica:
        return
    try:
        address = milvus(settings).address
    except SimdError as error:
        yield Finding("replica", str(error), True)
        return
    yield Finding("replica", f"this host, {settings.host}, publishes in {address}")
    host, _, port = address.partition("/")[0].rpartition(":")
    if why := connect(TcpAddress(host, int(port))):
        yield Finding(
            "replica", f"{host}:{port} cannot be reached: {why}", True,
            "start Milvus there, or let this machine through; until then the changes wait, and nothing is lost",
        )  # fmt: skip


def peers(settings: Settings, connect: Connect = connected) -> Iterator[Finding]:
    """Whether the daemons of other hosts can be reached for their pictures."""
    if settings.peers and not settings.replica:
        yield Finding("peers", "they are of no use without a replica", True, "set `replica`, or unset `peers`")
    for text in settings.peers:
        try:
            host, address = peer_of(text)
        except SimdError as error:
            yield Finding("peers", str(error), True)
            continue
        why = connect(address)
        yield Finding(
            "peers", f"{host} is at {address}" + (f", which cannot be reached: {why}" if why else ""), bool(why),
            "start its daemon, or let this machine through" if why else "",
        )  # fmt: skip
