"""Whether pictures are one, edited: by which features that is told, of pairs and of the first answers of a search."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import grpc
import pytest

from simd.cancelled import Cancelled
from simd.derived.kinds import FEATURES
from simd.derived.store import DerivedStore
from simd.errors import Abandoned, NotReady
from simd.featurize.decode.renditions import Features, Rendition
from simd.serving.search.queries import Queries, Query
from simd.serving.search.subjects import GivenVector, ImageBytes, ServerPath, StoredImage, Subject
from simd.serving.search.verifier import AMONG, Verifier
from simd.types import image_id_of
from simd.v1 import search_service_pb2, search_service_pb2_grpc
from simd.verify.verdict import Verdict
from tests.serving.doubles import Bench, Picture, TextDecoder, prepared, serving, vector_of
from tests.serving.waiting import until

RED, REDDISH, GREEN = b"picture 200 10 10", b"picture 200 10 11", b"picture 10 200 10"
WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
HALF = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))


class Judge:
    """Says of the features of two pictures what it was told to.

    Attributes:
        asked: the pairs, in their order.
        shares: by the second one; the others do not agree at all.
        hold: no verdict is given before it is set.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, bytes]] = []
        self.shares: dict[bytes, float] = {}
        self.hold: threading.Event | None = None

    def __call__(self, query: bytes, other: bytes) -> Verdict | None:
        self.asked.append((query, other))
        if self.hold is not None:
            assert self.hold.wait(20)
        if other == b"damaged":
            return None
        share = self.shares.get(other, 0.0)
        return Verdict(share > 0.5, share, 9, share > 0.8, 3, (WHOLE, HALF) if share else None)


@pytest.fixture
def bench() -> Iterator[Bench]:
    with prepared() as bench:
        bench.put("red.jpg", RED)
        bench.put("green.jpg", GREEN)
        yield bench


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DerivedStore]:
    store = DerivedStore(tmp_path / "features.sqlite", FEATURES, "orb-1")
    yield store
    store.close()


@pytest.fixture
def judge() -> Judge:
    return Judge()


def made(bench: Bench, store: DerivedStore, judge: Judge, how: str = "pairs", budget_s: float = 20.0) -> Queries:
    verifier = Verifier(
        how="search" if how == "search" else "pairs",
        store=store,
        catalogue=bench.catalogue,
        decoder=bench.decoder,
        files=bench.files,
        budget_s=budget_s,
        judge=judge,
    )
    return bench.queries(verifier=verifier)


def keep(store: DerivedStore, *data: bytes) -> None:
    store.put({image_id_of(one): one for one in data})


def subject(bench: Bench, kind: str) -> Subject:
    """The red picture, which is indexed, or an unknown one."""
    match kind:
        case "bytes":
            return ImageBytes(RED)
        case "path":
            return ServerPath(os.fsencode(bench.root / "red.jpg"))
        case "image_id":
            return StoredImage(image_id_of(RED))
        case _:
            return ImageBytes(REDDISH)


@pytest.mark.parametrize("kind", ["bytes", "path", "image_id", "unknown"])
def test_the_first_picture_is_decoded_for_its_mirror_image_and_the_second_only_if_need_be(
    bench: Bench, store: DerivedStore, judge: Judge, kind: str
) -> None:
    judge.shares = {RED: 0.75, REDDISH: 0.75}
    queries = made(bench, store, judge)
    told = RED if kind != "unknown" else REDDISH
    for kept in (False, True):
        if kept:
            keep(store, told)
        verdict = queries.compare(subject(bench, kind), subject(bench, kind)).verdict
        assert verdict is not None and verdict.same and verdict.share == 0.75
        assert judge.asked.pop() == (told + b" both ways", told)


def test_what_is_kept_of_the_second_is_not_made_again(bench: Bench, store: DerivedStore, judge: Judge) -> None:
    keep(store, RED)
    made(bench, store, judge).compare(StoredImage(image_id_of(GREEN)), StoredImage(image_id_of(RED)))
    assert bench.decoder.decoded == 1


def test_an_image_whose_files_cannot_be_read_is_compared_by_what_is_kept(
    bench: Bench, store: DerivedStore, judge: Judge
) -> None:
    keep(store, RED)
    (bench.root / "red.jpg").unlink()
    assert made(bench, store, judge).compare(StoredImage(image_id_of(RED)), ImageBytes(GREEN)).verdict is not None
    assert judge.asked == [(RED, GREEN)]


@pytest.mark.parametrize("what", ["vector", "gone", "closed", "damaged"])
def test_without_features_there_is_no_verdict_and_the_distance_is_told(
    bench: Bench, store: DerivedStore, judge: Judge, what: str
) -> None:
    queries = made(bench, store, judge)
    other: Subject = StoredImage(image_id_of(GREEN))
    if what == "vector":
        other = GivenVector(vector_of(1, 2, 3))
    if what in ("gone", "damaged"):
        (bench.root / "green.jpg").unlink()
    if what == "closed":
        (bench.root / "green.jpg").unlink()
        store.close()
    if what == "damaged":
        store.put({image_id_of(GREEN): b"damaged"})
    found = queries.compare(ImageBytes(RED), other)
    assert found.verdict is None and found.distance > 0


def matches(queries: Queries, data: bytes = RED, limit: int = 0) -> list[tuple[bytes, float | None]]:
    found = queries.search(Query(ImageBytes(data), limit))
    return [(os.path.basename(m.paths[0]), m.verdict.share if m.verdict else None) for m in found.matches]


