"""The peers in use: daemons of other hosts, which are asked for the pictures of their images."""

from __future__ import annotations

from typing import Protocol

from simd.config import Settings
from simd.errors import ConfigError
from simd.index.replica import Replica
from simd.serving.images.elsewhere import Elsewhere
from simd.serving.images.hosts import Hosts
from simd.serving.images.peers import Peers
from simd.serving.search.served import Served, Serving
from simd.serving.transport.address import Address, TcpAddress, parse
from simd.types import ImageId, Origin


class Published(Protocol):
    """What tells which hosts have an image."""

    @property
    def host(self) -> str:
        """The name of this one; "" where no replica is configured."""
        ...

    def replica_of(self, served: Served) -> Replica | None:
        """The replica for a model; None where none is configured."""
        ...


class PeersInUse:
    """Connects when it is first asked, and is to be closed.

    Raises:
        ConfigError: a peer's address cannot be, or a file that is needed for them cannot be read.
    """

    def __init__(self, settings: Settings) -> None:
        addresses = dict(peer_of(text) for text in settings.peers)
        self._peers = Peers(addresses, ca=settings.peer_ca, token_file=settings.peer_token_file)

    def elsewhere(self, published: Published, serving: Serving) -> Elsewhere | None:
        """What gives pictures of other hosts' images; None where no replica tells of them."""
        if not published.host:
            return None

        def origins(image_id: ImageId) -> list[Origin]:
            with serving.use() as served:
                replica = published.replica_of(served)
            return [] if replica is None else replica.origins(image_id)

        return Elsewhere(Hosts(origins), self._peers.by_host, published.host)

    def close(self) -> None:
        """End the connections."""
        self._peers.close()


def peer_of(text: str) -> tuple[str, Address]:
    """A host's name and where its daemon is, of `NAME=ADDRESS`.

    Raises:
        ConfigError: it is not of that form.
    """
    host, _, address = text.partition("=")
    try:
        found = parse(address, unmet="")
    except ConfigError:
        found = None
    if not host or found is None or (isinstance(found, TcpAddress) and not found.port):
        raise ConfigError(
            f"setting `peers` cannot have {text!r}: write NAME=HOST:PORT or NAME=unix:PATH", field="peers"
        )
    return host, found
