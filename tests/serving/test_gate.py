"""The gate: which calls are let in, and when each may run. No transport here: headers are a mapping, requests come
through a queue, and a caller who leaves sets a flag."""

from __future__ import annotations

import queue
import threading
import weakref
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from simd.cancelled import Cancelled
from simd.errors import Abandoned, Overloaded, PermissionDenied, SimdError, Unauthenticated
from simd.serving.transport.auth import Tokens
from simd.serving.transport.fairsemaphore import FairSemaphore
from simd.serving.transport.gate import Call, Gate, RawRequest
from simd.serving.transport.lanes import LaneName, lanes
from simd.supervision import Threads
from tests.serving.waiting import until

ADMIN, READER = "a" * 32, "r" * 32
SEARCH, STATUS, ADD = "/simd.v1.SearchService/Search", "/simd.v1.IndexService/Status", "/simd.v1.IndexService/Add"
CHECK, FORGOTTEN = "/grpc.health.v1.Health/Check", "/simd.v1.IndexService/Forgotten"
SEARCHES = 8
HELD_BYTES = 100


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Caller:
    """One who calls, and sends a request later or never."""

    def __init__(self, host: str = "192.0.2.1") -> None:
        self.peer = f"ipv4:{host}:1"
        self.cancelled = Cancelled()
        self.aborted = threading.Event()
        self._inbox: queue.SimpleQueue[RawRequest | None] = queue.SimpleQueue()

    def send(self, data: bytes) -> Caller:
        self._inbox.put(RawRequest(data))
        return self

    def leave(self) -> None:
        self.cancelled.set()
        self._inbox.put(None)

    def abort(self) -> None:
        self.aborted.set()
        self.leave()

    def requests(self) -> Iterator[RawRequest]:
        while (request := self._inbox.get(timeout=10)) is not None:
            yield request

    def call(self, gate: Gate, method: str = SEARCH) -> Call:
        ticket = gate.admit(method, {})
        assert ticket is not None
        return ticket.call(self.peer, self.cancelled)

    def first(self, gate: Gate, method: str = SEARCH) -> RawRequest | None:
        with gate.receive(self.call(gate, method), self.requests(), self.abort, held=True) as request:
            return request


@pytest.fixture
def clock() -> Clock:
    return Clock()


def make(clock: Clock, tokens: Tokens) -> Gate:
    room = lanes(max_searches=SEARCHES, max_running_searches=2)
    return Gate(tokens, room, FairSemaphore(HELD_BYTES), Threads(), clock)


@pytest.fixture
def gate(clock: Clock) -> Iterator[Gate]:
    gate = make(clock, Tokens())
    yield gate
    gate.close()


@pytest.fixture
def guarded(clock: Clock) -> Iterator[Gate]:
    gate = make(clock, Tokens([ADMIN], [READER]))
    yield gate
    gate.close()


@pytest.fixture
def pool(gate: Gate) -> Iterator[ThreadPoolExecutor]:
    pool = ThreadPoolExecutor(gate.max_calls)
    yield pool
    pool.shutdown(wait=True, cancel_futures=True)


def bearer(token: str) -> Mapping[str, str]:
    return {"user-agent": "test", "authorization": f"Bearer {token}"}


@pytest.mark.parametrize(
    ("method", "token", "lane"),
    [
        (SEARCH, READER, LaneName.SEARCH),
        (STATUS, READER, LaneName.LOOK),
        (ADD, ADMIN, LaneName.CHANGE),
        (CHECK, READER, LaneName.HEALTH),
        (FORGOTTEN, ADMIN, LaneName.STREAM),
    ],
)
def test_a_call_that_its_token_allows_has_its_lane(guarded: Gate, method: str, token: str, lane: LaneName) -> None:
    ticket = guarded.admit(method, bearer(token))
    assert ticket is not None and ticket.lane.name == lane


@pytest.mark.parametrize(
    ("method", "headers", "error"),
    [
        (SEARCH, {}, Unauthenticated),
        (SEARCH, bearer("x" * 32), Unauthenticated),
        (ADD, bearer(READER), PermissionDenied),
        (FORGOTTEN, bearer(READER), PermissionDenied),
    ],
)
def test_a_call_that_is_not_allowed_is_refused_by_its_headers(
    guarded: Gate, method: str, headers: Mapping[str, str], error: type[SimdError]
) -> None:
    with pytest.raises(error):
        guarded.admit(method, headers)


def test_a_stranger_gets_no_ticket_and_may_have_what_anyone_may(guarded: Gate) -> None:
    assert guarded.admit(CHECK, {}) is None


