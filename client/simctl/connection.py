"""A connection to the daemon: what every call goes through, and what paths and pictures look like on the way."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, cast

import grpc

from simctl.address import resolve
from simctl.channel import Security, connect
from simctl.errors import SimctlError, from_rpc
from simctl.retry import Retrier

Path = str | bytes | os.PathLike[str] | os.PathLike[bytes]


@dataclass(frozen=True, slots=True)
class Subject:
    """A picture, or what stands for one: exactly one of an image file's bytes, a file inside a root on the daemon's
    machine, an indexed image (32 hex digits), and an embedding.

    Raises:
        TypeError: none is given, or several.
    """

    image: bytes | None = field(default=None, repr=False)
    path: Path | None = None
    image_id: str | None = None
    vector: Sequence[float] | None = None

    def __post_init__(self) -> None:
        if sum(one is not None for one in (self.image, self.path, self.image_id, self.vector)) != 1:
            raise TypeError("exactly one of image, path, image_id and vector is given")

    def fields(self) -> dict[str, Any]:
        """As a request has it."""
        from simd.v1 import search_service_pb2 as wire

        return {
            "image": self.image,
            "path_bytes": None if self.path is None else absolute(self.path),
            "image_id": self.image_id,
            "vector": None if self.vector is None else wire.Vector(values=_plain(self.vector)),
        }


def _plain(vector: Sequence[float]) -> Sequence[float]:
    """A list of an array, NumPy's or Python's: protobuf takes ten times as long over the elements of one."""
    tolist = getattr(vector, "tolist", None)
    return vector if tolist is None else cast("list[float]", tolist())


class Connection:
    """What the calls of `Client` share; see there."""

    def __init__(
        self,
        address: str | None = None,
        *,
        timeout: float | None = None,
        patience: float = 0.0,
        tls_ca: str | None = None,
        tls_cert: str | None = None,
        tls_key: str | None = None,
        token_file: str | None = None,
    ) -> None:
        self.address = resolve(address, os.environ)
        self._timeout = timeout
        self._retrier = Retrier(patience)
        security = Security(tls_ca, tls_cert, tls_key, token_file).completed(os.environ)
        self._channel = connect(self.address, security)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection and the calls under way."""
        self._channel.close()

    def _search_stub(self) -> Any:
        from simd.v1.search_service_pb2_grpc import SearchServiceStub

        return SearchServiceStub(self._channel)  # type: ignore[no-untyped-call]

    def _index_stub(self) -> Any:
        from simd.v1.index_service_pb2_grpc import IndexServiceStub

        return IndexServiceStub(self._channel)  # type: ignore[no-untyped-call]

    def _image_stub(self) -> Any:
        from simd.v1.image_service_pb2_grpc import ImageServiceStub

        return ImageServiceStub(self._channel)  # type: ignore[no-untyped-call]

    def _insight_stub(self) -> Any:
        from simd.v1.insight_service_pb2_grpc import InsightServiceStub

        return InsightServiceStub(self._channel)  # type: ignore[no-untyped-call]

    def _call(self, method: Callable[..., Any], request: object, timeout: float | None, *, reads: bool = False) -> Any:
        """The answer; a call that only `reads` may be made again whatever became of it."""
        limit = self._timeout if timeout is None else timeout

        def attempt(left: float | None) -> Any:
            try:
                return method(request, timeout=left)
            except grpc.RpcError as error:
                raise from_rpc(error, self.address, limit) from error

        return self._retrier.call(attempt, limit, reads=reads)

    def _pages(self, method: Callable[..., Any], request: Any, timeout: float | None) -> Iterator[Any]:
        """The pages of a list, each asked for when it is wanted."""
        while True:
            page = self._call(method, request, timeout, reads=True)
            yield page
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def _stream(self, method: Callable[..., Any], request: object, timeout: float | None) -> Iterator[Any]:
        """The messages of a stream; leaving it early ends the call."""
        limit = self._timeout if timeout is None else timeout
        messages = method(request, timeout=limit)
        try:
            yield from messages
        except grpc.RpcError as error:
            raise from_rpc(error, self.address, limit) from error
        finally:
            messages.cancel()


def absolute(path: Path) -> bytes:
    """A path as requests have it.

    Raises:
        SimctlError: it is relative, and the current folder is gone.
    """
    try:
        return os.path.abspath(os.fsencode(path))
    except FileNotFoundError as error:
        raise SimctlError(f"the current folder is gone, so {os.fsdecode(path)} is nowhere; name it from /") from error