def test_the_answers_of_a_search_are_ordered_by_similarity_and_share(
    bench: Bench, store: DerivedStore, judge: Judge
) -> None:
    bench.put("near.jpg", b"picture 200 60 10")
    keep(store, RED, GREEN, b"picture 200 60 10")
    judge.shares = {GREEN: 0.6, RED: 0.1}
    assert matches(made(bench, store, judge, "search")) == [(b"red.jpg", 0.1), (b"near.jpg", 0.0), (b"green.jpg", 0.6)]
    judge.shares = {b"picture 200 60 10": 0.8}
    assert matches(made(bench, store, judge, "search")) == [(b"near.jpg", 0.8), (b"red.jpg", 0.0), (b"green.jpg", 0.0)]
    assert matches(made(bench, store, judge, "pairs")) == [
        (b"red.jpg", None),
        (b"near.jpg", None),
        (b"green.jpg", None),
    ]


def test_what_lacks_features_is_not_compared_and_keeps_its_place(
    bench: Bench, store: DerivedStore, judge: Judge
) -> None:
    keep(store, GREEN)
    assert matches(made(bench, store, judge, "search")) == [(b"red.jpg", None), (b"green.jpg", 0.0)]
    assert bench.decoder.decoded == 1, "only the query is decoded"


def test_a_sure_answer_ends_the_comparisons_and_no_more_than_a_few_are_compared(
    bench: Bench, store: DerivedStore, judge: Judge
) -> None:
    more = [b"picture 10 %d 200" % number for number in range(AMONG + 5)]
    bench.put_all(*((b"%d.jpg" % number, data) for number, data in enumerate(more)))
    keep(store, RED, GREEN, *more)
    queries = made(bench, store, judge, "search")
    matches(queries, limit=100)
    assert len(judge.asked) == AMONG
    judge.asked.clear()
    judge.shares = {RED: 0.95}
    assert [share for _, share in matches(queries, limit=100)][:2] == [0.95, None]
    assert len(judge.asked) <= 3


def test_a_search_waits_no_longer_than_its_budget(bench: Bench, store: DerivedStore, judge: Judge) -> None:
    keep(store, RED, GREEN)
    judge.hold = threading.Event()
    queries = made(bench, store, judge, "search", budget_s=0.05)
    assert matches(queries) == [(b"red.jpg", None), (b"green.jpg", None)]
    judge.hold.set()


def test_features_that_take_too_long_are_done_without(store: DerivedStore, judge: Judge) -> None:
    class Slow(TextDecoder):
        """Never ends with features."""

        def submit_bytes(self, data: bytes, *wanted: Rendition) -> Future[Picture]:
            return Future() if Features(True) in wanted else super().submit_bytes(data, *wanted)

    with prepared(decoder=Slow()) as bench:
        bench.put("red.jpg", RED)
        keep(store, RED)
        verifier = Verifier(
            how="search", store=store, catalogue=bench.catalogue, decoder=bench.decoder, files=bench.files,
            budget_s=0.05, judge=judge,
        )  # fmt: skip
        assert matches(bench.queries(verifier=verifier)) == [(b"red.jpg", 0.0)]
        assert judge.asked == [(RED, RED)], "what is kept has to do"


def test_whoever_leaves_ends_the_comparisons(bench: Bench, store: DerivedStore, judge: Judge) -> None:
    keep(store, RED, GREEN)
    judge.hold = threading.Event()
    queries = made(bench, store, judge, "search")
    left = Cancelled()
    failures: list[BaseException] = []

    def search() -> None:
        try:
            queries.search(Query(ImageBytes(RED)), left)
        except Abandoned as error:
            failures.append(error)

    caller = threading.Thread(target=search)
    caller.start()
    until(lambda: len(judge.asked) == 1, "the first comparison")
    left.set()
    judge.hold.set()
    caller.join(10)
    assert len(failures) == 1 and len(judge.asked) == 1


def test_a_close_ends_who_waits(bench: Bench, store: DerivedStore, judge: Judge) -> None:
    judge.hold = threading.Event()
    queries = made(bench, store, judge)
    failures: list[BaseException] = []

    def compare() -> None:
        try:
            queries.compare(ImageBytes(RED), ImageBytes(GREEN))
        except NotReady as error:
            failures.append(error)

    callers = [threading.Thread(target=compare) for _ in range(2)]
    for caller in callers:
        caller.start()
    until(lambda: len(judge.asked) == 1, "the first comparison")
    closing = threading.Thread(target=queries.close)
    closing.start()
    until(lambda: len(failures) == 1, "the one that waits to end")
    judge.hold.set()
    closing.join(10)
    for caller in callers:
        caller.join(10)


def test_the_verdict_is_told_on_the_wire(store: DerivedStore, judge: Judge) -> None:
    judge.shares = {RED: 0.85, GREEN: 0.2}
    keep(store, RED, GREEN)
    with serving(ready=False) as bench:
        bench.put("red.jpg", RED)
        bench.verifier = Verifier(
            how="search", store=store, catalogue=bench.catalogue, decoder=bench.decoder, files=bench.files, judge=judge
        )
        bench.server.open(bench.services)
        with grpc.insecure_channel(bench.listen) as channel:
            stub = search_service_pb2_grpc.SearchServiceStub(channel)  # type: ignore[no-untyped-call]
            pair = [search_service_pb2.Subject(image=data) for data in (GREEN, RED)]
            compared = stub.Compare(search_service_pb2.CompareRequest(first=pair[0], second=pair[1]), timeout=10)
            found = stub.Search(search_service_pb2.SearchRequest(image=RED), timeout=10)
    for verdict in (compared.verdict, found.matches[0].verdict):
        assert (verdict.same, verdict.share, verdict.mirrored, verdict.turned) == (True, 0.85, True, 270)
        assert [(point.x, point.y) for point in verdict.region.first] == list(WHOLE)
        assert [(point.x, point.y) for point in verdict.region.second] == list(HALF)
