"""One address, with a gRPC server of its own: a caller who takes all the connections of one leaves the others free.

A unix socket whose file was removed, as by a program that cleans up, is made again.
"""

from __future__ import annotations

import logging
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import ParamSpec, TypeVar

import grpc

from simd.errors import NotNow
from simd.serving.transport import address as addresses
from simd.serving.transport.address import Address, TcpAddress, UnixAddress
from simd.serving.transport.gate import Gate
from simd.serving.transport.tls import Tls

log = logging.getLogger(__name__)

_CONNECTIONS = 512
_STREAMS = 1000
_REBIND_WITHIN_S = 1.0
_NO_METHOD = "/simd.v1/NoMethod"

P = ParamSpec("P")
R = TypeVar("R")


class CallThreads(ThreadPoolExecutor):
    """Threads for calls. A call that comes after `shutdown` is cancelled: an error would end the thread in which gRPC
    takes calls, and the server would never be done with stopping."""

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """As `ThreadPoolExecutor.submit`."""
        try:
            return super().submit(fn, *args, **kwargs)
        except RuntimeError:
            late: Future[R] = Future()
            late.cancel()
            return late


Interceptor = Callable[[Gate, CallThreads], grpc.ServerInterceptor]


class Listener:
    """Listens from `start` to `stop`.

    Args:
        address: where.
        tls: for a TCP address; None is plaintext.
        make_gate: makes the gate of its calls.
        make_guard: makes what passes every call through the gate.
        register: adds the services to a server.
        max_request_bytes: greater requests are refused.
    """

    def __init__(
        self,
        address: Address,
        *,
        tls: Tls | None,
        make_gate: Callable[[], Gate],
        make_guard: Interceptor,
        register: Callable[[grpc.Server], None],
        max_request_bytes: int,
    ) -> None:
        self.address = address
        self._tls = tls if isinstance(address, TcpAddress) else None
        self._make_gate = make_gate
        self._make_guard = make_guard
        self._register = register
        self._max_request_bytes = max_request_bytes
        self._lock = threading.Lock()
        self._bound = ExitStack()
        self._server: grpc.Server | None = None
        self._ended: threading.Event | None = None
        self._stopped = False
        self._gate: Gate | None = None
        self._pool: CallThreads | None = None
        self._socket: tuple[int, int] | None = None
        self._probed = ""

    @property
    def is_plaintext(self) -> bool:
        """Whether everybody who can listen in may read along, and anybody on this machine may connect."""
        return self._tls is None and isinstance(self.address, TcpAddress)

    def start(self) -> str:
        """Bind and answer. Returns the address in force.

        Raises:
            NotNow: the address cannot be bound.
        """
        with self._lock:
            return self._start()

    def _start(self) -> str:
        gate = self._make_gate()
        pool = CallThreads(gate.max_calls, thread_name_prefix="rpc")
        server = grpc.server(
            pool,
            interceptors=[self._make_guard(gate, pool)],
            options=[
                ("grpc.max_receive_message_length", self._max_request_bytes),
                ("grpc.max_concurrent_streams", _STREAMS),
                # Each is a file descriptor.
                ("grpc.max_allowed_incoming_connections", _CONNECTIONS),
                ("grpc.server_handshake_timeout_ms", 10_000),
                ("grpc.max_connection_idle_ms", 300_000),
                # How much of a request comes before it is read; not more because the network is fast.
                ("grpc.http2.lookahead_bytes", 1 << 20),
                ("grpc.http2.bdp_probe", 0),
                # A peer whose machine is gone must not hold a stream's thread for ever.
                ("grpc.keepalive_time_ms", 60_000),
                ("grpc.keepalive_timeout_ms", 20_000),
                # Two servers on one TCP port would each get some of the calls.
                ("grpc.so_reuseport", 0),
            ],
        )
        self._register(server)
        self._gate, self._pool = gate, pool
        try:
            bound = self._bind(server, self.address)
            self._probed = self._bind_private(server) if self._tls else addresses.parse(bound, unmet="").target
            server.start()
        except BaseException:
            server.stop(0)
            self._close()
            raise
        self._server, self._socket = server, self._socket_file()
        return bound

    def answers(self, timeout_s: float) -> bool:
        """Whether a call is answered.

        It is of no method there is, so it is refused before it needs a thread or a token: requests that keep all
        threads busy do not make the server dead.
        """
        with grpc.insecure_channel(self._probed, options=[("grpc.enable_http_proxy", 0)]) as channel:
            call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_NO_METHOD)
            try:
                call(b"", timeout=timeout_s)
            except grpc.RpcError as error:
                return error.code() is grpc.StatusCode.UNIMPLEMENTED
        return True

    def rebind(self) -> None:
        """Make the socket's file again if it is gone, or another one is in its place.

        Raises:
            ConfigError: it cannot be made.
        """
        with self._lock:
            if self._stopped or (self._server is not None and self._socket == self._socket_file()):
                return
            if self._server is not None:
                log.warning("the socket %s is gone, though nobody was to take it away; it is made again", self.address)
            # gRPC takes the file of that name away when it ends, so it must end before there is another.
            self._stop(_REBIND_WITHIN_S)
            self._close()
            self._start()

    def stop(self, grace_s: float) -> None:
        """Refuse new calls from now on; those under way may go on for `grace_s` seconds. gRPC takes its socket away."""
        with self._lock:
            self._stopped = True
            self._stop(grace_s)

    def close(self) -> None:
        """Return when all calls have ended, after `stop`."""
        with self._lock:
            self._close()

    def _stop(self, grace_s: float) -> None:
        if self._server is not None:
            self._ended = self._server.stop(grace_s)

    def _close(self) -> None:
        if self._ended is not None:
            self._ended.wait()
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        if self._gate is not None:
            self._gate.close()
        self._server = self._gate = self._pool = self._ended = None
        self._bound.close()

    def _bind(self, server: grpc.Server, address: Address) -> str:
        """Bind an address; returns it as it is in force."""
        if isinstance(address, UnixAddress):
            addresses.prepare_socket(address)
        with _private_umask():
            try:
                if self._tls is not None and isinstance(address, TcpAddress):
                    port = server.add_secure_port(address.target, self._tls.credentials())
                else:
                    port = server.add_insecure_port(address.target)
            except RuntimeError as error:
                raise NotNow(f"cannot listen on {address}: {error}", field="listen") from error
        return str(TcpAddress(address.host, port) if isinstance(address, TcpAddress) else address)

    def _bind_private(self, server: grpc.Server) -> str:
        """A socket that no other user can reach, for `answers`: it has no certificate to show itself."""
        directory = self._bound.enter_context(tempfile.TemporaryDirectory(prefix="simd-"))
        private = UnixAddress(Path(directory) / "probe")
        self._bind(server, private)
        return private.target

    def _socket_file(self) -> tuple[int, int] | None:
        """Which file the socket is, by device and inode; None if there is none."""
        if not isinstance(self.address, UnixAddress):
            return None
        try:
            info = self.address.path.lstat()
        except OSError:
            return None
        return info.st_dev, info.st_ino


@contextmanager
def _private_umask() -> Iterator[None]:
    """Sockets made meanwhile have mode 0600: gRPC has no option for it."""
    before = os.umask(0o177)
    try:
        yield
    finally:
        os.umask(before)
