"""InsightService.Suggest over a unix socket: what is worth labelling next, once and again and again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from simd.cancelled import Cancelled
from simd.decisions.labels import Labelling
from simd.errors import Abandoned, NotReady, Overloaded, TooFewLabels
from simd.insight.suggest.suggestion import Nearest, Question, Strategy
from simd.insight.suggest.suggestions import JOB
from simd.serving.insight.convert_suggest import MAX_LIMIT
from simd.serving.insight.watches import MAX_WATCHES, Watches
from simd.types import ImageId
from simd.v1 import insight_service_pb2 as wire
from simd.v1 import insight_service_pb2_grpc
from tests.serving.doubles import Bench, serving
from tests.serving.waiting import until


@pytest.fixture
def bench() -> Iterator[Bench]:
    with serving() as bench:
        yield bench


@pytest.fixture
def insight(bench: Bench) -> Iterator[Any]:
    with grpc.insecure_channel(bench.listen) as channel:
        yield insight_service_pb2_grpc.InsightServiceStub(channel)  # type: ignore[no-untyped-call]


def put(bench: Bench, *names: str | bytes) -> list[ImageId]:
    """Different pictures."""
    return bench.put_all(*((name, b"picture %d 7 1" % number) for number, name in enumerate(names, 1)))


def ask(insight: Any, **request: Any) -> Any:
    return insight.Suggest(wire.SuggestRequest(**request), timeout=20)


def asked(insight: Any, **request: Any) -> tuple[list[wire.Suggestion], wire.SuggestSummary]:
    """An answer: the suggestions, and the summary, which is the last message."""
    messages = list(ask(insight, **request))
    assert messages[-1].HasField("summary") and not any(one.HasField("summary") for one in messages[:-1])
    return [one for message in messages for one in message.suggestions], messages[-1].summary


def next_answer(messages: Any) -> list[str]:
    """What is suggested until the next summary."""
    found: list[str] = []
    for message in messages:
        found += [one.image_id for one in message.suggestions]
        if message.HasField("summary"):
            return found
    raise AssertionError("the answers ended")


def refused(messages: Any) -> tuple[str, str]:
    """The status and the message of a call that fails."""
    with pytest.raises(grpc.RpcError) as caught:
        list(messages)
    return caught.value.code().name, caught.value.details() or ""


def test_a_suggestion_says_where_it_is_what_it_stands_for_and_why(bench: Bench, insight: Any) -> None:
    first, second, labelled, gone = put(bench, b"caf\xe9.jpg", "b.jpg", "labelled.jpg", "gone.jpg")
    bench.decisions.labels.put([Labelling(labelled, ("cat", "animal"), None), Labelling(gone, ("dog",), None)])
    bench.suggestions.give(first, second, nearest=Nearest(labelled, 0.75))
    found, summary = asked(insight)
    assert [one.image_id for one in found] == [first.hex(), second.hex()]
    assert found[0].path_bytes.endswith(b"/root/caf\xe9.jpg") and found[0].path.endswith("/root/caf�.jpg")
    assert (found[1].path, found[1].path_bytes) == (f"{bench.root}/b.jpg", b"")
    assert [one.covers for one in found] == [2, 1] and found[0].coverage == pytest.approx(0.5)
    assert (found[0].reason, found[0].value, found[0].width, found[0].height) == ("reason 0", 1.0, 640, 480)
    nearest = found[0].nearest_labelled
    assert (nearest.path, nearest.distance, list(nearest.labels)) == (
        f"{bench.root}/labelled.jpg", 0.75, ["animal", "cat"]
    )  # fmt: skip
    assert (summary.images, summary.labelled, summary.coverage, summary.suggested) == (4, 1, 0.1, 2)
    bench.lose("gone.jpg")
    bench.suggestions.give(first, nearest=Nearest(gone, 0.5))
    [one], _ = asked(insight)
    assert (one.nearest_labelled.path, list(one.nearest_labelled.labels)) == ("", ["dog"])
    bench.suggestions.give(first)
    [one], _ = asked(insight)
    assert not one.HasField("nearest_labelled")


def test_a_file_below_the_prefix_is_told_first_and_one_that_has_none_any_more_is_not(
    bench: Bench, insight: Any
) -> None:
    bench.put_all(("a/x.jpg", b"picture 1 1 1"), ("inside/x.jpg", b"picture 1 1 1"), ("inside/y.jpg", b"picture 2 2 2"))
    [first] = bench.catalogue.images_at([f"{bench.root}/a/x.jpg".encode()]).values()
    [second] = bench.catalogue.images_at([f"{bench.root}/inside/y.jpg".encode()]).values()
    bench.suggestions.give(first, second)
    found, _ = asked(insight, path_prefix=f"{bench.root}/inside")
    assert [one.path.removeprefix(f"{bench.root}/") for one in found] == ["inside/x.jpg", "inside/y.jpg"]
    bench.lose("inside/y.jpg")
    found, summary = asked(insight)
    assert [one.path for one in found] == [f"{bench.root}/a/x.jpg"] and summary.suggested == 1


def test_many_suggestions_come_in_portions_and_in_order(bench: Bench, insight: Any) -> None:
    ids = bench.put_all(*((f"{n}.jpg", b"picture %d %d 1" % (n // 250 + 1, n % 250 + 1)) for n in range(1100)))
    bench.suggestions.give(*ids)
    messages = list(ask(insight, limit=1001))
    sizes = [len(one.suggestions) for one in messages if one.suggestions]
    assert len(sizes) == 3 and sum(sizes) == 1001
    assert [one.image_id for message in messages for one in message.suggestions] == [i.hex() for i in ids[:1001]]


def test_the_question_is_what_was_asked_for(bench: Bench, insight: Any) -> None:
    [image_id] = put(bench, "a.jpg")
    asked(insight)
    asked(
        insight,
        limit=MAX_LIMIT,
        strategy="outliers",
        path_prefix="/not this",
        path_prefix_bytes=b"/this\xff",
        skip_ids=[image_id.hex()],
    )
    assert bench.suggestions.asked == [
        Question(100, Strategy.COVERAGE, b"", ()),
        Question(MAX_LIMIT, Strategy.OUTLIERS, b"/this\xff", (image_id,)),
    ]


@pytest.mark.parametrize(
    ("request_", "parts"),
    [
        ({"strategy": "best\x1b"}, ("'best\\x1b'", "coverage, uncertain, diverse, outliers, random")),
        ({"limit": 10_001}, ("limit 10001", "10000", "label some")),
        ({"skip_ids": ["xyz"]}, ("'xyz'", "32 hex digits")),
        ({"skip_ids": ["00" * 16] * 100_001}, ("skip_ids", "100001", "100000", "labelled by now")),
        ({"path_prefix": "relative"}, ("'relative' is not absolute",)),
    ],
    ids=["strategy", "limit", "skip", "skips", "prefix"],
)
def test_what_cannot_be_asked_is_refused_with_what_can(request_: dict[str, Any], parts: tuple[str, ...]) -> None:
    with serving(max_request_bytes=8 << 20) as bench, grpc.insecure_channel(bench.listen) as channel:
        stub: Any = insight_service_pb2_grpc.InsightServiceStub(channel)  # type: ignore[no-untyped-call]
        code, message = refused(ask(stub, **request_))
    assert code == "INVALID_ARGUMENT" and all(part in message for part in parts), message
    assert bench.suggestions.asked == []


def test_it_is_a_job_with_progress_that_status_shows(bench: Bench, insight: Any) -> None:
    bench.suggestions.give(*put(bench, "a.jpg"))
    bench.suggestions.hold = threading.Event()
    messages = ask(insight)
    first = next(messages)
    assert (first.done, first.total) == (3, 10) and not first.suggestions
    assert [(job.name, job.unit) for job in bench.jobs.running()] == [(JOB, "pictures")]
    bench.suggestions.hold.set()
    assert len(next_answer(messages)) == 1


@pytest.mark.parametrize("watch", [False, True])
def test_the_job_ends_when_the_caller_leaves(bench: Bench, insight: Any, watch: bool) -> None:
    bench.suggestions.hold = threading.Event()
    messages = ask(insight, watch=watch)
    assert bench.suggestions.at_work.wait(10)
    messages.cancel()
    assert bench.suggestions.cancelled.wait(10)
    until(lambda: not bench.jobs.running(), "the job to end")


def test_while_suggestions_are_made_for_another_caller_it_is_refused_and_a_watch_waits(
    bench: Bench, insight: Any
) -> None:
    [image_id] = put(bench, "a.jpg")
    bench.suggestions.give(image_id)
    hold = bench.suggestions.hold = threading.Event()
    first = ask(insight)
    assert bench.suggestions.at_work.wait(10)
    code, message = refused(ask(insight))
    assert code == "RESOURCE_EXHAUSTED" and JOB in message
    watching = ask(insight, watch=True)
    until(lambda: len(bench.suggestions.asked) == 3, "the watch to ask")
    hold.set()
    assert next_answer(first) == next_answer(watching) == [image_id.hex()]
    watching.cancel()


@pytest.mark.parametrize("watch", [False, True])
def test_a_strategy_that_needs_labels_says_so(bench: Bench, insight: Any, watch: bool) -> None:
    bench.suggestions.refusals = [TooFewLabels("fewer than two labels", field="strategy", remedy="label some first")]
    assert refused(ask(insight, strategy="uncertain", watch=watch)) == (
        "FAILED_PRECONDITION", "fewer than two labels; label some first"
    )  # fmt: skip


def test_a_watch_answers_again_after_a_change_with_all_of_it(bench: Bench, insight: Any) -> None:
    first, second = put(bench, "a.jpg", "b.jpg")
    bench.suggestions.give(first, second)
    messages = ask(insight, watch=True)
    assert next_answer(messages) == [first.hex(), second.hex()]
    bench.suggestions.change(second)
    assert next_answer(messages) == [second.hex()]
    assert len(bench.suggestions.asked) == 2
    messages.cancel()


def test_a_change_while_an_answer_is_made_leads_to_another_one(bench: Bench, insight: Any) -> None:
    first, second = put(bench, "a.jpg", "b.jpg")
    bench.suggestions.give(first)
    hold = bench.suggestions.hold = threading.Event()
    messages = ask(insight, watch=True)
    assert bench.suggestions.at_work.wait(10)
    bench.suggestions.change(second)
    hold.set()
    assert [next_answer(messages), next_answer(messages)] == [[first.hex()], [second.hex()]]
    messages.cancel()


@pytest.mark.parametrize("at_work", [False, True])
def test_a_watch_does_not_keep_the_daemon_from_stopping(bench: Bench, insight: Any, at_work: bool) -> None:
    bench.suggestions.hold = threading.Event() if at_work else None
    messages = ask(insight, watch=True)
    if at_work:
        assert bench.suggestions.at_work.wait(10)
    else:
        next_answer(messages)
    with ThreadPoolExecutor(1) as stopping:
        # A call that did not end by itself would be given all of this.
        stopped = stopping.submit(bench.server.stop, 300.0)
        assert refused(messages) == ("UNAVAILABLE", "the daemon is stopping")
        stopped.result(10)


def test_only_some_may_watch_and_who_leaves_makes_room(bench: Bench, insight: Any) -> None:
    watching = []
    for _ in range(MAX_WATCHES):
        watching.append(ask(insight, watch=True))
        next_answer(watching[-1])
    code, message = refused(ask(insight, watch=True))
    assert code == "RESOURCE_EXHAUSTED" and f"{MAX_WATCHES} calls watch" in message
    asked(insight)
    watching[0].cancel()
    until(lambda: bench.calls("InsightService/Suggest", "CANCELLED") == 1, "the first one to leave")
    next_answer(ask(insight, watch=True))
    for messages in watching:
        messages.cancel()


class Clock:
    """Time that passes by so much whenever something is looked at."""

    def __init__(self, readings: list[object]) -> None:
        self.now = 0.0
        self._readings = readings
        self.read = 0

    def __call__(self) -> float:
        return self.now

    def reading(self) -> Any:
        self.now += 1.0
        self.read += 1
        return self._readings.pop(0) if len(self._readings) > 1 else self._readings[0]


def watches(clock: Callable[[], float], settle_at_most_s: float = 100.0) -> Watches:
    return Watches(1, poll_s=0.0, settle_s=0.0, settle_at_most_s=settle_at_most_s, clock=clock)


def test_a_change_is_told_once_it_has_come_to_rest() -> None:
    clock = Clock(["old", "old", "new", "newer", "newest", "newest", "not read"])
    watches(clock).until_changed(clock.reading, "old", Cancelled())
    assert clock.read == 6


def test_changes_without_an_end_are_told_all_the_same() -> None:
    clock = Clock([*range(1000)])
    watches(clock, settle_at_most_s=10.0).until_changed(clock.reading, "old", Cancelled())
    assert clock.read == 11


def test_whoever_waits_is_woken_when_the_caller_leaves_or_the_daemon_stops() -> None:
    all_of_it = Watches(poll_s=300.0)
    cancelled, other = Cancelled(), Cancelled()
    ready = threading.Barrier(3)

    def watch(one: Cancelled) -> None:
        with all_of_it.one(one):
            ready.wait(10)
            all_of_it.until_changed(lambda: 1, 1, one)

    with ThreadPoolExecutor(2) as threads:
        left, stayed = threads.submit(watch, cancelled), threads.submit(watch, other)
        ready.wait(10)
        cancelled.set()
        with pytest.raises(Abandoned):
            left.result(10)
        all_of_it.close()
        with pytest.raises(NotReady, match="stopping"):
            stayed.result(10)
    with pytest.raises(NotReady), all_of_it.one(Cancelled()):
        pass


def test_one_too_many_is_refused() -> None:
    one = Watches(1)
    with one.one(Cancelled()):
        with pytest.raises(Overloaded), one.one(Cancelled()):
            pass
    with one.one(Cancelled()):
        pass
