"""BatchSearch: many searches in one stream, over a real socket."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from simd.errors import IndexUnavailable
from simd.index.brute import BruteIndex
from simd.index.filter import EVERYTHING, Filter
from simd.serving.search.batch import IN_FLIGHT, Batch, BatchAnswer, BatchQuery
from simd.serving.search.finishers import AT_ONCE
from simd.serving.search.matcher import SearchResult
from simd.serving.search.queries import Query
from simd.serving.search.subjects import ImageBytes, StoredImage
from simd.serving.transport.fairsemaphore import FairSemaphore
from simd.types import Answer, Pixels, Vector, image_id_of
from simd.v1 import search_service_pb2, search_service_pb2_grpc
from tests.serving.doubles import DIMENSION, Bench, TextDecoder, TinyFeaturizer, prepared, serving
from tests.serving.test_served import other
from tests.serving.waiting import until

RED, GREEN, BLUE = b"picture 200 10 10", b"picture 10 200 10", b"picture 10 10 200"


class Caller:
    """Sends one by one, and takes answers when told to."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._outbox: queue.SimpleQueue[search_service_pb2.BatchSearchRequest | None] = queue.SimpleQueue()
        self.taken = 0
        stub = search_service_pb2_grpc.SearchServiceStub(channel)  # type: ignore[no-untyped-call]
        self.call: Any = stub.BatchSearch(self._requests(), timeout=20)

    def _requests(self) -> Iterator[search_service_pb2.BatchSearchRequest]:
        while (request := self._outbox.get()) is not None:
            self.taken += 1
            yield request

    def send(self, tag: int, **request: Any) -> None:
        search = search_service_pb2.SearchRequest(**request)
        self._outbox.put(search_service_pb2.BatchSearchRequest(tag=tag, search=search))

    def end(self) -> None:
        self._outbox.put(None)

    def rest(self) -> dict[int, Any]:
        self.end()
        return {answer.tag: answer for answer in self.call}


@pytest.fixture
def bench() -> Iterator[Bench]:
    with serving() as bench:
        bench.put("red.jpg", RED)
        bench.put("green.jpg", GREEN)
        yield bench


@pytest.fixture
def caller(bench: Bench) -> Iterator[Caller]:
    with grpc.insecure_channel(bench.listen) as channel:
        caller = Caller(channel)
        yield caller
        caller.end()


def test_every_request_is_answered_with_its_tag(bench: Bench, caller: Caller) -> None:
    caller.send(7, image=RED)
    caller.send(9, image=b"picture 11 199 10", limit=1)
    caller.send(7000000000, image_id=image_id_of(GREEN).hex(), limit=1)
    answers = caller.rest()
    assert answers[7].found.matches[0].path == f"{bench.root}/red.jpg"
    assert answers[7].found.matches[0].distance == 0
    assert [answers[tag].found.matches[0].path for tag in (9, 7000000000)] == [f"{bench.root}/green.jpg"] * 2
    assert answers[9].found.took.featurize_ms > 0


def test_an_empty_stream_ends_at_once(caller: Caller) -> None:
    assert caller.rest() == {}


def test_a_request_that_fails_gets_its_error_as_its_answer_and_the_others_go_on(caller: Caller) -> None:
    caller.send(1, image=b"no image")
    caller.send(2, image_id="xyz")
    caller.send(3, image_id="ab" * 16)
    caller.send(4)
    caller.send(5, image=RED, limit=5000)
    caller.send(6, image=BLUE)
    answers = caller.rest()
    codes = {tag: answer.failure.code for tag, answer in answers.items() if answer.WhichOneof("outcome") == "failure"}
    invalid, missing = grpc.StatusCode.INVALID_ARGUMENT.value[0], grpc.StatusCode.NOT_FOUND.value[0]
    assert codes == {1: invalid, 2: invalid, 3: missing, 4: invalid, 5: invalid}
    assert len(answers[6].found.matches) == 2
    status = status_pb2.Status.FromString(answers[1].failure.SerializeToString())
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (info.domain, info.reason, info.metadata["rejection"]) == ("simd", "IMAGE_REJECTED", "not_an_image")


def test_an_error_nobody_foresaw_is_told_by_its_number_only(caller: Caller, caplog: pytest.LogCaptureFixture) -> None:
    caller.send(1, image=b"explode")
    caller.send(2, image=RED)
    answers = caller.rest()
    assert answers[1].failure.code == grpc.StatusCode.INTERNAL.value[0]
    assert "secret" not in str(answers[1].failure) and "secret" in caplog.text
    assert answers[2].found.matches