def test_without_tokens_everybody_may_do_everything(gate: Gate) -> None:
    assert gate.admit(ADD, {}) is not None


def test_a_caller_is_a_host_together_with_a_token_whatever_the_port(guarded: Gate) -> None:
    def caller(token: str, port: int) -> str:
        ticket = guarded.admit(SEARCH, bearer(token))
        assert ticket is not None
        return ticket.call(f"ipv4:192.0.2.1:{port}", Cancelled()).caller

    assert caller(READER, 1) == caller(READER, 2) != caller(ADMIN, 1)


def test_a_full_lane_refuses_by_the_headers_and_the_others_go_on(gate: Gate) -> None:
    def run(call: Call) -> None:
        with gate.turn(call):
            hold.wait(10)

    hold = threading.Event()
    calls = [Caller(f"192.0.2.{number}").call(gate) for number in range(SEARCHES)]
    with ThreadPoolExecutor(SEARCHES) as threads:
        running = [threads.submit(run, call) for call in calls]
        until(lambda: calls[0].lane.full, "all to be there")
        with pytest.raises(Overloaded, match=f"{SEARCHES} calls of the kind `search`"):
            gate.admit(SEARCH, {})
        assert gate.admit(STATUS, {}) is not None
        hold.set()
        for one in running:
            one.result(10)
    assert gate.admit(SEARCH, {}) is not None


def test_a_caller_has_half_of_all_calls_and_those_that_are_too_many_are_refused_by_the_headers(gate: Gate) -> None:
    def here(host: str) -> None:
        caller = Caller(host).send(b"")
        stack.enter_context(gate.receive(caller.call(gate), caller.requests(), caller.abort, held=True))

    with ExitStack() as stack:
        for _ in range(gate.max_calls // 2):
            here("192.0.2.1")
        with pytest.raises(Overloaded):
            here("192.0.2.1")
        for _ in range(gate.max_calls // 2):
            here("192.0.2.2")
        with pytest.raises(Overloaded):
            gate.admit(STATUS, {})
    assert gate.admit(STATUS, {}) is not None


def test_a_request_that_does_not_come_in_time_ends_its_call_and_no_other(
    gate: Gate, clock: Clock, pool: ThreadPoolExecutor
) -> None:
    late, patient = Caller(), Caller()
    calls = [pool.submit(late.first, gate, STATUS), pool.submit(patient.first, gate, SEARCH)]
    clock.now = 9.0
    assert not late.aborted.wait(1.2)
    clock.now = 11.0
    assert late.aborted.wait(10) and calls[0].result(10) is None
    patient.send(b"here")
    assert calls[1].result(10) == RawRequest(b"here") and not patient.aborted.is_set()


def test_a_caller_sends_a_few_requests_at_once_and_the_next_is_refused_when_they_take_long(
    gate: Gate, clock: Clock, pool: ThreadPoolExecutor
) -> None:
    silent = [Caller("192.0.2.1") for _ in range(5)]
    calls = [pool.submit(one.first, gate) for one in silent]
    assert Caller("192.0.2.2").send(b"mine").first(gate) == RawRequest(b"mine")
    until(lambda: all(call.running() for call in calls), "all to wait")
    clock.now = 6.0
    until(lambda: any(call.done() for call in calls), "the fifth to be refused")
    [refused] = [call for call in calls if call.done()]
    assert isinstance(refused.exception(10), Overloaded)
    for one in silent:
        one.leave()


def test_bytes_of_requests_are_bounded_over_all_callers(gate: Gate, pool: ThreadPoolExecutor) -> None:
    large, other, gone = (Caller(f"192.0.2.{number}") for number in range(3))
    large.send(bytes(80))
    with gate.receive(large.call(gate), large.requests(), large.abort, held=True):
        waits = pool.submit(other.send(bytes(30)).first, gate)
        leaves = pool.submit(gone.send(bytes(30)).first, gate)
        until(lambda: waits.running() and leaves.running(), "both to wait")
        gone.leave()
        assert isinstance(leaves.exception(10), Abandoned) and not waits.done()
    assert waits.result(10) == RawRequest(bytes(30))


class Traced(RawRequest):
    """A request that can be referred to weakly."""


@pytest.mark.parametrize("held", [True, False])
def test_a_request_is_not_kept_beside_what_was_parsed_of_it(gate: Gate, held: bool) -> None:
    sent = [Traced(b"large")]
    request = weakref.ref(sent[0])
    call = Caller().call(gate)
    with gate.receive(call, (sent.pop() for _ in range(1)), call.cancelled.set, held=held) as first:
        assert first is not None
        del first
        assert request() is None
