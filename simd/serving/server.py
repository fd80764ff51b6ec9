"""The gRPC server: carries the services on every address, drains.

It is synchronous, on bounded pools: searches are native calls that release the interpreter, and would block an event
loop. Every call passes the gate (`gate.py`): it is refused when its token does not allow it, or its lane is full.

What other machines can reach needs TLS and callers who say who they are; without both the server does not start.

The daemon holds its state directory's lock before it binds: gRPC would let a second server take over a socket in use.
"""

from __future__ import annotations

import logging
import threading

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from simd.errors import ConfigError
from simd.serving.admin.index_service import IndexService
from simd.serving.admin.overview import Overview
from simd.serving.admin.status_feed import StatusFeed
from simd.serving.admin.status_watch import StatusWatch
from simd.serving.images.image_service import ImageService
from simd.serving.insight.insight_service import InsightService
from simd.serving.insight.watches import Watches
from simd.serving.readiness import Readiness, Services
from simd.serving.search.search_service import SearchService
from simd.serving.transport import address as addresses
from simd.serving.transport.auth import Authorizer, Tokens
from simd.serving.transport.calllog import CallLog
from simd.serving.transport.fairsemaphore import FairSemaphore
from simd.serving.transport.gate import REQUEST_BYTES, Gate
from simd.serving.transport.guard import Guard
from simd.serving.transport.handlers import Monitoring
from simd.serving.transport.health import Health
from simd.serving.transport.lanes import lanes
from simd.serving.transport.listener import CallThreads, Listener
from simd.serving.transport.meter import Meter, NoMeter
from simd.serving.transport.tls import Tls
from simd.supervision import Threads
from simd.v1 import (
    image_service_pb2,
    image_service_pb2_grpc,
    index_service_pb2,
    index_service_pb2_grpc,
    insight_service_pb2,
    insight_service_pb2_grpc,
    search_service_pb2,
    search_service_pb2_grpc,
)

log = logging.getLogger(__name__)

_LOOK_S = 2.0
"""How often it is looked whether the sockets are still there."""

_SEARCH = search_service_pb2.DESCRIPTOR.services_by_name["SearchService"].full_name
_INDEX = index_service_pb2.DESCRIPTOR.services_by_name["IndexService"].full_name
_IMAGE = image_service_pb2.DESCRIPTOR.services_by_name["ImageService"].full_name
_INSIGHT = insight_service_pb2.DESCRIPTOR.services_by_name["InsightService"].full_name
_HEALTH = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name