def test_answers_come_in_the_order_in_which_they_are_ready() -> None:
    decoder = TextDecoder(threading.Event())
    with serving(decoder=decoder) as bench, grpc.insecure_channel(bench.listen) as channel:
        bench.put("red.jpg", RED)
        caller = Caller(channel)
        caller.send(1, image=BLUE)
        caller.send(2, image=RED)
        assert next(caller.call).tag == 2
        assert decoder.hold is not None
        decoder.hold.set()
        assert next(caller.call).tag == 1
        assert caller.rest() == {}


def test_searches_of_different_kinds_get_what_they_asked_for() -> None:
    with prepared() as bench:
        bench.put("a/red.jpg", RED)
        bench.put("b/green.jpg", GREEN)
        queries = bench.queries()
        prefix = bytes(bench.root) + b"/a"
        kinds = [
            Query(ImageBytes(RED), limit=1),
            Query(ImageBytes(GREEN), limit=2),
            Query(ImageBytes(GREEN), limit=1, path_prefix=prefix),
            Query(ImageBytes(GREEN), limit=1, min_similarity=0.99),
            Query(ImageBytes(GREEN), limit=2, exact=True),
        ]
        answers = Batch(queries, FairSemaphore(1 << 30)).answers(
            BatchQuery(tag, query) for tag, query in enumerate(kinds)
        )
        together = {answer.tag: answer.outcome for answer in answers}
        for tag, query in enumerate(kinds):
            one, other_ = together[tag], queries.search(query)
            assert isinstance(one, SearchResult)
            assert (one.matches, one.searched, one.exact) == (other_.matches, other_.searched, other_.exact)


class MeetingFeaturizer(TinyFeaturizer):
    """Embeds nothing before two calls have come."""

    def __init__(self) -> None:
        super().__init__()
        self._first, self._second = threading.Lock(), threading.Event()

    def embed(self, pixels: Sequence[Pixels], *, alone: bool) -> Vector:
        if not self._first.acquire(blocking=False):
            self._second.set()
        assert self._second.wait(20), "nobody else embeds meanwhile"
        return super().embed(pixels, alone=alone)


def test_searches_are_finished_by_as_many_threads_as_there_are_cores() -> None:
    with prepared(featurizer=MeetingFeaturizer()) as bench:
        bench.put("red.jpg", RED)
        # More than one thread takes at once.
        asked = [BatchQuery(number, Query(ImageBytes(b"picture %d 1 1" % number))) for number in range(1, AT_ONCE + 2)]
        answers = list(Batch(bench.queries(cores=2), FairSemaphore(1 << 30)).answers(iter(asked)))
        assert sorted(answer.tag for answer in answers) == [one.tag for one in asked]
        assert all(isinstance(answer.outcome, SearchResult) for answer in answers)


class GoneIndex(BruteIndex):
    """Cannot be searched any more."""

    def search(self, queries: Vector, k: int, *, among: Filter = EVERYTHING, exact: bool = False) -> list[Answer]:
        raise IndexUnavailable("the index is closed")


def test_when_the_index_is_gone_each_search_is_told() -> None:
    with prepared(index=lambda _: GoneIndex(DIMENSION)) as bench:
        red = bench.put("red.jpg", RED)
        asked = (BatchQuery(n, Query(StoredImage(red))) for n in range(100))
        answers = list(Batch(bench.queries(), FairSemaphore(1 << 30)).answers(asked))
        assert [isinstance(answer.outcome, IndexUnavailable) for answer in answers] == [True] * 100
    until(lambda: not [t for t in threading.enumerate() if t.name.startswith("batch-")], "the stream's thread to end")


def test_a_caller_that_takes_no_answers_is_not_read_from_without_end() -> None:
    with prepared() as bench:
        red = bench.put("red.jpg", RED)
        read = 0

        def requests() -> Iterator[BatchQuery]:
            nonlocal read
            while read < 1000:
                read += 1
                yield BatchQuery(read, Query(StoredImage(red)))

        batch = Batch(bench.queries(), FairSemaphore(1 << 30))
        answers = batch.answers(requests())
        next(answers)
        until(lambda: read == IN_FLIGHT, "the stream to be full")
        for _ in range(10):
            next(answers)
            assert read <= IN_FLIGHT + 11
        batch.close()
        answers.close()  # type: ignore[attr-defined]


