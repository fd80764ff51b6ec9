"""Pictures of images that this host does not have: which daemon is asked for one, and what is said where none can be.
No gRPC here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Protocol, TypeVar

from simd.cancelled import NEVER, Cancelled
from simd.errors import ImageElsewhere, ImageUnreadable, NotFound, Overloaded, PeerUnavailable
from simd.featurize.decode.renditions import Thumbnail
from simd.serving.images.hosts import Hosts
from simd.serving.images.originals import Original
from simd.types import ImageId

T = TypeVar("T")


class Peer(Protocol):
    """The daemon of another host. Every method may be called from any thread, and ends within a time limit.

    Raises:
        NotFound: it does not have the image.
        ImageUnreadable: it has it and cannot give it, or gave something else.
        PeerUnavailable, Overloaded: not now.
        OutOfRange: the offset is beyond the end.
        Abandoned: the caller has left.
        ConfigError: the token that it asks for cannot be read.
    """

    def get(self, image_id: ImageId, wanted: Thumbnail, cancelled: Cancelled = NEVER) -> bytes:
        """The file of a thumbnail."""
        ...

    def open(
        self, image_id: ImageId, offset: int = 0, length: int = 0, cancelled: Cancelled = NEVER
    ) -> AbstractContextManager[Original]:
        """An image's file, or a part of it, as `Originals.open`; the portions raise errors too."""
        ...


class Elsewhere:
    """Gives what `Thumbnails` and `Originals` give, of images of other hosts. Every method may be called from any
    thread.

    Args:
        hosts: tells which hosts have an image.
        peers: the daemons that can be asked, by the names of their hosts.
        host: the name of this one, which is not asked.
    """

    def __init__(self, hosts: Hosts, peers: Mapping[str, Peer], host: str = "") -> None:
        self._hosts = hosts
        self._peers = peers
        self._host = host

    def get(self, image_id: ImageId, wanted: Thumbnail, cancelled: Cancelled = NEVER) -> bytes:
        """The file of a thumbnail, of the first host that gives it.

        Raises:
            NotFound: no host has the image.
            ImageElsewhere: a host has it, and its daemon is not among the peers.
            PeerUnavailable, ReplicaUnavailable, Overloaded: not now.
            ReplicaRefused, ImageUnreadable, ConfigError: not before somebody helps.
            Abandoned: the caller has left.
        """
        return self._first(image_id, lambda peer: peer.get(image_id, wanted, cancelled))

    @contextmanager
    def open(
        self, image_id: ImageId, offset: int = 0, length: int = 0, cancelled: Cancelled = NEVER
    ) -> Iterator[Original]:
        """An image's file, or a part of it, of the first host that begins to send it; raises as `get`, and
        OutOfRange."""
        with ExitStack() as stack:
            yield self._first(
                image_id, lambda peer: stack.enter_context(peer.open(image_id, offset, length, cancelled))
            )

    def _first(self, image_id: ImageId, ask: Callable[[Peer], T]) -> T:
        strangers: list[str] = []
        failures: list[ImageUnreadable | PeerUnavailable | Overloaded] = []
        try:
            for host in self._hosts.of(image_id):
                if host == self._host:
                    continue
                peer = self._peers.get(host)
                if peer is None:
                    strangers.append(host)
                    continue
                try:
                    return ask(peer)
                except NotFound:
                    continue
                except (ImageUnreadable, PeerUnavailable, Overloaded) as error:
                    failures.append(error)
            if failures:
                # What may pass says more of what to do than what may not.
                raise next((error for error in failures if error.retry_after_s is not None), failures[0])
        finally:
            # An error holds this frame.
            del failures
        if strangers:
            raise _elsewhere(image_id, strangers)
        self._hosts.forget(image_id)
        raise NotFound(f"no image {image_id.hex()} is indexed, here or on another host", field="image_id")


def _elsewhere(image_id: ImageId, hosts: list[str]) -> ImageElsewhere:
    first = hosts[0]
    more = f" and {len(hosts) - 1} more" if len(hosts) > 1 else ""
    return ImageElsewhere(
        f"the image {image_id.hex()} is on {first}{more}; its daemon is not among the `peers` of this one",
        remedy=f"add {first}=HOST:PORT to `peers`, or ask the daemon of {first}",
    )
