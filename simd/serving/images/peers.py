"""Daemons of other hosts, asked over gRPC for pictures of their images.

A request that is passed on says so, and is never passed on again: two daemons that each believe the other to have an
image must not ask for ever. Pictures and tokens cross a network encrypted only. What a peer sends is checked, and
passed on as it comes: no faster than the caller takes it, and not after the caller has left.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc

from simd.cancelled import NEVER, Cancelled
from simd.errors import ConfigError, ImageUnreadable, NotFound, OutOfRange, Overloaded, PeerUnavailable, SimdError
from simd.featurize.decode.renditions import Thumbnail
from simd.privatefile import read_tokens
from simd.serving.images.checked import Part, checked
from simd.serving.images.elsewhere import Peer
from simd.serving.images.originals import CONTENT_TYPES, OCTETS, Original
from simd.serving.transport.address import Address, TcpAddress, is_loopback
from simd.types import ImageId
from simd.v1 import image_service_pb2 as wire
from simd.v1 import image_service_pb2_grpc

PASSED_ON = "simd-passed-on"
"""The header of a request that a daemon passes on."""

_OPTIONS = (
    ("grpc.max_receive_message_length", 16 << 20),
    ("grpc.enable_http_proxy", 0),
    # A peer that comes back is asked again soon, and one that cannot be reached is known to be so soon.
    ("grpc.max_reconnect_backoff_ms", 5_000),
    ("grpc.min_reconnect_backoff_ms", 5_000),
)
_REST_S = 5.0
_MAX_TEXT = 300
"""Letters of what a peer says of an error."""


class Peers:
    """The connections, made when they are first used. To be closed.

    Args:
        addresses: by the names of the hosts.
        ca: PEM file of the authority that signed the peers' certificates; with one, every peer at HOST:PORT is spoken
            to encrypted.
        token_file: holds the token that the peers ask for, read anew for each request; None sends none.
        within_s: how long a thumbnail may take.
        original_within_s: how long an original may take, also if it is the caller who is slow.
        clock: seconds that only go forward.

    Attributes:
        by_host: the peers.

    Raises:
        ConfigError: a file cannot be read, or a peer that only a network leads to has no authority.
    """

    def __init__(
        self,
        addresses: Mapping[str, Address],
        *,
        ca: Path | None = None,
        token_file: Path | None = None,
        within_s: float = 15.0,
        original_within_s: float = 600.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        authority = None if ca is None else _read(ca)
        if token_file is not None:
            _token(token_file)
        self._channels = {host: _channel(host, address, authority) for host, address in addresses.items()}
        limits = within_s, original_within_s
        self.by_host: Mapping[str, Peer] = {
            host: _Daemon(host, channel, token_file, limits, clock) for host, channel in self._channels.items()
        }

    def close(self) -> None:
        """End the connections and the requests under way."""
        for channel in self._channels.values():
            channel.close()


class _Daemon:
    """One of them, a `Peer`. One that did not answer in time is left alone for some seconds, so that callers do not all
    wait for it."""

    def __init__(
        self,
        host: str,
        channel: grpc.Channel,
        token_file: Path | None,
        limits: tuple[float, float],
        clock: Callable[[], float],
    ) -> None:
        self._host = host
        self._stub: Any = image_service_pb2_grpc.ImageServiceStub(channel)  # type: ignore[no-untyped-call]
        self._token_file = token_file
        self._within_s, self._original_within_s = limits
        self._clock = clock
        self._rests_until = 0.0

    def get(self, image_id: ImageId, wanted: Thumbnail, cancelled: Cancelled = NEVER) -> bytes:
        """The file of a thumbnail."""
        request = wire.GetThumbnailRequest(image_id=image_id.hex(), edge=wanted.edge, format=wanted.format)
        metadata = self._metadata()
        call = self._stub.GetThumbnail.future(request, timeout=self._within_s, metadata=metadata)
        with cancelled.calling(call.cancel), self._translating(cancelled):
            answer = call.result()
        if answer.content_type != f"image/{wanted.format}":
            raise self._unreadable(image_id, "what it sent is no such thumbnail")
        return bytes(answer.data)

    @contextmanager
    def open(
        self, image_id: ImageId, offset: int = 0, length: int = 0, cancelled: Cancelled = NEVER
    ) -> Iterator[Original]:
        """An image's file, or a part of it."""
        request = wire.ImageServiceGetImageRequest(image_id=image_id.hex(), offset=offset, length=length)
        metadata = self._metadata()
        messages = self._stub.GetImage(request, timeout=self._original_within_s, metadata=metadata)
        try:
            with cancelled.calling(messages.cancel):
                with self._translating(cancelled):
                    first = next(messages, None)
                if first is None:
                    raise self._unreadable(image_id, "it sent nothing")
                yield Original(
                    size=first.size,
                    content_type=first.content_type if first.content_type in CONTENT_TYPES.values() else OCTETS,
                    name=os.path.basename(first.name.encode()),
                    portions=checked(
                        self._portions(first.data, messages, cancelled),
                        Part.of(offset, length, first.size),
                        image_id,
                        lambda what: self._unreadable(image_id, what),
                    ),
                )
        finally:
            messages.cancel()

    def _portions(self, first: bytes, messages: Iterator[Any], cancelled: Cancelled) -> Iterator[bytes]:
        yield first
        with self._translating(cancelled):
            for message in messages:
                yield message.data

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        """What a request is sent with."""
        if self._clock() < self._rests_until:
            raise PeerUnavailable(f"the daemon of {self._host} did not answer in time just now; it is asked again soon")
        passed_on = ((PASSED_ON, "1"),)
        if self._token_file is None:
            return passed_on
        return (*passed_on, ("authorization", f"Bearer {_token(self._token_file)}"))

    @contextmanager
    def _translating(self, cancelled: Cancelled) -> Iterator[None]:
        """Raise what the caller is to be told in place of gRPC's error."""
        try:
            yield
        except grpc.FutureCancelledError:
            code, text = grpc.StatusCode.CANCELLED, ""
        except grpc.RpcError as error:
            # It is the call itself, and its traceback would hold all that the call works on.
            error.__traceback__ = None
            code, text = error.code(), error.details() or ""
        else:
            return
        cancelled.check()
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            self._rests_until = self._clock() + _REST_S
        raise self._error(code, text[:_MAX_TEXT])

    def _error(self, code: grpc.StatusCode, text: str) -> SimdError:
        if code is grpc.StatusCode.NOT_FOUND:
            return NotFound(f"{self._host} does not have the image", field="image_id")
        if code is grpc.StatusCode.OUT_OF_RANGE:
            return OutOfRange(text, field="offset")
        said = f"the daemon of {self._host} says: {text}"
        if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            return Overloaded(said)
        if code in (grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.INVALID_ARGUMENT):
            return ImageUnreadable(said)
        if code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED):
            return PeerUnavailable(said, remedy="put a token that it knows into the file of `peer_token_file`")
        return PeerUnavailable(f"the daemon of {self._host} cannot be asked for the image now: {text or code.name}")

    def _unreadable(self, image_id: ImageId, what: str) -> ImageUnreadable:
        return ImageUnreadable(f"the image {image_id.hex()} cannot be had of the daemon of {self._host}: {what}")


def _channel(host: str, address: Address, authority: bytes | None) -> grpc.Channel:
    if isinstance(address, TcpAddress):
        if authority is not None:
            return grpc.secure_channel(address.target, grpc.ssl_channel_credentials(authority), options=_OPTIONS)
        if not is_loopback(address.host):
            raise ConfigError(
                f"the peer {host}={address} is on another machine, and nothing says whose certificate to trust",
                field="peers",
                remedy="set `peer_ca` to the certificate authority of the peers",
            )
    return grpc.insecure_channel(address.target, options=_OPTIONS)


def _token(path: Path) -> str:
    return read_tokens(path, "peer_token_file")[0]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {path} (peer_ca): {error.strerror}", field="peer_ca") from error
