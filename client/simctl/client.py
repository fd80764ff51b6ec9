"""The client: one typed method per call of the daemon.

What a call needs is imported by that call, because a search should cost little more than importing gRPC does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING, Any

import grpc

from simctl.atlas.mapping import Mapping
from simctl.connection import Path, absolute
from simctl.duplicates.grouping import Grouping
from simctl.errors import DaemonUnreachable, from_rpc
from simctl.labels.labelling import Labelling
from simctl.maintenance import Maintenance
from simctl.picturing import Picturing
from simctl.replica.replicating import Replicating
from simctl.searching import Searching
from simctl.suggest.suggesting import Suggesting

if TYPE_CHECKING:
    from simctl import reports

_READING_S = 0.3
"""The time between two readings of `wait`: the events of files just copied may still be on their way."""

_PATIENCE_S = 10.0
"""How long `wait` looks for a daemon that is not there, if it has no time limit of its own."""


class Client(Searching, Picturing, Maintenance, Grouping, Labelling, Suggesting, Mapping, Replicating):
    """A connection to the daemon, made when it is first used. Safe to use from any thread.

    Args:
        address: `unix:PATH` or `HOST:PORT`; None means `SIMD_ADDRESS`, or the default socket.
        timeout: seconds that a call may take if it does not say so itself; None is no limit.
        patience: seconds for which a call is made again while the daemon is not there, not ready or too busy; 0 is
            never. What changes something is made again only if the daemon said that it did not take it on.
        tls_ca: PEM file of the authority that signed the daemon's certificate; None means `SIMD_TLS_CA`, or those that
            the system trusts.
        tls_cert: PEM file of a certificate, for a daemon that asks for one; None means `SIMD_CLIENT_CERT`.
        tls_key: PEM file of its private key; None means `SIMD_CLIENT_KEY`.
        token_file: file that holds the caller's token; None means `SIMD_TOKEN_FILE`.

    Every call raises `DaemonUnreachable` when no daemon answers or it is not ready, and `SimctlError` when it fails.
    """

    def add(self, paths: Iterable[Path], *, timeout: float | None = None) -> reports.AddResult:
        """Index files now, and folders from now on."""
        from simctl import reports
        from simd.v1 import index_service_pb2 as wire

        request = wire.AddRequest(paths_bytes=[absolute(path) for path in paths])
        return reports.add_result(self._call(self._index_stub().Add, request, timeout))

    def remove(
        self, paths: Iterable[Path] = (), image_ids: Iterable[str] = (), *, timeout: float | None = None
    ) -> reports.RemoveResult:
        """Take files, folders and images out of the answers."""
        from simctl import reports
        from simd.v1 import index_service_pb2 as wire

        request = wire.RemoveRequest(paths_bytes=[absolute(path) for path in paths], image_ids=image_ids)
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
            paths_bytes=[absolute(path) for path in paths],
            retry_rejected=retry_rejected,
            confirm_deletes=confirm_deletes,
        )
        return reports.scan_result(self._call(self._index_stub().Scan, request, timeout))

    def explain(self, paths: Iterable[Path], *, timeout: float | None = None) -> tuple[reports.Explanation, ...]:
        """Why each path is or is not in the answers."""
        from simctl import reports
        from simd.v1 import index_service_pb2 as wire

        request = wire.ScanRequest(paths_bytes=[absolute(path) for path in paths], explain=True)
        return reports.explanations(self._call(self._index_stub().Scan, request, timeout, reads=True))

    def status(self, *, timeout: float | None = None) -> reports.Status:
        """How the daemon is; answers also while it is not ready."""
        from simctl import reports
        from simd.v1 import index_service_pb2 as wire

        return reports.status(self._call(self._index_stub().Status, wire.StatusRequest(), timeout, reads=True))

    def watch_status(
        self, *, min_interval: float = 0.0, timeout: float | None = None
    ) -> Generator[reports.Status, None, None]:
        """How the daemon is, now and after every change, until the daemon stops or the time is over.

        Args:
            min_interval: seconds between two of them at least.
            timeout: seconds after which there are no more; None is never.
        """
        from google.protobuf.duration_pb2 import Duration

        from simctl import reports
        from simd.v1 import index_service_pb2 as wire

        interval = Duration()
        interval.FromMicroseconds(round(min_interval * 1e6))
        readings = self._index_stub().WatchStatus(wire.WatchStatusRequest(min_interval=interval), timeout=timeout)
        try:
            for reading in readings:
                yield reports.status(reading.status)
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.DEADLINE_EXCEEDED:
                raise from_rpc(error, self.address, timeout) from error
        finally:
            readings.cancel()

    def pause(self, seconds: float | None = None, *, timeout: float | None = None) -> float | None:
        """Stop indexing, also beyond a restart of the daemon. Searches go on, and files given to `add` are indexed.

        Args:
            seconds: after which it goes on by itself; None is when it is resumed.
            timeout: seconds this call may take.

        Returns:
            when it goes on by itself, in seconds since the epoch, or None.
        """
        from google.protobuf.duration_pb2 import Duration

        from simctl import reports
        from simd.v1 import index_service_pb2 as wire

        request = wire.PauseRequest()
        if seconds is not None:
            duration = Duration()
            duration.FromMicroseconds(round(seconds * 1e6))
            request.duration.CopyFrom(duration)
        return reports.paused_until(self._call(self._index_stub().Pause, request, timeout))

    def resume(self, *, timeout: float | None = None) -> bool:
        """Go on with indexing; whether it had been paused."""
        from simd.v1 import index_service_pb2 as wire

        return bool(self._call(self._index_stub().Resume, wire.ResumeRequest(), timeout).was_paused)

    def health(self, *, timeout: float | None = None) -> str:
        """SERVING, NOT_SERVING or UNKNOWN, as `grpc.health.v1` says it."""
        from simctl import reports

        check: Callable[..., Any] = self._channel.unary_unary("/grpc.health.v1.Health/Check")
        # The request for the whole server is empty.
        return reports.serving_status(self._call(check, b"", timeout, reads=True))

    def wait(
        self, timeout: float | None = None, progress: Callable[[reports.Status | None], None] | None = None
    ) -> reports.Status:
        """Return when the daemon is ready and nothing is pending, in two readings one after the other.

        Args:
            timeout: seconds after which to give up; None is never, once a daemon was there, unless indexing is paused
                until it is resumed, something is damaged, or no watched folder can be read.
            progress: called with every reading, None while no daemon answers.

        Returns:
            The last reading; `settled` is False if the time was over, or if it is paused, damaged or idle and there is
            no limit.

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
            if last is not None and timeout is None and last.needs_intervention:
                return last
            time.sleep(_READING_S)

    def _reading(self, start: float, limit: float) -> reports.Status | DaemonUnreachable:
        left = max(1.0, start + limit - time.monotonic())
        try:
            return self.status(timeout=left)
        except DaemonUnreachable as error:
            return error
