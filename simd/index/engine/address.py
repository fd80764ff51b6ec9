"""Where a replica is: the setting `replica`, taken apart."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from simd.errors import ConfigError

COLLECTION = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
"""What Milvus takes for the name of a collection."""

_FORM = "write it as http://HOST:PORT/COLLECTION, or https://"


@dataclass(frozen=True, slots=True)
class ReplicaAddress:
    """The engine's `uri`, http(s)://HOST:PORT, and the name of the collection there."""

    uri: str
    collection: str


def parse_replica(setting: str) -> ReplicaAddress:
    """`http://HOST:PORT/COLLECTION` taken apart.

    Raises:
        ConfigError: it is not of this form. The setting is repeated only where it cannot hold a secret.
    """
    try:
        parts = urlsplit(setting)
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"`replica` is no address: {error}", field="replica", remedy=_FORM) from None
    if parts.username is not None or parts.password is not None:
        raise ConfigError(
            "`replica` holds a user or a password, which logs and other users of this machine may see",
            field="replica",
            remedy="put USER:PASSWORD into a file and name it in `replica_token_file`",
        )
    if wrong := _wrong(parts, port):
        raise ConfigError(f"`replica` {wrong}", field="replica", remedy=_FORM)
    return ReplicaAddress(f"{parts.scheme}://{parts.hostname}:{port}", parts.path.strip("/"))


def _wrong(parts: SplitResult, port: int | None) -> str:
    """What is wrong with an address without credentials; "" if nothing is."""
    if parts.scheme not in ("http", "https"):
        return f"begins with {parts.scheme or 'nothing'}, not with http:// or https://"
    if not parts.hostname or not port:
        return "names no host and port"
    if ":" in parts.hostname:
        return "names its host by an IPv6 address, which pymilvus does not take; a name that leads to it will do"
    if parts.query or parts.fragment:
        return "has something behind the collection's name"
    name = parts.path.strip("/")
    if not COLLECTION.fullmatch(name):
        return (
            f"names the collection {name!r}; a collection's name is made of letters, digits and underscores, does not "
            "begin with a digit and has at most 255 of them"
        )
    return ""
