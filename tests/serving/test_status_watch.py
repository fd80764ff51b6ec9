"""WatchStatus on a real socket: who watches is told of every change, costs little and is never in the way."""

from __future__ import annotations

import dataclasses
import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from simd.serving.admin.overview import DaemonStatus
from simd.serving.admin.status_feed import INTERVAL_S, Reading, StatusFeed
from simd.serving.admin.status_watch import MAX_WATCHERS, StatusWatch
from simd.types import PauseState
from simd.v1 import index_service_pb2, index_service_pb2_grpc
from tests.serving.doubles import DAMAGE, Bench, serving
from tests.serving.waiting import until

DEADLINE_S = 30.0


@pytest.fixture
def bench() -> Iterator[Bench]:
    with serving() as bench:
        yield bench


@pytest.fixture
def stub(bench: Bench) -> Iterator[Any]:
    with grpc.insecure_channel(bench.listen) as channel:
        yield index_service_pb2_grpc.IndexServiceStub(channel)  # type: ignore[no-untyped-call]


def watch(stub: Any, timeout: float = DEADLINE_S, **request: Any) -> Any:
    return stub.WatchStatus(index_service_pb2.WatchStatusRequest(**request), timeout=timeout)


def failure(call: Callable[[], object]) -> Any:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value


def test_the_first_reading_comes_at_once_and_then_every_change(bench: Bench, stub: Any) -> None:
    readings = watch(stub)
    first = next(readings).status
    assert first.ready and not first.paused and first.pending == 0
    bench.ingest.pending = [5]
    assert next(readings).status.pending == 5
    bench.ingest.pause(None)
    assert next(readings).status.paused
    readings.cancel()


def test_who_watches_what_does_not_change_is_told_nothing(bench: Bench, stub: Any) -> None:
    bench.ingest.pending = [0, 0, 0, 0, 5]
    readings = watch(stub)
    assert [next(readings).status.pending for _ in range(2)] == [0, 5]
    readings.cancel()


def state(number: int = 0, uptime_s: float = 0.0) -> DaemonStatus:
    """One state of a daemon; another one for every number."""
    return DaemonStatus(ready=True, detail=str(number), version="1", uptime_s=uptime_s)


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_reading_that_is_there_too_early_is_kept_until_its_time() -> None:
    clock, states = Clock(), itertools.count()
    asked: list[float] = []

    def wanted() -> bool:
        asked.append(clock.now)
        return True

    feed = StatusFeed(lambda: state(next(states)), 0.0, clock)
    first = feed.next(None, clock.now, wanted)
    with ThreadPoolExecutor(1) as watchers:
        second = watchers.submit(feed.next, first, clock.now + 20.0, wanted)

        def looked() -> bool:
            """Whether it compared its time with this one: it asks before and after that whether it is wanted."""
            feed.wake()
            return asked.count(clock.now) > 2 or second.done()

        for clock.now in (1001.0, 1019.0):
            until(looked, "it to look at the clock")
            assert not second.done()
        clock.now = 1020.0
        until(looked, "it to look at the clock")
        reading = second.result(10)
    assert reading is not None and reading.status != first.status  # type: ignore[union-attr]


class Feed(StatusFeed):
    """Every reading is another one, and there at once; writes down before when it was not to come."""

    def __init__(self) -> None:
        super().__init__(state)
        self.not_before: list[float] = []

    def next(self, after: Reading | None, not_before: float, wanted: Callable[[], bool]) -> Reading | None:
        self.not_before.append(not_before)
        return Reading(len(self.not_before), state())


class Caller:
    """Stays."""

    def is_active(self) -> bool:
        return True

    def add_callback(self, call: Callable[[], None]) -> None:
        pass


@pytest.mark.parametrize(
    ("asked", "expected"), [(Duration(seconds=20), 20.0), (Duration(nanos=1), INTERVAL_S), (None, INTERVAL_S)]
)
def test_the_readings_come_no_faster_than_asked_for_and_than_they_are_taken(
    asked: Duration | None, expected: float
) -> None:
    clock, feed = Clock(), Feed()
    watching = StatusWatch(feed, clock=clock)
    caller: Any = Caller()
    request = index_service_pb2.WatchStatusRequest(min_interval=asked)
    for _ in itertools.islice(watching(request, caller), 2):
        clock.now += 100.0
    watching.close()
    assert feed.not_before == [float("-inf"), 1000.0 + expected]


@pytest.mark.parametrize(
    "interval",
    [Duration(seconds=-1), Duration(nanos=-1), Duration(seconds=86401), Duration(seconds=2**63 - 1, nanos=2**31 - 1)],
)
def test_an_interval_that_cannot_be_is_refused_with_the_field(stub: Any, interval: Duration) -> None:
    error = failure(lambda: next(watch(stub, min_interval=interval)))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT and "min_interval" in error.details()


def test_all_who_can_watch_leave_room_for_requests_and_one_more_is_refused(bench: Bench, stub: Any) -> None:
    # Who leaves is noticed at once, and not when the next reading is due.
    streams = [watch(stub, min_interval=Duration(seconds=86400)) for _ in range(MAX_WATCHERS)]
    for stream in streams:
        assert next(stream).status.ready
    with ThreadPoolExecutor(4) as callers:
        answers = [callers.submit(stub.Status, index_service_pb2.StatusRequest(), timeout=10) for _ in range(40)]
        assert all(answer.result().ready for answer in answers)
    error = failure(lambda: next(watch(stub)))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and str(MAX_WATCHERS) in error.details()
    for stream in streams:
        stream.cancel()

    def is_let_in() -> bool:
        try:
            return bool(next(watch(stub)).status.ready)
        except grpc.RpcError:
            return False

    until(is_let_in, "those who left to be forgotten")


