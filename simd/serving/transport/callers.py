"""Who calls, by the address of the connection's other end: for sharing out room, and for the log.

A peer is `ipv4:HOST:PORT`, `ipv6:[HOST]:PORT` or `unix:`; whatever is in it may be percent-encoded.
"""

from __future__ import annotations

import ipaddress
import urllib.parse

_NETWORK_BITS = 64
"""Of an IPv6 address: who has one has all that begin like it."""


def caller_of(peer: str) -> str:
    """One name for each host, whatever the port, and one for all who may use the unix socket."""
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


def host_of(peer: str) -> str:
    """The host for a person, without the port, which is another one for each connection."""
    kind, _, rest = urllib.parse.unquote(peer).partition(":")
    return rest.rpartition(":")[0] if kind in ("ipv4", "ipv6") else "the unix socket"
