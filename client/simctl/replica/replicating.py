"""The calls of IndexService about the replica.

What a call needs is imported by that call, because a search should cost little more than importing gRPC does.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from simctl.connection import Connection
from simctl.errors import DaemonUnreachable, SimctlError

if TYPE_CHECKING:
    from simctl.replica import replicated

_READING_S = 0.5
_PATIENCE_S = 10.0
"""How long a replica that does not get on is waited for, if there is no time limit."""


class Replicating(Connection):
    """The replica that the daemon publishes in."""

    def replica(self, *, timeout: float | None = None) -> replicated.ReplicaStatus:
        """How the replica stands to what the daemon has indexed.

        Raises:
            SimctlError: none is configured; `reason` is NO_REPLICA.
        """
        from simctl.replica import replicated
        from simd.v1 import index_service_pb2 as wire

        response = self._call(self._index_stub().Status, wire.StatusRequest(), timeout, reads=True)
        found = replicated.replica_status(response)
        if found is not None:
            return found
        if not response.ready and not response.problems:
            raise DaemonUnreachable(f"the daemon is not ready: {response.detail}", reason="NOT_READY")
        raise SimctlError(
            "no replica is configured; set `replica` to http://HOST:PORT/COLLECTION and restart the daemon",
            code="FAILED_PRECONDITION",
            reason="NO_REPLICA",
        )

    def wait_for_replica(
        self, timeout: float | None = None, progress: Callable[[replicated.ReplicaStatus], None] | None = None
    ) -> replicated.ReplicaStatus:
        """Return when the replica is current.

        Args:
            timeout: seconds after which to give up; None is never while it is being brought up to date, and soon once
                it cannot be reached, is refused or dropped.
            progress: called with every reading.

        Returns:
            The last reading; `state` is not "current" if it was given up.
        """
        now = time.monotonic()
        until = now + (_PATIENCE_S if timeout is None else timeout)
        while True:
            reading = self.replica(timeout=max(1.0, until - now))
            now = time.monotonic()
            if progress is not None:
                progress(reading)
            if timeout is None and reading.works:
                until = now + _PATIENCE_S
            if reading.state == "current" or now + _READING_S > until:
                return reading
            time.sleep(_READING_S)

    def rebuild_replica(self, *, timeout: float | None = None) -> None:
        """Have everything published anew, and what should not be there of this host taken out, in the background. Ends
        `drop_replica`, and takes the host's name over from another state directory."""
        from simd.v1 import index_service_pb2 as wire

        self._call(self._index_stub().RebuildReplica, wire.RebuildReplicaRequest(), timeout)

    def drop_replica(self, *, timeout: float | None = None) -> int:
        """Have nothing more published, until `rebuild_replica`, and all images of the daemon's host taken out; how many
        that were.

        Raises:
            SimctlError: it cannot be reached; they are taken out as soon as it can be.
        """
        from simd.v1 import index_service_pb2 as wire

        return int(self._call(self._index_stub().DropReplica, wire.DropReplicaRequest(), timeout).removed)
