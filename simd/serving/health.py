"""`grpc.health.v1`: whether the daemon serves, for those who check and those who watch.

All services have one status, as they are ready together. Who watches is told at once, then of every change, and the
stream ends with the server. The servicer of `grpcio-health-checking` is not used: it sends while it holds the lock that
gRPC's one polling thread needs when a watcher leaves, so one who comes as another leaves could stop the whole server.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from simd.errors import NotFound

_Response = health_pb2.HealthCheckResponse


class Health(health_pb2_grpc.HealthServicer):  # type: ignore[misc]
    """Every method may be called from any thread.

    Args:
        services: the full names of those that are served; "" is the server as a whole.
    """

    def __init__(self, services: Collection[str]) -> None:
        self._services = frozenset({"", *services})
        self._changed = threading.Condition()
        self._serves = False
        self._closed = False

    def serve(self) -> None:
        """From now on it serves."""
        with self._changed:
            self._serves = True
            self._changed.notify_all()

    def close(self) -> None:
        """It serves no longer, and whoever watches is told so and has seen it all."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def Check(
        self, request: health_pb2.HealthCheckRequest, context: grpc.ServicerContext
    ) -> health_pb2.HealthCheckResponse:
        """The status of a service.

        Raises:
            NotFound: it is not one of this server.
        """
        if request.service not in self._services:
            raise NotFound(f"there is no service {request.service[:80]!r} here", field="service")
        return _Response(status=self._status())

    def List(
        self, request: health_pb2.HealthListRequest, context: grpc.ServicerContext
    ) -> health_pb2.HealthListResponse:
        """The status of every service."""
        status = _Response(status=self._status())
        return health_pb2.HealthListResponse(statuses=dict.fromkeys(sorted(self._services), status))

    def Watch(
        self, request: health_pb2.HealthCheckRequest, context: grpc.ServicerContext
    ) -> Iterator[health_pb2.HealthCheckResponse]:
        """The status of a service now and after every change."""
        context.add_callback(self._wake)
        known = request.service in self._services
        told: object = None
        while context.is_active():
            with self._changed:
                status = self._status() if known else _Response.SERVICE_UNKNOWN
                if status == told and not self._closed and context.is_active():
                    self._changed.wait()
                    continue
                closed = self._closed
            if status != told:
                told = status
                yield _Response(status=status)
            if closed:
                return

    def _status(self) -> int:
        serves: int = _Response.SERVING if self._serves and not self._closed else _Response.NOT_SERVING
        return serves

    def _wake(self) -> None:
        """Called by gRPC's polling thread when a watcher leaves: nothing slow is ever done under this lock."""
        with self._changed:
            self._changed.notify_all()
