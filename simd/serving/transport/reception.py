"""Where calls are while their requests come, and how many bytes of requests there are.

gRPC tells of a call when its headers come. Who sends headers and no request would hold for nothing what others need:
so nothing is theirs until the request is there, it has seconds to come, and each caller may send a few at once. The
threads are those in which the calls are answered then.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

import grpc

from simd.cancelled import Cancelled
from simd.errors import Abandoned, Overloaded
from simd.memory import trim
from simd.serving.transport.callers import cancelled_of
from simd.serving.transport.lanes import Lane
from simd.serving.transport.shares import Shares
from simd.supervision import Threads

P = ParamSpec("P")
R = TypeVar("R")

_SENDING, _SENDING_EACH = 32, 4
"""So many requests come at once, and of one caller to one lane: each may have as many bytes as a request may have."""
_SLOT_WITHIN_S = 5.0
WAITING_BYTES = 64 << 20
"""So many bytes of requests are held by all calls together."""
_TRIM_AFTER = 32 << 20
"""When so many bytes of requests were let go, what they leave in the heaps goes back to the kernel."""
_LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class Request:
    """The bytes of a request, not parsed yet."""

    data: bytes


class Pool(ThreadPoolExecutor):
    """Threads for the calls of a listener. One that comes after `shutdown` is called off: an error would end the thread
    in which gRPC takes calls, and the server would never be done with stopping."""

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """As `ThreadPoolExecutor.submit`."""
        try:
            return super().submit(fn, *args, **kwargs)
        except RuntimeError:
            late: Future[R] = Future()
            late.cancel()
            return late


class Reception:
    """Of one listener. Every method may be called from any thread.

    Args:
        calls: so many it holds, half of them of one caller at most.
        waiting: bytes of requests, of all listeners together.
        threads: runs the thread that ends what takes too long.
        clock: seconds that only go forward.

    Attributes:
        pool: the threads of the calls.
    """

    def __init__(
        self, calls: int, waiting: Shares, threads: Threads, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.pool = Pool(calls, thread_name_prefix="rpc")
        self._waiting = waiting
        self._clock = clock
        self._calls = Shares(calls, (calls + 1) // 2)
        self._sending = Shares(_SENDING, _SENDING_EACH)
        self._lock = threading.Lock()
        self._due: dict[object, tuple[float, Callable[[], object]]] = {}
        self._let_go = 0
        self._closed = threading.Event()
        self._reaper = threads.start("rpc-reaper", self._reap, self._closed)

    @property
    def full(self) -> bool:
        """Whether another call would be one too many."""
        return self._calls.used >= self._calls.limit

    @contextmanager
    def call(self, who: str) -> Iterator[None]:
        """Meanwhile there is a call of this caller's.

        Raises:
            Overloaded: there are too many.
        """
        if not self._calls.try_take(who):
            raise refusal()
        try:
            yield
        finally:
            self._calls.give_back(who)

    @contextmanager
    def request(
        self, requests: Iterator[Request], context: grpc.ServicerContext, who: str, lane: Lane, *, held: bool
    ) -> Iterator[Request | None]:
        """Wait for the first request of a call; None if it has none.

        Args:
            requests: from gRPC, which raises its own error when the call ends meanwhile.
            context: the call's; it is cancelled when the request does not come.
            who: whose it is.
            lane: where it will go.
            held: whether its bytes are held as long as this lasts.

        Raises:
            Overloaded: others of the same caller's take too long.
            Abandoned: the caller left before there was room for it.
        """
        sender, cancelled, late = f"{who} {lane.name}", cancelled_of(context), Cancelled()
        with cancelled.calling(late.set), self._within(_SLOT_WITHIN_S, late.set):
            if not self._sending.take(sender, 1, late):
                raise refusal()
        try:
            with self._within(lane.within_s, context.cancel):
                request = next(requests, None)
            size = len(request.data) if request is not None and held else 0
            if not self._waiting.take(who, size, cancelled):
                raise Abandoned("nobody waits for the answer any more")
        finally:
            self._sending.give_back(sender)
        try:
            yield request
        finally:
            self._waiting.give_back(who, size)
            with self._lock:
                self._let_go += size

    @contextmanager
    def _within(self, seconds: float, end: Callable[[], object]) -> Iterator[None]:
        """Have `end` called when what is done meanwhile takes longer."""
        key = object()
        with self._lock:
            self._due[key] = self._clock() + seconds, end
        try:
            yield
        finally:
            with self._lock:
                del self._due[key]

    def close(self) -> None:
        """End the threads; calls that have not begun are called off."""
        self._closed.set()
        self.pool.shutdown(wait=True, cancel_futures=True)
        self._reaper.join()

    def _reap(self) -> None:
        while not self._closed.wait(_LOOK_S):
            now = self._clock()
            with self._lock:
                late = [end for due, end in self._due.values() if due <= now]
                let_go = self._let_go
                if let_go >= _TRIM_AFTER:
                    self._let_go = 0
            for end in late:
                end()
            if let_go >= _TRIM_AFTER:
                trim()


def refusal() -> Overloaded:
    """What a call is told that is one too many."""
    return Overloaded("the daemon already has many calls, or requests that do not come, of this caller")
