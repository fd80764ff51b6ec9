"""`grpc.health.v1`: whether the daemon serves, for those who check and those who watch.

Watchers get the status at once, then every change, and the stream ends with the server. The servicer of
`grpcio-health-checking` is not used: it sends while it holds the lock that gRPC's one polling thread needs when a
watcher leaves, so one who comes as another leaves could stop the whole server.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from simd.errors import NotFound

_Response = health_pb2.HealthCheckResponse

_LOOK_S = 1.0
"""How often it is looked, for those who watch, whether a service still serves."""


class Health(health_pb2_grpc.HealthServicer):  # type: ignore[misc]
    """Every method may be called from any thread.

    Args:
        serves: by the full name of each service whether it serves now, answered at once; "" is the server as a whole.
    """

    def __init__(self, serves: Mapping[str, Callable[[], bool]]) -> None:
        self._serves = serves
        self._changed = threading.Condition()
        self._closed = False

    def changed(self) -> None:
        """Notify watchers now; without that they are notified within a second."""
        with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        """It serves no longer; watchers are notified of that, and their streams end."""
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
        if request.service not in self._serves:
            raise NotFound(f"there is no service {request.service[:80]!r} here", field="service")
        return _Response(status=self._status(request.service))

    def List(
        self, request: health_pb2.HealthListRequest, context: grpc.ServicerContext
    ) -> health_pb2.HealthListResponse:
        """The status of every service."""
        statuses = {name: _Response(status=self._status(name)) for name in sorted(self._serves)}
        return health_pb2.HealthListResponse(statuses=statuses)

    def Watch(
        self, request: health_pb2.HealthCheckRequest, context: grpc.ServicerContext
    ) -> Iterator[health_pb2.HealthCheckResponse]:
        """The status of a service now and after every change."""
        # In gRPC's polling thread, so nothing slow is ever done under the lock.
        context.add_callback(self.changed)
        sent: object = None
        while context.is_active():
            with self._changed:
                status = self._status(request.service)
                if status == sent and not self._closed and context.is_active():
                    self._changed.wait(_LOOK_S)
                    continue
                closed = self._closed
            if status != sent:
                sent = status
                yield _Response(status=status)
            if closed:
                return

    def _status(self, service: str) -> int:
        serves = self._serves.get(service)
        if serves is None:
            unknown: int = _Response.SERVICE_UNKNOWN
            return unknown
        status: int = _Response.SERVING if not self._closed and serves() else _Response.NOT_SERVING
        return status
