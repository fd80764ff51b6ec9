"""Words for similarities: a least similarity as a word, and the word of each answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from simd.errors import InvalidRequest
from simd.serving.search.queries import Query
from simd.serving.search.subjects import ImageBytes
from simd.v1 import search_service_pb2, search_service_pb2_grpc
from tests.serving.doubles import Bench, serving

RED, REDDISH, ORANGE, GREEN = (
    b"picture 200 10 10", b"picture 190 30 30", b"picture 200 120 10", b"picture 10 200 10",
)  # fmt: skip


@pytest.fixture
def bench() -> Iterator[Bench]:
    with serving() as bench:
        for name, data in {"red": RED, "reddish": REDDISH, "orange": ORANGE, "green": GREEN}.items():
            bench.put(f"{name}.jpg", data)
        yield bench


@pytest.fixture
def stub(bench: Bench) -> Iterator[Any]:
    with grpc.insecure_channel(bench.listen) as channel:
        yield search_service_pb2_grpc.SearchServiceStub(channel)  # type: ignore[no-untyped-call]


def search(**request: Any) -> search_service_pb2.SearchRequest:
    return search_service_pb2.SearchRequest(image=RED, **request)


def levels(found: search_service_pb2.SearchResponse) -> list[str]:
    return [match.level for match in found.matches]


def test_each_answer_has_the_word_of_the_model(bench: Bench, stub: Any) -> None:
    bench.calibrate()
    assert levels(stub.Search(search())) == ["same", "near", "similar", ""]


def test_without_calibration_no_answer_has_a_word(stub: Any) -> None:
    assert levels(stub.Search(search())) == [""] * 4


@pytest.mark.parametrize(("word", "count"), [("same", 1), ("near", 2), ("similar", 3)])
def test_a_word_leaves_out_what_is_less(bench: Bench, stub: Any, word: str, count: int) -> None:
    bench.calibrate()
    assert len(stub.Search(search(min_level=word)).matches) == count
    [answer] = stub.BatchSearch(iter([search_service_pb2.BatchSearchRequest(search=search(min_level=word))]))
    assert len(answer.found.matches) == count


@pytest.mark.parametrize(("least", "count"), [(0.5, 2), (0.9999, 1)])
def test_of_a_word_and_a_number_the_stricter_counts(bench: Bench, stub: Any, least: float, count: int) -> None:
    bench.calibrate()
    assert len(stub.Search(search(min_level="near", min_similarity=least)).matches) == count


def test_a_model_that_is_not_calibrated_refuses_words_and_says_what_helps(bench: Bench) -> None:
    with pytest.raises(InvalidRequest, match=r"tiny is not calibrated.*number") as caught:
        bench.queries().search(Query(ImageBytes(RED), min_level="near"))
    assert caught.value.field == "min_level"


def test_a_word_that_is_not_known_is_refused_with_those_that_are(bench: Bench) -> None:
    bench.calibrate()
    with pytest.raises(InvalidRequest, match=r"alike.*same, near, similar") as caught:
        bench.queries().search(Query(ImageBytes(RED), min_level="alike"))
    assert caught.value.field == "min_level"


def test_a_comparison_has_the_word_and_what_the_words_stand_for(bench: Bench, stub: Any) -> None:
    pair = {"first": search_service_pb2.Subject(image=RED), "second": search_service_pb2.Subject(image=REDDISH)}
    plain = stub.Compare(search_service_pb2.CompareRequest(**pair))
    assert not plain.level and not plain.HasField("levels")
    bench.calibrate()
    found = stub.Compare(search_service_pb2.CompareRequest(**pair))
    assert (found.level, found.levels.same, found.levels.near, found.levels.similar) == ("near", 0.999, 0.95, 0.6)
