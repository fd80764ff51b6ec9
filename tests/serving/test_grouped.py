"""Searches that tell each picture once."""

from __future__ import annotations

import os
from collections.abc import Iterator

import grpc
import pytest

from simd.insight.pairs.pair import Tier
from simd.serving.search.matcher import SearchResult
from simd.serving.search.queries import Query
from simd.serving.search.subjects import ImageBytes
from simd.types import ImageId, image_id_of
from simd.v1 import search_service_pb2, search_service_pb2_grpc
from tests.serving.doubles import Bench, Scan, prepared, serving

RED = b"picture 200 10 10"


def shade(number: int) -> bytes:
    """Pictures that are the less like red the greater the number is."""
    return b"picture 200 %d 10" % (10 + number)


@pytest.fixture
def bench() -> Iterator[Bench]:
    with prepared() as bench:
        yield bench


def fill(bench: Bench, count: int) -> list[ImageId]:
    return bench.put_all(*((f"{number:03}.jpg", shade(number)) for number in range(count)))


def told(found: SearchResult) -> dict[str, int]:
    """The names of the matches and their copies."""
    return {os.path.basename(match.paths[0]).decode(): match.copies for match in found.matches}


def search(bench: Bench, limit: int = 3, *, group: bool = True, prefix: bytes = b"") -> dict[str, int]:
    return told(bench.queries().search(Query(ImageBytes(RED), limit, path_prefix=prefix, group=group)))


def test_copies_are_counted_and_others_told_in_their_place(bench: Bench) -> None:
    ids = fill(bench, 8)
    bench.pairs.add(ids[0], ids[2], Tier.NEAR)
    bench.pairs.add(ids[0], ids[6], Tier.PIXELS)
    bench.pairs.add(ids[1], ids[3], Tier.SIMILAR)
    assert search(bench) == {"000.jpg": 2, "001.jpg": 0, "003.jpg": 0}
    assert search(bench, group=False) == {"000.jpg": 0, "001.jpg": 0, "002.jpg": 0}


def test_the_answer_is_as_long_as_it_can_be_however_many_copies_there_are(bench: Bench) -> None:
    ids = fill(bench, 150)
    for image_id in ids[1:130]:
        bench.pairs.add(ids[0], image_id)
    assert search(bench) == {"000.jpg": 129, "130.jpg": 0, "131.jpg": 0}
    assert [scan.k for scan in bench.scans] == [12, 48, 192]


def test_where_all_are_copies_the_answer_is_short_and_the_search_ends(bench: Bench) -> None:
    ids = fill(bench, 60)
    for image_id in ids[1:]:
        bench.pairs.add(ids[0], image_id)
    assert search(bench) == {"000.jpg": 59}
    assert bench.scans[-1] == Scan(192, 1, exact=False)


def test_under_a_path_copies_elsewhere_are_not_counted(bench: Bench) -> None:
    one, elsewhere, other = bench.put_all(("a/1.jpg", shade(1)), ("b/2.jpg", shade(2)), ("a/3.jpg", shade(3)))
    bench.pairs.add(one, elsewhere)
    bench.pairs.add(one, other)
    assert search(bench, prefix=os.fsencode(bench.root / "a")) == {"1.jpg": 1}
    assert search(bench, prefix=os.fsencode(bench.root / "b")) == {"2.jpg": 0}


def test_it_goes_over_the_wire_alone_and_among_many() -> None:
    with serving() as bench, grpc.insecure_channel(bench.listen) as channel:
        ids = fill(bench, 4)
        bench.pairs.add(ids[0], ids[1])
        bench.pairs.add(ids[0], ids[3])
        stub = search_service_pb2_grpc.SearchServiceStub(channel)  # type: ignore[no-untyped-call]
        requests = [
            search_service_pb2.SearchRequest(image=RED, limit=2, group=True),
            search_service_pb2.SearchRequest(image=RED, limit=2),
        ]
        expected = [{"000.jpg": 2, "002.jpg": 0}, {"000.jpg": 0, "001.jpg": 0}]
        alone = [stub.Search(request, timeout=10) for request in requests]
        batch = [search_service_pb2.BatchSearchRequest(tag=tag, search=request) for tag, request in enumerate(requests)]
        many = {answer.tag: answer.found for answer in stub.BatchSearch(iter(batch), timeout=10)}
        for found in (alone, [many[0], many[1]]):
            assert [{os.path.basename(m.path): m.copies for m in one.matches} for one in found] == expected
        assert alone[0].matches[0].image_id == image_id_of(RED).hex()
