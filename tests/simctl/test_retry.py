"""Calls that are made again."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
import simctl
from simctl.errors import DaemonUnreachable, SimctlError
from simctl.retry import Retrier

from tests.serving.doubles import TextDecoder, serving
from tests.serving.waiting import until

RED = b"picture 200 10 10"


class Clock:
    """Time that passes only in pauses."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


class Failing:
    """Fails so many times with an error, then answers."""

    def __init__(self, times: int, error: SimctlError) -> None:
        self.left = times
        self.error = error
        self.limits: list[float | None] = []

    def __call__(self, limit: float | None) -> str:
        self.limits.append(limit)
        if self.left:
            self.left -= 1
            raise self.error
        return "answer"


UNREACHABLE = DaemonUnreachable("no daemon")
NOT_READY = DaemonUnreachable("starting", reason="NOT_READY", retry_after_s=1.0)
OVERLOADED = SimctlError("too busy", code="RESOURCE_EXHAUSTED", reason="OVERLOADED", retry_after_s=1.0)
REFUSED = SimctlError("no image", code="INVALID_ARGUMENT", reason="IMAGE_REJECTED")


def patience(seconds: float) -> tuple[Retrier, Clock]:
    clock = Clock()
    return Retrier(seconds, clock=lambda: clock.now, sleep=clock.sleep), clock


@pytest.mark.parametrize("error", [UNREACHABLE, NOT_READY, OVERLOADED])
def test_what_reads_is_tried_again(error: SimctlError) -> None:
    patient, clock = patience(60)
    assert patient.call(Failing(4, error), None, reads=True) == "answer"
    assert len(clock.pauses) == 4
    assert min(clock.pauses) >= (error.retry_after_s or 0.1)


def test_pauses_grow() -> None:
    patient, clock = patience(60)
    patient.call(Failing(4, UNREACHABLE), None, reads=True)
    assert clock.pauses == sorted(clock.pauses) and clock.pauses[-1] > 2 * clock.pauses[0]


def test_what_changes_something_is_tried_again_only_if_it_was_not_taken_on() -> None:
    patient, _ = patience(60)
    for error in (NOT_READY, OVERLOADED):
        assert patient.call(Failing(1, error), None, reads=False) == "answer"
    with pytest.raises(DaemonUnreachable):
        patient.call(Failing(1, UNREACHABLE), None, reads=False)


def test_what_would_fail_again_is_not_tried_again() -> None:
    patient, clock = patience(60)
    with pytest.raises(SimctlError, match="no image"):
        patient.call(Failing(1, REFUSED), None, reads=True)
    assert not clock.pauses


@pytest.mark.parametrize(("seconds", "limit"), [(5.0, None), (60.0, 5.0), (5.0, 60.0)])
def test_the_time_is_bounded(seconds: float, limit: float | None) -> None:
    patient, clock = patience(seconds)
    failing = Failing(1000, UNREACHABLE)
    with pytest.raises(DaemonUnreachable):
        patient.call(failing, limit, reads=True)
    assert 1.0 < clock.now <= 5.0
    if limit is not None:
        given = [each for each in failing.limits if each is not None]
        assert len(given) == len(failing.limits) and given == sorted(given, reverse=True)


def test_a_client_without_patience_is_told_at_once() -> None:
    patient, clock = patience(0)
    with pytest.raises(DaemonUnreachable):
        patient.call(Failing(1, NOT_READY), None, reads=True)
    assert not clock.pauses


def in_background(act: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    return thread


def test_a_patient_client_finds_a_daemon_that_becomes_ready() -> None:
    with serving(ready=False) as bench, simctl.Client(bench.listen, patience=30) as client:
        with simctl.Client(bench.listen) as hasty, pytest.raises(DaemonUnreachable) as caught:
            hasty.search(image=RED)
        assert caught.value.retry_after_s == 1.0
        bench.put("red.jpg", RED)
        found: list[simctl.SearchResult] = []
        asking = in_background(lambda: found.append(client.search(image=RED)))
        until(lambda: bench.calls("SearchService/Search", "UNAVAILABLE") > 1, "the patient one to be refused as well")
        bench.server.open(bench.services)
        asking.join(30)
        assert found and found[0].matches


def test_a_patient_client_is_answered_by_a_daemon_that_was_too_busy() -> None:
    hold = threading.Event()
    decoder = TextDecoder(hold)
    with serving(decoder=decoder, max_searches=1) as bench:
        bench.put("red.jpg", RED)
        with simctl.Client(bench.listen, patience=30) as client, simctl.Client(bench.listen) as hasty:
            first = in_background(lambda: hasty.search(image=b"picture 1 2 3"))
            assert decoder.started.wait(20)
            with pytest.raises(SimctlError) as caught:
                hasty.search(image=RED)
            assert (caught.value.reason, caught.value.retry_after_s) == ("OVERLOADED", 1.0)
            found: list[simctl.SearchResult] = []
            second = in_background(lambda: found.append(client.search(image=RED)))
            refused = "SearchService/Search", "RESOURCE_EXHAUSTED"
            until(lambda: bench.calls(*refused) > 1, "the patient one to be refused as well")
            hold.set()
            second.join(30)
            first.join(20)
            assert found and found[0].matches
