"""The gRPC server: binds the address, carries the services, drains.

It is synchronous, on bounded pools: searches are native calls that release the interpreter, and would block an event
loop. Every call passes the guard (`guard.py`): it is refused when its token does not allow it, or its lane is full.

What other machines can reach needs TLS and callers who say who they are; without both the server does not start.

The daemon holds its state directory's lock before it binds: gRPC would let a second server take over a socket in use.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from simd.errors import NotNow
from simd.serving import address as addresses
from simd.serving.address import Address, TcpAddress, UnixAddress
from simd.serving.auth import Admission, Tokens
from simd.serving.door import Door
from simd.serving.guard import Guard
from simd.serving.health import Health
from simd.serving.index_service import IndexService
from simd.serving.lanes import Lane, lanes
from simd.serving.meter import Meter, NoMeter
from simd.serving.overview import Overview
from simd.serving.readiness import Readiness, Services
from simd.serving.search_service import SearchService
from simd.serving.status_watch import StatusFeed, StatusWatch
from simd.serving.tls import Tls
from simd.v1 import index_service_pb2, index_service_pb2_grpc, search_service_pb2, search_service_pb2_grpc

log = logging.getLogger(__name__)

_NO_METHOD = "/simd.v1/NoMethod"

_SEARCH = search_service_pb2.DESCRIPTOR.services_by_name["SearchService"].full_name
_INDEX = index_service_pb2.DESCRIPTOR.services_by_name["IndexService"].full_name
_HEALTH = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name


class Server:
    """Serves from `start` to `stop`.

    Args:
        listen: addresses, separated by commas: `unix:PATH` or `HOST:PORT`.
        readiness: what answers, once it is ready.
        max_request_bytes: greater requests are refused.
        max_concurrent: so many searches at once, waiting ones included.
        threads: so many searches are worked on at once.
        tls: for every TCP address; None is plaintext.
        admission: decides who may call what; None is everybody everything.
        meter: counts calls.
        door: tells the log who gets nothing.

    Raises:
        ConfigError: an address cannot be, or other machines could reach it and nobody would ask who they are.
    """

    def __init__(
        self,
        listen: str,
        readiness: Readiness,
        *,
        max_request_bytes: int,
        max_concurrent: int = 64,
        threads: int = 16,
        tls: Tls | None = None,
        admission: Admission | None = None,
        meter: Meter | None = None,
        door: Door | None = None,
    ) -> None:
        door = door or Door()
        self._admission = admission or Tokens()
        self._tls = tls
        self._listen = addresses.parse_all(listen, unmet=_unmet(tls, self._admission))
        self._readiness = readiness
        self._probed = ""
        self._bound = ExitStack()
        self._lanes = lanes(searches=max_concurrent, search_threads=threads)
        self._refusals = Lane("refused", threads=1, limit=1)
        searchable = readiness.is_searchable
        self._health = Health({"": searchable, _SEARCH: searchable, _INDEX: readiness.is_open})
        self._server = grpc.server(
            self._refusals,
            interceptors=[Guard(self._admission, self._lanes, self._refusals, meter or NoMeter(), door)],
            options=[
                ("grpc.max_receive_message_length", max_request_bytes),
                # A peer whose machine is gone must not hold a stream's thread for ever.
                ("grpc.keepalive_time_ms", 60_000),
                ("grpc.keepalive_timeout_ms", 20_000),
                # Two servers on one TCP port would each get some of the calls.
                ("grpc.so_reuseport", 0),
            ],
        )
        search_service_pb2_grpc.add_SearchServiceServicer_to_server(  # type: ignore[no-untyped-call]
            SearchService(readiness, door), self._server
        )
        overview = Overview(readiness)
        self._watch = StatusWatch(StatusFeed(overview.read))
        index_service_pb2_grpc.add_IndexServiceServicer_to_server(  # type: ignore[no-untyped-call]
            IndexService(readiness, overview, self._watch), self._server
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection((_SEARCH, _INDEX, _HEALTH, reflection.SERVICE_NAME), self._server)

    def start(self) -> str:
        """Bind and answer; `status` works at once, the rest after `open`. Returns the addresses in force.

        Raises:
            NotNow: an address cannot be bound.
        """
        targets = [self._bind(address) for address in self._listen]
        plain = [t for t, a in zip(targets, self._listen, strict=True) if not self._is_encrypted(a)]
        self._probed = plain[0] if plain else self._bind_private()
        self._server.start()
        bound = ", ".join(targets)
        log.info("listening on %s", bound)
        if not self._admission and any(isinstance(a, TcpAddress) and not self._is_encrypted(a) for a in self._listen):
            log.warning("every user of this machine may search and change the index over TCP; token_file changes that")
        return bound

    def _is_encrypted(self, address: Address) -> bool:
        return self._tls is not None and isinstance(address, TcpAddress)

    def _bind(self, address: Address) -> str:
        """Bind an address; returns it as it is in force."""
        if isinstance(address, UnixAddress):
            addresses.prepare_socket(address)
        with _private_umask():
            try:
                if self._tls is not None and isinstance(address, TcpAddress):
                    port = self._server.add_secure_port(address.target, self._tls.credentials())
                else:
                    port = self._server.add_insecure_port(address.target)
            except RuntimeError as error:
                raise NotNow(f"cannot listen on {address.target}: {error}", field="listen") from error
        return TcpAddress(address.host, port).target if isinstance(address, TcpAddress) else address.target

    def _bind_private(self) -> str:
        """A socket that nobody else can reach, for `answers`: it has no certificate to show itself."""
        directory = self._bound.enter_context(tempfile.TemporaryDirectory(prefix="simd-"))
        return self._bind(addresses.parse(f"unix:{directory}/probe", unmet=""))

    def open(self, services: Services) -> None:
        """Answer everything."""
        self._readiness.open(services)
        self._health.changed()

    def answers(self, timeout_s: float) -> bool:
        """Whether a call to the address in force is answered: the server turns, and the socket is still its own.

        The call is of no method there is, so it is refused before it needs a thread or a token: requests that keep all
        threads busy do not make the server dead.
        """
        with grpc.insecure_channel(self._probed, options=[("grpc.enable_http_proxy", 0)]) as channel:
            call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_NO_METHOD)
            try:
                call(b"", timeout=timeout_s)
            except grpc.RpcError as error:
                return error.code() is grpc.StatusCode.UNIMPLEMENTED
        return True

    def stop(self, grace_s: float = 5.0) -> None:
        """Refuse new calls, let those under way finish for `grace_s` seconds, then end; gRPC takes its socket away.

        Safe to call again, and on a server that never started.
        """
        self._health.close()
        ended = self._server.stop(grace_s)
        self._watch.close()
        ended.wait()
        self._readiness.close("stopping")
        for pool in (*self._lanes.values(), self._refusals):
            pool.shutdown(wait=True, cancel_futures=True)
        self._bound.close()

    def wait(self, timeout_s: float | None = None) -> None:
        """Return when the server has ended, or after `timeout_s`."""
        self._server.wait_for_termination(timeout_s)


def _unmet(tls: Tls | None, admission: Admission) -> str:
    """What is missing before other machines may reach the server."""
    if tls is None:
        return "nothing would be encrypted"
    return "" if admission or tls.asks_for_certificates else "nothing would ask them who they are"


@contextmanager
def _private_umask() -> Iterator[None]:
    """Sockets made meanwhile have mode 0600: gRPC has no option for it."""
    before = os.umask(0o177)
    try:
        yield
    finally:
        os.umask(before)
