"""Searches by a part of a picture."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from simd.derived.kinds import FEATURES
from simd.derived.store import DerivedStore
from simd.errors import ImageRejected, ImageUnreadable, InvalidRequest, NotFound
from simd.serving.search.queries import Query
from simd.serving.search.subjects import GivenVector, ImageBytes, Part, ServerPath, StoredImage, Subject
from simd.serving.search.verifier import Verifier
from simd.types import ImageId, image_id_of
from simd.v1 import search_service_pb2, search_service_pb2_grpc
from simd.verify.verdict import Verdict
from tests.serving.doubles import Bench, prepared, serving, vector_of

RED, GREEN = b"picture 200 10 10", b"picture 10 200 10"
BOTH = RED + b" beside 10 200 10"
"""Red on the left and green on the right; whole, it is taken for red."""
LEFT, RIGHT, WHOLE = Part(0, 0, 0.5, 1), Part(0.5, 0, 0.5, 1), Part(0, 0, 1, 1)


@pytest.fixture
def bench() -> Iterator[Bench]:
    with prepared() as bench:
        bench.put("red.jpg", RED)
        bench.put("green.jpg", GREEN)
        yield bench


def first(bench: Bench, subject: Subject, region: Part | None) -> str:
    [match] = bench.queries().search(Query(subject, limit=1, region=region)).matches
    return os.path.basename(match.paths[0]).decode()


def test_only_the_part_is_looked_for(bench: Bench) -> None:
    (bench.root / "both.jpg").write_bytes(BOTH)
    for subject in (ImageBytes(BOTH), ServerPath(os.fsencode(bench.root / "both.jpg"))):
        assert first(bench, subject, None) == first(bench, subject, LEFT) == "red.jpg"
        assert first(bench, subject, RIGHT) == "green.jpg"


def test_an_indexed_picture_is_decoded_for_its_part_alone(bench: Bench) -> None:
    image_id = bench.put("both.jpg", BOTH)
    for subject in (StoredImage(image_id), ImageBytes(BOTH), ServerPath(os.fsencode(bench.root / "both.jpg"))):
        before = bench.decoder.decoded
        first(bench, subject, None)
        first(bench, subject, WHOLE)
        assert bench.decoder.decoded == before
        assert first(bench, subject, RIGHT) == "green.jpg"
        assert bench.decoder.decoded == before + 1


def test_a_part_is_as_near_to_what_it_shows_as_that_itself(bench: Bench) -> None:
    [match] = bench.queries().search(Query(ImageBytes(BOTH), limit=1, region=RIGHT)).matches
    assert (match.hit.distance, match.hit.similarity) == (0.0, 1.0)
    assert match.tier is None, "it is no copy of the picture"


def test_what_is_derived_from_whole_pictures_is_not_told(bench: Bench, tmp_path: Path) -> None:
    store = DerivedStore(tmp_path / "features.sqlite", FEATURES, "orb-1")
    store.put({image_id_of(data): data for data in (RED, GREEN)})
    verifier = Verifier(
        how="search",
        store=store,
        catalogue=bench.catalogue,
        decoder=bench.decoder,
        files=bench.files,
        budget_s=20,
        judge=lambda query, other: Verdict(True, 0.9, 9, False, 0, None),
    )
    queries = bench.queries(verifier=verifier)
    for region, told in ((RIGHT, False), (WHOLE, True), (None, True)):
        found = queries.search(Query(ImageBytes(RED), limit=1, region=region))
        assert [match.verdict is not None for match in found.matches] == [told]
        assert [match.tier is not None for match in found.matches] == [told]
    store.close()


def test_an_image_is_read_from_a_file_that_still_holds_it(bench: Bench) -> None:
    image_id = bench.put("both.jpg", BOTH)
    for name in ("a.jpg", "z.jpg"):
        bench.put(name, BOTH)
        (bench.root / name).write_bytes(GREEN)
    assert first(bench, StoredImage(image_id), RIGHT) == "green.jpg"
    os.utime(bench.root / "both.jpg")
    with pytest.raises(ImageUnreadable):
        first(bench, StoredImage(image_id), RIGHT)
    for name in ("a.jpg", "z.jpg"):
        (bench.root / name).unlink()
    assert first(bench, StoredImage(image_id), RIGHT) == "green.jpg", "it was touched, and is the same"


@pytest.mark.parametrize("fate", ["gone", "changed", "no picture", "no file"])
def test_an_image_that_no_file_holds_any_more_has_no_parts(bench: Bench, fate: str) -> None:
    image_id = bench.put("both.jpg", BOTH)
    path = bench.root / "both.jpg"
    path.unlink()
    if fate == "changed":
        path.write_bytes(GREEN)
    elif fate == "no picture":
        path.write_bytes(b"text")
    elif fate == "no file":
        path.mkdir()
    with pytest.raises(ImageUnreadable, match=f"files of the image {image_id.hex()} cannot be read now") as it:
        first(bench, StoredImage(image_id), LEFT)
    assert it.value.status == "FAILED_PRECONDITION" and it.value.field == "image_id"
    assert first(bench, StoredImage(image_id), None) == "both.jpg"


def test_what_cannot_be_searched_whole_cannot_be_searched_in_part(bench: Bench) -> None:
    with pytest.raises(NotFound, match="no image"):
        first(bench, StoredImage(ImageId(bytes(16))), LEFT)
    with pytest.raises(ImageRejected):
        first(bench, ImageBytes(b"no picture"), LEFT)
    with pytest.raises(InvalidRequest, match="not inside a watched root"):
        first(bench, ServerPath(b"/etc/passwd"), LEFT)
    with pytest.raises(InvalidRequest, match="a vector has no region; name the picture") as caught:
        first(bench, GivenVector(vector_of(200, 10, 10)), LEFT)
    assert caught.value.field == "region"


@pytest.mark.parametrize(
    ("box", "complaint"),
    [
        ((0, 0, 0, 1), "its width 0 is not in 0.001..1"),
        ((0, 0, 1, 0.0005), "its height 0.0005 is not in 0.001..1"),
        ((0, 0, 1, 1.5), "its height 1.5 is not in 0.001..1"),
        ((0.6, 0, 0.5, 1), "x 0.6 and width 0.5 are not within 0..1 together"),
        ((0, -0.1, 1, 0.5), "y -0.1 and height 0.5 are not within 0..1 together"),
        ((float("nan"), 0, 0.5, 1), "x nan and width 0.5"),
        ((0, 0, 1, float("nan")), "its height nan is not in"),
        ((0, 0, float("inf"), 1), "its width inf is not in"),
        ((float("-inf"), 0, 0.5, 1), "x -inf and width 0.5"),
    ],
)
def test_what_is_no_part_of_a_picture_is_refused(box: tuple[float, float, float, float], complaint: str) -> None:
    with pytest.raises(InvalidRequest, match=complaint) as caught:
        Part(*box)
    assert caught.value.field == "region" and "give x, y, width and height as parts of" in str(caught.value)


@pytest.mark.parametrize("box", [(0.1, 0.7, 0.9, 0.3), (-1e-9, 0.3, 1 + 1e-9, 0.7), (0.9990001, 0.3, 0.001, 0.001)])
def test_edges_that_were_rounded_are_within(bench: Bench, box: tuple[float, float, float, float]) -> None:
    left, top, right, bottom = Part(*box).box
    assert 0 <= left < right <= 1 and 0 <= top < bottom <= 1
    assert first(bench, ImageBytes(RED), Part(*box)) in ("red.jpg", "green.jpg")


def test_it_goes_over_the_wire_alone_and_among_many() -> None:
    with serving() as bench, grpc.insecure_channel(bench.listen) as channel:
        bench.put("red.jpg", RED)
        bench.put("green.jpg", GREEN)
        gone = bench.put("both.jpg", BOTH)
        (bench.root / "both.jpg").unlink()
        stub = search_service_pb2_grpc.SearchServiceStub(channel)  # type: ignore[no-untyped-call]
        right = search_service_pb2.Box(x=0.5, width=0.5, height=1)
        requests = [
            search_service_pb2.SearchRequest(image=BOTH, limit=1, region=right),
            search_service_pb2.SearchRequest(image=BOTH, limit=1, region=search_service_pb2.Box()),
            search_service_pb2.SearchRequest(image_id=gone.hex(), limit=1, region=right),
        ]
        expected = [grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION]
        assert os.path.basename(stub.Search(requests[0], timeout=10).matches[0].path) == "green.jpg"
        for request, code in zip(requests[1:], expected[1:], strict=True):
            with pytest.raises(grpc.RpcError) as caught:
                stub.Search(request, timeout=10)
            assert caught.value.code() is code
        batch = [search_service_pb2.BatchSearchRequest(tag=tag, search=request) for tag, request in enumerate(requests)]
        many = {answer.tag: answer for answer in stub.BatchSearch(iter(batch), timeout=10)}
        assert os.path.basename(many[0].found.matches[0].path) == "green.jpg"
        assert [many[tag].failure.code for tag in range(3)] == [code.value[0] for code in expected]
