"""The gRPC server: binds the address, carries the services, drains.

It is synchronous, on a bounded pool: searches are native calls that release the interpreter, and would block an event
loop. Calls beyond `max_concurrent` are refused with RESOURCE_EXHAUSTED rather than queued without end.

The daemon holds its state directory's lock before it binds: gRPC would let a second server take over a socket in use.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from simd.errors import ConfigError
from simd.serving import address as addresses
from simd.serving.index_service import IndexService
from simd.serving.readiness import Readiness, Services
from simd.serving.search_service import SearchService
from simd.serving.status import ErrorInterceptor
from simd.v1 import index_service_pb2, index_service_pb2_grpc, search_service_pb2, search_service_pb2_grpc

log = logging.getLogger(__name__)

_SERVICES = (
    search_service_pb2.DESCRIPTOR.services_by_name["SearchService"].full_name,
    index_service_pb2.DESCRIPTOR.services_by_name["IndexService"].full_name,
)


class Server:
    """Serves from `start` to `stop`.

    Args:
        listen: `unix:PATH` or `HOST:PORT` on loopback.
        readiness: what answers, once it is ready.
        max_request_bytes: greater requests are refused.
        max_concurrent: so many calls at once, waiting ones included.
        threads: so many calls are worked on at once.

    Raises:
        ConfigError: the address cannot be, or other machines could reach it.
    """

    def __init__(
        self,
        listen: str,
        readiness: Readiness,
        *,
        max_request_bytes: int,
        max_concurrent: int = 64,
        threads: int = 16,
    ) -> None:
        self._listen = addresses.parse(listen)
        self._readiness = readiness
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="rpc")
        self._health = health.HealthServicer()
        self._server = grpc.server(
            self._pool,
            interceptors=[ErrorInterceptor()],
            options=[
                ("grpc.max_receive_message_length", max_request_bytes),
                # Two servers on one TCP port would each get some of the calls.
                ("grpc.so_reuseport", 0),
            ],
            maximum_concurrent_rpcs=max_concurrent,
        )
        search_service_pb2_grpc.add_SearchServiceServicer_to_server(  # type: ignore[no-untyped-call]
            SearchService(readiness), self._server
        )
        index_service_pb2_grpc.add_IndexServiceServicer_to_server(  # type: ignore[no-untyped-call]
            IndexService(readiness), self._server
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection((*_SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME), self._server)
        self._report(health_pb2.HealthCheckResponse.NOT_SERVING)

    def start(self) -> str:
        """Bind and answer; `status` works at once, the rest after `open`. Returns the address in force.

        Raises:
            ConfigError: the address cannot be bound.
        """
        if isinstance(self._listen, addresses.UnixAddress):
            addresses.prepare_socket(self._listen)
        target = self._listen.target
        with _private_umask():
            try:
                port = self._server.add_insecure_port(target)
            except RuntimeError as error:
                raise ConfigError(f"cannot listen on {target}: {error}", field="listen") from error
        self._server.start()
        if isinstance(self._listen, addresses.LoopbackAddress):
            target = addresses.LoopbackAddress(self._listen.host, port).target
        log.info("listening on %s", target)
        return target

    def open(self, services: Services) -> None:
        """Answer everything."""
        self._readiness.open(services)
        self._report(health_pb2.HealthCheckResponse.SERVING)

    def stop(self, grace_s: float = 5.0) -> None:
        """Refuse new calls, let those under way finish for `grace_s` seconds, then end; gRPC takes its socket away.

        Safe to call again, and on a server that never started.
        """
        self._health.enter_graceful_shutdown()
        self._server.stop(grace_s).wait()
        self._readiness.close("stopping")
        self._pool.shutdown(wait=True, cancel_futures=True)

    def wait(self, timeout_s: float | None = None) -> None:
        """Return when the server has ended, or after `timeout_s`."""
        self._server.wait_for_termination(timeout_s)

    def _report(self, status: health_pb2.HealthCheckResponse.ServingStatus) -> None:
        for service in ("", *_SERVICES):
            self._health.set(service, status)


@contextmanager
def _private_umask() -> Iterator[None]:
    """Sockets made meanwhile have mode 0600: gRPC has no option for it."""
    before = os.umask(0o177)
    try:
        yield
    finally:
        os.umask(before)
