"""The client: one typed method per call of the daemon.

What a call needs is imported by that call, because a search should cost little more than importing gRPC does.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

import grpc

from simctl import answers
from simctl.address import resolve
from simctl.errors import DaemonUnreachable, from_rpc

if TYPE_CHECKING:
    from simctl import reports

Path = str | bytes | os.PathLike[str] | os.PathLike[bytes]

_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # A proxy of the environment is for the network, not for this machine.
    ("grpc.enable_http_proxy", 0),
    # `wait` tries again and again while the daemon starts.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
)

_READING_S = 0.3
"""The time between two readings of `wait`: the events of files just copied may still be on their way."""

_PATIENCE_S = 10.0
"""How long `wait` looks for a daemon that is not there, if it has no time limit of its own."""


class Client:
    """A connection to the daemon, made when it is first used. Safe to use from any thread.

    Args:
        address: `unix:PATH` or `HOST:PORT`; None means `SIMD_ADDRESS`, or the default socket.
        timeout: seconds that a call may take if it does not say so itself; None is no limit.

    Every call raises `DaemonUnreachable` when no daemon answers or it is not ready, and `SimctlError` when it fails.
    """

    def __init__(self, address: str | None = None, *, timeout: float | None = None) -> None:
        self.address = resolve(address, os.environ)
        self._timeout = timeout
        self._channel = grpc.insecure_channel(self.address, options=_OPTIONS)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection and the calls under way."""
        self._channel.close()

    def search(
        self,
        *,
        image: bytes | None = None,
        path: Path | None = None,
        image_id: str | None = None,
        vector: Sequence[float] | None = None,
        limit: int = 10,
        min_similarity: float | None = None,
        path_prefix: Path | None = None,
        exact: bool = False,
        timeout: float | None = None,
    ) -> answers.SearchResult:
        """The images nearest to a query, nearest first.

        Args:
            image: an image file's bytes. Exactly one of this and the next three is given.
            path: a file inside a root, on the daemon's machine.
            image_id: an indexed image, 32 hex digits.
            vector: an embedding.
            limit: how many at most.
            min_similarity: leave out what is less similar.
            path_prefix: only images under this path.
            exact: prove that nothing nearer was missed.
            timeout: seconds this call may take.
        """
        from simd.v1 import search_service_pb2 as wire
        from simd.v1.search_service_pb2_grpc import SearchServiceStub

        if sum(subject is not None for subject in (image, path, image_id, vector)) != 1:
            raise TypeError("search takes exactly one of image, path, image_id and vector")
        if limit < 1:
            raise ValueError(f"limit must be at least 1, not {limit}")
        request = wire.SearchRequest(
            image=image,
            path_bytes=None if path is None else _absolute(path),
            image_id=image_id,
            vector=None if vector is None else wire.Vector(values=vector),
            limit=limit,
            min_similarity=min_similarity,
            path_prefix_bytes=b"" if path_prefix is None else _absolute(path_prefix),
            exact=exact,
        )
        stub = SearchServiceStub(self._channel)  # type: ignore[no-untyped-call]
        return answers.search_result(self._call(stub.Search, request, timeout))

    def add(self, paths: Iterable[Path], *, timeout: float | None = None) -> reports.AddResult:
        """Index files now, and folders from now on."""
        from simctl import reports
        from simd.v1 import index_service_pb2 as wire

        request = wire.AddRequest(paths_bytes=[_absolute(path) for path in paths])
        return reports.add_result(self._call(self._index_stub().Add, request, timeout))

    def remove(
        self, paths: Iterable[Path] = (), image_ids: Iterable[str] = (), *, timeout: float | None = None
    ) -> reports.RemoveResult:
        """Take files, folders and images out of the answers."""
        from simctl import reports
        from simd.v1 import index_service_pb2 as wire

        request = wire.RemoveRequest(paths_bytes=[_absolute(path) for path in paths], image_ids=image_ids)
        return reports.remove_result(self._call(self._index_stub().Remove, request, timeout))

    def scan(
        self,
        paths: Iterable[Path] = (),
        *,
        retry_rejected: bool = False,
        confirm_deletes: bool = False,
        timeout: float | None = None,
    ) -> reports.ScanResult:
        """Compare directories with what is known of them; no path means every root.

        Args:
            paths: roots, or directories in them.
            retry_rejected: try again what could not be indexed.
            confirm_deletes: what is gone from these paths is meant to be gone, however much it is.
            timeout: seconds.
        """
        from simctl import reports
        from simd.v1 import index_service_pb2 as wire

        request = wire.ScanRequest(
            paths_bytes=[_absolute(path) for path in paths],
            retry_rejected=retry_rejected,
            confirm_deletes=confirm_deletes,
        )
        return reports.scan_result(self._call(self._index_stub().Scan, request, timeout))

    def status(self, *, timeout: float | None = None) -> reports.Status:
        """How the daemon is; answers also while it is not ready."""
        from simctl import reports
        from simd.v1 import index_service_pb2 as wire

        return reports.status(self._call(self._index_stub().Status, wire.StatusRequest(), timeout))

    def errors(self, path_prefix: Path | None = None, *, timeout: float | None = None) -> Iterator[reports.FileError]:
        """The files that are not indexed, and why; read page by page, `timeout` for each."""
        from simctl import reports
        from simd.v1 import index_service_pb2 as wire

        list_errors = self._index_stub().ListErrors
        prefix = b"" if path_prefix is None else _absolute(path_prefix)
        request = wire.ListErrorsRequest(page_size=1000, path_prefix_bytes=prefix)
        while True:
            page = self._call(list_errors, request, timeout)
            yield from map(reports.file_error, page.errors)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def health(self, *, timeout: float | None = None) -> str:
        """SERVING, NOT_SERVING or UNKNOWN, as `grpc.health.v1` says it."""
        from simctl.health import CHECK, serving_status

        check: Callable[..., Any] = self._channel.unary_unary(CHECK)
        return serving_status(self._call(check, b"", timeout))

    def wait(
        self, timeout: float | None = None, progress: Callable[[reports.Status | None], None] | None = None
    ) -> reports.Status:
        """Return when the daemon is ready and nothing is pending, in two readings one after the other.

        Args:
            timeout: give up after so many seconds; None is never, once a daemon was there.
            progress: called with every reading, None while no daemon answers.

        Returns:
            The last reading; `settled` is False if the time was over.

        Raises:
            DaemonUnreachable: no daemon answered in all that time.
        """
        start = time.monotonic()
        patience = _PATIENCE_S if timeout is None else timeout
        last: reports.Status | None = None
        while True:
            before, reading = last, self._reading(start, timeout or patience)
            last = None if isinstance(reading, DaemonUnreachable) else reading
            if progress is not None:
                progress(last)
            waited = time.monotonic() - start
            if last is not None and last.settled and before is not None and before.settled:
                return last
            if isinstance(reading, DaemonUnreachable) and waited + _READING_S > patience:
                raise reading
            if last is not None and timeout is not None and waited + _READING_S > timeout:
                return last
            time.sleep(_READING_S)

    def _reading(self, start: float, limit: float) -> reports.Status | DaemonUnreachable:
        left = max(1.0, start + limit - time.monotonic())
        try:
            return self.status(timeout=left)
        except DaemonUnreachable as error:
            return error

    def _index_stub(self) -> Any:
        from simd.v1.index_service_pb2_grpc import IndexServiceStub

        return IndexServiceStub(self._channel)  # type: ignore[no-untyped-call]

    def _call(self, method: Callable[..., Any], request: object, timeout: float | None) -> Any:
        limit = self._timeout if timeout is None else timeout
        try:
            return method(request, timeout=limit)
        except grpc.RpcError as error:
            raise from_rpc(error, self.address, limit) from error


def _absolute(path: Path) -> bytes:
    return os.path.abspath(os.fsencode(path))