class Server:
    """Serves from `start` to `stop`.

    Args:
        listen: addresses, separated by commas: `unix:PATH` or `HOST:PORT`.
        readiness: what answers, once it is ready.
        max_request_bytes: greater requests are refused.
        max_searches: searches at once, waiting ones included.
        max_running_searches: those of them that run at once.
        cores: pictures that are decoded at once, to be shown.
        tls: for every TCP address; None is plaintext.
        authorizer: decides who may call what; None lets every caller do everything.
        meter: counts calls.
        threads: runs the server's own threads.
        call_log: logs calls that are refused or fail.

    Raises:
        ConfigError: an address cannot be, or other machines could reach it and nothing would ask who they are.
    """

    def __init__(
        self,
        listen: str,
        readiness: Readiness,
        *,
        max_request_bytes: int,
        max_searches: int = 64,
        max_running_searches: int = 16,
        cores: int = 1,
        tls: Tls | None = None,
        authorizer: Authorizer | None = None,
        meter: Meter | None = None,
        threads: Threads | None = None,
        call_log: CallLog | None = None,
    ) -> None:
        self._call_log = call_log or CallLog()
        self._authorizer = authorizer or Tokens()
        listening = addresses.parse_all(listen, unmet=_unmet(tls, self._authorizer))
        self._readiness = readiness
        self._threads = threads or Threads()
        self._lanes = lanes(max_searches=max_searches, max_running_searches=max_running_searches, cores=cores)
        self._held = FairSemaphore(REQUEST_BYTES)
        self._refusals = CallThreads(1, thread_name_prefix="rpc-refused")
        self._monitoring = Monitoring(meter or NoMeter(), self._call_log)
        searchable = readiness.is_searchable
        self._health = Health(
            {"": searchable, _SEARCH: searchable} | dict.fromkeys((_INDEX, _IMAGE, _INSIGHT), readiness.is_open)
        )
        self._overview = Overview(readiness)
        self._watch = StatusWatch(StatusFeed(self._overview.read))
        self._watches = Watches()
        self._stopping = threading.Event()
        self._socket_watcher: threading.Thread | None = None
        self._listeners = [
            Listener(
                address,
                tls=tls,
                make_gate=self._make_gate,
                make_guard=self._make_guard,
                register=self._register,
                max_request_bytes=max_request_bytes,
            )
            for address in listening
        ]

    def start(self) -> str:
        """Bind and answer; `status` works at once, the rest after `open`. Returns the addresses in force.

        Raises:
            NotNow: an address cannot be bound.
        """
        try:
            bound = ", ".join([listener.start() for listener in self._listeners])
        except BaseException:
            self.stop(0)
            raise
        log.info("listening on %s", bound)
        if not self._authorizer and any(listener.is_plaintext for listener in self._listeners):
            log.warning("every user of this machine may search and change the index over TCP; token_file changes that")
        self._socket_watcher = self._threads.start("rpc-sockets", self._watch_sockets, self._stopping)
        return bound

    def open(self, services: Services) -> None:
        """Answer everything."""
        self._readiness.open(services)
        self._health.changed()

    def answers(self, timeout_s: float) -> bool:
        """Whether a call to each of the addresses in force is answered within `timeout_s`: their servers turn, and the
        sockets are still their own."""
        return all(listener.answers(timeout_s) for listener in self._listeners)

    def stop(self, grace_s: float = 5.0) -> None:
        """Refuse new calls, let those under way finish for `grace_s` seconds, then end.

        Safe to call again, and on a server that never started.
        """
        self._stopping.set()
        self._health.close()
        for listener in self._listeners:
            listener.stop(grace_s)
        self._watch.close()
        self._watches.close()
        for listener in self._listeners:
            listener.close()
        self._readiness.close("stopping")
        self._refusals.shutdown(wait=True, cancel_futures=True)
        if self._socket_watcher is not None:
            self._socket_watcher.join()

    def _make_gate(self) -> Gate:
        return Gate(self._authorizer, self._lanes, self._held, self._threads)

    def _make_guard(self, gate: Gate, pool: CallThreads) -> Guard:
        return Guard(gate, pool, self._refusals, self._monitoring)

    def _register(self, server: grpc.Server) -> None:
        """Add the services to the server of an address."""
        search_service_pb2_grpc.add_SearchServiceServicer_to_server(  # type: ignore[no-untyped-call]
            SearchService(self._readiness, self._held, self._call_log), server
        )
        index_service_pb2_grpc.add_IndexServiceServicer_to_server(  # type: ignore[no-untyped-call]
            IndexService(self._readiness, self._overview, self._watch), server
        )
        image_service_pb2_grpc.add_ImageServiceServicer_to_server(  # type: ignore[no-untyped-call]
            ImageService(self._readiness), server
        )
        insight_service_pb2_grpc.add_InsightServiceServicer_to_server(  # type: ignore[no-untyped-call]
            InsightService(self._readiness, self._watches), server
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        reflection.enable_server_reflection(
            (_SEARCH, _INDEX, _IMAGE, _INSIGHT, _HEALTH, reflection.SERVICE_NAME), server
        )

    def _watch_sockets(self) -> None:
        said = ""
        while not self._stopping.wait(_LOOK_S):
            failures = [str(error) for error in map(_rebind_error, self._listeners) if error is not None]
            if failures and "; ".join(failures) != said:
                log.error("%s; it is tried again and again", "; ".join(failures))
            said = "; ".join(failures)


def _rebind_error(listener: Listener) -> ConfigError | None:
    """Why a listener that lost its socket could not make another one."""
    try:
        listener.rebind()
    except ConfigError as error:
        return error
    return None


def _unmet(tls: Tls | None, authorizer: Authorizer) -> str:
    """What is missing before other machines may reach the server."""
    if tls is None:
        return "nothing would be encrypted"
    return "" if authorizer or tls.asks_for_certificates else "nothing would ask them who they are"