def test_one_who_does_not_read_is_in_nobodys_way(bench: Bench, stub: Any) -> None:
    # gRPC takes some megabytes for one who does not read; from then on its stream stands.
    bench.ingest.roots_ = [dataclasses.replace(bench.ingest.roots_[0], detail="x" * (3 << 20))]
    with grpc.insecure_channel(bench.listen, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        silent = watch(index_service_pb2_grpc.IndexServiceStub(channel))  # type: ignore[no-untyped-call]
        silent.initial_metadata()
        readings = watch(stub)
        for pending in range(10, 16):
            bench.ingest.pending = [pending]
            while next(readings).status.pending != pending:
                pass
        readings.cancel()
        silent.cancel()


def test_a_daemon_that_is_not_ready_can_be_watched_until_it_is() -> None:
    with serving(ready=False) as bench, grpc.insecure_channel(bench.listen) as channel:
        bench.readiness.doing("loading the model")
        readings = watch(index_service_pb2_grpc.IndexServiceStub(channel))  # type: ignore[no-untyped-call]
        first = next(readings).status
        assert (first.ready, first.detail) == (False, "loading the model")
        bench.server.open(bench.services)
        assert next(readings).status.ready


def test_a_daemon_that_stops_says_so_and_is_not_held_up(bench: Bench, stub: Any) -> None:
    readings = watch(stub)
    next(readings)
    bench.server.stop(grace_s=60.0)
    error = failure(lambda: list(readings))
    assert error.code() is grpc.StatusCode.UNAVAILABLE and "stopping" in error.details()


@pytest.mark.parametrize("what", ["index", "catalogue"])
def test_who_watches_is_told_of_damage_and_that_it_is_over_in_one_stream(bench: Bench, stub: Any, what: str) -> None:
    readings = watch(stub)
    assert next(readings).status.ready
    getattr(bench, what).damage = DAMAGE
    damaged = next(readings).status
    assert not damaged.ready and what in damaged.problems[0]
    getattr(bench, what).damage = None
    assert next(readings).status.ready
    readings.cancel()


def test_a_bug_in_a_reading_ends_no_stream_and_its_text_is_logged_and_not_sent(
    bench: Bench, stub: Any, caplog: pytest.LogCaptureFixture
) -> None:
    readings = watch(stub)
    assert not next(readings).status.problems
    bench.ingest.pending = []
    [problem] = next(readings).status.problems
    assert "IndexError" in caplog.text and "IndexError" not in problem
    bench.ingest.pending = [4]
    status = next(readings).status
    assert status.pending == 4 and not status.problems
    readings.cancel()


def test_however_many_watch_the_status_is_read_once() -> None:
    count = 0

    def read() -> DaemonStatus:
        nonlocal count
        count += 1
        return state(uptime_s=count)

    feed = StatusFeed(read, interval_s=60.0)
    with ThreadPoolExecutor(16) as watchers:
        readings = [watchers.submit(feed.next, None, 0.0, lambda: True) for _ in range(200)]
        found = [reading.result(timeout=DEADLINE_S) for reading in readings]
    assert all(reading == found[0] for reading in found)
    assert count == 1


def test_pause_and_resume_reach_indexing(bench: Bench, stub: Any) -> None:
    response = stub.Pause(index_service_pb2.PauseRequest(), timeout=DEADLINE_S)
    assert not response.HasField("until_time")
    status = stub.Status(index_service_pb2.StatusRequest(), timeout=DEADLINE_S)
    assert status.paused and not status.HasField("paused_until_time")
    response = stub.Pause(index_service_pb2.PauseRequest(duration=Duration(seconds=90)), timeout=DEADLINE_S)
    assert response.until_time.seconds == 1_700_000_090
    status = stub.Status(index_service_pb2.StatusRequest(), timeout=DEADLINE_S)
    assert status.paused_until_time.seconds == 1_700_000_090
    assert bench.ingest.calls == [("pause", None), ("pause", 90.0)]
    assert stub.Resume(index_service_pb2.ResumeRequest(), timeout=DEADLINE_S).was_paused
    assert not stub.Resume(index_service_pb2.ResumeRequest(), timeout=DEADLINE_S).was_paused
    assert bench.ingest.paused == PauseState()


@pytest.mark.parametrize("seconds", [0, -5, 400 * 86400])
def test_a_pause_for_no_time_or_for_years_is_refused_with_the_field(bench: Bench, stub: Any, seconds: int) -> None:
    request = index_service_pb2.PauseRequest(duration=Duration(seconds=seconds))
    error = failure(lambda: stub.Pause(request, timeout=DEADLINE_S))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT and "duration" in error.details()
    assert bench.ingest.calls == []


def test_f14_status_tells_done_left_rate_and_eta(bench: Bench, stub: Any) -> None:
    bench.ingest.pending, bench.ingest.decided = [25], 75
    status = stub.Status(index_service_pb2.StatusRequest(), timeout=DEADLINE_S)
    assert (status.pending, status.files_decided, status.images_per_s, status.eta_s) == (25, 75, 12.5, 2.0)


def test_who_leaves_does_not_wait_for_a_reading_under_way() -> None:
    begun, hold = threading.Event(), threading.Event()

    def read() -> DaemonStatus:
        begun.set()
        hold.wait(10)
        return state()

    feed = StatusFeed(read)
    reader = threading.Thread(target=feed.next, args=(None, 0.0, lambda: True))
    reader.start()
    assert begun.wait(10)
    leaver = threading.Thread(target=feed.wake)
    leaver.start()
    leaver.join(5)
    assert not leaver.is_alive()
    hold.set()
    reader.join(10)
