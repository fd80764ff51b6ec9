"""Decides which calls are let in and when each may run. No gRPC here: a transport says what it knows of a call.

    headers -> admit -> request comes -> receive -> turn -> the method runs

* `admit` knows the headers alone: who calls, and whether there is room. It takes no time, and refuses a call before its
  request is read.
* `receive` waits for the request. A caller who sends headers and no request must not hold what others need, so a call
  has nothing but its thread until the request is there. It has seconds to come, each caller may send a few at once, and
  the bytes of all requests are bounded.
* `turn` waits until the call may run, in its lane (`lanes.py`).

Whatever is refused is a `SimdError`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from simd.cancelled import Cancelled
from simd.errors import Abandoned, Overloaded
from simd.memory import trim
from simd.serving.transport.auth import Authorizer, Metadata
from simd.serving.transport.callers import caller_of
from simd.serving.transport.fairsemaphore import FairSemaphore
from simd.serving.transport.lanes import Lane, LaneName
from simd.serving.transport.rules import rule_of
from simd.supervision import Threads

_RECEIVED_AT_ONCE, _RECEIVED_OF_ONE = 32, 4
"""Requests that come at once, and those of one caller to one lane: each may be as large as a request may be."""
_SLOT_WITHIN_S = 5.0
REQUEST_BYTES = 64 << 20
"""Bytes of requests that all calls together may hold."""
_TRIM_AFTER = 32 << 20
"""Released bytes of requests after which the free memory that they left in the heaps goes back to the kernel."""
_LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class RawRequest:
    """The bytes of a request, not parsed yet."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """A call that was admitted.

    Args:
        lane: where it runs.
        caller: whose it is, as far as shares are concerned: a host together with a token.
        cancelled: whether the caller has left, or the deadline is over.
    """

    lane: Lane
    caller: str
    cancelled: Cancelled


@dataclass(frozen=True, slots=True)
class Ticket:
    """What `admit` gives: the lane, and the name of the caller's token, "" where none is asked for."""

    lane: Lane
    token: str

    def call(self, peer: str, cancelled: Cancelled) -> Call:
        """The call, once it is known who is at the other end; `peer` as `caller_of` takes it."""
        return Call(self.lane, f"{caller_of(peer)} {self.token}", cancelled)


class Gate:
    """Of one listener. Every method may be called from any thread.

    Args:
        authorizer: decides who may call what.
        lanes: where calls run; of all listeners together.
        held: bytes of requests; of all listeners together.
        threads: runs the thread that ends what takes too long.
        clock: seconds that only go forward.

    Attributes:
        max_calls: calls it holds, those whose request has not come included; half of them of one caller.
    """

    def __init__(
        self,
        authorizer: Authorizer,
        lanes: Mapping[LaneName, Lane],
        held: FairSemaphore,
        threads: Threads,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.max_calls = 2 * sum(lane.max_calls for lane in lanes.values())
        self._authorizer = authorizer
        self._lanes = lanes
        self._held = held
        self._clock = clock
        self._calls = FairSemaphore(self.max_calls, self.max_calls // 2)
        self._receiving = FairSemaphore(_RECEIVED_AT_ONCE, _RECEIVED_OF_ONE)
        self._lock = threading.Lock()
        self._deadlines: dict[object, tuple[float, Callable[[], object]]] = {}
        self._released = 0
        self._closed = threading.Event()
        self._reaper = threads.start("rpc-reaper", self._reap, self._closed)

    def admit(self, method: str, metadata: Metadata) -> Ticket | None:
        """Let a call in, by its headers.

        Args:
            method: its full name, `/package.Service/Method`.
            metadata: its headers.

        Returns:
            None: a stranger's call, of what anyone may do. It needs no room, as its request is not to be read.

        Raises:
            Unauthenticated: there is no token, or it is not known.
            PermissionDenied: the token's role is less than what the call needs.
            Overloaded: there is no room for another call.
        """
        rule = rule_of(method)
        token = self._authorizer.authorize(rule.role, metadata)
        if token is None:
            return None
        lane = self._lanes[rule.lane]
        if lane.full:
            raise lane.overloaded()
        if self._calls.used >= self.max_calls:
            raise _overloaded()
        return Ticket(lane, token)

    @contextmanager
    def receive(
        self, call: Call, requests: Iterator[RawRequest], abort: Callable[[], object], *, held: bool
    ) -> Iterator[RawRequest | None]:
        """Wait for the first request of a call, None if it has none; meanwhile the call is one of its caller's.

        Args:
            call: it was admitted.
            requests: from the transport; waiting for the first one ends when the call is aborted.
            abort: called, in another thread, when the request does not come in time.
            held: whether its bytes are held as long as this lasts.

        Raises:
            Overloaded: the caller has too many calls, or too many whose requests do not come.
            Abandoned: the caller left before there was room for the request.
        """
        if not self._calls.try_acquire(call.caller):
            raise _overloaded()
        try:
            # Until there is room for the bytes as well: what waits for it is in memory.
            with self._slot(call):
                with self._deadline(call.lane.within_s, abort):
                    first = [next(requests, None)]
                size = len(first[0].data) if first[0] is not None and held else 0
                if not self._held.acquire(call.caller, size, call.cancelled):
                    raise Abandoned("nobody waits for the answer any more")
            try:
                # Not kept here: once it is parsed there would be two of it.
                yield first.pop()
            finally:
                self._held.release(call.caller, size)
                with self._lock:
                    self._released += size
        finally:
            self._calls.release(call.caller)

    def turn(self, call: Call) -> AbstractContextManager[None]:
        """Wait until the call may run; meanwhile it does.

        Raises:
            Overloaded: its lane has no room for another call of this caller's.
            Abandoned: the caller left before it was the call's turn.
        """
        return call.lane.turn(call.caller, call.cancelled)

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        self._reaper.join()

    @contextmanager
    def _slot(self, call: Call) -> Iterator[None]:
        """Meanwhile the call is one of those whose requests come."""
        sender, late = f"{call.caller} {call.lane.name}", Cancelled()
        with call.cancelled.calling(late.set), self._deadline(_SLOT_WITHIN_S, late.set):
            if not self._receiving.acquire(sender, 1, late):
                raise _overloaded()
        try:
            yield
        finally:
            self._receiving.release(sender)

    @contextmanager
    def _deadline(self, seconds: float, expired: Callable[[], object]) -> Iterator[None]:
        """Have `expired` called if the block takes longer."""
        key = object()
        with self._lock:
            self._deadlines[key] = self._clock() + seconds, expired
        try:
            yield
        finally:
            with self._lock:
                del self._deadlines[key]

    def _reap(self) -> None:
        while not self._closed.wait(_LOOK_S):
            now = self._clock()
            with self._lock:
                late = [expired for due, expired in self._deadlines.values() if due <= now]
                released = self._released
                if released >= _TRIM_AFTER:
                    self._released = 0
            for expired in late:
                expired()
            if released >= _TRIM_AFTER:
                trim()


def _overloaded() -> Overloaded:
    return Overloaded("the daemon already has many calls, or requests that do not come, of this caller")
