"""Who calls, as far as places are shared out by it, and whether they still wait."""

from __future__ import annotations

import ipaddress
import urllib.parse

import grpc

from simd.cancelled import Cancelled

_NETWORK_BITS = 64
"""Of an IPv6 address: whoever has one has all that begin like it."""


def caller_of(peer: str) -> str:
    """Where a call comes from: one name for a host, whatever the port, and one for whoever may use the unix socket.

    Args:
        peer: as gRPC tells it: `ipv4:HOST:PORT`, `ipv6:[HOST]:PORT`, `unix:`.
    """
    kind, _, rest = urllib.parse.unquote(peer).partition(":")
    host = rest.rpartition(":")[0].strip("[]").partition("%")[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return kind
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, _NETWORK_BITS), strict=False))


def cancelled_of(context: grpc.ServicerContext) -> Cancelled:
    """Whether nobody waits for the answer to a call any more."""
    cancelled = Cancelled()
    if not context.add_callback(cancelled.set):
        cancelled.set()
    return cancelled