def test_bytes_that_wait_are_bounded_over_all_streams() -> None:
    decoder = TextDecoder(threading.Event())
    with prepared(decoder=decoder) as bench:
        waiting = FairSemaphore(100)
        read: list[int] = []

        def requests(stream: int) -> Iterator[BatchQuery]:
            for n in range(5):
                read.append(stream)
                yield BatchQuery(n, Query(ImageBytes(b"picture 1 2 3".ljust(60))))

        batches = [Batch(bench.queries(), waiting) for _ in range(2)]
        got: list[list[BatchAnswer]] = [[], []]
        threads = [
            threading.Thread(target=lambda s=s: got[s].extend(batches[s].answers(requests(s)))) for s in range(2)
        ]
        for thread in threads:
            thread.start()
        # One picture is in, and each stream has read one more that has to wait, or the first of them two.
        until(lambda: len(read) == 3, "both streams to wait")
        assert decoder.hold is not None
        decoder.hold.set()
        for thread in threads:
            thread.join(20)
        assert [len(answers) for answers in got] == [5, 5]
        assert waiting.used == 0, "all of it was given back"


def test_a_stream_that_is_left_gives_back_the_bytes_that_waited() -> None:
    decoder, waiting = TextDecoder(threading.Event()), FairSemaphore(100)
    with prepared(decoder=decoder) as bench, ThreadPoolExecutor(1) as pool:
        batch = Batch(bench.queries(), waiting)
        asked = [BatchQuery(1, Query(ImageBytes(b"picture 1 2 3".ljust(60))))]
        answers = pool.submit(list, batch.answers(iter(asked)))
        assert decoder.started.wait(10)
        batch.close()
        assert answers.result(20) == []
        assert decoder.cancelled.wait(10)
        until(lambda: waiting.used == 0, "all of them to be given back")
        assert decoder.hold is not None
        decoder.hold.set()


def test_a_caller_that_leaves_ends_what_has_begun_for_it(caplog: pytest.LogCaptureFixture) -> None:
    decoder = TextDecoder(threading.Event())
    with serving(decoder=decoder) as bench, grpc.insecure_channel(bench.listen) as channel:
        caller = Caller(channel)
        caller.send(1, image=BLUE)
        assert decoder.started.wait(10)
        caller.call.cancel()
        assert decoder.cancelled.wait(10)
        caller.end()
        assert decoder.hold is not None
        decoder.hold.set()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_a_deadline_ends_the_stream_and_what_has_begun_for_it() -> None:
    decoder = TextDecoder(threading.Event())
    with serving(decoder=decoder) as bench, grpc.insecure_channel(bench.listen) as channel:
        stub = search_service_pb2_grpc.SearchServiceStub(channel)  # type: ignore[no-untyped-call]
        search = search_service_pb2.SearchRequest(image=BLUE)
        request = search_service_pb2.BatchSearchRequest(tag=1, search=search)
        with pytest.raises(grpc.RpcError) as caught:
            list(stub.BatchSearch(iter([request]), timeout=0.3))
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert decoder.cancelled.wait(10)
        assert decoder.hold is not None
        decoder.hold.set()


def test_the_server_ends_although_a_stream_is_open() -> None:
    with serving() as bench, grpc.insecure_channel(bench.listen) as channel:
        bench.put("red.jpg", RED)
        caller = Caller(channel)
        caller.send(1, image=RED)
        assert next(caller.call).tag == 1
        bench.server.stop(0.1)
        with pytest.raises(grpc.RpcError) as caught:
            next(caller.call)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        caller.end()


def test_a_search_of_a_stream_ends_on_the_model_it_began_with() -> None:
    with prepared(decoder=TextDecoder(threading.Event())) as bench:
        bench.put("red.jpg", RED)
        queries = bench.queries()
        searches = [queries.submit(Query(ImageBytes(BLUE))), queries.submit(Query(StoredImage(image_id_of(RED))))]
        old = bench.serving.replace(other(bench))
        assert not bench.serving.wait_unused(old, 0.0)
        assert bench.decoder.hold is not None
        bench.decoder.hold.set()
        assert [search.result(20).searched for search in searches] == [1, 1]
        assert bench.serving.wait_unused(old, 10)


def test_before_the_daemon_is_ready_the_stream_is_refused() -> None:
    with serving(ready=False) as bench, grpc.insecure_channel(bench.listen) as channel:
        caller = Caller(channel)
        caller.send(1, image=BLUE)
        with pytest.raises(grpc.RpcError) as caught:
            next(caller.call)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        caller.end()
