"""WatchStatus on a real socket: who watches is told of every change, costs little and is never in the way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from simd.serving.status_watch import MAX_WATCHERS, StatusFeed
from simd.types import PauseState
from simd.v1 import index_service_pb2, index_service_pb2_grpc
from tests.serving.doubles import DAMAGE, Bench, serving

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
    readings = watch(stub, timeout=1.5)
    got: list[Any] = []
    error = failure(lambda: got.extend(readings))
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert len(got) == 1


def test_the_readings_come_no_faster_than_asked_for(bench: Bench, stub: Any) -> None:
    readings = watch(stub, min_interval=Duration(seconds=20), timeout=2.0)
    next(readings)
    bench.ingest.pending = [5]
    assert failure(lambda: next(readings)).code() is grpc.StatusCode.DEADLINE_EXCEEDED


@pytest.mark.parametrize(
    "interval",
    [Duration(seconds=-1), Duration(nanos=-1), Duration(seconds=86401), Duration(seconds=2**63 - 1, nanos=2**31 - 1)],
)
def test_an_interval_that_cannot_be_is_refused_with_the_field(stub: Any, interval: Duration) -> None:
    error = failure(lambda: next(watch(stub, min_interval=interval)))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT and "min_interval" in error.details()


def test_all_who_can_watch_leave_room_for_requests_and_one_more_is_refused(bench: Bench, stub: Any) -> None:
    streams = [watch(stub) for _ in range(MAX_WATCHERS)]
    for stream in streams:
        assert next(stream).status.ready
    with ThreadPoolExecutor(4) as callers:
        answers = [callers.submit(stub.Status, index_service_pb2.StatusRequest(), timeout=10) for _ in range(40)]
        assert all(answer.result().ready for answer in answers)
    error = failure(lambda: next(watch(stub)))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and str(MAX_WATCHERS) in error.details()
    for stream in streams:
        stream.cancel()
    left = threading.Event()
    for _ in range(1000):
        try:
            assert next(watch(stub)).status.ready
            break
        except grpc.RpcError:
            left.wait(0.01)
    else:
        raise AssertionError("those who left still count")


def test_one_who_does_not_read_is_in_nobodys_way(bench: Bench, stub: Any) -> None:
    watch(stub)
    readings = watch(stub)
    for pending in range(3):
        bench.ingest.pending = [pending + 10]
        while next(readings).status.pending != pending + 10:
            pass
    readings.cancel()


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

    def read() -> index_service_pb2.StatusResponse:
        nonlocal count
        count += 1
        return index_service_pb2.StatusResponse(ready=True, uptime_s=count)

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

    def read() -> index_service_pb2.StatusResponse:
        begun.set()
        hold.wait(10)
        return index_service_pb2.StatusResponse()

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
